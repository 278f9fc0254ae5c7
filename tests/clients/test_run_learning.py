"""Whose success may teach: the first attempt, and one that followed a failure of the route and not of the task."""

import os
from contextlib import suppress

import pytest

from selector import Failure, Outcome, Selector, Task, Usage
from selector.errors import AllAttemptsFailedError, InvalidOutcomeError, SelectorError
from selector.execution import Answer, CallFailed
from selector.records import Message, Part
from selector.testing import FakeProvider, Fault, Reply

TASK = Task("coding", prompt="Write a parser.", input_tokens=100)
USED = Usage(input_tokens=100, output_tokens=500)
GOOD = Reply("good", usage=USED)
BAD = Reply("bad", usage=USED)
FOLLOWED = [
    failure
    for failure in Failure
    if failure not in {Failure.BAD_REQUEST, Failure.CANCELLED, Failure.DEADLINE, Failure.BUDGET}
]
EVIDENCE = ("evidence", "score_sum", "usage_evidence", "token_sum")


def is_good(text):
    return text == "good"


def config(names=("haiku", "sonnet", "opus"), **sections):
    priced = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 10, "max_output_tokens": 1_000, "context_tokens": 100_000}
    return {
        "providers": {"work": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}},
        "models": {name: {"provider": "work", **priced} for name in names},
        "default_model": names[0],
        "chains": {"default": list(names[1:])},
        "fallback": {"retries": 0},
        "policy": {"half_life": None},
        **sections,
    }


@pytest.fixture
def begin(folder, clock):
    """Open selectors of one folder that call a script."""
    opened = []

    def build(script=GOOD, state=folder, **sections):
        fake = FakeProvider(script)
        selector = Selector.open(config(**sections), state=state, seed=1, clock=clock, providers={"work": fake})
        opened.append(selector)
        return selector

    yield build
    for selector in opened:
        selector.close()


def learnt(selector, model):
    """Return what the belief in a model rests on: judgements, their sum, usages, their tokens."""
    for row in selector.beliefs().to_pylist():
        if (row["model"], row["task_type"]) == (model, "coding"):
            return tuple(round(row[name], 6) for name in EVIDENCE)
    return (0, 0, 0, 0)


def events(read_log, folder, *kinds):
    return [event for event in read_log(folder).events if event["kind"] in kinds]


class TestWhoLearns:
    @pytest.mark.parametrize("judged", [is_good, None], ids=["judged", "not judged"])
    @pytest.mark.parametrize("second", [GOOD, BAD], ids=["right", "wrong"])
    @pytest.mark.parametrize("failure", FOLLOWED)
    def test_a_second_attempt_teaches_success_only_after_a_failure_of_the_route(self, begin, failure, second, judged):
        """Who failed is taught nothing by a failure of either kind; who answered is taught its tokens always."""
        selector = begin({"haiku": failure, "sonnet": second}, names=("haiku", "sonnet"))
        try:
            selector.run(TASK, check=judged)
        except AllAttemptsFailedError:
            assert second is BAD
        assert learnt(selector, "haiku") == (0, 0, 0, 0)
        teaches = judged is not None and failure.of_route
        score = float(second is GOOD)
        assert learnt(selector, "sonnet") == ((1, score) if teaches else (0, 0)) + (1, 500)

    def test_a_first_attempt_teaches_its_judgement_right_or_wrong(self, begin):
        selector = begin({"haiku": [GOOD, BAD], "sonnet": GOOD})
        selector.run(TASK, check=is_good)
        selector.run(TASK, check=is_good)
        assert learnt(selector, "haiku") == (2, 1, 2, 1_000)
        assert learnt(selector, "sonnet") == (0, 0, 1, 500), "it saw only what another failed at"

    def test_a_third_attempt_teaches_nothing_where_any_before_it_failed_at_the_task(self, begin):
        selector = begin({"haiku": BAD, "sonnet": Failure.OVERLOADED, "opus": GOOD})
        selector.run(TASK, check=is_good)
        assert learnt(selector, "haiku") == (1, 0, 1, 500)
        assert learnt(selector, "opus") == (0, 0, 1, 500)

    def test_a_third_attempt_teaches_where_all_before_it_failed_for_their_routes(self, begin):
        selector = begin({"haiku": Failure.TIMEOUT, "sonnet": Failure.OVERLOADED, "opus": GOOD})
        selector.run(TASK, check=is_good)
        assert learnt(selector, "opus") == (1, 1, 1, 500)

    def test_a_retry_at_the_same_route_teaches_as_the_first_attempt_would(self, begin):
        selector = begin([CallFailed(Failure.OVERLOADED), GOOD], fallback={"retries": 1})
        run = selector.run(TASK, check=is_good)
        assert [each.selected_by for each in run.attempts][1:] == ["retry"]
        assert learnt(selector, "haiku") == (1, 1, 1, 500)

    def test_a_refused_answer_that_is_used_all_the_same_teaches_that_it_was_wrong(self, begin):
        selector = begin(BAD, fallback={"retries": 0, "escalate_on_failure": False})
        run = selector.run(TASK, check=is_good)
        assert (run.text, run.attempts[0].score, run.status) == ("bad", 0.0, "answered")
        assert learnt(selector, "haiku") == (1, 0, 1, 500)

    def test_a_run_that_ended_at_once_teaches_nothing(self, begin):
        for failure in (Failure.BAD_REQUEST, Failure.CANCELLED, Failure.DEADLINE, Failure.BUDGET):
            selector = begin(CallFailed(failure))
            with pytest.raises(SelectorError):
                selector.run(TASK, check=is_good)
            assert learnt(selector, "haiku") == (0, 0, 0, 0)
            selector.close()


class TestTokensAndLatency:
    def broken(self, failure, n=40):
        said = Message(role="assistant", parts=(Part(kind="text", text="x" * n),))
        return CallFailed(failure, partial=Answer(message=said, usage=USED, estimated=True))

    @pytest.mark.parametrize("failure", [Failure.CONNECTION, Failure.TIMEOUT, Failure.EMPTY_ANSWER])
    def test_what_broke_off_is_paid_for_and_teaches_no_length(self, begin, failure):
        selector = begin({"haiku": self.broken(failure), "sonnet": GOOD})
        run = selector.run(TASK)
        assert learnt(selector, "haiku") == (0, 0, 0, 0)
        assert run.attempts[0].estimated
        assert run.cost_usd == pytest.approx(2 * (100e-6 + 500 * 10e-6))

    def test_a_whole_answer_that_is_wrong_teaches_its_length(self, begin):
        selector = begin({"haiku": BAD, "sonnet": GOOD})
        selector.run(TASK, check=is_good)
        assert learnt(selector, "haiku")[2:] == (1, 500)

    @pytest.mark.parametrize("first", [Failure.TIMEOUT, Failure.SERVER_ERROR, Failure.RATE_LIMITED])
    def test_latency_is_learnt_of_answers_alone(self, begin, first):
        """A time-out says how long somebody waited, and not how long the model takes."""
        slow = Fault(first, delay_s=0.05)
        selector = begin({"haiku": [slow, GOOD], "sonnet": GOOD})
        fold = selector._core.fold
        selector.run(TASK)
        waits = {facts.model: facts.waited for entry in fold.entries.values() for facts in entry.attempts}
        assert waits["haiku"] is None
        assert waits["sonnet"] is not None
        assert waits["sonnet"] < 0.05


class TestLateReports:
    def test_a_judgement_that_comes_later_is_of_the_attempt_that_answered(self, begin):
        selector = begin({"haiku": Failure.OVERLOADED, "sonnet": GOOD})
        run = selector.run(TASK)
        selector.record(run.id, Outcome(score=1, source="tests"))
        assert learnt(selector, "haiku") == (0, 0, 0, 0)
        assert learnt(selector, "sonnet") == (1, 1, 1, 500)

    def test_also_where_a_route_was_tried_twice(self, begin):
        selector = begin([CallFailed(Failure.OVERLOADED), GOOD], fallback={"retries": 1})
        run = selector.run(TASK)
        selector.record(run.id, Outcome(score=0, source="tests", route=run.attempts[-1].route))
        assert learnt(selector, "haiku") == (1, 0, 1, 500)

    def test_also_after_answers_that_a_check_refused_and_then_it_says_nothing_of_success(self, begin, folder, read_log):
        selector = begin({"haiku": BAD, "sonnet": GOOD})
        run = selector.run(TASK, check=is_good)
        selector.record(run.id, Outcome(score=1, source="human"))
        selector.close()
        late = [event for event in events(read_log, folder, "judgement") if event["source"] == "human"]
        assert [(event["attempt"], event["model"]) for event in late] == [(2, "sonnet")]
        assert learnt(begin(), "sonnet")[:2] == (0, 0)

    def test_a_person_who_finds_a_checked_answer_wrong_is_believed(self, begin):
        selector = begin(GOOD)
        run = selector.run(TASK, check=is_good)
        selector.record(run.id, Outcome(score=0, source="human"))
        assert learnt(selector, "haiku") == (1, 0, 1, 500)
        selector.record(run.id, Outcome(retracted=True, source="human"))
        assert learnt(selector, "haiku") == (1, 1, 1, 500)

    def test_a_judgement_of_a_blocked_run_teaches_nobody_who_never_answered(self, begin):
        selector = begin(401)
        with pytest.raises(AllAttemptsFailedError) as caught:
            selector.run(TASK)
        with suppress(InvalidOutcomeError):
            selector.record(caught.value.run.id, Outcome(score=0, source="human"))
        assert [learnt(selector, name)[:2] for name in ("haiku", "sonnet", "opus")] == [(0, 0)] * 3

    def test_after_another_process_reads_it_the_judgement_is_still_of_who_answered(self, begin):
        selector = begin({"haiku": Failure.OVERLOADED, "sonnet": GOOD})
        run = selector.run(TASK)
        selector.close()
        again = begin()
        again.record(run.id, Outcome(score=1, source="tests"))
        assert learnt(again, "sonnet") == (1, 1, 1, 500)
        assert learnt(again, "haiku") == (0, 0, 0, 0)


class TestLadder:
    SCRIPT = (("haiku", BAD), ("sonnet", BAD), ("opus", GOOD))

    def test_each_rung_has_its_own_outcome_in_the_log(self, begin, folder, read_log):
        selector = begin(dict(self.SCRIPT))
        run = selector.run(TASK, check=is_good)
        assert [(each.model, each.failure, each.score) for each in run.attempts] == [
            ("haiku", Failure.INVALID_ANSWER, 0.0),
            ("sonnet", Failure.INVALID_ANSWER, 0.0),
            ("opus", None, 1.0),
        ]
        selector.close()
        for kind, said in (("judgement", [0, 0, 1]), ("usage", [500] * 3)):
            found = events(read_log, folder, kind)
            assert [event["attempt"] for event in found] == [1, 2, 3]
            assert [event.get("model", "haiku") for event in found] == ["haiku", "sonnet", "opus"]
            assert [event["score" if kind == "judgement" else "output_tokens"] for event in found] == said

    def test_after_three_it_is_blocked_though_a_fourth_is_listed(self, begin):
        selector = begin(BAD, names=("haiku", "sonnet", "opus", "titan"))
        with pytest.raises(AllAttemptsFailedError) as caught:
            selector.run(TASK, check=is_good)
        assert [each.model for each in caught.value.attempts] == ["haiku", "sonnet", "opus"]
        (blocked,) = selector.run_many([TASK], check=is_good)
        assert (blocked.status, blocked.text, len(blocked.attempts)) == ("blocked", None, 3)


def mixed(selector, n=30):
    """Run tasks of which many go wrong, one way or the other, and judge some later."""
    for i in range(n):
        try:
            run = selector.run(TASK, check=is_good if i % 3 else None)
        except AllAttemptsFailedError:
            continue
        if i % 4 == 0:
            selector.record(run.id, Outcome(score=i % 2, source="human"))


def moody():
    steps = [GOOD, BAD, Failure.SERVER_ERROR, Reply("good", usage=USED, says_usage=False), Failure.CONTENT_POLICY]
    return {name: [steps[(i * k) % 5] for i in range(200)] for k, name in enumerate(("haiku", "sonnet", "opus"), 1)}


class TestKept:
    def test_what_is_believed_after_many_runs_is_what_the_log_says(self, begin, folder, differ, folded_anew, clock):
        selector = begin(moody())
        mixed(selector)
        before, n = selector.beliefs(), selector.status().n_judged
        selector.close()
        anew, status = folded_anew(folder, config(), clock)
        assert differ(before, anew) == []
        assert status.n_judged == n

    def test_and_what_the_next_process_goes_on_with(self, begin, differ):
        selector = begin(moody(), budgets=[{"usd": 10, "per": "day"}])
        mixed(selector)
        before, budgets = selector.beliefs(), selector.status().budgets
        selector.close()
        again = begin(budgets=[{"usd": 10, "per": "day"}])
        assert differ(before, again.beliefs()) == []
        assert again.status().budgets == budgets

    def test_two_processes_hear_of_each_others_attempts_and_health(self, begin, differ):
        one, two = begin(moody()), begin(GOOD)
        mixed(one)
        mixed(two, 5)
        for selector in (one, two):
            selector.flush()
        for selector in (one, two):
            selector.status()
        assert differ(one.beliefs(), two.beliefs()) == []

    def test_another_process_does_not_call_a_route_whose_quota_is_spent(self, begin, clock):
        spent = CallFailed(Failure.QUOTA_EXHAUSTED, resets_at_s=clock.now + 3_600)
        one, two = begin({"haiku": spent, "sonnet": GOOD}), begin(GOOD)
        one.run(TASK)
        one.flush()
        two.status()
        assert "haiku" not in [each.model for each in two.run(TASK).attempts]
        assert two.status().health == one.status().health
        clock.now += 3_601
        assert two.run(TASK).attempts[0].model == "haiku"

    def test_a_failing_route_is_left_alone_by_a_process_that_opens_later(self, begin):
        one = begin({"haiku": Failure.QUOTA_EXHAUSTED, "sonnet": GOOD})
        one.run(TASK)
        health = one.status().health
        one.close()
        assert health
        assert begin().status().health == health

    def test_killed_in_its_second_call_a_run_leaves_a_hold_for_all_it_can_have_cost(self, begin, in_child, clock):
        """What its first call used was not written yet; it is charged with the hold when that expires."""
        budget = [{"usd": 1, "per": "day"}]

        def killed():
            def script(request):
                return BAD if request.route.model == "haiku" else os._exit(0)

            begin(script, budgets=budget).run(TASK, check=is_good)

        in_child(killed)
        again = begin(budgets=budget)
        worst = 0.0101
        assert money(again) == pytest.approx((0, 0.0051 + worst), rel=0.05)
        clock.now += 3_601
        assert money(again) == pytest.approx((0.0051 + worst, 0), rel=0.05)


def money(selector):
    words = selector.status().budgets[0].replace(",", "").split()
    return float(words[words.index("spent") - 1]), float(words[words.index("held") - 1])
