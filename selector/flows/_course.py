"""The course of a session: which purpose's models serve which turn, and whether the model that serves is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self, TypedDict

__all__ = ["Course", "Rotation", "Saved"]

_REMEMBERED = 64  # turns whose judgement may come late
Place = Literal["start", "then", "back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Which purpose serves when.

    Examples
    --------
    >>> Rotation(start="lead", then="worker").turns
    3
    """

    start: str | None = None
    """The purpose of the first turns, and of those after failures; None: any model serves."""
    turns: int = 3
    """How many turns it has at first."""
    then: str | None = None
    """The purpose from then on; None: `start` goes on."""
    after_failures: int | None = 2
    """After how many failures in a row `start` is back; None: never."""
    back_for: int = 2
    """For how many turns."""


class Saved(TypedDict):
    """A course as it is written down."""

    own: str | None
    place: Place
    turn: int
    had: int
    held: str | None
    why: str | None
    tokens: int
    marks: list[tuple[str, bool | None]]


class Begun(NamedTuple):
    """A turn that begins."""

    turn: int
    """Its number, from 1."""
    purpose: str | None
    """Whose models serve."""
    held: str | None
    """The route that is kept; None: it is to be decided."""
    why: str
    """Why, where it is to be decided."""


class Course:
    """The state of one session: told what happened, it says what the next turn is.

    The model is decided once, and kept until a boundary: its purpose changes, its route fails, or `boundary` says so.
    A turn failed if its model's call did, if its answer was refused, or was judged bad, be it later; one that answered,
    and of which nothing else is known, did not. Turns of which nothing was heard are passed over when failures in a
    row are counted.

    Examples
    --------
    >>> rotation = Rotation(start="lead", turns=1, then="worker", after_failures=2, back_for=1)
    >>> course = Course()
    >>> course.begin(rotation).purpose
    'lead'
    >>> course.goes("opus")
    >>> course.begin(rotation)
    Begun(turn=2, purpose='worker', held=None, why='1 turn of lead')
    >>> course.goes("haiku")
    >>> course.counts("d2")
    >>> course.mark("d2", good=False)
    True
    >>> course.begin(rotation).held
    'haiku'
    >>> course.counts("d3")
    >>> course.mark("d3", good=False), course.n_failures
    (True, 2)
    >>> course.begin(rotation)
    Begun(turn=4, purpose='lead', held=None, why='2 failures in a row')
    """

    def __init__(self) -> None:
        self.own: str | None = None
        """The purpose that was asked for, for all of it; None: as the configuration says."""
        self.turn = 0
        """How many turns there were."""
        self.held: str | None = None
        """The route that is kept; None: the next turn decides."""
        self.tokens = 0
        """How long the conversation is that the route has read, as far as is known."""
        self._place: Place = "start"
        self._had = 0
        self._why: str | None = "the session began"
        self._marks: dict[str, bool | None] = {}

    def purpose(self, rotation: Rotation) -> str | None:
        """Name the purpose that the last turn was in.

        Examples
        --------
        >>> Course().purpose(Rotation(start="lead", then="worker"))
        'lead'
        """
        return rotation.then if self._place == "then" and rotation.then is not None else rotation.start

    @property
    def n_failures(self) -> int:
        """How many turns failed in a row up to now, since the purpose changed."""
        n = 0
        for good in reversed(self._marks.values()):
            if good:
                break
            n += good is False
        return n

    def left(self, rotation: Rotation) -> int:
        """Say how many turns the present model may still have, this one included.

        Where nothing ends them, as many as its purpose had so far.

        Examples
        --------
        >>> course, rotation = Course(), Rotation(start="lead", turns=3, then="worker")
        >>> course.begin(rotation).turn, course.left(rotation)
        (1, 3)
        """
        if self._place == "back":
            return max(rotation.back_for - self._had + 1, 1)
        if self._place == "start" and rotation.then is not None:
            return max(rotation.turns - self._had + 1, 1)
        return max(self._had, 1)

    def begin(self, rotation: Rotation) -> Begun:
        """Begin a turn.

        Parameters
        ----------
        rotation
            Which purpose serves when; it may be another than at the last turn.

        Returns
        -------
        Begun
            What it is.
        """
        before = self.purpose(rotation)
        why = self._moved(rotation)
        if why is not None:
            self._had = 0
            self._marks.clear()
            if self.purpose(rotation) != before:
                self._let_go(why)
        self.turn += 1
        self._had += 1
        return Begun(self.turn, self.purpose(rotation), self.held, self._why or "")

    def _moved(self, rotation: Rotation) -> str | None:
        """Go on to another place where it is time to; tell why."""
        if rotation.then is None:
            self._place = "start"
            return None
        if self._place == "start" and self._had >= rotation.turns:
            self._place = "then"
            return f"{_turns(self._had)} of {rotation.start}"
        if self._place == "back" and self._had >= rotation.back_for:
            self._place = "then"
            return f"{_turns(self._had)} of {rotation.start} after failures"
        n = self.n_failures
        if self._place == "then" and rotation.after_failures is not None and n >= rotation.after_failures:
            self._place = "back"
            return f"{n} failures in a row" if n > 1 else "a failure"
        return None

    def goes(self, route: str, *, keep: bool = True) -> None:
        """Note where the turn goes.

        Parameters
        ----------
        route
            The route that serves it.
        keep
            Whether the route is kept: one that a rule forces for one turn is not.

        Examples
        --------
        >>> course = Course()
        >>> course.goes("opus", keep=False)
        >>> course.held is None
        True
        """
        if keep:
            if route != self.held:
                self.tokens = 0
            self.held, self._why = route, None

    def counts(self, decision: str) -> None:
        """Note the decision of a turn, by which it is judged.

        Examples
        --------
        >>> course = Course()
        >>> course.counts("d1")
        >>> course.last
        'd1'
        """
        self._marks[decision] = None
        while len(self._marks) > _REMEMBERED:
            del self._marks[next(iter(self._marks))]

    @property
    def last(self) -> str | None:
        """The id of the latest turn that was counted."""
        return next(reversed(self._marks), None)

    def boundary(self, why: str) -> None:
        """Let go of the model: the next turn decides.

        Examples
        --------
        >>> course = Course()
        >>> course.begin(Rotation()).why
        'the session began'
        >>> course.goes("opus")
        >>> course.boundary("compaction")
        >>> course.begin(Rotation()).why
        'compaction'
        """
        self._let_go(why)

    def _let_go(self, why: str) -> None:
        if self.turn:
            self._why = why
        self.held, self.tokens = None, 0

    def mark(self, decision: str, *, good: bool | None) -> bool:
        """Note how a turn went; None takes back what was said. Return whether that is news.

        Examples
        --------
        >>> Course().mark("of another session", good=False)
        False
        """
        if decision not in self._marks or self._marks[decision] is good:
            return False
        self._marks[decision] = good
        return True

    def is_marked(self, decision: str) -> bool:
        """Tell whether anything was heard of a turn.

        Examples
        --------
        >>> Course().is_marked("d1")
        False
        """
        return self._marks.get(decision) is not None

    @property
    def decisions(self) -> Iterable[str]:
        """The ids of the turns that may still be judged."""
        return tuple(self._marks)

    def saved(self) -> Saved:
        """Write it down.

        Examples
        --------
        >>> Course().saved()["turn"]
        0
        """
        return {
            "own": self.own,
            "place": self._place,
            "turn": self.turn,
            "had": self._had,
            "held": self.held,
            "why": self._why,
            "tokens": self.tokens,
            "marks": list(self._marks.items()),
        }

    @classmethod
    def of(cls, saved: Saved) -> Self:
        """Take one up as it was written down.

        Examples
        --------
        >>> course = Course()
        >>> course.goes("opus")
        >>> course.counts("d1")
        >>> Course.of(course.saved()).saved() == course.saved()
        True
        """
        found = cls()
        found.own = saved["own"]
        found._place, found.turn, found._had = saved["place"], saved["turn"], saved["had"]
        found.held, found._why, found.tokens = saved["held"], saved["why"], saved["tokens"]
        found._marks = dict(saved["marks"])
        return found


def _turns(n: int) -> str:
    return f"{n} turn" if n == 1 else f"{n} turns"
