"""A real server on this machine that speaks as providers do, and fails as they do, from a script."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from functools import reduce
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from selector.records import Usage
from selector.testing._ledger import Ledger, Received, added
from selector.testing._openai_app import Endpoint, model_list
from selector.testing._script import Script, Steps
from selector.testing._wording import FORMS

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from uvicorn import Config, Server

__all__ = ["FakeOpenAI"]

_BACKLOG = 4096
_KEEP_ALIVE_S = 3600
_PATIENCE_S = 10.0

_log = logging.getLogger("selector.testing.server")
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.WARNING)


class FakeOpenAI:
    """A real server on 127.0.0.1 that answers from a script, as OpenAI and Anthropic would.

    It serves ``POST /v1/chat/completions``, ``POST /v1/responses``, ``POST /v1/messages`` (Anthropic's) and
    ``GET /v1/models``, with streams and without, to thousands of connections at once, and it fails in ways that are
    hard to have otherwise: it stalls, trickles, resets and cuts connections, and sends garbage. It lives in a thread
    of its own, for as long as the ``with`` lasts, and leaves within it in a moment whatever is still under way.

    Parameters
    ----------
    script
        What it answers. One answer (a text, a `Reply`, a `Fault`, an HTTP status, a `Failure`) is given to every
        request. Of a sequence each request takes the next, and after the last one the last again; for ever around,
        give an ``itertools.cycle``. A callable is given the request's body and its headers, and must be quick: other
        requests wait for it. A mapping holds a script for each model, and one for the others under ``"*"``; a model
        that it does not have is not found.
    models
        What ``GET /v1/models`` lists; empty: the models of a script that is a mapping.

    Raises
    ------
    ImportError
        On entering, if starlette or uvicorn are not installed.

    Examples
    --------
    >>> import httpx
    >>> from selector.testing import Fault
    >>> asked = {"model": "gpt", "messages": [{"role": "user", "content": "The capital of France?"}]}
    >>> with FakeOpenAI([Fault(429, retry_after_s=1), "Paris"]) as server, httpx.Client() as client:
    ...     url = f"{server.base_url}/chat/completions"
    ...     busy = client.post(url, json=asked)
    ...     answer = client.post(url, json=asked).json()
    >>> busy.status_code, busy.headers["retry-after"], busy.json()["error"]["code"]
    (429, '1', 'rate_limit_exceeded')
    >>> answer["choices"][0]["message"]["content"]
    'Paris'
    >>> len(server.requests), server.n_served, server.billed.input_tokens
    (2, 1, 6)
    """

    def __init__(self, script: Script = "ok", *, models: tuple[str, ...] = ()) -> None:
        named = tuple(model for model in script if model != "*") if isinstance(script, Mapping) else ()
        self._models = models or named
        self._ledger = Ledger(Steps(script))
        self._thread: Thread | None = None
        self._listener: socket.socket | None = None
        self._server: Any = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Where it is, as ``http://127.0.0.1:PORT/v1``."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        """Where it is without the version, as Anthropic's own client wants it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[Received]:
        """Every request that came, in order."""
        return self._ledger.requests

    @property
    def n_served(self) -> int:
        """How many answers went out whole."""
        return self._ledger.n_served

    @property
    def n_open(self) -> int:
        """How many requests are under way."""
        return self._ledger.n_open

    @property
    def n_connections(self) -> int:
        """How many connections stand, idle ones too."""
        return 0 if self._server is None else len(self._server.server_state.connections)

    @property
    def billed(self) -> Usage:
        """All the usage that its answers told, in disjoint classes as the vendor tells them apart.

        What was cut off before it was told is not in it: of Anthropic's streams the beginning tells the input.
        """
        return reduce(added, self._ledger.billed().values(), Usage(input_tokens=0, output_tokens=0))

    @property
    def billed_by_model(self) -> dict[str, Usage]:
        """All the usage that its answers told, by the model that was asked."""
        return self._ledger.billed()

    def __enter__(self) -> Self:
        up, config = Event(), _config(_app(self._ledger, self._models))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._port = self._listener.getsockname()[1]
        self._server = _server(config, up)
        self._thread = Thread(target=self._run, name="selector-fake-openai", daemon=True)
        self._thread.start()
        if not up.wait(_PATIENCE_S):
            raise RuntimeError(f"the fake server did not start within {_PATIENCE_S:g} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._server.leave()
            self._thread.join(_PATIENCE_S)
            if self._thread.is_alive():
                raise RuntimeError(f"the fake server did not stop within {_PATIENCE_S:g} s; is its script still busy?")
            self._thread = None
        if error is None and self._ledger.wrong is not None:
            raise self._ledger.wrong

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))


def _app(ledger: Ledger, models: tuple[str, ...]) -> Starlette:
    try:
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route
    except ModuleNotFoundError as error:
        raise ImportError("FakeOpenAI needs starlette: pip install 'adaptive-selector[testing]'") from error

    async def listed(request: Request) -> JSONResponse:
        number, _ = ledger.asked(request.url.path, request.headers.raw, None)
        ledger.over(number)
        return JSONResponse(model_list(models, of_anthropic="anthropic-version" in request.headers))

    routes = [Route(path, Endpoint(ledger), methods=["POST"]) for path in FORMS]
    return Starlette(routes=[*routes, Route("/v1/models", listed)])


def _config(app: Starlette) -> Config:
    try:
        from uvicorn import Config
        from uvicorn.protocols.http.h11_impl import H11Protocol
    except ModuleNotFoundError as error:
        raise ImportError("FakeOpenAI needs uvicorn: pip install 'adaptive-selector[testing]'") from error

    class Reachable(H11Protocol):
        """Lets the application reach the connection, to break it."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base does
            super().connection_made(transport)
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a body waits 40 ms for its headers
            self.app_state = {**self.app_state, "transport": transport}
            self.logger, self.access_log = _log, False

    return Config(
        app,
        http=Reachable,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )


def _server(config: Config, up: Event) -> Server:
    from uvicorn import Server

    class Prompt(Server):
        """Starts and stops at once, instead of looking ten times a second whether it should."""

        def leave(self) -> None:
            """Stop, from any thread."""
            self.loop.call_soon_threadsafe(self.leaving.set)

        async def main_loop(self) -> None:
            self.loop, self.leaving = asyncio.get_running_loop(), asyncio.Event()
            up.set()
            await self.leaving.wait()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for server in self.servers:
                server.close()
            for listener in sockets or []:
                listener.close()
            while self.server_state.connections or self.server_state.tasks:
                for connection in list(self.server_state.connections):
                    connection.transport.abort()
                await asyncio.sleep(0)
            for server in self.servers:
                await server.wait_closed()

    return Prompt(config)
