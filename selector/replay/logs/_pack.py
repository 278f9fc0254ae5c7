"""The events of a log, packed into columns as they are read, so that a long log fits into memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from selector.errors import DataError
from selector.store import Fields

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BLOCK", "Deals", "Pack", "Words", "merged", "nulls", "words_of"]

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
    """Rows that come one by one, or many at once, and are kept as Arrow columns.

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

    def add_fields(self, fields: Fields, **same: str) -> None:
        """Take many rows, the same as one by one; some fields may be the same in all of them."""
        import pyarrow as pa

        self.flush()
        self._n += len(fields)
        for name, shape in self._shape.items():
            if name in same:
                self._keep(name, pa.repeat(same[name], len(fields)))
            elif fields.has(name):
                self._keep(name, merged(fields, name, shape))
            else:
                self._keep_nothing(name, len(fields))

    def flush(self) -> None:
        """Turn what came since into arrays, and give every word its number."""
        import pyarrow as pa

        if not self._rows and self._blocks["decision_id" if "decision_id" in self._blocks else "id"]:
            return
        types = _arrow_types()
        for name, shape in self._shape.items():
            values = [row.get(name) for row in self._rows]
            values = [None if value is None else _CASTS[shape](value, name) for value in values]
            self._keep(name, pa.array(values, types[shape]))
        self._rows = []

    def _keep(self, name: str, found: pa.Array) -> None:
        """Keep values of a column: words by number, and nothing else than nulls in no memory."""
        import pyarrow as pa

        if name in self._words:
            coded = found if pa.types.is_dictionary(found.type) else found.dictionary_encode()
            numbers = [self._words[name].number(word) for word in coded.dictionary.to_pylist()]
            found = pa.array(numbers, pa.int32()).take(coded.indices)
        if found.null_count < len(found) or not len(found):
            self._blocks[name].append(found)
        else:
            self._keep_nothing(name, len(found))

    def _keep_nothing(self, name: str, n: int) -> None:
        type_ = _arrow_types()["int32" if name in self._words else self._shape[name]]
        self._blocks[name] += [nulls(min(BLOCK, n - start), type_) for start in range(0, n, BLOCK)]

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


def merged(fields: Fields, name: str, shape: str) -> pa.Array:
    """Read a field of many events: what its column holds, but for what stands elsewhere, as `Pack` has it.

    Parameters
    ----------
    fields
        The events.
    name
        The field.
    shape
        ``string``, ``int``, ``float`` or such.

    Returns
    -------
    pyarrow.Array
        Its values; words may be a dictionary, in the order in which they come first.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    type_ = _arrow_types()[shape]
    column, late = fields.column(name), fields.in_extra(name)
    if column is None:
        found = None
    else:
        found = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if shape == "word" and late is None and pa.types.is_dictionary(found.type) and _is_ordered(found):
            return found
        found = found if found.type == type_ else found.cast(type_)
    if late is None:
        return pa.nulls(len(fields), type_) if found is None else found
    values, rows = late
    texts = pa.array([None if value is None else _CASTS[shape](value, name) for value in values], type_)
    is_late = pa.array(rows >= 0)
    chosen = texts.take(pa.array(rows, mask=rows < 0))
    return chosen if found is None else pc.if_else(is_late, chosen, found)


def _is_ordered(coded: pa.DictionaryArray) -> bool:
    """Tell whether a dictionary has its words in the order in which they come first, and no others."""
    highest = np.maximum.accumulate(coded.indices.fill_null(-1).to_numpy())
    n = len(coded.dictionary)
    return bool(not len(highest) or (highest[-1] == n - 1 and highest[0] <= 0 and (np.diff(highest) <= 1).all()))


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


@cache
def _arrow_types() -> dict[str, pa.DataType]:
    import pyarrow as pa

    return {
        "string": pa.string(),
        "word": pa.string(),
        "int": pa.int64(),
        "int32": pa.int32(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "words": pa.list_(pa.string()),
        "floats": pa.list_(pa.float64()),
    }


def _text(value: Any, name: str) -> str:  # noqa: ANN401 - a value of JSON
    return orjson.dumps(value).decode() if name in _AS_JSON else str(value)


_CASTS: dict[str, Callable[[Any, str], Any]] = {
    "string": _text,
    "word": _text,
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

    FIELDS = ("alpha", "beta", "probability", "answer_usd", "input_usd")

    def __init__(self) -> None:
        self.models = Words()
        self._numbers: dict[str, int] = {}
        self._ends = array("q", [0])
        self._arms = array("i")
        self._values = {name: array("d") for name in self.FIELDS}
        self._usual = array("d")

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take what was on the table from its events; of one decision, from the first."""
        fresh = []
        for event in events:
            if event["decision_id"] not in self._numbers:
                self._numbers[event["decision_id"]] = len(self._numbers)
                fresh.append(event)
        for names, some in groupby(fresh, lambda event: tuple(event["models"])):
            self._add_alike(names, [*some])

    def add_all(self, ids: pa.ChunkedArray, told: pa.Table) -> bool:
        """Take the same from columns, where none is there twice or incomplete; tell whether it was so."""
        import pyarrow as pa

        names, models = ids.to_pylist(), told["models"].combine_chunks()
        sizes, lists = models.value_lengths(), [told[name].combine_chunks() for name in self.FIELDS]
        fresh = dict(zip(names, range(len(self), len(self) + len(names)), strict=True))
        whole = not sizes.null_count and all(each.value_lengths().equals(sizes) for each in lists)
        if not whole or len(fresh) < len(names) or not self._numbers.keys().isdisjoint(fresh):
            return False
        self._numbers |= fresh
        coded = models.flatten().dictionary_encode()
        numbers = np.array([self.models.number(str(word)) for word in coded.dictionary.to_pylist()], np.int32)
        ends = len(self._arms) + np.cumsum(sizes.to_numpy(), dtype=np.int64)
        self._ends.frombytes(ends.tobytes())
        self._arms.frombytes(numbers[coded.indices.to_numpy()].tobytes())
        for name, values in zip(self.FIELDS, lists, strict=True):
            self._values[name].frombytes(values.flatten().cast(pa.float64()).to_numpy(zero_copy_only=False).tobytes())
        self._usual.frombytes(told["usual_input"].fill_null(0.0).to_numpy().tobytes())
        return True

    def _add_alike(self, names: tuple[str, ...], events: Sequence[Mapping[str, Any]]) -> None:
        """Take several tables with the same models."""
        k = len(names)
        for name in self.FIELDS:
            rows = [event[name] for event in events]
            wrong = next((place for place, row in enumerate(rows) if len(row) != k), None)
            if wrong is not None:
                raise DataError(
                    f"what was on the table at decision {events[wrong]['decision_id']!r} has {len(rows[wrong])} values "
                    f"of {name!r} for {k} models; if another program wrote it, load that program's own table"
                )
            self._values[name].frombytes(np.array(rows, np.float64).tobytes())
        first = len(self._arms) + k
        self._arms.extend(array("i", [self.models.number(str(name)) for name in names]) * len(events))
        self._ends.extend(first + k * place for place in range(len(events)))
        self._usual.extend(event.get("usual_input") or 0.0 for event in events)

    def places(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Find deals by name; -1: not in the log."""
        return np.array([self._numbers.get(name, -1) for name in names], np.intp)

    def per_model(self, name: str, n_models: int) -> NDArray[np.float64]:
        """Lay one field out, shape (n_deals + 1, n_models); nan: the model could not serve. The last row is empty."""
        found = np.full((len(self) + 1, n_models), np.nan)
        rows = np.repeat(np.arange(len(self)), np.diff(np.asarray(self._ends)))
        found[rows, np.asarray(self._arms, np.intp)] = self._field(name)
        return found

    def _field(self, name: str) -> NDArray[np.float64]:
        if name not in {"mean", "strength"}:
            return np.asarray(self._values[name])
        alpha, beta = (np.asarray(self._values[each]) for each in ("alpha", "beta"))
        found: NDArray[np.float64] = alpha + beta if name == "strength" else alpha / (alpha + beta)
        return found

    @property
    def usual_input(self) -> NDArray[np.float64]:
        """How long inputs were at each deal, shape (n_deals + 1,)."""
        return np.append(np.asarray(self._usual), np.nan)

    def arms(self, place: int) -> NDArray[np.intp]:
        """List the models of one deal, in the order of its event."""
        low, high = self._ends[place], self._ends[place + 1]
        return np.asarray(self._arms[low:high], np.intp)

    @property
    def sizes(self) -> list[int]:
        """How many models each deal had."""
        return [high - low for low, high in pairwise(self._ends)]
