"""How much may be spent per request from now on: targets, not refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "Horizon", "InFlight", "Pacer", "PerRequest", "Traffic", "Window", "capped_target", "window_target"]

Floats = NDArray[np.float64]

_BANK_REQUESTS, _DEBT_REQUESTS = (
    150.0,
    300.0,
)  # a bank is worked off over so many requests, a debt paid back over so many
_BANK_MOST, _DEBT_MOST = 15.0, 450.0  # requests' worth
_LEAST, MOST = 0.05, 4.0  # of the window's mean
_PAST = 28  # windows whose counts are remembered one by one
_TRAFFIC_SHAPE = 4.0  # how sure past windows are of this one's count: a coefficient of variation of a half


class Pacer(Protocol):
    """Turns a budget into a target per request, for every seed at once."""

    @property
    def mean_usd(self) -> Floats:
        """What a request may cost on average, shape (n_seeds,)."""

    def target(self) -> Floats:
        """Return what the next request may cost on average, USD, shape (n_seeds,)."""

    def settle(self, cost_usd: Floats) -> None:
        """Tell what a request cost, shape (n_seeds,)."""


class InFlight(NamedTuple):
    """Requests that were chosen for and whose cost is not known yet."""

    n: int = 0
    """How many."""
    usd: float = 0.0
    """What they are expected to cost together."""


class PerRequest:
    """An average to steer to: a mean per request, with a bank that is capped.

    ``target = B clip(1 + bank / (150 B), .2, 3)``, with 300 in place of 150 for a debt. What was not spent is banked up
    to 15 requests' worth only: uncapped, the phase after a cheap one overspends. What was overspent is paid back in
    full, more slowly, since what the cap cuts off is lost.

    Parameters
    ----------
    limit_usd
        B, the mean per request, >= 0.
    n_seeds
        How many are paced at once.

    Examples
    --------
    >>> pace = PerRequest(0.02, 1)
    >>> pace.settle(np.array([0.32])); pace.target().round(4).tolist()
    [0.019]
    """

    __slots__ = ("bank", "in_flight", "mean_usd")

    def __init__(self, limit_usd: float, n_seeds: int) -> None:
        self.in_flight = InFlight()
        self.mean_usd: Floats = np.full(n_seeds, float(limit_usd))
        self.bank: Floats = np.zeros(n_seeds)

    def target(self) -> Floats:
        """Return the target per request."""
        mean, flying = self.mean_usd, self.in_flight
        bank = np.clip(self.bank + flying.n * mean - flying.usd, -_DEBT_MOST * mean, _BANK_MOST * mean)
        requests = np.where(bank < 0, _DEBT_REQUESTS, _BANK_REQUESTS)
        owed = bank / np.where(mean > 0, mean * requests, 1.0)
        return mean * np.clip(1 + owed, 0.2, 3.0)

    def settle(self, cost_usd: Floats) -> None:
        """Bank what was not spent."""
        mean = self.mean_usd
        bank = self.bank + mean - cost_usd
        self.bank = np.minimum(np.maximum(bank, -_DEBT_MOST * mean), _BANK_MOST * mean)

    def settle_all(self, costs_usd: Sequence[float]) -> None:
        """Bank, of one seed, what each of some requests in turn did not take: as `settle` does, without arrays."""
        mean, bank = float(self.mean_usd[0]), float(self.bank[0])
        least, most = -_DEBT_MOST * mean, _BANK_MOST * mean
        for cost in costs_usd:
            bank = min(max(bank + mean - cost, least), most)
        self.bank = np.array([bank])


class Horizon:
    """A total over a known number of requests: what is left over what remains.

    Parameters
    ----------
    limit_usd
        The total, >= 0.
    n_requests
        How many requests it is for, > 0.
    n_seeds
        How many are paced at once.

    Examples
    --------
    >>> pace = Horizon(1.0, 10, 1)
    >>> pace.settle(np.array([0.55])); pace.target().round(3).tolist()
    [0.05]
    """

    __slots__ = ("left", "mean_usd", "spent")

    def __init__(self, limit_usd: float, n_requests: int, n_seeds: int) -> None:
        self.mean_usd: Floats = np.full(n_seeds, limit_usd / n_requests)
        self.left = n_requests
        self.spent: Floats = np.zeros(n_seeds)

    def target(self) -> Floats:
        """Return the target per request."""
        rest = self.mean_usd * self.left + self._behind()
        return window_target(rest, np.full_like(rest, max(self.left, 1)), self.mean_usd)

    def settle(self, cost_usd: Floats) -> None:
        """Count one request."""
        self.spent += cost_usd - self.mean_usd
        self.left -= 1

    def _behind(self) -> Floats:
        return -self.spent


def window_target(left_usd: Floats, remaining: Floats, mean_usd: Floats) -> Floats:
    """Return the target per request in a window: what is left over the forecast of what remains to be served.

    Parameters
    ----------
    left_usd
        Limit less what was spent and what is held at expected cost.
    remaining
        Forecast requests until the window ends, > 0.
    mean_usd
        The window's limit over a usual window's requests; the target stays within .05 and 4 times it.

    Examples
    --------
    >>> window_target(np.array([5.0]), np.array([50.0]), np.array([0.05])).tolist()
    [0.1]
    """
    return np.clip(left_usd / np.maximum(remaining, 1.0), _LEAST * mean_usd, MOST * mean_usd)


def capped_target(left: float, limit: float, rooms: Floats, counts: Floats) -> float:
    """Return the target per request in a window whose parts have a limit of their own.

    A busy day takes its limit and no more, so what a month has left is for the other days: the target is where
    ``sum of min(room, target x count)`` over the parts meets what is left.

    Parameters
    ----------
    left
        What is left of the whole window.
    limit
        What a part may take that has no room of its own named; parts beyond ``rooms`` have all of it.
    rooms
        What the first parts may still take, as the day that has begun.
    counts
        Forecast requests of each part, > 0.

    Returns
    -------
    float
        Infinite, where all parts together may take less than is left.

    Examples
    --------
    >>> capped_target(6.0, 2.0, np.array([1.0]), np.array([10.0, 10.0, 40.0, 10.0]))
    0.15
    """
    room = np.full(len(counts), limit)
    room[: len(rooms)] = rooms
    room = np.maximum(room, 0.0)
    if room.sum() <= left:
        return float("inf")
    full = room / counts  # the target from which on a part takes all it may
    order = np.argsort(full)
    room, counts, full = room[order], counts[order], full[order]
    taken = np.concatenate(([0.0], np.cumsum(room)[:-1]))
    open_ = np.cumsum(counts[::-1])[::-1]
    target = (left - taken) / open_
    found = np.flatnonzero(target <= full)
    return max(float(target[found[0]]), 0.0) if len(found) else float("inf")


class Traffic:
    """How many requests are still to come in this window: past windows and this one's so far, mixed.

    A Gamma-Poisson forecast: past windows say about how many, this one's arrivals correct it, and a learnt profile
    says what share of a window's requests has come by now::

        E[all] = (a + n_so_far) / (a / N + F(phase)),   E[remaining] = E[all] (1 - F(phase)),   a = 4

    Of a window that is watched from its middle on only, F in E[all] is the share since then.

    Parameters
    ----------
    first_guess
        N before any window was seen, > 0, shape (n_seeds,).
    n_bins
        How finely the profile is learnt.

    Attributes
    ----------
    usual
        How many requests a window usually has.
    past
        How many the last 28 windows had, the oldest first.

    Examples
    --------
    >>> traffic = Traffic(np.array([100.0]))
    >>> traffic.remaining(0.0).tolist()
    [100.0]
    >>> for _ in range(100): traffic.arrive(0.25)
    >>> traffic.remaining(0.5).round().tolist()          # 100 by half-time: it will be a busy window
    [96.0]

    References
    ----------
    .. [1] Balseiro, Lu, Mirrokni (2023). "Robust budget pacing with a single sample." ICML.
       https://proceedings.mlr.press/v202/balseiro23a.html
    """

    __slots__ = ("_bins", "_profile", "_since", "_so_far", "past", "usual")

    def __init__(self, first_guess: Floats, n_bins: int = 48) -> None:
        self._since = 0.0
        self.usual: Floats = np.asarray(first_guess, float)
        self._bins: Floats = np.zeros((len(self.usual), n_bins))
        self._profile: Floats = np.full((len(self.usual), n_bins), 2.0)  # a weak belief in a flat day
        self._so_far: Floats = np.zeros(len(self.usual))
        self.past: list[Floats] = []

    def arrive(self, phase: float, arrived: Floats | float = 1.0) -> None:
        """Count requests at a phase of the window in [0, 1)."""
        self._bins[:, self._bin(phase)] += arrived
        self._so_far = self._so_far + arrived

    def begin(self, phase: float) -> None:
        """Watch from a phase of the window on: nothing is known of what came before."""
        self._since = phase

    def expected(self, phase: float) -> Floats:
        """Forecast how many the whole window has, at least one."""
        seen = np.maximum(self._passed(phase) - self._passed(self._since), 0.0)
        found: Floats = np.maximum((_TRAFFIC_SHAPE + self._so_far) / (_TRAFFIC_SHAPE / self.usual + seen), 1.0)
        return found

    def remaining(self, phase: float) -> Floats:
        """Forecast how many are still to come, at least one."""
        return np.maximum(self.expected(phase) * (1 - self._passed(phase)), 1.0)

    def dump(self) -> dict[str, Any]:
        """Write down what was learnt, for `load`."""
        own = {name: getattr(self, name).tolist() for name in ("usual", "_bins", "_profile", "_so_far")}
        return own | {"past": [each.tolist() for each in self.past], "since": self._since}

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what was learnt."""
        self._since = float(saved.get("since", 0.0))
        self.past = [np.array(each, float) for each in saved.get("past", ())]
        for name in ("usual", "_bins", "_profile", "_so_far"):
            setattr(self, name, np.array(saved[name], float))

    def close(self) -> None:
        """End the window: learn its count, and if all of it was watched its profile."""
        seen = 1 - self._passed(self._since)
        self.usual = np.maximum((1 - 0.4 * seen) * self.usual + 0.4 * self._so_far, 1.0)
        if not self._since:
            self.past = [*self.past[1 - _PAST :], self._so_far]
            self._profile = 0.8 * self._profile + self._bins
        self._bins = np.zeros_like(self._bins)
        self._so_far, self._since = np.zeros_like(self._so_far), 0.0

    def _bin(self, phase: float) -> int:
        n_bins: int = self._bins.shape[1]
        return min(int(phase * n_bins), n_bins - 1)

    def _passed(self, phase: float) -> Floats:
        at = self._bin(phase)
        within = min(max(phase * self._profile.shape[1] - at, 0.0), 1.0)
        whole = self._profile[:, :at].sum(1) + within * self._profile[:, at]
        share: Floats = whole / self._profile.sum(1)
        return share


class Window:
    """A limit per window of unknown traffic: what is left over the forecast of what is still to come.

    Parameters
    ----------
    limit_usd
        Per window, >= 0.
    traffic
        The forecast, of every seed.

    Examples
    --------
    >>> pace = Window(1.0, Traffic(np.array([10.0])))
    >>> pace.arrive(0.0); pace.settle(np.array([0.55])); pace.target().round(3).tolist()
    [0.036]
    """

    __slots__ = ("_limit", "_phase", "in_flight", "spent", "traffic")

    def __init__(self, limit_usd: float, traffic: Traffic) -> None:
        self.in_flight = InFlight()
        self.traffic = traffic
        self._limit, self._phase = limit_usd, 0.0
        self.spent: Floats = np.zeros(len(traffic.usual))

    @property
    def mean_usd(self) -> Floats:
        """What a request may cost at the traffic that this window is forecast to have, shape (n_seeds,)."""
        return self._limit / self.traffic.expected(self._phase)

    @property
    def left(self) -> Floats:
        """The limit less what was spent and what is under way, shape (n_seeds,)."""
        left: Floats = self._limit - self.spent - self.in_flight.usd
        return left

    def arrive(self, phase: float, arrived: float = 1.0) -> None:
        """Count requests at a phase of the window in [0, 1)."""
        self._phase = phase
        self.traffic.arrive(phase, arrived)

    def target(self) -> Floats:
        """Return the target per request."""
        return window_target(self.left, self.traffic.remaining(self._phase), self.mean_usd)

    def settle(self, cost_usd: Floats) -> None:
        """Book what a request cost."""
        self.spent = self.spent + cost_usd

    def settle_all(self, costs_usd: Sequence[float]) -> None:
        """Book, of one seed, what each of some requests cost."""
        spent = float(self.spent[0])
        for cost in costs_usd:
            spent += cost
        self.spent = np.array([spent])

    def change(self, spent: float, limit_usd: float) -> None:
        """Take in, of one seed, what is spent and what may be."""
        self._limit, self.spent = limit_usd, np.array([spent])

    def roll(self) -> None:
        """Begin the next window."""
        self.traffic.close()
        self.spent, self._phase = np.zeros_like(self.spent), 0.0
