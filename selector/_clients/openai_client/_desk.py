"""What the sync and the async client in place of OpenAI's share: calls begun, outcomes recorded, models listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, Literal

from selector._clients._selector import Selector
from selector._clients.openai_client._answer import Shaper
from selector._clients.openai_client._arguments import seconds
from selector._clients.openai_client._asked import Asked, Defaults, read
from selector._clients.openai_client._shape import ChatCompletion, ChatCompletionChunk, Model, Shaped, id_in
from selector._clients.openai_client._streams import AsyncCompletionStream, CompletionStream
from selector._clients.openai_client._watch import Watched
from selector._clients.openai_client._words import AUTO, named, words_of
from selector.catalog import Catalog
from selector.errors import ConfigError, UnknownModelError
from selector.records import Outcome

__all__ = ["Answered", "Desk", "ModelList", "desk_of"]

Answered = ChatCompletion | ChatCompletionChunk | CompletionStream | AsyncCompletionStream | str
"""What names a call: its answer, a piece or the stream of it, or an id."""


class ModelList(Shaped):
    """What may be given as ``model``."""

    data: list[Model]
    object: Literal["list"] = "list"

    def __iter__(self) -> Iterator[Model]:  # type: ignore[override]  # as the pages of `openai` do
        return iter(self.data)


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes calls for one selector."""

    selector: Selector
    """Who serves them."""
    defaults: Defaults
    """What holds for all calls."""
    is_own: bool
    """Whether the selector was opened for this client alone, and is closed with it."""
    shaper: Shaper
    """Who writes the answers."""

    @property
    def catalog(self) -> Catalog:
        """The models that there are now."""
        return _catalog(self.selector)

    def begin(self, given: Mapping[str, object]) -> tuple[Asked, Watched]:
        """Read a call and begin its run: of a session that is named, a turn, or a consultation of a purpose."""
        asked = read(given, self.catalog, self.selector.config, self.defaults)
        task, check, params, streaming = asked.task, asked.check, asked.params, asked.stream
        if task.session is None:
            return asked, Watched(self.selector.flow(task, check, params, streaming=streaming))
        session = self.selector.session(task.session).live
        if task.purpose is None or streaming:
            return asked, Watched(session.flow(task, check, params, streaming=streaming))
        return asked, Watched(session.consulted(task.purpose, task, check, params))

    def record(self, answered: object, outcome: Outcome | None, fields: Mapping[str, Any]) -> None:
        """Report what came of a call."""
        if outcome is not None and fields:
            raise ConfigError(f"an Outcome and {', '.join(sorted(fields))} are given; put all of it into one of them")
        id_ = answered if isinstance(answered, str) else _id_of(answered)
        self.selector.record(id_in(id_), Outcome(**fields) if outcome is None else outcome)

    def models(self) -> ModelList:
        """List what may be given as ``model``."""
        return ModelList(data=[_model(word, self.catalog) for word in words_of(self.catalog)], object="list")

    def model(self, word: object) -> Model:
        """Find one of these."""
        known = words_of(self.catalog)
        if not isinstance(word, str) or word not in known:
            raise UnknownModelError.of(str(word), known, key="model")
        return _model(word, self.catalog)

    def changed(
        self, timeout: float | EllipsisType | None, provider: str | EllipsisType | None, max_retries: int | None
    ) -> Desk:
        """Take calls for the same selector, and say something else for all of them."""
        if max_retries is not None:
            raise ConfigError(
                f"is {max_retries!r}, and cannot be said per client: configure fallback: {{retries: {max_retries!r}}} "
                "for the same route, and max_attempts for how many routes are tried",
                key="max_retries",
            )
        found = self.defaults
        if timeout is not ...:
            found = replace(found, timeout=seconds(timeout))
        if provider is not ...:
            _check_provider(self.catalog, provider)
            found = replace(found, provider=provider)
        return replace(self, defaults=found)


def desk_of(selector: Selector, provider: str | None, timeout: float | None, *, is_own: bool) -> Desk:
    """Open a desk.

    Raises
    ------
    ConfigError
        If there is no such provider, or the time is none.
    """
    _check_provider(_catalog(selector), provider)
    shaper = Shaper(lambda: _catalog(selector))
    return Desk(selector, Defaults(provider=provider, timeout=seconds(timeout)), is_own, shaper)


def _catalog(selector: Selector) -> Catalog:
    return selector._core.mind.plan.catalog  # noqa: SLF001 - of the same room


def _check_provider(catalog: Catalog, provider: object) -> None:
    if provider is not None:
        named(AUTO, catalog, provider)


def _id_of(answered: object) -> str:
    found = answered.decision_id if isinstance(answered, (CompletionStream, AsyncCompletionStream)) else None
    found = found or getattr(answered, "id", None)
    if not isinstance(found, str):
        raise ConfigError(f"an answer, a piece or the stream of one, or an id names a call, not {answered!r:.80}")
    return found


def _model(word: str, catalog: Catalog) -> Model:
    owner = "selector"
    if word in catalog:
        owner = ", ".join(route.provider for route in catalog.model(word).routes if route.provider is not None)
    return Model(id=word, created=0, object="model", owned_by=owner or "selector")
