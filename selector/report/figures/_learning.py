"""What success and cost were while more was learnt, and whom the work went to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from selector.report.counted._facts import Block, Measured
from selector.report.figures._colours import ALONE, Look
from selector.report.figures._days import NO_DECISION, rules
from selector.report.figures._page import MARGIN, SMALL, TEXT, Floats, Page, Pen, clip, page, wide
from selector.report.figures._scale import Scale, count, percent, scale, usd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["learning_curves"]

_UP, _WORK = 120.0, 170.0  # pixels of a curve, of the shares of work
_LABEL = 14.0  # pixels from label to label
_NAMED = 12  # models with a band of their own
_GONE = 0.02  # of the last run, below which a band has its name below the picture


def learning_curves(
    blocks: Sequence[Block],
    models: Sequence[str],
    look: Look | None = None,
    *,
    title: str = "What was learnt over time",
) -> Figure:
    """Draw success and cost of each run of decisions with their intervals, and below whom the work went to.

    Learning shows as success that rises or cost that falls while work moves to other models; where the intervals
    overlap, nothing of the kind has been shown yet.

    Parameters
    ----------
    blocks
        `Facts.learning`.
    models
        `Facts.models`: whose share is the first of `n_by_model`, and so on.
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
    >>> from datetime import UTC, datetime
    >>> at, seen = datetime(2026, 3, 1, tzinfo=UTC), Measured(0.8, 0.7, 0.9, 90)
    >>> first = Block(0, at, at, 100, seen, Measured(0.01, 0.008, 0.012, 100), 0.2, (60, 40))
    >>> figure = learning_curves([first, first._replace(first=100, n_by_model=(90, 10))], ["gpt-5.5", "kimi-k2.6"])
    >>> [text.get_text() for text in figure.axes[0].texts if "-" in text.get_text()]
    ['gpt-5.5 90 %', 'kimi-k2.6 10 %']
    """
    look = (look or Look()).with_models(models)
    with page(look, title) as sheet:
        if not blocks:
            sheet.words(NO_DECISION)
            return sheet.figure
        n = blocks[-1].first + blocks[-1].n
        sheet.words(
            f"Each point: a run of decisions, {n:,} in all; bars: 95 % intervals. Below: whom the work went to, "
            "and at the right the shares of the last run."
        )
        every = _bands(blocks, models)
        bands = [band for band in every if band[1][-1] >= _GONE]
        names = min(max(wide(f"{name} 100 %", SMALL) for name, _ in bands) + 16, 0.38 * sheet.width)
        x = Scale(float(blocks[0].first), float(n), MARGIN + 46, sheet.width - MARGIN - names)
        _curve(sheet, blocks, x, ("success", [b.success for b in blocks]), percent)
        _curve(sheet, blocks, x, ("dollars per decision", [b.usd_per_decision for b in blocks]), usd)
        _shares(sheet, blocks, x, every, names)
        for i, tick in enumerate(each for each in x.ticks(max(2, int((x.end - x.start) // 80))) if each == int(each)):
            at = float(x(tick))
            sheet.text(at, sheet.y + 16, f"{tick:,.0f}", Pen("muted"), size=SMALL, side="center" if i else "left")
        sheet.text(x.end + 26, sheet.y + 16, "decisions", Pen("muted"), size=SMALL)
        sheet.y += 22
        _gone(sheet, [name for name, share in every if share[-1] < _GONE])
    return sheet.figure


def _curve(
    sheet: Page, blocks: Sequence[Block], x: Scale, named: tuple[str, Sequence[Measured]], word: Callable[[float], str]
) -> None:
    """Draw a point with its interval per block."""
    what, seen = named
    sheet.text(MARGIN, sheet.y + 10 + TEXT, what, Pen("muted"), size=SMALL)
    top = sheet.y + 22 + TEXT
    if not any(math.isfinite(m.value) for m in seen):
        told = (
            "not known: no outcome with a judgement came yet"
            if what == "success"
            else "not known: no cost was reported"
        )
        sheet.y = top - 6
        sheet.words(told)
        return
    y = scale([each for m in seen for each in m[:3]], top + _UP, top)
    if what == "success":
        y = y._replace(low=max(y.low, 0.0), high=min(y.high, 1.0))
    rules(sheet, x, y, word)
    middle = x([b.first + b.n / 2 for b in blocks])
    sheet.line(middle, y([m.value for m in seen]), Pen(ALONE, alpha=0.6))
    for at, block, m in zip(middle.tolist(), blocks, seen, strict=True):
        if not math.isfinite(m.value):
            continue
        pale = 1.0 if m.n >= 10 else 0.45
        told = f"decisions {block.first + 1:,} to {block.first + block.n:,}: {what} {word(m.value)}"
        if math.isfinite(m.low):
            told += f" ({word(m.low)} to {word(m.high)}), of {count(m.n)}"
            sheet.line([at, at], y([m.low, m.high]), Pen("ink", alpha=pale, width=1.4, title=told))
        sheet.dot(at, float(y(m.value)), Pen("ink", alpha=pale, size=6.0, title=told))
    sheet.y = top + _UP


def _bands(blocks: Sequence[Block], models: Sequence[str]) -> list[tuple[str, Floats]]:
    """Return name and share per block of each band, the most work first, the small ones together."""
    n = np.array([b.n_by_model for b in blocks], float).reshape(len(blocks), len(models))
    share = n / np.maximum(n.sum(1, keepdims=True), 1)
    weight = n.sum(0) / max(n.sum(), 1) + share[-1]
    order = [int(k) for k in np.argsort(-weight, kind="stable") if weight[k] > 0]
    own = [k for i, k in enumerate(order) if i < _NAMED and weight[k] >= 0.02]
    rest = [k for k in order if k not in own]
    if len(rest) == 1:
        own, rest = [*own, *rest], []
    found = [(models[k], share[:, k]) for k in own]
    return [*found, (f"{len(rest)} others", share[:, rest].sum(1))] if rest else found


def _shares(sheet: Page, blocks: Sequence[Block], x: Scale, bands: Sequence[tuple[str, Floats]], names: float) -> None:
    sheet.text(MARGIN, sheet.y + 10 + TEXT, "share of the work", Pen("muted"), size=SMALL)
    top = sheet.y + 22 + TEXT
    high = max(_WORK, _LABEL * len(bands))
    y = Scale(0.0, 1.0, top + high, top)
    edges = np.array([(b.first, b.first + b.n) for b in blocks], float).ravel()
    below = np.zeros(len(blocks))
    spots = []
    for name, share in bands:
        above = below + share
        colour = "faint" if name.endswith(" others") else name
        told = f"{name}: {percent(float(share[0]))} of the first run, {percent(float(share[-1]))} of the last"
        low, top_edge = (y(np.repeat(each, 2)) for each in (below, above))
        sheet.area(x(edges), low, top_edge, Pen(colour, alpha=0.85, title=told))
        sheet.line(x(edges), top_edge, Pen("paper", width=0.8))
        if share[-1] >= _GONE:
            spots.append((name, float(share[-1]), float(y((below[-1] + above[-1]) / 2))))
        below = above
    for tick in (0.0, 0.5, 1.0):
        sheet.text(x.start - 6, float(y(tick)) + 4, percent(tick), Pen("muted"), size=SMALL, side="right")
    for (name, last, spot), at in zip(spots, _apart([s[2] for s in spots], top, top + high), strict=True):
        colour = "faint" if name.endswith(" others") else name
        sheet.line([x.end + 2, x.end + 12], [spot, at], Pen(colour, width=1.6))
        word = percent(last)
        room = names - 14 - wide(f" {word}", SMALL)
        sheet.text(x.end + 15, at + 4, f"{clip(name, room, SMALL)} {word}", Pen(), size=SMALL)
    sheet.y = top + high


def _gone(sheet: Page, names: Sequence[str]) -> None:
    """Name the bands that are hardly there at the right, each after a box of its colour."""
    if not names:
        return
    word = f"Below {percent(_GONE)} of the last run:"
    sheet.y += 20
    sheet.text(MARGIN, sheet.y, word, Pen("muted"), size=SMALL)
    left = MARGIN + wide(word, SMALL) + 12
    for name in names:
        short = clip(name, sheet.width - 2 * MARGIN - 14, SMALL)
        if left + 14 + wide(short, SMALL) > sheet.width - MARGIN:
            left, sheet.y = MARGIN, sheet.y + 17
        sheet.box(left, sheet.y - 8, (9, 9), Pen("faint" if name.endswith(" others") else name, alpha=0.85))
        sheet.text(left + 14, sheet.y, short, Pen(), size=SMALL)
        left += 14 + wide(short, SMALL) + 14


def _apart(spots: Sequence[float], top: float, bottom: float) -> list[float]:
    """Move labels, from below up, as little as needed so that they stand apart and on the page."""
    found = list(spots)
    for i in range(len(found)):
        found[i] = min(found[i], bottom - 4 if i == 0 else found[i - 1] - _LABEL)
    for i in reversed(range(len(found))):
        found[i] = max(found[i], top + 4 if i == len(found) - 1 else found[i + 1] + _LABEL)
    return found
