"""What a user's own evaluations say of models: counted once, kept beside the log, and read as priors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.catalog import Model, Register
from selector.errors import SchemaVersionError, StateError
from selector.store._files import Files, publish
from selector.store._locks import hold, let_go
from selector.store._parquet import DamagedError, columns_to_table, read_checked, to_bytes
from selector.store._tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Evaluated",
    "LearntFile",
    "LearntPriors",
    "forget_evaluations",
    "learn_evaluations",
    "learnt_files",
    "learnt_priors",
]

_NAME = "priors.parquet"
_VERSION = 1
_COLUMNS = (
    Column("file", "string", "The digest of the file that was learnt from."),
    Column("model", "string", "The model, as the file spells it."),
    Column("task_type", "string", "The task type."),
    Column("n", "int64", "How many scores it has."),
    Column("score_sum", "float64", "Their sum."),
    Column("score_squares", "float64", "The sum of their squares."),
    Column("n_tokens", "int64", "How many answers have a count of output tokens."),
    Column("output_tokens", "float64", "The sum of those counts."),
    Column("n_costs", "int64", "How many answers have a cost."),
    Column("cost_usd", "float64", "The sum of those costs, in dollars."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What one table of evaluations says of one model on one task type.

    Examples
    --------
    >>> Evaluated(model="sonnet", task_type="coding", n=20, score_sum=15.0, score_squares=15.0).mean
    0.75
    """

    model: str
    """As the table spells it."""
    task_type: str
    """Likewise."""
    n: int
    """How many scores."""
    score_sum: float
    """Their sum; each is in [0, 1]."""
    score_squares: float
    """The sum of their squares."""
    n_tokens: int = 0
    """How many answers have a count of output tokens."""
    output_tokens: float = 0.0
    """The sum of those counts."""
    n_costs: int = 0
    """How many answers have a cost."""
    cost_usd: float = 0.0
    """The sum of those costs, in dollars."""

    @property
    def mean(self) -> float:
        """The mean score; nan where there is none."""
        return self.score_sum / self.n if self.n else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntFile:
    """A file of evaluations that was learnt from.

    Examples
    --------
    >>> LearntFile(name="evals.parquet", place="/data/evals.parquet", digest="9f", weight=0.3, at_s=1.7e9).cells
    ()
    """

    name: str
    """Its name."""
    place: str
    """Where it lay."""
    digest: str
    """A digest of its bytes."""
    weight: float
    """What one score in it counts, beside an outcome of the user's own work."""
    at_s: float
    """When it was learnt, in seconds since 1970."""
    cells: tuple[Evaluated, ...] = ()
    """What it says."""


@dataclass(frozen=True, slots=True)
class LearntPriors:
    """What the learnt files say of given models and task types, each score times its file's weight."""

    success: NDArray[np.float64]
    """Number, sum and sum of squares of scores, shape (3, n_types, n_models)."""
    tokens: NDArray[np.float64]
    """Number and sum of output tokens, shape (2, n_types, n_models)."""
    cost_usd: NDArray[np.float64]
    """Number and sum of costs, shape (2, n_types, n_models)."""
    unknown_models: Mapping[str, tuple[str, ...]]
    """Spellings that are none of the models, with those among which it is not clear which is meant."""
    unknown_types: tuple[str, ...]
    """Task types of the files that were not asked for."""


def learn_evaluations(root: Path, learnt: LearntFile, files: Files | None = None) -> bool:
    """Keep what a file of evaluations says, in the place of what it said before.

    The same file, by its place or by its bytes, is learnt once; several files add up.

    Parameters
    ----------
    root
        The state folder, which must be there.
    learnt
        The file and what it says.
    files
        Through which files are changed.

    Returns
    -------
    bool
        Whether it was known before.

    Raises
    ------
    StateError
        If what is there already cannot be read.
    SchemaVersionError
        If a newer version wrote it.
    """
    lock = hold(root / "snapshot.lock", wait=True)
    try:
        known = learnt_files(root)
        others = [each for each in known if learnt.digest != each.digest and learnt.place != each.place]
        _write(root, [*others, learnt], files or Files())
    finally:
        if lock is not None:
            let_go(lock)
    return len(others) < len(known)


def forget_evaluations(root: Path, which: Iterable[str] | None = None, files: Files | None = None) -> tuple[str, ...]:
    """Remove what files of evaluations said.

    Parameters
    ----------
    root
        The state folder, which must be there.
    which
        Names, places or digests of files; None: all of them.
    files
        Through which files are changed.

    Returns
    -------
    tuple of str
        The names of those that were removed.

    Raises
    ------
    StateError
        If what is there cannot be read, unless all of it is to be forgotten.
    """
    files, wanted = files or Files(), None if which is None else set(which)
    lock = hold(root / "snapshot.lock", wait=True)
    try:
        if wanted is None:
            return _remove(root, files)
        known = learnt_files(root)
        gone = [each for each in known if wanted & {each.name, each.place, each.digest}]
        rest = [each for each in known if each not in gone]
        if gone and rest:
            _write(root, rest, files)
        elif gone:
            _remove(root, files)
        return tuple(each.name for each in gone)
    finally:
        if lock is not None:
            let_go(lock)


def _remove(root: Path, files: Files) -> tuple[str, ...]:
    """Remove the whole file, also one that cannot be read."""
    try:
        names = tuple(each.name for each in learnt_files(root))
    except StateError:
        names = (_NAME,)
    if (root / _NAME).exists():
        files.unlink(root / _NAME)
        files.sync_folder(root)
    return names


def _write(root: Path, learnt: Sequence[LearntFile], files: Files) -> None:
    rows = [(each.digest, cell) for each in learnt for cell in each.cells]
    columns: dict[str, list[Any]] = {column.name: [] for column in _COLUMNS}
    for digest, cell in rows:
        for name, value in {"file": digest, **asdict(cell)}.items():
            columns[name].append(value)
    facts = [{key: value for key, value in asdict(each).items() if key != "cells"} for each in learnt]
    table = columns_to_table(columns, _COLUMNS)
    publish(files, root / _NAME, to_bytes(table, {"version": _VERSION, "files": facts}))


def learnt_files(root: Path) -> tuple[LearntFile, ...]:
    """List the files of evaluations that were learnt from.

    Parameters
    ----------
    root
        The state folder, which need not be there.

    Returns
    -------
    tuple of LearntFile
        In the order in which they were learnt.

    Raises
    ------
    StateError
        If what was kept is damaged.
    SchemaVersionError
        If a newer version wrote it.

    Examples
    --------
    >>> learnt_files(Path("nowhere"))
    ()
    """
    path = root / _NAME
    try:
        table, note = read_checked(path)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except DamagedError as error:
        raise StateError(
            f"{path} is damaged: {error}; remove it with selector learn --forget, and learn your evaluations again"
        ) from error
    if note["version"] > _VERSION:
        raise SchemaVersionError(
            f"{path} was written by version {note['version']}, and this is version {_VERSION}; update the library"
        )
    found = {facts["digest"]: LearntFile(**facts) for facts in note["files"]}
    cells: dict[str, list[Evaluated]] = {digest: [] for digest in found}
    for row in table.to_pylist():
        cells[row.pop("file")].append(Evaluated(**row))
    return tuple(replace(each, cells=tuple(cells[digest])) for digest, each in found.items())


def learnt_priors(files: Iterable[LearntFile], models: Sequence[Model], task_types: Sequence[str]) -> LearntPriors:
    """Collect what a user's own evaluations say of given models on given task types.

    Parameters
    ----------
    files
        What was learnt, see `learnt_files`.
    models
        The configured models: a file's spelling is matched with a name, an old name, an id, or an alias.
    task_types
        The task types.

    Returns
    -------
    LearntPriors
        Zeros where nothing was learnt.

    Examples
    --------
    >>> learnt_priors([], [], ["coding"]).success.shape
    (3, 1, 0)
    """
    files = tuple(files)
    register = Register(models if files else ())  # without a file no name is looked up
    columns = {model.name: i for i, model in enumerate(models)}
    rows = {name: i for i, name in enumerate(task_types)}
    sums = np.zeros((7, len(rows), len(columns)))
    unknown: dict[str, tuple[str, ...]] = {}
    types: dict[str, None] = {}
    for file in files:
        for cell in file.cells:
            found = register.find(cell.model)
            if len(found) != 1:
                unknown[cell.model] = found
            elif cell.task_type not in rows:
                types[cell.task_type] = None
            else:
                sums[:, rows[cell.task_type], columns[found[0]]] += file.weight * np.array(_numbers(cell))
    return LearntPriors(sums[:3], sums[3:5], sums[5:], unknown, tuple(types))


def _numbers(cell: Evaluated) -> tuple[float, ...]:
    told = (cell.n_tokens, cell.output_tokens, cell.n_costs, cell.cost_usd)
    return cell.n, cell.score_sum, cell.score_squares, *told
