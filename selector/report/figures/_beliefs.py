"""What is believed: a hill per model and task type, broad where little is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from selector.report.counted._facts import Believed
from selector.report.figures._colours import Look
from selector.report.figures._page import SMALL, TEXT, Floats, Page, Pen, clip, columns, page, wide
from selector.report.figures._scale import Scale, count, interval, percent, scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NOTHING", "belief_ridges", "by_type", "solidity"]

_ROW, _HEAD, _FOOT = 20.0, 26.0, 26.0  # pixels of a model, above and below the models of a task type
_HALF = 10.0  # outcomes at which a mark has half of its strength
NOTHING = "Nothing is believed of any model yet: no snapshot of beliefs was written."


def solidity(evidence: float, strength: float = math.nan, prior_share: float = math.nan) -> float:
    """Return how strongly to draw what so many outcomes tell, 0.35 to 1: thin evidence is pale."""
    if math.isnan(evidence):
        evidence = strength * (1 - (0.0 if math.isnan(prior_share) else prior_share))
    known = 0.0 if math.isnan(evidence) else max(evidence, 0.0)
    return 0.35 + 0.65 * known / (known + _HALF)


def belief_ridges(
    beliefs: Sequence[Believed],
    look: Look | None = None,
    *,
    most: int = 12,
    title: str = "What is believed of each model",
) -> Figure:
    """Draw the belief in each model's success as a hill over the successes it may have, a panel per task type.

    A mean alone looks as sure after three outcomes as after three thousand; a hill is broad where little is known.
    Below it stand its mean and the interval with 95 % of it; at the right, how much of it is the prior.

    Parameters
    ----------
    beliefs
        `Facts.beliefs`.
    look
        Theme, width and families.
    most
        Models per task type, those believed best; how many are left out is said.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look, as high as needed.

    Examples
    --------
    >>> from math import nan
    >>> one = Believed("coding", "gpt-5.5", 0.8, 0.7, 0.88, 60.0, 0.1, 54.0, 54, 0.02)
    >>> figure = belief_ridges([one, one._replace(model="kimi-k2.6", prior_share=nan, evidence=nan)])
    >>> [text.get_text() for text in figure.axes[0].texts if "-" in text.get_text()]
    ['gpt-5.5', 'kimi-k2.6']
    """
    look = (look or Look()).with_models(dict.fromkeys(b.model for b in beliefs))
    with page(look, title) as sheet:
        if not beliefs:
            sheet.words(NOTHING)
            return sheet.figure
        sheet.words(
            "Believed success. Each hill has 95 % of its belief over the bar below it, and a dot at its mean; all are "
            "as high, and a broad one is a guess still. Pale: few outcomes. Right: how much of it is the prior."
        )
        shown = by_type(beliefs)
        ends = scale([(b.low, b.high) for rows in shown.values() for b in rows[:most]], 0, 1)
        ends = ends._replace(low=max(ends.low, 0.0), high=min(ends.high, 1.0))
        _panels(sheet, list(shown.items()), ends, most)
    return sheet.figure


def by_type(beliefs: Sequence[Believed]) -> dict[str, list[Believed]]:
    """Return the rows of each task type, in their order."""
    found: dict[str, list[Believed]] = {}
    for one in beliefs:
        found.setdefault(one.task_type, []).append(one)
    return found


def _panels(sheet: Page, shown: Sequence[tuple[str, list[Believed]]], ends: Scale, most: int) -> None:
    """Lay the task types out in columns, row by row."""
    places = columns(sheet.width, len(shown), 330)
    for first in range(0, len(shown), len(places)):
        row = shown[first : first + len(places)]
        top = sheet.y + 14
        for (task_type, models), (left, room) in zip(row, places, strict=False):
            _panel(sheet, task_type, models, (left, top, room), ends, most)
        deepest = max(min(len(models), most) + (len(models) > most) for _, models in row)
        sheet.y = top + _HEAD + deepest * _ROW + _FOOT


def _panel(
    sheet: Page, task_type: str, models: Sequence[Believed], at: tuple[float, float, float], ends: Scale, most: int
) -> None:
    left, top, room = at
    names = min(max(wide(b.model) for b in models[:most]) + 10, 0.4 * room)
    ends = ends._replace(start=left + names, end=left + room - 44)
    sheet.text(left, top + TEXT, clip(task_type, room - 44, bold=True), Pen(), bold=True)
    sheet.text(left + room, top + TEXT, "prior", Pen("muted"), size=SMALL, side="right")
    bottom = top + _HEAD + len(models[:most]) * _ROW
    for tick in ends.ticks(max(2, int(0.5 * room // 60))):
        x = float(ends(tick))
        sheet.line([x, x], [top + _HEAD - 4, bottom + 2], Pen("grid"))
        sheet.text(x, bottom + 15, percent(tick), Pen("muted"), size=SMALL, side="center")
    for i, one in enumerate(models[:most]):
        _hill(sheet, one, ends, top + _HEAD + (i + 1) * _ROW - 4)
        sheet.text(left, top + _HEAD + (i + 1) * _ROW - 5, clip(one.model, names - 8), Pen())
        word = percent(one.prior_share)
        sheet.text(left + room, top + _HEAD + (i + 1) * _ROW - 5, word, Pen("muted"), size=SMALL, side="right")
    if len(models) > most:
        told = f"and {len(models) - most} believed worse"
        sheet.text(left, bottom + _ROW + 10, told, Pen("muted"), size=SMALL)


def _hill(sheet: Page, one: Believed, ends: Scale, base: float) -> None:
    """Draw a belief: the density as a hill of one height, its interval and mean below."""
    solid = solidity(one.evidence, one.strength, one.prior_share)
    prior = "" if math.isnan(one.prior_share) else f"; prior {percent(one.prior_share)}"
    known = f"; {count(one.evidence)} outcomes" if not math.isnan(one.evidence) else ""
    title = f"{one.model} on {one.task_type}: {interval(one.mean, one.low, one.high)}{known}{prior}"
    pen = Pen(one.model, alpha=solid, title=title)
    x = np.linspace(max(ends.low, 0.004), min(ends.high, 0.996), 41)  # at 0 and 1 a thin belief may be endless
    fine = np.linspace(1.5 * one.low - 0.5 * one.high, 1.5 * one.high - 0.5 * one.low, 31)
    x = np.unique(np.r_[x, fine.clip(x[0], x[-1])])
    height = _density(one, x)
    seen = height > 0.003
    if seen.sum() > 1:
        sheet.area(ends(x[seen]), base, base - (_ROW - 5) * height[seen], pen._replace(alpha=0.55 * solid))
    sheet.line(ends([one.low, one.high]), [base, base], pen._replace(width=2.4))
    sheet.dot(float(ends(one.mean)), base, pen._replace(alpha=max(solid, 0.5), size=6.0))


def _density(one: Believed, x: Floats) -> Floats:
    """Return the density of a belief, 1 at its highest."""
    a, b = one.mean * one.strength, (1 - one.mean) * one.strength
    log = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)
    found: Floats = np.exp(log - log.max())
    return found
