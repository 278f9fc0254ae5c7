"""Settings are what the configuration says, and what a table cannot show is refused rather than ignored."""

import numpy as np
import pytest

from selector.config import Config
from selector.errors import ConfigError, UnknownModelError
from selector.policies import EpsilonGreedy, Fixed, MinSuccess, MostSuccess, NoWorseThan, WorthUsd
from selector.replay import settings_of

WORDS = ("thompson", "top_two", "epsilon_greedy", "ucb1", "kl_ucb", "greedy", "uniform")


@pytest.fixture
def read(world):
    matrix = world(40, 3, 2)

    def settings(word="thompson", *, budget=True, **values):
        return settings_of(word, matrix, Config.load(values) if values else None, budget=budget)

    return settings


@pytest.mark.parametrize("word", WORDS)
def test_without_a_configuration_every_default_holds(read, word):
    settings, notes = read(word)
    assert (settings.name, settings.policy.name) == (word, word)
    assert settings.objective == MostSuccess()
    assert settings.learning.half_life == 7000
    assert (settings.floor, settings.concentration) == (None, None)
    assert np.isnan(settings.quality).all()
    assert (settings.weight == 0).all()
    assert notes == []


def test_without_a_budget_the_aim_is_to_be_no_worse_than_the_dearest_and_that_is_said(read):
    settings, (note,) = read(budget=False)
    assert settings.objective == NoWorseThan(2)
    assert note == "no budget: the aim is to be at most .02 worse than model-02, the dearest, for less"


def test_a_fixed_policy_names_a_model_of_the_table(read):
    assert read("fixed:model-01")[0].policy.order == Fixed(1).order
    with pytest.raises(UnknownModelError, match="unknown model 'model-1'; did you mean 'model-01'"):
        read("fixed:model-1")


def test_an_unknown_policy_is_told_with_the_nearest(read):
    with pytest.raises(ConfigError, match="unknown policy 'thomson'; did you mean 'thompson'"):
        read("thomson")


def test_a_policy_that_takes_no_model_says_so(read):
    with pytest.raises(ConfigError, match="policy 'greedy' takes no model, but 'greedy:model-01' names one"):
        read("greedy:model-01")


def test_parameters_of_the_configured_policy_go_to_that_policy_alone(read):
    policy = {"name": "epsilon_greedy", "epsilon": 0.3, "floor": 0.1}
    own, other = read("epsilon_greedy", policy=policy)[0], read("thompson", policy=policy)[0]
    assert own.policy.epsilon == pytest.approx(0.3)
    assert own.floor == pytest.approx(0.1)
    assert other.floor is None
    assert EpsilonGreedy().epsilon != own.policy.epsilon


def test_a_hyphen_is_as_good_as_an_underscore(read):
    policy = {"name": "epsilon_greedy", "epsilon": 0.3}
    assert read("epsilon-greedy", policy=policy)[0].policy.epsilon == pytest.approx(0.3)


def test_floor_concentration_and_draws_are_taken_over(read):
    settings, _ = read(policy={"name": "thompson", "floor": 0.05, "concentration": 1, "draws": 128})
    assert (settings.floor, settings.concentration, settings.draws) == (0.05, 1.0, 128)
    setup = settings.setup(np.ones((2, 3)), 2)
    assert (setup.explored.floor, setup.sharpness, setup.n_rows, setup.shape) == (0.05, 1.0, 128, (2, 2, 3))


def test_a_floor_of_nothing_turns_the_burn_in_off_too(read):
    setup = read(policy={"name": "thompson", "floor": 0})[0].setup(np.ones((2, 3)), 2)
    assert (setup.explored.floor, setup.explored.burn_in, setup.sharpness) == (0.0, 0.0, 2.0)


def test_a_half_life_is_counted_in_decisions_or_refused(read):
    assert read(policy={"name": "thompson", "half_life": "900 decisions"})[0].learning.half_life == 900
    assert read(policy={"name": "thompson", "half_life": None})[0].learning.half_life == np.inf
    with pytest.raises(ConfigError, match=r"policy\.half_life: .*no clock.* cannot be simulated; give it in decisions"):
        read(policy={"name": "thompson", "half_life": "30d"})


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("most_success", MostSuccess()),
        ({"min_success": 0.8}, MinSuccess(0.8)),
        ({"min_success": 0.8, "confidence": 0.9}, MinSuccess(0.8, 0.9)),
        ({"no_worse_than": {"model": "model-01", "by": 0.05}}, NoWorseThan(1, 0.05)),
        ({"default_worth_usd": 2}, WorthUsd()),
    ],
)
@pytest.mark.parametrize("budget", [True, False])
def test_the_configured_objective_holds_with_and_without_a_budget(read, objective, expected, budget):
    settings, notes = read(objective=objective, budget=budget)
    assert settings.objective == expected
    assert notes == []


def test_an_objective_that_names_an_unknown_model_is_refused_with_the_nearest(read):
    with pytest.raises(UnknownModelError, match=r"objective\.no_worse_than\.model: unknown model 'model_01'; did you"):
        read(objective={"no_worse_than": {"model": "model_01"}})


def test_each_type_has_its_own_worth_or_the_default(read):
    settings, _ = read(objective={"default_worth_usd": 2}, task_types={"type-01": {"worth_usd": 0.5}})
    assert settings.worth_usd.tolist() == [2.0, 0.5]
    assert read()[0].worth_usd is None


def test_a_type_without_a_worth_is_told(read):
    with pytest.raises(ConfigError, match="no worth for task type 'type-00': give it one, or a default_worth_usd"):
        read(objective={"name": "worth_usd"}, task_types={"type-01": {"worth_usd": 0.5}})


@pytest.mark.parametrize(
    ("key", "value"),
    [("min_success", 0.5), ("max_latency_s", 2), ("needs", ["tools"]), ("only", ["model-01"]), ("explore", False)],
)
def test_what_a_table_cannot_show_of_a_task_type_is_refused(read, key, value):
    models = {f"model-{k:02}": {} for k in range(3)}
    with pytest.raises(ConfigError, match=rf"task_types\.type-01\.{key}: cannot be simulated"):
        read(models=models, task_types={"type-01": {key: value}})


def test_waiting_cannot_be_simulated(read):
    with pytest.raises(ConfigError, match=r"objective\.usd_per_second: cannot be simulated"):
        read(objective={"name": "most_success", "usd_per_second": 0.01})


def test_priors_go_to_the_columns_of_their_names(read):
    models = {
        "model-02": {"prior": {"quality": 0.9, "weight": 12}},
        "model-00": {"prior": {"quality": 0.4}},
        "another": {},
    }
    settings, _ = read(models=models)
    assert settings.quality[[0, 2]].tolist() == [0.4, 0.9]
    assert np.isnan(settings.quality[1])
    assert settings.weight[1:].tolist() == [0.0, 12.0]
    assert settings.weight[0] > 0
