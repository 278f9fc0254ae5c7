"""Decisions whose own line was never written: what was reported of them says what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Unwritten"]

_FEW = 65_536


class Unwritten:
    """What reports say of decisions, until the line of each is seen; it never holds much of what was written.

    Examples
    --------
    >>> unwritten = Unwritten()
    >>> unwritten.tell("d1", {"n": 1})
    >>> unwritten.tell("d2", {"n": 2})
    >>> unwritten.see("d2")
    >>> [*unwritten.left()]
    [('d1', {'n': 1})]
    """

    def __init__(self) -> None:
        self._seen: list[pa.Array] = []
        self._told: list[tuple[pa.Array, pa.Array]] = []
        self._n_seen = self._n_told = 0
        self._limit = _FEW
        self._ids: list[str] = []
        self._said: tuple[list[str], list[bytes]] = ([], [])

    def see(self, id_: str) -> None:
        """Take in that a decision's line is there."""
        self._ids.append(id_)
        if len(self._ids) >= _FEW:
            self._gather()

    def see_all(self, ids: pa.Array) -> None:
        """Take in that the lines of many decisions are there."""
        self._seen.append(ids)
        self._n_seen += len(ids)

    def tell(self, id_: str, of: Mapping[str, Any]) -> None:
        """Take what a report says of its decision."""
        self._said[0].append(id_)
        self._said[1].append(orjson.dumps({"of": of}))
        if len(self._said[0]) >= _FEW:
            self._gather()

    def tell_all(self, ids: pa.Array, texts: pa.Array) -> None:
        """Take what many reports say of theirs: JSON with it as ``of``."""
        self._gather()
        self._told.append((ids, texts))
        self._n_told += len(ids)
        if self._n_told > max(self._limit, self._n_seen // 8):
            self._prune()

    def left(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what was said first of each decision of which no line was seen, and forget everything."""
        self._gather()
        self._prune()
        found: dict[str, str] = {}
        for ids, texts in self._told:
            for id_, text in zip(ids.to_pylist(), texts.to_pylist(), strict=True):
                found.setdefault(id_, text)
        self._seen, self._told = [], []
        for id_, text in found.items():
            yield id_, orjson.loads(text)["of"]

    def _gather(self) -> None:
        """Turn what came one by one into arrays."""
        import pyarrow as pa

        if self._ids:
            self.see_all(pa.array(self._ids, pa.string()))
            self._ids = []
        if self._said[0]:
            ids, texts = pa.array(self._said[0], pa.string()), pa.array(self._said[1]).cast(pa.string())
            self._said = ([], [])
            self.tell_all(ids, texts)

    def _prune(self) -> None:
        """Forget what is said of decisions that were seen by now."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self._told:
            return
        ids, texts = (pa.concat_arrays(each) for each in zip(*self._told, strict=True))
        seen = pa.chunked_array(self._seen, pa.string())
        of_these = seen.filter(pc.is_in(seen, value_set=ids)).combine_chunks()  # few are told of
        some = pc.invert(pc.is_in(ids, value_set=of_these))
        self._told = [(ids.filter(some), texts.filter(some))]
        self._n_told = len(self._told[0][0])
        self._limit = max(_FEW, 2 * self._n_told)
