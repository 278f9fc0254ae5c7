"""A blank page of fixed size with axes on it, for pictures whose places are values."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from selector.report.figures._colours import Look

__all__ = ["DPI", "WIDTH", "blank", "drawing", "frame"]

DPI = 96  # of a browser: 900 pixels are 900 pixels there
WIDTH = 900
_SALT = "selector"
_FONT = "DejaVu Sans"  # comes with matplotlib; a viewer that lacks it takes another, narrower one, which fits too


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with this room's fonts, whatever the user's own matplotlib settings are.

    Setting them takes long beside a small picture: within another `drawing` they stay as they are.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        raise ImportError("pictures need matplotlib: pip install 'adaptive-selector[report]'") from error
    if mpl.rcParams["svg.hashsalt"] == _SALT:
        yield
        return
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.family": "sans-serif",
                "font.sans-serif": [_FONT],
                "text.parse_math": False,  # a dollar sign is a dollar sign
                "axes.unicode_minus": False,
                "svg.fonttype": "none",
                "svg.hashsalt": _SALT,
            }
        )
        yield


def blank(title: str, height: int, look: Look, width: int = 0) -> Figure:
    """Return an empty page with its title, on which text can be measured; sizes in pixels, as wide as the look."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = width or look.width
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=look.of("paper"))
    heading = figure.suptitle(
        title, x=16 / width, y=1 - 14 / height, ha="left", va="top", fontsize=12, weight="bold", color=look.of("ink")
    )
    FigureCanvasAgg(figure)  # it makes itself the figure's canvas
    heading.set_fontsize(12 * min(1, (width - 32) / max(heading.get_window_extent().width, 1)))
    return figure


def frame(axes: Axes, look: Look, across: str = "") -> None:
    """Take away the frame and the tick marks: data is what is seen; `across` is what the values from left to right are.

    Without it there are no values, and no lines of them either.
    """
    axes.patch.set_visible(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=look.of("muted"))
    if across:
        axes.grid(axis="y", color=look.of("grid"), lw=0.8)
        axes.set_axisbelow(True)
        axes.spines["bottom"].set(visible=True, color=look.of("edge"))
        axes.set_xlabel(across, fontsize=9.5, color=look.of("muted"), labelpad=6)
