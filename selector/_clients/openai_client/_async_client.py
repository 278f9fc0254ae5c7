"""The same client for asynchronous programs, in place of ``openai.AsyncOpenAI``."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Generator, Iterable
from types import EllipsisType, TracebackType
from typing import Any, Literal, Self, overload

from selector._clients._async import AsyncSelector
from selector._clients._selector import Selector
from selector._clients.calls._drive_async import AsyncStream, drive_async
from selector._clients.openai_client._answer import Telling
from selector._clients.openai_client._desk import Answered, Desk, ModelList, desk_of
from selector._clients.openai_client._errors import plainly
from selector._clients.openai_client._shape import ChatCompletion, Model
from selector._clients.openai_client._streams import AsyncCompletionStream
from selector.errors import ConfigError
from selector.records import Outcome

__all__ = ["AsyncChat", "AsyncClient", "AsyncCompletions", "AsyncModels", "create_async_client"]


class AsyncCompletions:
    """What is under ``client.chat.completions``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._run = AsyncSelector(desk.selector).run

    @overload
    async def create(
        self, *, messages: Iterable[object], model: str = ..., stream: Literal[False] | None = ..., **params: object
    ) -> ChatCompletion: ...

    @overload
    async def create(
        self, *, messages: Iterable[object], model: str = ..., stream: Literal[True], **params: object
    ) -> AsyncCompletionStream: ...

    @overload
    async def create(
        self, *, messages: Iterable[object], model: str = ..., stream: bool | None = ..., **params: object
    ) -> ChatCompletion | AsyncCompletionStream: ...

    async def create(
        self, *, messages: Iterable[object], model: str = "auto", stream: bool | None = None, **params: object
    ) -> ChatCompletion | AsyncCompletionStream:
        """Make a call; see `Completions.create`.

        Cancelled, the call ends, what is held is let go of, and nothing is recorded but that.
        """
        asked, watched = self._desk.begin({"messages": messages, "model": model, "stream": stream, **params})
        if asked.stream:
            telling = Telling(asked, watched, self._desk.shaper)
            return await AsyncCompletionStream(AsyncStream(watched.steps(), self._run), telling).begin()
        with plainly():
            run = await drive_async(watched.steps(), self._run)
            return self._desk.shaper.completion(run, asked, watched)


class AsyncChat:
    """What is under ``client.chat``."""

    def __init__(self, desk: Desk) -> None:
        self.completions = AsyncCompletions(desk)


class _Listed:
    """A list that is awaited or read with ``async for``, as the pages of ``openai`` are."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __await__(self) -> Generator[Any, None, ModelList]:
        return self._found().__await__()

    async def _found(self) -> ModelList:
        return self._desk.models()

    async def __aiter__(self) -> AsyncIterator[Model]:
        for model in self._desk.models():
            yield model


class AsyncModels:
    """What is under ``client.models``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list(self) -> _Listed:
        """List what may be given as ``model``; see `Models.list`."""
        return _Listed(self._desk)

    async def retrieve(self, model: str) -> Model:
        """Find one of these; see `Models.retrieve`."""
        return self._desk.model(model)


class AsyncClient:
    """A client in place of ``openai.AsyncOpenAI``; make it with `create_async_client`. See `Client`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.chat = AsyncChat(desk)
        self.models = AsyncModels(desk)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._desk.selector!r})"

    @property
    def selector(self) -> AsyncSelector:
        """Who serves the calls: its `status`, `beliefs` and `explain` are of them."""
        return AsyncSelector(self._desk.selector)

    def with_options(
        self,
        *,
        timeout: float | EllipsisType | None = ...,
        provider: str | EllipsisType | None = ...,
        max_retries: int | None = None,
    ) -> Self:
        """Make a client of the same selector that says something else for all its calls; see `Client.with_options`."""
        return type(self)(self._desk.changed(timeout, provider, max_retries))

    copy = with_options

    def record(self, answered: Answered, outcome: Outcome | None = None, **fields: Any) -> None:  # noqa: ANN401 - `Outcome`'s
        """Report what came of a call; see `Client.record`. It takes microseconds, and is not awaited."""
        self._desk.record(answered, outcome, fields)

    async def close(self) -> None:
        """Close the selector, if it was opened for this client; one that was given stays open."""
        if self._desk.is_own:
            await self._desk.selector.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def create_async_client(
    provider: str | None = None,
    *,
    config: object = None,
    state: str | os.PathLike[str] | None = None,
    selector: AsyncSelector | Selector | None = None,
    timeout: float | None = None,
) -> AsyncClient:
    """Make a client in place of ``openai.AsyncOpenAI``; see `create_client`.

    Parameters
    ----------
    provider, config, state, timeout
        As for `create_client`.
    selector
        One that is open already, instead; it is not closed with the client.

    Raises
    ------
    ConfigError
        If the configuration is wrong, or there is no such provider.
    StateError
        If the folder cannot be used.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from selector.testing import FakeProvider
    >>> config = {
    ...     "providers": {"home": {"kind": "openai", "base_url": "http://localhost:11434/v1"}},
    ...     "models": {"llama": {"provider": "home", "usd_per_mtok_in": 0, "usd_per_mtok_out": 0}},
    ... }
    >>> async def main(folder):
    ...     paris = {"home": FakeProvider("Paris it is")}
    ...     async with AsyncSelector.open(config, state=folder, providers=paris) as selector:
    ...         client = create_async_client(selector=selector)
    ...         asked = [{"role": "user", "content": "The capital of France?"}]
    ...         stream = await client.chat.completions.create(messages=asked, stream=True)
    ...         return [chunk.choices[0].delta.content async for chunk in stream]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asyncio.run(main(folder))
    ['', 'Paris ', 'it ', 'is', None]
    """
    if selector is not None:
        if not isinstance(selector, (AsyncSelector, Selector)):
            raise ConfigError(f"must be an AsyncSelector, not a {type(selector).__name__}", key="selector")
        if config is not None or state is not None:
            raise ConfigError("is open already, with its own config and state; leave those out", key="selector")
        plain = selector if isinstance(selector, Selector) else selector._selector  # noqa: SLF001 - of the same room
        return AsyncClient(desk_of(plain, provider, timeout, is_own=False))
    opened = Selector.open(config, state=state)
    try:
        return AsyncClient(desk_of(opened, provider, timeout, is_own=True))
    except ConfigError:
        opened.close()
        raise
