"""Runs and their events, written in OpenAI's shape."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from selector._clients.openai_client._asked import Asked
from selector._clients.openai_client._shape import (
    PREFIX,
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    Choice,
    ChoiceDelta,
    ChunkChoice,
    CompletionUsage,
    Finish,
    Function,
    FunctionDelta,
    Served,
    ToolCall,
    ToolCallDelta,
)
from selector._clients.openai_client._watch import Watched
from selector.catalog import Catalog
from selector.errors import APIConnectionError
from selector.records import DoneEvent, Event, Message, Run, SwitchedEvent, TextEvent, ToolCallEvent

__all__ = ["LEFT_OUT", "Shaper", "Telling", "finish_of", "left_out"]

_logger = logging.getLogger("selector")
_FINISHES: dict[str, Finish] = {word: word for word in get_args(Finish)}
LEFT_OUT: Mapping[str, frozenset[str]] = {
    "anthropic": frozenset(
        [
            "frequency_penalty",
            "logit_bias",
            "prediction",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "response_format",
            "safety_identifier",
            "seed",
            "store",
            "user",
            "verbosity",
            "web_search_options",
        ]
    ),
    "openai-responses": frozenset(
        ["frequency_penalty", "logit_bias", "prediction", "presence_penalty", "seed", "stop", "web_search_options"]
    ),
}
"""The parameters that a kind of provider has no word for, and that are not sent to it; a command knows none."""


def left_out(kind: str, params: Mapping[str, object]) -> list[str]:
    """Name the parameters that were not sent.

    Examples
    --------
    >>> left_out("anthropic", {"seed": 1, "temperature": 0}), left_out("command", {"temperature": 0})
    (['seed'], ['temperature'])
    """
    return sorted(params) if kind == "command" else sorted(LEFT_OUT.get(kind, frozenset()) & params.keys())


class Shaper:
    """Writes what came of runs.

    Parameters
    ----------
    catalog
        Gives the models and providers that there are.
    """

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog
        self._warned: set[tuple[str, ...]] = set()

    def completion(self, run: Run, asked: Asked, watched: Watched) -> ChatCompletion:
        """Write a run that has an answer."""
        assert run.decision is not None  # noqa: S101 - it answered
        assert run.message is not None  # noqa: S101 - likewise
        served = self.served(run, asked, watched)
        said = _message(run.message)
        return ChatCompletion(
            id=PREFIX + run.decision.id,
            choices=[Choice(finish_reason=finish_of(run, watched), index=0, logprobs=None, message=said)],
            created=int(run.decision.at_s),
            model=served.model,
            object="chat.completion",
            usage=CompletionUsage.of(run.attempts[-1].usage),
            selector=served,
        )

    def served(self, run: Run, asked: Asked, watched: Watched) -> Served:
        """Write how it was served."""
        decision, last = run.decision, run.attempts[-1]
        assert decision is not None  # noqa: S101 - it answered
        route = last.route or last.model
        provider = route[len(last.model) + 1 :] or None
        return Served(
            decision_id=decision.id,
            task_type=decision.task_type,
            model=last.model,
            provider=provider,
            route=route,
            reason=decision.reason.value,
            snapshot=last.snapshot,
            finish="stop" if watched.answer is None else watched.answer.finish,
            n_attempts=len(run.attempts),
            cost_usd=run.cost_usd,
            latency_s=run.latency_s,
            estimated=last.estimated,
            score=last.score,
            left_out=self._left_out(route, provider, asked),
        )

    def _left_out(self, route: str, provider: str | None, asked: Asked) -> list[str]:
        providers = self._catalog().providers
        found: list[str] = []
        if provider is not None and provider in providers:
            found = left_out(providers[provider].kind, asked.params)
        if found and (route, *found) not in self._warned:
            self._warned.add((route, *found))
            _logger.warning("%s has no word for %s, and was asked without it", route, ", ".join(found))
        return found


def finish_of(run: Run, watched: Watched) -> Finish:
    """Say why an answer ended, in one of OpenAI's words."""
    found = _FINISHES.get("stop" if watched.answer is None else watched.answer.finish, "stop")
    return "tool_calls" if found == "stop" and run.tool_calls else found


def _message(message: Message) -> ChatCompletionMessage:
    said: dict[str, object] = {"content": message.text or None, "refusal": None, "role": "assistant"}
    if isinstance(message.extra.get("refusal"), str):
        said["refusal"] = message.extra["refusal"]
    if isinstance(message.extra.get("annotations"), list):
        said["annotations"] = message.extra["annotations"]
    if message.tool_calls:
        said["tool_calls"] = [
            ToolCall(id=call.id, function=Function(arguments=call.arguments, name=call.name), type="function")
            for call in message.tool_calls
        ]
    return ChatCompletionMessage.of(message, **said)


class Telling:
    """Writes a stream's events as pieces in OpenAI's shape.

    Parameters
    ----------
    asked
        What was asked.
    watched
        The run.
    shaper
        Who writes how it was served.
    """

    def __init__(self, asked: Asked, watched: Watched, shaper: Shaper) -> None:
        self._asked, self._watched, self._shaper = asked, watched, shaper
        self._began = False
        self._n_calls = self._n_letters = 0
        self.served: Served | None = None
        """How it was served, once it is over."""

    @property
    def decision_id(self) -> str | None:
        """The decision, once there is one."""
        return None if self._watched.decision is None else self._watched.decision.id

    def pieces(self, event: Event) -> Iterator[ChatCompletionChunk]:
        """Write one event.

        Raises
        ------
        APIConnectionError
            If what was told already would have to be taken back, which this shape has no word for.
        """
        match event:
            case TextEvent():
                yield from self._begin("")
                self._n_letters += len(event.text)
                yield self._piece(ChoiceDelta(content=event.text))
            case ToolCallEvent():
                yield from self._begin(None)
                yield self._piece(ChoiceDelta(tool_calls=[self._call(event)]))
            case SwitchedEvent() if event.restarted and self._began:
                raise APIConnectionError(
                    f"{event.left}: {event.failure.value} after {self._n_letters} characters, and the answer would "
                    f"begin anew at {event.route}, which a stream of this shape cannot tell; configure fallback: "
                    "{on_midstream_failure: continue}, or do without stream=True",
                    failure=event.failure.value,
                    route=event.left,
                )
            case DoneEvent():
                yield from self._begin("")
                yield from self._end(event.run)

    def _begin(self, content: str | None) -> Iterator[ChatCompletionChunk]:
        if not self._began:
            self._began = True
            yield self._piece(ChoiceDelta(role="assistant", content=content))

    def _call(self, event: ToolCallEvent) -> ToolCallDelta:
        call, index = event.tool_call, self._n_calls
        self._n_calls += 1
        function = FunctionDelta(arguments=call.arguments, name=call.name)
        return ToolCallDelta(index=index, id=call.id, function=function, type="function")

    def _end(self, run: Run) -> Iterator[ChatCompletionChunk]:
        self.served = self._shaper.served(run, self._asked, self._watched)
        refusal = None if run.message is None else run.message.extra.get("refusal")
        if isinstance(refusal, str):
            yield self._piece(ChoiceDelta(refusal=refusal))
        last = self._piece(ChoiceDelta(), finish=finish_of(run, self._watched))
        yield last.model_copy(update={"selector": self.served})
        if self._asked.include_usage:
            yield self._chunk([], usage=CompletionUsage.of(run.attempts[-1].usage))

    def _piece(self, delta: ChoiceDelta, finish: Finish | None = None) -> ChatCompletionChunk:
        return self._chunk([ChunkChoice(delta=delta, finish_reason=finish, index=0, logprobs=None)])

    def _chunk(self, choices: list[ChunkChoice], usage: CompletionUsage | None = None) -> ChatCompletionChunk:
        decision, route = self._watched.decision, self._watched.route
        assert decision is not None  # noqa: S101 - a call was made
        assert route is not None  # noqa: S101 - likewise
        return ChatCompletionChunk(
            id=PREFIX + decision.id,
            choices=choices,
            created=int(decision.at_s),
            model=route.model,
            object="chat.completion.chunk",
            usage=usage,
        )
