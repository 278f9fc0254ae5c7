"""Scores from published figures: on one scale, from like work where there is some, honest where some is left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import configured_kinds, figures, kind_of, published_scores
from selector.config import Config
from selector.errors import ConfigError

KNOWN = figures()
MODELS = sorted(KNOWN.models)
KINDS = sorted(KNOWN.kinds)


def kinds_counted(model):
    return {f.benchmark.kind.partition("/")[0] for f in KNOWN.of(model) if not f.is_doubtful}


def test_every_model_has_a_score_for_every_kind_and_an_unknown_one_has_none():
    found = published_scores([*MODELS, "my-own"], [*KINDS, "chat"])
    assert found.log_odds.shape == (len(KINDS) + 1, len(MODELS) + 1)
    assert np.isfinite(found.log_odds[:, :-1]).all()
    assert np.isnan(found.log_odds[:, -1]).all()
    assert found.matches[-1] is None
    assert all(row[-1] is None for row in found.cells)


def test_figures_of_like_work_stand_behind_a_score_else_all_of_the_model():
    found = published_scores(MODELS, KINDS)
    for i, kind in enumerate(KINDS):
        for k, model in enumerate(MODELS):
            cell = found.cells[i][k]
            whole = kind.partition("/")[0]
            assert cell.is_own == (whole in kinds_counted(model))
            assert not any(figure.is_doubtful for figure in cell.figures)
            assert all(figure.model == model for figure in cell.figures)
            if cell.is_own:
                assert {figure.benchmark.kind.partition("/")[0] for figure in cell.figures} == {whole}


@given(st.lists(st.sampled_from(MODELS), max_size=8), st.lists(st.sampled_from([*KINDS, "chat"]), max_size=5))
def test_a_score_does_not_depend_on_who_else_is_asked_for(models, types):
    found = published_scores(models, types)
    assert found.log_odds.shape == (len(types), len(models))
    for i, name in enumerate(types):
        for k, model in enumerate(models):
            assert found.log_odds[i, k] == published_scores([model], [name]).log_odds[0, 0]


def test_within_a_benchmark_that_alone_speaks_for_a_kind_the_better_rate_scores_higher():
    """Two models that took the same benchmarks: better on all of them is better on each kind and overall."""
    tables = {model: {f.benchmark.id: f.success for f in KNOWN.of(model) if not f.is_doubtful} for model in MODELS}
    pairs = [
        (a, b)
        for a in MODELS
        for b in MODELS
        if len(tables[a]) > 3 and tables[a].keys() == tables[b].keys()
        and all(tables[a][name] > tables[b][name] for name in tables[a])
    ]  # fmt: skip
    assert len(pairs) > 3
    for a, b in pairs:
        scores = published_scores([a, b], [*KINDS, "chat"]).log_odds
        assert (scores[:, 0] > scores[:, 1]).all()


def test_an_easy_benchmark_or_weak_rivals_do_not_lift_a_model():
    """On a benchmark that nearly all solve, everybody's mean is high; a model that took only hard ones is no worse."""
    found = published_scores(["claude-opus-4-8", "claude-opus-4-7", "glm-5.1"], ["chat"], without=["livebench"])
    with_easy = published_scores(["claude-opus-4-8", "claude-opus-4-7", "glm-5.1"], ["chat"])
    assert found.log_odds[0, 0] > found.log_odds[0, 2]
    assert with_easy.log_odds[0, 0] > with_easy.log_odds[0, 2]


def test_a_rate_of_one_is_finite_and_above_every_other_rate():
    models = [f.model for f in KNOWN if f.benchmark.id == "livebench/reformat"]
    perfect = [f.model for f in KNOWN if f.benchmark.id == "livebench/reformat" and f.success == 1]
    assert perfect
    assert np.isfinite(published_scores(models, ["reformat"]).log_odds).all()


class TestWithout:
    def test_what_is_left_out_stands_behind_nothing(self):
        found = published_scores(MODELS, KINDS, without=["openhands/swe-bench", "aider"])
        used = {f.benchmark.id for row in found.cells for cell in row if cell for f in cell.figures}
        assert used == set(KNOWN.benchmarks) - {"openhands/swe-bench", "aider/polyglot"}

    def test_a_model_that_has_no_other_figure_has_no_score(self):
        found = published_scores(["gpt-4o", "gpt-5.5"], ["coding"], without=["aider/polyglot"])
        assert np.isnan(found.log_odds[0]).tolist() == [True, False]

    def test_with_everything_left_out_nothing_is_known(self):
        assert np.isnan(published_scores(MODELS, ["coding"], without=list(KNOWN.sources)).log_odds).all()

    def test_an_unknown_benchmark_is_named_with_the_nearest(self):
        with pytest.raises(ConfigError, match="'openhand'; did you mean 'openhands'"):
            published_scores(MODELS, ["coding"], without=["openhand"])


class TestKinds:
    @pytest.mark.parametrize(
        ("task_type", "kind"),
        [
            ("coding/python", "coding"),
            ("coding/typescript/tests", "test_writing"),
            ("Bug-Fixing", "bug_fixing"),
            ("swe-bench", "bug_fixing"),
            ("swe-bench-multimodal", "bug_fixing/frontend"),
            ("commit0", "greenfield"),
            ("gsm8k", "maths"),
            ("grade-school-math", "maths"),
            ("bbh/navigate", "reasoning"),
            ("bbh_navigate", "reasoning"),
            ("gpqa_main", "reasoning"),
            ("code_refactoring", "coding"),
            ("test_generation", "test_writing"),
            ("agentic_coding/python", "agentic_coding/python"),
            ("writing_desks", None),
            ("chat", None),
            ("", None),
            ("//", None),
        ],
    )
    def test_a_type_s_name_says_it_word_by_word(self, task_type, kind):
        assert kind_of(task_type) == kind

    def test_the_configuration_says_it_otherwise_and_a_child_has_its_parent_s(self):
        types = {"coding": {"kind": "writing"}, "review": {"kind": "coding"}, "secret": {"kind": "none"}, "maths": {}}
        config = Config.load({"models": {"a": {}}, "task_types": types})
        kinds = configured_kinds(config, ["coding", "review/deep", "secret", "maths", "other"])
        assert kinds == {"coding": "writing", "review/deep": "coding", "secret": "none"}
        found = published_scores(["gpt-5.5"], ["coding", "review/deep", "secret", "maths"], kinds=kinds)
        assert found.kinds == ("writing", "coding", None, "maths")
        assert np.isnan(found.log_odds[:, 0]).tolist() == [False, False, True, False]

    def test_an_unknown_kind_is_named_with_its_key_and_the_nearest(self):
        config = Config.load({"models": {"a": {}}, "task_types": {"x": {"kind": "codeing"}}})
        with pytest.raises(ConfigError, match=r"task_types\.x\.kind: .*'codeing'; did you mean 'coding'"):
            configured_kinds(config, ["x"])
        with pytest.raises(ConfigError, match=r"task_types\.x\.kind: .*there are agentic_coding"):
            published_scores(["gpt-5.5"], ["x"], kinds={"x": "zzz"})


@pytest.mark.shared
def test_scores_from_other_benchmarks_predict_what_was_measured(shared_data):
    """Without the figures of these very tasks, scores go with the measured success of the models that have both."""
    import pyarrow.parquet as pq

    table = pq.read_table(shared_data / "swebench_verified_mini.parquet", columns=["model", "score"])
    means = table.group_by("model").aggregate([("score", "mean")]).to_pydict()
    found = published_scores(means["model"], ["swe-bench"], without=["openhands/swe-bench"]).log_odds[0]
    both = np.isfinite(found)
    assert both.sum() >= 12
    assert np.corrcoef(found[both], np.array(means["score_mean"])[both])[0, 1] > 0.6
