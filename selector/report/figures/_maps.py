"""Success against cost, a map per task type: who is worth its price."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selector.report.counted._facts import Believed, Work
from selector.report.figures._beliefs import NOTHING, by_type, solidity
from selector.report.figures._colours import Look
from selector.report.figures._page import SMALL, TEXT, Floats, Page, Pen, clip, columns, page, wide
from selector.report.figures._place import Label, place
from selector.report.figures._scale import Scale, count, interval, percent, scale, usd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["success_cost_maps"]

_HEIGHT, _HEAD, _FOOT = 210.0, 26.0, 40.0
_NAMED = 7  # models named in a map, beside those of the frontier; the others have a number
_FAR = 42.0  # pixels from a mark beyond which its name is left out
_TINY = 9.0  # pixels, the height of a number
_DOT, _BAR = 60.0, 1.5  # what it costs a name to cover a mark, six pixels of a bar


class _Point(NamedTuple):
    one: Believed
    cost: float
    """Where it is drawn: what is free stands at the left edge."""
    share: float
    """Of the type's work; nan: not known."""


def success_cost_maps(
    beliefs: Sequence[Believed],
    work: Sequence[Work] = (),
    look: Look | None = None,
    *,
    title: str = "Success and cost of each model",
) -> Figure:
    """Draw each model's believed success against what an answer of it is expected to cost, a map per task type.

    Up is better, left is cheaper: a model below and to the right of another one is not worth its price, unless the
    intervals leave it open. The dashed steps join those that nobody beats in both. A mark that there is no room to
    name has a number, which is explained below the maps.

    Parameters
    ----------
    beliefs
        `Facts.beliefs`.
    work
        `Facts.work`: a larger mark has more of the work; without, all are alike.
    look
        Theme, width and families.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look, as high as needed.

    Examples
    --------
    >>> one = Believed("coding", "gpt-5.5", 0.8, 0.7, 0.88, 60.0, 0.1, 54.0, 54, 0.02)
    >>> figure = success_cost_maps([one, one._replace(model="kimi-k2.6", mean=0.75, expected_cost_usd=0.004)])
    >>> sorted(text.get_text() for text in figure.axes[0].texts if "-" in text.get_text())
    ['gpt-5.5', 'kimi-k2.6']
    """
    look = (look or Look()).with_models(dict.fromkeys(b.model for b in beliefs))
    share = {(w.task_type, w.model): w.share for w in work}
    priced = [b for b in beliefs if math.isfinite(b.expected_cost_usd)]
    with page(look, title) as sheet:
        if not priced:
            sheet.words(
                NOTHING if not beliefs else "What an answer costs is not known of any model: no price is given."
            )
            return sheet.figure
        many = max(len(rows) for rows in by_type(priced).values()) > _NAMED
        numbers = " Numbers: names are below." if many else ""
        larger = " Larger: more of the work." if work else ""
        sheet.words(
            "Up: believed success, with the interval that has 95 % of the belief. Left: cheaper, in expected dollars "
            f"per answer (logarithmic). Pale: few outcomes.{larger} Dashed: nobody is both better and cheaper.{numbers}"
        )
        floor = min((b.expected_cost_usd for b in priced if b.expected_cost_usd > 0), default=1.0) / 3
        maps = {
            name: [_Point(b, b.expected_cost_usd or floor, share.get((name, b.model), math.nan)) for b in rows]
            for name, rows in by_type(priced).items()
        }
        _maps(sheet, maps)
        if len(priced) < len(beliefs):
            sheet.words(f"Not drawn, since no price is known: {_unpriced(beliefs)}.", size=SMALL)
    return sheet.figure


def _unpriced(beliefs: Sequence[Believed]) -> str:
    names = sorted({b.model for b in beliefs if not math.isfinite(b.expected_cost_usd)})
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _maps(sheet: Page, maps: dict[str, list[_Point]]) -> None:
    every = [p for points in maps.values() for p in points]
    across = scale([p.cost for p in every], 0, 1, log=True)
    low = min(*(p.one.mean for p in every), float(np.quantile([p.one.low for p in every], 0.2)))
    up = scale([low, *(min(p.one.high, 1.0) for p in every)], 0, 1)
    up = up._replace(low=max(up.low, 0.0), high=min(up.high, 1.02))
    places = columns(sheet.width, len(maps), 300)
    named = list(maps.items())
    models = sorted({p.one.model for p in every})
    numbers = {model: str(i + 1) for i, model in enumerate(models)}
    used: set[str] = set()
    for first in range(0, len(named), len(places)):
        top = sheet.y + 14
        for (task_type, points), (left, room) in zip(named[first : first + len(places)], places, strict=False):
            sheet.text(left, top + TEXT, clip(task_type, room, bold=True), Pen(), bold=True)
            x = across._replace(start=left + 40, end=left + room)
            y = up._replace(start=top + _HEAD + _HEIGHT, end=top + _HEAD)
            _axes(sheet, x, y)
            used |= _map(sheet, points, x, y, numbers)
        sheet.y = top + _HEAD + _HEIGHT + _FOOT
    _key(sheet, {model: number for model, number in numbers.items() if model in used})


def _key(sheet: Page, numbers: Mapping[str, str]) -> None:
    """Say below the maps which model each number is, in columns read from the top down."""
    if not numbers:
        return
    places = columns(sheet.width, len(numbers), max(wide(f"00 {model}", SMALL) for model in numbers) + 24, 12)
    deep = math.ceil(len(numbers) / len(places))
    for i, (model, number) in enumerate(numbers.items()):
        left, room = places[i // deep]
        base = sheet.y + 14 + i % deep * 17
        sheet.text(left + 14, base, number, Pen("muted"), size=SMALL, side="right")
        sheet.dot(left + 23, base - 4, Pen(model, mark=sheet.look.mark(model), size=7.0))
        sheet.text(left + 32, base, clip(model, room - 32, SMALL), Pen(), size=SMALL)
    sheet.y += 6 + deep * 17


def _axes(sheet: Page, x: Scale, y: Scale) -> None:
    for tick in y.ticks(4):
        at = float(y(tick))
        sheet.line([x.start, x.end], [at, at], Pen("grid"))
        sheet.text(x.start - 6, at + 4, percent(tick), Pen("muted"), size=SMALL, side="right")
    sheet.line([x.start, x.end], [y.start, y.start], Pen("edge"))
    free = -math.inf
    for tick in x.ticks(max(2, int((x.end - x.start) // 62))):
        at, half = float(x(tick)), wide(usd(tick), SMALL) / 2
        if at - half > free and at + half < x.end + 12:
            sheet.text(at, y.start + 15, usd(tick), Pen("muted"), size=SMALL, side="center")
            free = at + half + 8


def _map(sheet: Page, points: Sequence[_Point], x: Scale, y: Scale, numbers: Mapping[str, str]) -> set[str]:
    """Draw the models, the frontier, and beside each mark a name or a number; return the models with a number."""
    best = _frontier(points)
    steps = [(float(x(p.cost)), float(y(p.one.mean))) for p in best]
    corners = [steps[0], *(c for a, b in itertools.pairwise(steps) for c in ((b[0], a[1]), b))]
    if len(best) > 1:
        sheet.line([c[0] for c in corners], [c[1] for c in corners], Pen("faint", dash=(4, 3)))
    for p in sorted(points, key=lambda p: solidity(p.one.evidence, p.one.strength, p.one.prior_share)):
        solid = solidity(p.one.evidence, p.one.strength, p.one.prior_share)
        pen = Pen(p.one.model, alpha=solid, title=_told(p), mark=sheet.look.mark(p.one.model), size=_size(p), width=1.4)
        at = float(x(p.cost))
        sheet.line([at, at], y([p.one.low, p.one.high]), pen)
        sheet.dot(at, float(y(p.one.mean)), pen._replace(alpha=max(solid, 0.5)))
    rest = sorted(points, key=lambda p: (-np.nan_to_num(p.share), -p.one.mean))
    order = [*reversed(best), *(p for p in rest if p not in best)]
    n_named = max(_NAMED, min(len(best), 2 * _NAMED))
    ink = np.concatenate([_ink(p, x, y) for p in points] + [_trace(np.array(corners) * [1, -1])])
    bounds = (x.start + 2, -y.start + 2, x.end + 4, -y.end + 6)
    words = [f"{p.one.model} (free)" if p.one.expected_cost_usd == 0 else p.one.model for p in order[:n_named]]
    words = [clip(word, 0.6 * (x.end - x.start), SMALL) for word in words]
    taken = _write(sheet, list(zip(words, order[:n_named], strict=True)), ink, (x, y), bounds)
    unnamed = [p for p in order if id(p) not in taken]
    ink = np.concatenate([ink, *taken.values()])
    short = [(numbers[p.one.model], p) for p in unnamed]
    told = _write(sheet, short, ink, (x, y), bounds, size=_TINY)
    if len(told) < len(unnamed):
        word = f"{len(unnamed) - len(told)} without a name"
        sheet.text(x.end, y.start + 30, word, Pen("muted"), size=SMALL, side="right")
    return {p.one.model for p in unnamed if id(p) in told}


def _size(p: _Point) -> float:
    return 8.0 if math.isnan(p.share) else 6.0 + 10.0 * math.sqrt(p.share)


def _told(p: _Point) -> str:
    price = "free" if p.one.expected_cost_usd == 0 else f"{usd(p.one.expected_cost_usd)} an answer"
    share = "" if math.isnan(p.share) else f", {percent(p.share)} of the work"
    known = "" if math.isnan(p.one.evidence) else f", {count(p.one.evidence)} outcomes"
    return f"{p.one.model} on {p.one.task_type}: {interval(*p.one[2:5])}, {price}{share}{known}"


def _frontier(points: Sequence[_Point]) -> list[_Point]:
    """Return those that no other one is both better and cheaper than, the cheapest first."""
    found: list[_Point] = []
    for p in sorted(points, key=lambda p: (p.cost, -p.one.mean)):
        if not found or p.one.mean > found[-1].one.mean:
            found.append(p)
    return found


def _write(
    sheet: Page,
    named: Sequence[tuple[str, _Point]],
    ink: Floats,
    scales: tuple[Scale, Scale],
    bounds: tuple[float, float, float, float],
    *,
    size: float = SMALL,
) -> dict[int, Floats]:
    """Write words beside their marks, over as little as can be, none far away; return what each one covers."""
    spots = [_spot(p, *scales) for _, p in named]
    labels = [Label(wide(word, size) + 2, size + 2, spot) for (word, _), spot in zip(named, spots, strict=True)]
    found = {}
    for (word, p), label, at in zip(named, labels, place(labels, ink, bounds), strict=True):
        if at.leader is not None:
            x0, y0, x1, y1 = at.leader
            if math.hypot(x1 - x0, y1 - y0) > _FAR:
                continue
            sheet.line([x0, x1], [-y0, -y1], Pen(p.one.model, alpha=0.7, width=0.8))
        pen = Pen("ink" if size == SMALL else "muted")
        sheet.text(at.x + 1, -at.y - 0.25 * size, word, pen, size=size, halo=True)
        across, up = np.meshgrid(np.arange(0, label.width, 4.0), np.arange(0, label.height, 4.0))
        box = np.stack([at.x + across.ravel(), at.y + up.ravel()], -1)
        found[id(p)] = np.c_[box, np.full(len(box), _DOT)]
    return found


def _spot(p: _Point, x: Scale, y: Scale) -> Floats:
    return np.array([[float(x(p.cost)), -float(y(p.one.mean))]])


def _trace(corners: Floats) -> Floats:
    """Return what a line through corners covers, as weighted points six pixels apart."""
    parts = [np.linspace(a, b, 2 + int(np.hypot(*(b - a)) // 6)) for a, b in itertools.pairwise(corners)]
    points = np.concatenate([corners[:1], *parts])
    found: Floats = np.c_[points, np.full(len(points), _BAR)]
    return found


def _ink(p: _Point, x: Scale, y: Scale) -> Floats:
    """Return what a mark covers: its middle, its edge, its bar, as weighted points."""
    spot, ring = _spot(p, x, y), np.linspace(0, 2 * np.pi, 10, endpoint=False)
    edge = spot + _size(p) / 2 * np.stack([np.cos(ring), np.sin(ring)], -1)
    ends = np.array([[spot[0, 0], -float(y(end))] for end in (p.one.low, p.one.high)])
    return np.concatenate([np.c_[spot, [_DOT]], np.c_[edge, np.full(len(edge), _DOT / 10)], _trace(ends)])
