"""What was saved and gained against each fixed model, with intervals, and pale where the log cannot tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selector.report.counted._facts import Saving
from selector.report.figures._colours import Look
from selector.report.figures._page import MARGIN, SMALL, Page, Pen, clip, page, wide
from selector.report.figures._scale import Scale, scale, usd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["savings_forest"]

_ROW, _TALL, _HEAD, _FOOT = 24.0, 38.0, 34.0, 30.0
_BESIDE = 680  # pixels from which both differences stand side by side
_STEEP = 20.0  # times the middle one, from which the greatest difference would press all others together
_ALL = 104.0  # percentage points: no success can differ by more, and the word for 100 has its place
UNSUPPORTED = "?"  # beside a difference that the log cannot support


class _Difference(NamedTuple):
    """What one panel shows of a row."""

    value: float
    low: float
    high: float
    verdict: str
    conclusion: str

    @property
    def sure(self) -> bool:
        return self.verdict == "supported"


_Shown = tuple[str, Sequence[_Difference], Callable[[float], str]]  # what it is, of each model, how to write it
_GAINED = "success gained, percentage points"


def savings_forest(
    savings: Sequence[Saving], look: Look | None = None, *, why_none: str = "", title: str = "Against each fixed model"
) -> Figure:
    """Draw dollars saved and success gained per decision against "always this model", with their intervals.

    Right of the line is better, in both. What the log cannot support is pale and hollow with a question mark: read
    no number off it. Dollars that lie very far apart stand on a scale that is logarithmic on both sides of zero.

    Parameters
    ----------
    savings
        `Facts.savings`.
    look
        Theme, width and families.
    why_none
        Why there is nothing to draw, `Facts.no_savings`.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look, the two differences side by side where there is room.

    Examples
    --------
    >>> sure = ("supported", "saved", 0.01, -0.01, 0.03, "supported", "no difference shown")
    >>> row = Saving("gpt-5.5", True, 0.02, 0.01, 0.03, *sure, 0.8, 0.03, 500, 500, "supported", ())
    >>> thin = row._replace(model="kimi-k2.6", is_baseline=False, saved_usd_verdict="none", gained_verdict="none")
    >>> figure = savings_forest([row, thin])
    >>> [text.get_text() for text in figure.axes[0].texts if text.get_text() in ("saved", "? not supported")]
    ['saved', '? not supported', '? not supported']
    """
    look = (look or Look()).with_models(s.model for s in savings)
    with page(look, title) as sheet:
        if not savings:
            sheet.words(why_none or "Nothing can be said of savings: no decision can be evaluated.")
            return sheet.figure
        base = next((s.model for s in savings if s.is_baseline), "")
        against = f" The baseline is {base}." if base else ""
        per, many = _unit(savings)
        dollars, success = [_saved(s, many) for s in savings], [_gained(s) for s in savings]
        how = " Dollars: logarithmic on both sides of $0." if _middle(dollars) else ""
        sheet.words(
            f"What was done, against always using one model, {savings[0].n:,} decisions evaluated; right of the line "
            f"is better.{against} Pale, hollow, with a question mark: the log cannot support it.{how}"
        )
        _panels(sheet, savings, ((f"dollars saved per {per}", dollars, usd), (_GAINED, success, _points)))
    return sheet.figure


def _saved(s: Saving, many: float) -> _Difference:
    low, high = many * s.saved_usd_low, many * s.saved_usd_high
    return _Difference(many * s.saved_usd, low, high, s.saved_usd_verdict, s.saved_usd_conclusion)


def _gained(s: Saving) -> _Difference:
    low, high = 100 * s.gained_low, 100 * s.gained_high
    return _Difference(100 * s.gained, low, high, s.gained_verdict, s.gained_conclusion)


def _panels(sheet: Page, savings: Sequence[Saving], both: Sequence[_Shown]) -> None:
    """Lay the two differences out side by side, or one below the other with the verdicts below the names."""
    beside = sheet.width >= _BESIDE
    row = _ROW if beside else _TALL
    names = min(max(wide(s.model, bold=s.is_baseline) for s in savings) + 22, (0.24 if beside else 0.42) * sheet.width)
    if not beside:
        names = max(names, *(wide(_verdict(d), SMALL) + 22 for _, rows, _ in both for d in rows))
    top, height = sheet.y + 8, _HEAD + len(savings) * row + _FOOT
    room = sheet.width - 2 * MARGIN - names
    for i, shown in enumerate(both):
        left = MARGIN + names + (i * (room / 2 + 8) if beside else 0)
        start = top if beside else top + i * height
        if i == 0 or not beside:
            _names(sheet, savings, start + _HEAD, names, row)
        sheet.text(left if beside else MARGIN, start + 16, shown[0], Pen(), bold=True)
        _panel(sheet, savings, shown, (left, start + _HEAD, room / 2 - 8 if beside else room))
    sheet.y = top + height * (1 if beside else 2)


def _unit(savings: Sequence[Saving]) -> tuple[str, float]:
    """Return of how many decisions dollars are told, so that they are no tiny fractions."""
    largest = max((abs(s.saved_usd) for s in savings if math.isfinite(s.saved_usd)), default=1.0)
    return ("decision", 1.0) if largest >= 0.5 else ("1,000 decisions", 1000.0)


def _middle(rows: Sequence[_Difference]) -> float:
    """Return the round number about which a logarithmic scale turns linear, 0 where a linear one does for all."""
    sizes = [abs(end) for d in rows for end in d[:3] if math.isfinite(end) and end]
    steep = bool(sizes) and max(sizes) > _STEEP * float(np.median(sizes))
    return 10.0 ** math.floor(math.log10(np.median(sizes))) if steep else 0.0


def _points(value: float) -> str:
    return f"{value:+.3g}" if value else "0"


def _names(sheet: Page, savings: Sequence[Saving], top: float, room: float, row: float) -> None:
    for i, saving in enumerate(savings):
        y = top + (i + 0.5) * row - (7 if row == _TALL else 0)
        sheet.dot(MARGIN + 5, y, Pen(saving.model, mark=sheet.look.mark(saving.model), size=8.0))
        name = clip(saving.model, room - 22, bold=saving.is_baseline)
        sheet.text(MARGIN + 14, y + 4, name, Pen(), bold=saving.is_baseline)


def _panel(sheet: Page, savings: Sequence[Saving], shown: _Shown, at: tuple[float, float, float]) -> None:
    """Draw one difference of every model; its verdict stands at the right, or below the model's name."""
    (what, rows, word), (left, top, width) = shown, at
    beside = sheet.width >= _BESIDE
    row = _ROW if beside else _TALL
    said = max(wide(_verdict(d), SMALL) for d in rows) + 10 if beside else 10.0
    x = scale([0.0, *(end for d in rows for end in d[:3])], left + 6, left + width - said)
    x = x._replace(middle=0.0 if what == _GAINED else _middle(rows))
    if what == _GAINED:  # no success is more than all of it
        x = x._replace(low=max(x.low, -_ALL), high=min(x.high, _ALL))
    bottom = top + len(rows) * row
    _rules(sheet, x, word, (top - 4, bottom + 2))
    for i, (saving, difference) in enumerate(zip(savings, rows, strict=True)):
        y = top + (i + 0.5) * row
        _row(sheet, saving, difference, x, y, f"{what} against always {saving.model}")
        pen = Pen("ink" if difference.sure else "muted")
        spot = (x.end + 8, y + 4) if beside else (MARGIN + 14, y + 12)
        sheet.text(*spot, _verdict(difference), pen, size=SMALL)


def _rules(sheet: Page, x: Scale, word: Callable[[float], str], ends: tuple[float, float]) -> None:
    """Draw the lines of round values, with the words of zero and of the largest first, as many as there is room for."""
    taken: list[tuple[float, float]] = []
    for tick in sorted(x.ticks(max(3, int((x.end - x.start) // 60))), key=lambda tick: (tick != 0, -abs(tick))):
        pixel, half = float(x(tick)), wide(word(tick), SMALL) / 2
        sheet.line([pixel, pixel], ends, Pen("edge", width=1.6) if tick == 0 else Pen("grid"))
        if all(abs(pixel - at) > half + other + 5 for at, other in taken):
            sheet.text(pixel, ends[1] + 14, word(tick), Pen("muted"), size=SMALL, side="center")
            taken.append((pixel, half))


def _row(sheet: Page, saving: Saving, d: _Difference, x: Scale, y: float, what: str) -> None:
    """Draw a difference with its interval; an arrowhead stands where it leaves the scale."""
    if not math.isfinite(d.value):
        return
    title = f"{what}: {d.value:.3g} ({d.low:.3g} to {d.high:.3g}), {d.conclusion if d.sure else 'not supported'}"
    pen = Pen(saving.model, alpha=1.0 if d.sure else 0.5, width=2.0, title=title, hollow=not d.sure)
    if math.isfinite(d.low):
        ends = x([d.low, d.high])
        sheet.line(ends, [y, y], pen)
        for end, beyond, mark in ((ends[0], d.low < x.low, "<"), (ends[1], d.high > x.high, ">")):
            if beyond:
                sheet.dot(float(end), y, pen._replace(mark=mark, size=7.0, hollow=False))
    if x.low <= d.value <= x.high:
        sheet.dot(float(x(d.value)), y, pen._replace(mark=sheet.look.mark(saving.model), size=9.0))


def _verdict(d: _Difference) -> str:
    if not math.isfinite(d.value):
        return f"{UNSUPPORTED} not known"
    unsure = {"none": "not supported", "weak": "weakly supported"}
    return d.conclusion if d.sure else f"{UNSUPPORTED} {unsure.get(d.verdict, d.verdict)}"
