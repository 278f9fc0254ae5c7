"""The picture of success against dollars shows every name, once, as text, over no other."""

import html
import subprocess
import sys

import numpy as np
import pytest

from selector.errors import DataError
from selector.report import frontier_figure, save_svg

BUDGETS = (0.07, 0.2, 0.5)


def row(policy, budget, reward, cost, **more):
    base = {"policy": policy, "budget_usd_per_request": budget, "pass": 1, "se_reward": 0.01, "shares": {}}
    return base | {"mean_reward": reward, "mean_cost_usd": cost} | more


def reference(name, reward, cost, budget=None):
    return {"name": name, "budget_usd_per_request": budget, "mean_reward": reward, "mean_cost_usd": cost}


ROWS = [
    row(policy, budget, 0.7 + 0.05 * np.log(budget / 0.07) + shift, budget * 0.98)
    for policy, shift in (("thompson", 0.02), ("greedy", 0.0), ("epsilon_greedy", 0.005), ("uniform", -0.04))
    for budget in BUDGETS
]
MODELS = [reference(f"model-{i}", 0.6 + 0.025 * i, 0.03 * 1.4**i) for i in range(11)]
HINDSIGHT = [
    reference(name, base + 0.03 * i, budget, budget)
    for name, base in (("best_fixed", 0.68), ("static_hull", 0.7), ("type_optimum", 0.78), ("prompt_oracle", 0.9))
    for i, budget in enumerate(BUDGETS)
]


def names_of(figure):
    return [text.get_text() for text in figure.texts]


def overlaps(figure):
    """All pairs of texts on the page that share a pixel."""
    texts = [*figure.texts, *figure.axes[0].texts]
    boxes = [text.get_window_extent() for text in texts]
    pairs = [(i, j) for i in range(len(boxes)) for j in range(i)]
    return [(texts[i].get_text(), texts[j].get_text()) for i, j in pairs if boxes[i].overlaps(boxes[j])]


def test_every_policy_model_and_reference_is_named_once():
    names = names_of(frontier_figure(ROWS, HINDSIGHT + MODELS))
    for name in ("thompson", "greedy", "epsilon_greedy", "uniform", *(f"model-{i}" for i in range(11))):
        assert names.count(name) == 1
    for name in ("best mix of fixed models", "best mix per task type", "best model per prompt (out of reach)"):
        assert names.count(name) == 1


def test_no_name_covers_another_and_none_is_cut_off():
    figure = frontier_figure(ROWS, HINDSIGHT + MODELS)
    assert overlaps(figure) == []
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= 900
        assert box.y0 >= 0
        assert box.y1 <= 600


def test_a_long_title_is_made_to_fit():
    (title, *_) = frontier_figure(ROWS, [], title="a very long title " * 10).texts
    assert title.get_window_extent().x1 <= 900


def test_thirty_models_still_have_names_that_do_not_overlap():
    rng = np.random.default_rng(0)
    models = [reference(f"some-model-{i}", rng.uniform(0.4, 0.9), 10 ** rng.uniform(-3, 0)) for i in range(30)]
    assert overlaps(frontier_figure(ROWS, models)) == []


def test_text_is_text_in_the_svg(tmp_path):
    save_svg(
        frontier_figure(ROWS, HINDSIGHT + MODELS, title="A simulation built from published figures"), tmp_path / "a.svg"
    )
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for name in (
        "thompson",
        "epsilon_greedy",
        "model-10",
        "best mix per task type",
        "A simulation built from published figures",
    ):
        assert f">{name}</text>" in svg
    assert "<image" not in svg


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        save_svg(frontier_figure(ROWS, HINDSIGHT + MODELS), tmp_path / name)
    figure = frontier_figure(ROWS, HINDSIGHT + MODELS)
    for name in ("c.svg", "d.svg"):
        save_svg(figure, tmp_path / name)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_names_with_signs_of_markup_and_mathematics_stay_as_they_are(tmp_path):
    name = "a<b> & $x_1$"
    save_svg(frontier_figure([row(name, 0.1, 0.5, 0.1)], [], title="$5 & $10"), tmp_path / "a.svg")
    svg = html.unescape((tmp_path / "a.svg").read_text(encoding="utf-8"))
    assert f">{name}</text>" in svg
    assert ">$5 & $10</text>" in svg


@pytest.mark.parametrize(
    ("rows", "references"),
    [
        ([row("thompson", 0.1, 0.5, 0.1)], []),
        ([row("thompson", None, 0.5, 0.1)], []),
        ([row("thompson", 0.1, 0.5, 0.1, se_reward=None)], []),
        ([row("thompson", 0.0, 0.5, 0.0)], []),
        ([], [reference("opus", 0.9, 0.3)]),
        ([row("thompson", 0.1, 0.5, 0.1)], [reference("opus", 0.9, 0.3)]),
        ([row("thompson", 0.01, 0.5, 0.01)], [reference("best_fixed", None, None, 0.01), reference("opus", 0.9, 3)]),
    ],
)
def test_a_single_row_or_model_is_enough(rows, references, tmp_path):
    figure = frontier_figure(rows, references)
    save_svg(figure, tmp_path / "a.svg")
    assert overlaps(figure) == []


def test_nothing_to_draw_is_an_error():
    with pytest.raises(DataError, match="nothing to draw"):
        frontier_figure([], [reference("best_fixed", None, None, 0.01)])


def test_of_several_passes_the_last_is_drawn():
    figure = frontier_figure([row("thompson", 0.1, 0.5, 0.1), row("thompson", 0.1, 0.8, 0.1, **{"pass": 2})], [])
    (line,) = (line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert line.get_ydata() == [0.8]


def test_what_costs_nothing_stands_at_the_left_edge_and_says_so():
    figure = frontier_figure(ROWS, [reference("local", 0.6, 0.0), reference("opus", 0.9, 0.5)])
    assert "local (free)" in names_of(figure)
    assert 0 < figure.axes[0].get_xlim()[0] < 0.03


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    frontier_figure(ROWS, MODELS)
    assert dict(mpl.rcParams) == before


def test_importing_the_room_does_not_load_matplotlib_and_drawing_loads_no_pyplot():
    code = (
        "import sys, selector.report as r; assert 'matplotlib' not in sys.modules;"
        "r.frontier_figure([], [dict(name='a', mean_reward=.5, mean_cost_usd=1., budget_usd_per_request=None)]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - a constant program


def test_without_matplotlib_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"adaptive-selector\[report\]"):
        frontier_figure(ROWS, [])
