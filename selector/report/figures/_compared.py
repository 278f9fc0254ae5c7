"""What policies would have earned for their dollars, estimated from a log: points with their intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.report.figures._canvas import WIDTH, blank, drawing, frame
from selector.report.figures._colours import Look
from selector.report.figures._page import TITLED, lines
from selector.report.figures._place import Label, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["comparison_figure"]

Floats = NDArray[np.float64]

_HEIGHT = 600
_EDGES = (64, 50, 24, 84)  # left, lower without the caption, right, upper: pixels around the axes
_LINE = 15  # of the caption
_LOGGING = "logging"
_OWN, _LOGGED = "X", "*"  # marks of policies; models have those of their families
_DOT, _BAR = 60.0, 1.2  # what it costs a label to cover a mark, six pixels of a bar
_PALE = 0.5  # what cannot be relied on
_NARROW = 600  # pixels below which there is room for few words on an axis
_NAMED = 4  # of those that are not drawn
_WIDE = 4.0  # between the dearest and the cheapest: beyond, dollars are logarithmic
_VEIL = {"edgecolor": "none", "alpha": 0.75, "pad": 0.6}


class _Point(NamedTuple):
    """A policy, and how it is drawn."""

    label: str
    x: Floats
    """Its dollars: value, low, high."""
    y: Floats
    sure: bool
    colour: str
    """A role or a model."""
    mark: str


def comparison_figure(
    compared: Mapping[str, Any], title: str = "What other policies would have earned", look: Look | None = None
) -> Figure:
    """Draw what each policy would have earned for its dollars, with intervals both ways.

    Up is better and left is cheaper. What cannot be relied on is pale and hollow, and its name stands in parentheses;
    the axes are made for the others, so that its bars may leave the picture, and what could never be, such as a success
    above one, is not drawn. Dashes climb from each policy that can be relied on to the next that earns more for more
    dollars. One model always has the colour and the mark of its family.

    Parameters
    ----------
    compared
        `selector.replay.Comparison.as_dict()`: its rows, and what was compared.
    title
        What is above the picture.
    look
        Theme, width and families; None: light, 900 pixels wide.

    Returns
    -------
    Figure
        As wide as the look, 600 pixels high; see `save_svg`.

    Raises
    ------
    DataError
        No row has numbers.

    Examples
    --------
    >>> row = {"policy": "ours", "value": 0.8, "low": 0.78, "high": 0.82, "verdict": "supported"}
    >>> row |= {"cost_usd_value": 0.002, "cost_usd_low": 0.001, "cost_usd_high": 0.003, "cost_usd_verdict": "supported"}
    >>> figure = comparison_figure({"rows": [row], "objective": "success", "level": 0.95})
    >>> [text.get_text() for text in figure.texts[1:2]]
    ['ours']
    """
    look = (look or Look(width=WIDTH)).with_models(_models(compared))
    points, missing = _drawable(_points(compared, look), share=compared["objective"] == "success")
    if not points:
        raise DataError("there is nothing to draw: no policy has an estimate of both its value and its cost")
    with drawing():
        figure, width = blank(title, _HEIGHT, look), look.width
        told = _caption(points, missing, compared, width)
        left, lower, right, upper = _EDGES
        lower += _LINE * len(told)
        box = (left / width, lower / _HEIGHT, 1 - (left + right) / width, 1 - (lower + upper) / _HEIGHT)
        axes = figure.add_axes(box, label=" ".join(told))
        points = _scale(axes, points, look, share=compared["objective"] == "success")
        _join(axes, points, look)
        for one in points:
            _draw(axes, one, look)
        _name(figure, axes, points, look)
        style: dict[str, Any] = {"fontsize": 8, "color": look.of("muted")}
        figure.text(16 / width, 12 / _HEIGHT, "\n".join(told), va="bottom", linespacing=1.3, **style)
        what = "success (mean score)" if compared["objective"] == "success" else "utility per decision"
        figure.text(16 / width, 1 - 40 / _HEIGHT, what, va="top", **style | {"fontsize": 9.5})
    return figure


def _models(compared: Mapping[str, Any]) -> list[str]:
    every = (row["policy"].partition(" at ")[0] for row in compared["rows"])
    return [kind.removeprefix("fixed:") for kind in every if kind.startswith("fixed:")]


def _points(compared: Mapping[str, Any], look: Look) -> list[_Point]:
    """Read the rows, the logging policy last, so that it is drawn above all."""
    kinds = dict.fromkeys(row["policy"].partition(" at ")[0] for row in compared["rows"])
    own = [kind for kind in kinds if kind != _LOGGING and not kind.startswith("fixed:")]
    hues = dict(zip(own, look.others(len(own) + 1)[1:], strict=True)) | {_LOGGING: "ink"}
    found = []
    for row in compared["rows"]:
        name = row["policy"]
        x, y = (np.array([row[f"{key}{end}"] for end in ("value", "low", "high")], float) for key in ("cost_usd_", ""))
        if not (math.isfinite(x[0]) and math.isfinite(y[0])):
            continue
        sure = row["verdict"] == row["cost_usd_verdict"] == "supported"
        kind = name.partition(" at ")[0]
        model = kind.removeprefix("fixed:") if kind.startswith("fixed:") else ""
        mark = look.mark(model) if model else _LOGGED if name == _LOGGING else _OWN
        label = "as logged" if name == _LOGGING else name.removeprefix("fixed:")
        found.append(_Point(label if sure else f"({label})", x, y, sure, model or hues[kind], mark))
    return sorted(found, key=lambda one: (one.mark == _LOGGED, one.sure))


def _drawable(points: Sequence[_Point], *, share: bool) -> tuple[list[_Point], list[str]]:
    """Leave out what cannot be relied on and cannot be either, such as a success above one; return its names too."""
    can = [one.sure or (one.x[0] > 0 and not (share and not 0 <= one.y[0] <= 1)) for one in points]
    drawn = [one for one, could in zip(points, can, strict=True) if could]
    return drawn, [one.label.strip("()") for one, could in zip(points, can, strict=True) if not could]


def _scale(axes: Axes, points: list[_Point], look: Look, *, share: bool) -> list[_Point]:
    """Lay out the axes by what can be relied on, and what else is near; return the points, brought within."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    x = np.concatenate([one.x if one.sure else one.x[:1] for one in points])
    y = np.concatenate([one.y if one.sure else one.y[:1] for one in points])
    pad = max(0.08 * float(np.ptp(y)), 0.02 if share else 0.02 * float(np.abs(y).max()), 1e-12)
    axes.set_ylim(y.min() - pad, y.max() + pad)
    positive = x[x > 0]
    log = positive.size > 0 and positive.max() > _WIDE * positive.min()
    if log:
        low, high = positive.min(), positive.max()
        gap = max(0.07 * math.log(high / low), 0.1)
        axes.set(xscale="log", xlim=(low * math.exp(-gap), high * math.exp(gap)))
        _ticks(axes, look.width)
    else:
        gap = max(0.08 * float(np.ptp(x)), 0.05 * float(np.abs(x).max()), 1e-12)
        axes.set_xlim(x.min() - gap, x.max() + gap)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: np.format_float_positional(v, precision=9, trim="-")))
    if share:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.4g} %"))
    if look.width < _NARROW and not log:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    frame(axes, look, f"mean dollars per decision{' (logarithmic)' if log else ''}")
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    return [one._replace(x=one.x.clip(left, right), y=one.y.clip(low, high)) for one in points]


def _ticks(axes: Axes, width: int) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = axes.get_xlim()
    steps = (1,) if high / low > (1e4 if width >= _NARROW else 100) else (1, 2, 5) if width >= _NARROW else (1, 3)
    ticks = [m * 10.0**e for e in range(-12, 7) for m in steps if low <= m * 10.0**e <= high]
    axes.xaxis.set(major_locator=FixedLocator(ticks), minor_locator=NullLocator())


def _join(axes: Axes, points: Sequence[_Point], look: Look) -> None:
    """Draw what is had at most for so many dollars, as far as it can be relied on."""
    best: list[_Point] = []
    for one in sorted((one for one in points if one.sure), key=lambda one: (float(one.x[0]), -float(one.y[0]))):
        if not best or one.y[0] > best[-1].y[0]:
            best.append(one)
    if len(best) > 1:
        x, y = ([float(values[0]) for values in column] for column in zip(*((p.x, p.y) for p in best), strict=True))
        axes.plot(x, y, drawstyle="steps-post", color=look.of("faint"), lw=1.2, ls=(0, (5, 2)), zorder=2)


def _draw(axes: Axes, one: _Point, look: Look) -> None:
    colour, paper, order = look.of(one.colour), look.of("paper"), 5 if one.sure else 3
    x, y = [float(one.x[0])], [float(one.y[0])]
    wide, high = (np.abs(values[1:, None] - values[0]) for values in (one.x, one.y))
    width = 1.3 if one.sure else 0.8
    bars = axes.errorbar(x, y, xerr=wide, yerr=high, ls="", elinewidth=width, ecolor=colour, zorder=order)
    face, edge = (colour, paper) if one.sure else (paper, colour)
    size = {_LOGGED: 13, _OWN: 9}.get(one.mark, 7)
    (dot,) = axes.plot(x, y, ls="", marker=one.mark, ms=size, mfc=face, mec=edge, mew=0.9, zorder=order + 1)
    ends = f"{one.y[0]:.3g} ({one.y[1]:.3g} to {one.y[2]:.3g}) for {one.x[0]:.3g} ({one.x[1]:.3g} to {one.x[2]:.3g})"
    for part in (*bars[2], dot):
        part.set(gid=f"{TITLED}{one.label}: {ends} dollars", alpha=None if one.sure else _PALE)


def _name(figure: Figure, axes: Axes, points: Sequence[_Point], look: Look) -> None:
    """Write each name beside its point, those that can be relied on first."""
    from matplotlib.lines import Line2D

    named = sorted(points, key=lambda one: (not one.sure, one.mark != _LOGGED))
    texts = [
        figure.text(
            0,
            0,
            one.label,
            fontsize=9.5 if one.sure else 8.5,
            color=look.of("ink" if one.sure else "muted"),
            weight="bold" if one.sure and one.mark in {_LOGGED, _OWN} else "normal",
            va="bottom",
            zorder=8,
            bbox={"facecolor": look.of("paper"), **_VEIL},
        )
        for one in named
    ]
    extents = [text.get_window_extent() for text in texts]
    spots = [axes.transData.transform([(one.x[0], one.y[0])]) for one in named]
    labels = [Label(e.width, e.height, spot) for e, spot in zip(extents, spots, strict=True)]
    room = axes.get_window_extent()
    bounds = (room.x0 + 2, room.y0 + 2, room.x1 + _EDGES[2] - 4, room.y1)
    size = np.array([look.width, _HEIGHT])
    for text, at in zip(texts, place(labels, _ink(axes, points), bounds), strict=True):
        text.set_position(tuple(np.array([at.x, at.y]) / size))
        if at.leader is not None:
            ends = np.array(at.leader).reshape(2, 2) / size
            figure.add_artist(Line2D(ends[:, 0], ends[:, 1], color=look.of("faint"), lw=0.6, alpha=0.9, zorder=7))


def _ink(axes: Axes, points: Sequence[_Point]) -> Floats:
    """Return what is drawn as points in pixels with weights: marks, and bars every six pixels."""
    parts = []
    for one in points:
        spot = axes.transData.transform([(one.x[0], one.y[0])])
        ring = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        edge = spot + 5.0 * np.stack([np.cos(ring), np.sin(ring)], -1)
        parts += [np.c_[spot, [_DOT]], np.c_[edge, np.full(len(edge), _DOT / 12)]]
        for ends in ([(one.x[i], one.y[0]) for i in (1, 2)], [(one.x[0], one.y[i]) for i in (1, 2)]):
            low, high = axes.transData.transform(ends)
            bar = np.linspace(low, high, 2 + int(np.hypot(*(high - low)) // 6))
            parts.append(np.c_[bar, np.full(len(bar), _BAR)])
    return np.concatenate(parts)


def _caption(points: Sequence[_Point], missing: Sequence[str], compared: Mapping[str, Any], width: int) -> list[str]:
    """Say in lines that fit what is drawn how, and what is not."""
    told = [f"bars: {100 * compared['level']:g} % intervals"]
    if any(one.mark not in {_LOGGED, _OWN} for one in points):
        told.append("plain names: one model always")
    if sum(one.sure for one in points) > 1:
        told.append("dashes: the most that is had for so much")
    if not all(one.sure for one in points):
        told.append("pale, in parentheses: not to be relied on")
    found = list(lines("; ".join(told), 0.94 * (width - 32), 8 * 4 / 3))
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        left_out = f"not drawn, since out of any range: {', '.join(missing[:_NAMED])}{more}"
        found += lines(left_out, 0.94 * (width - 32), 8 * 4 / 3)
    return found
