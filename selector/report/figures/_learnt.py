"""What was learnt per task type: believed success of every model, thin evidence pale, the truth beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.report.figures._canvas import INK, MUTED, WIDTH, blank, drawing, smallest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["learnt_figure"]

Floats = NDArray[np.float64]

_CELL, _ROW = (46.0, 110.0), 34  # least and most width of a cell, height of a row, in pixels
_STOPS = np.array([(0xF0, 0xAE, 0x5C), (0xEC, 0xE4, 0xC4), (0x62, 0xA6, 0xD8)]) / 255  # low, middle, high
_THIN = 10.0  # outcomes at which a cell has half its colour


def learnt_figure(
    task_types: Sequence[str],
    models: Sequence[str],
    mean: Floats,
    n: Floats,
    truth: Floats | None = None,
    title: str = "What was learnt",
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
    title
        What is above the picture.

    Returns
    -------
    Figure
        900 pixels wide, more with many models; see `save_svg`.

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
    with drawing():
        figure, axes = _page(task_types, models, title)
        colours = _colours(mean, n)
        for x, k in np.ndindex(shape):
            known = None if truth is None or np.isnan(truth[x, k]) else float(truth[x, k])
            _cell(axes, (x, k), colours[x, k], float(mean[x, k]), known)
            if n[x, k] < _THIN / 2:
                axes.texts[-1 if known is None else -2].set_color(MUTED)
        _outline(axes, mean)
        told = "number: believed success, percent; pale: few outcomes; outlined: believed best of its row"
        grey = "; small and grey: the truth" if truth is not None else ""
        figure.text(16 / (figure.get_figwidth() * figure.dpi), 0.0, told + grey, fontsize=8, color=MUTED)
        figure.texts[-1].set_y(14 / (figure.get_figheight() * figure.dpi))
    return figure


def _page(task_types: Sequence[str], models: Sequence[str], title: str) -> tuple[Figure, Axes]:
    """Return a page with room for the names on it, however long they are."""
    row, column = _widest(task_types, 9.5), _widest(models, 9)
    left, right, slant = row + 28, min(column * 0.8, 120.0), column * 0.62 + 12
    cell = float(np.clip((WIDTH - left - right) / len(models), *_CELL))
    width = max(int(np.ceil(left + right + cell * len(models))), WIDTH)
    height = int(np.ceil(44 + slant + _ROW * len(task_types) + 44))
    figure = blank(title, height, width)
    axes = figure.add_axes(
        (left / width, 44 / height, cell * len(models) / width, _ROW * len(task_types) / height),
        xlim=(0, len(models)),
        ylim=(len(task_types), 0),
    )
    smallest(axes)
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(models)) + 0.45, models, rotation=38, ha="left", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(np.arange(len(task_types)) + 0.5, task_types, fontsize=9.5, color=INK)
    return figure, axes


def _widest(names: Sequence[str], size: float) -> float:
    page = blank("", 100)
    return max(page.text(0, 0, name, fontsize=size).get_window_extent().width for name in names)


def _colours(mean: Floats, n: Floats) -> Floats:
    """Return the colour of each cell, shape (n_types, n_models, 3): its hue by success, its strength by evidence."""
    known = mean[~np.isnan(mean)]
    low, high = (float(np.quantile(known, q)) for q in (0.1, 1.0)) if known.size else (0.0, 1.0)
    at = np.clip(0.5 + (np.nan_to_num(mean) - (low + high) / 2) / max(high - low, 0.05), 0, 1)
    hue = np.stack([np.interp(at, (0, 0.5, 1), _STOPS[:, channel]) for channel in range(3)], -1)
    strength = np.where(np.isnan(mean), 0, n / (n + _THIN))[..., None]
    colours: Floats = 1 - strength * (1 - hue)
    return colours


def _cell(axes: Axes, at: tuple[int, int], colour: Floats, mean: float, truth: float | None) -> None:
    from matplotlib.patches import Rectangle

    x, k = at
    axes.add_patch(Rectangle((k + 0.02, x + 0.03), 0.96, 0.94, facecolor=tuple(colour), edgecolor="#e6e9ed", lw=0.6))
    word = "\N{EN DASH}" if np.isnan(mean) else f"{100 * mean:.0f}"
    style: dict[str, Any] = {"va": "center_baseline", "color": INK}
    if truth is None:
        axes.text(k + 0.5, x + 0.5, word, ha="center", fontsize=11, **style)
        return
    axes.text(k + 0.54, x + 0.5, word, ha="right", fontsize=11, **style)
    axes.text(k + 0.6, x + 0.54, f"{100 * truth:.0f}", ha="left", fontsize=8, **style | {"color": "#4f5660"})


def _outline(axes: Axes, mean: Floats) -> None:
    from matplotlib.patches import Rectangle

    for x in np.flatnonzero(~np.isnan(mean).all(1)).tolist():
        k = int(np.nanargmax(mean[x]))
        axes.add_patch(Rectangle((k + 0.03, x + 0.05), 0.94, 0.9, facecolor="none", edgecolor=INK, lw=1.5))
