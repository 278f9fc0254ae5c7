"""The events of a log, packed into columns as they are read, so that a long log fits into memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BLOCK", "Deals", "Pack", "Words", "nulls", "words_of"]

BLOCK = 8_192
_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_DECIDED = (
    *("id", "n", "at", "task_type", "model", "provider", "route", "reason", "propensity", "expected_cost_usd"),
    *("shadow_price", "policy", "config_digest", "input_tokens", "deal", "task_id", "session", "purpose", "version"),
    *("priority", "retry_count", "max_output_tokens", "experiment", "arm", "share", "labels", "rules", "costs"),
    *("metadata", "shadow", "exclusions", "redrawn"),
)
_AS_JSON = ("metadata", "shadow")
_USED = (*_TOKENS, "cost_usd", "latency_s", "nano", "known")
_REPORTED = ("decision_id", "attempt", "model", "route", "w", "s")
_SHAPES = {
    "decision": dict.fromkeys(_DECIDED, "string")
    | dict.fromkeys(("n", "input_tokens", "priority", "retry_count", "max_output_tokens"), "int")
    | dict.fromkeys(("at", "propensity", "expected_cost_usd", "shadow_price", "share"), "float")
    | dict.fromkeys(("task_type", "model", "provider", "route", "reason", "policy", "config_digest"), "word")
    | dict.fromkeys(("deal", "purpose", "version", "experiment", "arm"), "word")
    | {"labels": "words", "rules": "words", "exclusions": "words", "costs": "floats", "redrawn": "bool"},
    "report": dict.fromkeys(("kind", "model", "route", "w", "failure", "selected_by", "source"), "word")
    | {"decision_id": "string", "made": "bool"}
    | dict.fromkeys(("attempt", "s", *_TOKENS, "nano", "known"), "int")
    | dict.fromkeys(("at", "cost_usd", "latency_s", "waited_s", "score", "propensity"), "float"),
    "told": {"decision_id": "string", "propensity": "float"},
}


class Words:
    """Numbers for words of which there are few.

    Examples
    --------
    >>> words = Words()
    >>> words.number("a"), words.number("b"), words.number("a"), words.list
    (0, 1, 0, ['a', 'b'])
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def list(self) -> list[str]:
        """The words, by number."""
        return list(self._numbers)

    def number(self, word: str) -> int:
        """Give a word's number, a new one at its first."""
        return self._numbers.setdefault(word, len(self._numbers))


class Pack:
    """Rows that come one by one and are kept as Arrow columns.

    Parameters
    ----------
    kind
        ``decision``, ``report`` (an attempt, a usage or a judgement) or ``told`` (a propensity that came later).
    like
        Another of the same kind, with which it shares the numbers of words, so that their tables can be put together.

    Examples
    --------
    >>> pack = Pack("told")
    >>> pack.add({"decision_id": "d1", "propensity": 0.5})
    >>> pack.table().to_pylist()
    [{'decision_id': 'd1', 'propensity': 0.5}]
    """

    def __init__(self, kind: str, like: Pack | None = None) -> None:
        self._shape = _SHAPES[kind]
        self._rows: list[Mapping[str, Any]] = []
        words = [name for name, shape in self._shape.items() if shape == "word"]
        self._words: dict[str, Words] = {name: Words() for name in words} if like is None else like._words  # noqa: SLF001
        self._blocks: dict[str, list[pa.Array]] = {name: [] for name in self._shape}
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row; fields without a column are left."""
        self._rows.append(row)
        self._n += 1
        if len(self._rows) >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Turn what came since into arrays, and give every word its number."""
        import pyarrow as pa

        types = _arrow_types()
        for name, shape in self._shape.items():
            values = [row.get(name) for row in self._rows]
            if shape == "word":
                number = self._words[name].number
                values = [None if value is None else number(str(value)) for value in values]
            else:
                values = [None if value is None else _CASTS[shape](value, name) for value in values]
            found = pa.array(values, types[shape])
            self._blocks[name].append(nulls(len(found), found.type) if found.null_count == len(found) else found)
        self._rows = []

    def table(self) -> pa.Table:
        """Return everything that was added; words are dictionaries."""
        import pyarrow as pa

        self.flush()
        columns: dict[str, Any] = {}
        for name, shape in self._shape.items():
            blocks = self._blocks[name]
            if shape == "word":
                words = pa.array(self._words[name].list, pa.string())
                blocks = [pa.DictionaryArray.from_arrays(each, words) for each in blocks]
            columns[name] = pa.chunked_array(blocks)
        self._blocks = {name: [] for name in self._shape}
        return pa.table(columns)


@cache
def _null_block(type_: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(BLOCK, type_)


def nulls(n: int, type_: pa.DataType) -> pa.Array:
    """Give a block of nulls, which takes no memory of its own; at most 8,192."""
    return _null_block(type_).slice(0, n)


def words_of(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.intp]]:
    """Read a column of words that `Pack` made: the words, and which of them each row has; -1: none."""
    if not column.num_chunks:
        return [], np.zeros(0, np.intp)
    words: list[str] = column.chunk(0).dictionary.to_pylist()
    return words, np.concatenate([each.indices.fill_null(-1).to_numpy() for each in column.chunks]).astype(np.intp)


def _arrow_types() -> dict[str, pa.DataType]:
    import pyarrow as pa

    return {
        "string": pa.string(),
        "word": pa.int32(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "words": pa.list_(pa.string()),
        "floats": pa.list_(pa.float64()),
    }


def _text(value: Any, name: str) -> str:  # noqa: ANN401 - a value of JSON
    return orjson.dumps(value).decode() if name in _AS_JSON else str(value)


_CASTS: dict[str, Callable[[Any, str], Any]] = {
    "string": _text,
    "int": lambda value, _: int(value),
    "float": lambda value, _: float(value),
    "bool": lambda value, _: bool(value),
    "words": lambda value, _: [str(each) for each in value],
    "floats": lambda value, _: [float(each) for each in value],
}


class Deals:
    """What was on the table, time after time: models, and what was published of each.

    Attributes
    ----------
    models
        Numbers for models.
    """

    _FIELDS = ("mean", "strength", "probability", "answer_usd", "input_usd")

    def __init__(self) -> None:
        self.models = Words()
        self._numbers: dict[str, int] = {}
        self._ends = array("q", [0])
        self._arms = array("i")
        self._values = {name: array("d") for name in self._FIELDS}
        self._usual = array("d")

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take what was on the table from its event."""
        if event["decision_id"] in self._numbers:
            return
        self._numbers[event["decision_id"]] = len(self._numbers)
        self._arms.extend(self.models.number(str(name)) for name in event["models"])
        self._ends.append(len(self._arms))
        pairs = list(zip(event["alpha"], event["beta"], strict=True))
        self._values["mean"].extend(alpha / (alpha + beta) for alpha, beta in pairs)
        self._values["strength"].extend(alpha + beta for alpha, beta in pairs)
        for name in self._FIELDS[2:]:
            self._values[name].extend(math.nan if value is None else value for value in event[name])
        self._usual.append(event.get("usual_input") or 0.0)

    def places(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Find deals by name; -1: not in the log."""
        return np.array([self._numbers.get(name, -1) for name in names], np.intp)

    def per_model(self, name: str, n_models: int) -> NDArray[np.float64]:
        """Lay one field out, shape (n_deals + 1, n_models); nan: the model could not serve. The last row is empty."""
        found = np.full((len(self) + 1, n_models), np.nan)
        rows = np.repeat(np.arange(len(self)), np.diff(np.asarray(self._ends)))
        found[rows, np.asarray(self._arms, np.intp)] = np.asarray(self._values[name])
        return found

    @property
    def usual_input(self) -> NDArray[np.float64]:
        """How long inputs were at each deal, shape (n_deals + 1,)."""
        return np.array([*self._usual, np.nan])

    def arms(self, place: int) -> NDArray[np.intp]:
        """List the models of one deal, in the order of its event."""
        low, high = self._ends[place], self._ends[place + 1]
        return np.asarray(self._arms[low:high], np.intp)

    @property
    def sizes(self) -> list[int]:
        """How many models each deal had."""
        return [high - low for low, high in pairwise(self._ends)]
