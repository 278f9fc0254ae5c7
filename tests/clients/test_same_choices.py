"""A simulation and a live selector are the same mathematics: fed the same, they choose the same and believe the same.

Where a token costs one dollar, what an outcome teaches and what it costs are one number, and a simulation's matrix can
say all that a live selector is told. The simulation takes the live selector's own setup; both draw from the same seed.
"""

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.decision import Decider
from selector.replay import Matrix, Protocol, simulate

N_TASKS = 600  # a refresh after each 8th outcome ends both
N_LONG = 1_344  # beyond 1,000 after each 64th
TYPES = ("chat", "coding", "sql")
BUDGET = 300.0  # dollars a request; the models' mean answers cost from 100 to 900
POLICIES = {
    "thompson, forgetting": {"name": "thompson", "half_life": "200 decisions", "draws": 64},
    "thompson, without a floor": {"name": "thompson", "floor": 0},
    "top_two": {"name": "top_two"},
    "epsilon_greedy": {"name": "epsilon_greedy", "epsilon": 0.2},
    "ucb1": {"name": "ucb1"},
    "kl_ucb": {"name": "kl_ucb"},
}


def world_of(n_models, seed, n_tasks=N_TASKS):
    """Draw a matrix whose dearer models are better; costs are whole dollars, and one type's scores are graded."""
    rng = np.random.default_rng(seed)
    type_ = rng.integers(len(TYPES), size=n_tasks)
    place = np.linspace(0, 1, n_models)
    rate = np.clip(0.35 + 0.5 * place * rng.uniform(0.3, 1.0, (len(TYPES), 1)), 0.05, 0.95)[type_]
    graded = rng.random((n_tasks, n_models)).round(2) * (type_[:, None] == 0)
    score = np.where(rng.random(rate.shape) < rate, 1.0, graded)
    cost = np.round(100 * 9.0**place * np.exp(rng.normal(-0.1, 0.4, rate.shape))) + 1
    return Matrix(score, cost, type_, tuple(f"model-{k}" for k in range(n_models)), TYPES)


def prompts_of(matrix, protocol, seed):
    """Say in which order a simulation comes to the prompts of its first pass."""
    world = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    world.normal(0, protocol.guess_error, len(matrix.models))
    return world.permutation(matrix.n_prompts).tolist()


def config_of(matrix, policy, budget, objective=None):
    """Configure models of which a token written costs one dollar, and one read nothing."""
    prices = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 1_000_000}
    config = {"models": dict.fromkeys(matrix.models, prices), "task_types": {x: {} for x in TYPES}, "policy": policy}
    if objective is not None:
        config["objective"] = objective
    return config | ({} if budget is None else {"budgets": [{"usd_per_request": budget}]})


def live(selector, matrix, prompts):
    """Let a live selector choose for prompts in turn, and tell it each outcome at once; give the models' indices."""
    chosen = []
    for prompt in prompts:
        decision = selector.select(Task(TYPES[matrix.type[prompt]]))
        arm = matrix.models.index(decision.model)
        cost, score = int(matrix.cost_usd[prompt, arm]), float(matrix.score[prompt, arm])
        selector.record(decision, Outcome(output_tokens=cost, score=score, source="tests"))
        chosen.append(arm)
    return chosen


def both_ways(tmp_path, monkeypatch, config, matrix, budget, seed=3):
    """Run the same tasks live and simulated; give the models chosen and the deciders as they ended."""
    simulated, choose = [], Decider.choose

    def noted(self, *given, **named):
        arms = choose(self, *given, **named)
        simulated.extend(arms[:, 0].tolist())
        return arms

    protocol = Protocol(measured=matrix, budget_usd=budget)
    with Selector.open(config, state=tmp_path / "state", seed=seed, clock=lambda: 1.7e9) as selector:
        setup = selector._core.mind.decider.setup
        chosen = live(selector, matrix, prompts_of(matrix, protocol, seed))
        selector.beliefs()
        decider = selector._core.mind.decider
    monkeypatch.setattr(Decider, "choose", noted)
    _, other = simulate(lambda _: setup, protocol, [seed])
    return chosen, simulated, decider, other


def check(chosen, simulated, decider, other):
    first = next((i for i, (a, b) in enumerate(zip(chosen, simulated, strict=True)) if a != b), None)
    assert first is None, f"the first difference is at task {first}: live {chosen[first]}, simulated {simulated[first]}"
    for name in ("alpha", "beta"):
        one, two = getattr(decider.beliefs.success, name), getattr(other.beliefs.success, name)
        np.testing.assert_allclose(one, two, rtol=1e-9)
    np.testing.assert_allclose(decider.beliefs.tokens.mean, other.beliefs.tokens.mean, rtol=1e-9)
    np.testing.assert_array_equal(decider.beliefs.n, other.beliefs.n)
    np.testing.assert_allclose(decider.price, other.price, rtol=1e-9)
    assert decider.draws.number == other.draws.number
    assert decider.beliefs.events == other.beliefs.events


@pytest.mark.parametrize(("n_models", "budget"), [(3, None), (8, None), (3, BUDGET), (8, BUDGET)])
def test_a_simulation_and_a_live_selector_choose_the_same_models(tmp_path, monkeypatch, n_models, budget):
    matrix = world_of(n_models, seed=n_models)
    found = both_ways(tmp_path, monkeypatch, config_of(matrix, {}, budget), matrix, budget)
    check(*found)
    chosen, _, decider, _ = found
    assert len(set(chosen)) == n_models
    assert (decider.price[0] > 0) == (budget is not None)


@pytest.mark.parametrize(("n_models", "budget"), [(3, None), (8, BUDGET)])
@pytest.mark.parametrize("policy", POLICIES)
def test_so_they_do_under_other_policies(tmp_path, monkeypatch, policy, n_models, budget):
    matrix = world_of(n_models, seed=12)
    found = both_ways(tmp_path, monkeypatch, config_of(matrix, POLICIES[policy], budget), matrix, budget)
    check(*found)
    assert len(set(found[0])) > 1


@pytest.mark.parametrize("objective", [{"min_success": 0.6}, {"name": "worth_usd", "default_worth_usd": 900}])
def test_so_they_do_for_other_objectives(tmp_path, monkeypatch, objective):
    matrix = world_of(5, seed=1)
    check(*both_ways(tmp_path, monkeypatch, config_of(matrix, {}, BUDGET, objective), matrix, BUDGET))


@pytest.mark.slow
def test_so_they_do_when_a_model_changes_and_the_alarm_rings(tmp_path, monkeypatch):
    """Live and simulated, the alarm rings at the same outcome: from half-way on the dearest model always fails."""
    matrix, budget = world_of(3, seed=2, n_tasks=N_LONG), 800.0
    half = prompts_of(matrix, Protocol(measured=matrix), 3)[N_LONG // 2 :]
    matrix.score[half, 2] = 0.0
    found = both_ways(tmp_path, monkeypatch, config_of(matrix, {}, budget), matrix, budget)
    check(*found)
    assert [event.index for event in found[2].beliefs.events] == [2]
