"""Several budgets of one resource steered to at once, as time passes: the least target counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from selector.budgets._pacing import MOST, Floats, InFlight, PerRequest, Traffic, Window, capped_target
from selector.budgets._windows import RollingWindow, calendar_window, window_phase
from selector.config import BudgetConfig

__all__ = ["Pace"]

_Each = tuple[BudgetConfig, PerRequest | Window | RollingWindow]
_FEWEST = 10.0  # requests a window is first guessed to have at least
_FRESH_S = 60.0  # what came within so long counts as coming now


class Pace:
    """A target per request from all budgets of one resource that have a window, for one seed.

    A budget without a window (``per: total``) does not say over how many requests it is to last, so it is not steered
    to: it only refuses.

    Parameters
    ----------
    configs
        The budgets; those of other resources are passed over.
    zone
        The time zone of calendar windows.
    now
        Seconds since 1970.
    usual_usd
        What a request is expected to cost before anything was seen, > 0: a window's traffic is first guessed so that
        it is met.
    resource
        ``usd``, with averages per request among them; ``tokens`` or ``requests``, and then all amounts are in these.

    Attributes
    ----------
    arrived
        Requests that came since the last `advance`; whoever chooses counts them.
    label
        The budget that has the least target.

    Examples
    --------
    >>> pace = Pace([BudgetConfig(usd_per_request=0.02), BudgetConfig(usd=1, per="day")], "UTC", 0.0, usual_usd=0.01)
    >>> pace.target().tolist(), pace.label
    ([0.01], 'usd-per-day')
    """

    def __init__(
        self, configs: Sequence[BudgetConfig], zone: str, now: float, usual_usd: float, resource: str = "usd"
    ) -> None:
        self._zone, self._now, self.arrived = zone, now, 0
        self._paid: list[float] = []
        self._late: list[tuple[float, float | None]] = []  # when, and what was paid; None: a request came
        self._is_new = True
        self._means: list[tuple[BudgetConfig, PerRequest]] = []
        self._windows: list[tuple[BudgetConfig, Window]] = []
        self._rolling: list[tuple[BudgetConfig, RollingWindow]] = []
        for config in configs:
            if config.resource == "usd_per_request" and resource == "usd":
                self._means.append((config, PerRequest(config.limit, 1)))
            elif config.resource == resource and config.per not in {"total", "request"}:
                first_guess = max(config.limit / usual_usd, _FEWEST)
                if config.seconds is not None:
                    rate = first_guess / config.seconds
                    self._rolling.append((config, RollingWindow(config.limit, config.seconds, rate)))
                else:
                    self._windows.append((config, Window(config.limit, Traffic(np.array([first_guess])))))
        self._every: list[_Each] = [*self._means, *self._windows, *self._rolling]
        self._origin = now
        self._set_end(now)
        self._watch(now)

    def __bool__(self) -> bool:
        return bool(self._every)

    @property
    def mean_usd(self) -> Floats:
        """What a request may cost on average, shape (1,)."""
        means: Floats = np.min([each.mean_usd for _, each in self._every], axis=0)
        return means

    @property
    def label(self) -> str:
        """The name of the budget with the least target."""
        return min(self._every, key=lambda each: float(self._target(*each)[0]))[0].label

    def target(self) -> Floats:
        """Return what the next request may cost on average, USD, shape (1,)."""
        targets: Floats = np.min([self._target(config, each) for config, each in self._every], axis=0)
        return targets

    def _target(self, config: BudgetConfig, each: PerRequest | Window | RollingWindow) -> Floats:
        """Return the target of one budget: a longer window's leaves out what shorter ones will not let through."""
        own = each.target()
        if not isinstance(each, Window) or len(self._windows) < 2:
            return own
        begin, end = self._spans[config.label]
        for inner, part in self._windows:
            first, last = self._spans[inner.label]
            n_parts = (end - last) / (last - first)
            if (last - first) < (end - begin) and n_parts > 0:
                rest, now = self._remaining(config, each), self._remaining(inner, part)
                counts = np.array([float(n[0]) for n in part.traffic.past] or [1.0])
                counts = np.maximum(counts * (max(rest - now, 1.0) / n_parts / max(counts.mean(), 1e-9)), 1e-6)
                share = n_parts / len(counts)
                parts = np.concatenate(([now], counts * share))
                found = capped_target(float(each.left[0]), inner.limit * share, part.left, parts)
                most = each.mean_usd * MOST
                own = np.maximum(own, np.minimum(found, most))
        return own

    def settle(self, cost_usd: Floats) -> None:
        """Tell what a request cost, shape (1,)."""
        for _, each in self._every:
            each.settle(cost_usd)

    def correct(self, more_usd: float, at: float | None = None) -> None:
        """Tell by how much a request cost more than was told, and when it was made: closed windows stay as they are."""
        for config, each in self._every:
            if isinstance(each, PerRequest):
                each.settle(np.array([more_usd]) + each.mean_usd)
            elif at is None or self._is_open(config, at):
                each.settle(np.array([more_usd]))

    def change(self, label: str, spent: float, limit: float) -> None:
        """Take in what a person changed of a budget: what is spent, and what may be."""
        for config, each in self._every:
            if config.label == label and not isinstance(each, PerRequest):
                each.change(spent, limit)

    def fly(self, in_flight: InFlight) -> None:
        """Tell what was chosen for and has no cost yet."""
        for _, each in self._every:
            each.in_flight = in_flight

    def arrive(self, at: float) -> None:
        """Count a request that came at a moment, such as one that another process chose for; `advance` books it."""
        if self._begun <= at < self.ends and at > self._now - _FRESH_S:
            self.arrived += 1
        else:
            self._late.append((at, None))

    def pay(self, usd: float, at: float | None = None) -> None:
        """Take note of what a request cost, and when it was made; `advance` books it in the windows of that time."""
        if at is None or self._begun <= at < self.ends:
            self._paid.append(usd)
        else:
            self._late.append((at, usd))

    def advance(self, now: float) -> bool:
        """Let time pass, and tell whether a window ended; time that goes back is the last one seen."""
        ended = self._catch_up() if self._late else False
        self._now = now = max(now, self._now)
        if self._paid:
            for _, each in self._every:
                each.settle_all(self._paid)
            self._paid.clear()
        return self._step(now, self.arrived) or ended

    def _step(self, now: float, arrived: int) -> bool:
        """Go on to a moment at which some requests came, and tell whether a window ended."""
        ended = now >= self.ends
        for config, window in self._windows:
            if ended and now >= self._spans[config.label][1].timestamp():
                window.roll()
                self._spans[config.label] = self._calendar(config, now)
            window.arrive(self._phase(config, now), arrived)
        for _, rolling in self._rolling:
            rolling.arrive(now - self._origin, arrived)
        self.arrived = 0
        self._is_new = False
        if ended:
            self._set_end(now)
        return ended

    def _catch_up(self) -> bool:
        """Book what came and was paid at other times, in order, in the windows of those times; tell if one ended."""
        late, self._late = sorted(self._late, key=lambda each: each[0]), []
        if self._is_new and late[0][0] < self._now:
            self._now = self._origin = late[0][0]
            self._set_end(self._now)
            self._watch(self._now)
        arrived, ended = self.arrived, False
        for at, paid in late:
            self._now = max(at, self._now)
            if at >= self.ends:
                ended = self._step(at, 0) or ended
            if paid is None:
                self._count(at)
            else:
                self._book(at, paid)
        self.arrived = arrived
        return ended

    def _count(self, at: float) -> None:
        """Count a request in the windows that were open when it came."""
        for config, window in self._windows:
            if self._is_open(config, at):
                window.traffic.arrive(self._phase(config, at), 1.0)
        for _, rolling in self._rolling:
            rolling.arrive(at - self._origin)

    def _book(self, at: float, paid: float) -> None:
        """Book what was paid where its window is still open; an average has none."""
        for config, each in self._every:
            if self._is_open(config, at):
                each.settle_all([paid])

    def _is_open(self, config: BudgetConfig, at: float) -> bool:
        """Tell whether a window that has not ended was open at a moment; what has no calendar window always was."""
        return config.label not in self._spans or at >= self._spans[config.label][0].timestamp()

    @property
    def remaining(self) -> float | None:
        """How many requests are forecast until the calendar windows end, the most of any; None: there is none."""
        return max((self._remaining(config, window) for config, window in self._windows), default=None)

    @property
    def n_left(self) -> float:
        """The least number of requests that is forecast in any calendar window; infinite: there is none."""
        return min((self._remaining(config, window) for config, window in self._windows), default=math.inf)

    def remaining_of(self, label: str) -> float | None:
        """Forecast how many requests come until a budget's window ends; None: it is not the calendar's."""
        found = (self._remaining(config, window) for config, window in self._windows if config.label == label)
        return next(found, None)

    def _remaining(self, config: BudgetConfig, window: Window) -> float:
        return float(window.traffic.remaining(self._phase(config, self._now))[0])

    def dump(self) -> dict[str, Any]:
        """Write down what windows and traffic were seen, for `load`."""
        windows = {c.label: {"spent": w.spent.tolist(), "traffic": w.traffic.dump()} for c, w in self._windows}
        banks = [each.bank.tolist() for _, each in self._means]
        rolling = {c.label: r.dump() for c, r in self._rolling}
        return {"now": self._now, "origin": self._origin, "banks": banks, "windows": windows, "rolling": rolling}

    def load(self, saved: dict[str, Any], now: float) -> None:
        """Take up what was seen of budgets that are still configured."""
        for (_, each), bank in zip(self._means, saved["banks"], strict=False):
            each.bank = np.array(bank, float)
        for config, window in self._windows:
            if config.label in saved["windows"]:
                window.spent = np.array(saved["windows"][config.label]["spent"], float)
                window.traffic.load(saved["windows"][config.label]["traffic"])
        for config, rolling in self._rolling:
            if config.label in saved["rolling"]:
                rolling.load(saved["rolling"][config.label])
        self._origin, self._now, self._is_new = saved["origin"], min(saved["now"], now), False
        self._set_end(self._now)

    def _calendar(self, config: BudgetConfig, now: float) -> tuple[datetime, datetime]:
        return calendar_window(config.per, datetime.fromtimestamp(now, UTC), self._zone)  # type: ignore[arg-type]  # not a span, not a total

    def _phase(self, config: BudgetConfig, now: float) -> float:
        return window_phase(datetime.fromtimestamp(now, UTC), self._spans[config.label])

    def _watch(self, now: float) -> None:
        """Begin in the middle of windows of which nothing was seen yet."""
        for config, window in self._windows:
            window.traffic.begin(self._phase(config, now))

    def _set_end(self, now: float) -> None:
        self._spans = {config.label: self._calendar(config, now) for config, _ in self._windows}
        self.ends = min((end.timestamp() for _, end in self._spans.values()), default=math.inf)
        self._begun = max((begin.timestamp() for begin, _ in self._spans.values()), default=-math.inf)
