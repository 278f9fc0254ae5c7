"""Outcome matrices at one budget, as they were published: which models count, what is learnt from, what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments._outcomes import data_folder, load
from selector.errors import DataError
from selector.replay import Matrix, Protocol, references

__all__ = ["POINTS", "Config", "matrix_of", "points_of", "protocol_of"]

POINTS = ("best_fixed", "static_hull", "type_optimum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One budget of one table."""

    file: str
    """The table, without its ending."""
    usd: float
    """Per request."""
    models: Sequence[str] | None = None
    """Which, in this order; None: all that answered enough."""
    answered: float = 0.93
    """Models without a score and a cost on this share of the prompts are left out."""
    learn: str | None = None
    measure: str | None = None
    passes: int = 1
    """The last one counts."""
    seeds: int = 20


def matrix_of(config: Config) -> Matrix:
    """Load the table with the models that count.

    Raises
    ------
    DataError
        There is no such table.
    """
    return load(config.file, config.models or _answering(config.file, config.answered))


def protocol_of(config: Config, matrix: Matrix) -> Protocol:
    """Return what is replayed of a matrix, and how it is measured."""
    measured = matrix if config.measure is None else matrix.in_split(config.measure)
    learnt = None if config.learn is None else matrix.in_split(config.learn)
    return Protocol(measured=measured, learnt=learnt, passes=config.passes, budget_usd=config.usd)


def points_of(matrix: Matrix, usd: float) -> dict[str, float | None]:
    """Return what could have been had at a mean cost: `POINTS`."""
    found = {r.name: r.mean_reward for r in references(matrix, [usd]) if r.budget_usd_per_request == usd}
    return {name: found[name] for name in POINTS}


def _answering(file: str, share: float) -> list[str]:
    """Return the models that have a score and a cost on enough of the prompts, sorted by name."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = data_folder() / f"{file}.parquet"
    if not path.is_file():
        raise DataError(f"there is no {path}; set SELECTOR_DATA")
    table = pq.read_table(path)
    name = table["model"].to_pylist()
    if "agent" in table.column_names and len(set(table["agent"].to_pylist())) > 1:
        name = [f"{agent}/{model}" for agent, model in zip(table["agent"].to_pylist(), name, strict=True)]
    known = pc.and_(table["score"].is_valid(), table["cost_usd"].is_valid()).to_pylist()
    answers: dict[str, int] = dict.fromkeys(name, 0)
    for model, there in zip(name, known, strict=True):
        answers[model] += there
    enough = share * pc.count_distinct(table["prompt_id"]).as_py()
    return sorted(model for model, n in answers.items() if n >= enough)
