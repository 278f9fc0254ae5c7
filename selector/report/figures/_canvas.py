"""A blank page of fixed size, the few colours on it, and its SVG, byte for byte the same each time."""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DPI", "INK", "MUTED", "PAPER", "WIDTH", "blank", "drawing", "save_svg", "smallest"]

DPI = 96  # of a browser: 900 pixels are 900 pixels there
WIDTH = 900
INK, MUTED, PAPER = "#1f2328", "#59636e", "#ffffff"  # text, quieter text (6:1 on paper), the background
_FONT = "DejaVu Sans"  # comes with matplotlib; a viewer that lacks it takes another, narrower one, which fits too


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with this room's fonts, whatever the user's own matplotlib settings are.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        raise ImportError("pictures need matplotlib: pip install 'adaptive-selector[report]'") from error
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.family": "sans-serif",
                "font.sans-serif": [_FONT],
                "text.parse_math": False,  # a dollar sign is a dollar sign
                "axes.unicode_minus": False,
                "svg.fonttype": "none",
                "svg.hashsalt": "selector",
            }
        )
        yield


def blank(title: str, height: int, width: int = WIDTH) -> Figure:
    """Return an empty page with its title, on which text can be measured; sizes in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
    heading = figure.suptitle(
        title, x=16 / width, y=1 - 14 / height, ha="left", va="top", fontsize=12, weight="bold", color=INK
    )
    FigureCanvasAgg(figure)  # it makes itself the figure's canvas
    heading.set_fontsize(12 * min(1, (width - 32) / max(heading.get_window_extent().width, 1)))
    return figure


def smallest(axes: Axes) -> None:
    """Take away the frame and the tick marks: data is what is seen."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=MUTED)


def save_svg(figure: Figure, path: str | Path) -> None:
    """Write a picture as SVG whose text is text, with the same bytes for the same picture.

    No date and no random identifier is written, so that a picture under version control changes when its numbers do.

    Parameters
    ----------
    figure
        A figure of this room.
    path
        Where to; an existing file is replaced.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> figure = blank("Nothing yet", height=100)
    >>> with TemporaryDirectory() as folder:
    ...     save_svg(figure, Path(folder) / "empty.svg")
    ...     "Nothing yet" in (Path(folder) / "empty.svg").read_text(encoding="utf-8")
    True
    """
    buffer = BytesIO()
    with drawing():
        metadata = {"Date": None, "Creator": "selector", "Title": figure.get_suptitle()}
        figure.savefig(buffer, format="svg", facecolor=PAPER, metadata=metadata)
    Path(path).write_bytes(buffer.getvalue())
