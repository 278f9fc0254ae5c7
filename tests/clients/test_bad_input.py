"""What cannot be is refused with the field, the value and the remedy, and nothing of it counts."""

import math

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.errors import (
    ConfigError,
    InvalidOutcomeError,
    NoEligibleModelError,
    SelectorError,
    StateError,
    UnknownDecisionError,
    UnknownModelError,
    UnknownTaskTypeError,
)

PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}
CONFIG = {"models": {"small": PRICED, "large": {**PRICED, "context_tokens": 10_000}}}
NOT_NUMBERS = [math.nan, math.inf, -math.inf, -1e-9, -1, "1", b"1", True, [1], {}, 1j]
COUNTS = ["input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"]


@pytest.fixture
def selector(tmp_path):
    with Selector.open(CONFIG, state=tmp_path / "state", seed=1, clock=lambda: 1.7e9) as opened:
        yield opened


def state_of(selector):
    rows = selector.beliefs().drop_columns(["updated_at"]).to_pylist()
    return rows, selector.status().n_outcomes, selector.status().n_judged, selector.status().n_pending


class TestTheOutcomeItself:
    @pytest.mark.parametrize("field", [*COUNTS, "cost_usd", "latency_s", "score", "quality"])
    @pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
    def test_what_is_no_amount_is_refused_with_its_name(self, field, value):
        with pytest.raises(InvalidOutcomeError, match=f"Outcome.{field} must be"):
            Outcome(**{field: value})

    @pytest.mark.parametrize("field", COUNTS)
    @pytest.mark.parametrize("value", [0.5, 850.0, 10**16, 2**70])
    def test_tokens_are_whole_numbers_that_can_be(self, field, value):
        with pytest.raises(InvalidOutcomeError, match="whole number"):
            Outcome(**{field: value})

    @pytest.mark.parametrize(("field", "value"), [("score", 1.01), ("score", 7), ("quality", 0), ("quality", 10.5)])
    def test_a_grade_out_of_its_range_is_refused(self, field, value):
        with pytest.raises(InvalidOutcomeError, match=f"Outcome.{field} must be a number from"):
            Outcome(**{field: value})

    @pytest.mark.parametrize(
        "given",
        [
            {"success": 1},
            {"success": "yes"},
            {"success": True, "score": 1},
            {"quality": 7, "score": 0.5},
            {"source": "human"},
            {"source": " ", "score": 1},
            {"source": 3, "score": 1},
            {"error": "timeuot"},
            {"error": 429},
            {"error": "timeout", "score": 0},
            {"retracted": True},
            {"retracted": True, "source": "human", "score": 1},
            {"retracted": 1, "source": "human"},
            {"route": ""},
            {"route": 7},
            {"at": "yesterday", "score": 1},
            {"at": 1.7e9, "score": 1},
            {"cost_usd": 1e12},
        ],
        ids=str,
    )
    def test_what_contradicts_itself_is_refused(self, given):
        with pytest.raises(InvalidOutcomeError, match=r"Outcome\."):
            Outcome(**given)

    def test_a_failure_that_was_mistyped_names_the_nearest(self):
        with pytest.raises(InvalidOutcomeError, match="did you mean 'timeout'"):
            Outcome(error="timeuot")

    def test_numbers_of_numpy_are_numbers(self, selector):
        one = Outcome(output_tokens=np.int64(850), cost_usd=np.float64(0.25), score=np.float32(0.5))
        selector.record(selector.select(Task("coding")), one)
        assert selector.status().n_judged == 1


class TestRecording:
    @pytest.mark.parametrize(
        "outcome", [{"score": 1}, 1, None, True, "good", ["score", 1], Outcome], ids=lambda x: type(x).__name__
    )
    def test_what_is_no_outcome_is_refused_and_counts_not(self, selector, outcome):
        decision = selector.select(Task("coding"))
        before = state_of(selector)
        with pytest.raises(InvalidOutcomeError, match="write Outcome"):
            selector.record(decision, outcome)
        assert state_of(selector) == before

    def test_an_outcome_that_says_nothing_is_refused(self, selector):
        with pytest.raises(InvalidOutcomeError, match="says nothing"):
            selector.record(selector.select(Task("coding")), Outcome())

    @pytest.mark.parametrize("id_", ["", "x", "0-0", "../../etc/passwd", "a" * 10_000, "\0", "\ud800"])
    def test_an_unknown_decision_is_refused_by_record_and_explain(self, selector, id_):
        with pytest.raises(UnknownDecisionError):
            selector.record(id_, Outcome(score=1))
        with pytest.raises(UnknownDecisionError):
            selector.explain(id_)

    @pytest.mark.parametrize("id_", [None, 7, b"x", ("a",), Task("coding")], ids=lambda x: type(x).__name__)
    def test_what_is_no_decision_is_refused_by_record_and_explain(self, selector, id_):
        with pytest.raises(UnknownDecisionError, match="a decision"):
            selector.record(id_, Outcome(score=1))
        with pytest.raises(UnknownDecisionError, match="a decision"):
            selector.explain(id_)

    def test_the_next_number_of_this_process_is_not_a_decision_yet(self, selector):
        decision = selector.select(Task("coding"))
        writer, _, number = decision.id.rpartition("-")
        with pytest.raises(UnknownDecisionError):
            selector.record(f"{writer}-{int(number, 16) + 1:08x}", Outcome(score=1))

    @pytest.mark.parametrize("route", ["smal", "small@nowhere", "tag:x", "auto", "purpose:lead", "@", "small@"])
    def test_a_route_that_nobody_has_is_refused_and_counts_not(self, selector, route):
        decision = selector.select(Task("coding"))
        before = state_of(selector)
        with pytest.raises(InvalidOutcomeError, match=r"Outcome\.route"):
            selector.record(decision, Outcome(route=route, score=1, output_tokens=5))
        assert state_of(selector) == before

    def test_a_mistyped_route_names_the_nearest(self, selector):
        with pytest.raises(InvalidOutcomeError, match="did you mean 'small'"):
            selector.record(selector.select(Task("coding")), Outcome(route="smal", score=1))

    def test_a_report_that_is_refused_in_part_counts_in_no_part(self, selector):
        """The usage is right and new; the retraction is of what was never said."""
        decision = selector.select(Task("coding", input_tokens=100))
        before = state_of(selector)
        with pytest.raises(InvalidOutcomeError):
            selector.record(decision, Outcome(output_tokens=850, cost_usd=7.5, retracted=True, source="human"))
        assert state_of(selector) == before


class TestSelecting:
    def test_a_word_is_no_task_and_the_error_says_what_to_write(self, selector):
        with pytest.raises(ConfigError, match=r"write Task\('coding'\)"):
            selector.select("coding")

    @pytest.mark.parametrize(
        "task", [None, {"type": "coding"}, 7, Task, Outcome(score=1)], ids=lambda x: type(x).__name__
    )
    def test_what_is_no_task_is_refused(self, selector, task):
        with pytest.raises(ConfigError, match="a task is a Task"):
            selector.select(task)

    @pytest.mark.parametrize("only", [["smal"], ["small@nowhere"], ["tag:x"]])
    def test_an_only_that_names_nobody_is_refused(self, selector, only):
        with pytest.raises(ConfigError, match=r"Task\.only"):
            selector.select(Task("coding", only=only))

    def test_a_purpose_that_is_not_configured_is_refused(self, selector):
        with pytest.raises(ConfigError, match=r"Task\.purpose"):
            selector.select(Task("coding", purpose="lead"))

    def test_a_task_that_nobody_may_serve_says_why_model_by_model(self, selector):
        with pytest.raises(NoEligibleModelError) as refused:
            selector.select(Task("coding", only=["large"], input_tokens=20_000))
        assert set(refused.value.reasons) == {"small", "large"}
        assert refused.value.reasons["small"].startswith("not_in_only")
        assert refused.value.reasons["large"].startswith("context_too_small")

    def test_a_refused_task_is_no_decision_and_leaves_nothing_behind(self, selector):
        for task in (Task("coding", only=["smal"]), Task("other", only=["large"], input_tokens=20_000)):
            with pytest.raises(SelectorError):
                selector.select(task)
        assert (selector.status().n_decisions, selector.status().n_pending) == (0, 0)
        selector.select(Task("coding"))
        assert selector.status().n_decisions == 1

    def test_a_type_without_a_worth_is_refused_where_worth_decides(self, tmp_path):
        config = {**CONFIG, "objective": "worth_usd", "task_types": {"coding": {"worth_usd": 0.5}}}
        with Selector.open(config, state=tmp_path / "worth", seed=1) as selector:
            with pytest.raises(UnknownTaskTypeError, match="codign"):
                selector.select(Task("codign"))
            assert selector.select(Task("coding")).task_type == "coding"

    @pytest.mark.parametrize("type_", ["a b", "ü" * 500, "x\ny", "\ud800"])
    def test_a_type_is_any_word_or_refused_and_never_breaks_what_follows(self, selector, type_):
        try:
            decision = selector.select(Task(type_))
        except ConfigError:
            return
        selector.record(decision, Outcome(score=1))
        selector.flush()
        assert selector.status().n_unlogged == 0
        assert selector.status().trouble is None
        assert type_ in selector.beliefs()["task_type"].to_pylist()


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, 2**70, float("nan"), b"x", "\ud800", {"deep": [object()]}],
    ids=["object", "set", "large", "nan", "bytes", "half of a character", "deep"],
)
def test_facts_of_any_kind_are_written_or_refused_and_never_break_what_follows(tmp_path, value):
    """A background thread writes decisions down: what it cannot write must be refused before, or written otherwise."""
    with Selector.open(CONFIG, state=tmp_path / "state", seed=1) as selector:
        try:
            selector.select(Task("coding", metadata={"fact": value}))
        except ConfigError:
            return
        after = selector.select(Task("coding"))
        selector.flush()
        assert selector.status().n_unlogged == 0
    with Selector.open(CONFIG, state=tmp_path / "state", seed=1) as selector:
        assert after.id in selector.explain(after.id)


class TestClosed:
    def test_what_was_closed_says_so_and_may_be_closed_again(self, tmp_path):
        selector = Selector.open(CONFIG, state=tmp_path / "closed", seed=1)
        decision = selector.select(Task("coding"))
        selector.close()
        selector.close()
        with pytest.raises(StateError, match="closed; open it again"):
            selector.select(Task("coding"))
        with pytest.raises(StateError, match="closed; open it again"):
            selector.record(decision, Outcome(score=1))

    def test_what_was_closed_can_still_be_looked_at_or_says_that_it_is_closed(self, tmp_path):
        selector = Selector.open(CONFIG, state=tmp_path / "closed", seed=1)
        decision = selector.select(Task("coding"))
        selector.record(decision, Outcome(score=1))
        selector.close()
        assert selector.status().n_outcomes == 1
        assert selector.beliefs().num_rows == 2
        assert decision.id in selector.explain(decision)
        for look in (selector.flush, lambda: selector.explain(decision.id)):
            try:
                look()
            except StateError as error:
                assert "closed" in str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, float("nan")])
def test_a_seed_is_a_whole_number(tmp_path, seed):
    with pytest.raises(ConfigError, match="seed must be"):
        Selector.open(CONFIG, state=tmp_path / "state", seed=seed)


@pytest.mark.parametrize(
    "source", [7, ["small"], b"selector.yaml", "selector.txt", "missing.yaml", {}, {"models": {}}, True]
)
def test_what_is_no_configuration_is_refused_and_no_folder_is_made(tmp_path, source):
    with pytest.raises(ConfigError):
        Selector.open(source, state=tmp_path / "state")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({**CONFIG, "last_resort": "lama"}, UnknownModelError),
        ({**CONFIG, "objective": {"no_worse_than": {"model": "opus"}}}, UnknownModelError),
        ({**CONFIG, "policy": {"name": "fixed", "model": "opus"}}, UnknownModelError),
        ({**CONFIG, "policy": "thomson"}, ConfigError),
        ({**CONFIG, "budgets": [{"usd": 5}]}, ConfigError),
    ],
)
def test_a_configuration_that_names_nobody_is_refused_and_no_folder_is_made(tmp_path, config, error):
    with pytest.raises(error):
        Selector.open(config, state=tmp_path / "state")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("state", [7, b"state", ""])
def test_a_state_folder_is_a_path(tmp_path, monkeypatch, state):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ConfigError, StateError), match="state"):
        Selector.open(CONFIG, state=state)
    assert list(tmp_path.iterdir()) == []
