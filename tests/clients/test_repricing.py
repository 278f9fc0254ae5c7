"""A model that became cheaper is explored anew, where little is left of what was known of it."""

import pytest

from selector import Outcome, Selector, Task
from selector._clients import reset_beliefs
from selector.records import Basis

N = 400


def config(usd=2.0, usd_in=1.0, **more):
    each = {"usd_per_mtok_in": 1.0, "usd_per_mtok_out": 2.0, "max_output_tokens": 1_000, "context_tokens": 50_000}
    own = each | {"usd_per_mtok_in": usd_in, "usd_per_mtok_out": usd}
    return {"models": {"small": own, "large": each}, "objective": "most_success", "policy": "thompson"} | more


def explored(selector):
    """Count how often each model was forced by exploration."""
    found = [selector.select(Task("coding", input_tokens=10)) for _ in range(N)]
    forced = [decision.model for decision in found if decision.reason is Basis.EXPLORATION]
    return {model: forced.count(model) for model in ("small", "large")}


def burns_in(selector):
    """Tell whether a tenth of the choices is forced, all of them on the one model, or a fiftieth."""
    forced = explored(selector)
    burning = forced["small"] + forced["large"] > 0.05 * N
    assert not (burning and forced["large"])
    return burning


def teach(selector):
    for model in ("small", "large"):
        for _ in range(12):
            decision = selector.select(Task("coding", input_tokens=10, only=[model]))
            selector.record(decision, Outcome(output_tokens=70, score=1.0))


@pytest.fixture
def forgotten(folder, clock):
    """Make a folder where both models were tried, and one was forgotten since."""
    with Selector.open(config(), state=folder, seed=1, clock=clock) as selector:
        teach(selector)
    reset_beliefs(config(), "small", state=folder, clock=clock)
    return folder


@pytest.mark.parametrize(
    ("prices", "again"),
    [
        ({}, False),
        ({"usd": 1.0}, True),
        ({"usd": 4.0}, False),
        ({"usd_in": 0.5}, True),
        ({"usd": 1.0, "usd_in": 100.0}, False),
    ],
)
def test_a_folder_opened_at_another_price_hears_of_it(forgotten, clock, prices, again):
    """What counts is what a usual call costs: 10 tokens read and 70 written."""
    with Selector.open(config(**prices), state=forgotten, seed=2, clock=clock) as selector:
        assert burns_in(selector) is again


def test_a_model_of_which_enough_is_known_is_not_explored_anew_for_its_price(folder, clock):
    with Selector.open(config(), state=folder, seed=1, clock=clock) as selector:
        teach(selector)
    with Selector.open(config(usd=0.1), state=folder, seed=2, clock=clock) as selector:
        forced = explored(selector)
        assert sum(forced.values()) < 0.05 * N


def test_it_ends_with_the_fifth_outcome_and_the_same_price_does_not_begin_it_again(forgotten, clock):
    for seed in (2, 3):
        with Selector.open(config(usd=1.0), state=forgotten, seed=seed, clock=clock) as selector:
            assert burns_in(selector) is (seed == 2)
            for _ in range(8):
                decision = selector.select(Task("coding", input_tokens=10, only=["small"]))
                selector.record(decision, Outcome(output_tokens=70, score=1.0))
            assert not burns_in(selector)


@pytest.mark.parametrize("usd", [1.0, 4.0])
def test_a_running_selector_hears_of_a_price_in_its_file(forgotten, clock, tmp_path, usd):
    import yaml

    file = tmp_path / "selector.yaml"
    file.write_text(yaml.safe_dump(config()))
    with Selector.open(file, state=forgotten, seed=2, clock=clock) as selector:
        assert not burns_in(selector)
        file.write_text(yaml.safe_dump(config(usd=usd)))
        for _ in range(2):
            clock.now += 2
            selector._reload.look()
        assert selector.status().config_version == 2
        assert burns_in(selector) is (usd < 2)


def test_the_prices_of_a_model_that_comes_and_goes_are_its_own(forgotten, clock):
    """Another order of models, one more and one less: nobody's price changed."""
    prices = config()["models"]
    other = {"tiny": prices["large"], "large": prices["large"], "small": prices["small"]}
    with Selector.open(config(models=other), state=forgotten, seed=2, clock=clock) as selector:
        made = [selector.select(Task("coding", input_tokens=10, only=["tiny"])) for _ in range(8)]
        for decision in made:
            selector.record(decision, Outcome(output_tokens=70, score=1.0))
        assert sum(explored(selector).values()) < 0.05 * N
    with Selector.open(config(), state=forgotten, seed=3, clock=clock) as selector:
        assert not burns_in(selector)
