"""The picture of a comparison names every policy, and lets what cannot be relied on stand back."""

import html
import re

import numpy as np
import pytest

from selector.errors import DataError
from selector.report import comparison_figure, save_svg


def row(policy, value, cost, half=0.02, verdict="supported"):
    ends = {"low": value - half, "high": value + half, "verdict": verdict}
    dollars = {"cost_usd_value": cost, "cost_usd_low": 0.95 * cost, "cost_usd_high": 1.05 * cost}
    return {"policy": policy, "value": value, **ends, **dollars, "cost_usd_verdict": verdict}


def compared(rows, objective="success"):
    return {"rows": rows, "objective": objective, "level": 0.95}


FEW = [
    row("logging", 0.79, 0.0021),
    row("ours at 0.002 USD", 0.81, 0.0019),
    row("fixed:small", 0.6, 0.0002, verdict="weak"),
]
MANY = [
    row("logging", 0.79, 0.0021),
    *(row(f"ours at {share}%", 0.7 + 0.001 * share, 0.0021 * share / 100) for share in (30, 50, 70, 90)),
    *(row(f"without:model-{k}", 0.77 + 0.01 * k, 0.0015 + 0.0004 * k, 0.03) for k in range(3)),
    *(row(f"fixed:model-{k}", 0.55 + 0.08 * k, 0.0003 * 3**k, 0.03) for k in range(4)),
    row("fixed:thin", 0.6, 0.001, 0.9, "weak"),
    row("fixed:rare", 1.4, -0.001, 0.9, "none"),
]


def boxes(figure):
    figure.canvas.draw()
    names = [text for text in figure.texts[1:-2] if text.get_text()]
    return [text.get_window_extent() for text in names]


@pytest.mark.parametrize("rows", [FEW, MANY], ids=["3", "14"])
def test_every_policy_is_named_within_the_page_and_over_no_other(rows):
    figure = comparison_figure(compared(rows))
    found = {text.get_text().strip("()") for text in figure.texts}
    rows = [r for r in rows if r["policy"] != "fixed:rare"]
    assert {"as logged" if r["policy"] == "logging" else r["policy"].removeprefix("fixed:") for r in rows} <= found
    extents = boxes(figure)
    assert len(extents) == len(rows)
    for i, one in enumerate(extents):
        assert one.x0 >= 0
        assert one.x1 <= 900
        assert not any(one.overlaps(other) for other in extents[:i])


def test_what_cannot_be_relied_on_is_in_parentheses_and_does_not_make_the_axes(tmp_path):
    figure = comparison_figure(compared(MANY))
    low, high = figure.axes[0].get_ylim()
    assert low > 0.4
    assert high < 1.2
    save_svg(figure, tmp_path / "picture.svg")
    text = html.unescape((tmp_path / "picture.svg").read_text(encoding="utf-8"))
    assert "not drawn, since out of any range: rare" in text
    assert "(thin)" in text
    assert "(as logged)" not in text
    assert "pale, in parentheses" in text
    assert re.search(r"dashes: the most", text)


def test_the_dashes_climb_over_what_can_be_relied_on_alone():
    lines = [line for line in comparison_figure(compared(FEW)).axes[0].lines if line.get_linestyle() == "--"]
    assert lines == []  # ours earns more for less: there is nothing to climb to
    (line,) = (x for x in comparison_figure(compared(MANY)).axes[0].lines if x.get_drawstyle() == "steps-post")
    assert (np.diff(line.get_ydata()) > 0).all()
    assert max(line.get_ydata()) < 1


def test_dollars_of_one_size_are_linear_and_utility_has_no_percent():
    figure = comparison_figure(compared(FEW[:2], "utility"))
    assert figure.axes[0].get_xscale() == "linear"
    assert "%" not in figure.axes[0].yaxis.get_major_formatter()(0.5)
    assert comparison_figure(compared(FEW)).axes[0].get_xscale() == "log"


def test_nothing_to_draw_is_said():
    with pytest.raises(DataError, match="nothing to draw"):
        comparison_figure(compared([row("logging", float("nan"), 0.1)]))
