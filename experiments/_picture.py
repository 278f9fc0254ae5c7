"""A picture of an experiment: one number a row, beside what it is compared with, in the look of the reports."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from selector.report.figures import Look, save_svg
from selector.report.figures._canvas import blank, drawing, frame  # noqa: PLC2701 - the page that all pictures have

__all__ = ["Bar", "bars"]

_WIDTH, _ROW, _HEAD, _FOOT, _NAMES = 760, 24, 64, 46, 240


class Bar(NamedTuple):
    """One row."""

    name: str
    value: float
    se: float = 0.0
    """Its standard error; two of them are drawn."""
    beside: float | None = None
    """What it is compared with, hollow."""


def bars(rows: list[Bar], words: tuple[str, str, str], path: Path, line: tuple[float, str] | None = None) -> None:
    """Draw a dot a row, with two standard errors either way, and write it as SVG.

    Parameters
    ----------
    rows
        From top to bottom.
    words
        The title, what the numbers are, and what the hollow dots are, empty where there are none.
    path
        Where to; an existing file is replaced.
    line
        A number that all are compared with, and its name.
    """
    look, height = Look(width=_WIDTH), _HEAD + _ROW * len(rows) + _FOOT
    title, what, beside = words
    with drawing():
        figure = blank(title, height, look)
        box = (_NAMES / _WIDTH, _FOOT / height, 1 - (_NAMES + 24) / _WIDTH, _ROW * len(rows) / height)
        axes = figure.add_axes(box)
        frame(axes, look, what)
        axes.grid(axis="x", color=look.of("grid"), lw=0.8)
        axes.grid(visible=False, axis="y")
        places = range(len(rows))
        if line is not None:
            axes.axvline(line[0], color=look.of("edge"), lw=1.6)
            axes.text(line[0], -0.65, line[1], fontsize=9, ha="center", color=look.of("muted"))
        for i, row in enumerate(rows):
            if row.se:
                axes.plot([row.value - 2 * row.se, row.value + 2 * row.se], [i, i], color=look.of("neutral"), lw=2)
            if row.beside is not None:
                axes.plot([row.beside], [i], "o", ms=7, mfc=look.of("paper"), mec=look.of("faint"), mew=1.5)
            axes.plot([row.value], [i], "o", ms=7, color=look.of("neutral"))
        axes.set_yticks(list(places), [row.name for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        if all(row.value - 2 * row.se >= 0 for row in rows):
            axes.set_xlim(left=0)
        if beside:
            note = f"Full: as it is now. Hollow: {beside}."
            figure.text(16 / _WIDTH, 1 - 34 / height, note, fontsize=9, color=look.of("muted"), va="top")
        save_svg(figure, path)
