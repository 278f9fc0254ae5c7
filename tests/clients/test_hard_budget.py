"""Hard budgets: the worst case is held before the call, and nothing is admitted that might not fit."""

import logging
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError, NoEligibleModelError
from selector.records import Basis

NANO = 10**9
SMALL = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 10_000, "context_tokens": 100_000}
LARGE = {**SMALL, "usd_per_mtok_in": 5, "usd_per_mtok_out": 20}
FREE = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
MODELS = {"small": SMALL, "large": LARGE}
WITH_FREE = {"small": SMALL, "llama": FREE}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TASK = Task("coding", input_tokens=10_000, only=["small"])  # at most 10,000 x 1 + 10,000 x 2 USD per million: .03


class Clock:
    """A clock that a test sets."""

    def __init__(self, now=NOON):
        self.now = now.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Open selectors of one folder with some budgets, and close them when the test ends."""
    with ExitStack() as stack:

        def open_(*budgets, models=MODELS, **more):
            config = {"models": models, "budgets": list(budgets), **more}
            return stack.enter_context(Selector.open(config, state=tmp_path / "state", seed=1, clock=clock))

        yield open_


def accounts(selector):
    """Return limit, spent and held of every budget, in its own unit: nano-dollars, tokens, requests."""
    return {name: tuple(account) for name, (_, account) in selector._core.budget.accounts.items()}


def only_account(selector):
    (account,) = accounts(selector).values()
    return account


class TestHolds:
    def test_the_worst_case_is_held_before_the_call_and_given_back_after(self, opened):
        selector = opened({"usd": 1, "per": "day"})
        decision = selector.select(TASK)
        assert decision.held_usd == pytest.approx(0.03, rel=1e-12)
        assert only_account(selector) == (NANO, 0, 30_000_000)
        selector.record(decision, Outcome(input_tokens=10_000, output_tokens=1_000))
        assert only_account(selector) == (NANO, 12_000_000, 0)

    def test_the_task_s_own_longest_answer_bounds_what_is_held(self, opened):
        selector = opened({"usd": 1, "per": "day"})
        decision = selector.select(Task("coding", input_tokens=10_000, max_output_tokens=500, only=["small"]))
        assert decision.held_usd == pytest.approx(0.011, rel=1e-12)

    def test_an_input_of_unknown_length_is_bounded_by_the_context_window(self, opened):
        selector = opened({"usd": 1, "per": "day"})
        assert selector.select(Task("coding", only=["small"])).held_usd == pytest.approx(0.12, rel=1e-12)

    def test_a_long_input_of_unknown_length_is_held_at_the_prices_of_long_inputs(self, opened):
        tiered = {**SMALL, "context_tokens": 500_000, "tiers": [{"above_tokens": 200_000, "usd_per_mtok_in": 4}]}
        selector = opened({"usd": 5, "per": "day"}, models={"small": tiered})
        decision = selector.select(Task("coding"))
        assert decision.held_usd >= 2.02
        selector.record(decision, Outcome(input_tokens=500_000, output_tokens=10_000))
        assert selector.status().n_overruns == 0

    def test_a_prompt_is_bounded_by_its_bytes_and_not_by_a_guess(self, opened):
        """A character may be a token of its own, or several."""
        selector = opened({"usd": 1, "per": "day"})
        decision = selector.select(Task("coding", prompt="é" * 10_000, max_output_tokens=1, only=["small"]))
        assert decision.held_usd >= 0.02

    def test_cached_input_is_held_at_its_dearest_class(self, opened):
        selector = opened({"usd": 1, "per": "day"}, models={"small": {**SMALL, "usd_per_mtok_cache_write": 1.25}})
        decision = selector.select(Task("coding", input_tokens=10_000))
        selector.record(decision, Outcome(cache_write_tokens=10_000, output_tokens=10_000))
        assert decision.held_usd == pytest.approx(0.0325, rel=1e-12)
        assert selector.status().n_overruns == 0

    def test_a_cost_that_is_billed_later_takes_the_place_of_the_listed_one(self, opened):
        selector = opened({"usd": 1, "per": "day"})
        decision = selector.select(TASK)
        selector.record(decision, Outcome(output_tokens=1_000))
        selector.record(decision, Outcome(cost_usd=0.02))
        assert only_account(selector) == (NANO, 20_000_000, 0)

    def test_a_latency_alone_lets_nothing_go(self, opened):
        selector = opened({"usd": 1, "per": "day"})
        selector.record(selector.select(TASK), Outcome(latency_s=2, score=1))
        assert only_account(selector) == (NANO, 0, 30_000_000)

    def test_all_attempts_of_a_decision_are_booked(self, opened):
        selector = opened({"usd": 1, "per": "day"})
        decision = selector.select(TASK)
        selector.record(decision, Outcome(error="timeout", cost_usd=0.004))
        selector.record(decision, Outcome(route="large", cost_usd=0.01))
        assert only_account(selector) == (NANO, 14_000_000, 0)

    def test_a_cost_above_its_hold_is_booked_in_full_and_reported(self, opened, caplog):
        selector = opened({"usd": 1, "per": "day"})
        with caplog.at_level(logging.WARNING, "selector"):
            selector.record(selector.select(TASK), Outcome(cost_usd=0.5))
        assert only_account(selector) == (NANO, 500_000_000, 0)
        assert selector.status().n_overruns == 1
        assert "overrun" in caplog.text


class TestRefusals:
    def test_what_has_no_bound_is_not_eligible(self, opened):
        selector = opened({"usd": 1, "per": "day"}, models={"open": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}})
        for task in (Task("coding"), Task("coding", input_tokens=10), Task("coding", max_output_tokens=10)):
            with pytest.raises(NoEligibleModelError) as refused:
                selector.select(task)
            assert not isinstance(refused.value, BudgetExceededError)
            assert refused.value.reasons["open"].startswith("unbounded_cost")
        assert selector.select(Task("coding", input_tokens=10, max_output_tokens=10)).held_nano == 30_000

    def test_what_does_not_fit_is_not_eligible_and_the_rest_is(self, opened):
        selector = opened({"usd": 0.1, "per": "day"})
        for _ in range(20):
            decision = selector.select(Task("coding", input_tokens=10_000, max_output_tokens=3_000))
            assert decision.model == "small" or only_account(selector)[2] <= NANO // 10
            selector.record(decision, Outcome(cost_usd=0))

    def test_the_error_names_the_budget_and_when_it_has_room_again(self, opened):
        selector = opened({"usd": 9, "per": "day"}, {"name": "tight", "usd": 0.05, "per": "hour"})
        selector.select(TASK)
        with pytest.raises(BudgetExceededError) as refused:
            selector.select(TASK)
        assert refused.value.budget == "tight"
        assert refused.value.resets_at == datetime(2026, 3, 10, 13, tzinfo=UTC)
        assert refused.value.reasons["small"].startswith("over_budget (tight")
        assert refused.value.reasons["large"].startswith("not_in_only")

    def test_a_total_never_resets(self, opened, clock):
        selector = opened({"usd": 0.05, "per": "total"})
        selector.record(selector.select(TASK), Outcome(cost_usd=0.03))
        clock.now += timedelta(days=1_000).total_seconds()
        with pytest.raises(BudgetExceededError) as refused:
            selector.select(TASK)
        assert refused.value.resets_at is None

    def test_a_refusal_holds_nothing(self, opened):
        selector = opened({"usd": 0.02, "per": "day"}, {"requests": 3, "per": "day"})
        with pytest.raises(BudgetExceededError):
            selector.select(TASK)
        assert {name: held for name, (_, _, held) in accounts(selector).items()} == {
            "usd-per-day": 0,
            "requests-per-day": 0,
        }

    def test_a_limit_may_be_used_to_the_last(self, opened):
        selector = opened({"usd": 0.09, "per": "day"})
        for _ in range(3):
            selector.record(selector.select(TASK), Outcome(cost_usd=0.03))
        assert only_account(selector) == (90_000_000, 90_000_000, 0)
        with pytest.raises(BudgetExceededError):
            selector.select(TASK)

    def test_requests_are_counted_and_never_given_back(self, opened):
        selector = opened({"requests": 2, "per": "day"})
        for _ in range(2):
            selector.record(selector.select(Task("coding")), Outcome(error="timeout", cost_usd=0))
        with pytest.raises(BudgetExceededError, match="requests-per-day"):
            selector.select(Task("coding"))

    def test_tokens_are_held_at_their_most_and_booked_as_they_came(self, opened):
        selector = opened({"tokens": 30_000, "per": "day"})
        decision = selector.select(TASK)
        assert only_account(selector) == (30_000, 0, 20_000)
        with pytest.raises(BudgetExceededError, match="tokens-per-day"):
            selector.select(TASK)
        selector.record(decision, Outcome(input_tokens=4_000, cache_read_tokens=6_000, output_tokens=1_000))
        assert only_account(selector) == (30_000, 11_000, 0)

    def test_tokens_without_a_bound_are_not_eligible_under_a_hard_budget_of_tokens(self, opened):
        selector = opened(
            {"tokens": 30_000, "per": "day"}, models={"open": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}}
        )
        with pytest.raises(NoEligibleModelError) as refused:
            selector.select(Task("coding"))
        assert refused.value.reasons["open"].startswith("unbounded_cost")

    def test_tokens_are_booked_when_only_the_answer_s_were_reported(self, opened):
        """The input was counted by the caller when it asked."""
        selector = opened({"tokens": 30_000, "per": "day"})
        selector.record(selector.select(TASK), Outcome(output_tokens=1_000))
        assert only_account(selector) == (30_000, 11_000, 0)


class TestLastResort:
    def test_a_free_last_resort_serves_when_money_lacks(self, opened):
        selector = opened({"usd": 0.02, "per": "day"}, models={**MODELS, "llama": FREE}, last_resort="llama")
        decision = selector.select(Task("coding", input_tokens=10_000))
        assert (decision.model, decision.held_nano, decision.propensity) == ("llama", 0, 1)

    def test_a_last_resort_serves_where_only_excludes_it_and_holds_its_own_cost(self, opened):
        selector = opened({"usd": 0.04, "per": "day"}, last_resort="small")
        decision = selector.select(Task("coding", input_tokens=10_000, only=["large"]))
        assert (decision.model, decision.reason, decision.propensity) == ("small", Basis.LAST_RESORT, 1)
        assert only_account(selector) == (40_000_000, 0, 30_000_000)
        with pytest.raises(BudgetExceededError):
            selector.select(Task("coding", input_tokens=10_000, only=["large"]))

    @pytest.mark.parametrize("lack", [{"enabled": False}, {"context_tokens": 5_000}])
    def test_a_last_resort_that_cannot_do_the_task_does_not_serve(self, opened, lack):
        selector = opened(
            {"usd": 0.02, "per": "day"}, models={**MODELS, "llama": {**FREE, **lack}}, last_resort="llama"
        )
        with pytest.raises(BudgetExceededError):
            selector.select(Task("coding", input_tokens=10_000))


class TestFree:
    @pytest.mark.parametrize("task", [Task("coding"), Task("coding", input_tokens=10)])
    def test_a_spent_budget_of_requests_holds_for_free_models_too(self, opened, task):
        selector = opened(
            {"usd": 1, "per": "day"}, {"requests": 1, "per": "day"}, models={"small": SMALL, "llama": FREE}
        )
        selector.record(selector.select(TASK), Outcome(cost_usd=9))
        with pytest.raises(BudgetExceededError):
            selector.select(task)

    @pytest.mark.parametrize("task", [Task("coding"), Task("coding", input_tokens=10)])
    def test_a_free_model_serves_after_money_was_overrun(self, opened, task):
        selector = opened({"usd": 1, "per": "day"}, models=WITH_FREE)
        selector.record(selector.select(TASK), Outcome(cost_usd=9))
        assert selector.select(task).model == "llama"
