"""A replay shows each policy exactly what its own choices would have brought, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from selector.config import Config
from selector.errors import ConfigError
from selector.replay import Matrix, Protocol, load_matrix, settings_of, simulate


def replay(word, protocol, seeds=(0, 1, 2), config=None):
    settings, _ = settings_of(word, protocol.measured, config, budget=protocol.budget_usd is not None)
    n_types = len(protocol.measured.task_types)
    return simulate(lambda guess: settings.setup(guess, n_types), protocol, list(seeds))


@pytest.mark.parametrize("budget", [None, 0.001, 1.0])
def test_a_fixed_policy_earns_and_costs_exactly_its_models_mean(world, budget):
    """Whatever the budget steers others to, and whatever the aim without one: it looks at neither."""
    matrix = world(300, 3, 2)
    for k, name in enumerate(matrix.models):
        for result in replay(f"fixed:{name}", Protocol(measured=matrix, passes=2, budget_usd=budget))[0]:
            assert result.reward == pytest.approx([matrix.score[:, k].mean()] * 3, rel=1e-12)
            assert result.cost_usd == pytest.approx([matrix.cost_usd[:, k].mean()] * 3, rel=1e-12)
            assert (result.share == np.eye(3)[k]).all()


@pytest.mark.parametrize("budget", [None, 0.01])
def test_uniform_chooses_all_models_equally_often(world, budget):
    """9,000 choices of 4 models: each count within 5 sd of a quarter; false alarms below 3e-6."""
    matrix = world(900, 4, 2)
    (result,), _ = replay("uniform", Protocol(measured=matrix, budget_usd=budget), range(10))
    counts = result.share.sum(0) * 900
    assert abs(counts - 2_250).max() < 5 * np.sqrt(9_000 * 0.25 * 0.75)
    by_type = result.chosen.sum(1)
    assert by_type.tolist() == (np.bincount(matrix.type) * 10).tolist()


def test_shares_rewards_and_costs_are_means_over_the_prompts_and_add_up(world):
    matrix = world(200, 3, 2)
    for result in replay("thompson", Protocol(measured=matrix, budget_usd=0.01, passes=2), range(4))[0]:
        assert result.share.sum(1) == pytest.approx(np.ones(4))
        assert result.chosen.sum() == 4 * 200
        assert (result.share.sum(0) * 200).tolist() == pytest.approx(result.chosen.sum(0).tolist())
        assert ((result.reward >= 0) & (result.reward <= 1)).all()
        assert (result.refused == 0).all()


def test_every_prompt_is_met_once_per_pass(world):
    """With one model the sum of rewards is that of the column, pass by pass, whatever the order."""
    matrix = world(137, 1, 3)
    results, decider = replay("thompson", Protocol(measured=matrix, passes=3))
    assert [r.reward.tolist() for r in results] == [pytest.approx([matrix.score.mean()] * 3)] * 3
    assert decider.beliefs.n.sum() == 3 * 3 * 137
    assert decider.beliefs.n[0, :, 0].tolist() == (3 * np.bincount(matrix.type)).tolist()


def test_learning_goes_on_from_pass_to_pass(world):
    """Over 20 seeds the second pass earns more than the first, by more than 3 standard errors."""
    matrix = world(400, 6, 3, seed=1)
    first, second = replay("thompson", Protocol(measured=matrix, passes=2, budget_usd=1.0), range(20))[0]
    gain = second.reward - first.reward
    assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(20)


def test_what_is_learnt_first_is_not_measured_but_known(world):
    """The learnt prompts change no mean of a fixed policy, and lift Thompson's by more than 3 standard errors."""
    matrix = world(800, 6, 3, seed=1)
    learnt, measured = matrix.take(np.arange(800) < 400), matrix.take(np.arange(800) >= 400)
    fixed, decider = replay(f"fixed:{matrix.models[0]}", Protocol(measured=measured, learnt=learnt, budget_usd=1.0))
    assert fixed[0].reward == pytest.approx([measured.score[:, 0].mean()] * 3)
    assert decider.beliefs.n.sum() == 3 * 800
    cold = replay("thompson", Protocol(measured=measured, budget_usd=1.0), range(40))[0][0]
    warm = replay("thompson", Protocol(measured=measured, learnt=learnt, budget_usd=1.0), range(40))[0][0]
    gain = warm.reward - cold.reward
    assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(40)


def test_each_pass_has_the_whole_budget(world):
    """A hard cap of one pass binds each pass alone: all of them serve, none goes over."""
    matrix = world(200, 3, 1)
    budget = 1.2 * float(matrix.cost_usd[:, 0].mean())
    for result in replay("thompson", Protocol(measured=matrix, budget_usd=budget, hard=True, passes=3))[0]:
        assert not result.over_cap.any()
        assert (result.cost_usd > 0.5 * budget).all()


@hypothesis_settings(max_examples=30)
@given(
    n=st.integers(1, 60),
    k=st.integers(1, 4),
    budget=st.floats(0, 3),
    seed=st.integers(0, 2**32 - 1),
    word=st.sampled_from(["thompson", "greedy", "uniform", "fixed:m0", "ucb1"]),
)
def test_a_hard_cap_is_never_exceeded_and_every_hold_fits(n, k, budget, seed, word):
    """Random small worlds with heavy tails, some free models, and caps from nothing to ample."""
    rng = np.random.default_rng(seed)
    cost = np.exp(rng.normal(-1, 1.5, (n, k))) * (rng.random(k) < 0.8)
    score = rng.random((n, k)).round(2)
    matrix = Matrix(score, cost, rng.integers(2, size=n), tuple(f"m{i}" for i in range(k)), ("a", "b"))
    (result,), _ = replay(word, Protocol(measured=matrix, budget_usd=budget, hard=True), (seed, seed + 1))
    assert not result.over_cap.any()
    assert (result.cost_usd * n <= budget * n + 1e-9 * (n + 1)).all()
    worst = cost.max(0).min()
    if worst > budget * n + 1e-9:
        assert (result.refused == n).all()
    served = n - result.refused
    assert (result.share.sum(1) * n).round().tolist() == served.tolist()


def test_what_no_model_fits_is_refused_counted_and_scores_nothing(world):
    matrix = world(100, 2, 1)
    dearest = float(matrix.cost_usd[:, 0].max())
    budget = 2.5 * dearest / 100  # room for a few calls of the cheap model
    (result,), decider = replay("fixed:model-00", Protocol(measured=matrix, budget_usd=budget, hard=True))
    assert (result.refused > 50).all()
    assert (result.share.sum(1) * 100).round().tolist() == (100 - result.refused).tolist()
    assert (result.reward * 100 <= 100 - result.refused).all()
    assert decider.beliefs.n.sum(axis=(1, 2)).tolist() == (100 - result.refused).tolist()


def test_a_soft_budget_refuses_nothing_and_says_which_seeds_went_over(world):
    matrix = world(100, 2, 1)
    (result,), _ = replay("fixed:model-01", Protocol(measured=matrix, budget_usd=0.001))
    assert result.over_cap.all()
    assert (result.refused == 0).all()


def test_without_a_budget_nothing_is_over(world):
    (result,), _ = replay("uniform", Protocol(measured=world(50, 2, 1)))
    assert not result.over_cap.any()


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("word", ["thompson", "greedy", "uniform", "epsilon_greedy", "fixed:model-00"])
def test_budgets_of_nothing_do_not_crash(world, word, hard):
    (result,), _ = replay(word, Protocol(measured=world(60, 3, 2), budget_usd=0.0, hard=hard))
    assert np.isfinite(result.reward).all()
    assert (result.refused == (60 if hard else 0)).all()
    assert (result.cost_usd.sum() == 0) == hard


def test_the_tasks_and_guesses_of_a_seed_are_the_same_for_every_policy(world):
    """A policy that ignores what it sees meets the same prompts in the same order, so its noise is shared."""
    matrix = world(120, 2, 2)
    guesses = []
    for word in ("thompson", "uniform"):
        settings, _ = settings_of(word, matrix, None, budget=True)

        def noted(guess, settings=settings):
            guesses.append(guess)
            return settings.setup(guess, 2)

        simulate(noted, Protocol(measured=matrix, budget_usd=0.01), [4, 5])
    assert (guesses[0] == guesses[1]).all()
    assert (guesses[0][0] != guesses[0][1]).all()


def test_a_first_guess_without_error_is_the_mean(world):
    matrix = world(120, 2, 2)
    settings, _ = settings_of("thompson", matrix, None, budget=True)
    seen = []
    simulate(
        lambda guess: seen.append(guess) or settings.setup(guess, 2), Protocol(measured=matrix, guess_error=0.0), [1]
    )
    assert seen[0] == pytest.approx(matrix.cost_usd.mean(0)[None])


def test_progress_is_told_often_and_adds_up(world):
    matrix, told = world(1_500, 2, 2), []
    settings, _ = settings_of("uniform", matrix, None, budget=True)
    protocol = Protocol(measured=matrix, learnt=matrix, passes=2)
    simulate(lambda guess: settings.setup(guess, 2), protocol, [1, 2], told.append)
    assert sum(told) == 3 * 1_500 * 2
    assert len(told) > 50  # often enough to be seen to move
    assert min(told) > 0


def test_a_policy_learns_only_what_its_own_choices_showed(world):
    """What the models that are never chosen would have answered can be anything: nothing changes."""
    matrix = world(200, 3, 2)
    other = Matrix(matrix.score.copy(), matrix.cost_usd.copy(), matrix.type, matrix.models, matrix.task_types)
    other.score[:, 2] = 1.0 - other.score[:, 2]
    for word in ("fixed:model-00", "fixed:model-01"):
        a, b = (replay(word, Protocol(measured=m, budget_usd=1.0)) for m in (matrix, other))
        assert (a[0][0].reward == b[0][0].reward).all()
        assert (a[1].beliefs.success.alpha == b[1].beliefs.success.alpha).all()


@pytest.mark.shared
@pytest.mark.parametrize(("budget", "published"), [(2.345e-4, 0.877), (1.878e-3, 0.924)])
def test_the_published_budgets_are_met_and_their_rewards_reached(shared_data, budget, published):
    """8 seeds learn on val and are measured on test; the mean may fall 2 of its standard errors short."""
    models = ("meta-llama/llama-3.1-8b-instruct", "mistralai/mistral-large-2512", "google/gemini-2.5-pro")
    matrix = load_matrix(shared_data / "paretobandit_k3.parquet", models)
    protocol = Protocol(measured=matrix.in_split("test"), learnt=matrix.in_split("val"), budget_usd=budget)
    (result,), _ = replay("thompson", protocol, range(8))
    assert 0.93 <= result.cost_usd.mean() / budget <= 1.03
    assert result.reward.mean() >= published - 2 * result.reward.std(ddof=1) / np.sqrt(8)


@pytest.mark.shared
@pytest.mark.parametrize("budget", [1.39e-3, 3.01e-3])
def test_a_hard_cap_holds_on_real_coding_tasks(shared_data, budget):
    matrix = load_matrix(shared_data / "coderouterbench.parquet")
    (result,), _ = replay("thompson", Protocol(measured=matrix, budget_usd=budget, hard=True), range(8))
    assert result.over_cap.sum() == 0
    assert (result.cost_usd <= budget * (1 + 1e-12)).all()


def test_a_configuration_that_names_a_model_of_no_column_is_told(world):
    config = Config.load({"objective": {"no_worse_than": {"model": "model-1"}}})
    with pytest.raises(ConfigError, match="did you mean 'model-01'"):
        replay("thompson", Protocol(measured=world(20, 3, 1)), config=config)
