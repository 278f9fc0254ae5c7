"""What published figures earn more than none, on the first pass and the last, paired by seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments._picture import Bar, bars
from experiments._sweep import Finding, Result
from experiments.priors.run import Config
from selector.posteriors import Floats

__all__ = ["analysis", "picture"]

_Results = list[tuple[Config, Result]]
_Place = tuple[str, float, int]
_WIDE = 58


def analysis(results: _Results) -> Finding:
    """Lay out one row a budget and a way; openhands_index's figures are to help its first pass beyond doubt."""
    seeds = max(config.seeds for config, _ in results)
    lines = [f"{seeds} seeds; points of reward more than without figures (standard error), seed by seed"]
    lines.append(_line("", ["USD/request", "first pass", "more", "last pass", "more", "used", "slope", "hull"]))
    without = {_place(config): found for config, found in results if config.how == "none"}
    lines += [_line(_name(config, found), _row(config, found, without)) for config, found in results]
    means = _means(results)
    lines += ["", _line("more, mean over a table's budgets", ["first pass", "last pass"])]
    for name, (first, last) in means.items():
        lines.append(_line(name, [f"{gain:+.2f}({se:.2f})" for gain, se in (first, last)]))
    right = [first for name, (first, _) in means.items() if name.startswith("openhands_index") and "published" in name]
    return Finding("\n".join(lines), bool(right) and all(gain > 2 * se for gain, se in right))


def picture(results: _Results, path: Path) -> None:
    """Draw what each way earns more than none on the first pass, mean over a table's budgets."""
    rows = []
    for name, (first, _) in _means(results).items():
        table, _, how = name.partition(" (")[0].partition(", ")
        rows.append(Bar(how, *first, group=table))
    title = "Points more than without published figures on the first pass, two standard errors"
    bars(rows, (title, "points", ""), path, line=(0.0, "none"))


def _line(name: str, cells: list[str]) -> str:
    return f"{name:{_WIDE}}" + "".join(f"{cell:>14}" for cell in cells)


def _place(config: Config) -> _Place:
    return config.file, config.usd, config.passes


def _name(config: Config, found: Result) -> str:
    learnt = "" if config.learn is None else " after val"
    if config.how == "none":
        return f"{config.file}{learnt}, none"
    start = " scaled" * config.scaled + ("" if config.slope is None else f", slope {config.slope:g}")
    known = f"{found['known']} of {found['n_models']}"
    return f"{config.file}{learnt}, {config.source} {config.how}{start} ({known})"


def _row(config: Config, found: Result, without: dict[_Place, Result]) -> list[str]:
    reward, hull = np.array(found["reward"]), found["points"]["static_hull"]
    more = ["-", "-"]
    if config.how != "none" and _place(config) in without:
        gains = _gain(found, without[_place(config)])
        more = [f"{100 * gain.mean():+.2f}({100 * _se(gain):.2f})" for gain in (gains[0], gains[-1])]
    used = float(np.mean(found["cost_usd"][-1])) / config.usd
    shown = [f"{config.usd:.4g}", f"{reward[0].mean():.4f}", more[0], f"{reward[-1].mean():.4f}", more[1]]
    slope = "-" if config.how == "none" else f"{np.mean(found['slope']):.2f}"
    return [*shown, f"{used:.2f}", slope, "-" if hull is None else f"{hull:.4f}"]


def _gain(found: Result, none: Result) -> Floats:
    """Return what was earned more on each pass, shape (n_passes, n_seeds)."""
    gain: Floats = np.array(found["reward"]) - np.array(none["reward"])
    return gain


def _se(gain: Floats) -> float:
    return float(gain.std(ddof=1) / len(gain) ** 0.5) if len(gain) > 1 else 0.0


def _means(results: _Results) -> dict[str, list[tuple[float, float]]]:
    """Return points more on the first and on the last pass with their standard error, for each way on each table."""
    without = {_place(config): found for config, found in results if config.how == "none"}
    every: dict[str, list[Floats]] = {}
    for config, found in results:
        if config.how != "none" and _place(config) in without:
            every.setdefault(_name(config, found), []).append(_gain(found, without[_place(config)]))
    means = {name: 100 * np.mean(gains, axis=0) for name, gains in every.items()}
    return {name: [(float(g.mean()), _se(g)) for g in (gain[0], gain[-1])] for name, gain in means.items()}
