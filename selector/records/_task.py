"""A task: one unit of work for one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

from selector.errors import ConfigError
from selector.records._checks import MOST_USD, count, keep, mapping, mappings, number, word, words
from selector.records._message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Task"]

_WISHES = ("tools", "needs", "response_schema", "purpose", "version", "only")
"""What a task may ask beyond its type, its lengths and what it says."""
_NOTES = ("id", "labels", "metadata", "session", "max_output_tokens", "deadline_s", "retry_count")
"""What a task may say of itself that changes no choice, but is written down."""


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of work for one model.

    Everything but the type is optional; what is left out is not guessed. Prompts are kept out of the
    printed form, so that no traceback or log repeats them.

    Raises
    ------
    ConfigError
        If a field has a value that cannot be; it names the field, the value and the remedy.

    Examples
    --------
    >>> Task("coding", input_tokens=1_200, labels=["documentation"]).labels
    ('documentation',)
    >>> Task("coding", input_tokens=-3)
    Traceback (most recent call last):
    selector.errors.ConfigError: Task.input_tokens must be a whole number from 0 to 1e15, not -3
    """

    type: str
    """The kind of task, such as ``coding``: the context that beliefs are kept by."""
    _: KW_ONLY
    id: str | None = None
    """The caller's own name for the task, copied to the log."""
    prompt: str | None = field(default=None, repr=False)
    """What to do, as one text. Give this or `messages`, not both."""
    messages: Sequence[Mapping[str, object] | Message] | None = field(default=None, repr=False, hash=False)
    """What to do, as chat messages; an answer's `Run.message` is one too."""
    system: str | None = field(default=None, repr=False)
    """The system prompt."""
    tools: Sequence[Mapping[str, object]] | None = field(default=None, repr=False, hash=False)
    """The tools that the model may call, as JSON schemas."""
    needs: Sequence[str] = ()
    """The capabilities that the model must have, such as ``tools`` or ``vision``."""
    response_schema: Mapping[str, object] | None = field(default=None, repr=False, hash=False)
    """The JSON schema that the answer must fit."""
    input_tokens: int | None = None
    """How long the input is; counted from the characters when not given."""
    max_output_tokens: int | None = None
    """The longest answer allowed, >= 1: with the input, the worst case that a hard budget holds."""
    labels: Sequence[str] = ()
    """Words that rules can match and the log can be grouped by."""
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    """Facts by name, such as ``{"user": "ada"}``: for rules, and for budgets per user."""
    priority: int = 1
    """How urgent it is, >= 0; 0 is critical."""
    purpose: str | None = None
    """The purpose whose models may serve it."""
    session: str | None = None
    """The conversation it belongs to; a session keeps its model while its prompt cache is worth it."""
    version: str | None = None
    """The version of the prompt; a new one keeps 20 % of the evidence gathered under the old one."""
    only: Sequence[str] = ()
    """References of the only models that may serve it: ``NAME``, ``NAME@PROVIDER``, ``tag:NAME``. Empty: all."""
    explore: bool | None = None
    """False: take the model believed best. None: what the task type says, else True."""
    retry_count: int = 0
    """How often the caller has tried this task before."""
    deadline_s: float | None = None
    """Seconds from now in which the answer is of use, > 0."""
    max_cost_usd: float | None = None
    """The most that this task may cost, >= 0."""
    is_plain: bool = field(init=False, repr=False, compare=False, default=False)
    """Whether it asks for nothing but its type and, perhaps, a number of tokens."""
    is_text: bool = field(init=False, repr=False, compare=False, default=False)
    """Whether it asks for nothing else but what it says, and that is text."""
    is_bare: bool = field(init=False, repr=False, compare=False, default=False)
    """Whether it is plain, and says nothing of itself that would be written down."""

    def __post_init__(self) -> None:
        self._keep_words()
        self._keep_numbers()
        if self.prompt is not None and self.messages is not None:
            raise _refused("Task.prompt and Task.messages are two ways to say the same; give one of them")
        if self.explore is not None and not isinstance(self.explore, bool):
            raise _refused(f"Task.explore must be True, False or None, not {self.explore!r}")
        schema = mapping("Task.response_schema", self.response_schema, _refused)
        keep(self, metadata=mapping("Task.metadata", self.metadata, _refused) or {}, response_schema=schema)
        wishes = any(getattr(self, name) for name in _WISHES) or self.explore is False or self.max_cost_usd is not None
        notes = any(getattr(self, name) for name in _NOTES) or self.priority != 1
        said = self.prompt or self.system or self.messages
        text = bool(said) and not wishes and all(_is_text(message) for message in self.messages or ())
        plain = not (wishes or said)
        keep(self, is_plain=plain, is_text=text, is_bare=plain and not notes)

    def _keep_words(self) -> None:
        if word("Task.type", self.type, _refused) is None:
            raise _refused("Task.type must be a word, not None")
        for name in ("id", "purpose", "session", "version"):
            word(f"Task.{name}", getattr(self, name), _refused)
        for name in ("prompt", "system"):
            text = getattr(self, name)
            if text is not None and not isinstance(text, str):
                raise _refused(f"Task.{name} must be a text, not a {type(text).__name__}")
        lists = {name: words(f"Task.{name}", getattr(self, name), _refused) for name in ("needs", "labels", "only")}
        chat = {name: mappings(f"Task.{name}", _plain(getattr(self, name)), _refused) for name in ("messages", "tools")}
        keep(self, **lists, **chat)

    def _keep_numbers(self) -> None:
        kept = {
            name: count(f"Task.{name}", getattr(self, name), _refused)
            for name in ("input_tokens", "max_output_tokens", "priority", "retry_count")
        }
        for name in ("priority", "retry_count"):
            if kept[name] is None:
                raise _refused(f"Task.{name} must be a whole number of at least 0, not None")
        if kept["max_output_tokens"] == 0:
            raise _refused(
                "Task.max_output_tokens must be at least 1, not 0; leave it out for no limit of the task's own"
            )
        deadline = number("Task.deadline_s", self.deadline_s, _refused)
        if deadline == 0:
            raise _refused("Task.deadline_s must be more than 0 seconds, not 0; leave it out for no deadline")
        most = number("Task.max_cost_usd", self.max_cost_usd, _refused, high=MOST_USD)
        keep(self, **kept, deadline_s=deadline, max_cost_usd=most)


def _is_text(message: object) -> bool:
    """Tell whether a message, a mapping by now, says nothing but text."""
    said = message.get("content") if isinstance(message, Mapping) else None
    return said is None or isinstance(said, str)


def _plain(given: object) -> object:
    """Turn messages into the mappings they stand for."""
    if isinstance(given, (list, tuple)) and any(isinstance(each, Message) for each in given):
        return [each.as_chat() if isinstance(each, Message) else each for each in given]
    return given


def _refused(message: str) -> ConfigError:
    return ConfigError(message)
