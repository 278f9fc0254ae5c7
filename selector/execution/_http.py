"""Calls over HTTP, with and without event loop, as a stream or whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

import orjson

from selector.errors import ConfigError
from selector.execution._connections import Connections
from selector.execution._format import Format
from selector.execution._patience import Watch
from selector.execution._redact import KeyFilter, redacted
from selector.execution._trip import Trip
from selector.execution._wire import Answer, CallFailed, Chunk, Patience, Request
from selector.records import Failure

if TYPE_CHECKING:
    import httpx

__all__ = ["HttpProvider"]


class HttpProvider:
    """An account at a server that speaks HTTP.

    Connections are pooled; redirects are not followed, since the key would go along. Nothing that it raises holds
    the key.

    Parameters
    ----------
    name
        The provider's name.
    format
        What the server reads and writes.
    base_url
        Where the server is; None: where its format says.
    key
        Gives the key, before each call, since keys change; None where the server wants none.
    max_concurrent
        The most connections at once; None: 100.
    clock
        Seconds since 1970, for limits that are dates.

    Examples
    --------
    >>> from selector.execution._format import format_of
    >>> HttpProvider(
    ...     "work", format=format_of("openai"), base_url=None, key=lambda: "k", max_concurrent=None, clock=lambda: 0.0
    ... )
    HttpProvider('work', base_url='https://api.openai.com/v1')
    """

    def __init__(
        self,
        name: str,
        *,
        format: Format,  # noqa: A002 - the word for it
        base_url: str | None,
        key: Callable[[], str | None],
        max_concurrent: int | None,
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self._base_url = (base_url or format.base_url).rstrip("/")
        self._format, self._key, self._clock = format, key, clock
        self._connections = Connections(max_concurrent=max_concurrent)
        self._filter = KeyFilter()
        self._url: httpx.URL | None = None
        self._headers: dict[bool, tuple[str | None, httpx.Headers]] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, base_url={redacted(self._base_url)!r})"

    def call(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer."""
        trip, sent = self._trip(request, Watch(patience), is_stream=False, is_async=False)
        failed: CallFailed | None = None
        try:
            response = _sent(self._connections.client(), sent)
            try:
                trip.opened(response)
                for piece in _pieces(response):
                    if not trip.take(piece):
                        break
            finally:
                response.close()
        except CallFailed as error:
            failed = trip.known(error)
        except _breaks() as error:
            failed = trip.broke(error, is_closed=self._connections.is_closed)
        # Raised out here, so that no traceback holds an error of the library: it carries the key.
        if failed is not None:
            raise failed
        return trip.answer()

    async def acall(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer."""
        trip, sent = self._trip(request, Watch(patience), is_stream=False, is_async=True)
        failed: CallFailed | None = None
        try:
            async with asyncio.timeout(trip.watch.total_left()):
                async with await self._connections.lane() as client:
                    trip.enters()
                    response = await client.send(sent, stream=True)
                    try:
                        trip.opened(response)
                        async with aclosing(response.aiter_bytes()) as pieces:  # type: ignore[type-var]  # a generator
                            async for piece in pieces:
                                if not trip.take(piece):
                                    break
                    finally:
                        await response.aclose()
        except CallFailed as error:
            failed = trip.known(error)
        except _breaks() as error:
            failed = trip.broke(error, is_closed=self._connections.is_closed)
        if failed is not None:
            raise failed
        return trip.answer()

    def stream(self, request: Request, patience: Patience) -> Iterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`."""
        trip, sent = self._trip(request, Watch(patience, is_stream=True), is_stream=True, is_async=False)
        failed: CallFailed | None = None
        try:
            response = _sent(self._connections.client(), sent)
            try:
                trip.opened(response)
                for piece in _pieces(response):
                    yield from trip.read(piece)
            finally:
                response.close()
        except CallFailed as error:
            failed = trip.known(error)
        except _breaks() as error:
            failed = trip.broke(error, is_closed=self._connections.is_closed)
        if failed is None:
            try:
                yield from trip.end()
            except CallFailed as error:
                failed = trip.known(error)
        if failed is not None:
            raise failed

    async def astream(self, request: Request, patience: Patience) -> AsyncIterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`."""
        trip, sent = self._trip(request, Watch(patience, is_stream=True), is_stream=True, is_async=True)
        failed: CallFailed | None = None
        try:
            async with asyncio.timeout(trip.watch.total_left()):
                lane = await self._connections.lane()
            async with lane as client:
                trip.enters()
                async with asyncio.timeout(trip.watch.total_left()):
                    response = await client.send(sent, stream=True)
                try:
                    trip.opened(response)
                    async with aclosing(response.aiter_bytes()) as pieces:  # type: ignore[type-var]  # a generator
                        while True:
                            # No time-out may stand around a `yield`: it would end what the consumer does meanwhile.
                            async with asyncio.timeout(trip.watch.left()):
                                piece = await anext(pieces, None)
                            if piece is None:
                                break
                            for chunk in trip.read(piece):
                                yield chunk
                finally:
                    await response.aclose()
        except CallFailed as error:
            failed = trip.known(error)
        except _breaks() as error:
            failed = trip.broke(error, is_closed=self._connections.is_closed)
        if failed is None:
            try:
                for chunk in trip.end():
                    yield chunk
            except CallFailed as error:
                failed = trip.known(error)
        if failed is not None:
            raise failed

    def close(self) -> None:
        """Let go of connections; twice is as good as once."""
        self._connections.close()
        self._filter.leave()

    async def aclose(self) -> None:
        """Let go of connections; twice is as good as once."""
        await self._connections.aclose()
        self._filter.leave()

    def _trip(self, request: Request, watch: Watch, *, is_stream: bool, is_async: bool) -> tuple[Trip, httpx.Request]:
        """Write a call down, ready to be sent."""
        import httpx

        if self._connections.is_closed:
            raise CallFailed(Failure.CANCELLED, f"the provider {self.name!r} was closed")
        key = self._key_now()
        sent = httpx.Request(
            "POST",
            self._url or self._make_url(),
            headers=self._headers_with(key, is_stream=is_stream),
            content=_encoded(self._format.encode(request, stream=is_stream)),
            extensions={"timeout": watch.limits(shrinking=not is_async)},
        )
        return Trip(self._format, request, watch, key, self._clock), sent

    def _key_now(self) -> str | None:
        key, failed = None, None
        try:
            key = self._key()
        except ConfigError as error:
            failed = CallFailed(Failure.AUTH, redacted(str(error)))
        if failed is None and key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
            problem = "holds what no HTTP header may, such as a space or the end of a line" if key else "is empty"
            failed = CallFailed(Failure.AUTH, f"the key of the provider {self.name!r} {problem}")
        if failed is not None:
            raise failed
        if key is not None and key not in self._filter.keys:
            self._filter.watch()
            self._filter.keys.add(key)
        return key

    def _make_url(self) -> httpx.URL:
        import httpx

        failed, whole = None, None
        try:
            url = httpx.URL(self._base_url)
            whole = url.copy_with(path=url.path.rstrip("/") + self._format.path)
        except httpx.InvalidURL:
            failed = CallFailed(Failure.CONNECTION, f"base_url is no address: {redacted(self._base_url)!r}")
        if whole is None:
            raise failed or CallFailed(Failure.CONNECTION, "base_url is no address")
        self._url = whole
        return whole

    def _headers_with(self, key: str | None, *, is_stream: bool) -> httpx.Headers:
        kept = self._headers.get(is_stream)
        if kept is not None and kept[0] == key:
            return kept[1]
        import httpx

        accept = "text/event-stream, application/json" if is_stream else "application/json"
        found = httpx.Headers(
            {
                "accept": accept,
                "accept-encoding": _packings(),
                "connection": "keep-alive",
                "user-agent": "adaptive-selector",
                "content-type": "application/json",
            }
        )
        found.update(self._format.headers(key))
        self._headers[is_stream] = (key, found)
        return found


def _sent(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Send by the client's own way out: it neither follows redirects, nor keeps cookies, nor asks for a password."""
    response = client._transport_for_url(request.url).handle_request(request)  # noqa: SLF001 - the rest of `send` is not wanted
    response.request = request
    return response


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """Give the body as it comes; what is not packed needs no unpacking."""
    if "content-encoding" in response.headers:
        return response.iter_bytes()
    stream: Iterator[bytes] = iter(response.stream)  # type: ignore[arg-type]  # of a client without event loop
    return stream


def _encoded(body: Mapping[str, object]) -> bytes:
    """Write JSON: what the fast writer refuses, such as whole numbers beyond 64 bits, the patient one may take."""
    failed = ""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        pass
    try:
        return json.dumps(body, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        failed = str(error)
    raise CallFailed(Failure.BAD_REQUEST, f"the request cannot be written as JSON: {redacted(failed)}")


def _packings() -> str:
    import httpx

    with httpx.Client(verify=False) as client:  # noqa: S501 - it is asked what it can unpack, and calls nobody
        return client.headers["accept-encoding"]


def _breaks() -> tuple[type[Exception], ...]:
    """Name the errors by which a call breaks; they are looked at only when one is raised."""
    import httpx

    return (httpx.HTTPError, httpx.InvalidURL, RuntimeError, OSError, UnicodeError)
