"""Pictures of policies speak the language of all others: a colour per family, light and dark, titles, any width."""

import re
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest

from selector.report import (
    Block,
    Day,
    DriftAlarm,
    Measured,
    comparison_figure,
    frontier_figure,
    learnt_figure,
    save_svg,
)
from selector.report.figures import Look, drift_rows, learning_curves, spend_by_day, svg
from selector.report.figures._colours import palette
from selector.report.figures._page import lines, wide
from selector.report.figures._scale import scale

MODELS = ("claude-opus-4-8", "gpt-5.5", "kimi-k2.6", "gemini-3.1-pro", "deepseek-v4-pro")
AT = datetime(2026, 3, 9, 7, tzinfo=UTC)
SEEN = Measured(0.6, 0.4, 0.8, 20)


def compared(models):
    rows = [("logging", 0.8, 0.002), ("ours at 50%", 0.82, 0.001)]
    rows += [(f"fixed:{model}", 0.6 + 0.3 * i / len(models), 0.0002 * 1.2**i) for i, model in enumerate(models)]
    sure = {"verdict": "supported", "cost_usd_verdict": "supported"}
    return {
        "objective": "success",
        "level": 0.95,
        "rows": [
            {"policy": name, "value": y, "low": y - 0.02, "high": y + 0.02, "cost_usd_value": x}
            | {"cost_usd_low": 0.9 * x, "cost_usd_high": 1.1 * x, **sure}
            for name, y, x in rows
        ],
    }


def frontier(models):
    budgets, every = (0.1, 0.2), {"pass": 1, "se_reward": 0.01}
    rows = [
        {"policy": policy, "budget_usd_per_request": b, "mean_reward": 0.7 + b, "mean_cost_usd": b, **every}
        for policy in ("thompson", "greedy", "uniform", "random")
        for b in budgets
    ]
    references = [
        {"name": m, "budget_usd_per_request": None, "mean_reward": 0.6 + 0.01 * i, "mean_cost_usd": 0.02 * 1.3**i}
        for i, m in enumerate(models)
    ]
    return rows, references


def drawn(models, look):
    rng = np.random.default_rng(3)
    kinds = [f"kind-{i}" for i in range(4)]
    mean, n = rng.uniform(0.2, 0.9, (4, len(models))), rng.exponential(20, (4, len(models)))
    return {
        "comparison": comparison_figure(compared(models), look=look),
        "frontier": frontier_figure(*frontier(models), look=look),
        "learnt": learnt_figure(kinds, models, mean, n, mean, look=look),
    }


@pytest.fixture(scope="module")
def light():
    return drawn(MODELS, Look(width=900))


@pytest.fixture(scope="module")
def dark():
    return drawn(MODELS, Look("dark", 900))


@pytest.mark.parametrize("name", ["comparison", "frontier", "learnt"])
def test_every_colour_of_a_light_picture_follows_the_reader_into_the_dark(light, name):
    text = svg(light[name])
    assert len(set(re.findall(r"var\((--selector-[a-z0-9-]+)", text))) > 4
    assert re.findall(r"(?<!,)#[0-9a-f]{6}", text) == []


@pytest.mark.parametrize("name", ["comparison", "frontier", "learnt"])
def test_a_dark_picture_has_dark_colours_alone(dark, name):
    known = {colour.dark for colour in palette().values()}
    assert set(re.findall(r"#[0-9a-f]{6}", svg(dark[name]))) <= known


@pytest.mark.parametrize("name", ["comparison", "frontier", "learnt"])
def test_every_mark_says_what_it_is(light, name):
    titles = re.findall(r"<title>([^<]+)</title>", svg(light[name]))
    for model in MODELS:
        assert any(model in title and re.search(r"\d", title) for title in titles[1:])


@pytest.mark.parametrize("name", ["comparison", "frontier"])
def test_a_model_alone_has_the_colour_and_the_mark_of_its_family(light, name):
    look = Look().with_models(MODELS)
    marks = {(line.get_marker(), line.get_markerfacecolor()) for line in light[name].axes[0].lines}
    for model in MODELS:
        assert (look.mark(model), look.of(model)) in marks


def test_policies_have_no_colour_of_a_family(light):
    look = Look().with_models(MODELS)
    names = look.others(4)
    assert not {look.of(name) for name in names} & {look.of(model) for model in MODELS}
    bold = {t.get_text(): t.get_color() for t in light["frontier"].texts if t.get_weight() == "bold"}
    assert bold["thompson"] == look.of("ink")
    assert len({bold[name] for name in ("thompson", "greedy", "uniform", "random")}) == 4


@pytest.mark.parametrize("name", ["comparison", "frontier"])
@pytest.mark.parametrize("n", [3, 30])
@pytest.mark.parametrize("width", [360, 1600])
def test_every_word_stands_on_the_page(name, n, width):
    models = [f"{MODELS[i % 5]}-{i}" for i in range(n)]
    figure = drawn(models, Look(width=width))[name]
    figure.canvas.draw()
    axes = figure.axes[0]
    for text in (*figure.texts, *axes.texts, *axes.get_xticklabels(), axes.xaxis.label):
        box = text.get_window_extent()
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y0 >= 0, text.get_text()


def test_a_file_is_as_large_as_its_picture_and_dark_for_who_prefers_that(light, tmp_path):
    save_svg(light["frontier"], tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text.startswith('<svg width="900" height="600" ')
    assert "prefers-color-scheme:dark" in text


@pytest.mark.parametrize(("low", "high"), [(0, 1.4), (-3, 3), (0, 97), (0.4, 0.9), (-130, 20)])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_scale_never_has_one_word_alone(low, high, n):
    assert 2 <= len(scale([low, high], 0, 100).ticks(n)) <= 2 * n + 4


def test_what_a_drift_timeline_draws_is_at_hand_as_rows():
    alarm = DriftAlarm(AT, 90, "gpt-5.5", 0.1, "worse", SEEN, 0.9, SEEN, ())
    by_day = {"gpt-5.5": [(date(2026, 3, 10), SEEN), (date(2026, 3, 8), SEEN)], "calm": [(date(2026, 3, 8), SEEN)]}
    rows = drift_rows([alarm], by_day=by_day)
    assert [row["what"] for row in rows] == ["on the day", "before the alarm", "since the alarm", "on the day"]
    assert {row["model"] for row in rows} == {"gpt-5.5"}
    assert (rows[0]["low"], rows[0]["success"], rows[0]["high"], rows[0]["judged"]) == (0.4, 0.6, 0.8, 20)
    assert rows[1]["believed"] == 0.9
    assert np.isnan(rows[2]["believed"])


def test_shares_that_are_nearly_the_same_have_words_of_their_own():
    close = Measured(0.7, 0.6985, 0.7015, 90_000)
    block = Block(0, AT, AT, 100, close, Measured(0.01, 0.008, 0.012, 100), 0.2, (60, 40))
    figure = learning_curves([block, block._replace(first=100)], ["gpt-5.5", "kimi-k2.6"])
    shares = [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith(("69", "70"))]
    assert len(set(shares)) == len(shares) > 1


def test_the_name_of_a_steep_price_fits_a_narrow_page():
    prices = (40.0, 2.0, 0.1, 0.1, 0.1, 0.1)
    days = [Day(date(2026, 3, 2 + i), 9, 9, 1.0, 2.0, p, SEEN, 0.1, 0.1, (9,)) for i, p in enumerate(prices)]
    figure = spend_by_day(days, Look(width=340))
    (named,) = (text for text in figure.axes[0].texts if "logarithmic" in text.get_text())
    assert named.get_window_extent().x1 <= 340


@pytest.mark.parametrize("bold", [False, True])
def test_a_paragraph_has_the_longest_lines_that_fit_and_a_word_too_long_for_one_is_cut(bold):
    text = "AVATAR To few words, of which one-is-much-longer-than-any-line-here, come many that are short: " * 3
    for room in range(90, 500, 7):
        found = lines(text, room, 12, bold=bold)
        assert all(wide(line, 12, bold=bold) <= room for line in found)
        for line, following in pairwise(found):
            assert wide(f"{line} {following.split()[0]}", 12, bold=bold) > room
        assert len(" ".join(found).split()) == len(text.split())
