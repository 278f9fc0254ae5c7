"""How a fake is told what to answer, and how to fail: replies, faults, and scripts of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from threading import Lock

import numpy as np

from selector.errors import ConfigError, nearest
from selector.execution import Answer, CallFailed
from selector.records import Failure, ToolCall, Usage

__all__ = ["Fault", "Reply", "Script", "Step", "Steps", "flaky", "settled"]

_BY_STATUS = {
    400: Failure.BAD_REQUEST,
    401: Failure.AUTH,
    403: Failure.AUTH,
    404: Failure.NOT_FOUND,
    408: Failure.TIMEOUT,
    413: Failure.CONTEXT_TOO_LONG,
    429: Failure.RATE_LIMITED,
    500: Failure.SERVER_ERROR,
    502: Failure.SERVER_ERROR,
    503: Failure.OVERLOADED,
    504: Failure.TIMEOUT,
    529: Failure.OVERLOADED,
}
_BY_KIND: dict[str, Failure | None] = {
    "cut": Failure.CONNECTION,
    "empty": Failure.EMPTY_ANSWER,
    "error_event": Failure.OVERLOADED,
    "foreign_reasoning": Failure.BAD_REQUEST,
    "malformed_json": Failure.SERVER_ERROR,
    "malformed_sse": Failure.SERVER_ERROR,
    "no_usage": None,
    "reset": Failure.CONNECTION,
    "stall": Failure.TIMEOUT,
    "stall_body": Failure.TIMEOUT,
    "trickle": None,
    "wrong_content_type": Failure.SERVER_ERROR,
}
_MIDWAY = frozenset({"cut", "error_event", "malformed_sse", "stall_body"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a fake answers, how fast, and where it breaks off.

    Examples
    --------
    >>> Reply("Paris is it").pieces
    ('Paris ', 'is ', 'it')
    >>> Reply(chunks=["Par", "is"], fail_after=1, then=Failure.OVERLOADED).text
    'Paris'
    """

    text: str = ""
    """The answer; the chunks joined, where there are chunks."""
    _: KW_ONLY
    tool_calls: Sequence[ToolCall] = ()
    """The tools to be called, after the text."""
    reasoning: str = ""
    """What the model thinks before it answers."""
    chunks: Sequence[str] | None = None
    """The pieces in which a stream brings the text; None: word by word."""
    usage: Usage | None = None
    """What it used; None: a quarter of a token for each character asked and answered."""
    says_usage: bool = True
    """Whether the usage is told."""
    delay_s: float = 0.0
    """Seconds before anything comes."""
    gap_s: float = 0.0
    """Seconds between pieces."""
    fail_after: int | None = None
    """After how many pieces of the text it breaks off; None: not, or after all of them where `then` says how."""
    then: Failure | CallFailed | Fault | None = None
    """How it breaks off; None: the connection is cut, where `fail_after` says when."""
    finish: str | None = None
    """Why it ended, in OpenAI's words; None: ``stop``, or ``tool_calls`` where there are some."""
    snapshot: str | None = None
    """The model that it says answered; None: the one that was asked."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers, of a server, such as ``x-ratelimit-remaining-requests``."""
    answer: Answer | None = None
    """The whole answer as it is, for `FakeProvider`, beside the parts of it above."""

    def __post_init__(self) -> None:
        if self.chunks is not None:
            if self.text and self.text != "".join(self.chunks):
                raise ConfigError("Reply.text and Reply.chunks say different things; give one of them")
            object.__setattr__(self, "text", "".join(self.chunks))
        for name in ("delay_s", "gap_s", "fail_after"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigError(f"Reply.{name} must be at least 0, not {value!r}")

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text in the pieces in which a stream brings it."""
        if self.chunks is not None:
            return tuple(self.chunks)
        return tuple(re.findall(r"\s*\S+\s*|\s+", self.text))

    @property
    def break_off(self) -> tuple[int, Failure | CallFailed | Fault] | None:
        """After how many pieces it breaks off, and how; None: it does not."""
        if self.fail_after is None and self.then is None:
            return None
        n = len(self.pieces)
        return n if self.fail_after is None else min(self.fail_after, n), self.then or Failure.CONNECTION


@dataclass(frozen=True, slots=True)
class Fault:
    """How a call goes wrong, as it looks from outside.

    Parameters
    ----------
    kind
        What goes wrong: an HTTP status, a `Failure` or its name, which each vendor words in its own way (so
        ``"context_too_long"``, ``"content_policy"``, ``"quota_exhausted"``), or one of

        - ``stall``: no answer, not even headers; ``stall_body``: silence after `after` pieces;
        - ``reset``: the connection is reset before headers; ``cut``: it is closed after `after` pieces;
        - ``error_event``: a stream tells of an error after `after` pieces (without a stream: status 503 or 529);
        - ``malformed_json``, ``malformed_sse``: garbage, after `after` pieces of a stream;
        - ``empty``: an answer that says nothing; ``wrong_content_type``: a page of HTML with status 200;
        - ``trickle``: the whole answer, a few bytes at a time, `gap_s` apart; ``no_usage``: it does not tell its usage;
        - ``foreign_reasoning``: a status 400 that refuses another model's reasoning.

    Examples
    --------
    >>> Fault(429, retry_after_s=2.0).failure
    <Failure.RATE_LIMITED: 'rate_limited'>
    >>> Fault("cutt")
    Traceback (most recent call last):
    selector.errors.ConfigError: unknown fault 'cutt'; did you mean 'cut'?
    """

    kind: str | int
    _: KW_ONLY
    after: int = 2
    """How many pieces of the answer come before."""
    text: str = "This answer never comes to its end."
    """The answer that goes wrong."""
    delay_s: float = 0.0
    """Seconds before anything comes."""
    gap_s: float = 0.05
    """Seconds between the pieces of a trickle."""
    retry_after_s: float | None = None
    """How long it asks to be left alone, as the header ``retry-after``; None: it does not say."""
    message: str | None = None
    """What it says; None: what the vendor says."""
    status: int | None = None
    """The HTTP status; None: what the vendor gives."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers, such as ``retry-after-ms``, ``x-ratelimit-remaining-requests`` or ``retry-after`` with a date."""
    body: Mapping[str, object] | str | None = None
    """The body of the error; None: the vendor's."""

    def __post_init__(self) -> None:
        kind = str(self.kind.value) if isinstance(self.kind, Failure) else self.kind
        status = int(kind) if str(kind).isdigit() else None
        names = [*_BY_KIND, *(failure.value for failure in Failure)]
        if status is None and kind not in names:
            raise ConfigError(f"unknown fault {kind!r}{nearest(str(kind), names)}")
        if status is not None and not 400 <= status <= 599:
            raise ConfigError(f"a fault's status must be from 400 to 599, not {status}; for an answer give its text")
        object.__setattr__(self, "kind", kind if status is None else status)

    @property
    def failure(self) -> Failure | None:
        """What the caller should take it for; None: it goes well in the end.

        Examples
        --------
        >>> Fault(529).failure.value, Fault("trickle").failure
        ('overloaded', None)
        """
        if isinstance(self.kind, int):
            return _BY_STATUS.get(self.kind, Failure.BAD_REQUEST if self.kind < 500 else Failure.SERVER_ERROR)
        return _BY_KIND[self.kind] if self.kind in _BY_KIND else Failure(self.kind)

    @property
    def reply(self) -> Reply | None:
        """The answer that goes wrong on its way, or goes well in the end; None: there is none.

        Examples
        --------
        >>> Fault("cut", after=1).reply.fail_after, Fault(500).reply
        (1, None)
        """
        if self.kind in _MIDWAY:
            return Reply(self.text, fail_after=self.after, then=self, delay_s=self.delay_s)
        if self.kind == "trickle":
            return Reply(self.text, gap_s=self.gap_s, delay_s=self.delay_s)
        return Reply(self.text, says_usage=False, delay_s=self.delay_s) if self.kind == "no_usage" else None


Step = str | int | Reply | Fault | Answer | Failure | CallFailed
"""One answer of a script: a text, an HTTP status, or a record."""

Script = Step | Iterable[Step] | Callable[..., Step] | Mapping[str, "Script"]
"""What a fake answers: one step for ever, steps in turn, what a callable says, or a script for each model."""


def settled(step: Step) -> Reply | Fault | CallFailed:
    """Return one answer of a script as a record.

    Examples
    --------
    >>> settled("Paris").text, settled(503).failure.value, settled(Failure.AUTH).kind
    ('Paris', 'overloaded', 'auth')
    """
    match step:
        case Reply() | Fault() | CallFailed():
            return step
        case Failure():
            return Fault(step.value)
        case str():
            return Reply(step)
        case Answer():
            usage = None if step.estimated else step.usage
            calls, told = step.tool_calls, not step.estimated
            parts = {"finish": step.finish, "snapshot": step.snapshot}
            return Reply(step.text, tool_calls=calls, usage=usage, says_usage=told, answer=step, **parts)  # type: ignore[arg-type]  # texts
        case int() if not isinstance(step, bool):
            return Fault(step)
    wanted = "a text, a status, a Reply, a Fault, an Answer, a Failure or a CallFailed"
    raise ConfigError(f"an answer of a script must be {wanted}, not {step!r}")


class Steps:
    """A script as it is used up; threads may share it.

    Examples
    --------
    >>> steps = Steps({"small": [429, "Paris"]})
    >>> [steps.take("small") for _ in range(3)][1:]
    [Reply(text='Paris', ...), Reply(text='Paris', ...)]
    >>> steps.take("large").failure.value
    'not_found'
    """

    def __init__(self, script: Script) -> None:
        self._lock = Lock()
        self._call: Callable[..., Step] | None = None
        self._each: dict[str, Steps] | None = None
        self._left: Iterator[Step] = iter(())
        self._last: Reply | Fault | CallFailed | None = None
        if isinstance(script, Mapping):
            self._each = {model: Steps(of_model) for model, of_model in script.items()}
        elif isinstance(script, (str, int, Reply, Fault, Answer, CallFailed)):
            self._last = settled(script)
        elif callable(script):
            self._call = script
        elif isinstance(script, Iterable):
            steps = script if isinstance(script, Iterator) else [settled(step) for step in script]
            self._left = iter(steps)
        else:
            raise ConfigError(f"a script must be an answer, a sequence, a callable or a mapping, not {script!r}")

    def take(self, model: str, *asked: object) -> Reply | Fault | CallFailed:
        """Return what comes next for a model, which a callable decides by what is asked."""
        if self._each is not None:
            found = self._each.get(model, self._each.get("*"))
            return Fault(Failure.NOT_FOUND) if found is None else found.take(model, *asked)
        if self._call is not None:
            return settled(self._call(*asked))
        with self._lock:
            step = next(self._left, None)
            if step is not None:
                self._last = settled(step)
            if self._last is None:
                raise ConfigError("the script is empty; give it at least one answer")
            return self._last


def flaky(share: float, seed: int, *, fault: Step = 500, answer: Script = "ok") -> Callable[..., Step]:
    """Make a script that fails a share of the calls at random, always the same ones in order.

    For tests of what many calls come to when a provider is unwell; threads may share it.

    Parameters
    ----------
    share
        How likely each call is to fail, from 0 to 1.
    seed
        From which it is drawn.
    fault
        How a call fails.
    answer
        What the other calls are answered.

    Returns
    -------
    Callable[..., Step]
        The script.

    Raises
    ------
    ConfigError
        If the share is not from 0 to 1.

    Examples
    --------
    >>> script = flaky(0.3, seed=1)
    >>> [type(script()).__name__ for _ in range(5)]
    ['Reply', 'Reply', 'Fault', 'Reply', 'Reply']
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"the share of calls that fail must be from 0 to 1, not {share!r}")
    rng, lock = np.random.default_rng(seed), Lock()
    broken, well = settled(fault), Steps(answer)

    def script(*asked: object) -> Step:
        with lock:
            fails = rng.random() < share
        return broken if fails else well.take("", *asked)

    return script
