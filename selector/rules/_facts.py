"""The facts that conditions read: looked up when a condition asks, and once per task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from operator import attrgetter

from selector.records import Task
from selector.rules._grammar import parse
from selector.rules._names import WEEKDAYS, known
from selector.rules._place import Fault
from selector.rules._tree import Name, Value
from selector.rules._values import plain

__all__ = ["Facts", "Surroundings"]


def _nothing(_: str) -> None:
    return None


def _nothing_of(_: str, __: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What conditions can read beside the task: one for all tasks, asked anew for each.

    Each of the functions answers None where nothing is known, which counts as missing.

    Examples
    --------
    >>> night = Surroundings(clock=lambda: 1_785_448_800.0)
    >>> Facts.of(Task("coding"), night)["hour"]
    22
    """

    clock: Callable[[], float]
    """The time now, in seconds since 1970."""
    zone: tzinfo = UTC
    """The zone of `hour` and `weekday`."""
    provider_status: Callable[[str], str | None] = _nothing
    """How a provider is, ``up`` or ``down``, by its name."""
    quota_remaining: Callable[[str], float | None] = _nothing
    """What share of a quota is left, 0 to 1, by its name."""
    budget_remaining: Callable[[str], float | None] = _nothing
    """What share of a budget is left, 0 to 1, by its name."""
    session_fact: Callable[[str, str], object] = _nothing_of
    """What is known of a session, by the session and the fact's name; ``session.id`` is the session itself."""


class Facts(dict[str, Value]):
    """The facts of one task, by name: plain values, and None for what is missing.

    A fact is worked out when it is first read, and kept. Any other value than a number, a text, true, false or a list
    of these counts as missing.

    Parameters
    ----------
    given
        Facts that are known already, by the names that conditions use.

    Examples
    --------
    >>> facts = Facts({"labels": ["documentation"]})
    >>> facts["labels"], facts["purpose"]
    (('documentation',), None)
    """

    __slots__ = ("around", "task")

    task: Task | None
    """The task; None: there are only the facts that were given."""
    around: Surroundings | None
    """What there is beside it; None: nothing."""

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        if given:
            super().__init__({name: plain(value) for name, value in given.items()})
        self.task = self.around = None

    @classmethod
    def of(cls, task: Task, around: Surroundings | None = None, *, input_tokens: int | None = None) -> Facts:
        """Begin with nothing but where to look.

        Parameters
        ----------
        task
            The task.
        around
            What there is beside it; None: nothing.
        input_tokens
            How long the input is, where it was counted; None: what the task says.

        Returns
        -------
        Facts
            The facts of this task.

        Examples
        --------
        >>> Facts.of(Task("coding", metadata={"user": "ada"}))["metadata.user"]
        'ada'
        """
        facts = cls()
        facts.task, facts.around = task, around
        if input_tokens is not None:
            facts["input_tokens"] = facts["task.input_tokens"] = input_tokens
        return facts

    def __missing__(self, name: str) -> Value:
        value = None if self.task is None else plain(_look_up(name)(self))
        self[name] = value
        return value


Look = Callable[[Facts], object]


@lru_cache(4096)
def _look_up(name: str) -> Look:
    """Find out, once per name, where its fact is; nowhere, if no condition could read it."""
    try:
        tree = parse(name)
        if isinstance(tree, Name):
            known(tree)
            return _look(*tree.path)
    except Fault:
        pass
    return _absent


def _absent(_: Facts) -> None:
    return None


def _look(head: str, name: str = "", *_: str) -> Look:
    if head in {"hour", "weekday"}:
        return _hour if head == "hour" else _weekday
    if head in {"metadata", "session"}:
        return _noted(head, name)
    if head in _AROUND:
        return _beside(_AROUND[head], name)
    return attrgetter(f"task.{ ({'task': name, 'task_type': 'type'}.get(head, head)) }")


_AROUND = {"provider_status": "provider_status", "quota": "quota_remaining", "budget": "budget_remaining"}


def _beside(function: str, name: str) -> Look:
    read = attrgetter(function)
    return lambda facts: None if facts.around is None else read(facts.around)(name)


def _noted(head: str, name: str) -> Look:
    if head == "metadata":
        of_task = attrgetter("task.metadata")
        return lambda facts: of_task(facts).get(name)
    if name == "id":
        return attrgetter("task.session")

    def of_session(facts: Facts) -> object:
        if facts.task is None or facts.task.session is None or facts.around is None:
            return None
        return facts.around.session_fact(facts.task.session, name)

    return of_session


def _hour(facts: Facts) -> int | None:
    return _read_clock(facts)[0]


def _weekday(facts: Facts) -> str | None:
    return _read_clock(facts)[1]


def _read_clock(facts: Facts) -> tuple[int | None, str | None]:
    """Read the clock once for both, so that they cannot fall on two days."""
    if facts.around is None:
        return None, None
    now = datetime.fromtimestamp(facts.around.clock(), facts.around.zone)
    hour, weekday = now.hour, WEEKDAYS[now.weekday()]
    facts.setdefault("hour", hour)
    facts.setdefault("weekday", weekday)
    return hour, weekday
