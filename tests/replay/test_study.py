"""A study says of every policy at every budget what it earned, the same however the work was divided."""

import multiprocessing
import sys

import numpy as np
import pytest

from selector.errors import DataError
from selector.replay import Protocol, references, run_study, settings_of, simulate
from selector.replay.matrices import _study

ROW = {
    "policy",
    "budget_usd_per_request",
    "pass",
    "mean_reward",
    "se_reward",
    "mean_cost_usd",
    "utilisation",
    "max_utilisation",
    "seeds_over_cap",
    "refused",
    "regret",
    "hull_at_spend",
    "shares",
}
TOP = {
    "schema",
    "models",
    "task_types",
    "n_decisions",
    "seeds",
    "dropped",
    "decisions_per_second",
    "rows",
    "references",
    "differences",
    "notes",
}


@pytest.fixture
def study(world):
    def run(words=("thompson", "uniform"), budgets=(0.008,), seeds=range(4), jobs=1, matrix=None, **protocol):
        matrix = world(150, 3, 2) if matrix is None else matrix
        settings = [settings_of(word, matrix, None, budget=budgets[0] is not None)[0] for word in words]
        protocols = [Protocol(measured=matrix, budget_usd=b, **protocol) for b in budgets]
        return run_study(settings, protocols, list(seeds), jobs=jobs)

    return run


def told(study):
    found = study.as_dict()
    del found["decisions_per_second"]
    return found, study.per_seed


def same(one, other):
    """Compare results of different cuts: sums in another order may differ in the last digits, and only there."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == pytest.approx(other, rel=1e-12, abs=1e-12) if isinstance(one, float) else one == other


def test_there_is_a_row_for_every_policy_budget_and_pass_in_this_order(study):
    found = study(("thompson", "greedy"), (0.004, 0.02), passes=2).as_dict()
    assert set(found) == TOP
    assert all(set(row) == ROW for row in found["rows"])
    places = [(r["policy"], r["budget_usd_per_request"], r["pass"]) for r in found["rows"]]
    assert places == [(p, b, n) for p in ("thompson", "greedy") for b in (0.004, 0.02) for n in (1, 2)]
    assert (found["schema"], found["n_decisions"], found["seeds"]) == ("selector.simulate/1", 150, 4)


def test_a_row_says_what_its_seeds_earned_and_spent(study, world):
    matrix = world(150, 3, 2)
    found = study(budgets=(0.008,), matrix=matrix)
    settings, _ = settings_of("thompson", matrix, None, budget=True)
    protocol = Protocol(measured=matrix, budget_usd=0.008)
    (result,), _ = simulate(lambda guess: settings.setup(guess, 2), protocol, list(range(4)))
    row, used = found.rows[0], result.cost_usd / 0.008
    assert row.mean_reward == pytest.approx(result.reward.mean())
    assert row.se_reward == pytest.approx(result.reward.std(ddof=1) / 2)
    assert (row.utilisation, row.max_utilisation) == (pytest.approx(used.mean()), pytest.approx(used.max()))
    assert row.seeds_over_cap == (used > 1 + 1e-12).sum()
    assert row.shares == pytest.approx(dict(zip(matrix.models, result.share.mean(0), strict=True)))
    by_name = {r.name: r for r in references(matrix, [0.008, row.mean_cost_usd]) if r.name == "static_hull"}
    assert row.hull_at_spend == pytest.approx(by_name["static_hull"].mean_reward)
    (optimum,) = [r.mean_reward for r in found.references if r.name == "type_optimum"]
    assert row.regret == pytest.approx(optimum - row.mean_reward)


def test_differences_are_paired_seed_by_seed_with_students_interval(study):
    found = study(("thompson", "uniform", "greedy"), seeds=range(6))
    assert [(d.policy, d.minus) for d in found.differences] == [("thompson", "uniform"), ("thompson", "greedy")]
    by_policy = {
        word: np.array([e["mean_reward"] for e in found.per_seed if e["policy"] == word])
        for word in ("thompson", "uniform")
    }
    gain = by_policy["thompson"] - by_policy["uniform"]
    half = 2.570582 * gain.std(ddof=1) / np.sqrt(6)  # t(5) at .975
    difference = found.differences[0]
    assert difference.mean_reward == pytest.approx(gain.mean())
    assert (difference.low, difference.high) == pytest.approx((gain.mean() - half, gain.mean() + half), rel=1e-6)


def test_one_seed_has_no_standard_error_and_no_differences(study):
    found = study(seeds=[7])
    assert [row.se_reward for row in found.rows] == [None, None]
    assert found.differences == []


def test_without_a_budget_there_is_no_utilisation_and_no_cap(study):
    row = study(budgets=(None,)).rows[0]
    assert (row.budget_usd_per_request, row.utilisation, row.max_utilisation, row.seeds_over_cap) == (None,) * 4


def test_any_cut_of_seeds_gives_the_same_results(study, monkeypatch):
    whole = told(study(seeds=range(7), passes=2))
    for most in (1, 3):
        monkeypatch.setattr(_study, "_MOST_SEEDS", most)
        assert same(told(study(seeds=range(7), passes=2)), whole)


def test_any_cut_of_seeds_gives_the_same_results_where_some_tasks_are_refused(study, world, monkeypatch):
    """A cap of a third of what the cheapest costs: a refusal in one seed changes nothing in the next."""
    matrix = world(150, 3, 2)
    budget = float(matrix.cost_usd[:, 0].mean()) / 3
    whole = study(seeds=range(6), budgets=(budget,), passes=2, hard=True, matrix=matrix)
    assert whole.rows[0].refused > 0
    monkeypatch.setattr(_study, "_MOST_SEEDS", 1)
    assert same(told(study(seeds=range(6), budgets=(budget,), passes=2, hard=True, matrix=matrix)), told(whole))


@pytest.mark.parametrize("threads", [1, 2])
def test_two_processes_give_the_same_results_as_one_and_tell_their_progress(world, monkeypatch, threads):
    """They are forked where that is safe: on Linux, and only where no other thread runs."""
    matrix, ticks = world(150, 3, 2), []
    settings = [settings_of(word, matrix, None, budget=True)[0] for word in ("thompson", "uniform", "greedy")]
    protocols = [Protocol(measured=matrix, budget_usd=0.008)]
    one = run_study(settings, protocols, list(range(6)))
    monkeypatch.setattr(_study, "_LEAST_PER_PROCESS", 100)
    monkeypatch.setattr(_study.threading, "active_count", lambda: threads)
    started, get_context = [], multiprocessing.get_context
    monkeypatch.setattr(_study.multiprocessing, "get_context", lambda kind: started.append(kind) or get_context(kind))
    two = run_study(settings, protocols, list(range(6)), jobs=2, tick=ticks.append)
    assert started == ["spawn" if threads > 1 or sys.platform != "linux" else "fork"]
    assert same(told(two), told(one))
    assert sum(ticks) == 3 * 6 * 150


def test_a_study_that_is_small_stays_in_one_process(study, monkeypatch):
    monkeypatch.setattr(_study, "_in_processes", None)
    assert study(jobs=2).rows


def test_the_seeds_of_each_row_are_written_as_parquet(study, tmp_path):
    import pyarrow.parquet as pq

    found = study(("thompson", "uniform"), (0.004, 0.02), passes=2)
    found.write_parquet(tmp_path / "seeds.parquet")
    table = pq.read_table(tmp_path / "seeds.parquet")
    assert table.schema.metadata[b"schema"] == b"selector.simulate/1"
    assert table.column_names == ["policy", "budget_usd_per_request", "pass", "seed", "mean_reward", "mean_cost_usd"]
    assert table.num_rows == 2 * 2 * 2 * 4
    assert table.to_pylist() == found.per_seed
    mean = np.mean([r["mean_reward"] for r in table.to_pylist()[:4]])
    assert mean == pytest.approx(found.rows[0].mean_reward)


def test_the_seeds_that_are_written_are_the_seeds_that_were_run(study):
    """Seeds 5 and 6 are called so, not 0 and 1."""
    assert [e["seed"] for e in study(("uniform",), seeds=[5, 6]).per_seed] == [5, 6]


def test_without_a_budget_the_table_can_be_written_too(study, tmp_path):
    import pyarrow.parquet as pq

    study(budgets=(None,)).write_parquet(tmp_path / "seeds.parquet")
    assert pq.read_table(tmp_path / "seeds.parquet")["budget_usd_per_request"].null_count == 8


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("budget", [0.0, 1e-6])
def test_a_budget_below_the_cheapest_is_noted_and_nothing_crashes(study, budget, hard):
    found = study(("thompson", "greedy", "uniform"), (budget,), hard=hard)
    (note,) = found.notes
    assert f"budget {budget:.4g} is below the cheapest model's mean cost" in note
    for row in found.rows:
        assert row.regret is None
        assert (row.refused == 4 * 150) == hard
        assert (row.mean_cost_usd == 0) == hard
        assert row.seeds_over_cap == (0 if hard else 4)
        assert row.utilisation is None if budget == 0 else row.utilisation is not None


def test_an_ample_budget_is_not_noted(study):
    assert study(budgets=(1.0,)).notes == []


def test_a_policy_named_twice_is_refused(study):
    with pytest.raises(DataError, match="a policy is named twice: thompson, greedy, thompson"):
        study(("thompson", "greedy", "thompson"))
