"""Bias, error, coverage and support of every target over all logs of a file, and whether they are as they should be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments._sweep import Finding, Result
from experiments.ope_coverage.run import Config

__all__ = ["Cell", "analysis", "cells"]

Floats = NDArray[np.float64]

_MOST_RMSE = {"paretobandit_k3": 1.3}
"""Of the doubly robust estimate over the self-normalised one's; 1.1 elsewhere."""
_LEAST_LOGS = 200  # below, nothing is judged
_HEADS = ("truth", "bias/se", "rmse", "/snips", "aw/snips", "cover", "supported", "cover", "aw", "far", "width")


class Cell(NamedTuple):
    """What came of one target policy over all logs of a file."""

    file: str
    target: str
    n_logs: int
    truth: float
    bias_se: float
    """Mean error over its standard error."""
    rmse: float
    rmse_snips: float
    rmse_aw: float
    """With adaptive weights."""
    cover: float
    """Of all 95 % intervals."""
    n_supported: int
    cover_supported: float
    cover_aw: float
    """Of those with adaptive weights, where supported."""
    far: int
    """Supported ones off by more than .05."""
    true_half_width: float
    """1.96 standard deviations over the logs."""
    sequence_cover: float
    """Confidence sequences right after every decision."""
    sequence_half_width: float
    """At the end, their median."""

    @property
    def right(self) -> bool:
        """Whether it is as it should be; bands are widened by three standard errors of what so many logs can show."""
        n, most = self.n_supported, _MOST_RMSE.get(self.file, 1.1)
        slack = 3 * math.sqrt(0.05 * 0.95 / n) if n else 1.0
        right = abs(self.bias_se) < 3.5 and self.rmse <= most * self.rmse_snips
        right &= self.sequence_cover >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / self.n_logs)
        right &= not n or 0.925 - slack <= self.cover_supported <= 0.975 + slack
        right &= self.far <= 0.05 * n or n < 20
        return right and (self.true_half_width > 0.03 or n >= 0.8 * self.n_logs)


def cells(results: list[tuple[Config, Result]]) -> list[Cell]:
    """Put the batches of each file together; one cell for every file and target."""
    files: dict[Config, list[Result]] = {}
    for config, result in results:
        files.setdefault(replace(config, first_log=0, logs=0), []).append(result)
    return [
        _cell(same.file, target, truth, [batch["targets"][target] for batch in batches])
        for same, batches in files.items()
        for target, truth in batches[0]["truth"].items()
    ]


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay out the table, a star where a row is not as it should be, and judge it."""
    found = cells(results)
    lines = [
        f"{'file':<17}{'logs':>5} {'target':<9}" + "".join(f"{name:>10}" for name in (*_HEADS, "sequence", "width"))
    ]
    lines += [_line(cell) for cell in found]
    n_over = sum(abs(cell.bias_se) > 2 for cell in found)
    met = all(cell.right for cell in found) and n_over <= max(1, len(found) // 20)
    judged = f"everything as it should be: {met}"
    if min(cell.n_logs for cell in found) < _LEAST_LOGS:
        judged = f"fewer than {_LEAST_LOGS} logs of a file: too little to be judged by"
    lines.append(f"|bias|/se above 2 in {n_over} of {len(found)} cells; {judged}")
    return Finding("\n".join(lines), met)


def _cell(file: str, target: str, truth: float, batches: list[dict[str, list[Any]]]) -> Cell:
    def column(name: str) -> Floats:
        return np.array([value for batch in batches for value in batch[name]], float)

    error, yes = column("dr") - truth, column("supported") > 0
    inside = (column("dr_low") <= truth) & (truth <= column("dr_high"))
    inside_aw = (column("aw_low") <= truth) & (truth <= column("aw_high"))
    spread, off = float(error.std(ddof=1)), column("snips") - truth  # nan where a log never did what the target does
    return Cell(
        file,
        target,
        len(error),
        truth,
        bias_se=float(error.mean()) / (spread / math.sqrt(len(error))),
        rmse=float(np.sqrt((error**2).mean())),
        rmse_snips=float(np.sqrt(np.nansum(off**2) / max((~np.isnan(off)).sum(), 1))),
        rmse_aw=float(np.sqrt(((column("aw_dr") - truth) ** 2).mean())),
        cover=float(inside.mean()),
        n_supported=int(yes.sum()),
        cover_supported=float(inside[yes].mean()) if yes.any() else math.nan,
        cover_aw=float(inside_aw[yes].mean()) if yes.any() else math.nan,
        far=int((np.abs(error[yes]) > 0.05).sum()),
        true_half_width=1.96 * spread,
        sequence_cover=1.0 - float(column("sequence_wrong").mean()),
        sequence_half_width=float(np.median(column("sequence_half_width"))),
    )


def _line(cell: Cell) -> str:
    numbers = [f"{cell.truth:.4f}", f"{cell.bias_se:+.2f}", f"{cell.rmse:.4f}"]
    numbers += [f"{each / cell.rmse_snips if cell.rmse_snips else math.nan:.3f}" for each in (cell.rmse, cell.rmse_aw)]
    numbers += [f"{cell.cover:.3f}", str(cell.n_supported), f"{cell.cover_supported:.3f}", f"{cell.cover_aw:.3f}"]
    numbers.append(str(cell.far))
    numbers += [f"{cell.true_half_width:.4f}", f"{cell.sequence_cover:.4f}", f"{cell.sequence_half_width:.4f}"]
    line = f"{cell.file:<17}{cell.n_logs:>5} {cell.target:<9}" + "".join(f"{number:>10}" for number in numbers)
    return line if cell.right else f"{line} *"
