"""What was learnt per task type: believed success of every model, thin evidence pale, the truth beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.report.figures._canvas import WIDTH, blank, drawing, frame
from selector.report.figures._colours import Look
from selector.report.figures._page import TITLED, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

__all__ = ["learnt_figure"]

Floats = NDArray[np.float64]

_CELL, _ROW = (46.0, 110.0), 34  # least and most width of a cell, height of a row, in pixels
_STEPS = 4  # of success, from pale to strong: those on which ink can be read
_THIN = 10.0  # outcomes at which a cell has half its colour


def learnt_figure(
    task_types: Sequence[str],
    models: Sequence[str],
    mean: Floats,
    n: Floats,
    truth: Floats | None = None,
    *,
    look: Look | None = None,
) -> Figure:
    """Draw the believed success of every model on every task type.

    The best of each row is outlined. A cell with few outcomes is pale: there the belief is mostly its prior, and
    a policy that needs no more knowledge of it is right to leave it so.

    Parameters
    ----------
    task_types
        Names of the rows.
    models
        Names of the columns.
    mean
        Believed success, in [0, 1] or nan, shape (n_types, n_models).
    n
        Outcomes behind each belief, >= 0, may be discounted; same shape.
    truth
        True rates where they are known, as in a simulation, nan where not; same shape.
    look
        Theme and width; None: light, 900 pixels wide.

    Returns
    -------
    Figure
        As wide as the look, more with many models; see `save_svg`.

    Raises
    ------
    DataError
        A table has another shape, or no cell.

    Examples
    --------
    >>> mean, n = np.array([[0.91, 0.6]]), np.array([[40.0, 1.0]])
    >>> figure = learnt_figure(["coding"], ["opus", "haiku"], mean, n, truth=np.array([[0.9, 0.7]]))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['91', '90', '60', '70']
    """
    mean, n = np.asarray(mean, float), np.asarray(n, float)
    truth = None if truth is None else np.asarray(truth, float)
    shape = (len(task_types), len(models))
    for word, table in (("mean", mean), ("n", n), ("truth", truth)):
        if table is not None and (table.shape != shape or not table.size):
            raise DataError(f"{word} must have shape {shape} (task types, models) and a cell, not {table.shape}")
    look = look or Look(width=WIDTH)
    with drawing():
        told = "number: believed success, percent; pale: few outcomes; outlined: believed best of its row"
        told += "; small: the truth" if truth is not None else ""
        figure, axes = _page((task_types, models), told, look)
        level, solid = _levels(mean), np.where(np.isnan(mean), 0, n / (n + _THIN))
        for x, k in np.ndindex(shape):
            known = None if truth is None or np.isnan(truth[x, k]) else float(truth[x, k])
            what = f"{models[k]} on {task_types[x]}: {100 * mean[x, k]:.0f} % believed, {n[x, k]:.0f} outcomes"
            pen = {"facecolor": look.of(f"heat-{level[x, k]}"), "alpha": float(solid[x, k]), "gid": TITLED + what}
            ink = look.of("muted" if n[x, k] < _THIN / 2 else "ink")
            _cell(axes, (x, k), pen, float(mean[x, k]), ink, known)
        for x, k in np.ndindex(shape):
            axes.add_patch(_box((k + 0.02, x + 0.03), (0.96, 0.94), look.of("edge"), 0.6))
        _outline(axes, mean, look)
    return figure


def _page(names: tuple[Sequence[str], Sequence[str]], told: str, look: Look) -> tuple[Figure, Axes]:
    """Return a page with room for the names on it, however long they are, and with its caption."""
    task_types, models = names
    row, column = _widest(task_types, 9.5, look), _widest(models, 9, look)
    left, right, slant = row + 28, min(column * 0.8, 120.0), column * 0.62 + 12
    cell = float(np.clip((look.width - left - right) / len(models), *_CELL))
    width = max(int(np.ceil(left + right + cell * len(models))), look.width)
    caption = lines(told, 0.94 * (width - 32), 8 * 4 / 3)
    lower = 29 + 15 * len(caption)
    height = int(np.ceil(44 + slant + _ROW * len(task_types) + lower))
    figure = blank("What was learnt", height, look, width)
    axes = figure.add_axes(
        (left / width, lower / height, cell * len(models) / width, _ROW * len(task_types) / height),
        xlim=(0, len(models)),
        ylim=(len(task_types), 0),
        label=told,
    )
    frame(axes, look)
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(models)) + 0.45, models, rotation=38, ha="left", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(np.arange(len(task_types)) + 0.5, task_types, fontsize=9.5, color=look.of("ink"))
    style: dict[str, Any] = {"fontsize": 8, "color": look.of("muted"), "linespacing": 1.3}
    figure.text(16 / width, 12 / height, "\n".join(caption), va="bottom", **style)
    return figure, axes


def _widest(names: Sequence[str], size: float, look: Look) -> float:
    page = blank("", 100, look)
    return max(page.text(0, 0, name, fontsize=size).get_window_extent().width for name in names)


def _levels(mean: Floats) -> NDArray[np.int64]:
    """Return the step of each cell's colour by success, shape (n_types, n_models)."""
    known = mean[~np.isnan(mean)]
    low, high = (float(np.quantile(known, q)) for q in (0.1, 1.0)) if known.size else (0.0, 1.0)
    at = 0.5 + (np.nan_to_num(mean) - (low + high) / 2) / max(high - low, 0.05)
    found: NDArray[np.int64] = np.clip(at * _STEPS, 0, _STEPS - 1).astype(np.int64)
    return found


def _cell(axes: Axes, at: tuple[int, int], pen: dict[str, Any], mean: float, ink: str, truth: float | None) -> None:
    from matplotlib.patches import Rectangle

    x, k = at
    axes.add_patch(Rectangle((k + 0.02, x + 0.03), 0.96, 0.94, edgecolor="none", **pen))
    word = "\N{EN DASH}" if np.isnan(mean) else f"{100 * mean:.0f}"
    style: dict[str, Any] = {"va": "center_baseline", "color": ink}
    if truth is None:
        axes.text(k + 0.5, x + 0.5, word, ha="center", fontsize=11, **style)
        return
    axes.text(k + 0.54, x + 0.5, word, ha="right", fontsize=11, **style)
    axes.text(k + 0.6, x + 0.54, f"{100 * truth:.0f}", ha="left", fontsize=8, **style)


def _box(corner: tuple[float, float], size: tuple[float, float], colour: str, width: float) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, *size, facecolor="none", edgecolor=colour, lw=width)


def _outline(axes: Axes, mean: Floats, look: Look) -> None:
    for x in np.flatnonzero(~np.isnan(mean).all(1)).tolist():
        k = int(np.nanargmax(mean[x]))
        axes.add_patch(_box((k + 0.03, x + 0.05), (0.94, 0.9), look.of("ink"), 1.5))
