"""Are estimates from logs of our own policy unbiased, are their intervals right, and do verdicts say which are not."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments import _outcomes
from selector.budgets import PerRequest
from selector.decision import Decider
from selector.policies import Exploration, WorthUsd
from selector.posteriors import Cells
from selector.replay import (
    ConfidenceSequence,
    LoggedArrays,
    Matrix,
    Target,
    evaluate,
    first_excluded,
    fixed_model,
    frozen,
    load_matrix,
    settings_of,
    uniform,
)

__all__ = ["Cell", "Settings", "logs", "run", "synthetic"]

Floats = NDArray[np.float64]

_SIDE_BY_SIDE = 25
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One file's logs."""

    file: str
    """Without its ending; ``synthetic``: a drawn world of 6 models and 5 types."""
    budget_usd: float | None = None
    """Mean per request; None: no budget, and a success is worth as many dollars as the targets' price says."""
    most_rmse: float = 1.1
    """Of the doubly robust estimate over the self-normalised one's."""
    logs: int = 2000
    decisions: int = 2000
    floor: float = 0.02
    """Held throughout where there is no budget; else as much of it as the budget allows."""


class Cell(NamedTuple):
    """What came of one target policy over all logs of a file."""

    file: str
    target: str
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


def synthetic(n_prompts: int = 3000) -> Matrix:
    """Draw a world to stand in for the files: 6 models, 5 types, cheap ones good at some."""
    rng = np.random.default_rng(0)
    type_ = rng.integers(5, size=n_prompts)
    rate = np.clip(np.linspace(0.5, 0.85, 6) + rng.normal(0, 0.12, (5, 6)), 0.05, 0.97)
    score = (rng.random((n_prompts, 6)) < rate[type_]).astype(float)
    cost = np.geomspace(0.001, 0.05, 6) * np.exp(rng.normal(-0.125, 0.5, (n_prompts, 6)))
    return Matrix(score, cost, type_, tuple(f"model-{k}" for k in range(6)), tuple(f"type-{x}" for x in range(5)))


def targets_of(matrix: Matrix) -> dict[str, tuple[Target, float]]:
    """Return target policies with their true values; all choose by the task type, from the matrix's own means."""
    n_types, count = len(matrix.task_types), np.bincount(matrix.type)[:, None]
    score, cost = np.zeros((2, n_types, len(matrix.models)))
    np.add.at(score, matrix.type, matrix.score)
    np.add.at(cost, matrix.type, matrix.cost_usd)
    score, cost = score / count, cost / count
    mean = matrix.score.mean(0)
    price = _price(matrix)
    targets = {
        "cheapest": fixed_model(matrix.models[int(matrix.cost_usd.mean(0).argmin())]),
        "best": fixed_model(matrix.models[int(mean.argmax())]),
        "uniform": uniform,
        "greedy": frozen(score, cost, price),
        "softmax": frozen(score, cost, price, temperature=0.05),
    }
    every = _everything(matrix)
    return {name: (target, float((target(every) * matrix.score).sum(1).mean())) for name, target in targets.items()}


def _price(matrix: Matrix) -> float:
    """Return successes per dollar: what the dearest model costs is as much as the best has above the worst."""
    mean = matrix.score.mean(0)
    return float(mean.max() - mean.min()) / float(matrix.cost_usd.mean(0).max())


def _everything(matrix: Matrix) -> LoggedArrays:
    """Return all prompts as if each had been decided with equal probabilities."""
    shape = matrix.score.shape
    even = np.full(shape, 1.0 / shape[1])
    zero, one = np.zeros(shape[0], np.intp), np.ones(shape[0])
    return LoggedArrays(
        arm=zero,
        reward=one,
        cost_usd=one,
        propensity=even[:, 0],
        probabilities=even,
        mean_reward=even,
        mean_cost_usd=even,
        type=matrix.type,
        models=matrix.models,
        task_types=matrix.task_types,
    )


def logs(matrix: Matrix, settings: Settings, seeds: list[int]) -> Iterator[LoggedArrays]:
    """Let Thompson sampling, as it is configured by default, decide on prompts drawn with replacement; log it."""
    n, k, s = settings.decisions, len(matrix.models), len(seeds)
    rngs = [np.random.default_rng([7, seed]) for seed in seeds]
    prompts = np.stack([rng.integers(matrix.n_prompts, size=n) for rng in rngs], axis=1)
    u = np.stack([rng.random(n) for rng in rngs], axis=1)
    guess = np.stack([matrix.cost_usd.mean(0) * np.exp(rng.normal(0, 0.4, k)) for rng in rngs])
    usual = settings_of("thompson", matrix, None, budget=True)[0]
    keys = [int(rng.integers(1 << 62)) for rng in rngs]
    setup = usual.setup(np.maximum(guess, 1e-12), len(matrix.task_types))
    if settings.budget_usd is None:
        worth = np.full(len(matrix.task_types), 1.0 / _price(matrix))
        held = Exploration(floor=settings.floor, burn_in=0)
        setup, pacer = replace(setup, objective=WorthUsd(), worth_usd=worth, exploration=held), None
    else:
        setup = replace(setup, exploration=Exploration(floor=settings.floor))
        pacer = PerRequest(settings.budget_usd, s)
    decider = Decider(setup, keys, pacer)
    every, arms = np.arange(s), np.empty((n, s), np.intp)
    p, mean, usd = np.empty((3, n, s, k))
    for t in range(n):
        types = matrix.type[prompts[t]]
        p[t] = decider.probabilities(types, now=t)
        mean[t], usd[t] = decider.beliefs.success.mean[every, types], decider.cost[every, types]
        arms[t] = arm = decider.choose(types, u[t], now=t)
        score, cost = matrix.score[prompts[t], arm], matrix.cost_usd[prompts[t], arm]
        if pacer is not None:
            pacer.settle(cost)
        decider.observe(Cells(every, types, arm), at=float(t), now=t + 1, score=score, tokens=cost)
    rows = np.arange(n)
    for i in range(s):
        yield LoggedArrays(
            arm=arms[:, i],
            reward=matrix.score[prompts[:, i], arms[:, i]],
            cost_usd=matrix.cost_usd[prompts[:, i], arms[:, i]],
            propensity=p[rows, i, arms[:, i]],
            probabilities=p[:, i],
            mean_reward=mean[:, i],
            mean_cost_usd=usd[:, i],
            type=matrix.type[prompts[:, i]],
            models=matrix.models,
            task_types=matrix.task_types,
            eligible=np.ones((n, k), bool),
        )


def _matrix(settings: Settings) -> Matrix:
    if settings.file == "synthetic":
        return synthetic()
    return load_matrix(_outcomes.data_folder() / f"{settings.file}.parquet")


def _batch(settings: Settings, seeds: list[int]) -> Floats:
    """Return per log and target: values of DR, SNIPS, AW, ses of DR, AW, supported, sequence wrong, half-width."""
    matrix = _matrix(settings)
    targets = targets_of(matrix)
    found = []
    for log in logs(matrix, settings, seeds):
        evaluation = evaluate(log, {name: target for name, (target, _) in targets.items()})
        rows = []
        for name, (target, truth) in targets.items():
            dr, snips, aw = (evaluation.estimate(name, estimator=each) for each in ("dr", "snips", "aw_dr"))
            sequence = ConfidenceSequence()
            sequence.add(log, target)
            low, high = sequence.bounds()
            wrong = first_excluded(log, target, truth) is not None
            supported = dr.verdict.word == "supported"
            values = [dr.value, snips.value, aw.value, dr.se, aw.se]
            rows.append([*values, supported, wrong, (high - low) / 2])
        found.append(rows)
    return np.array(found, float)


def measure(settings: Settings, *, jobs: int = 1, kept: Path | None = None) -> list[Cell]:
    """Evaluate every target on every log of one file.

    Parameters
    ----------
    settings
        What is logged.
    jobs
        Processes.
    kept
        A folder where batches are kept under the settings' hash, and taken from when they are there.
    """
    parts = [list(range(i, min(i + _SIDE_BY_SIDE, settings.logs))) for i in range(0, settings.logs, _SIDE_BY_SIDE)]
    same = {key: value for key, value in asdict(settings).items() if key not in {"logs", "most_rmse"}} | {"columns": 8}
    digest = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:12]
    paths = [None if kept is None else kept / f"{digest}-{part[0]}-{len(part)}.npy" for part in parts]
    found = {i: np.load(path) for i, path in enumerate(paths) if path is not None and path.is_file()}
    missing = [i for i in range(len(parts)) if i not in found]
    for i, batch in zip(missing, _batches(settings, [parts[i] for i in missing], jobs), strict=True):
        found[i] = batch
        if (path := paths[i]) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, batch)
    whole = np.concatenate([found[i] for i in range(len(parts))])
    targets = targets_of(_matrix(settings))
    return [_cell(settings.file, name, targets[name][1], whole[:, j]) for j, name in enumerate(targets)]


def _batches(settings: Settings, parts: list[list[int]], jobs: int) -> Iterator[Floats]:
    """Evaluate some batches, in this process or in several."""
    if jobs <= 1 or len(parts) <= 1:
        yield from (_batch(settings, part) for part in parts)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_batch, [settings] * len(parts), parts)


def _cell(file: str, target: str, truth: float, found: Floats) -> Cell:
    dr, snips, aw, se, se_aw, supported, wrong, half = found.T
    error, inside = dr - truth, np.abs(dr - truth) <= 1.96 * se
    yes = supported > 0
    spread, n_snips = float(error.std(ddof=1)), int((~np.isnan(snips)).sum())
    return Cell(
        file,
        target,
        truth,
        bias_se=float(error.mean()) / (spread / math.sqrt(len(dr))),
        rmse=float(np.sqrt((error**2).mean())),
        rmse_snips=float(np.sqrt(((snips - truth)[~np.isnan(snips)] ** 2).sum() / max(n_snips, 1))),
        rmse_aw=float(np.sqrt(((aw - truth) ** 2).mean())),
        cover=float(inside.mean()),
        n_supported=int(yes.sum()),
        cover_supported=float(inside[yes].mean()) if yes.any() else math.nan,
        cover_aw=float((np.abs(aw - truth) <= 1.96 * se_aw)[yes].mean()) if yes.any() else math.nan,
        far=int((np.abs(error[yes]) > 0.05).sum()),
        true_half_width=1.96 * spread,
        sequence_cover=1.0 - float(wrong.mean()),
        sequence_half_width=float(np.median(half)),
    )


def run(*, quick: bool = False, n_logs: int | None = None, jobs: int = 1, kept: Path | None = None) -> bool:
    """Run the sweep, print its table, and say whether everything was as it should be.

    Where the files are not there, a drawn world takes their place. Quick: that world, 40 logs of 500 decisions, which
    shows that it runs and is too little to be judged by.
    """
    import yaml

    sweep = yaml.safe_load((_FOLDER / "sweep.yaml").read_text())
    size = n_logs or (40 if quick else sweep["logs"])
    files = sweep["files"]
    if quick or not _outcomes.data_folder().is_dir():
        files = [{"file": "synthetic", "most_rmse": 1.1, "decisions": 500 if quick else 10_000}]
    each = [Settings(**file, logs=size) for file in files]
    head = ["file", "target", "truth", "bias/se", "rmse", "/snips", "aw/snips", "cover", "supported", "cover", "aw"]
    head += ["far", "width", "sequence", "width"]
    print(f"{size} logs per file, of " + ", ".join(f"{one.decisions:,}" for one in each) + " decisions")
    print(f"{head[0]:<16}{head[1]:<10}" + "".join(f"{name:>10}" for name in head[2:]))
    met, n_over, n_cells = True, 0, 0
    for settings in each:
        for cell in measure(settings, jobs=jobs, kept=kept):
            print(_line(cell), flush=True)
            n_cells, n_over = n_cells + 1, n_over + (abs(cell.bias_se) > 2)
            met &= _as_it_should(cell, settings)
    met &= n_over <= max(1, n_cells // 20)
    judged = "too little to be judged by" if quick else f"everything as it should be: {met}"
    print(f"|bias|/se above 2 in {n_over} of {n_cells} cells; {judged}")
    return met or quick


def _as_it_should(cell: Cell, settings: Settings) -> bool:
    """Allow for chance: bands are widened by three standard errors of what so many logs can show."""
    n = cell.n_supported
    slack = 3 * math.sqrt(0.05 * 0.95 / n) if n else 1.0
    right = abs(cell.bias_se) < 3.5 and cell.rmse <= settings.most_rmse * cell.rmse_snips
    right &= cell.sequence_cover >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / settings.logs)
    right &= not n or 0.925 - slack <= cell.cover_supported <= 0.975 + slack
    right &= cell.far <= 0.05 * n
    return right and (cell.true_half_width > 0.03 or n >= 0.8 * settings.logs)


def _line(cell: Cell) -> str:
    numbers = [f"{cell.truth:.4f}", f"{cell.bias_se:+.2f}", f"{cell.rmse:.4f}", f"{cell.rmse / cell.rmse_snips:.3f}"]
    numbers.append(f"{cell.rmse_aw / cell.rmse_snips:.3f}")
    numbers += [f"{cell.cover:.3f}", str(cell.n_supported), f"{cell.cover_supported:.3f}", f"{cell.cover_aw:.3f}"]
    numbers.append(str(cell.far))
    numbers += [f"{cell.true_half_width:.4f}", f"{cell.sequence_cover:.4f}", f"{cell.sequence_half_width:.4f}"]
    return f"{cell.file:<16}{cell.target:<10}" + "".join(f"{number:>10}" for number in numbers)
