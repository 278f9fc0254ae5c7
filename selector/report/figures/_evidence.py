"""How much evidence stands behind each belief: models by task types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from selector.report.counted._facts import Believed
from selector.report.figures._beliefs import NOTHING
from selector.report.figures._colours import HEAT, Look, family_of
from selector.report.figures._page import MARGIN, SMALL, TEXT, Page, Pen, clip, page, wide
from selector.report.figures._scale import count, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["evidence_heat_map"]

_ROW, _CELL = 22.0, (13.0, 78.0)  # pixels: height of a row, least and most width of a cell
_LONG = 130.0  # pixels, beyond which the name of a column is cut
_SLANT = 40.0  # degrees, of the names of columns where they do not fit


def evidence_heat_map(
    beliefs: Sequence[Believed],
    look: Look | None = None,
    *,
    thin_below: float = 10.0,
    title: str = "How much evidence there is",
) -> Figure:
    """Draw how many outcomes count for each model on each task type.

    Beliefs may be near to each other because models are, or because nothing was seen yet; this tells which. A cell
    below the limit is hollow.

    Parameters
    ----------
    beliefs
        `Facts.beliefs`.
    look
        Theme, width and families.
    thin_below
        Outcomes below which evidence is thin, `Facts.thin_below`.
    title
        What is above the picture; empty: nothing.

    Returns
    -------
    Figure
        As wide as the look, a row per model.

    Examples
    --------
    >>> one = Believed("coding", "gpt-5.5", 0.8, 0.7, 0.88, 60.0, 0.1, 54.0, 54, 0.02)
    >>> figure = evidence_heat_map([one, one._replace(model="kimi-k2.6", evidence=2.0)])
    >>> [text.get_text() for text in figure.axes[0].texts][-3:]
    ['2', 'gpt-5.5', '54']
    """
    look = (look or Look()).with_models(dict.fromkeys(b.model for b in beliefs))
    with page(look, title) as sheet:
        if not beliefs:
            sheet.words(NOTHING)
            return sheet.figure
        sheet.words(
            f"Outcomes that count, old ones less; the stronger the colour, the more. Hollow: fewer than "
            f"{count(thin_below)}, too few to go by. Empty: nothing is believed."
        )
        _cells(sheet, beliefs, thin_below)
    return sheet.figure


def _cells(sheet: Page, beliefs: Sequence[Believed], thin_below: float) -> None:
    look = sheet.look
    families = {model: family_of(model, look.families[model]) for model in {b.model for b in beliefs}}
    models = sorted(families, key=lambda model: (families[model], model))
    names = min(max(wide(model) for model in models) + 26, 0.36 * sheet.width)
    room = sheet.width - 2 * MARGIN - names
    types = _most(beliefs, int(room // _CELL[0]))
    cell = min(room / len(types), _CELL[1])
    left, top = MARGIN + names, _columns(sheet, types, MARGIN + names, cell)
    most = max((b.evidence for b in beliefs if b.evidence > 0), default=1.0)
    known = {(b.model, b.task_type): b for b in beliefs if b.task_type in types}
    longest = max((count(b.evidence) for b in known.values()), key=wide)
    size = next((size for size in (SMALL, SMALL - 1.5) if wide(longest, size) <= cell - 2.5), 0.0)
    for i, model in enumerate(models):
        y = top + i * _ROW
        sheet.dot(MARGIN + 5, y + _ROW / 2, Pen(model, mark=look.mark(model), size=8.0))
        sheet.text(MARGIN + 16, y + 0.68 * _ROW, clip(model, names - 24), Pen())
        for k, task_type in enumerate(types):
            if (model, task_type) in known:
                one = known[model, task_type]
                step = _step(0.0 if math.isnan(one.evidence) else one.evidence, most, thin_below)
                _cell(sheet, one, (left + k * cell, y, cell), step, size)
    sheet.y = top + len(models) * _ROW + 6
    left_out = len({b.task_type for b in beliefs}) - len(types)
    if left_out:
        sheet.words(f"And {left_out} task types with less evidence, for which there is no room.", size=SMALL)


def _most(beliefs: Sequence[Believed], room: int) -> list[str]:
    """Return the task types that there is room for, those with the most evidence."""
    total: dict[str, float] = {}
    for one in beliefs:
        total[one.task_type] = total.get(one.task_type, 0.0) + (0.0 if math.isnan(one.evidence) else one.evidence)
    kept = sorted(total, key=lambda name: (-total[name], name))[:room]
    return sorted(kept)


def _columns(sheet: Page, types: Sequence[str], left: float, cell: float) -> float:
    """Write the names of the columns, aslant where they are too long; return where the cells begin."""
    ends = [left + (k + 0.5) * cell + math.cos(math.radians(_SLANT)) * wide(name) for k, name in enumerate(types)]
    longest = max(wide(name) for name in types)
    if longest <= cell - 6:
        for k, name in enumerate(types):
            sheet.text(left + (k + 0.5) * cell, sheet.y + 20, name, Pen(), side="center")
        return sheet.y + 28
    cut = min(longest, _LONG)
    slant = 90.0 if max(ends) > sheet.width - 4 or cell < TEXT / math.sin(math.radians(_SLANT)) + 4 else _SLANT
    rise = math.sin(math.radians(slant)) * cut
    for k, name in enumerate(types):
        at = left + (k + 0.5) * cell + (4 if slant > _SLANT else 0)
        sheet.text(at, sheet.y + 16 + rise, clip(name, cut), Pen(), slant=slant)
    return sheet.y + rise + 22


def _step(n: float, most: float, thin_below: float) -> int:
    """Return the step of a scale of logarithms from the limit to the most; below the limit -1."""
    if n < thin_below or n <= 0:
        return -1
    least = max(thin_below, 1.0)
    share = math.log(max(n / least, 1.0)) / math.log(max(most / least, 2.0))
    return min(1 + int(share * (HEAT - 1)), HEAT - 1)


def _cell(sheet: Page, one: Believed, at: tuple[float, float, float], step: int, size: float) -> None:
    """Draw a cell, hollow where evidence is thin, its number in it where there is room in all of them."""
    x, y, width = at
    word = count(one.evidence)
    title = f"{one.model} on {one.task_type}: {word} outcomes count, believed success {percent(one.mean)}"
    if step < 0:
        sheet.box(x + 1.5, y + 1.5, (width - 3, _ROW - 3), Pen("edge", title=title, hollow=True))
    else:
        sheet.box(x + 1, y + 1, (width - 2, _ROW - 2), Pen(f"heat-{step}", title=title))
    if size:
        colour = "muted" if step < 0 else f"on-heat-{step}"
        sheet.text(x + width / 2, y + 0.68 * _ROW, word, Pen(colour), size=size, side="center")
