"""What a client in place of OpenAI's answers: records with the names and the fields of the ``openai`` package.

What they hold is what users of that package read: ``completion.choices[0].message.content``, ``.usage.total_tokens``,
``.model_dump()``. One field is ours, `Served`; a parser of OpenAI's objects keeps it as one that it does not know.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PrivateAttr

from selector.records import Message, Usage

__all__ = [
    "PREFIX",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatCompletionMessage",
    "Choice",
    "ChoiceDelta",
    "ChunkChoice",
    "CompletionTokensDetails",
    "CompletionUsage",
    "Function",
    "FunctionDelta",
    "Model",
    "PromptTokensDetails",
    "Served",
    "ToolCall",
    "ToolCallDelta",
    "id_in",
]

PREFIX = "chatcmpl-"
"""What stands before the decision's id in the id of an answer."""

Finish = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why an answer ended."""


def id_in(id_: str) -> str:
    """Find the decision's id in the id of an answer; one that stands alone is passed on.

    Examples
    --------
    >>> id_in("chatcmpl-d1"), id_in("d1")
    ('d1', 'd1')
    """
    return id_.removeprefix(PREFIX)


class Shaped(BaseModel):
    """A record of OpenAI's shape: read by attributes, written as mappings or JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def to_dict(self) -> dict[str, Any]:
        """Write what was set as a mapping, as ``openai`` does: ``model_dump`` has the fields that are empty, too."""
        return self.model_dump(exclude_unset=True)

    def to_json(self, *, indent: int | None = 2) -> str:
        """Write what was set as JSON."""
        return self.model_dump_json(exclude_unset=True, indent=indent)


class Function(Shaped):
    """Which tool is called, and with what."""

    arguments: str
    """JSON, as the model wrote it: it may be broken."""
    name: str


class ToolCall(Shaped):
    """A tool that the model wants called."""

    id: str
    function: Function
    type: Literal["function"] = "function"


class ChatCompletionMessage(Shaped):
    """What the model said. Put it into the next call's messages as it is, or as its ``model_dump()``.

    As it is, it brings along what that shape has no place for, such as a signed thought that its provider wants back.
    """

    content: str | None = None
    """Its text; None: it calls tools alone."""
    refusal: str | None = None
    """What the provider says where it declined a part."""
    role: Literal["assistant"] = "assistant"
    annotations: list[dict[str, Any]] | None = None
    """What its text cites, where the provider says so."""
    audio: None = None
    function_call: None = None
    tool_calls: list[ToolCall] | None = None
    """The tools that it wants called."""
    _whole: Message | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, whole: Message, **fields: Any) -> ChatCompletionMessage:  # noqa: ANN401 - the fields above
        """Make one that remembers the message that it stands for."""
        found = cls(**fields)
        found._whole = whole
        return found

    @property
    def whole(self) -> Message | None:
        """The message that it stands for; None: nobody said."""
        return self._whole


class Choice(Shaped):
    """The answer: there is one."""

    finish_reason: Finish
    index: int = 0
    logprobs: None = None
    message: ChatCompletionMessage


class CompletionTokensDetails(Shaped):
    """What the answer's tokens were."""

    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    """Thinking that is billed and not shown."""
    rejected_prediction_tokens: int | None = None


class PromptTokensDetails(Shaped):
    """What the input's tokens were."""

    audio_tokens: int | None = None
    cache_write_tokens: int | None = None
    """Written to the provider's prompt cache."""
    cached_tokens: int | None = None
    """Read from the provider's prompt cache."""


class CompletionUsage(Shaped):
    """What the call that answered used; `Served.cost_usd` has the calls before it, too."""

    completion_tokens: int
    """The answer, reasoning included."""
    prompt_tokens: int
    """The input, cached or not."""
    total_tokens: int
    completion_tokens_details: CompletionTokensDetails | None = None
    prompt_tokens_details: PromptTokensDetails | None = None

    @classmethod
    def of(cls, used: Usage) -> CompletionUsage:
        """Write a usage, whose classes are disjoint, as OpenAI does, where totals hold their details.

        Examples
        --------
        >>> said = CompletionUsage.of(Usage(input_tokens=5, cache_read_tokens=3, output_tokens=2, reasoning_tokens=4))
        >>> said.prompt_tokens, said.completion_tokens, said.total_tokens
        (8, 6, 14)
        """
        prompt, answer = used.context_tokens, (used.output_tokens or 0) + (used.reasoning_tokens or 0)
        cached = PromptTokensDetails(
            audio_tokens=0, cached_tokens=used.cache_read_tokens or 0, cache_write_tokens=used.cache_write_tokens or 0
        )
        return cls(
            completion_tokens=answer,
            prompt_tokens=prompt,
            total_tokens=prompt + answer,
            completion_tokens_details=CompletionTokensDetails(
                audio_tokens=0, reasoning_tokens=used.reasoning_tokens or 0
            ),
            prompt_tokens_details=cached,
        )


class Served(Shaped):
    """How a call was served: what OpenAI's shape has no place for."""

    decision_id: str
    """The decision, by which an outcome is reported; ``client.record(completion, ...)`` knows it."""
    task_type: str
    model: str
    """The model that answered, by its name in the configuration."""
    provider: str | None
    """Who served it."""
    route: str
    """Both: ``MODEL@PROVIDER``."""
    reason: str
    """Why the model that was asked first was chosen, such as ``policy`` or ``rule``."""
    snapshot: str | None = None
    """The model that the provider says answered, such as ``gpt-4o-2024-08-06``."""
    finish: str = "stop"
    """Why it ended, in the provider's word where it has one of its own."""
    n_attempts: int = 1
    """How many calls it took."""
    cost_usd: float | None = None
    """What all of them cost; None: nobody knows."""
    latency_s: float | None = None
    """Seconds from the first call to the whole answer."""
    estimated: bool = False
    """Whether the provider never said what was used, and that was counted from the characters."""
    score: float | None = None
    """What the configured check says of the answer; None: it was not checked."""
    left_out: list[str] = []
    """The parameters that the answering provider's format has no word for, and that were not sent to it."""


class _Told(Shaped):
    id: str

    @property
    def decision_id(self) -> str:
        """The decision, by which an outcome is reported."""
        return id_in(self.id)

    @property
    def _request_id(self) -> str:
        """What ``openai`` calls the id of a call: the decision's."""
        return self.decision_id


class ChatCompletion(_Told):
    """A whole answer.

    Examples
    --------
    >>> said = ChatCompletionMessage(content="Paris")
    >>> choice = Choice(finish_reason="stop", message=said)
    >>> answer = ChatCompletion(id="chatcmpl-d1", choices=[choice], created=0, model="haiku")
    >>> answer.decision_id, answer.choices[0].message.content, answer.to_dict()["choices"][0]["message"]
    ('d1', 'Paris', {'content': 'Paris'})
    """

    choices: list[Choice]
    created: int
    """When the decision was made, in seconds since 1970."""
    model: str
    """The model that answered, by its name in the configuration: it may be given as ``model`` of the next call."""
    object: Literal["chat.completion"] = "chat.completion"
    service_tier: None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None
    selector: Served | None = None
    """How it was served: the decision, the route, the cost."""


class FunctionDelta(Shaped):
    """A piece of which tool is called, and with what."""

    arguments: str | None = None
    name: str | None = None


class ToolCallDelta(Shaped):
    """A piece of a tool's call; each call comes as one piece."""

    index: int
    id: str | None = None
    function: FunctionDelta | None = None
    type: Literal["function"] | None = None


class ChoiceDelta(Shaped):
    """A piece of the answer."""

    content: str | None = None
    function_call: None = None
    refusal: str | None = None
    role: Literal["assistant"] | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChunkChoice(Shaped):
    """The answer, of which a piece came."""

    delta: ChoiceDelta
    finish_reason: Finish | None = None
    index: int = 0
    logprobs: None = None


class ChatCompletionChunk(_Told):
    """A piece of a streamed answer."""

    choices: list[ChunkChoice]
    created: int
    model: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    service_tier: None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None
    selector: Served | None = None
    """How it was served; on the piece that ends the answer alone."""


class Model(Shaped):
    """What may be given as ``model``."""

    id: str
    created: int = 0
    object: Literal["model"] = "model"
    owned_by: str
    """Who serves it; ``selector`` where that is chosen by the task."""
