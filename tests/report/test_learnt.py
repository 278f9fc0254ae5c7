"""The picture of what was learnt shows each belief, the truth beside it, and how much is behind it."""

import numpy as np
import pytest

from selector.errors import DataError
from selector.report import learnt_figure, save_svg

TYPES, MODELS = ["coding", "research"], ["opus", "haiku", "gpt-5.5"]
MEAN = np.array([[0.912, 0.6, 0.7], [0.5, 0.4, np.nan]])
N = np.array([[400.0, 100.0, 1.0], [30.0, 0.0, 0.0]])
TRUTH = np.array([[0.9, 0.65, 0.8], [0.55, np.nan, 0.31]])


def cell_texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def paleness(figure):
    """How near to white each cell is, 0 strong to 1 white, shape (2, 3)."""
    colours = np.array([patch.get_facecolor() for patch in figure.axes[0].patches[: N.size]])
    return (1 - colours[:, 3] * (1 - colours[:, :3].min(1))).reshape(N.shape)


def test_each_cell_shows_its_belief_in_percent():
    assert cell_texts(learnt_figure(TYPES, MODELS, MEAN, N)) == ["91", "60", "70", "50", "40", "\N{EN DASH}"]


def test_the_truth_stands_beside_it_where_it_is_known():
    shown = cell_texts(learnt_figure(TYPES, MODELS, MEAN, N, TRUTH))
    assert shown == ["91", "90", "60", "65", "70", "80", "50", "55", "40", "\N{EN DASH}", "31"]


def test_cells_with_few_outcomes_are_pale():
    pale = paleness(learnt_figure(TYPES, MODELS, MEAN, N))
    assert pale[0, 2] > 0.9 > pale[0, 0]
    assert pale[1, 1] == pale[1, 2] == 1


def test_the_believed_best_of_each_row_is_outlined():
    figure = learnt_figure(TYPES, MODELS, MEAN, N)
    outlined = [(int(patch.get_y()), int(patch.get_x())) for patch in figure.axes[0].patches[2 * N.size :]]
    assert outlined == [(0, 0), (1, 0)]


def test_all_names_are_text_in_the_svg_and_bytes_repeat(tmp_path):
    for name in ("a.svg", "b.svg"):
        save_svg(learnt_figure(TYPES, MODELS, MEAN, N, TRUTH), tmp_path / name)
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for word in (*TYPES, *MODELS, "What was learnt", "91"):
        assert f">{word}</text>" in svg
    assert (tmp_path / "b.svg").read_text(encoding="utf-8") == svg


def test_no_text_is_cut_off_however_many_models_there_are():
    models = [f"provider/some-long-name-{i}" for i in range(30)]
    figure = learnt_figure(TYPES, models, np.full((2, 30), 0.5), np.full((2, 30), 5.0))
    width, height = figure.get_size_inches() * figure.dpi
    for text in (*figure.texts, *figure.axes[0].get_xticklabels(), *figure.axes[0].get_yticklabels()):
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height


@pytest.mark.parametrize("mean", [0.9, np.nan])
def test_one_model_on_one_type_is_enough(mean, tmp_path):
    figure = learnt_figure(["chat"], ["opus"], np.array([[mean]]), np.array([[3.0]]), np.array([[np.nan]]))
    save_svg(figure, tmp_path / "a.svg")
    assert figure.get_figwidth() * figure.dpi == 900


def test_a_table_of_another_shape_is_named():
    with pytest.raises(DataError, match=r"n must have shape \(2, 3\)"):
        learnt_figure(TYPES, MODELS, MEAN, N.T)
    with pytest.raises(DataError, match="truth"):
        learnt_figure(TYPES, MODELS, MEAN, N, TRUTH[:1])
    with pytest.raises(DataError, match="a cell"):
        learnt_figure([], MODELS, MEAN[:0], N[:0])
