"""Numbers for the ids of a log, by which reports find their decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selector.replay.logs._pack import Words

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["numbered"]

Ints = NDArray[np.intp]

_COUNTED = 8  # hexadecimal digits at the end of an id, with which a process counts its decisions
_SPARSE = 8  # so many times as many numbers as ids are too many to lay out
_DIGIT = bytes(b"0123456789abcdef".find(letter) % 17 for letter in range(256))  # of a letter; 16: none


def numbered(ids: pa.ChunkedArray) -> Ints:
    """Give ids numbers, in the order in which they come first.

    Ids of a selector count, so that each has a place of its own, which is found without looking for it among a million
    others. Any others are looked up.

    Parameters
    ----------
    ids
        Strings.

    Returns
    -------
    numpy.ndarray
        The same number for the same id, from 0; -1: null.

    Examples
    --------
    >>> import pyarrow as pa
    >>> numbered(pa.chunked_array([["a-00000009", "a-00000001"], ["a-00000009", "b-00000009"]])).tolist()
    [0, 1, 0, 2]
    """
    place = _counted(ids)
    if place is None:
        coded = ids.dictionary_encode()
        codes = [np.zeros(0, np.intp), *(each.indices.fill_null(-1).to_numpy() for each in coded.chunks)]
        return np.concatenate(codes).astype(np.intp)
    rows = np.arange(len(place))
    first = np.zeros(place.max() + 1, np.intp)
    first[place[::-1]] = rows[::-1]
    first = first[place]
    found: Ints = (np.cumsum(first == rows) - 1)[first]
    return found


def _counted(ids: pa.ChunkedArray) -> Ints | None:
    """Say where each id stands when those with one beginning lie side by side, by number; None: they do not count."""
    heads = Words()
    pairs = [_parted(each, heads) for each in ids.chunks if len(each)]
    whole = [pair for pair in pairs if pair is not None]
    if not whole or len(whole) < len(pairs):
        return None
    head, number = (np.concatenate(each) for each in zip(*whole, strict=True))
    highest = np.zeros(len(heads.list), np.intp)
    np.maximum.at(highest, head, number)
    ends = np.cumsum(highest + 1)
    return None if ends[-1] > _SPARSE * len(head) else (ends - highest - 1)[head] + number


def _parted(ids: pa.Array, heads: Words) -> tuple[Ints, Ints] | None:
    """Split ids of one length into the number of what they begin with, and what they end with as a number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1]
    size = int(ends[1] - ends[0])
    if ids.null_count or size <= _COUNTED or (np.diff(ends) != size).any():
        return None
    letters = np.frombuffer(ids.buffers()[2], np.uint8)[ends[0] : ends[-1]].reshape(-1, size)
    digits = np.frombuffer(letters[:, -_COUNTED:].tobytes().translate(_DIGIT), np.uint8).reshape(-1, _COUNTED)
    if (digits > 15).any():
        return None
    number = np.ascontiguousarray(digits[:, ::2] << 4 | digits[:, 1::2]).view(">u4")[:, 0].astype(np.intp)
    first = pc.binary_slice(ids.cast(pa.binary()), 0, size - _COUNTED).dictionary_encode()
    codes = np.array([heads.number(str(each)) for each in first.dictionary.to_pylist()], np.intp)
    return codes[first.indices.to_numpy()], number
