"""The references are what they claim: checked against enumeration, and in their lawful order."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.replay import Matrix, references
from selector.replay.matrices._references import prompt_oracle

NAMES = ("best_fixed", "static_hull", "type_optimum", "prompt_oracle")


def matrix_of(score, cost, type_):
    score, cost, type_ = (np.asarray(x) for x in (score, cost, type_))
    models = tuple(f"m{k}" for k in range(score.shape[1]))
    return Matrix(score.astype(float), cost.astype(float), type_, models, tuple(f"t{x}" for x in range(3)))


@st.composite
def matrices(draw, most_prompts=5, most_models=3):
    n, k = draw(st.integers(1, most_prompts)), draw(st.integers(1, most_models))
    cells = st.lists(st.lists(st.integers(0, 8), min_size=k, max_size=k), min_size=n, max_size=n)
    score, cost = np.array(draw(cells)) / 8, np.array(draw(cells)) / 8
    return matrix_of(score, cost, draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))


def by_name(matrix, budget):
    return {r.name: r for r in references(matrix, [budget]) if r.name in NAMES}


def best_of_points(points, budget):
    """Return the best mean reward of mixes of points (reward, cost): at most two of them, by enumeration."""
    found = [r for r, c in points if c <= budget + 1e-12]
    for (r1, c1), (r2, c2) in combinations(points, 2):
        if min(c1, c2) < budget < max(c1, c2):
            share = (budget - c2) / (c1 - c2)
            found.append(share * r1 + (1 - share) * r2)
    return max(found, default=None)


def assignments(reward, cost, share):
    """Enumerate one model per group: the corners of all mixes per group."""
    groups = range(len(reward))
    for pick in product(range(reward.shape[1]), repeat=len(reward)):
        yield sum(share[g] * reward[g, pick[g]] for g in groups), sum(share[g] * cost[g, pick[g]] for g in groups)


def by_brute_force(matrix, budget):
    n = matrix.n_prompts
    reward, cost = matrix.score.mean(0), matrix.cost_usd.mean(0)
    present = sorted(set(matrix.type.tolist()))
    of_type = [matrix.type == x for x in present]
    types = [np.stack([m[mask].mean(0) for mask in of_type]) for m in (matrix.score, matrix.cost_usd)]
    return {
        "best_fixed": max((r for r, c in zip(reward, cost, strict=True) if c <= budget), default=None),
        "static_hull": best_of_points(list(zip(reward, cost, strict=True)), budget),
        "type_optimum": best_of_points(list(assignments(*types, [m.sum() / n for m in of_type])), budget),
        "prompt_oracle": best_of_points(list(assignments(matrix.score, matrix.cost_usd, [1 / n] * n)), budget),
    }


@given(matrices(), st.integers(0, 20))
def test_all_four_equal_enumeration_on_tiny_matrices(matrix, budget):
    """A limit on one mean leaves a mix of at most two corners of all choices, so pairs of corners are enough."""
    found, expected = by_name(matrix, budget / 16), by_brute_force(matrix, budget / 16)
    for name in NAMES:
        if expected[name] is None:
            assert found[name].mean_reward is None
            assert found[name].mean_cost_usd is None
        else:
            assert found[name].mean_reward == pytest.approx(expected[name], abs=1e-7)
            assert found[name].mean_cost_usd <= budget / 16 + 1e-7


@given(matrices(30, 5), st.floats(0, 1.2))
def test_best_fixed_static_hull_type_optimum_and_prompt_oracle_stand_in_this_order(matrix, budget):
    rewards = [by_name(matrix, budget)[name].mean_reward for name in NAMES]
    known = [r for r in rewards if r is not None]
    assert rewards[: len(rewards) - len(known)] == [None] * (len(rewards) - len(known))  # None comes first
    assert all(low <= high + 1e-7 for low, high in pairwise(known))


@given(matrices(30, 5), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_budget_never_earns_less(matrix, a, b):
    low, high = by_name(matrix, min(a, b)), by_name(matrix, max(a, b))
    for name in NAMES:
        if low[name].mean_reward is not None:
            assert low[name].mean_reward <= high[name].mean_reward + 1e-7


@given(matrices(30, 5))
def test_without_a_budget_each_takes_its_best_and_an_ample_one_changes_nothing(matrix):
    free, ample = by_name(matrix, None), by_name(matrix, 10.0)
    assert free["prompt_oracle"].mean_reward == pytest.approx(matrix.score.max(1).mean())
    assert free["best_fixed"].mean_reward == pytest.approx(matrix.score.mean(0).max())
    for name in NAMES:
        assert free[name].mean_reward == pytest.approx(ample[name].mean_reward, abs=1e-7)


@given(st.floats(1e-8, 1e4))
def test_the_unit_of_money_does_not_matter(unit):
    score, cost = np.array([[0.0, 0.6, 1.0], [0.5, 0.5, 0.75]]), np.array([[1.0, 2.0, 9.0], [2.0, 3.0, 12.0]])
    here = by_name(matrix_of(score, cost, [0, 1]), 3.0)
    there = by_name(matrix_of(score, cost * unit, [0, 1]), 3.0 * unit)
    for name in NAMES:
        assert there[name].mean_reward == pytest.approx(here[name].mean_reward, abs=1e-6)


def test_a_budget_that_nothing_meets_has_no_reference():
    matrix = matrix_of([[1.0, 1.0]], [[0.2, 0.5]], [0])
    assert {(r.mean_reward, r.mean_cost_usd) for r in by_name(matrix, 0.1).values()} == {(None, None)}


def test_a_budget_of_nothing_leaves_what_is_free():
    matrix = matrix_of([[0.25, 1.0], [0.75, 1.0]], [[0.0, 0.5], [0.0, 0.5]], [0, 1])
    assert {r.mean_reward for r in by_name(matrix, 0.0).values()} == {0.5}


def test_each_models_own_point_is_there_once_whatever_the_budgets():
    matrix = matrix_of([[0.0, 1.0], [0.5, 1.0]], [[1.0, 3.0], [3.0, 3.0]], [0, 1])
    found = [r for r in references(matrix, [1.0, 2.0, None]) if r.name not in NAMES]
    assert found == [("m0", None, 0.25, 2.0), ("m1", None, 1.0, 3.0)]


def test_budgets_come_in_the_order_that_was_asked_for():
    matrix = matrix_of([[0.0, 1.0]], [[1.0, 3.0]], [0])
    found = [r.budget_usd_per_request for r in references(matrix, [2.0, 1.0]) if r.name == "static_hull"]
    assert found == [2.0, 1.0]


@pytest.mark.parametrize("seed", range(60))
def test_a_general_solver_finds_the_same_optimum(seed):
    """Scores and costs with ties and without, costs over seven orders of magnitude, budgets all the way."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    n, k = rng.integers(1, 30), rng.integers(1, 6)
    score = rng.integers(0, 3, (n, k)) / 2 if seed % 2 else rng.random((n, k))
    cost = rng.random((n, k)) * 10.0 ** rng.integers(-6, 1) if seed % 3 else rng.integers(0, 4, (n, k)).astype(float)
    matrix = Matrix(score, cost, np.zeros(n, int), tuple(map(str, range(k))), ("all",))
    cheapest, dearest = cost.min(1).mean(), cost.max(1).mean()
    budget = float(cheapest + (dearest - cheapest) * rng.random())
    unit = cost.max() or 1.0
    found = linprog(
        -score.ravel() / n,
        A_ub=(cost.ravel() / n / unit)[None],
        b_ub=[budget / unit],
        A_eq=np.kron(np.eye(n), np.ones(k)),
        b_eq=np.ones(n),
    )
    ours = prompt_oracle(matrix, budget)
    assert ours.mean_reward == pytest.approx(-found.fun, abs=1e-7)
    assert ours.mean_cost_usd <= budget * (1 + 1e-12)
