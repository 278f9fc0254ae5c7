"""The world is the one that was published: rates, costs, and how alike models fail."""

from itertools import combinations

import numpy as np
import pytest

from selector.errors import DataError, UnknownModelError
from selector.replay.matrices._world import published_world, world_citations

N = 270_000  # about 30,000 prompts of each type
AGENT = ("bug_fixing", "test_writing", "research")
DOUBTED = ("deepseek-v4-pro", "claude-sonnet-4-6")  # in research


@pytest.fixture(scope="module")
def world():
    return published_world(N, np.random.default_rng(1))


def rows(world, name):
    return world.matrix.type == world.matrix.task_types.index(name)


def test_there_are_eleven_models_and_nine_types_in_a_uniform_mix(world):
    matrix = world.matrix
    assert (len(matrix.models), len(matrix.task_types), len(world.families)) == (11, 9, 11)
    assert world.rate.shape == world.cost_usd.shape == (9, 11)
    assert matrix.score.shape == matrix.cost_usd.shape == (N, 11)
    counts = np.bincount(matrix.type, minlength=9)
    assert (abs(counts - N / 9) < 5.6 * np.sqrt(N / 9 * 8 / 9)).all()  # 9 z-tests: false alarms below 2e-7


def test_scores_are_zero_or_one_and_every_cost_is_positive(world):
    assert set(np.unique(world.matrix.score)) == {0.0, 1.0}
    assert (world.matrix.cost_usd > 0).all()
    assert np.isfinite(world.matrix.cost_usd).all()


def test_empirical_rates_agree_with_the_published_ones(world):
    """99 z-tests on about 30,000 draws each: |z| < 6 in all, false alarms below 2e-7 together."""
    for x in range(9):
        mine = world.matrix.type == x
        z = (world.matrix.score[mine].mean(0) - world.rate[x]) / np.sqrt(
            world.rate[x] * (1 - world.rate[x]) / mine.sum()
        )
        assert abs(z).max() < 6


def test_log_costs_have_the_mean_and_the_spread_that_were_published(world):
    """Log cost is normal, so its z-tests are exact: 198 of them at 6 sd, false alarms below 4e-7 together."""
    spread = {"bug_fixing": (0.46, 0.45), "test_writing": (0.38, 0.41), "research": (0.87, 0.94)}
    for x, name in enumerate(world.matrix.task_types):
        shared, own = spread.get(name, (0.5, 0.5))
        variance = shared**2 + own**2
        mine = world.matrix.type == x
        log_cost = np.log(world.matrix.cost_usd[mine] / world.cost_usd[x])
        n = mine.sum()
        assert abs(log_cost.mean(0) + variance / 2).max() < 6 * np.sqrt(variance / n)
        assert abs(log_cost.var(0) / variance - 1).max() < 6 * np.sqrt(2 / n)
        between = np.corrcoef(log_cost.T)[0, 1:].mean()
        assert between == pytest.approx(shared**2 / variance, abs=0.02)


def test_mean_costs_agree_with_the_published_ones(world):
    """The mean of a skewed cost is known to 6 of its standard errors only: 3 % to 7 % at 30,000 draws."""
    for x in range(9):
        mine = world.matrix.type == x
        variation = {"bug_fixing": 0.72, "test_writing": 0.61, "research": 2.05}.get(world.matrix.task_types[x], 0.81)
        ratio = world.matrix.cost_usd[mine].mean(0) / world.cost_usd[x]
        assert abs(ratio - 1).max() < 6 * variation / np.sqrt(mine.sum())


@pytest.mark.parametrize(
    ("name", "correlation", "all_fail", "all_succeed"),
    [("bug_fixing", 0.57, 0.033, 0.541), ("test_writing", 0.32, 0.011, 0.252), ("research", 0.36, 0.017, 0.424)],
)
def test_models_fail_on_the_same_prompts_as_the_fit_implies(world, name, correlation, all_fail, all_succeed):
    """The published table rounds to .01 and .001; sampling at 30,000 prompts adds at most .02 at 6 sd."""
    models = world.matrix.models
    kept = [k for k, model in enumerate(models) if name != "research" or model not in DOUBTED]
    score = world.matrix.score[np.ix_(rows(world, name), kept)]
    pairs = np.corrcoef(score.T)[np.triu_indices(len(kept), 1)]
    assert pairs.min() > 0.1
    assert pairs.mean() == pytest.approx(correlation, abs=0.02)
    assert (score.sum(1) == 0).mean() == pytest.approx(all_fail, abs=0.006)
    assert (score.sum(1) == len(kept)).mean() == pytest.approx(all_succeed, abs=0.02)


def test_some_model_succeeds_on_nearly_every_prompt(world):
    assert world.matrix.score.max(1).mean() == pytest.approx(0.979, abs=0.002)


def test_the_tables_give_the_expected_random_and_unlimited_policies(world):
    assert world.rate.mean() == pytest.approx(0.775, abs=0.0006)  # four cells of 100 % count as 99 %
    assert world.cost_usd.mean() == pytest.approx(0.523, abs=0.0005)
    published = np.where(world.rate > 0.99, 1.0, world.rate)
    best = published.max(1)
    cheapest = np.where(published == best[:, None], world.cost_usd, np.inf).min(1)
    assert best.mean() == pytest.approx(0.888, abs=0.0005)
    assert cheapest.mean() == pytest.approx(0.768, abs=0.0005)
    assert world.cost_usd.min(1).mean() == pytest.approx(0.038, abs=0.0005)


@pytest.mark.parametrize(("budget", "success"), [(0.07, 0.784), (0.2, 0.842), (0.5, 0.881)])
def test_the_tables_give_the_expected_optimum_per_type(world, budget, success):
    from scipy.optimize import linprog

    rate = np.where(world.rate > 0.99, 1.0, world.rate)
    per_type = np.kron(np.eye(9), np.ones(11))
    found = linprog(-rate.ravel() / 9, world.cost_usd.reshape(1, -1) / 9, [budget], per_type, np.ones(9))
    assert -found.fun == pytest.approx(success, abs=0.0006)


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    one, two, other = (published_world(200, np.random.default_rng(seed)).matrix for seed in (5, 5, 6))
    for name in ("score", "cost_usd", "type"):
        assert (getattr(one, name) == getattr(two, name)).all()
    assert (one.cost_usd != other.cost_usd).all()


def test_a_model_has_the_same_outcomes_whatever_models_stand_beside_it():
    every = published_world(200, np.random.default_rng(5))
    few = published_world(200, np.random.default_rng(5), models=["gpt-5.5", "minimax-m3"])
    for k, name in enumerate(few.matrix.models):
        column = every.matrix.models.index(name)
        assert (few.matrix.score[:, k] == every.matrix.score[:, column]).all()
        assert (few.matrix.cost_usd[:, k] == every.matrix.cost_usd[:, column]).all()
        assert (few.rate[:, k] == every.rate[:, column]).all()


def test_models_of_one_maker_are_one_family(world):
    family = dict(zip(world.matrix.models, world.families, strict=True))
    for one, two in combinations(("claude-sonnet-4-6", "claude-opus-4-8", "claude-fable-5"), 2):
        assert family[one] == family[two] == "anthropic"


def test_a_newcomer_limits_the_world_to_the_types_it_is_published_on():
    world = published_world(500, np.random.default_rng(0), models=["gpt-5.5", "gpt-5.6-luna"])
    assert not set(AGENT) & set(world.matrix.task_types)
    assert world.rate.shape == (6, 2)
    assert not np.isnan(world.rate).any()
    assert set(np.unique(world.matrix.type)) == set(range(6))


def test_a_rate_of_one_hundred_percent_is_not_certainty(world):
    reformat = world.rate[world.matrix.task_types.index("reformat")]
    assert reformat.max() == pytest.approx(51.5 / 52)


def test_a_wrong_argument_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(UnknownModelError, match=r"gpt-5\.5"):
        published_world(1, rng, models=["gpt5.5"])
    with pytest.raises(DataError, match="n_tasks"):
        published_world(0, rng)
    with pytest.raises(DataError, match="not gpt-5"):
        published_world(1, rng, models=["gpt-5.5", "gpt-5.5"])
    with pytest.raises(DataError, match="none"):
        published_world(1, rng, models=[])


def test_the_citations_name_what_it_is_and_both_sources():
    text = "\n".join(world_citations())
    for words in (
        "simulation built from published figures",
        "LiveBench/new-livebench",
        "OpenHands/openhands-index-results",
    ):
        assert words in text
