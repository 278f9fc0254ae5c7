"""A page in pixels, written from the top down: words, lines, areas and dots in the colours of a `Look`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selector.report.figures._canvas import DPI, drawing
from selector.report.figures._colours import Look

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.ft2font import FT2Font

__all__ = ["MARGIN", "SMALL", "TEXT", "TITLED", "Floats", "Page", "Pen", "clip", "columns", "lines", "page", "wide"]

Floats = NDArray[np.float64]

MARGIN = 16.0  # pixels left and right
TITLE, TEXT, SMALL = 15.0, 12.0, 11.0  # heights of letters, in pixels
TITLED = "title:"  # how the id of what has a title begins; `svg` makes a <title> of it
_POINT = 72 / DPI  # of a pixel
_LINE = 1.35  # from line to line


class Pen(NamedTuple):
    """How something is drawn."""

    colour: str = "ink"
    """A role or a model."""
    alpha: float = 1.0
    width: float = 1.0
    dash: tuple[float, float] | None = None
    title: str = ""
    """What it is, in words: shown on pointing at it, and read out."""
    mark: str = "o"
    """The shape of a dot."""
    hollow: bool = False
    size: float = 7.0
    """Of a dot."""


class Page:
    """A figure under way: `y` is how far down it is written."""

    def __init__(self, look: Look, title: str) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.transforms import TransformedPatchPath

        self.look = look
        self.width = float(look.width)
        self.figure: Figure = Figure(dpi=DPI, facecolor=look.of("paper"))
        FigureCanvasAgg(self.figure)
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self._whole = TransformedPatchPath(self.axes.patch)  # else matplotlib works one out for each mark
        self.figure.set_label(title)
        self.y = MARGIN if title else 4.0  # what stands above it has its own margin
        self.told: list[str] = []
        if title:
            self.words(title, size=TITLE, bold=True)
            self.y += 4

    def finish(self) -> None:
        """Cut the page where the writing ends."""
        height = self.y + 10
        self.figure.set_size_inches(self.width / DPI, height / DPI)
        self.axes.set(xlim=(0, self.width), ylim=(height, 0))
        self.axes.set_label(" ".join(self.told))

    def words(self, text: str, *, size: float = TEXT, bold: bool = False) -> None:
        """Write a paragraph over the whole width, and go on below it."""
        for line in lines(text, self.width - 2 * MARGIN, size, bold=bold):
            self.y += size * _LINE
            self.text(MARGIN, self.y - 0.3 * size, line, Pen("ink" if bold else "muted"), size=size, bold=bold)
        if not bold:
            self.told.append(text)

    def text(self, x: float, y: float, text: str, pen: Pen, **style: str | float | bool) -> None:
        """Write one line.

        `side` (left, center, right) is which of its ends x is, y its base line, `slant` in degrees,
        `halo` a veil of paper under it.
        """
        words = self.axes.text(
            x,
            y,
            text,
            fontproperties=_letters(float(style.get("size", TEXT)), bold=bool(style.get("bold"))),
            color=self.look.of(pen.colour),
            alpha=_alpha(pen),
            ha=str(style.get("side", "left")),
            va="baseline",
            rotation=float(style.get("slant", 0.0)),
            rotation_mode="anchor",
            zorder=1,
            clip_path=self._whole,
        )
        if style.get("halo"):
            words.set_bbox({"fc": self.look.of("paper"), "ec": "none", "alpha": 0.7, "pad": 0.4})

    def line(self, x: ArrayLike, y: ArrayLike, pen: Pen) -> None:
        """Draw a line through points."""
        from matplotlib.lines import Line2D

        dash = (0, pen.dash) if pen.dash else "-"
        line = Line2D(np.ravel(x), np.ravel(y), color=self.look.of(pen.colour), lw=pen.width * _POINT, ls=dash)
        line.set(alpha=_alpha(pen), solid_capstyle="butt", dash_capstyle="butt")
        self._add(line, pen)

    def dot(self, x: float, y: float, pen: Pen) -> None:
        """Draw a mark."""
        from matplotlib.lines import Line2D

        colour, paper = self.look.of(pen.colour), self.look.of("paper")
        line = Line2D([x], [y], ls="", marker=pen.mark, ms=pen.size * _POINT, mew=(1.4 if pen.hollow else 0.8) * _POINT)
        line.set(mfc=paper if pen.hollow else colour, mec=colour if pen.hollow else paper, alpha=_alpha(pen))
        self._add(line, pen)

    def area(self, x: ArrayLike, lower: ArrayLike, upper: ArrayLike, pen: Pen) -> None:
        """Fill between two lines."""
        from matplotlib.patches import Polygon

        x, upper = np.broadcast_arrays(np.asarray(x, float), np.asarray(upper, float))
        lower = np.asarray(lower, float)
        below = np.c_[x, lower] if lower.ndim else np.c_[x[[0, -1]], [lower, lower]]
        corners = np.concatenate([np.c_[x, upper], below[::-1]])
        self._add(Polygon(corners, closed=True, fc=self.look.of(pen.colour), ec="none", alpha=_alpha(pen)), pen)

    def box(self, left: float, top: float, size: tuple[float, float], pen: Pen) -> None:
        """Fill a box of width and height; a hollow one is drawn by its edge."""
        from matplotlib.patches import Rectangle

        colour = self.look.of(pen.colour)
        face, edge = ("none", colour) if pen.hollow else (colour, "none")
        found = Rectangle((left, top), *size, fc=face, ec=edge, lw=pen.width * _POINT, alpha=_alpha(pen))
        self._add(found, pen)

    def _add(self, artist: Artist, pen: Pen) -> None:
        artist.set(zorder=1, clip_on=False, clip_path=self._whole)
        if pen.title:
            artist.set_gid(TITLED + pen.title)
        self.axes.add_artist(artist)


@contextmanager
def page(look: Look, title: str) -> Iterator[Page]:
    """Open a page with its title, and cut it at its end.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    with drawing():
        found = Page(look, title)
        yield found
        found.finish()


def columns(width: float, n: int, least: float, gap: float = 32.0) -> list[tuple[float, float]]:
    """Return left edge and width of each of the columns that fit, n at most."""
    room = width - 2 * MARGIN
    count = max(1, min(n, int((room + gap) // (least + gap))))
    each = (room - gap * (count - 1)) / count
    return [(MARGIN + i * (each + gap), each) for i in range(count)]


def wide(text: str, size: float = TEXT, *, bold: bool = False) -> float:
    """Return how many pixels wide a text is."""
    return _wide(text, bold=bold) * size / 100


def clip(text: str, room: float, size: float = TEXT, *, bold: bool = False) -> str:
    """Return a text cut in its middle so that it fits, its end in sight: that is where names of models differ."""
    if wide(text, size, bold=bold) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = f"{text[: kept - kept // 2]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - kept // 2 :]}"
        if wide(short, size, bold=bold) <= room:
            return short
    return text[:1]


@cache
def _wide(text: str, *, bold: bool) -> float:
    """Return the width of a text whose letters are 100 pixels high."""
    font = _font(bold=bold)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64


@cache
def _letters(size: float, *, bold: bool) -> FontProperties:
    """Say how text is written, once for all that is written so."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=size * _POINT, weight="bold" if bold else "normal")


@cache
def _font(*, bold: bool) -> FT2Font:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font  # one of its own: matplotlib's are shared, and their size changes

    font = FT2Font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    font.set_size(100, 72)
    return font


def lines(text: str, room: float, size: float, *, bold: bool = False) -> Sequence[str]:
    """Break a text into lines that fit; a line is as wide as its words and the spaces between them."""
    space = wide(" ", size, bold=bold)
    found, reached = [""], -space
    for word in filter(None, text.replace(" %", "\N{NO-BREAK SPACE}%").split(" ")):
        own = wide(word, size, bold=bold)
        if found[-1] and reached + space + own > room:
            found.append(word)
            reached = own
        else:
            found[-1] = f"{found[-1]} {word}".strip()
            reached += space + own
    found = [line.replace("\N{NO-BREAK SPACE}", " ") for line in found]
    return [line if " " in line else clip(line, room, size, bold=bold) for line in found]


def _alpha(pen: Pen) -> float | None:
    return pen.alpha if pen.alpha < 1 else None
