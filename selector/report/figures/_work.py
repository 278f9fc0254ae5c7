"""Who gets which work, and whose calls failed: bars in groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selector.report.counted._facts import Fallback, Work
from selector.report.figures._colours import Look
from selector.report.figures._days import NO_DECISION
from selector.report.figures._page import SMALL, TEXT, Page, Pen, clip, columns, page, wide
from selector.report.figures._scale import count, interval, percent, usd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["fallbacks_by_reason", "work_by_type"]

_ROW, _BAR = 20.0, 13.0
_NAMES = 0.58  # of a column at most, for the names of its bars


class _Bar(NamedTuple):
    label: tuple[str, ...]
    """One name, or the one that failed and the one that answered."""
    colour: str
    share: float
    """How long it is beside the others; nan: there is none."""
    word: str
    title: str


def work_by_type(
    work: Sequence[Work], look: Look | None = None, *, most: int = 6, title: str = "Who gets which work"
) -> Figure:
    """Draw what share of each task type's decisions each model was chosen for.

    Shares are counted, not estimated; the success beside each has its interval in the title of the bar.

    Parameters
    ----------
    work
        `Facts.work`.
    look
        Theme, width and families.
    most
        Models per task type; the others are one bar.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look, as high as needed.

    Examples
    --------
    >>> from selector.report import Measured
    >>> seen = Measured(0.8, 0.7, 0.9, 60)
    >>> one = Work("coding", "gpt-5.5", 75, 0.75, 1.5, Measured(0.02, 0.01, 0.03, 75), seen)
    >>> figure = work_by_type([one, one._replace(model="kimi-k2.6", n=25, share=0.25)])
    >>> [text.get_text() for text in figure.axes[0].texts][2:]
    ['coding', '100', 'gpt-5.5', '75 %', 'kimi-k2.6', '25 %']
    """
    look = (look or Look()).with_models(dict.fromkeys(w.model for w in work))
    with page(look, title) as sheet:
        if not work:
            sheet.words(NO_DECISION)
            return sheet.figure
        sheet.words("Share of each task type's decisions by chosen model; at the right of a type, how many it has.")
        groups: dict[str, list[Work]] = {}
        for one in work:
            groups.setdefault(one.task_type, []).append(one)
        named = [(name, count(sum(w.n for w in rows)), _shares(rows, most)) for name, rows in groups.items()]
        _groups(sheet, named, columns(sheet.width, len(named), 300))
    return sheet.figure


def _shares(rows: Sequence[Work], most: int) -> list[_Bar]:
    kept = rows if len(rows) <= most + 1 else rows[:most]
    bars = []
    for w in kept:
        told = f"{w.model}: {w.n:,} decisions on {w.task_type}, {usd(w.usd_per_decision.value)} each"
        told += f", success {interval(*w.success[:3])}"
        bars.append(_Bar((w.model,), w.model, w.share, percent(w.share, 1 if w.share < 0.0095 else 0), told))
    rest = rows[len(kept) :]
    if rest:
        share, n = sum(w.share for w in rest), sum(w.n for w in rest)
        told = f"{len(rest)} others: {n:,} decisions"
        bars.append(_Bar((f"{len(rest)} others",), "faint", share, percent(share), told))
    return bars


def fallbacks_by_reason(
    fallbacks: Sequence[Fallback],
    look: Look | None = None,
    *,
    most: int = 6,
    title: str = "Calls that failed and were made again",
) -> Figure:
    """Draw why first calls failed, of which model, and what answered in its place.

    Parameters
    ----------
    fallbacks
        `Facts.fallbacks`: counted, so that they have no interval.
    look
        Theme, width and families.
    most
        Bars per reason; the others are a number.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look, as high as needed.

    Examples
    --------
    >>> from selector.report import Measured
    >>> seen = Measured(0.8, 0.7, 0.9, 60)
    >>> one = Fallback("rate_limited", "gpt-5.5", "kimi-k2.6", 12, 25, 0.3, 0.4, 0.01, 20.0, seen)
    >>> figure = fallbacks_by_reason([one])
    >>> [text.get_text() for text in figure.axes[0].texts][-3:]
    ['12', 'gpt-5.5 \N{RIGHTWARDS ARROW} kimi-k2.6', '12']
    """
    look = (look or Look()).with_models(dict.fromkeys(f.model for f in fallbacks))
    with page(look, title) as sheet:
        if not fallbacks:
            sheet.words("No fallback was needed: no first call failed that another one was made for.")
            return sheet.figure
        n, extra = sum(f.n for f in fallbacks), sum(f.cost_usd - f.expected_usd for f in fallbacks)
        more = "more" if extra >= 0 else "less"
        cost = f" They cost {usd(abs(extra))} {more} than was expected of them." if math.isfinite(extra) else ""
        sheet.words(f"{n:,} decisions, by reason: the model whose call failed, and what answered in its place.{cost}")
        reasons: dict[str, list[Fallback]] = {}
        for one in fallbacks:
            reasons.setdefault(one.failure, []).append(one)
        longest = max(f.n for f in fallbacks)
        order = sorted(reasons.items(), key=lambda item: (-sum(f.n for f in item[1]), item[0]))
        named = [(name, count(sum(f.n for f in rows)), _failed(rows, most, longest)) for name, rows in order]
        both = max(wide(_label(bar.label, math.inf)) for _, _, bars in named for bar in bars) + 10
        _groups(sheet, named, columns(sheet.width, len(named), max(340.0, both / _NAMES)))
    return sheet.figure


def _failed(rows: Sequence[Fallback], most: int, longest: int) -> list[_Bar]:
    rows = sorted(rows, key=lambda f: (-f.n, f.model, f.answered_by))
    kept = rows if len(rows) <= most + 1 else rows[:most]
    bars = []
    for f in kept:
        label = (f.model, f.answered_by or "nobody")
        told = f"{f.n} decisions: {f.model} failed ({f.failure}), {f.answered_by or 'nobody'} answered, "
        told += f"{usd(f.cost_usd)} in all, success {interval(*f.success[:3])}"
        bars.append(_Bar(label, f.model, f.n / longest, f"{f.n:,}", told))
    rest = rows[len(kept) :]
    if rest:
        told = f"{len(rest)} others, {sum(f.n for f in rest):,} in all"
        bars.append(_Bar((told,), "faint", math.nan, "", told))  # beside them a sum would look like one of them
    return bars


def _groups(
    sheet: Page, groups: Sequence[tuple[str, str, Sequence[_Bar]]], places: Sequence[tuple[float, float]]
) -> None:
    """Draw groups of bars in columns, each with its name and count above, all on one scale."""
    every = [bar for _, _, bars in groups for bar in bars]
    names = max(wide(_label(bar.label, math.inf)) for bar in every) + 10
    above = names > places[0][1] * _NAMES and any(len(bar.label) > 1 for bar in every)  # two names, cut, are no names
    names = 0.0 if above else min(names, _NAMES * places[0][1])
    row, longest = _ROW + (TEXT + 7) * above, np.nanmax([bar.share for bar in every])
    for first in range(0, len(groups), len(places)):
        shown = groups[first : first + len(places)]
        top = sheet.y + 12
        for (name, n, bars), (left, room) in zip(shown, places, strict=False):
            sheet.text(left, top + TEXT, clip(name, room - 60, bold=True), Pen(), bold=True)
            sheet.text(left + room, top + TEXT, n, Pen("muted"), size=SMALL, side="right")
            for i, bar in enumerate(bars):
                y = top + TEXT + 8 + i * row
                sheet.text(left, y + 11, _label(bar.label, (names or room) - 8), Pen())
                y += (TEXT + 4) * above
                if math.isnan(bar.share):
                    continue
                length = max((room - names - 48) * bar.share / longest, 1.0)
                sheet.box(left + names, y, (length, _BAR), Pen(bar.colour, title=bar.title))
                sheet.text(left + names + length + 5, y + 11, bar.word, Pen("muted"), size=SMALL)
        sheet.y = top + TEXT + 8 + max(len(bars) for _, _, bars in shown) * row


def _label(names: tuple[str, ...], room: float) -> str:
    """Return names with an arrow between them, each cut so that both can be told."""
    arrow = " \N{RIGHTWARDS ARROW} "
    if wide(arrow.join(names)) <= room:
        return arrow.join(names)
    left = room - wide(arrow) * (len(names) - 1)
    widths = [wide(name) for name in names]
    fair = left / len(names)
    spare = sum(max(fair - width, 0.0) for width in widths)  # what the short one leaves to the other
    each = [min(width, fair + spare) for width in widths]
    return arrow.join(clip(name, part) for name, part in zip(names, each, strict=True))
