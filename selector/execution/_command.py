"""A provider behind a command line: any program that takes a prompt and prints an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing
from datetime import tzinfo
from pathlib import Path
from threading import Lock

from selector.config import ProviderConfig
from selector.execution._argv import named, program
from selector.execution._command_failures import Now
from selector.execution._command_run import Run
from selector.execution._command_settings import settings_of
from selector.execution._in_thread import in_thread
from selector.execution._process import Bounds
from selector.execution._transcript import prompt_of
from selector.execution._turnstile import Turnstile
from selector.execution._wire import Answer, CallFailed, Chunk, Patience, Request
from selector.records import Failure

__all__ = ["CommandProvider"]


class CommandProvider:
    """An account behind a command line.

    Each call runs one process, in an empty folder of its own that is gone afterwards, unless ``workdir`` names one.
    The prompt goes to its standard input, or into a file that nobody else may read, and never into its arguments. It
    sees no other variables of the environment than those of ``env``, beside `selector.execution._process.MARK`. When
    the call is over, however it ends, so are the process and its group. What a process used up to a time-out is
    known only as far as it printed it.

    A stream of text comes as it is printed, after its first few hundred characters; of JSON it comes whole. Of the
    time-outs, ``total`` holds with the wait for one of the places of ``max_concurrent``, ``read`` is how long the
    command may print nothing at all, and ``first_token`` holds for a stream of text.

    Parameters
    ----------
    name
        The provider's name, for messages.
    config
        Its section of the configuration.
    environ
        Gives the environment of the moment, from which the variables of ``env`` are taken.
    clock
        Gives the seconds since 1970, for words such as ``resets 5pm``.
    folder
        Where the configuration lies: relative paths of the program and of ``workdir`` begin there.
    tz
        The zone in which the command speaks of times; None: that of this machine.

    Raises
    ------
    ConfigError
        If the preset is not known, or the arguments do not say where a file is.

    Examples
    --------
    >>> import os, time
    >>> from selector.records import Message
    >>> from selector.catalog import Route
    >>> config = ProviderConfig(kind="command", argv=["tr", "a-z", "A-Z"])
    >>> provider = CommandProvider("loud", config, environ=lambda: os.environ, clock=time.monotonic, folder=Path())
    >>> asked = Message.of({"role": "user", "content": "paris"})
    >>> provider.call(Request(route=Route(model="m", id="m"), messages=(asked,)), Patience()).text
    'PARIS'
    >>> provider.close()
    """

    def __init__(
        self,
        name: str,
        config: ProviderConfig,
        *,
        environ: Callable[[], Mapping[str, str]],
        clock: Callable[[], float],
        folder: Path,
        tz: tzinfo | None = None,
    ) -> None:
        self._settings = settings_of(name, config)
        self._environ = environ
        self._clock = clock
        self._folder = folder
        self._tz = tz
        self._places = Turnstile(self._settings.max_concurrent)
        self._lock = Lock()
        self._live: set[Run] = set()
        self._programs: dict[str | None, str] = {}
        self._closed = False

    def call(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer."""
        with closing(self._stream(request, patience, streams=False)) as chunks:
            *_, answer = chunks
        return _whole(answer)

    async def acall(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer."""
        async with aclosing(self._astream(request, patience, streams=False)) as chunks:
            *_, answer = [chunk async for chunk in chunks]
        return _whole(answer)

    def stream(self, request: Request, patience: Patience) -> Iterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`."""
        return self._stream(request, patience, streams=True)

    def astream(self, request: Request, patience: Patience) -> AsyncIterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`."""
        return self._astream(request, patience, streams=True)

    def close(self) -> None:
        """End all processes; twice is as good as once."""
        with self._lock:
            self._closed = True
            live = list(self._live)
        self._places.close()
        for run in live:
            run.stop()
        for run in live:
            run.end()

    async def aclose(self) -> None:
        """End all processes; twice is as good as once."""
        await asyncio.to_thread(self.close)

    def _stream(self, request: Request, patience: Patience, *, streams: bool) -> Generator[Chunk, None, None]:
        run = self._run(request, patience, streams=streams)
        self._places.enter(run.bounds.left_s())
        try:
            yield from self._chunks(run)
        finally:
            self._places.leave()

    async def _astream(self, request: Request, patience: Patience, *, streams: bool) -> AsyncGenerator[Chunk, None]:
        run = self._run(request, patience, streams=streams)
        await self._places.aenter(run.bounds.left_s())
        try:
            async with aclosing(in_thread(self._chunks(run), run.stop)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._places.leave()

    def _run(self, request: Request, patience: Patience, *, streams: bool) -> Run:
        output = self._settings.output
        shows = streams and output.read_as == "text" and output.source == "stdout"
        bounds = Bounds.of(patience, self._settings.max_output_bytes, streams=shows)
        prompt, system = prompt_of(request, system_apart="system_file" in named(self._settings.argv))
        return Run(self._settings, request, bounds, prompt, system, self._folder)

    def _chunks(self, run: Run) -> Generator[Chunk, None, None]:
        """Run one process; in whatever thread this is driven."""
        environ = self._environ()
        env = {name: environ[name] for name in self._settings.env if name in environ}
        with self._lock:
            if self._closed:
                raise CallFailed(Failure.CANCELLED, "the provider is closed")
            self._live.add(run)
        try:
            yield from run.chunks(self._program(env.get("PATH")), env, Now(self._clock(), self._tz))
        except CallFailed as failed:
            if failed.failure is Failure.SPAWN_FAILED:
                self._programs.clear()
            raise
        finally:
            run.end()
            with self._lock:
                self._live.discard(run)

    def _program(self, path: str | None) -> str:
        found = self._programs.get(path)
        if found is None:
            found = self._programs[path] = program(self._settings.argv[0], path, self._folder)
        return found


def _whole(last: Chunk) -> Answer:
    if isinstance(last, Answer):
        return last
    raise CallFailed(Failure.CANCELLED, "it was stopped")
