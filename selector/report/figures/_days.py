"""Day by day: dollars against what budgets allow, what one more would be worth, and what exploring takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from selector.report.counted._facts import Day
from selector.report.figures._colours import ALONE, Look
from selector.report.figures._page import MARGIN, SMALL, TEXT, Page, Pen, page, wide
from selector.report.figures._scale import Scale, apart, percent, scale, usd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NO_DECISION", "calendar", "dates", "exploration_by_day", "rules", "spend_by_day"]

_UP, _LOW = 150.0, 80.0  # pixels of an upper and of a lower panel
_STEEP = 20.0  # times the middle one, from which the greatest would flatten all others
NO_DECISION = "No decision was made yet."


def spend_by_day(days: Sequence[Day], look: Look | None = None, *, title: str = "Spent per day") -> Figure:
    """Draw the dollars of each day against what the budgets allow, and below what one more dollar was worth.

    The shadow price says how hard a budget presses: at 0 nothing would be won by more dollars. Both are counted, not
    estimated, so that they have no interval.

    Parameters
    ----------
    days
        `Facts.days`.
    look
        Theme, width and families.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look.

    Examples
    --------
    >>> from math import nan
    >>> from selector.report import Measured
    >>> day = Day(date(2026, 3, 1), 100, 90, 4.2, 5.0, 0.3, Measured(0.8, 0.7, 0.9, 90), 0.1, 0.5, (60, 40))
    >>> figure = spend_by_day([day, day._replace(day=date(2026, 3, 2), target_usd=nan)])
    >>> [text.get_text() for text in figure.axes[0].texts if "allowed" in text.get_text()]
    ['allowed by the budgets, $5 on the last day']
    """
    with page(look or Look(), title) as sheet:
        if not days:
            sheet.words(NO_DECISION)
            return sheet.figure
        total, known = sum(d.spent_usd for d in days), [d for d in days if math.isfinite(d.target_usd)]
        told = f"{usd(total)} in all over {len(days)} {'day' if len(days) == 1 else 'days'} with a decision."
        sheet.words(told if known else f"{told} No budget in dollars is known.")
        x = calendar(sheet, [d.day for d in days])
        _dollars(sheet, days, x)
        if any(math.isfinite(d.shadow_price) for d in days):
            _prices(sheet, days, x)
        else:
            sheet.y += 8
            sheet.words("What one more dollar was worth was not written down.", size=SMALL)
        dates(sheet, x, [d.day for d in days])
    return sheet.figure


def exploration_by_day(days: Sequence[Day], look: Look | None = None, *, title: str = "What exploring takes") -> Figure:
    """Draw the share of decisions that were made in order to learn, and the dollars they took.

    Exploring is paid for in order to know which model to use; once enough is known it should fall, and after a drift
    rise again. Both are counted, not estimated, so that they have no interval.

    Parameters
    ----------
    days
        `Facts.days`.
    look
        Theme, width and families.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look.

    Examples
    --------
    >>> from selector.report import Measured
    >>> day = Day(date(2026, 3, 1), 100, 90, 4.0, 5.0, 0.3, Measured(0.8, 0.7, 0.9, 90), 0.1, 0.5, (60, 40))
    >>> figure = exploration_by_day([day])
    >>> figure.axes[0].texts[1].get_text()
    'Exploring took 10 % of the decisions and $0.5 of $4 (12.5 %).'
    """
    with page(look or Look(), title) as sheet:
        if not days:
            sheet.words(NO_DECISION)
            return sheet.figure
        n, spent = sum(d.n for d in days), sum(d.spent_usd for d in days)
        explored, dollars = sum(d.explored * d.n for d in days), sum(d.explored_usd for d in days)
        share = f" ({percent(dollars / spent, 1)})" if spent > 0 else ""
        part = percent(explored / max(n, 1))
        sheet.words(f"Exploring took {part} of the decisions and {usd(dollars)} of {usd(spent)}{share}.")
        x = calendar(sheet, [d.day for d in days])
        top = _panel(sheet, "share of the decisions")
        y = scale([0.02, *(d.explored for d in days)], top + _UP, top, zero=True)
        rules(sheet, x, y, percent)
        for day in days:
            told = f"{day.day}: {percent(day.explored)} of {day.n} decisions to explore"
            _bar(sheet, day.day, x, y, (0.0, day.explored), Pen("hue-0-0", title=told))
        sheet.y = top + _UP
        top = _panel(sheet, "dollars: to explore (strong), otherwise (pale)")
        y = scale([d.spent_usd for d in days], top + _LOW, top, zero=True)
        rules(sheet, x, y, usd, 2)
        for day in days:
            told = f"{day.day}: {usd(day.explored_usd)} of {usd(day.spent_usd)} to explore"
            _bar(sheet, day.day, x, y, (0.0, day.explored_usd), Pen("hue-0-0", title=told))
            _bar(sheet, day.day, x, y, (day.explored_usd, day.spent_usd), Pen(ALONE, alpha=0.35, title=told))
        sheet.y = top + _LOW
        dates(sheet, x, [d.day for d in days])
    return sheet.figure


def _dollars(sheet: Page, days: Sequence[Day], x: Scale) -> None:
    top = _panel(sheet, "dollars")
    targets = [d.target_usd for d in days if math.isfinite(d.target_usd)]
    y = scale([*targets, *(d.spent_usd for d in days)], top + _UP, top, zero=True)
    rules(sheet, x, y, usd)
    for day in days:
        allowed = f", allowed {usd(day.target_usd)}" if math.isfinite(day.target_usd) else ""
        told = f"{day.day}: {usd(day.spent_usd)}{allowed}, {day.n} decisions"
        _bar(sheet, day.day, x, y, (0.0, day.spent_usd), Pen(ALONE, title=told))
    for day in days:
        if math.isfinite(day.target_usd):
            at, half = float(x(day.day.toordinal())), _step(x) / 2
            level, title = float(y(day.target_usd)), f"{day.day}: {usd(day.target_usd)} allowed"
            ends = [at - half, at + half]
            sheet.line(ends, [level, level], Pen("paper", width=4.0))
            sheet.line(ends, [level, level], Pen("alarm", width=1.8, title=title))
    if targets:
        left = MARGIN + wide("dollars", SMALL) + 14
        sheet.line([left, left + 18], [top - 14, top - 14], Pen("alarm", width=1.8))
        short = "allowed by the budgets"
        word = f"{short}, {usd(targets[-1])} on the last day"
        fits = left + 23 + wide(word, SMALL) <= sheet.width - MARGIN
        sheet.text(left + 23, top - 10, word if fits else short, Pen("muted"), size=SMALL)
    sheet.y = top + _UP


def _prices(sheet: Page, days: Sequence[Day], x: Scale) -> None:
    known = [d.shadow_price for d in days if math.isfinite(d.shadow_price)]
    steep = max(known) > _STEEP * float(np.median(known)) > 0
    how = " (logarithmic)" if steep else ""
    short = f"successes for one more dollar{how}"
    named = f"shadow price: {short}"
    top = _panel(sheet, named if wide(named, SMALL) <= sheet.width - 2 * MARGIN else short)
    y = scale(known, top + _LOW, top, zero=not steep, log=steep)
    rules(sheet, x, y, lambda v: f"{v:.3g}", 2)
    at = np.array([d.day.toordinal() for d in days], float)
    price = np.array([d.shadow_price for d in days])
    sheet.line(x(at), y(price), Pen("ink", width=1.6))
    for day in days:
        if math.isfinite(day.shadow_price):
            told = f"{day.day}: one more dollar was worth {day.shadow_price:.3g} successes"
            sheet.dot(float(x(day.day.toordinal())), float(y(day.shadow_price)), Pen("ink", size=5.0, title=told))
    sheet.y = top + _LOW


def _panel(sheet: Page, what: str) -> float:
    """Name a panel; return its upper edge."""
    sheet.text(MARGIN, sheet.y + 10 + TEXT, what, Pen("muted"), size=SMALL)
    return sheet.y + 20 + TEXT


def calendar(sheet: Page, days: Sequence[date]) -> Scale:
    """Return the scale of days, as numbers, half a day free at both ends."""
    first, last = min(days).toordinal(), max(days).toordinal()
    few = max(0.0, (3 - (last - first + 1)) / 2)  # one day alone is no bar over the whole page
    return Scale(first - 0.5 - few, last + 0.5 + few, MARGIN + 46, sheet.width - MARGIN - 8)


def dates(sheet: Page, x: Scale, days: Sequence[date]) -> None:
    """Write the dates below the last panel, as many as there is room for."""
    first, last = min(days).toordinal(), max(days).toordinal()
    every = max(1, math.ceil((last - first + 1) * 62 / (x.end - x.start)))
    every = next((step for step in (1, 2, 5, 7, 14, 28, 56, 91, 182) if step >= every), 365)
    for at in range(first, last + 1, every):
        word = f"{date.fromordinal(at):%d %b}".lstrip("0")
        sheet.text(float(x(at)), sheet.y + 16, word, Pen("muted"), size=SMALL, side="center")
    years = sorted({(date.fromordinal(first) + timedelta(days=i)).year for i in (0, last - first)})
    sheet.text(
        MARGIN,
        sheet.y + 16,
        "-".join(str(year)[-4 + 2 * i :] for i, year in enumerate(years)),
        Pen("muted"),
        size=SMALL,
    )
    sheet.y += 24


def rules(sheet: Page, x: Scale, y: Scale, word: Callable[[float], str], n: int = 4) -> None:
    """Draw the lines of round values, each with its word."""
    ticks = y.ticks(n)
    for tick, name in zip(ticks, apart(ticks, word), strict=True):
        at = float(y(tick))
        sheet.line([x.start, x.end], [at, at], Pen("edge" if tick == 0 else "grid"))
        sheet.text(x.start - 6, at + 4, name, Pen("muted"), size=SMALL, side="right")


def _bar(sheet: Page, day: date, x: Scale, y: Scale, span: tuple[float, float], pen: Pen) -> None:
    step = _step(x)
    gap = min(2.0, 0.2 * step)
    left, (low, high) = float(x(day.toordinal())) - step / 2 + gap / 2, y(np.nan_to_num(span)).tolist()
    if low - high > 0:
        sheet.box(left, high, (step - gap, low - high), pen)


def _step(x: Scale) -> float:
    return (x.end - x.start) / (x.high - x.low)
