"""A client in place of OpenAI's: the calls that its users know, served by the model that the task is best served by."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import EllipsisType, TracebackType
from typing import Any, Literal, Self, overload

from selector._clients._selector import Selector
from selector._clients.calls._drive import Stream, drive
from selector._clients.openai_client._answer import Telling
from selector._clients.openai_client._desk import Answered, Desk, ModelList, desk_of
from selector._clients.openai_client._errors import plainly
from selector._clients.openai_client._shape import ChatCompletion, Model
from selector._clients.openai_client._streams import CompletionStream
from selector.errors import ConfigError
from selector.records import Outcome

__all__ = ["Chat", "Client", "Completions", "Models", "create_client"]


class Completions:
    """What is under ``client.chat.completions``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @overload
    def create(
        self, *, messages: Iterable[object], model: str = ..., stream: Literal[False] | None = ..., **params: object
    ) -> ChatCompletion: ...

    @overload
    def create(
        self, *, messages: Iterable[object], model: str = ..., stream: Literal[True], **params: object
    ) -> CompletionStream: ...

    @overload
    def create(
        self, *, messages: Iterable[object], model: str = ..., stream: bool | None = ..., **params: object
    ) -> ChatCompletion | CompletionStream: ...

    def create(
        self, *, messages: Iterable[object], model: str = "auto", stream: bool | None = None, **params: object
    ) -> ChatCompletion | CompletionStream:
        """Make a call.

        Parameters
        ----------
        messages
            The conversation: mappings, answers of this client, or objects of the ``openai`` package.
        model
            ``auto``; ``auto:TYPE``; a model's name; ``NAME@PROVIDER``; ``purpose:NAME``, or the name alone;
            ``tag:NAME``; or what a provider calls a model. The chosen model is the answer's `model`.
        stream
            Whether the answer is wanted as it comes.
        **params
            The other parameters that OpenAI's call has. ``tools`` and what answers them go to models that declare
            the capability. ``response_format`` is checked, and an answer that does not fit falls back. ``metadata``
            and ``user`` are facts of the task, for rules and budgets; ``metadata={"task_type": ...}`` is its type
            where the model does not say it, else it is ``chat``. ``timeout`` is for the whole call with all that is
            tried in it. ``provider`` restricts the call to one provider, also within ``extra_body``; there,
            ``selector`` may say more of the task, such as ``{"labels": [...], "priority": 0}``; with a ``session`` in
            it the call is a turn of that conversation, see `Selector.session`, or where the model names a purpose a
            consultation of it. All else is sent as it is. What a provider's format has no word for is named in
            ``selector.left_out`` of the answer; what is not supported at all, such as ``n=2``, is refused.

        Returns
        -------
        ChatCompletion or CompletionStream
            The answer in OpenAI's shape; ``decision_id`` names it for `Client.record`, ``selector`` says how it was
            served. A stream's first piece is waited for.

        Raises
        ------
        ConfigError
            If a parameter is unknown, not supported, or has a value that cannot be.
        UnknownModelError
            If the model names nothing; it names the nearest.
        RateLimitError, APITimeoutError, InternalServerError, ...
            If all that was tried failed for one kind of reason: the error of the last attempt, from the group of all.
        AllAttemptsFailedError
            If it failed for several kinds of reasons.
        NoEligibleModelError
            If no model may serve it, such as none that can call tools.
        BudgetExceededError
            If none fits what is left of a hard budget.
        """
        asked, watched = self._desk.begin({"messages": messages, "model": model, "stream": stream, **params})
        run = self._desk.selector.run
        if asked.stream:
            telling = Telling(asked, watched, self._desk.shaper)
            return CompletionStream(Stream(watched.steps(), run), telling).begin()
        with plainly():
            return self._desk.shaper.completion(drive(watched.steps(), run), asked, watched)


class Chat:
    """What is under ``client.chat``."""

    def __init__(self, desk: Desk) -> None:
        self.completions = Completions(desk)


class Models:
    """What is under ``client.models``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list(self) -> ModelList:
        """List what may be given as ``model``: ``auto``, purposes, and the models by name."""
        return self._desk.models()

    def retrieve(self, model: str) -> Model:
        """Find one of these.

        Raises
        ------
        UnknownModelError
            If there is none; it names the nearest.
        """
        return self._desk.model(model)


class Client:
    """A client in place of ``openai.OpenAI``; make it with `create_client`.

    Code that calls ``client.chat.completions.create(...)`` and reads its answer runs as it is. Threads may share it.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Selector, create_client
    >>> from selector.testing import FakeProvider
    >>> config = {
    ...     "providers": {"home": {"kind": "openai", "base_url": "http://localhost:11434/v1"}},
    ...     "models": {"llama": {"provider": "home", "usd_per_mtok_in": 0, "usd_per_mtok_out": 0}},
    ... }
    >>> paris = {"home": FakeProvider("Paris")}
    >>> with tempfile.TemporaryDirectory() as folder, Selector.open(config, state=folder, providers=paris) as selector:
    ...     client = create_client(selector=selector)
    ...     asked = [{"role": "user", "content": "The capital of France?"}]
    ...     answer = client.chat.completions.create(model="auto:geography", messages=asked)
    ...     client.record(answer, score=1, source="human")
    >>> answer.choices[0].message.content, answer.model, answer.selector.task_type
    ('Paris', 'llama', 'geography')
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.chat = Chat(desk)
        self.models = Models(desk)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._desk.selector!r})"

    @property
    def selector(self) -> Selector:
        """Who serves the calls: its `status`, `beliefs` and `explain` are of them."""
        return self._desk.selector

    def with_options(
        self,
        *,
        timeout: float | EllipsisType | None = ...,
        provider: str | EllipsisType | None = ...,
        max_retries: int | None = None,
    ) -> Self:
        """Make a client of the same selector that says something else for all its calls.

        Parameters
        ----------
        timeout
            Seconds for a whole call; None: as configured.
        provider
            The only provider that may serve; None: any.
        max_retries
            Is refused: how often what is tried again is configured, as ``fallback: {retries: N}``.
        """
        return type(self)(self._desk.changed(timeout, provider, max_retries))

    copy = with_options

    def record(self, answered: Answered, outcome: Outcome | None = None, **fields: Any) -> None:  # noqa: ANN401 - `Outcome`'s
        """Report what came of a call: how good its answer was, or what else is known by now.

        Parameters
        ----------
        answered
            The answer, a piece or the stream of it, or an id of either.
        outcome
            What is known.
        **fields
            The same, by the names of an `Outcome`, such as ``score=1, source="tests"`` or ``success=True``.

        Raises
        ------
        UnknownDecisionError
            If no such call was made in this state folder.
        InvalidOutcomeError
            If it cannot be, or contradicts what was reported before.
        """
        self._desk.record(answered, outcome, fields)

    def close(self) -> None:
        """Close the selector, if it was opened for this client; one that was given stays open."""
        if self._desk.is_own:
            self._desk.selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def create_client(
    provider: str | None = None,
    *,
    config: object = None,
    state: str | os.PathLike[str] | None = None,
    selector: Selector | None = None,
    timeout: float | None = None,
) -> Client:
    """Make a client in place of ``openai.OpenAI``.

    Parameters
    ----------
    provider
        The only provider that may serve, by its name in the configuration; None: any.
    config, state
        What to open, as for `Selector.open`: a path, a mapping or a `Config`, and the state folder.
    selector
        One that is open already, instead; it is not closed with the client.
    timeout
        Seconds for a whole call with all that is tried in it; None: as configured.

    Returns
    -------
    Client
        Use it in a ``with`` block, or close it.

    Raises
    ------
    ConfigError
        If the configuration is wrong, or there is no such provider.
    StateError
        If the folder cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> config = {
    ...     "providers": {"home": {"kind": "openai", "base_url": "http://localhost:11434/v1"}},
    ...     "models": {"llama": {"provider": "home", "usd_per_mtok_in": 0, "usd_per_mtok_out": 0}},
    ... }
    >>> with tempfile.TemporaryDirectory() as folder, create_client("home", config=config, state=folder) as client:
    ...     [model.id for model in client.models.list()]
    ['auto', 'llama']
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     create_client("hme", config=config, state=folder)
    Traceback (most recent call last):
    selector.errors.ConfigError: provider: unknown provider 'hme'; did you mean 'home'?
    """
    if selector is not None:
        if not isinstance(selector, Selector):
            raise ConfigError(f"must be a Selector, not a {type(selector).__name__}", key="selector")
        if config is not None or state is not None:
            raise ConfigError("is open already, with its own config and state; leave those out", key="selector")
        return Client(desk_of(selector, provider, timeout, is_own=False))
    opened = Selector.open(config, state=state)
    try:
        return Client(desk_of(opened, provider, timeout, is_own=True))
    except ConfigError:
        opened.close()
        raise
