"""From values to pixels and to words: scales with round ticks, percent, dollars, intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from selector.report.figures._page import Floats

__all__ = ["Scale", "apart", "count", "interval", "percent", "scale", "usd"]


class Scale(NamedTuple):
    """Where a value stands on the page."""

    low: float
    high: float
    start: float
    """The pixel of `low`."""
    end: float
    """The pixel of `high`."""
    log: bool = False
    middle: float = 0.0
    """Above 0: logarithmic on both sides of zero, with round values no nearer to it than this."""

    def __call__(self, value: ArrayLike) -> Floats:
        """Return the pixels of values; what lies beyond the ends stands at them."""
        at: Floats = np.clip(np.asarray(value, float), self.low, self.high)
        low, high = self.low, self.high
        if self.middle:
            at, low, high = np.arcsinh(at / self.middle), math.asinh(low / self.middle), math.asinh(high / self.middle)
        elif self.log:
            at, low, high = np.log(at), math.log(low), math.log(high)
        found: Floats = self.start + (at - low) / (high - low) * (self.end - self.start)
        return found

    def ticks(self, n: int = 4) -> list[float]:
        """Return about n round values, few enough for their words to stand side by side."""
        if self.log:
            return self._decades(n)
        if self.middle:
            return self._both_sides()
        raw = (self.high - self.low) / max(n, 1)
        power = 10.0 ** math.floor(math.log10(raw))
        steps = [m * power for m in (0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10)]
        fits = next(i for i, step in enumerate(steps) if step >= raw * 0.999)
        found: list[float] = []
        for step in reversed(steps[: fits + 1]):  # one word alone says nothing of the others
            ends = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            found = [round(i * step, 12) for i in range(ends[0], ends[1] + 1)]
            if len(found) > 1:
                break
        return found

    def _both_sides(self) -> list[float]:
        """Return zero, and the powers of ten on its sides."""
        powers = [round(self.middle * 10.0**e, 12) for e in range(13)]
        every = (*(-power for power in reversed(powers)), 0.0, *powers)
        return [tick for tick in every if self.low <= tick <= self.high]

    def _decades(self, n: int) -> list[float]:
        found: list[float] = []
        for steps in ((1,), (1, 3), (1, 2, 5)):
            every = [m * 10.0**e for e in range(-12, 9) for m in steps if self.low <= m * 10.0**e <= self.high]
            if found and len(every) > n:
                break
            found = every
        middle = float(f"{math.sqrt(self.low * self.high):.1g}")  # nothing round in so little: the middle, about
        return found[:: max(1, math.ceil(len(found) / n))] or [min(max(middle, self.low), self.high)]


def scale(values: ArrayLike, start: float, end: float, *, zero: bool = False, log: bool = False) -> Scale:
    """Return a scale on which all finite values have their place, with a little room around them."""
    known = np.asarray(values, float).ravel()
    known = known[np.isfinite(known) & (known > 0 if log else True)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.1 if log else 0.0, 1.0)
    if log:
        room = max(0.05 * math.log(high / low), 0.12)
        return Scale(low * math.exp(-room), high * math.exp(room), start, end, log=True)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    spread = high - low or abs(high) or 1.0
    return Scale(low if zero and low == 0 else low - 0.06 * spread, high + 0.06 * spread, start, end)


def percent(value: float, digits: int = 0) -> str:
    """Return a share as a word."""
    return "?" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def apart(ticks: Sequence[float], word: Callable[[float], str]) -> list[str]:
    """Return a word per tick; shares that are nearly the same get as many digits as tell them apart.

    Examples
    --------
    >>> apart([0.6, 0.8], percent), apart([0.698, 0.7, 0.702], percent)
    (['60 %', '80 %'], ['69.8 %', '70.0 %', '70.2 %'])
    """
    found = [word(tick) for tick in ticks]
    for digits in (1, 2, 3):
        if word is not percent or len(set(found)) == len(found):
            break
        found = [percent(tick, digits) for tick in ticks]
    return found


def usd(value: float) -> str:
    """Return dollars as a word of three digits or more.

    Examples
    --------
    >>> usd(1234.5), usd(12.345), usd(0.001234), usd(-0.5), usd(0.0)
    ('$1,234', '$12.3', '$0.00123', '-$0.5', '$0')
    """
    if not math.isfinite(value):
        return "?"
    size, sign = abs(value), "-" if value < 0 else ""
    if size >= 100:
        return f"{sign}${size:,.0f}"
    return f"{sign}${np.format_float_positional(size, precision=3, fractional=False, trim='-')}"


def count(value: float) -> str:
    """Return a count in at most four letters.

    Examples
    --------
    >>> count(0.4), count(12), count(1234), count(56789), count(2.1e6)
    ('0.4', '12', '1.2k', '57k', '2.1M')
    """
    if math.isnan(value):
        return "?"
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * limit:
            short = value / limit
            return (f"{short:.1f}".removesuffix(".0") if short < 9.95 else f"{short:.0f}") + letter
    return f"{value:.0f}"


def interval(value: float, low: float, high: float) -> str:
    """Return a share with its interval as words."""
    if math.isnan(value):
        return "not known"
    if math.isnan(low) or math.isnan(high):
        return percent(value)
    return f"{percent(value)} ({100 * low:.0f} to {100 * high:.0f})"
