"""One line per event: its checksum, its length, its JSON; and what can be read of a damaged file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from zlib import crc32

import orjson

__all__ = ["Fault", "body_of", "decode", "encode", "frame"]

Event = dict[str, Any]

_PAUSE_EVERY = 200
_DEEPEST = 32
_MOST = 2**63

_HEADER = re.compile(rb"[0-9a-f]{8} ([1-9][0-9]{0,8}) ")
_START = re.compile(rb"[0-9a-f]{8} [1-9][0-9]{0,8} \{\"")


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be read: where, why, and how many events that cost."""

    kind: Literal["torn", "broken", "missing"]
    """``torn``: a last line, never acknowledged; ``broken``: damaged data; ``missing``: gone without a trace."""
    offset: int
    """The byte at which it begins."""
    size: int
    """How many bytes."""
    reason: str
    """What is wrong there."""
    n_lost: int | None = 1
    """How many acknowledged events are lost; None where nobody can tell."""
    file: str = ""
    """The file's name within the state folder."""


class _Frame(NamedTuple):
    event: Event
    end: int
    ended: bool


def frame(body: bytes) -> bytes:
    r"""Put the checksum and the length before a JSON text, and a newline after it.

    Parameters
    ----------
    body
        One JSON object without a newline in it.

    Returns
    -------
    bytes
        The line.

    Examples
    --------
    >>> frame(b'{"kind":"audit"}')
    b'ef00a7a0 16 {"kind":"audit"}\n'
    """
    return b"%08x %d %b\n" % (crc32(body), len(body), body)


def encode(event: Event) -> bytes:
    """Write an event as its line.

    Parameters
    ----------
    event
        Whatever JSON can hold, with words as keys.

    Returns
    -------
    bytes
        The line, with its newline.

    Examples
    --------
    >>> decode(encode({"kind": "audit", "by": "ann"}))
    ([{'kind': 'audit', 'by': 'ann'}], [])
    """
    return frame(orjson.dumps(event))


def body_of(event: Mapping[str, Any]) -> bytes:
    """Write an event as JSON, and refuse one that cannot be told apart or read back."""
    if not isinstance(event.get("kind"), str) or "w" in event or "s" in event:
        raise ValueError(f"an event needs a 'kind' and has no 'w' and no 's' of its own, not the keys {sorted(event)}")
    try:
        return orjson.dumps(event if isinstance(event, dict) else dict(event))
    except TypeError:
        return orjson.dumps(_plain(event, _DEEPEST))


def _plain(value: object, deep: int) -> object:
    """Say what JSON cannot hold as text: an object, half of a character, a number of more than 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping) and deep:
        return {str(_plain(str(name), 0)): _plain(each, deep - 1) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and deep:
        return [_plain(each, deep - 1) for each in value]
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < _MOST):
        return value
    return str(_plain(str(value), 0))


def decode(data: bytes, pause: Callable[[], None] | None = None) -> tuple[list[Event], list[Fault]]:
    """Read all lines of a file, the damaged ones as faults, and never raise.

    A line counts only if its checksum, its length and its separators are those that would have been written. After
    damage, reading goes on at the next place where a whole line begins: the lengths find it even if a newline was lost.

    Parameters
    ----------
    data
        The bytes of a file, or of a file from the beginning of some line.
    pause
        What to call now and then, so that other threads get their turn.

    Returns
    -------
    events : list of dict
        What was written, in order.
    faults : list of Fault
        What could not be read. A torn last line is one of them, with no event lost: it was never acknowledged.

    Examples
    --------
    >>> whole = encode({"kind": "audit", "n": 1}) + encode({"kind": "audit", "n": 2})
    >>> events, (fault,) = decode(whole[:-1])
    >>> len(events), fault.kind, fault.n_lost
    (1, 'torn', 0)
    >>> events, (fault,) = decode(whole.replace(b'"n":1', b'"n":7'))
    >>> events, fault.kind, fault.offset, fault.reason
    ([{'kind': 'audit', 'n': 2}], 'broken', 0, 'the checksum does not fit')
    """
    events: list[Event] = []
    faults: list[Fault] = []
    place, size = 0, len(data)
    while place < size:
        found = _read(data, place)
        if isinstance(found, str):
            following = _next_whole(data, place + 1)
            faults.extend(_damaged(data, place, following, found))
            place = following
            continue
        events.append(found.event)
        if pause is not None and not len(events) % _PAUSE_EVERY:
            pause()
        if not found.ended:
            faults.append(Fault("broken", found.end - 1, 1, "the newline is destroyed; both lines were read", 0))
        place = found.end
    return events, faults


def _read(data: bytes, place: int) -> _Frame | str:
    """Read the line at a place, or say why there is none."""
    second = data.find(b" ", place + 9, place + 19)
    digits = data[place + 9 : second] if second > 0 else b""
    if not digits.isdigit():
        return "the header is not a checksum and a length"
    begin = second + 1
    end = begin + int(digits)
    if end >= len(data):
        return "the line is shorter than its length"
    body = data[begin:end]
    if data[place:begin] != b"%08x %d " % (crc32(body), end - begin):
        return "the checksum does not fit"
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "the text is not JSON"
    return _Frame(event, end + 1, data[end] == 10) if isinstance(event, dict) else "the text is not an object"


def _next_whole(data: bytes, place: int) -> int:
    """Find where the next whole line begins; the end of the data if nowhere."""
    for match in _START.finditer(data, place):
        if not isinstance(_read(data, match.start()), str):
            return match.start()
    return len(data)


def _damaged(data: bytes, start: int, stop: int, reason: str) -> Iterator[Fault]:
    """Count the lines of a damaged stretch, by their lengths where these can be believed, else by newlines."""
    place = start
    while place < stop:
        end = _end_of(data, place, stop)
        whole = end < len(data) or data[end - 1] == 10
        if not whole:
            yield Fault("torn", place, end - place, "the last line is not whole: it was never acknowledged", 0)
        elif end - place > 1 or place == start:
            yield Fault("broken", place, end - place, reason)
        place = end


def _end_of(data: bytes, place: int, stop: int) -> int:
    header = _HEADER.match(data, place, stop)
    if header is not None:
        end = header.end() + int(header[1])
        if end < stop and data[end] == 10:
            return end + 1
    newline = data.find(b"\n", place, stop)
    return stop if newline < 0 else newline + 1
