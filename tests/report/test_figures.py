"""Figures say what they show, in words that do not cover each other, with 1 to 30 models and with hardly any data."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest

from selector.report.counted import _facts as rows
from selector.report.figures import (
    Look,
    belief_ridges,
    drift_timeline,
    evidence_heat_map,
    exploration_by_day,
    fallbacks_by_reason,
    learning_curves,
    savings_forest,
    spend_by_day,
    success_cost_maps,
    work_by_type,
)

NAN = math.nan
NOTHING = rows.Measured(NAN, NAN, NAN, 0)
MAKERS = ("claude", "gpt", "gemini", "kimi", "deepseek", "qwen", "minimax", "mistral", "acme", "local")
TYPES = ("coding", "data_analysis", "support_triage")
DAY = date(2026, 3, 1)
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


class Tables(NamedTuple):
    models: tuple
    beliefs: list
    work: list
    days: list
    learning: list
    savings: list
    fallbacks: list
    drift: list


def measured(value, n):
    spread = 1.96 * math.sqrt(value * (1 - value) / n)
    return rows.Measured(value, max(value - spread, 0), min(value + spread, 1), n)


def tables(n, seed=0):
    """Return facts of n models, made up."""
    rng = np.random.default_rng(seed)
    models = tuple(f"{MAKERS[k % 10]}-{k // 10 + 4}.{k}-large" for k in range(n))
    p, cost = rng.uniform(0.3, 0.97, (len(TYPES), n)), np.exp(rng.normal(-4, 1.2, n))
    beliefs = [
        rows.Believed(t, m, p[x, k], 0.8 * p[x, k], min(1.1 * p[x, k], 0.99), 6.0 + 9 * k, 0.3, 9.0 * k, 9 * k, cost[k])
        for x, t in enumerate(TYPES)
        for k, m in enumerate(models)
    ]
    usd = rows.Measured(0.02, 0.01, 0.03, 40)
    work = [rows.Work(t, m, 40, 1 / n, 0.8, usd, measured(0.7, 40)) for t in TYPES for m in models]
    share = tuple(int(v) for v in rng.multinomial(100, np.full(n, 1 / n)))
    seen = measured(0.8, 90)
    days = [
        rows.Day(DAY + timedelta(days=d), 100, 90, 3 + math.sin(d), 3.5, 0.4 / (d + 1), seen, 0.2, 0.5, share)
        for d in range(12)
    ]
    learning = [
        rows.Block(100 * b, AT, AT, 100, seen, usd._replace(value=0.02 + b / 1e3), 0.1, share) for b in range(12)
    ]
    verdicts = [("supported", "saved"), ("none", "saved"), ("weak", "no difference shown")]
    savings = []
    for k, m in enumerate(models):
        verdict, said = verdicts[k % 3]
        usd_part = (0.01 * k, 0.01 * k - 0.004, 0.01 * k + 0.004, verdict, said)
        gain_part = (0.02, -0.01, 0.05, verdict, "no difference shown")
        savings.append(rows.Saving(m, k == 0, *usd_part, *gain_part, 0.7, 0.02, 900, 900, verdict, ()))
    fallbacks = [
        rows.Fallback(("timeout", "rate_limited")[k % 2], m, models[k - 1], k + 1, 9, 0.3, 0.2, 0.01, 9.0, seen)
        for k, m in enumerate(models)
    ]
    drift = [
        rows.DriftAlarm(AT + timedelta(days=4), 400, m, 0.1, "worse", measured(0.5, 30), 0.8, measured(0.6, 80), ())
        for m in models
    ]
    return Tables(models, beliefs, work, days, learning, savings, fallbacks, drift)


def drawn(t, look):
    """Return every figure of the tables, by name."""
    return {
        "ridges": belief_ridges(t.beliefs, look),
        "maps": success_cost_maps(t.beliefs, t.work, look),
        "evidence": evidence_heat_map(t.beliefs, look),
        "spend": spend_by_day(t.days, look),
        "exploration": exploration_by_day(t.days, look),
        "learning": learning_curves(t.learning, t.models, look),
        "savings": savings_forest(t.savings, look),
        "work": work_by_type(t.work, look),
        "fallbacks": fallbacks_by_reason(t.fallbacks, look),
        "drift": drift_timeline(t.drift, t.days, look),
    }


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def colours(figure):
    """Return colour and title of everything drawn in the colour of a model."""
    from matplotlib.colors import to_hex

    axes = figure.axes[0]
    own = [(line.get_color(), line) for line in axes.lines if line.get_linestyle() != "None"] + [
        (patch.get_facecolor(), patch) for patch in axes.patches if patch.get_facecolor()[3] > 0
    ]
    own += [(line.get_markerfacecolor(), line) for line in axes.lines if line.get_marker() != "None"]
    return {(to_hex(colour), (artist.get_gid() or "").removeprefix("title:")) for colour, artist in own}


@pytest.mark.parametrize(("n", "width", "theme"), [(1, 340, "light"), (11, 760, "dark"), (30, 340, "light")])
def test_words_stand_on_the_page_and_do_not_cover_each_other(n, width, theme):
    """Words under a veil of paper were placed among marks at the least cost and may touch; all others may not."""
    for name, figure in drawn(tables(n), Look(theme, width)).items():
        renderer = figure.canvas.get_renderer()
        texts = [t for t in figure.axes[0].texts if not t.get_rotation()]
        x0, y0, x1, y1 = np.array([t.get_window_extent(renderer).extents for t in texts]).T
        off = (x0 < -1) | (x1 > figure.bbox.x1 + 1) | (y0 < -1) | (y1 > figure.bbox.y1 + 1)
        assert not off.any(), (name, [texts[i].get_text() for i in np.flatnonzero(off)])
        across = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0)
        down = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
        plain = np.array([t.get_bbox_patch() is None for t in texts])
        both = np.argwhere(np.triu((across > 1.5) & (down > 3) & np.outer(plain, plain), 1))
        assert not len(both), (name, [(texts[i].get_text(), texts[j].get_text()) for i, j in both])


def test_a_model_has_the_same_colour_in_every_figure():
    t = tables(6)
    look = Look(families={m: m.split("-")[0] for m in t.models})
    figures = drawn(t, look)
    for name in ("ridges", "maps", "evidence", "learning", "savings", "work", "fallbacks", "drift"):
        found = colours(figures[name])
        for model in t.models:
            assert look.of(model) in {colour for colour, _ in found}, (name, model)
            its = {colour for colour, title in found if title.startswith((f"{model} ", f"{model}:"))}
            if name != "evidence":  # whose cells have the colour of their number
                assert its <= {look.of(model), look.of("ink")}, (name, model)


def test_a_figure_of_some_models_keeps_their_colours():
    t = tables(9)
    look = Look(families={m: m.split("-")[0] for m in t.models})
    alone = belief_ridges([b for b in t.beliefs if b.model == t.models[4]], look)
    assert look.of(t.models[4]) in {colour for colour, title in colours(alone) if title}


def test_thin_evidence_is_pale_and_much_is_strong():
    one = rows.Believed("coding", "gpt-5.5", 0.8, 0.7, 0.88, 600.0, 0.01, 590.0, 590, 0.02)
    alphas = {}
    for n in (0.0, 590.0):
        figure = belief_ridges([one._replace(evidence=n)])
        alphas[n] = next(line.get_alpha() or 1.0 for line in figure.axes[0].lines if line.get_gid())
    assert alphas[0.0] == pytest.approx(0.35)
    assert alphas[590.0] > 0.95


def test_every_belief_has_its_interval():
    t = tables(3)
    figure = success_cost_maps(t.beliefs, t.work)
    for one in t.beliefs:
        mine = [
            line
            for line in figure.axes[0].lines
            if (line.get_gid() or "").startswith(f"title:{one.model} on {one.task_type}:")
        ]
        assert len(mine) == 2  # the bar and the mark


def test_what_the_log_cannot_support_is_pale_hollow_and_marked():
    t = tables(3)
    figure = savings_forest(t.savings)
    lines = {
        m: [li for li in figure.axes[0].lines if (li.get_gid() or "").startswith("title:dollars") and m in li.get_gid()]
        for m in t.models
    }
    sure, none, weak = (lines[m] for m in t.models)
    assert all(line.get_alpha() is None for line in sure)
    assert none
    assert all(line.get_alpha() == 0.5 for line in [*none, *weak])
    assert words(figure).count("? not supported") == words(figure).count("? weakly supported") == 2
    assert words(figure).count("saved") == 1


def test_the_many_are_cut_and_it_is_said_how_many_are_left_out():
    t = tables(30)
    assert words(belief_ridges(t.beliefs)).count("and 18 believed worse") == len(TYPES)
    assert words(work_by_type(t.work)).count("24 others") == len(TYPES)
    assert "And 24 more models with alarms, earlier ones." in words(drift_timeline(t.drift, t.days))


def test_every_mark_of_a_map_has_a_name_or_a_number_that_is_explained_or_is_counted():
    t = tables(30)
    figure = success_cost_maps(t.beliefs, t.work)
    told = words(figure)
    axis = {text for text in told if text.endswith("%") or text.startswith("$")}
    numbers = [word for word in told if word.isdigit() and word not in axis]
    left_out = sum(int(word.split()[0]) for word in told if word.endswith("without a name"))
    explained = sum(told.count(number) for number in set(numbers))
    assert explained == len(numbers)
    named = sum(word in t.models for word in told) - len(set(numbers))  # below the maps each number has its name
    assert named + (len(numbers) - len(set(numbers))) + left_out == 30 * len(TYPES)
    assert left_out <= 6


@pytest.mark.parametrize("width", [340, 760])
def test_no_difference_in_dollars_is_cut_and_one_far_off_leaves_the_others_room(width):
    base = tables(8).savings
    far = base[2]._replace(saved_usd=90.0, saved_usd_low=-20.0, saved_usd_high=200.0)
    figure = savings_forest([*base[:2], far, *base[3:]], Look(width=width))
    dollars = [line for line in figure.axes[0].lines if (line.get_gid() or "").startswith("title:dollars")]
    assert not {line.get_marker() for line in dollars} & {"<", ">"}
    bars = [np.ptp(line.get_xdata()) for line in dollars if len(line.get_xdata()) == 2]
    assert len(bars) == 8
    assert min(bars) > 0.5  # on a linear scale 0.01
    assert "Dollars: logarithmic on both sides of $0." in figure.axes[0].get_label()
    assert "logarithmic" not in savings_forest(base).axes[0].get_label()


def test_fallbacks_without_a_bar_of_their_own_are_told_as_a_sum_and_not_drawn():
    seen = measured(0.8, 90)
    rare = [rows.Fallback("timeout", "gpt-5", f"kimi-{k}", 1, 9, 0.3, 0.2, 0.01, 9.0, seen) for k in range(17)]
    figure = fallbacks_by_reason([rare[0]._replace(answered_by="claude-5", n=3), *rare])
    assert "12 others, 12 in all" in words(figure)
    assert sum((patch.get_gid() or "").startswith("title:") for patch in figure.axes[0].patches) == 6


def test_a_band_that_is_gone_at_the_end_has_its_name_below_and_all_others_at_the_right():
    block = rows.Block(0, AT, AT, 100, measured(0.8, 90), measured(0.5, 90), 0.1, (60, 30, 10))
    figure = learning_curves([block, block._replace(first=100, n_by_model=(0, 40, 60))], ["gpt-5", "kimi-2", "glm-5"])
    told = words(figure)
    assert told[told.index("Below 2 % of the last run:") + 1 :] == ["gpt-5"]
    assert {"kimi-2 40 %", "glm-5 60 %"} <= set(told)


def test_without_data_each_figure_says_so_in_place_of_an_empty_axis():
    empty = {name: " ".join(words(figure)) for name, figure in drawn(Tables((), *[()] * 7), Look()).items()}
    assert "Nothing is believed" in empty["ridges"]
    assert "Nothing is believed" in empty["maps"]
    assert "Nothing is believed" in empty["evidence"]
    for name in ("spend", "exploration", "learning", "work"):
        assert "No decision was made yet." in empty[name]
    assert "Nothing can be said of savings" in empty["savings"]
    assert "No fallback was needed" in empty["fallbacks"]
    assert "No alarm rang" in empty["drift"]
    assert "too few" in " ".join(words(savings_forest((), why_none="There are too few decisions.")))


def test_one_decision_without_judgement_is_drawn_and_what_is_unknown_is_said():
    cost = rows.Measured(0.01, NAN, NAN, 1)
    day = rows.Day(DAY, 1, 0, 0.01, NAN, NAN, NOTHING, 1.0, 0.01, (1,))
    block = rows.Block(0, AT, AT, 1, NOTHING, cost, 1.0, (1,))
    told = " ".join(words(learning_curves([block], ["gpt-5.5"])))
    assert "not known: no outcome with a judgement came yet" in told
    told = " ".join(words(spend_by_day([day])))
    assert "No budget in dollars is known." in told
    assert "What one more dollar was worth was not written down." in told
    assert "1 Mar" in told
    assert "28 Feb" not in told
    assert "100 % of the decisions" in " ".join(words(exploration_by_day([day])))


def test_what_has_no_price_is_not_drawn_and_what_is_free_is():
    one = rows.Believed("coding", "gpt-5.5", 0.8, 0.7, 0.88, 60.0, 0.1, 54.0, 54, 0.02)
    free, unknown = (
        one._replace(model="local-8b", expected_cost_usd=0.0),
        one._replace(model="x-1", expected_cost_usd=NAN),
    )
    told = words(success_cost_maps([one, free, unknown]))
    assert "local-8b (free)" in told
    assert "Not drawn, since no price is known: x-1." in told
    assert "What an answer costs is not known of any model: no price is given." in words(success_cost_maps([unknown]))


def test_success_of_each_day_is_drawn_where_it_is_at_hand():
    t = tables(2)
    by_day = {t.models[0]: [(DAY, measured(0.8, 20)), (DAY + timedelta(days=1), measured(0.7, 3))]}
    figure = drift_timeline(t.drift, t.days, by_day=by_day)
    shown = [line.get_gid() for line in figure.axes[0].lines if " on 2026-03-0" in (line.get_gid() or "")]
    assert len(shown) == 4  # a bar and a mark each


def test_users_own_settings_of_matplotlib_do_not_change_a_figure():
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 40, "lines.linewidth": 9, "figure.dpi": 30}):
        figure = spend_by_day(tables(1).days)
    assert figure.get_size_inches()[0] == pytest.approx(760 / 96)
    assert max(text.get_fontsize() for text in figure.axes[0].texts) < 12
