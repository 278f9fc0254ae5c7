"""One call over HTTP without its I/O: what is sent, and what is made of the pieces that come back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from selector.execution._estimate import filled
from selector.execution._faults import LONG_WAIT_S
from selector.execution._format import Decoder, Format
from selector.execution._limits import limits_of, told, wait_of
from selector.execution._patience import Watch
from selector.execution._redact import redacted
from selector.execution._sse import EventReader
from selector.execution._wire import Answer, CallFailed, Chunk, Request
from selector.records import Failure, QuotaSeen, TextEvent, ToolCallEvent

if TYPE_CHECKING:
    import httpx

__all__ = ["Trip"]

_MOST_BYTES = 64 * 2**20
_MOST_FAULT_BYTES = 2**18
_MOST_DETAIL = 600
_AFTER_ALL_S = 5.0
_AFTER_END_S = 0.05


class Trip:
    """One call: it takes the answer piece by piece, and tells what became of it.

    Parameters
    ----------
    format_
        What the server reads and writes.
    request
        What is asked.
    watch
        The time limits.
    key
        What must not stand in any text.
    clock
        Seconds since 1970, for limits that are dates.
    """

    def __init__(
        self, format_: Format, request: Request, watch: Watch, key: str | None, clock: Callable[[], float]
    ) -> None:
        self.watch = watch
        self._format, self._request, self._key, self._clock = format_, request, key, clock
        self._decoder: Decoder | None = None
        self._reader = EventReader()
        self._is_events: bool | None = None
        self._n_events = 0
        self._status = 0
        self._kind = ""
        self._location: str | None = None
        self._told: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._waits = True

    def enters(self) -> None:
        """Note that there is a free connection."""
        self._waits = False

    def opened(self, response: httpx.Response) -> None:
        """Take the status and the headers."""
        self.watch.piece()
        self._waits = False
        headers = response.headers
        self._status = response.status_code
        self._told = told(headers.raw)
        self._kind = headers.get("content-type", "")
        if 300 <= self._status < 400:
            self._location = headers.get("location", "")

    def take(self, piece: bytes) -> bool:
        """Take a piece of an answer that is read whole, and tell whether more of it is of use."""
        self._size += len(piece)
        if self._size > _MOST_BYTES:
            raise CallFailed(Failure.SERVER_ERROR, f"the answer is longer than {_MOST_BYTES // 2**20} MiB")
        if self.watch.over():
            raise TimeoutError
        self._pieces.append(piece)
        self.watch.piece()
        return self._status < 300 or self._size < _MOST_FAULT_BYTES

    def answer(self) -> Answer:
        """Read the whole answer.

        Raises
        ------
        CallFailed
            If it is none.
        """
        failed: CallFailed | None = None
        try:
            found = self._whole()
        except CallFailed as error:
            failed = self.known(error)
        if failed is not None:
            raise failed
        limits = self._limits()[1]
        return replace(found, limits=limits) if limits else found

    def read(self, piece: bytes) -> Iterator[Chunk]:
        """Take a piece of a stream, and give what it tells."""
        if self._status >= 300 or self._is_events is False:
            self.take(piece)
            return
        if self._is_events is None:
            self._pieces.append(piece)
            piece = b"".join(self._pieces)
            self._pieces = [piece]
            begins = piece.lstrip()[:1]
            if begins in {b"{", b"["}:
                self._is_events = False
                self.watch.began()
                return
            if not begins or piece.isspace():
                self._check(piece)
                return
            self._is_events, self._pieces, self._size = True, [], 0
            self._decoder = self._format.decoder(self._request)
        yield from self._feed(self._reader.feed(piece))
        self._check(piece)

    def _check(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > _MOST_BYTES:
            raise CallFailed(Failure.SERVER_ERROR, f"the answer is longer than {_MOST_BYTES // 2**20} MiB")
        if self.watch.over():
            raise TimeoutError
        self.watch.piece()

    def _feed(self, events: list[tuple[str, str]]) -> Iterator[Chunk]:
        decoder = self._decoder
        if decoder is None:
            return
        for name, data in events:
            self._n_events += 1
            yield from decoder.feed(name, data)
            if decoder.began:
                self.watch.began()
            if decoder.done or _is_whole(decoder):
                self.watch.soon(_AFTER_END_S if decoder.done else _AFTER_ALL_S)

    def end(self) -> Iterator[Chunk]:
        """Tell that a stream is over, and give what is left of it: last of all the whole answer.

        Raises
        ------
        CallFailed
            If it is not whole.
        """
        decoder = self._decoder
        if decoder is None:
            found = self.answer()
            if found.text:
                yield TextEvent(found.text)
            for call in found.tool_calls:
                yield ToolCallEvent(call)
            yield found
            return
        if not decoder.done:
            failed: CallFailed | None = None
            try:
                yield from self._feed(self._reader.end())
            except CallFailed as error:
                # An event without its end is half an event: the stream was cut, and not malformed.
                failed = self._cut("within an event") if error.failure is Failure.SERVER_ERROR else error
            if failed is not None and not _is_whole(decoder):
                raise failed
        if not _is_whole(decoder):
            raise self._cut("before the answer was whole")
        found, limits = decoder.answer(), self._limits()[1]
        yield replace(found, limits=limits) if limits else found

    def _cut(self, where: str) -> CallFailed:
        if not self._n_events and "event-stream" not in self._kind:
            return CallFailed(Failure.SERVER_ERROR, f"the answer is no event stream but {self._described()}")
        return CallFailed(Failure.CONNECTION, f"the stream ended {where}")

    def broke(self, error: Exception, *, is_closed: bool = False) -> CallFailed | None:
        """Say why a call broke off; None: what came is the whole answer, or a refusal."""
        if self._status >= 300 or (self._decoder is not None and _is_whole(self._decoder)):
            return None
        if is_closed:
            return self.known(CallFailed(Failure.CANCELLED, "the provider was closed"))
        if self._waits and type(error) is TimeoutError:
            return self.known(CallFailed(Failure.TIMEOUT, "no free connection"))
        return self.known(_broken(error, self.watch))

    def known(self, failed: CallFailed) -> CallFailed:
        """Add to a failure what headers say, and what came of the answer; take keys and other errors out of it."""
        failed.__cause__ = failed.__context__ = None
        failed.detail = redacted(failed.detail, self._key)[:_MOST_DETAIL]
        failed.args = (failed.failure, failed.detail)  # they were kept when it was made
        if failed.partial is None and self._decoder is not None:
            failed.partial = self._decoder.partial()
        if failed.partial is not None:
            failed.partial = filled(failed.partial, self._request)
        if not self._told:
            return failed
        wait_s, limits = self._limits()
        failed.limits = failed.limits or limits
        if self._status < 400:
            return failed
        now = self._clock()
        if wait_s is None and self._status == 429:
            wait_s = wait_of(limits, now)
        spent = [seen for seen in limits if seen.exhausted]
        if wait_s is not None and wait_s > LONG_WAIT_S and failed.failure is Failure.RATE_LIMITED:
            failed.failure = Failure.QUOTA_EXHAUSTED
        if spent and failed.failure is Failure.RATE_LIMITED:
            failed.failure = Failure.QUOTA_EXHAUSTED
        if wait_s is not None:
            failed.retry_after_s = max(wait_s, failed.retry_after_s or 0.0)
        if failed.failure is Failure.QUOTA_EXHAUSTED and failed.resets_at_s is None:
            resets = [seen.resets_at_s for seen in spent if seen.resets_at_s is not None]
            failed.resets_at_s = max(resets) if resets else None if wait_s is None else now + wait_s
        return failed

    def _limits(self) -> tuple[float | None, tuple[QuotaSeen, ...]]:
        if not self._told:
            return None, ()
        return limits_of(self._request.route.name, self._told, self._clock())

    def _whole(self) -> Answer:
        body = b"".join(self._pieces)
        if self._location is not None:
            raise CallFailed(Failure.CONNECTION, self._redirected(), status=self._status)
        if self._status >= 300:
            failed = self._format.failure(self._status, body)
            failed.status = failed.status or self._status
            raise failed
        parsed, is_json = _parsed(body)
        if not is_json:
            raise CallFailed(Failure.SERVER_ERROR, f"the answer is no JSON but {self._described()}")
        return filled(self._format.answer(parsed), self._request)

    def _described(self) -> str:
        kind = self._kind.partition(";")[0].strip()[:100] or "a body of no stated kind"
        return f"{kind} of {self._size} bytes"

    def _redirected(self) -> str:
        host: str | None = None
        try:
            host = urlsplit(self._location or "").hostname
        except ValueError:
            host = None
        whither = f" to {host}" if host else ""
        return (
            f"the server redirects{whither} (status {self._status}), which is not followed, since the key would go "
            "along; set base_url to where the server is"
        )


def _parsed(body: bytes) -> tuple[object, bool]:
    """Read JSON: what the fast reader refuses, such as NaN, the patient one may take."""
    try:
        return orjson.loads(body), True
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body), True
    except (ValueError, RecursionError):
        return None, False


def _is_whole(decoder: Decoder) -> bool:
    """Tell whether all of an answer came, though a server may yet say how much it used, or that it is done."""
    return decoder.done or decoder.whole


def _broken(error: Exception, watch: Watch) -> CallFailed:
    import httpx

    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        waited: dict[type[Exception], str] = {
            httpx.PoolTimeout: "no free connection",
            httpx.ConnectTimeout: "no connection in time",
        }
        return CallFailed(Failure.TIMEOUT, waited.get(type(error), watch.reason))
    if isinstance(error, httpx.DecodingError):
        return CallFailed(Failure.SERVER_ERROR, f"the answer cannot be unpacked: {error}")
    if isinstance(error, httpx.LocalProtocolError):
        return CallFailed(Failure.BAD_REQUEST, "the call has a header that HTTP does not allow")
    word = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError):
        return CallFailed(Failure.CONNECTION, f"cannot connect: {word}")
    return CallFailed(Failure.CONNECTION, f"the connection broke: {word}")
