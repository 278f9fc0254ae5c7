"""Outcomes: now and later, of several sources, of any attempt; what is learnt is what was meant."""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from selector import Failure, Outcome, Selector, Task
from selector.errors import InvalidOutcomeError, UnknownDecisionError

SMALL = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}
LARGE = {"usd_per_mtok_in": 5, "usd_per_mtok_out": 20}
CONFIG = {"models": {"small": SMALL, "large": LARGE}, "policy": {"half_life": None}}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONLY_SMALL = Task("coding", input_tokens=1_000, only=["small"])
OF_ROUTE = [failure for failure in Failure if failure.of_route]
OF_TASK = [Failure.CONTEXT_TOO_LONG, Failure.CONTENT_POLICY, Failure.EMPTY_ANSWER, Failure.INVALID_ANSWER]


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = NOW.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Open selectors of one folder, and close them when the test ends."""
    with ExitStack() as stack:
        yield lambda config=CONFIG: stack.enter_context(
            Selector.open(config, state=tmp_path / "state", seed=1, clock=clock)
        )


def row(selector, model="small", task_type="coding"):
    found = [r for r in selector.beliefs().to_pylist() if (r["model"], r["task_type"]) == (model, task_type)]
    return found[0] if found else None


def learnt(selector, model="small"):
    """Return how many judgements and usages a model's belief rests on, and their sums."""
    found = row(selector, model)
    return {key: found[key] for key in ("evidence", "score_sum", "usage_evidence", "token_sum")}


def sums(judged=(), tokens=()):
    return pytest.approx(
        {
            "evidence": len(judged),
            "score_sum": sum(judged),
            "usage_evidence": len(tokens),
            "token_sum": sum(tokens),
        }
    )


class TestNowAndLater:
    def test_usage_now_and_the_judgement_later_by_id_are_one_outcome(self, opened, clock):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(output_tokens=850, latency_s=2.1))
        assert learnt(selector) == sums(tokens=[850])
        clock.now += 86_400
        selector.record(decision.id, Outcome(success=True, source="tests"))
        assert learnt(selector) == sums([1], [850])
        assert (selector.status().n_outcomes, selector.status().n_judged, selector.status().n_pending) == (1, 1, 0)

    def test_the_judgement_may_come_to_another_process_after_a_close(self, opened):
        with opened() as first:
            decision = first.select(ONLY_SMALL)
            first.record(decision, Outcome(output_tokens=850))
        second = opened()
        second.record(decision.id, Outcome(score=0.25, source="human"))
        assert learnt(second) == sums([0.25], [850])

    def test_the_judgement_may_come_to_another_process_that_lives_beside(self, opened):
        first, second = opened(), opened()
        decision = first.select(ONLY_SMALL)
        first.record(decision, Outcome(output_tokens=850))
        first.flush()
        second.record(decision.id, Outcome(score=1, source="tests"))
        second.flush()
        assert first.status().n_judged == second.status().n_judged == 1
        assert learnt(first) == learnt(second) == sums([1], [850])

    @pytest.mark.parametrize("n_between", [0, 9, 65, 200])
    def test_a_judgement_after_many_other_outcomes_counts_like_one_at_once(self, opened, n_between):
        selector = opened()
        late = selector.select(ONLY_SMALL)
        selector.record(late, Outcome(output_tokens=10))
        for _ in range(n_between):
            selector.record(selector.select(ONLY_SMALL), Outcome(output_tokens=20, score=1))
        selector.record(late.id, Outcome(score=0))
        assert learnt(selector) == sums([0] + [1] * n_between, [10] + [20] * n_between)

    def test_what_was_recorded_survives_the_death_of_the_process(self, tmp_path, opened):
        code = (
            "import os\nfrom selector import Outcome, Selector, Task\n"
            f"folder = {os.fspath(tmp_path / 'state')!r}\n"
            f"selector = Selector.open({CONFIG!r}, state=folder, clock=lambda: {NOW.timestamp()})\n"
            "one = selector.select(Task('coding', only=['small']))\n"
            "selector.record(one, Outcome(output_tokens=850, score=1, source='tests'))\n"
            "print(one.id, flush=True)\nos._exit(1)\n"
        )
        died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - its own code
        assert (died.returncode, died.stderr) == (1, "")
        selector = opened()
        assert learnt(selector) == sums([1], [850])
        selector.record(died.stdout.strip(), Outcome(score=0, source="human"))
        assert learnt(selector) == sums([0], [850])


class TestSources:
    @pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]])
    def test_the_most_believed_source_counts_whenever_it_spoke(self, opened, order):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        words = [("human", 0.1), ("tests", 1.0), ("judge:large", 0.6)]
        for place in order:
            source, score = words[place]
            selector.record(decision, Outcome(score=score, source=source))
        assert learnt(selector) == sums([0.1])

    def test_the_configuration_says_who_is_believed(self, opened):
        selector = opened({**CONFIG, "outcomes": {"precedence": ["judge", "human"]}})
        decision = selector.select(ONLY_SMALL)
        for source, score in (("human", 0), ("judge:large", 0.75), ("somebody", 0.5)):
            selector.record(decision, Outcome(score=score, source=source))
        assert learnt(selector) == sums([0.75])

    def test_a_later_word_of_the_same_source_replaces_the_earlier(self, opened, clock):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(score=1, source="tests"))
        clock.now += 60
        selector.record(decision, Outcome(score=0, source="tests"))
        assert learnt(selector) == sums([0])
        assert selector.status().n_judged == 1

    def test_a_word_of_an_earlier_time_does_not_replace_a_later_one(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(score=1, source="tests", at=NOW + timedelta(hours=2)))
        selector.record(decision, Outcome(score=0, source="tests", at=NOW + timedelta(hours=1)))
        assert learnt(selector) == sums([1])

    def test_a_source_that_says_the_same_again_says_it_as_of_then(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        for hours, score in ((1, 1), (3, 1), (2, 0)):
            selector.record(decision, Outcome(score=score, source="tests", at=NOW + timedelta(hours=hours)))
        assert learnt(selector) == sums([1])

    def test_what_is_taken_back_counts_no_longer_and_may_be_said_anew(self, opened, clock):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        for outcome, left in (
            (Outcome(score=1, source="human"), [1]),
            (Outcome(score=0.25, source="tests"), [1]),
            (Outcome(retracted=True, source="human"), [0.25]),
            (Outcome(retracted=True, source="tests"), []),
            (Outcome(score=0.5, source="human"), [0.5]),
        ):
            clock.now += 60
            selector.record(decision, outcome)
            assert learnt(selector) == sums(left)

    def test_taking_back_what_was_never_said_is_refused(self, opened):
        selector = opened()
        with pytest.raises(InvalidOutcomeError, match="'human' said nothing"):
            selector.record(selector.select(ONLY_SMALL), Outcome(retracted=True, source="human"))

    def test_corrections_hold_after_a_restart(self, opened, clock):
        with opened() as first:
            decision = first.select(ONLY_SMALL)
            first.record(decision, Outcome(score=1, source="tests"))
            clock.now += 60
        with opened() as second:
            second.record(decision.id, Outcome(score=0, source="tests"))
            clock.now += 60
        third = opened()
        assert learnt(third) == sums([0])
        third.record(decision.id, Outcome(retracted=True, source="tests"))
        assert learnt(third) == sums()


class TestTwice:
    @pytest.mark.parametrize(
        "outcome",
        [
            Outcome(output_tokens=850, cost_usd=0.002, latency_s=1),
            Outcome(score=1, source="tests"),
            Outcome(score=1, source="tests", output_tokens=850),
            Outcome(error="timeout"),
        ],
    )
    def test_the_same_report_again_changes_nothing(self, opened, outcome):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, outcome)
        once = learnt(selector), selector.status().n_outcomes, selector.status().n_judged
        for _ in range(3):
            selector.record(decision.id, outcome)
        assert (learnt(selector), selector.status().n_outcomes, selector.status().n_judged) == once
        assert selector.status().n_doubled == 3

    def test_the_same_retraction_again_changes_nothing(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(score=1, source="tests"))
        selector.record(decision, Outcome(retracted=True, source="tests"))
        selector.record(decision, Outcome(retracted=True, source="tests"))
        assert learnt(selector) == sums()

    def test_the_same_error_again_is_not_an_error_of_the_attempt_after_it(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(error="timeout"))
        selector.record(decision, Outcome(output_tokens=850, score=1))
        selector.record(decision, Outcome(error="timeout"))
        assert learnt(selector) == sums([1], [850])


class TestUsage:
    def test_what_is_missing_of_a_usage_may_be_added(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        for outcome in (Outcome(latency_s=2), Outcome(output_tokens=850), Outcome(cost_usd=0.5), Outcome(score=1)):
            selector.record(decision, outcome)
        assert learnt(selector) == sums([1], [850])

    def test_what_is_missing_may_be_added_by_another_process(self, opened):
        with opened() as first:
            decision = first.select(ONLY_SMALL)
            first.record(decision, Outcome(output_tokens=850))
        with opened() as second:
            second.record(decision.id, Outcome(cost_usd=0.5, latency_s=2))
            assert learnt(second) == sums(tokens=[850])
        third = opened()
        with pytest.raises(InvalidOutcomeError, match="850"):
            third.record(decision.id, Outcome(output_tokens=851))
        with pytest.raises(InvalidOutcomeError, match=r"0\.5"):
            third.record(decision.id, Outcome(cost_usd=0.6))

    @pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "cost_usd", "latency_s"])
    def test_a_usage_that_contradicts_what_was_reported_is_refused(self, opened, field):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        given = {"input_tokens": 1_000, "output_tokens": 850, "cost_usd": 0.5, "latency_s": 2}
        selector.record(decision, Outcome(**given))
        before = learnt(selector)
        with pytest.raises(InvalidOutcomeError, match=f"Outcome.{field}"):
            selector.record(decision, Outcome(**{field: given[field] * 2}, score=1))
        assert learnt(selector) == before


class TestAttempts:
    def test_the_model_that_answered_learns_and_not_the_one_that_was_chosen(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(route="large", output_tokens=300, score=1))
        assert learnt(selector, "large") == sums([1], [300])
        assert learnt(selector, "small") == sums()

    @pytest.mark.parametrize("error", OF_ROUTE)
    def test_an_error_of_the_route_moves_no_model_s_success(self, opened, error):
        selector = opened()
        selector.record(selector.select(ONLY_SMALL), Outcome(output_tokens=10, score=1))
        before = row(selector)
        selector.record(selector.select(ONLY_SMALL), Outcome(error=error))
        assert row(selector) == before

    @pytest.mark.parametrize("error", OF_ROUTE)
    def test_what_serves_after_an_error_of_the_route_learns(self, opened, error):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(error=error, latency_s=30))
        selector.record(decision, Outcome(route="large", output_tokens=300))
        selector.record(decision.id, Outcome(route="large", score=1))
        assert learnt(selector, "large") == sums([1], [300])
        assert learnt(selector, "small") == sums()

    @pytest.mark.parametrize("first", ["error", "answer"])
    @pytest.mark.parametrize("error", OF_TASK)
    def test_what_serves_after_an_error_of_the_task_does_not_learn_its_success(self, opened, error, first):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        reports = [Outcome(route="small", error=error), Outcome(route="large", output_tokens=300, score=1)]
        for outcome in reports if first == "error" else reports[::-1]:
            selector.record(decision, outcome)
        assert learnt(selector, "large") == sums(tokens=[300])

    def test_an_answer_that_was_wrong_may_be_judged_later(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(error="invalid_answer", output_tokens=300))
        selector.record(decision.id, Outcome(score=0, source="check"))
        assert learnt(selector) == sums([0], [300])

    def test_a_retry_of_the_same_route_that_went_well_learns(self, opened):
        selector = opened()
        decision = selector.select(ONLY_SMALL)
        selector.record(decision, Outcome(error="overloaded"))
        selector.record(decision, Outcome(output_tokens=300, score=1))
        assert learnt(selector) == sums([1], [300])

    def test_a_fallback_is_the_same_after_a_restart(self, opened):
        with opened() as first:
            decision = first.select(ONLY_SMALL)
            first.record(decision, Outcome(error="timeout"))
            first.record(decision, Outcome(route="large", output_tokens=300))
        second = opened()
        second.record(decision.id, Outcome(route="large", score=1))
        assert (learnt(second, "large"), learnt(second, "small")) == (sums([1], [300]), sums())


def test_a_late_usage_of_a_model_that_was_renamed_teaches_tokens_and_not_dollars(opened):
    with opened() as first:
        decision = first.select(ONLY_SMALL)
    second = opened({**CONFIG, "models": {"tiny": {**SMALL, "was": "small"}, "large": LARGE}})
    second.record(decision.id, Outcome(output_tokens=850, cost_usd=0.01, score=1))
    assert learnt(second, "tiny") == sums([1], [850])


def test_a_late_usage_of_a_model_that_was_removed_teaches_tokens_if_it_comes_back(opened):
    with opened() as first:
        decision = first.select(ONLY_SMALL)
    with opened({**CONFIG, "models": {"large": LARGE}}) as second:
        second.record(decision.id, Outcome(output_tokens=850, cost_usd=0.01, score=1))
    assert learnt(opened()) == sums([1], [850])


def test_an_outcome_of_another_folder_s_decision_is_refused(tmp_path, opened):
    with Selector.open(CONFIG, state=tmp_path / "other") as other:
        decision = other.select(ONLY_SMALL)
    with pytest.raises(UnknownDecisionError, match="no decision"):
        opened().record(decision, Outcome(score=1))


HOURS = [timedelta(hours=hours) for hours in range(5)]
JUDGEMENTS = st.builds(
    lambda source, score, after: Outcome(score=score, source=source, at=NOW + after),
    st.sampled_from(["human", "tests", "judge:large", "x"]),
    st.sampled_from([0, 0.25, 0.5, 0.75, 1]),
    st.sampled_from(HOURS),
)
USAGES = st.sampled_from(
    [
        [Outcome(output_tokens=850)],
        [Outcome(output_tokens=400, cost_usd=0.003)],
        [Outcome(output_tokens=300), Outcome(latency_s=3)],
        [Outcome(input_tokens=200, cache_read_tokens=800), Outcome(output_tokens=100), Outcome(cost_usd=0.01)],
        [],
    ]
)


def unlike(judgements):
    """Keep one word of each source at each time: of two at one time nobody can say which is the later."""
    return list({(each.source, each.at): each for each in judgements}.values())


@settings(max_examples=20, phases=[Phase.generate])
@given(st.data())
def test_reports_in_any_order_and_number_leave_the_same_beliefs(data):
    reports = [
        (place, outcome)
        for place in range(4)
        for outcome in data.draw(USAGES) + unlike(data.draw(st.lists(JUDGEMENTS, max_size=4)))
    ]
    again = data.draw(st.lists(st.sampled_from(reports), max_size=6)) if reports else []
    shuffled = data.draw(st.permutations(reports + again))
    tables = []
    for order in (reports, shuffled):
        with tempfile.TemporaryDirectory() as folder, Selector.open(CONFIG, state=folder, seed=1, clock=Clock()) as one:
            ids = [one.select(Task(type_, input_tokens=1_000)).id for type_ in ("a", "b", "a", "b")]
            for place, outcome in order:
                one.record(ids[place], outcome)
            tables.append(one.beliefs().to_pylist())
    for straight, other in zip(*tables, strict=True):
        assert other == {
            k: pytest.approx(v, rel=1e-9, abs=1e-9) if isinstance(v, float) else v for k, v in straight.items()
        }
