"""Many policies at many budgets over many seeds, with everything a reader needs to judge them by."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.matrices._references import Reference, references, static_hull
from selector.replay.matrices._settings import Settings
from selector.replay.matrices._simulate import PassResult, Protocol, simulate

__all__ = ["Difference", "Row", "Study", "run_study"]

_LEAST_PER_PROCESS = 100_000  # decisions: below, a second process costs more than it brings
_MOST_SEEDS = 128  # side by side: more seeds than this leave the processor's cache


class Row(NamedTuple):
    """What one policy earned at one budget in one pass."""

    policy: str
    budget_usd_per_request: float | None
    pass_: int
    """Counted from 1."""
    mean_reward: float
    """Mean score over seeds."""
    se_reward: float | None
    """Its standard error over seeds; None with one seed."""
    mean_cost_usd: float
    utilisation: float | None
    """Mean cost over budget; None without a budget, or with one of zero."""
    max_utilisation: float | None
    """The largest of any seed."""
    seeds_over_cap: int | None
    """Seeds that spent more than budget x decisions; None without a budget."""
    refused: int
    """Decisions for which no model fitted, over all seeds: they score zero and cost nothing."""
    regret: float | None
    """What the per-type optimum at this budget earns more."""
    hull_at_spend: float | None
    """What the static hull earns at this row's own mean cost."""
    shares: dict[str, float]
    """How often each model was chosen."""


class Difference(NamedTuple):
    """Two policies at the same budget on the same tasks and luck, seed by seed."""

    policy: str
    minus: str
    budget_usd_per_request: float | None
    pass_: int
    mean_reward: float
    low: float
    """Of the 95 % interval (Student's t over seeds)."""
    high: float


@dataclass(slots=True)
class Study:
    """The results of one study.

    See `Row`, `Difference` and `Reference` for what each entry says; `as_dict` is the JSON of ``selector simulate``.
    """

    models: tuple[str, ...]
    task_types: tuple[str, ...]
    n_decisions: int
    """Measured, per seed and pass."""
    seeds: int
    dropped: int
    """Prompts left out because some model had no score or no cost."""
    rows: list[Row]
    references: list[Reference]
    differences: list[Difference]
    decisions_per_second: float
    notes: list[str] = field(default_factory=list)
    per_seed: list[dict[str, Any]] = field(default_factory=list)
    """One entry per policy, budget, pass and seed."""

    def as_dict(self) -> dict[str, Any]:
        """Return what the command prints as JSON."""
        return {
            "schema": "selector.simulate/1",
            "models": list(self.models),
            "task_types": list(self.task_types),
            "n_decisions": self.n_decisions,
            "seeds": self.seeds,
            "dropped": self.dropped,
            "decisions_per_second": self.decisions_per_second,
            "rows": [_public(row) for row in self.rows],
            "references": [_public(reference) for reference in self.references],
            "differences": [_public(difference) for difference in self.differences],
            "notes": self.notes,
        }

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write one row per policy, budget, pass and seed, with the schema's name in the metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist(self.per_seed)
        pq.write_table(table.replace_schema_metadata({"schema": "selector.simulate/1"}), path)


class _Job(NamedTuple):
    settings: Settings
    protocol: Protocol
    seeds: list[int]


def run_study(
    settings: list[Settings],
    protocols: list[Protocol],
    seeds: list[int],
    *,
    jobs: int = 1,
    tick: Callable[[int], None] = lambda _: None,
) -> Study:
    """Replay every policy at every budget over all seeds.

    Parameters
    ----------
    settings
        One per policy, of different names.
    protocols
        One per budget, over the same prompts.
    seeds
        Whole numbers; the same seed is the same tasks and luck for every policy and budget.
    jobs
        How many processes may be used. More than one needs an importable main module.
    tick
        Called with the number of decisions made since the last call.

    Examples
    --------
    >>> from selector.replay import Matrix, settings_of
    >>> rng = np.random.default_rng(0)
    >>> score = (rng.random((400, 2)) < np.array([0.6, 0.9])).astype(float)
    >>> matrix = Matrix(score, np.tile([0.01, 0.05], (400, 1)), np.zeros(400, int), ("small", "large"), ("chat",))
    >>> policies = [settings_of(word, matrix, None, budget=True)[0] for word in ("thompson", "uniform")]
    >>> study = run_study(policies, [Protocol(measured=matrix, budget_usd=0.04)], seeds=[0, 1, 2, 3])
    >>> [(row.policy, round(row.mean_reward, 1)) for row in study.rows]
    [('thompson', 0.8), ('uniform', 0.7)]
    """
    names = [s.name for s in settings]
    if len(set(names)) < len(names):
        raise DataError(f"a policy is named twice: {', '.join(names)}")
    parts = _parts(seeds, len(settings) * len(protocols), jobs, protocols[0])
    work = [_Job(s, p, part) for s in settings for p in protocols for part in parts]
    started = time.perf_counter()
    done = list(_in_processes(work, jobs, tick) if _worthwhile(work, jobs) else (_run(job, tick) for job in work))
    seconds = time.perf_counter() - started
    study = _empty(protocols, seeds, sum(map(_decisions, work)) / seconds)
    for i, (s, p) in enumerate((s, p) for s in settings for p in protocols):
        pieces = done[i * len(parts) : (i + 1) * len(parts)]
        _collect(study, s.name, p, seeds, [_joined(list(results)) for results in zip(*pieces, strict=True)])
    _compare(study, names)
    return study


def _run(job: _Job, tick: Callable[[int], None]) -> list[PassResult]:
    n_types = len(job.protocol.measured.task_types)
    return simulate(lambda guess: job.settings.setup(guess, n_types), job.protocol, job.seeds, tick)[0]


def _decisions(job: _Job) -> int:
    p = job.protocol
    learnt = 0 if p.learnt is None else p.learnt.n_prompts
    return (learnt + p.passes * p.measured.n_prompts) * len(job.seeds)


def _worthwhile(work: list[_Job], jobs: int) -> bool:
    return jobs > 1 and len(work) > 1 and sum(map(_decisions, work)) > _LEAST_PER_PROCESS * 2


def _parts(seeds: list[int], n_pairs: int, jobs: int, protocol: Protocol) -> list[list[int]]:
    """Cut the seeds into parts, so that every process has work; a seed's result does not depend on the cut."""
    n = -(-len(seeds) // _MOST_SEEDS)
    if n_pairs % jobs and _decisions(_Job(None, protocol, seeds)) > _LEAST_PER_PROCESS:  # type: ignore[arg-type]  # only the sizes are read
        n = max(n, jobs)
    n = min(n, len(seeds))
    return [part.tolist() for part in np.array_split(np.array(seeds), n)]


_shared: dict[str, Any] = {}


def _start_worker(work: list[_Job], count: Any) -> None:  # noqa: ANN401 - multiprocessing's Value has no public type
    _shared["work"], _shared["count"] = work, count


def _run_shared(index: int) -> list[PassResult]:
    count = _shared["count"]

    def tick(n: int) -> None:
        with count.get_lock():
            count.value += n

    return _run(_shared["work"][index], tick)


def _in_processes(work: list[_Job], jobs: int, tick: Callable[[int], None]) -> Iterator[list[PassResult]]:
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - two megabytes, which few need

    # A fork starts at once; where other threads run, or off Linux, a child forked among them may hang: spawn there.
    forks = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if forks else "spawn")
    count, seen = context.Value("q", 0), 0
    with ProcessPoolExecutor(min(jobs, len(work)), context, _start_worker, (work, count)) as pool:
        futures: list[Future[list[PassResult]]] = [pool.submit(_run_shared, i) for i in range(len(work))]
        pending: set[Future[list[PassResult]]] = set(futures)
        while pending:
            pending = wait(pending, timeout=0.1).not_done
            now = count.value
            tick(now - seen)
            seen = now
        yield from (future.result() for future in futures)


def _joined(parts: list[PassResult]) -> PassResult:
    first, *rest = parts
    if not rest:
        return first
    names = ("reward", "cost_usd", "share", "over_cap", "refused")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return PassResult(**columns, chosen=np.sum([part.chosen for part in parts], axis=0))


def _empty(protocols: list[Protocol], seeds: list[int], speed: float) -> Study:
    matrix = protocols[0].measured
    budgets = [p.budget_usd for p in protocols]
    found = references(matrix, budgets)
    study = Study(matrix.models, matrix.task_types, matrix.n_prompts, len(seeds), matrix.dropped, [], found, [], speed)
    cheapest = min(r.mean_cost_usd or 0.0 for r in found if r.budget_usd_per_request is None)
    for budget in budgets:
        if budget is not None and budget < cheapest:
            study.notes.append(
                f"budget {budget:.4g} is below the cheapest model's mean cost, {cheapest:.4g}: unless the cap is hard,"
                " the cheapest model of each task type serves, and the budget is overspent"
            )
    return study


def _collect(study: Study, policy: str, protocol: Protocol, seeds: list[int], passes: list[PassResult]) -> None:
    budget, matrix = protocol.budget_usd, protocol.measured
    optimum = next(
        (r.mean_reward for r in study.references if r.name == "type_optimum" and r.budget_usd_per_request == budget),
        None,
    )
    for number, result in enumerate(passes, 1):
        reward, cost = float(result.reward.mean()), float(result.cost_usd.mean())
        used: NDArray[np.float64] | None = result.cost_usd / budget if budget else None
        row = Row(
            policy=policy,
            budget_usd_per_request=budget,
            pass_=number,
            mean_reward=reward,
            se_reward=_standard_error(result.reward),
            mean_cost_usd=cost,
            utilisation=None if used is None else float(used.mean()),
            max_utilisation=None if used is None else float(used.max()),
            seeds_over_cap=None if budget is None else int(result.over_cap.sum()),
            refused=int(result.refused.sum()),
            regret=None if optimum is None else optimum - reward,
            hull_at_spend=static_hull(matrix, cost).mean_reward,
            shares=dict(zip(matrix.models, result.share.mean(0).tolist(), strict=True)),
        )
        study.rows.append(row)
        place = {"policy": policy, "budget_usd_per_request": budget, "pass": number}
        study.per_seed += [
            {**place, "seed": seed, "mean_reward": r, "mean_cost_usd": c}
            for seed, r, c in zip(seeds, result.reward.tolist(), result.cost_usd.tolist(), strict=True)
        ]


def _standard_error(values: NDArray[np.float64]) -> float | None:
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None


def _compare(study: Study, names: list[str]) -> None:
    """Pair the first policy with each other one, budget by budget and pass by pass."""
    if study.seeds < 2:
        return
    from scipy.special import stdtrit

    reward: dict[tuple[str, float | None, int], list[float]] = {}
    for entry in study.per_seed:
        key = (entry["policy"], entry["budget_usd_per_request"], entry["pass"])
        reward.setdefault(key, []).append(entry["mean_reward"])
    for row in (r for r in study.rows if r.policy == names[0]):
        for other in names[1:]:
            place = (row.budget_usd_per_request, row.pass_)
            gain = np.array(reward[row.policy, *place]) - np.array(reward[other, *place])
            half = float(stdtrit(len(gain) - 1, 0.975)) * (_standard_error(gain) or 0.0)
            mean = float(gain.mean())
            study.differences.append(Difference(row.policy, other, *place, mean, mean - half, mean + half))


def _public(entry: NamedTuple) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in entry._asdict().items()}
