"""The nouns: what they accept, what they refuse, and how they say so."""

import ast
import dataclasses
import pickle
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import selector.records
from selector.errors import ConfigError, InvalidOutcomeError
from selector.records import Attempt, Candidate, Exclusion, Failure, Judgement, Outcome, Reason, Task, Usage


def test_the_room_loads_the_standard_library_alone():
    """A record must be cheap to import: no file of the room names a third party."""
    for file in Path(selector.records.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or name.startswith(("selector.errors", "selector.records")), file


class TestTask:
    def test_the_type_is_positional_and_the_rest_is_named(self):
        assert Task("coding", input_tokens=1_200).type == "coding"
        with pytest.raises(TypeError):
            Task("coding", "an id")

    def test_a_task_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Task("coding").type = "email"

    def test_lists_are_kept_as_tuples_so_that_a_later_change_of_the_list_does_not_reach_the_task(self):
        labels, metadata = ["a"], {"user": "ada"}
        task = Task("coding", labels=labels, metadata=metadata)
        labels.append("b")
        metadata["user"] = "eve"
        assert task.labels == ("a",)
        assert task.metadata == {"user": "ada"}

    def test_a_prompt_is_not_printed(self):
        """No traceback or log may repeat what a user asked."""
        task = Task("coding", prompt="my secret plan", system="be discreet")
        assert "secret" not in repr(task)
        assert "discreet" not in repr(task)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("input_tokens", -1),
            ("input_tokens", 1.5),
            ("input_tokens", True),
            ("input_tokens", 10**16),
            ("max_output_tokens", 0),
            ("priority", None),
            ("priority", -1),
            ("retry_count", "2"),
            ("deadline_s", 0),
            ("deadline_s", float("inf")),
            ("max_cost_usd", float("nan")),
            ("needs", "tools"),
            ("labels", [1]),
            ("labels", 5),
            ("metadata", {1: 2}),
            ("metadata", "user"),
            ("messages", "hello"),
            ("messages", ["hello"]),
            ("prompt", 5),
            ("session", ""),
            ("explore", "no"),
            ("response_schema", "string"),
        ],
    )
    def test_a_value_that_cannot_be_is_refused_by_its_name(self, field, value):
        with pytest.raises(ConfigError, match=rf"Task\.{field}"):
            Task("coding", **{field: value})

    @pytest.mark.parametrize("kind", ["", "  ", None, 5])
    def test_the_type_is_a_word(self, kind):
        with pytest.raises(ConfigError, match=r"Task\.type"):
            Task(kind)

    def test_a_lone_word_is_refused_with_what_to_write(self):
        with pytest.raises(ConfigError, match=r"write \['tools'\]"):
            Task("coding", needs="tools")

    def test_prompt_and_messages_exclude_each_other(self):
        with pytest.raises(ConfigError, match="give one of them"):
            Task("coding", prompt="a", messages=[{"role": "user", "content": "a"}])

    def test_a_task_can_be_hashed_compared_and_pickled(self):
        task = Task("coding", labels=["a"], metadata={"user": "ada"}, messages=[{"role": "user"}])
        assert hash(task) == hash(Task("coding", labels=["a"], metadata={"user": "ada"}, messages=[{"role": "user"}]))
        assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301  # our own bytes

    def test_a_set_of_words_is_kept_in_one_order(self):
        assert Task("coding", labels={"b", "a", "c"}).labels == ("a", "b", "c")


class TestOutcome:
    def test_numbers_of_numpy_are_numbers(self):
        outcome = Outcome(output_tokens=np.int64(850), latency_s=np.float32(0.5), score=np.float64(1))
        assert (outcome.output_tokens, outcome.latency_s, outcome.score) == (850, 0.5, 1.0)
        assert type(outcome.output_tokens) is int

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("score", float("nan")),
            ("score", 1.1),
            ("score", -0.1),
            ("score", True),
            ("score", "1"),
            ("success", 1),
            ("success", "yes"),
            ("quality", 0),
            ("quality", 10.5),
            ("quality", float("inf")),
            ("cost_usd", -0.01),
            ("cost_usd", float("inf")),
            ("cost_usd", 1e10),
            ("latency_s", float("nan")),
            ("latency_s", -1),
            ("input_tokens", 1.5),
            ("cache_read_tokens", -1),
            ("cache_write_tokens", "3"),
            ("output_tokens", None.__class__),
            ("reasoning_tokens", True),
            ("error", "rate_limit"),
            ("error", 429),
            ("route", ""),
            ("at", datetime(2026, 1, 1)),  # noqa: DTZ001  # that is the point
            ("at", "2026-01-01"),
        ],
    )
    def test_a_value_that_cannot_be_is_refused_by_its_name(self, field, value):
        with pytest.raises(InvalidOutcomeError, match=rf"Outcome\.{field}"):
            Outcome(**{field: value})

    @pytest.mark.parametrize(
        "said",
        [
            {"score": 1.0, "success": True},
            {"score": 0.0, "success": True},
            {"score": 0.5, "quality": 5},
            {"success": False, "quality": 1},
        ],
    )
    def test_a_score_is_said_once(self, said):
        with pytest.raises(InvalidOutcomeError, match="give one of them"):
            Outcome(**said)

    def test_the_nearest_failure_is_named(self):
        with pytest.raises(InvalidOutcomeError, match="did you mean 'rate_limited'"):
            Outcome(error="rate_limit")

    def test_a_source_without_a_score_is_refused(self):
        with pytest.raises(InvalidOutcomeError, match=r"Outcome\.source"):
            Outcome(source="tests", output_tokens=5)

    def test_availability_is_not_quality(self):
        """A failure of the route takes no score; a bad answer may."""
        with pytest.raises(InvalidOutcomeError, match="leave the score out"):
            Outcome(error="timeout", success=False)
        assert Outcome(error="invalid_answer", success=False).score == 0

    @given(st.floats(1, 10))
    def test_quality_is_a_straight_line_from_0_to_1(self, quality):
        outcome = Outcome(quality=quality, source="human")
        assert outcome.score == (quality - 1) / 9
        assert 0 <= outcome.score <= 1

    def test_a_judged_outcome_can_be_replaced_field_by_field(self):
        changed = dataclasses.replace(Outcome(success=True, source="tests"), latency_s=2.0)
        assert (changed.score, changed.source, changed.latency_s) == (1.0, "tests", 2.0)

    def test_a_time_is_kept_in_utc(self):
        noon = datetime(2026, 7, 30, 12, tzinfo=timezone(timedelta(hours=2)))
        judgement = Outcome(score=1, at=noon).judgement
        assert judgement.at == noon
        assert judgement.at.tzinfo is UTC

    def test_usage_and_judgement_are_two_facts(self):
        outcome = Outcome(input_tokens=10, cache_read_tokens=5, reasoning_tokens=7, cost_usd=0.01)
        assert outcome.usage == Usage(input_tokens=10, cache_read_tokens=5, reasoning_tokens=7, cost_usd=0.01)
        assert outcome.judgement is None
        assert Outcome(score=0.5, source="human").usage == Usage()

    def test_a_judgement_needs_both_its_parts(self):
        with pytest.raises(InvalidOutcomeError, match=r"Judgement\.score"):
            Judgement(score=None, source="tests")
        with pytest.raises(InvalidOutcomeError, match=r"Judgement\.source"):
            Judgement(score=1, source=None)

    @given(
        st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans(), st.lists(st.integers())),
        st.sampled_from(
            ["output_tokens", "cost_usd", "latency_s", "score", "success", "quality", "error", "route", "at"]
        ),
    )
    def test_junk_is_accepted_or_refused_and_never_breaks(self, value, field):
        try:
            outcome = Outcome(**{field: value})
        except InvalidOutcomeError as error:
            assert f"Outcome.{field}" in str(error)  # noqa: PT017  # both ends are fine; only the name is asserted
        else:
            assert outcome.score is None or 0 <= outcome.score <= 1


class TestFailure:
    def test_the_list_is_closed_and_each_member_is_its_own_name(self):
        assert [failure.value for failure in Failure] == [failure.name.lower() for failure in Failure]
        assert len(Failure) == 17

    @pytest.mark.parametrize("failure", ["context_too_long", "content_policy", "empty_answer", "invalid_answer"])
    def test_what_the_task_caused_does_not_teach_the_next_model(self, failure):
        assert not Failure(failure).of_route


class TestCandidate:
    def test_an_exclusion_takes_its_reason_from_the_closed_list(self):
        assert Exclusion(reason="over_budget").reason is Reason.OVER_BUDGET
        with pytest.raises(ValueError, match="nonsense"):
            Exclusion(reason="nonsense")

    def test_reasons_are_their_own_names(self):
        assert [reason.value for reason in Reason] == [reason.name.lower() for reason in Reason]

    def test_an_exclusion_prints_its_detail(self):
        assert str(Exclusion(reason=Reason.OVER_QUOTA)) == "over_quota"
        assert str(Exclusion(reason=Reason.OVER_BUDGET, detail="company")) == "over_budget (company)"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("mean", 1.5),
            ("prior_share", -0.1),
            ("probability", 1.1),
            ("probability", float("nan")),
            ("interval", (0.9, 0.1)),
            ("interval", (-0.1, 0.5)),
            ("cost_usd", -1),
            ("n", -1),
        ],
    )
    def test_a_value_that_cannot_be_is_refused_by_its_name(self, field, value):
        with pytest.raises(ValueError, match=rf"Candidate\.{field}"):
            Candidate(model="opus", **{field: value})

    def test_a_candidate_has_a_name(self):
        with pytest.raises(ValueError, match=r"Candidate\.model"):
            Candidate(model=None)


class TestAttempt:
    def test_a_failure_may_be_given_by_name(self):
        assert Attempt(model="opus", failure="timeout").failure is Failure.TIMEOUT

    @pytest.mark.parametrize(
        ("field", "value"), [("number", 0), ("number", None), ("propensity", 2), ("selected_by", None), ("model", " ")]
    )
    def test_a_value_that_cannot_be_is_refused_by_its_name(self, field, value):
        with pytest.raises(ValueError, match=rf"Attempt\.{field}"):
            Attempt(**{"model": "opus", field: value})
