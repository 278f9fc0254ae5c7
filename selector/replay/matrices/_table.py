"""A tidy table of outcomes becomes a full matrix: every model's score and cost for every prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, UnknownModelError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Matrix", "load_matrix"]

_NEEDED = ("prompt_id", "task_type", "model", "score", "cost_usd")


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every model's outcome on every prompt: what a simulation replays exactly.

    Examples
    --------
    >>> matrix = Matrix(np.ones((3, 2)), np.ones((3, 2)), np.zeros(3, int), ("a", "b"), ("chat",))
    >>> matrix.take(np.array([True, False, True])).n_prompts
    2
    """

    score: NDArray[np.float64]
    """In [0, 1], shape (n_prompts, n_models)."""
    cost_usd: NDArray[np.float64]
    """Dollars of the whole request, >= 0, shape (n_prompts, n_models)."""
    type: NDArray[np.intp]
    """Index of each prompt's task type, shape (n_prompts,)."""
    models: tuple[str, ...]
    """Names of the columns."""
    task_types: tuple[str, ...]
    """Names of the task types."""
    split: NDArray[np.str_] | None = None
    """Each prompt's split, where the table has one."""
    dropped: int = 0
    """Prompts left out because some model had no score or no cost there."""

    @property
    def n_prompts(self) -> int:
        """How many prompts there are."""
        return len(self.type)

    def take(self, prompts: NDArray[np.bool_]) -> Matrix:
        """Keep some prompts."""
        split = None if self.split is None else self.split[prompts]
        return Matrix(
            self.score[prompts],
            self.cost_usd[prompts],
            self.type[prompts],
            self.models,
            self.task_types,
            split,
            self.dropped,
        )

    def in_split(self, name: str) -> Matrix:
        """Keep the prompts of one split."""
        if self.split is None:
            raise DataError(f"there is no column 'split', so no split {name!r}")
        found = sorted(set(self.split.tolist()))
        if name not in found:
            raise DataError(f"no prompt is in split {name!r}{nearest(name, found)}")
        return self.take(self.split == name)


def load_matrix(source: str | Path | pa.Table, models: tuple[str, ...] | None = None, *, types: bool = True) -> Matrix:
    """Load a tidy table, one row per (prompt, model), as a full matrix.

    Prompts where a model has no score or no cost are dropped and counted. Where an `agent` column tells rows of one
    (prompt, model) apart, the arm is ``agent/model``.

    Parameters
    ----------
    source
        A Parquet file, or a table, with prompt_id, task_type, model, score, cost_usd and optionally split.
    models
        Which models, in this order; None: all, sorted by name.
    types
        False: as if all prompts were of one type.

    Raises
    ------
    DataError
        A column is missing, a value cannot be, a row is doubled, or nothing is left.
    UnknownModelError
        A model is not in the table.
    """
    table = _read(source)
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        found = ", ".join(table.column_names)
        raise DataError(f"the table lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has {found}")
    if not table.num_rows:
        raise DataError("the table is empty: there is no outcome to simulate")
    prompt, prompts = _codes(table["prompt_id"], "prompt_id")
    arm, arms = _codes(table["model"], "model")
    if len(np.unique(prompt * len(arms) + arm)) < len(arm):
        arm, arms = _with_agent(table, prompt, arm, arms)
    arms, arm, keep = _chosen(arms, arm, models)
    score, cost = _column(table, "score", 1.0)[keep], _column(table, "cost_usd", np.inf)[keep]
    shape = (len(prompts), len(arms))
    for tokens in {"input_tokens", "output_tokens"} & set(table.column_names):
        _column(table, tokens, np.inf)
    matrices = np.full((2, *shape), np.nan)
    matrices[0, prompt[keep], arm[keep]], matrices[1, prompt[keep], arm[keep]] = score, cost
    complete = ~np.isnan(matrices).any((0, 2))
    if not complete.any():
        raise DataError(_nothing_left(matrices, arms))
    type_, type_names = _types(table, prompt, len(prompts)) if types else (np.zeros(len(prompts), np.intp), ("all",))
    used = np.unique(type_[complete])
    type_ = np.searchsorted(used, type_)
    split = _first(table, "split", prompt, len(prompts)) if "split" in table.column_names else None
    whole = Matrix(
        matrices[0], matrices[1], type_, arms, tuple(type_names[i] for i in used), split, int((~complete).sum())
    )
    return whole.take(complete)


def _read(source: str | Path | pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(source, pa.Table):
        return source
    path = Path(source)
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        return pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is not a Parquet file: {error}") from error


def _codes(column: Any, name: str) -> tuple[NDArray[np.intp], tuple[str, ...]]:  # noqa: ANN401 - pyarrow is untyped
    import pyarrow as pa

    if column.null_count:
        raise DataError(f"{column.null_count} rows have no {name}")
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist())
    order = np.argsort(names, kind="stable")
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    return rank[encoded.indices.to_numpy()], tuple(names[order].tolist())


def _with_agent(
    table: pa.Table, prompt: NDArray[np.intp], arm: NDArray[np.intp], arms: tuple[str, ...]
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    if "agent" in table.column_names:
        agent, agents = _codes(table["agent"], "agent")
        both = agent * len(arms) + arm
        pairs = np.unique(both)
        if len(np.unique(prompt * len(agents) * len(arms) + both)) == len(both):
            names = tuple(f"{agents[pair // len(arms)]}/{arms[pair % len(arms)]}" for pair in pairs.tolist())
            return np.searchsorted(pairs, both), names
    cell, first, count = np.unique(prompt * len(arms) + arm, return_index=True, return_counts=True)
    row = int(first[count > 1][0])
    doubled = table["prompt_id"][row].as_py()
    raise DataError(
        f"{int((count > 1).sum())} (prompt_id, model) pairs occur more than once, the first is"
        f" ({doubled!r}, {arms[int(cell[count > 1][0] % len(arms))]!r}): give each row one model name"
    )


def _chosen(
    arms: tuple[str, ...], arm: NDArray[np.intp], models: tuple[str, ...] | None
) -> tuple[tuple[str, ...], NDArray[np.intp], NDArray[np.bool_]]:
    if models is None:
        return arms, arm, np.ones(len(arm), bool)
    for name in models:
        if name not in arms:
            raise UnknownModelError.of(name, arms, key="models")
    if len(set(models)) < len(models):
        raise DataError(f"a model is named twice: {', '.join(models)}")
    place = np.array([models.index(name) if name in models else -1 for name in arms])
    return models, place[arm], place[arm] >= 0


def _column(table: pa.Table, name: str, most: float) -> NDArray[np.float64]:
    import pyarrow as pa

    try:
        raw = table[name].cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"column {name!r} must hold numbers: {error}") from error
    given = raw.is_valid().to_numpy()
    values: NDArray[np.float64] = raw.to_numpy().astype(float)
    wrong = given & ~((values >= 0) & (values <= most) & np.isfinite(values))
    if wrong.any():
        row = int(wrong.argmax())
        told = "in [0, 1]" if most == 1 else f"a finite number{' of dollars' if name == 'cost_usd' else ''}, 0 or more,"
        raise DataError(
            f"column {name!r} must be {told} or null; {int(wrong.sum())} rows are not, the first has {values[row]}"
            f" (prompt_id {table['prompt_id'][row].as_py()!r}, model {table['model'][row].as_py()!r})"
        )
    return values


def _types(table: pa.Table, prompt: NDArray[np.intp], n_prompts: int) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    code, names = _codes(table["task_type"], "task_type")
    type_ = np.zeros(n_prompts, np.intp)
    type_[prompt] = code
    if (type_[prompt] != code).any():
        row = int((type_[prompt] != code).argmax())
        raise DataError(f"prompt_id {table['prompt_id'][row].as_py()!r} has more than one task_type")
    return type_, names


def _first(table: pa.Table, name: str, prompt: NDArray[np.intp], n_prompts: int) -> NDArray[np.str_]:
    values = np.array(["" if v is None else str(v) for v in table[name].to_pylist()])
    found = np.empty(n_prompts, values.dtype)
    found[prompt] = values
    return found


def _nothing_left(matrices: NDArray[np.float64], arms: tuple[str, ...]) -> str:
    lacking = np.isnan(matrices).any(0).mean(0)
    worst = sorted(zip(lacking.tolist(), arms, strict=True), reverse=True)[:5]
    told = ", ".join(f"{name} on {share:.0%}" for share, name in worst)
    return f"no prompt has a score and a cost from every model; lacking most: {told}. Name fewer with --models"
