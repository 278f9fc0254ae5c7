"""Success against dollars: policies, fixed models, and what could have been had."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.report.figures._canvas import DPI, WIDTH, blank, drawing, frame
from selector.report.figures._colours import Look
from selector.report.figures._page import TITLED, lines
from selector.report.figures._place import Label, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["frontier_figure"]

Floats = NDArray[np.float64]

_HEIGHT = 600
_EDGES = (64, 50, 18, 80)  # left, lower without the caption, right, upper: pixels around the axes
_CAPTION = 15  # pixels of a line of it
_NARROW = 600  # pixels below which there is room for few words on an axis
_MARKS = ("o", "s", "^", "D", "v", "p", "<", ">")
_DOT, _EDGE, _LINE = (
    60.0,
    5.0,
    1.5,
)  # what it costs a label to cover a mark, a twelfth of its edge, six pixels of a line
_PIXELS = DPI / 72  # of a point
_VEIL = {"edgecolor": "none", "alpha": 0.75, "pad": 0.6}  # under a label, over a line


class _Series(NamedTuple):
    """A named row of points, and how it is drawn."""

    name: str
    x: Floats
    y: Floats
    error: Floats | None  # two standard errors
    look: Mapping[str, Any]
    label: str


_LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "best_fixed": ("", {"ls": "", "marker": "o", "ms": 12, "mfc": "none", "color": "ink", "mew": 1.1}),
    "static_hull": ("best mix of fixed models", {"ls": (0, (5, 2)), "lw": 1.3, "color": "faint"}),
    "type_optimum": ("best mix per task type", {"ls": "-", "lw": 1.4, "color": "faint"}),
    "prompt_oracle": ("best model per prompt (out of reach)", {"ls": (0, (1, 2)), "lw": 1.3, "color": "faint"}),
}


def frontier_figure(
    rows: Sequence[Mapping[str, Any]],
    references: Sequence[Mapping[str, Any]],
    title: str = "Success against dollars",
    look: Look | None = None,
) -> Figure:
    """Draw what each policy earned for its dollars, among the fixed models and the references in hindsight.

    Up is better and left is cheaper, so a policy is worth its place where it is above the mix of fixed models at
    the same dollars. The dollars are logarithmic, because models differ by factors. A model has the colour and the mark
    of its family, a policy one that no family has.

    Parameters
    ----------
    rows
        Rows of a simulation: policy, budget_usd_per_request, pass, mean_reward, se_reward, mean_cost_usd. Of several
        passes the last is drawn.
    references
        Points to compare with: name, budget_usd_per_request, mean_reward, mean_cost_usd; the name is ``best_fixed``,
        ``static_hull``, ``type_optimum``, ``prompt_oracle`` or a model's. Points without numbers are left out.
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
        There is nothing to draw.

    Examples
    --------
    >>> row = {"policy": "thompson", "budget_usd_per_request": 0.2, "pass": 1, "mean_reward": 0.8, "se_reward": 0.01}
    >>> model = {"name": "gpt-5.5", "budget_usd_per_request": None, "mean_reward": 0.84, "mean_cost_usd": 0.52}
    >>> figure = frontier_figure([row | {"mean_cost_usd": 0.19}], [model])
    >>> [text.get_text() for text in figure.texts[1:3]]
    ['thompson', 'gpt-5.5']
    """
    look = (look or Look(width=WIDTH)).with_models(
        dict.fromkeys(r["name"] for r in references if r["name"] not in _LOOKS)
    )
    series = [*_references(references), *_models(references, look), *_policies(rows, look)]
    if not series:
        raise DataError("there is nothing to draw: no row and no reference has numbers")
    series = _positive(series)
    with drawing():
        figure, width, told = blank(title, _HEIGHT, look), look.width, _caption(series, look.width)
        left, lower, right, upper = _EDGES
        lower += _CAPTION * len(told)
        box = (left / width, lower / _HEIGHT, 1 - (left + right) / width, 1 - (lower + upper) / _HEIGHT)
        axes = figure.add_axes(box, label=" ".join(told))
        _scale(axes, series, look)
        _budgets(axes, rows, look)
        for one in series:
            _draw(axes, one, look)
        _name(figure, axes, series, look)
        style: dict[str, Any] = {"fontsize": 8, "color": look.of("muted")}
        figure.text(16 / width, 12 / _HEIGHT, "\n".join(told), va="bottom", linespacing=1.3, **style)
        figure.text(16 / width, 1 - 40 / _HEIGHT, "success (mean score)", va="top", **style | {"fontsize": 9.5})
    return figure


def _draw(axes: Axes, one: _Series, look: Look) -> None:
    style = {**one.look, "color": look.of(one.look["color"])}
    if "mec" in style:
        style["mec"] = look.of("paper")
    line, caps, bars = axes.errorbar(
        one.x, one.y, one.error, elinewidth=1.1, capsize=2.5, zorder=_order(one), **style
    ).lines
    places = [f"{100 * y:.1f} % for {_dollars(float(f'{x:.3g}'))}" for x, y in zip(one.x, one.y, strict=True)]
    for part in (line, *caps, *bars):
        part.set_gid(f"{TITLED}{one.label or 'best fixed models'}: {', '.join(places)} dollars per task")


def _policies(rows: Sequence[Mapping[str, Any]], look: Look) -> list[_Series]:
    last = max((row["pass"] for row in rows), default=0)
    found: list[_Series] = []
    names = list(dict.fromkeys(row["policy"] for row in rows))
    hues = look.others(len(names))
    for i, (name, hue) in enumerate(zip(names, hues, strict=True)):
        mine = [row for row in rows if row["policy"] == name and row["pass"] == last]
        mine.sort(key=lambda row: math.inf if row["budget_usd_per_request"] is None else row["budget_usd_per_request"])
        style = {"color": hue, "marker": _MARKS[i % len(_MARKS)], "ms": 7, "lw": 1.8, "mec": "paper", "mew": 0.6}
        style["ls"] = (0, (6, 1.5)) if hue in hues[:i] else "-"
        error = 2 * np.nan_to_num(_column(mine, "se_reward"))
        found.append(_Series(name, _column(mine, "mean_cost_usd"), _column(mine, "mean_reward"), error, style, name))
    return found


def _references(references: Sequence[Mapping[str, Any]]) -> list[_Series]:
    found = []
    for name, (label, look) in _LOOKS.items():
        mine = [r for r in references if r["name"] == name and r["mean_reward"] is not None]
        if mine:
            mine.sort(key=lambda r: (r["mean_cost_usd"], r["mean_reward"]))
            found.append(_Series(name, _column(mine, "mean_cost_usd"), _column(mine, "mean_reward"), None, look, label))
    return found


def _models(references: Sequence[Mapping[str, Any]], look: Look) -> list[_Series]:
    models = [r for r in references if r["name"] not in _LOOKS and r["mean_reward"] is not None]
    points = [(r["name"], _column([r], "mean_cost_usd"), _column([r], "mean_reward")) for r in models]
    style = {"ls": "", "ms": 6, "mec": "paper", "mew": 0.5}
    return [
        _Series(name, x, y, None, style | {"marker": look.mark(name), "color": name}, name) for name, x, y in points
    ]


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> Floats:
    return np.array([row[key] for row in rows], float)


def _positive(series: list[_Series]) -> list[_Series]:
    """Put what costs nothing at the left edge, and say so: a logarithm has no zero."""
    dollars = np.concatenate([one.x for one in series])
    if (dollars > 0).all():
        return series
    edge = float(dollars[dollars > 0].min(initial=1.0)) / 3
    return [
        one._replace(x=np.maximum(one.x, edge), label=f"{one.label} (free)" if (one.x <= 0).all() else one.label)
        for one in series
    ]


def _order(one: _Series) -> int:
    return 2 if one.name in _LOOKS else 3 if one.error is None else 4


def _scale(axes: Axes, series: list[_Series], look: Look) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    x = np.concatenate([one.x for one in series])
    spread = [one.y + sign * (0 if one.error is None else one.error) for one in series for sign in (-1, 1)]
    y = np.concatenate(spread)
    pad_x, pad_y = max(0.06 * math.log(x.max() / x.min()), 0.1), max(0.07 * float(np.ptp(y)), 0.02)
    low, high = x.min() * math.exp(-pad_x), x.max() * math.exp(pad_x)
    axes.set(xscale="log", xlim=(low, high), ylim=(y.min() - pad_y, y.max() + pad_y))
    narrow = look.width < _NARROW
    steps = (1,) if high / low > (100 if narrow else 1e4) else (1, 3) if narrow else (1, 2, 5)
    ticks = [m * 10.0**e for e in range(-12, 7) for m in steps if low <= m * 10.0**e <= high]
    axes.xaxis.set(major_locator=FixedLocator(ticks), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: _dollars(v)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.4g} %"))
    frame(axes, look, "mean dollars per task (logarithmic)")


def _budgets(axes: Axes, rows: Sequence[Mapping[str, Any]], look: Look) -> None:
    """Mark each budget by a thin upright line, named above the axes where there is room."""
    budgets = sorted({row["budget_usd_per_request"] or 0.0 for row in rows} - {0.0})
    transform, free = axes.get_xaxis_transform(), 0.0
    style: dict[str, Any] = {"fontsize": 8, "color": look.of("muted")}
    low, high = axes.get_xlim()
    for budget in (b for b in budgets if low < b < high):
        axes.axvline(budget, color=look.of("edge"), lw=1, ls=(0, (3, 3)), zorder=1)
        word = f"{'' if free else 'budget '}{_dollars(budget)}"
        at, half = float(axes.transData.transform((budget, 0.5))[0]), 3.4 * len(word)
        if at - half >= free:
            axes.text(budget, 1.01, word, transform=transform, ha="center", va="bottom", **style)
            free = at + half + 6


def _dollars(value: float) -> str:
    return np.format_float_positional(value, precision=9, trim="-")


def _name(figure: Figure, axes: Axes, series: list[_Series], look: Look) -> None:
    """Write each name beside its points."""
    named = sorted((one for one in series if one.label), key=_order, reverse=True)
    texts = [_text(figure, one, look) for one in named]
    extents = [text.get_window_extent() for text in texts]
    labels = [Label(e.width, e.height, _beside(axes, one)) for e, one in zip(extents, named, strict=True)]
    room = axes.get_window_extent()
    bounds = (room.x0 + 2, room.y0 + 2, room.x1 + _EDGES[2] - 4, room.y1)
    ink = np.concatenate([_ink(axes, one) for one in series])
    size = np.array([look.width, _HEIGHT])
    for text, at in zip(texts, place(labels, ink, bounds), strict=True):
        text.set_position(tuple(np.array([at.x, at.y]) / size))
        if at.leader is not None:
            _stroke(figure, np.array(at.leader).reshape(2, 2) / size, look.of("faint"))


def _text(figure: Figure, one: _Series, look: Look) -> Text:
    model = one.error is None and one.name not in _LOOKS
    quiet = one.error is None or one.look["color"] == "faint"  # a line may be that faint, no word
    role = "ink" if model else "muted" if quiet else str(one.look["color"])
    style: dict[str, Any] = {"color": look.of(role), "bbox": {"facecolor": look.of("paper"), **_VEIL}}
    weight = "normal" if one.error is None else "bold"
    size = 8.5 if model else 9.5
    return figure.text(0, 0, one.label, fontsize=size, weight=weight, va="bottom", zorder=6, **style)


def _stroke(figure: Figure, ends: Floats, colour: str) -> None:
    from matplotlib.lines import Line2D

    figure.add_artist(Line2D(ends[:, 0], ends[:, 1], color=colour, lw=0.6, alpha=0.7, zorder=5))


def _beside(axes: Axes, one: _Series) -> Floats:
    """Return where a label may stand, in pixels: beside the points, the last first, then along the line."""
    return np.concatenate([_pixels(axes, one.x, one.y)[::-1], _line(axes, one)[::-5]])


def _ink(axes: Axes, one: _Series) -> Floats:
    """Return what a series draws as points in pixels with weights: its marks, its bars, its line every six pixels."""
    at, angle = _pixels(axes, one.x, one.y), np.linspace(0, 2 * np.pi, 12, endpoint=False)
    marks = at if one.look.get("marker") else at[:0]
    circle = (_PIXELS * one.look.get("ms", 0) / 2) * np.stack([np.cos(angle), np.sin(angle)], -1)
    edges = (marks[:, None] + circle).reshape(-1, 2)
    parts = [np.c_[marks, np.full(len(marks), _DOT)], np.c_[edges, np.full(len(edges), _EDGE)]]
    strokes = [_line(axes, one)]
    if one.error is not None:
        low, high = (_pixels(axes, one.x, one.y + sign * one.error) for sign in (-1, 1))
        strokes += [_between(a, b) for a, b in zip(low, high, strict=True)]
    parts += [np.c_[stroke, np.full(len(stroke), _LINE)] for stroke in strokes]
    return np.concatenate(parts)


def _line(axes: Axes, one: _Series) -> Floats:
    at = _pixels(axes, one.x, one.y)
    ends = pairwise(at) if one.look.get("ls", "-") else ()
    return np.concatenate([at[:0], *(_between(a, b) for a, b in ends)])


def _between(one: Floats, other: Floats) -> Floats:
    return np.linspace(one, other, 2 + int(np.hypot(*(other - one)) // 6))


def _pixels(axes: Axes, x: Floats, y: Floats) -> Floats:
    at: Floats = axes.transData.transform(np.stack([x, y], -1))
    return at


def _caption(series: list[_Series], width: int) -> list[str]:
    """Say in lines that fit what is drawn how."""
    told = []
    if any(one.error is not None for one in series):
        told.append("bold: a policy across budgets, bars: 2 standard errors")
    if any(_order(one) == 3 for one in series):
        told.append("single marks: one model always")
    if any(one.name == "best_fixed" for one in series):
        told.append("rings: the best of them within a budget")
    return list(lines("; ".join(told), 0.94 * (width - 32), 8 * 4 / 3))
