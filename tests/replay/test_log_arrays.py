"""A table of decisions as arrays: nothing from the future, exact weights, and what cannot be used says why."""

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.errors import DataError
from selector.replay import Columns, arrays, estimate_propensities, left_out, load, load_foreign, models_of, overlap
from selector.replay.logs._published import per_model

pa = pytest.importorskip("pyarrow")

MINE = Columns(
    at="at", task_type="kind", model="llm", score="ok", cost_usd="usd", propensity="p", probabilities="every"
)


def rows(n=6, **columns):
    """Give a foreign table of n calls of two models, half each."""
    base = {
        "at": [float(i) for i in range(n)],
        "kind": ["a"] * n,
        "llm": ["x" if i % 2 else "y" for i in range(n)],
        "ok": [1.0, 0.0] * (n // 2),
        "usd": [0.5] * n,
        "p": [0.5] * n,
        "every": ['{"x": 0.5, "y": 0.5}'] * n,
    }
    return pa.table(base | columns)


@pytest.fixture
def logged(tmp_path):
    """Load the log of a selector that served 120 tasks."""
    free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    rng = np.random.default_rng(4)
    with Selector.open({"models": dict.fromkeys(("x", "y", "z"), free)}, state=tmp_path / "s", seed=3) as selector:
        for i in range(120):
            one = selector.select(Task("ab"[i % 2], input_tokens=10))
            if i % 3:
                selector.record(one, Outcome(output_tokens=5, score=float(rng.random() < 0.6), source="tests"))
    return load(tmp_path / "s")


def test_arrays_are_the_table_and_pass_the_estimators_own_checks(logged):
    log = arrays(logged).checked()
    models, found = models_of(logged), logged.to_pylist()
    assert [models[k] for k in log.arm] == [row["model"] for row in found]
    assert [log.task_types[k] for k in log.type] == [row["task_type"] for row in found]
    np.testing.assert_array_equal(log.propensity, [row["propensity"] for row in found])
    np.testing.assert_array_equal(log.reward, [np.nan if r["score"] is None else r["score"] for r in found])
    np.testing.assert_allclose(log.mean_reward, [row["means"] for row in found])
    assert log.known_propensities
    assert log.eligible.tolist() == [[mean is not None for mean in row["means"]] for row in found]
    assert np.isnan(log.reward).sum() == 40


def test_where_a_log_has_no_means_they_are_those_of_earlier_rows_alone(logged):
    """Changing the outcomes from row 60 on changes no mean up to row 60."""
    bare = logged.set_column(
        logged.schema.get_field_index("means"), logged.schema.field("means"), per_model(np.full((120, 3), np.nan))
    )
    before = arrays(bare).mean_reward
    assert np.isfinite(before).all()
    score = bare["score"].to_numpy().copy()
    score[60:] = 1 - score[60:]
    changed = bare.set_column(
        bare.schema.get_field_index("score"), bare.schema.field("score"), pa.array(score, from_pandas=True)
    )
    after = arrays(changed).mean_reward
    np.testing.assert_array_equal(after[:61], before[:61])
    assert (after[61:] != before[61:]).any()


def test_running_means_are_the_smoothed_means_of_the_past_by_hand():
    log = arrays(load_foreign(rows(4, ok=[1.0, 0.0, None, 1.0]), MINE))
    assert log.models == ("x", "y")
    np.testing.assert_allclose(log.mean_reward[:, 1], [0.5, 2 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(log.mean_reward[:, 0], [0.5, 0.5, 1 / 3, 1 / 3])
    np.testing.assert_allclose(log.mean_cost_usd[:, 1], [0, 0.5, 0.5, 0.5])


def test_probabilities_agree_with_the_propensity_of_the_chosen_and_sum_to_one():
    uneven = rows(2, p=[0.2, 0.8], every=[None, None], llm=["x", "y"])
    log = arrays(load_foreign(uneven, MINE)).checked()
    np.testing.assert_allclose(log.probabilities, [[0.2, 0.8], [0.2, 0.8]])


def test_a_decision_that_nobody_answered_counts_as_told():
    table = load_foreign(
        rows(4, ok=[1.0, 0.0, None, None], status=["ok", "ok", "ok", "error"]),
        Columns(at="at", task_type="kind", model="llm", score="ok", propensity="p", status="status"),
    )
    assert np.isnan(arrays(table).reward).tolist() == [False, False, True, True]
    np.testing.assert_array_equal(arrays(table, failed=0.0).reward, [1, 0, np.nan, 0])
    with pytest.raises(DataError, match="failed is 2"):
        arrays(table, failed=2)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"p": [0.5, 0.0, 0.5, 0.5, 0.5, 0.5]}, r"row 1 \(id '2'\): propensity is 0; .*estimate_propensities"),
        (
            {"p": [0.5, 0.5, 1.5, 0.5, 0.5, 2.0]},
            r"row 2 .*and 1 more rows.*: propensity is 1.5; a probability is at most 1",
        ),
        (
            {"every": ['{"x": 0.7, "y": 0.5}'] * 6},
            r"row 0 .*: probabilities is 1.2; the sum over the models; it must be 1",
        ),
        ({"every": ['{"x": 1.5, "y": -0.5}'] * 6}, "probabilities is -0.5; a probability is at least 0"),
        ({"every": ['{"x": 0.9, "y": 0.1}'] * 6}, "propensity is 0.5; the row's probabilities say otherwise"),
        ({"ok": [7.0] * 6}, r"score is 7; it must be a number from 0 to 1; rescale it"),
        ({"usd": [-1.0] * 6}, "cost_usd is -1; it must be a number of at least 0"),
    ],
)
def test_numbers_with_which_nothing_can_be_estimated_are_refused(changed, said):
    with pytest.raises(DataError, match=said):
        load_foreign(rows(**changed), MINE)


def test_no_outcome_one_arm_and_no_propensity_each_say_what_to_do(logged):
    with pytest.raises(DataError, match=r"none of the 6 decisions has an outcome that counts .*selector.record"):
        arrays(load_foreign(rows(ok=[None] * 6), MINE))
    with pytest.raises(DataError, match="only one arm: every one of the 6 decisions chose 'x'"):
        arrays(load_foreign(rows(llm=["x"] * 6), MINE))
    with pytest.raises(DataError, match=r"none of the 6 decisions has a propensity; .*estimate_propensities"):
        arrays(load_foreign(rows(p=[None] * 6, every=[None] * 6), MINE))
    with pytest.raises(DataError, match="the table has no decision"):
        arrays(logged.slice(0, 0))
    with pytest.raises(DataError, match=r"this is no table of logged decisions; make one with selector.replay.load"):
        arrays(pa.table({"a": [1]}))


def test_rows_without_a_propensity_are_left_out_and_counted():
    table = load_foreign(rows(p=[None, None, 0.5, 0.5, 0.5, 0.5], every=[None] * 6), MINE)
    assert arrays(table).n == 4
    assert left_out(table) == {"unknown": 2}


def test_estimated_propensities_are_smoothed_shares_and_say_that_they_are_estimated():
    """By hand: of three tasks of type a two went to x; the share above is 2/4 of x."""
    table = rows(4, kind=["a", "a", "a", "b"], llm=["x", "x", "y", "y"], p=[None] * 4, every=[None] * 4)
    found = estimate_propensities(load_foreign(table, MINE))
    np.testing.assert_allclose(found["propensity"].to_numpy(), [2.5 / 4, 2.5 / 4, 1.5 / 4, 1.5 / 2])
    assert set(found["propensity_from"].to_pylist()) == {"estimated"}
    assert not arrays(found).known_propensities
    assert arrays(found).checked().n == 4
    days = rows(4, at=[0.0, 1.0, 90_000.0, 90_001.0], llm=["x", "x", "x", "y"], p=[None] * 4, every=[None] * 4)
    daily = estimate_propensities(load_foreign(days, MINE), per_day=True)
    share = (3 + 0.75) / 5
    np.testing.assert_allclose(daily["propensity"].to_numpy()[:3], [(2 + share) / 3] * 2 + [(1 + share) / 3])


def test_logged_propensities_are_never_replaced_by_estimated_ones(logged):
    with pytest.raises(DataError, match="120 of the 120 decisions have a logged propensity"):
        estimate_propensities(logged)
    with pytest.raises(DataError, match="weight is 0"):
        estimate_propensities(logged, weight=0)


def test_overlap_by_hand():
    table = rows(4, llm=["x", "x", "x", "y"], ok=[1.0, 1.0, None, 0.0], p=[0.5, 0.25, 0.5, 0.995], every=[None] * 4)
    every = ['{"x": 0.5, "y": 0.5}', '{"x": 0.25, "y": 0.75}', '{"x": 0.5, "y": 0.5}', '{"x": 0.005, "y": 0.995}']
    found = overlap(load_foreign(table.set_column(6, "every", pa.array(every)), MINE)).to_pylist()
    x, y = found
    assert (x["n"], x["n_chosen"], x["share"], x["n_judged"], x["least_propensity"]) == (4, 3, 0.75, 2, 0.25)
    assert (x["uncovered"], y["uncovered"]) == (0.25, 0.0)
    assert x["ess"] == pytest.approx((2 + 4) ** 2 / (4 + 16))
    assert x["largest_weight"] == pytest.approx(4 / 6)
    assert x["mean_weight"] == pytest.approx((2 + 4 + 2) / 4)
    assert (x["propensities"], y["ess"]) == ("logged", pytest.approx(1.0))
