"""Pictures of an experiment in the look of the reports: a number a row beside what it is compared with, or curves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selector.report.figures import Look, save_svg
from selector.report.figures._canvas import blank, drawing, frame  # noqa: PLC2701 - the page that all pictures have
from selector.report.figures._page import TITLED  # noqa: PLC2701 - what every mark's name begins with

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bar", "Curve", "Panel", "bars", "curves"]

_WIDTH, _ROW, _HEAD, _FOOT, _NAMES = 760, 24, 64, 46, 240
_GROUPS = 8  # more pixels above a group's name than between rows
_PANEL, _GAP, _LEFT, _ENDS = 190, 56, 46, 128  # pixels: height of a panel, room below, left and right of it


class Bar(NamedTuple):
    """One row."""

    name: str
    value: float
    se: float = 0.0
    """Its standard error; two of them are drawn."""
    beside: float | None = None
    """What it is compared with, hollow."""
    group: str = ""
    """What it and its neighbours have in common: written once above them."""


class Curve(NamedTuple):
    """One line, its name at its right end."""

    name: str
    values: Sequence[float]
    steady: float
    """Where it is in the end: a thin line, and a number behind the name."""


class Panel(NamedTuple):
    """Curves that are drawn together."""

    title: str
    curves: Sequence[Curve]


def bars(rows: list[Bar], words: tuple[str, str, str], path: Path, line: tuple[float, str] | None = None) -> None:
    """Draw a dot a row, with two standard errors either way, and write it as SVG.

    Parameters
    ----------
    rows
        From top to bottom; those of a group are put together.
    words
        The title, what the numbers are, and what the hollow dots are, empty where there are none.
    path
        Where to; an existing file is replaced.
    line
        A number that all are compared with, and its name.
    """
    groups = list(dict.fromkeys(row.group for row in rows))
    rows = sorted(rows, key=lambda row: groups.index(row.group))
    places, heads, end = _places(rows)
    look, height = Look(width=_WIDTH), round(_HEAD + _ROW * end + _FOOT)
    title, what, beside = words
    with drawing():
        figure = blank(title, height, look)
        box = (_NAMES / _WIDTH, _FOOT / height, 1 - (_NAMES + 24) / _WIDTH, _ROW * end / height)
        axes = figure.add_axes(box)
        frame(axes, look, what)
        axes.grid(axis="x", color=look.of("grid"), lw=0.8)
        axes.grid(visible=False, axis="y")
        if line is not None:
            axes.axvline(line[0], color=look.of("edge"), lw=1.6)
            axes.text(line[0], -0.65, line[1], fontsize=9, ha="center", color=look.of("muted"))
        for place, row in zip(places, rows, strict=True):
            _dot(axes, look, place, row)
        axes.set_yticks(places, [row.name for row in rows])
        axes.set_ylim(end - 0.5, -0.5)
        if all(row.value - 2 * row.se >= 0 for row in rows):
            axes.set_xlim(left=0)
        for place, head in heads:
            at = 1 - (_HEAD + _ROW * (place + 0.5)) / height
            figure.text(16 / _WIDTH, at, head, fontsize=9, weight="bold", color=look.of("ink"), va="center")
        note = f"Full: as it is now. Hollow: {beside}." if beside else ""
        figure.text(16 / _WIDTH, 1 - 34 / height, note, fontsize=9, color=look.of("muted"), va="top")
        axes.set_label(f"{note} {'; '.join(map(_told, rows))}".strip())
        save_svg(figure, path)


def curves(panels: list[Panel], words: tuple[str, str, str], path: Path, step: int = 1) -> None:
    """Draw curves over what they have in common, two panels beside each other, and write it as SVG.

    Parameters
    ----------
    panels
        From left to right, then below; a name has one colour in all of them.
    words
        The title, what is below the panels, and a sentence above them.
    path
        Where to; an existing file is replaced.
    step
        From one value of a curve to the next.
    """
    n = -(-len(panels) // 2)
    look, height = Look(width=_WIDTH), _HEAD + n * (_PANEL + _GAP)
    title, what, note = words
    names = list(dict.fromkeys(curve.name for panel in panels for curve in panel.curves))
    colours = dict(zip(names, look.others(len(names)), strict=True))
    high = max(max(curve.values) for panel in panels for curve in panel.curves)
    with drawing():
        figure = blank(title, height, look)
        figure.text(16 / _WIDTH, 1 - 34 / height, note, fontsize=9, color=look.of("muted"), va="top")
        for i, panel in enumerate(panels):
            left = _LEFT + (i % 2) * (_WIDTH - 16) / 2
            low = height - _HEAD - (i // 2) * (_PANEL + _GAP) - _PANEL
            across = (_WIDTH - 16) / 2 - _ENDS
            axes = figure.add_axes((left / _WIDTH, low / height, across / _WIDTH, (_PANEL - 20) / height))
            frame(axes, look, what)
            axes.set_ylim(0, 1.05 * high)
            axes.locator_params(nbins=4)
            axes.set_title(panel.title, fontsize=9, weight="bold", color=look.of("ink"), loc="left")
            _lines(axes, look, panel, colours, step)
        figure.axes[0].set_label(
            f"{note} {'; '.join(_ends(panel, curve) for panel in panels for curve in panel.curves)}"
        )
        save_svg(figure, path)


def _places(rows: Sequence[Bar]) -> tuple[list[float], list[tuple[float, str]], float]:
    """Return how many rows down each row is, and each group's name, and where the last one ends."""
    places: list[float] = []
    heads: list[tuple[float, str]] = []
    y = 0.0
    for name, group in groupby(rows, key=lambda row: row.group):
        if name:
            y += _GROUPS / _ROW * bool(places)
            heads.append((y, name))
            y += 1
        for _ in group:
            places.append(y)
            y += 1
    return places, heads, max(y, 1.0)


def _dot(axes: Axes, look: Look, y: float, row: Bar) -> None:
    told = _told(row)
    if row.beside is not None:
        (hollow,) = axes.plot([row.beside], [y], "o", ms=7, gid=TITLED + told)
        hollow.set(mfc=look.of("paper"), mec=look.of("faint"), mew=1.5)
    if row.se:
        ends = [row.value - 2 * row.se, row.value + 2 * row.se]
        axes.plot(ends, [y, y], color=look.of("neutral"), lw=2, gid=TITLED + told)
    axes.plot([row.value], [y], "o", ms=7, color=look.of("neutral"), gid=TITLED + told)


def _told(row: Bar) -> str:
    name = ", ".join(filter(None, (row.group, row.name)))
    more = f" ± {2 * row.se:.2g}" if row.se else ""
    return f"{name}: {row.value:.3g}{more}" + ("" if row.beside is None else f" (hollow: {row.beside:.3g})")


def _lines(axes: Axes, look: Look, panel: Panel, colours: dict[str, str], step: int) -> None:
    """Draw the curves of one panel, each with its name where it ends in the long run, none over another."""
    end = step * (len(panel.curves[0].values) - 1)
    axes.set_xlim(0, end)
    least = 14 / (_PANEL - 20) * axes.get_ylim()[1]
    below = -least
    for curve in sorted(panel.curves, key=lambda each: each.steady):
        colour = look.of(colours[curve.name])
        told = TITLED + _ends(panel, curve)
        axes.plot(step * np.arange(len(curve.values)), curve.values, color=colour, lw=1.6, gid=told)
        axes.plot([0, end], [curve.steady] * 2, color=colour, lw=0.9, ls=(0, (4, 3)), gid=told)
        below = max(curve.steady, below + least)
        axes.text(1.02 * end, below, f"{curve.name} {curve.steady:.2f}", fontsize=9, color=colour, va="center")


def _ends(panel: Panel, curve: Curve) -> str:
    return f"{panel.title}, {curve.name}: {curve.steady:.2f} in the end"
