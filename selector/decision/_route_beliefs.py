"""What is believed of routes apart from their models: whether they answer, how fast, and whether they serve worse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Deviation", "RouteBeliefs", "Speed"]

_ANSWERS, _FAILS = 1.9, 0.1  # before any call: .95, worth two calls; a healthy route mostly draws above .98
_MOST_CALLS = 20.0  # what the latest calls of a route count for at most, so that a long failure is soon outweighed
_LEAST_S = 1e-3
_SPEED_WEIGHT = 3.0  # calls that a model's own mean counts for at each route
_WITHIN, _BETWEEN = 0.25, 0.25  # variances of a latency's logarithm: of calls at a route, of routes of a model
_P95 = 1.6448536269514722
_DEVIATION_WEIGHT = 30.0  # outcomes that "serves as its model does" counts for
_SCORE_VARIANCE, _VARIANCE_WEIGHT = 0.25, 10.0
_WRONG = 0.05  # how often, over all the times that anybody looks, an interval misses

_LEAST_LOOKS = -2 * math.log(_WRONG)
_HALF_LIVES = ("half_life_s", "speed_half_life_s", "deviation_half_life_s")

Sums = tuple[float, ...]  # the time they refer to, then the sums as of that time


class Speed(NamedTuple):
    """How long a route takes: a log-normal belief.

    Examples
    --------
    >>> speed = Speed(log_mean=0.0, variance=0.25, n=4.0)
    >>> speed.median_s, round(speed.p95_s, 2)
    (1.0, 2.28)
    """

    log_mean: float
    """The believed mean of the logarithm of its seconds, shrunk to its model's."""
    variance: float
    """Of the logarithm, from call to call."""
    n: float
    """How many calls of this route that rests on, old ones counting less."""

    @property
    def median_s(self) -> float:
        """What half of its calls take at most, in seconds."""
        return math.exp(self.log_mean)

    @property
    def p95_s(self) -> float:
        """What 95 % of its calls take at most, in seconds."""
        return math.exp(self.log_mean + _P95 * math.sqrt(self.variance))

    @property
    def doubt(self) -> float:
        """How far its mean may be from the believed one, on the logarithm: a standard deviation."""
        weight = self.n + _SPEED_WEIGHT
        return math.sqrt(self.variance / weight + _BETWEEN * (_SPEED_WEIGHT / weight) ** 2)


class Deviation(NamedTuple):
    """How much better or worse a route serves its model than the model is believed to be.

    Examples
    --------
    >>> Deviation(mean=-0.2, margin=0.1, n=200.0).is_clear
    True
    """

    mean: float
    """In points of success, shrunk to 0."""
    margin: float
    """Half of its 95 % interval, which holds at every look at once."""
    n: float
    """How many judged outcomes that rests on, old ones counting less."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.mean) > self.margin


class RouteBeliefs:
    """What is believed of routes apart from their models.

    Availability is not quality, so both are kept here, apart: a failed call makes a route unlikely to be chosen for
    some minutes, and teaches nothing of its model. Success is believed of the model; a route of it deviates only where
    there is evidence, such as a provider that serves it quantised or cuts its answers. All of it fades with the time
    of the call, so late and swapped reports lead to the same beliefs. One thread writes at a time; any may read.

    Parameters
    ----------
    half_life_s
        After how many seconds an answer or a failure counts half: a route that recovered is tried again.
    speed_half_life_s
        The same for latency.
    deviation_half_life_s
        The same for judged outcomes.

    Examples
    --------
    >>> beliefs = RouteBeliefs()
    >>> for second in range(10):
    ...     beliefs.seen("sonnet@work", ok=False, at_s=second)
    >>> round(beliefs.availability("sonnet@work", 10.0), 2), round(beliefs.availability("sonnet@work", 3_600.0), 2)
    (0.16, 0.95)
    """

    __slots__ = ("_beside", "_calls", "_half_lives", "_judged", "_timed", "_times")

    def __init__(
        self,
        *,
        half_life_s: float = 300.0,
        speed_half_life_s: float = 3_600.0,
        deviation_half_life_s: float = 30 * 86_400.0,
    ) -> None:
        self._half_lives = (half_life_s, speed_half_life_s, deviation_half_life_s)
        for name, given in zip(_HALF_LIVES, self._half_lives, strict=True):
            if not given > 0:
                raise ValueError(f"{name} is {given}; give seconds above 0, math.inf to forget nothing")
        self._calls: dict[str, Sums] = {}  # answers, failures
        self._times: dict[str, Sums] = {}  # how many, of the logarithm, of its square
        self._judged: dict[str, Sums] = {}  # how many, of the deviation, of its square
        self._timed: dict[str, tuple[str, ...]] = {}  # the routes of each model that `_times` knows
        self._beside: dict[str, tuple[str, ...]] = {}  # those that `_judged` knows

    def seen(self, route: str, *, ok: bool, at_s: float, latency_s: float | None = None) -> None:
        """Take in a call's end; a failure that is the task's own, such as a prompt too long, is none of the route's.

        Parameters
        ----------
        route
            Its name, such as ``sonnet@work``.
        ok
            Whether it answered.
        at_s
            When, in seconds since 1970.
        latency_s
            How long an answer took; None: nobody measured.

        Raises
        ------
        ValueError
            If a number is not finite.

        Examples
        --------
        >>> beliefs = RouteBeliefs()
        >>> beliefs.seen("sonnet@work", ok=True, at_s=0.0, latency_s=2.0)
        >>> round(beliefs.speeds(["sonnet@work"], 0.0)[0].median_s, 3)
        2.0
        """
        _finite(at_s=at_s, latency_s=latency_s or 0.0)
        calls = _added(self._calls.get(route), (float(ok), float(not ok)), at_s, self._half_lives[0])
        crowd = max(1.0, (calls[1] + calls[2]) / _MOST_CALLS)
        self._calls[route] = (calls[0], calls[1] / crowd, calls[2] / crowd)
        if ok and latency_s is not None:
            log = math.log(max(latency_s, _LEAST_S))
            self._times[route] = _added(self._times.get(route), (1.0, log, log * log), at_s, self._half_lives[1])
            _know(self._timed, route)

    def judged(self, route: str, score: float, *, believed: float, at_s: float, weight: float = 1.0) -> None:
        """Take in how good an answer was, beside what was believed of the model before it.

        Parameters
        ----------
        route
            Its name.
        score
            In [0, 1].
        believed
            The model's believed mean on this task's type before this outcome, in [0, 1].
        at_s
            When the call was decided, in seconds since 1970.
        weight
            How much it counts; -1 takes back what was taken in before.

        Raises
        ------
        ValueError
            If a number is not finite.

        Examples
        --------
        >>> beliefs = RouteBeliefs()
        >>> beliefs.judged("sonnet@work", 0.0, believed=0.8, at_s=0.0)
        >>> beliefs.deviation("sonnet@work", 0.0).is_clear
        False
        """
        _finite(score=score, believed=believed, at_s=at_s, weight=weight)
        off = score - believed
        sums = (weight, weight * off, weight * off * off)
        self._judged[route] = _added(self._judged.get(route), sums, at_s, self._half_lives[2])
        _know(self._beside, route)

    def odds(self, route: str, now_s: float) -> tuple[float, float]:
        """Return the parameters of the Beta distribution of a route's availability.

        Examples
        --------
        >>> RouteBeliefs().odds("sonnet@work", 0.0)
        (1.9, 0.1)
        """
        held = self._calls.get(route)
        if held is None:
            return _ANSWERS, _FAILS
        share = _share(held[0], now_s, self._half_lives[0])
        return _ANSWERS + share * held[1], _FAILS + share * held[2]

    def availability(self, route: str, now_s: float) -> float:
        """Return how likely a route is believed to answer.

        Examples
        --------
        >>> RouteBeliefs().availability("sonnet@work", 0.0)
        0.95
        """
        answers, fails = self.odds(route, now_s)
        return answers / (answers + fails)

    def speeds(self, routes: Sequence[str], now_s: float) -> tuple[Speed | None, ...]:
        """Return how long routes of one model are believed to take, each shrunk to the model; None: never measured.

        Examples
        --------
        >>> RouteBeliefs().speeds(["sonnet@work", "sonnet@home"], 0.0)
        (None, None)
        """
        known = self._timed.get(_model(routes[0]))
        if known is None:
            return (None,) * len(routes)
        n = total = within = 0.0
        own: dict[str, tuple[float, float]] = {}
        for route in known:
            at_s, *held = self._times[route]
            share = _share(at_s, now_s, self._half_lives[1])
            count, logs, squares = (share * each for each in held)
            own[route] = (count, logs)
            if count > 0:
                n, total = n + count, total + logs
                within += max(squares - logs * logs / count, 0.0)
        if n < 1e-9:
            return (None,) * len(routes)
        mean = total / n
        variance = (within + _SPEED_WEIGHT * _WITHIN) / (n + _SPEED_WEIGHT)
        found = []
        for route in routes:
            count, logs = own.get(route, (0.0, 0.0))
            found.append(Speed((logs + _SPEED_WEIGHT * mean) / (count + _SPEED_WEIGHT), variance, count))
        return tuple(found)

    def deviation(self, route: str, now_s: float) -> Deviation:
        """Return how much better or worse a route serves than its model is believed to.

        The interval is the one of a normal mixture, so that it may be looked at after every outcome: over all the
        looks together it misses one time in twenty [1]_. It costs some outcomes against an interval for a single look.

        References
        ----------
        .. [1] Robbins (1970). "Statistical methods related to the law of the iterated logarithm."
           https://doi.org/10.1214/aoms/1177696786

        Examples
        --------
        >>> beliefs = RouteBeliefs()
        >>> for second in range(300):
        ...     beliefs.judged("sonnet@work", 0.5, believed=0.8, at_s=second)
        >>> beliefs.deviation("sonnet@work", 300.0).is_clear
        True
        """
        at_s, *held = self._judged.get(route, (now_s, 0.0, 0.0, 0.0))
        share = _share(at_s, now_s, self._half_lives[2])
        n, total, squares = (share * each for each in held)
        weight = max(n, 0.0) + _DEVIATION_WEIGHT
        variance = (max(squares, 0.0) + _VARIANCE_WEIGHT * _SCORE_VARIANCE) / (max(n, 0.0) + _VARIANCE_WEIGHT)
        looks = math.log(weight / _DEVIATION_WEIGHT / _WRONG**2)
        return Deviation(total / weight, math.sqrt(variance * looks / weight), max(n, 0.0))

    def clearly_worse(self, route: str, now_s: float) -> float:
        """Return a route's deviation where it is clearly below 0, else 0; only beside another route of its model.

        Examples
        --------
        >>> RouteBeliefs().clearly_worse("sonnet@work", 0.0)
        0.0
        """
        held = self._judged.get(route)
        if held is None or held[2] >= 0 or held[2] ** 2 <= _LEAST_LOOKS * held[3]:  # the interval is wider, whatever n
            return 0.0
        if len(self._beside[_model(route)]) < 2:
            return 0.0
        off = self.deviation(route, now_s)
        return off.mean if off.is_clear else 0.0

    def said(self, now_s: float) -> tuple[str, ...]:
        """Say in words which routes serve better or worse than their model; only beside another route of that model.

        Examples
        --------
        >>> beliefs = RouteBeliefs()
        >>> for second in range(300):
        ...     beliefs.judged("sonnet@work", 0.8, believed=0.8, at_s=second)
        ...     beliefs.judged("sonnet@cheap", 0.5, believed=0.8, at_s=second)
        >>> print(*beliefs.said(300.0))
        sonnet@cheap serves worse than sonnet does: -0.27 (95 %: -0.32 to -0.22, of 300 judged)
        """
        lines = []
        for route in sorted(self._judged):
            off = self.deviation(route, now_s)
            if off.is_clear and len(self._beside[_model(route)]) > 1:
                way = "worse" if off.mean < 0 else "better"
                between = f"{off.mean - off.margin:+.2f} to {off.mean + off.margin:+.2f}"
                lines.append(
                    f"{route} serves {way} than {_model(route)} does: {off.mean:+.2f} "
                    f"(95 %: {between}, of {off.n:.0f} judged)"
                )
        return tuple(lines)

    def dump(self) -> dict[str, dict[str, list[float]]]:
        """Write all of it as plain JSON.

        Examples
        --------
        >>> beliefs = RouteBeliefs()
        >>> beliefs.seen("sonnet@work", ok=True, at_s=5.0)
        >>> beliefs.dump()["calls"]
        {'sonnet@work': [5.0, 1.0, 0.0]}
        """
        kept = {"calls": self._calls, "times": self._times, "judged": self._judged}
        return {name: {route: list(sums) for route, sums in tuple(each.items())} for name, each in kept.items()}

    def load(self, dumped: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        """Take up what `dump` wrote, in place of all that is held; routes that are gone do no harm.

        Raises
        ------
        ValueError
            If it is not what `dump` writes.

        Examples
        --------
        >>> beliefs = RouteBeliefs()
        >>> beliefs.load({"calls": {"sonnet@work": [5.0, 1.0, 0.0]}})
        >>> round(beliefs.availability("sonnet@work", 5.0), 3)
        0.967
        """
        read: list[dict[str, Sums]] = []
        for name, length in (("calls", 3), ("times", 4), ("judged", 4)):
            held = {route: tuple(map(float, sums)) for route, sums in dumped.get(name, {}).items()}
            for route, sums in held.items():
                if len(sums) != length or not all(map(math.isfinite, sums)):
                    raise ValueError(f"{name} of {route!r} is {list(sums)}; load what dump wrote: {length} numbers")
            read.append(held)
        self._calls, self._times, self._judged = read
        self._timed, self._beside = {}, {}
        for known, kept in ((self._timed, self._times), (self._beside, self._judged)):
            for route in kept:
                _know(known, route)


def _added(held: Sums | None, values: Sums, at_s: float, half_life_s: float) -> Sums:
    if held is None:
        return (at_s, *values)
    later = max(held[0], at_s)
    old, new = 2.0 ** ((held[0] - later) / half_life_s), 2.0 ** ((at_s - later) / half_life_s)
    return (later, *(old * a + new * b for a, b in zip(held[1:], values, strict=True)))


def _share(at_s: float, now_s: float, half_life_s: float) -> float:
    return 2.0 ** ((at_s - now_s) / half_life_s) if now_s > at_s else 1.0


def _know(known: dict[str, tuple[str, ...]], route: str) -> None:
    model = _model(route)
    routes = known.get(model, ())
    if route not in routes:
        known[model] = (*routes, route)


def _model(route: str) -> str:
    return route.partition("@")[0]


def _finite(**numbers: float) -> None:
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number}; give a finite number")
