"""The names that a condition can read, and what each may stand for."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from selector.errors import nearest
from selector.rules._place import Fault, shown
from selector.rules._tree import Name

__all__ = ["STATUSES", "WEEKDAYS", "Kind", "Known", "Vocabulary", "known"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""What `weekday` can be; a condition may also write Mon or monday."""
STATUSES = ("up", "down")
"""What `provider_status` can be."""


class Kind(StrEnum):
    """What kind of value stands there, as an error says it.

    Examples
    --------
    >>> print(Kind.WORDS)
    a list of texts
    """

    NUMBER = "a number"
    TEXT = "a text"
    WORDS = "a list of texts"
    TRUTH = "true or false"
    ANY = "anything"
    NULL = "null"
    LIST = "a list"


@dataclass(frozen=True, slots=True)
class Known:
    """What a name may stand for.

    Examples
    --------
    >>> known(Name(("hour",))).said
    'a whole number from 0 to 23'
    """

    kind: Kind
    """The kind of value."""
    low: float = -math.inf
    """The least number."""
    high: float = math.inf
    """The largest number."""
    whole: bool = False
    """Whether only whole numbers can be."""
    words: tuple[str, ...] = ()
    """The only texts that can be; empty: any."""
    always: bool = False
    """Whether it is never missing."""

    @property
    def said(self) -> str:
        """What it may stand for, in words."""
        if self.words:
            return f"one of {', '.join(map(repr, self.words))}"
        if self.kind is not Kind.NUMBER:
            return self.kind.value
        number = "a whole number" if self.whole else "a number"
        return (
            f"{number} of at least {self.low:g}"
            if math.isinf(self.high)
            else f"{number} from {self.low:g} to {self.high:g}"
        )


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which names stand in brackets; what is None is not checked.

    Examples
    --------
    >>> from selector.rules import Condition
    >>> Condition.of("quota['hmoe'].remaining < 0.1", vocabulary=Vocabulary(quotas=["home", "work"]))
    Traceback (most recent call last):
    selector.errors.ConfigError: column 1 of the condition: no quota is called 'hmoe'; did you mean 'home'?
    """

    providers: Collection[str] | None = None
    """The providers, for `provider_status`."""
    quotas: Collection[str] | None = None
    """What has a quota, for `quota`: providers and routes."""
    budgets: Collection[str] | None = None
    """The budgets, for `budget`."""


_COUNT = Known(Kind.NUMBER, low=0, whole=True, always=True)
_TOKENS = Known(Kind.NUMBER, low=0, whole=True)
_AMOUNT = Known(Kind.NUMBER, low=0)
_TEXT = Known(Kind.TEXT)
_TYPE = Known(Kind.TEXT, always=True)
_WORDS = Known(Kind.WORDS, always=True)
_ANY = Known(Kind.ANY)
_SHARE = Known(Kind.NUMBER, low=0, high=1)

_PLAIN = {
    "hour": Known(Kind.NUMBER, low=0, high=23, whole=True, always=True),
    "weekday": Known(Kind.TEXT, words=WEEKDAYS, always=True),
    "priority": _COUNT,
    "labels": _WORDS,
    "task_type": _TYPE,
    "retry_count": _COUNT,
    "input_tokens": _TOKENS,
    "purpose": _TEXT,
}
TASK = {
    "id": _TEXT,
    "type": _TYPE,
    "needs": _WORDS,
    "only": _WORDS,
    "labels": _WORDS,
    "priority": _COUNT,
    "retry_count": _COUNT,
    "input_tokens": _TOKENS,
    "max_output_tokens": Known(Kind.NUMBER, low=1, whole=True),
    "purpose": _TEXT,
    "session": _TEXT,
    "version": _TEXT,
    "explore": Known(Kind.TRUTH),
    "deadline_s": _AMOUNT,
    "max_cost_usd": _AMOUNT,
}
"""The fields of a task that `task.NAME` reads; its prompt is not among them."""
SESSION = {
    "id": _TEXT,
    "turn": Known(Kind.NUMBER, low=1, whole=True),
    "phase": _TEXT,
    "n_failures": Known(Kind.NUMBER, low=0, whole=True),
    "model": _TEXT,
    "provider": _TEXT,
    "route": _TEXT,
}
"""What `session.NAME` reads: the turn being chosen for, its phase, failures in a row, who served the turn before."""
_BRACKETED = {
    "provider_status": "provider_status['NAME']",
    "quota": "quota['NAME'].remaining",
    "budget": "budget['NAME'].remaining",
}


def known(name: Name, vocabulary: Vocabulary | None = None) -> Known:
    """Look up what a name may stand for.

    Parameters
    ----------
    name
        The name.
    vocabulary
        Which names stand in brackets; None: any.

    Returns
    -------
    Known
        What it may stand for.

    Raises
    ------
    Fault
        If there is no such name; it names the nearest.

    Examples
    --------
    >>> known(Name(("metadata", "user"))).kind is Kind.ANY
    True
    """
    head = name.path[0]
    if head in _PLAIN:
        return _plain(name)
    if head == "task":
        return _of_task(name)
    if head == "metadata":
        return _with_one_name(name, "metadata.user", None)
    if head == "session":
        return _with_one_name(name, "session.turn", SESSION)
    if head in _BRACKETED:
        return _bracketed(name, vocabulary or Vocabulary())
    hint = nearest(head, [*_PLAIN, *_BRACKETED, "metadata", "session", "task"])
    if "did you mean" not in hint:
        hint += "; a text stands in quotes"
    raise Fault(f"unknown name {shown(head)}{hint}", name.at)


def _plain(name: Name) -> Known:
    if len(name.path) > 1:
        raise Fault(f"{name.path[0]} has no parts; write {name.path[0]} alone, not {_shown(name)}", name.at)
    return _PLAIN[name.path[0]]


def _of_task(name: Name) -> Known:
    _, *rest = name.path
    if rest[:1] == ["metadata"]:
        raise Fault(f"write {'.'.join(['metadata', *rest[1:2]])}, not {_shown(name)}", name.at)
    return _with_one_name(name, "task.id", TASK)


def _with_one_name(name: Name, example: str, valid: Mapping[str, Known] | None) -> Known:
    """Look up the one name that stands behind a first; None: any may."""
    head, *rest = name.path
    if len(rest) != 1:
        raise Fault(f"write {head} with one name, such as {example}, not {_shown(name)}", name.at)
    if valid is not None and rest[0] not in valid:
        raise Fault(f"a {head} has no {shown(rest[0])}{nearest(rest[0], valid)}", name.at)
    return _ANY if valid is None else valid[rest[0]]


def _bracketed(name: Name, vocabulary: Vocabulary) -> Known:
    head, *rest = name.path
    parts = 1 if head == "provider_status" else 2
    if len(rest) == 2 and rest[1] != "remaining" and parts == 2:
        raise Fault(f"a {head} has no {shown(rest[1])}; write {_BRACKETED[head]}", name.at)
    if len(rest) != parts or not rest[0].strip():
        raise Fault(f"write {_BRACKETED[head]}, not {_shown(name)}", name.at)
    valid, what = {
        "provider_status": (vocabulary.providers, "provider"),
        "quota": (vocabulary.quotas, "quota"),
        "budget": (vocabulary.budgets, "budget"),
    }[head]
    if valid is not None and rest[0] not in valid:
        raise Fault(f"no {what} is called {shown(rest[0])}{nearest(rest[0], valid)}", name.at)
    return Known(Kind.TEXT, words=STATUSES) if parts == 1 else _SHARE


def _shown(name: Name) -> str:
    text = str(name)
    return text if len(text) <= 60 else f"{text[:60]}..."
