"""Several budgets in dollars steered to at once, as time passes: the least target counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from selector.budgets._pacing import Floats, InFlight, PerRequest, Traffic, Window
from selector.budgets._windows import RollingWindow, calendar_window, window_phase
from selector.config import BudgetConfig

__all__ = ["Pace"]

_FEWEST = 10.0  # requests a window is first guessed to have at least


class Pace:
    """A target per request from all budgets in dollars that have a window, for one seed.

    A budget without a window (``per: total``) does not say over how many requests it is to last, so it is not steered
    to: it only refuses.

    Parameters
    ----------
    configs
        The budgets; those that are not in dollars are passed over.
    zone
        The time zone of calendar windows.
    now
        Seconds since 1970.
    usual_usd
        What a request is expected to cost before anything was seen, > 0: a window's traffic is first guessed so that
        it is met.

    Attributes
    ----------
    arrived
        Requests that came since the last `advance`; whoever chooses counts them.

    Examples
    --------
    >>> pace = Pace([BudgetConfig(usd_per_request=0.02), BudgetConfig(usd=1, per="day")], "UTC", 0.0, usual_usd=0.01)
    >>> pace.target().tolist()
    [0.01]
    """

    def __init__(self, configs: Sequence[BudgetConfig], zone: str, now: float, usual_usd: float) -> None:
        self._zone, self._now, self.arrived = zone, now, 0
        self._paid: list[float] = []
        self._means: list[PerRequest] = []
        self._windows: list[tuple[BudgetConfig, Window]] = []
        self._rolling: list[tuple[BudgetConfig, RollingWindow]] = []
        for config in configs:
            if config.resource == "usd_per_request":
                self._means.append(PerRequest(config.limit, 1))
            elif config.resource == "usd" and config.per != "total":
                first_guess = max(config.limit / usual_usd, _FEWEST)
                if config.seconds is not None:
                    rate = first_guess / config.seconds
                    self._rolling.append((config, RollingWindow(config.limit, config.seconds, rate)))
                else:
                    self._windows.append((config, Window(config.limit, Traffic(np.array([first_guess])))))
        self._origin = now
        self.ends = math.inf
        self._set_end(now)

    def __bool__(self) -> bool:
        return bool(self._means or self._windows or self._rolling)

    @property
    def mean_usd(self) -> Floats:
        """What a request may cost on average, shape (1,)."""
        means: Floats = np.min([each.mean_usd for each in self._every], axis=0)
        return means

    def target(self) -> Floats:
        """Return what the next request may cost on average, USD, shape (1,)."""
        targets: Floats = np.min([each.target() for each in self._every], axis=0)
        return targets

    def settle(self, cost_usd: Floats) -> None:
        """Tell what a request cost, shape (1,)."""
        for each in self._every:
            each.settle(cost_usd)

    def correct(self, more_usd: float) -> None:
        """Tell by how much a request cost more than was told."""
        for each in self._every:
            each.settle(np.array([more_usd]) + (each.mean_usd if isinstance(each, PerRequest) else 0.0))

    def fly(self, in_flight: InFlight) -> None:
        """Tell what was chosen for and has no cost yet."""
        for each in self._every:
            each.in_flight = in_flight

    def pay(self, usd: float) -> None:
        """Take note of what a request cost; `advance` books it."""
        self._paid.append(usd)

    def advance(self, now: float) -> bool:
        """Let time pass, and tell whether a window ended; time that goes back is the last one seen."""
        self._now = now = max(now, self._now)
        if self._paid:
            for each in self._every:
                each.settle_all(self._paid)
            self._paid.clear()
        ended = now >= self.ends
        for config, window in self._windows:
            if ended and now >= self._end_of(config):
                window.roll()
            window.arrive(self._phase(config, now), self.arrived)
        for _, rolling in self._rolling:
            rolling.arrive(now - self._origin, self.arrived)
        self.arrived = 0
        if ended:
            self._set_end(now)
        return ended

    @property
    def remaining(self) -> float | None:
        """How many requests are forecast until the calendar windows end, the most of any; None: there is none."""
        found = [float(w.traffic.remaining(self._phase(c, self._now))[0]) for c, w in self._windows]
        return max(found, default=None)

    def dump(self) -> dict[str, Any]:
        """Write down what windows and traffic were seen, for `load`."""
        windows = {c.label: {"spent": w.spent.tolist(), "traffic": w.traffic.dump()} for c, w in self._windows}
        banks = [each.bank.tolist() for each in self._means]
        rolling = {c.label: r.dump() for c, r in self._rolling}
        return {"now": self._now, "origin": self._origin, "banks": banks, "windows": windows, "rolling": rolling}

    def load(self, saved: dict[str, Any], now: float) -> None:
        """Take up what was seen of budgets that are still configured."""
        for each, bank in zip(self._means, saved["banks"], strict=False):
            each.bank = np.array(bank, float)
        for config, window in self._windows:
            if config.label in saved["windows"]:
                window.spent = np.array(saved["windows"][config.label]["spent"], float)
                window.traffic.load(saved["windows"][config.label]["traffic"])
        for config, rolling in self._rolling:
            if config.label in saved["rolling"]:
                rolling.load(saved["rolling"][config.label])
        self._origin, self._now = saved["origin"], saved["now"]
        self._set_end(self._now)
        self.advance(now)

    @property
    def _every(self) -> list[PerRequest | Window | RollingWindow]:
        return [*self._means, *(window for _, window in self._windows), *(rolling for _, rolling in self._rolling)]

    def _calendar(self, config: BudgetConfig, now: float) -> tuple[datetime, datetime]:
        return calendar_window(config.per, datetime.fromtimestamp(now, UTC), self._zone)  # type: ignore[arg-type]  # not a span, not a total

    def _phase(self, config: BudgetConfig, now: float) -> float:
        return window_phase(datetime.fromtimestamp(now, UTC), self._calendar(config, now))

    def _end_of(self, config: BudgetConfig) -> float:
        return self._ends[config.label]

    def _set_end(self, now: float) -> None:
        self._ends = {config.label: self._calendar(config, now)[1].timestamp() for config, _ in self._windows}
        self.ends = min(self._ends.values(), default=math.inf)
