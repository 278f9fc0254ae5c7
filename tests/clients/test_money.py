"""Money: every token class at its price, today's prices at once, and what is billed believed above what is listed."""

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from selector import Outcome, Selector, Task
from selector.catalog import UnknownPriceWarning
from selector.errors import NoEligibleModelError

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
RATES = {
    "usd_per_mtok_in": 3,
    "usd_per_mtok_out": 15,
    "usd_per_mtok_cache_read": 0.3,
    "usd_per_mtok_cache_write": 3.75,
    "usd_per_mtok_reasoning": 20,
    "max_output_tokens": 10_000,
    "context_tokens": 1_000_000,
}
PLAIN = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}
FREE = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
NO_FORGETTING = {"half_life": None}
TASK = Task("coding", input_tokens=1_000)
HARD = {"name": "all", "usd": 100, "per": "total"}


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = NOON.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Open selectors, each of a folder of its own, and close them when the test ends."""
    with ExitStack() as stack:

        def open_(models, *budgets, folder="state", **more):
            config = {"models": models, "budgets": list(budgets), "policy": NO_FORGETTING, **more}
            return stack.enter_context(Selector.open(config, state=tmp_path / folder, seed=1, clock=clock))

        yield open_


def spent_usd(selector):
    (account,) = (account for _, account in selector._core.budget.accounts.values())
    return account.spent / 1e9


def believed(selector, model, type_="coding"):
    (found,) = (r for r in selector.beliefs().to_pylist() if (r["model"], r["task_type"]) == (model, type_))
    return found


def cost_of(selector, model, task):
    return next(c.cost_usd for c in selector.select(task).candidates if c.model == model)


class TestClasses:
    @pytest.mark.parametrize(
        ("usage", "usd"),
        [
            ({"input_tokens": 1_000, "output_tokens": 100}, 0.003 + 0.0015),
            ({"input_tokens": 0, "cache_read_tokens": 1_000, "output_tokens": 100}, 0.0003 + 0.0015),
            ({"cache_write_tokens": 1_000, "output_tokens": 100}, 0.00375 + 0.0015),
            ({"input_tokens": 1_000, "output_tokens": 100, "reasoning_tokens": 500}, 0.003 + 0.0015 + 0.01),
            ({"input_tokens": 1_000, "reasoning_tokens": 500}, 0.003 + 0.01),
            ({"output_tokens": 100}, 0.006 + 0.0015),
            ({"input_tokens": 1_000, "output_tokens": 0}, 0.003),
            ({"output_tokens": 100, "cost_usd": 0.5}, 0.5),
            ({"cost_usd": 0.25}, 0.25),
            ({"cost_usd": 0}, 0),
        ],
        ids=str,
    )
    def test_each_class_is_priced_as_its_own_and_a_bill_beats_the_list(self, opened, usage, usd):
        selector = opened({"m": RATES}, HARD)
        selector.record(selector.select(Task("coding", input_tokens=2_000)), Outcome(**usage))
        assert spent_usd(selector) == pytest.approx(usd, abs=1e-9)

    def test_a_call_has_its_own_price(self, opened):
        selector = opened({"m": {**RATES, "usd_per_call": 0.01}}, HARD)
        selector.record(selector.select(Task("coding", input_tokens=2_000)), Outcome(output_tokens=100))
        assert spent_usd(selector) == pytest.approx(0.01 + 0.006 + 0.0015, abs=1e-9)

    def test_a_tier_by_context_length_counts_cached_input_and_prices_the_whole_call(self, opened):
        tiers = [{"above_tokens": 200_000, "usd_per_mtok_in": 6, "usd_per_mtok_out": 30}]
        selector = opened({"m": {**RATES, "tiers": tiers}}, HARD)
        for input_tokens, usd in ((50_000, 0.15 + 0.045 + 0.015), (50_001, 0.300006 + 0.045 + 0.03)):
            before = spent_usd(selector)
            usage = Outcome(input_tokens=input_tokens, cache_read_tokens=150_000, output_tokens=1_000)
            selector.record(selector.select(Task("coding", input_tokens=200_001)), usage)
            assert spent_usd(selector) - before == pytest.approx(usd, abs=1e-9)

    def test_what_is_expected_of_a_long_input_is_at_the_prices_of_long_inputs(self, opened):
        tiers = [{"above_tokens": 200_000, "usd_per_mtok_in": 6, "usd_per_mtok_out": 30}]
        selector = opened({"m": {**RATES, "tiers": tiers}, "other": FREE})
        short, long = (cost_of(selector, "m", Task("coding", input_tokens=n)) for n in (200_000, 200_001))
        assert short == pytest.approx(0.6 + 0.0075)
        assert long == pytest.approx(1.200006 + 0.015)

    def test_reasoning_is_believed_as_output_of_the_same_price(self, opened):
        selector = opened({"m": RATES})
        selector.record(selector.select(Task("coding")), Outcome(output_tokens=100, reasoning_tokens=300))
        assert believed(selector, "m")["token_sum"] == pytest.approx(100 + 300 * 20 / 15)


class TestDollars:
    def test_dollars_without_tokens_teach_tokens_at_the_price_of_output(self, opened):
        selector = opened({"m": PLAIN})
        selector.record(selector.select(Task("coding", input_tokens=1_000)), Outcome(cost_usd=0.018))
        assert believed(selector, "m")["token_sum"] == pytest.approx(1_000)

    def test_tokens_that_come_after_the_dollars_are_believed_instead_of_them(self, opened):
        selector = opened({"m": PLAIN})
        decision = selector.select(Task("coding", input_tokens=1_000))
        selector.record(decision, Outcome(cost_usd=0.018))
        selector.record(decision, Outcome(output_tokens=400))
        assert believed(selector, "m")["token_sum"] == pytest.approx(400)
        assert believed(selector, "m")["usage_evidence"] == pytest.approx(1)

    @pytest.mark.parametrize(
        "pieces",
        [
            [{"output_tokens": 400}, {"cost_usd": 0.018}],
            [{"cost_usd": 0.018}, {"output_tokens": 400}],
            [{"input_tokens": 200, "cache_read_tokens": 800}, {"output_tokens": 400, "cost_usd": 0.018}],
            [{"output_tokens": 400, "cost_usd": 0.018}, {"input_tokens": 200, "cache_read_tokens": 800}],
            [{"latency_s": 1}, {"output_tokens": 400}, {"reasoning_tokens": 10}, {"cost_usd": 0.018}],
        ],
        ids=str,
    )
    def test_a_usage_in_pieces_is_believed_like_one_in_one_piece(self, opened, pieces):
        found = []
        for folder, outcomes in (("whole", [{k: v for each in pieces for k, v in each.items()}]), ("pieces", pieces)):
            selector = opened({"m": {**RATES, "usd_per_mtok_reasoning": 15}}, folder=folder)
            for _ in range(8):
                decision = selector.select(TASK)
                for usage in outcomes:
                    selector.record(decision, Outcome(**usage))
            row = {k: v for k, v in believed(selector, "m").items() if isinstance(v, float)}
            found.append({**row, "cost of a task": cost_of(selector, "m", TASK)})
        assert found[1] == pytest.approx(found[0], rel=1e-9)

    def test_bills_above_the_list_make_the_model_dearer(self, opened):
        selector = opened({"m": PLAIN, "other": PLAIN})
        task = Task("coding", input_tokens=1_000, only=["m"])
        before = believed_cost(selector, "m")
        for _ in range(200):
            selector.record(selector.select(task), Outcome(input_tokens=1_000, output_tokens=500, cost_usd=0.021))
        at_list = 0.0105
        assert before == pytest.approx(0.0075)
        assert cost_of(selector, "m", task) == pytest.approx(2 * at_list, rel=0.1)
        assert cost_of(selector, "other", Task("coding", input_tokens=1_000)) == pytest.approx(at_list, rel=0.05)

    @pytest.mark.parametrize("ending", ["close", "kill"])
    def test_what_bills_taught_is_the_same_after_a_restart(self, opened, tmp_path, ending):
        """What a killed process leaves is what lies in its folder at that moment."""
        first = opened({"m": PLAIN})
        for _ in range(24):
            usage = Outcome(input_tokens=200, cache_read_tokens=800, output_tokens=500, cost_usd=0.03)
            first.record(first.select(TASK), usage)
        first.flush()
        before = cost_of(first, "m", TASK), believed(first, "m")["expected_cost_usd"]
        if ending == "close":
            first.close()
        shutil.copytree(tmp_path / "state", tmp_path / "left")
        second = opened({"m": PLAIN}, folder="left")
        assert (cost_of(second, "m", TASK), believed(second, "m")["expected_cost_usd"]) == pytest.approx(
            before, rel=1e-6
        )

    def test_a_prompt_that_nobody_counted_is_learnt_in_tokens(self, opened):
        selector = opened({"m": PLAIN})
        task = Task("coding", prompt="a" * 40_000)
        before = cost_of(selector, "m", task)
        for _ in range(50):
            selector.record(selector.select(task), Outcome(input_tokens=20_000, output_tokens=500))
        assert cost_of(selector, "m", task) - 0.0075 == pytest.approx(2 * (before - 0.0075), rel=0.1)


def believed_cost(selector, model):
    return cost_of(selector, model, Task("coding"))


class TestNoPrice:
    def test_it_is_said_when_the_folder_is_opened(self, opened):
        with pytest.warns(UnknownPriceWarning, match="mystery"):
            opened({"mystery": {}, "m": PLAIN})

    @pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")
    def test_a_model_without_a_price_is_believed_in_dollars(self, opened):
        selector = opened({"mystery": {}, "m": PLAIN})
        task = Task("coding", only=["mystery"])
        for _ in range(100):
            selector.record(selector.select(task), Outcome(output_tokens=850, cost_usd=0.25, score=1))
        row = believed(selector, "mystery")
        assert row["token_sum"] == pytest.approx(25)
        assert row["expected_output_tokens"] is None
        assert row["expected_cost_usd"] == pytest.approx(0.25, rel=0.05)
        candidate = selector.select(task).candidates[0]
        assert (candidate.tokens, candidate.cost_usd) == (None, pytest.approx(0.25, rel=0.05))

    @pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")
    def test_tokens_without_dollars_teach_nothing_of_a_model_without_a_price(self, opened):
        selector = opened({"mystery": {}, "m": PLAIN})
        before = believed(selector, "mystery", "coding") if selector.beliefs().num_rows else None
        selector.record(selector.select(Task("coding", only=["mystery"])), Outcome(output_tokens=850, score=1))
        row = believed(selector, "mystery")
        assert (before, row["usage_evidence"], row["evidence"]) == (None, 0, 1)

    @pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")
    @pytest.mark.parametrize("budget", [HARD, {**HARD, "hard": False}, {"usd_per_request": 0.01}], ids=str)
    def test_a_model_without_a_price_does_not_serve_under_a_budget_in_dollars(self, opened, budget):
        selector = opened({"mystery": {}, "m": {**PLAIN, "max_output_tokens": 100}}, budget)
        for task in (
            Task("coding", input_tokens=5),
            Task("coding", input_tokens=5, labels=["x"], only=["m", "mystery"]),
        ):
            decision = selector.select(task)
            assert decision.model == "m"
            assert decision.exclusions["mystery"].reason.value == "unknown_cost"
        with pytest.raises(NoEligibleModelError) as refused:
            selector.select(Task("coding", input_tokens=5, only=["mystery"]))
        assert refused.value.reasons["mystery"].startswith("unknown_cost")

    @pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")
    @pytest.mark.parametrize("budget", [{"requests": 5, "per": "day"}, {"tokens": 50_000, "per": "day"}], ids=str)
    def test_a_model_without_a_price_serves_under_a_budget_without_dollars(self, opened, budget):
        selector = opened({"mystery": {"context_tokens": 10_000, "max_output_tokens": 100}}, budget)
        assert selector.select(Task("coding", input_tokens=5)).model == "mystery"


class TestFree:
    def test_a_free_model_costs_nothing_however_much_it_says(self, opened):
        selector = opened({"llama": FREE}, HARD)
        decision = selector.select(Task("coding", input_tokens=10**6))
        assert (decision.expected_cost_usd, decision.held_usd) == (0, 0)
        selector.record(decision, Outcome(output_tokens=10**6, score=1))
        assert spent_usd(selector) == 0
        assert believed(selector, "llama")["token_sum"] == pytest.approx(10**6)

    def test_a_free_model_that_is_billed_is_learnt_and_booked(self, opened):
        selector = opened({"llama": FREE, "m": {**PLAIN, "max_output_tokens": 10}}, HARD)
        task = Task("coding", input_tokens=10, only=["llama"])
        selector.record(selector.select(task), Outcome(output_tokens=5, cost_usd=0.5))
        assert spent_usd(selector) == pytest.approx(0.5)
        assert selector.select(task).model == "llama"


class TestDates:
    DEARER = ({**PLAIN, "max_output_tokens": 1_000, "prices": [{"from": "2026-03-11", "usd_per_mtok_out": 60}]},)

    @pytest.mark.parametrize("task", [Task("coding"), Task("coding", input_tokens=1_000), Task("coding", only=["m"])])
    def test_expected_cost_follows_a_change_of_price_at_once(self, opened, clock, task):
        selector = opened({"m": self.DEARER[0], "other": FREE})
        before = cost_of(selector, "m", task)
        clock.now += timedelta(hours=12).total_seconds()
        assert cost_of(selector, "m", task) - before == pytest.approx(500 * 45e-6)

    def test_what_is_held_follows_a_change_of_price_at_once(self, opened, clock):
        selector = opened({"m": self.DEARER[0]}, HARD)
        task = Task("coding", input_tokens=1_000)
        assert selector.select(task).held_usd == pytest.approx(0.018)
        clock.now += timedelta(hours=12).total_seconds()
        assert selector.select(task).held_usd == pytest.approx(0.063)

    def test_a_change_of_price_teaches_nothing(self, opened, clock):
        selector = opened({"m": self.DEARER[0]})
        for _ in range(10):
            selector.record(selector.select(Task("coding")), Outcome(output_tokens=400))
        before = believed(selector, "m")
        clock.now += timedelta(hours=12).total_seconds()
        after = believed(selector, "m")
        assert after["token_sum"] == pytest.approx(before["token_sum"], rel=1e-9)
        assert after["expected_cost_usd"] == pytest.approx(4 * before["expected_cost_usd"], rel=1e-6)

    def test_a_usage_is_priced_as_of_its_decision(self, opened, clock):
        selector = opened({"m": self.DEARER[0]}, HARD)
        decision = selector.select(Task("coding", input_tokens=1_000))
        clock.now += timedelta(hours=12).total_seconds()
        selector.record(decision, Outcome(input_tokens=1_000, output_tokens=1_000))
        assert spent_usd(selector) == pytest.approx(0.018)
        assert selector.status().n_overruns == 0


class TestTheMostThatATaskMayCost:
    @pytest.mark.parametrize("budgets", [[], [HARD], [{"usd_per_request": 0.5}]], ids=["none", "hard", "mean"])
    def test_who_might_cost_more_does_not_serve(self, opened, budgets):
        small = {**RATES, "usd_per_mtok_out": 1, "usd_per_mtok_reasoning": 1}
        selector = opened({"m": RATES, "small": small}, *budgets)
        task = Task("coding", input_tokens=1_000, max_output_tokens=1_000, max_cost_usd=0.02)
        decision = selector.select(task)
        assert (decision.model, decision.exclusions["m"].reason.value) == ("small", "over_max_cost")
        with pytest.raises(NoEligibleModelError) as refused:
            selector.select(Task("coding", input_tokens=1_000, max_cost_usd=1e-9))
        assert refused.value.reasons["small"].startswith("over_max_cost")


def test_an_alarm_that_rings_while_a_price_changes_is_written_down_all_the_same(opened, clock):
    """Seven failures wait for an eighth to be learnt; the choice that notices the new price learns them first."""
    selector = opened({"m": {**PLAIN, "prices": [{"from": "2026-03-11", "usd_per_mtok_out": 60}]}})
    for score in [1] * 40 + [0] * 7:
        selector.record(selector.select(Task("coding")), Outcome(score=score))
    assert selector._core.mind.beliefs.events == []
    clock.now += timedelta(hours=12).total_seconds()
    selector.select(Task("coding"))
    selector.beliefs()
    selector.flush()
    assert len(selector._core.mind.beliefs.events) == 1
    assert [e["model"] for e in selector._core.state.events() if e["kind"] == "drift"] == ["m"]
