"""The connections of one provider: pooled, made when first needed, never shared with another process or event loop."""

from __future__ import annotations

import os
import socket
import threading
from asyncio import AbstractEventLoop, Semaphore, get_running_loop
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

from selector.execution._patience import Until

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Connections", "Lane"]

_MOST = 100
_IDLE_S = 30.0


class Connections:
    """One client for all threads, and one for each event loop.

    A client of an event loop closes with its loop: a program may run several, one after the other. After a fork
    the child makes its own.

    Examples
    --------
    >>> connections = Connections(max_concurrent=4)
    >>> connections.close()
    >>> connections.is_closed
    True
    """

    def __init__(self, *, max_concurrent: int | None) -> None:
        self._most = max_concurrent or _MOST
        self.is_closed = False
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._sockets: WeakSet[_Stream] = WeakSet()
        self._loops: dict[AbstractEventLoop, tuple[_Lanes, AsyncGenerator[None]]] = {}

    def client(self) -> httpx.Client:
        """Give the client of this process."""
        if self._pid != os.getpid():
            self._leave_to_parent()
        return self._client or self._make()

    async def lane(self) -> Lane:
        """Wait for a free connection of the running event loop; leaving it gives it back."""
        if self.is_closed:
            raise RuntimeError("the connections are closed")
        if self._pid != os.getpid():
            self._leave_to_parent()
        loop = get_running_loop()
        found = self._loops.get(loop)
        if found is None:
            for gone in [each for each in tuple(self._loops) if each.is_closed()]:
                self._loops.pop(gone, None)
            lanes = _Lanes(self._most)
            found = self._loops[loop] = (lanes, self._until_the_loop_ends(loop, lanes))
            await anext(found[1])
        return await found[0].enter()

    def close(self) -> None:
        """Close what threads use and wake those that wait; the clients of event loops close within their loops."""
        self.is_closed = True
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._lock:
            client, self._client = self._client, None
        for stream in self._seen():
            stream.wake()
        if client is not None:
            client.close()
        self._loops.clear()  # an event loop ends generators that nobody holds any more

    async def aclose(self) -> None:
        """Close all, and wait for what the running event loop uses."""
        mine = self._loops.pop(get_running_loop(), None)
        self.close()
        if mine is not None:
            await mine[1].aclose()

    def _make(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self.is_closed:
                raise RuntimeError("the connections are closed")
            if self._client is None:
                made = httpx.Client(
                    verify=_trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
                    limits=_limits(self._most),
                    follow_redirects=False,
                )
                _open_with(made, lambda inner: _Backend(inner, self._sockets))
                self._client = made
            return self._client

    async def _until_the_loop_ends(self, loop: AbstractEventLoop, lanes: _Lanes) -> AsyncGenerator[None]:
        """Close connections when their loop shuts down: a loop ends the generators that it has seen begin."""
        try:
            yield
        finally:
            self._loops.pop(loop, None)
            await lanes.aclose()

    def _seen(self) -> tuple[_Stream, ...]:
        while True:
            with suppress(RuntimeError):  # another thread opened one meanwhile
                return tuple(self._sockets)

    def _leave_to_parent(self) -> None:
        """Forget what a parent process uses, and close this process's copies of its sockets."""
        for stream in self._seen():
            stream.close()
        self._kept = (self._client, self._loops)  # whoever lets go of them would close them for the parent, too
        self._begin()


class _Lanes:
    """The connections of one event loop: each has a client of its own, and the one that was used last goes first.

    A pool of the library looks at all its connections, for each of them, at every call: with a hundred of them and
    a thousand calls that takes longer than the calls.
    """

    def __init__(self, most: int) -> None:
        self._gate = Semaphore(most)
        self._free: list[httpx.AsyncClient] = []
        self._all: list[httpx.AsyncClient] = []

    async def enter(self) -> Lane:
        await self._gate.acquire()
        if not self._free:
            self._make()
        return Lane(self, self._free.pop())

    def leave(self, client: httpx.AsyncClient) -> None:
        self._free.append(client)
        self._gate.release()

    async def drop(self, client: httpx.AsyncClient) -> None:
        self._gate.release()
        if client in self._all:
            self._all.remove(client)
        await client.aclose()

    async def aclose(self) -> None:
        while self._all:
            await self._all.pop().aclose()

    def _make(self) -> None:
        import httpx

        trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        client = httpx.AsyncClient(verify=trusted, limits=_limits(1), follow_redirects=False)
        _open_with(client, _AsyncBackend)
        self._all.append(client)
        self._free.append(client)


class Lane(NamedTuple):
    """A connection of an event loop, for one call; whoever is cancelled within it closes it.

    The library may keep a place for a connection that a cancelled call was about to open, and the next call would wait
    for that for ever.
    """

    lanes: _Lanes
    client: httpx.AsyncClient

    async def __aenter__(self) -> httpx.AsyncClient:
        return self.client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or (issubclass(kind, Exception) and not issubclass(kind, TimeoutError)):
            self.lanes.leave(self.client)
        else:
            await self.lanes.drop(self.client)


def _limits(most: int) -> httpx.Limits:
    import httpx

    return httpx.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=_IDLE_S)


@lru_cache(maxsize=4)
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Read whom to trust, once for all providers: it takes longer than a call."""
    import httpx

    return httpx.create_ssl_context()


def _open_with(client: httpx.Client | httpx.AsyncClient, wrapped: Callable[[Any], object]) -> None:
    """Let a client open its sockets by ours.

    The library has no public place for this. Where it is built otherwise, time-outs stay as they were when a call
    began, and the time of a whole call is looked at between pieces alone.
    """
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - see above
        pool: Any = getattr(transport, "_pool", None)
        if getattr(pool, "_network_backend", None) is not None:
            pool._network_backend = wrapped(pool._network_backend)  # noqa: SLF001 - see above


class _Backend:
    """Opens sockets that know how much time is left."""

    def __init__(self, inner: Any, seen: WeakSet[_Stream]) -> None:  # noqa: ANN401 - the library's own, unnamed here
        self._inner, self._seen = inner, seen

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> _Stream:  # noqa: ANN401
        stream = _Stream(self._inner.connect_tcp(host, port, timeout=_now(timeout), **options))
        self._seen.add(stream)
        stream.seen = self._seen
        return stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the library asks
        return getattr(self._inner, name)


class _Stream:
    """A socket that knows how much time is left."""

    seen: WeakSet[_Stream] | None = None

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - the library's own, unnamed here
        self._inner = inner
        self.close = inner.close
        self.get_extra_info = inner.get_extra_info

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        found: bytes = self._inner.read(max_bytes, _now(timeout))
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if isinstance(timeout, Until):
            timeout.sent()
        self._inner.write(buffer, _now(timeout))

    def start_tls(self, *args: Any, timeout: float | None = None, **options: Any) -> _Stream:  # noqa: ANN401
        stream = _Stream(self._inner.start_tls(*args, timeout=_now(timeout), **options))
        if self.seen is not None:
            self.seen.add(stream)
            stream.seen = self.seen
        return stream

    def wake(self) -> None:
        """End a wait of another thread: closing alone would not."""
        with suppress(OSError, AttributeError):
            socket.socket.shutdown(self.get_extra_info("socket"), socket.SHUT_RDWR)


class _AsyncBackend:
    """Opens sockets that are closed when a handshake is cancelled: the library closes them on its errors alone."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - the library's own, unnamed here
        self._inner = inner

    async def connect_tcp(self, *args: Any, **options: Any) -> _AsyncStream:  # noqa: ANN401
        return _AsyncStream(await self._inner.connect_tcp(*args, **options))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the library asks
        return getattr(self._inner, name)


class _AsyncStream:
    """A socket that is closed when its handshake is cancelled."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - the library's own, unnamed here
        self._inner = inner
        self.read, self.write, self.aclose = inner.read, inner.write, inner.aclose
        self.get_extra_info = inner.get_extra_info

    async def start_tls(self, *args: Any, **options: Any) -> _AsyncStream:  # noqa: ANN401
        secured: _AsyncStream | None = None
        try:
            secured = _AsyncStream(await self._inner.start_tls(*args, **options))
        finally:
            if secured is None:
                await self.aclose()
        return secured


def _now(timeout: float | None) -> float | None:
    return timeout.now() if isinstance(timeout, Until) else timeout
