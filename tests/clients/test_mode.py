"""How far the selector is in charge: off, watching, serving a share of the tasks, on."""

import pytest

from selector import Outcome, Selector, Task
from selector.errors import ConfigError
from selector.records import Basis

PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 1_000, "context_tokens": 50_000}
MODELS = {"today": {**PRICED, "usd_per_mtok_out": 20}, "small": PRICED, "tiny": PRICED}
OBJECTIVE = {"no_worse_than": {"model": "today", "by": 0.1}}


@pytest.fixture
def opened(tmp_path):
    """Open selectors in a mode, each in a folder of its own."""
    found = []

    def open_(mode, **more):
        config = {"models": MODELS, "objective": OBJECTIVE, "mode": mode, **more}
        found.append(Selector.open(config, state=tmp_path / f"state{len(found)}", seed=3, clock=lambda: 1.7e9))
        return found[-1]

    yield open_
    for each in found:
        each.close()


@pytest.mark.parametrize("task", [{}, {"input_tokens": 400}, {"prompt": "Sort these.", "labels": ["x"]}], ids=str)
@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_the_model_of_today_serves_with_probability_one(opened, mode, task):
    selector = opened(mode, budgets=[{"usd": 1, "per": "day"}])
    for _ in range(20):
        decision = selector.select(Task("coding", **task))
        assert (decision.model, decision.reason, decision.propensity) == ("today", Basis.INCUMBENT, 1)
        assert decision.held_usd > 0
        selector.record(decision, Outcome(output_tokens=10, score=1))
    assert selector.status().n_outcomes == 20


def test_what_would_have_been_chosen_is_logged_with_its_probability_and_told(opened):
    selector = opened("shadow")
    decisions = [selector.select(Task("coding", input_tokens=400)) for _ in range(200)]
    selector.flush()
    shadows = [
        next(e for e in selector._core.state.find(d.id) if e["kind"] == "decision")["shadow"] for d in decisions[:40]
    ]
    assert {s["model"] for s in shadows} > {"today"} or len({s["model"] for s in shadows}) > 1
    assert all(0 < s["propensity"] <= 1 for s in shadows)
    assert "shadow: would have chosen" in str(decisions[0])
    assert "shadow: would have chosen" in selector.explain(decisions[0].id)


def test_off_chooses_nothing_and_notes_nothing(opened):
    selector = opened("off")
    decision = selector.select(Task("coding"))
    selector.flush()
    (event,) = (e for e in selector._core.state.find(decision.id) if e["kind"] == "decision")
    assert "shadow" not in event
    assert "would have" not in str(decision).replace("would be", "")


def test_a_refusal_that_would_have_been_is_noted_and_today_s_model_serves(opened):
    rule = {"name": "none", "condition": "priority == 9", "forbid": list(MODELS)}
    decision = opened("shadow", rules=[rule]).select(Task("coding", priority=9))
    assert decision.model == "today"
    assert "would have refused" in str(decision)


def test_a_share_is_served_and_the_rest_is_today_s(opened):
    """Of 1,000 tasks 300 are expected to be the selector's; 4.5 sd are 65: one seed in 100,000."""
    selector = opened({"share": "30%"})
    decisions = [selector.select(Task("coding", id=f"task-{i}")) for i in range(1_000)]
    ours = [d for d in decisions if d.reason is not Basis.RULE]
    assert abs(len(ours) - 300) < 65
    assert {d.model for d in decisions if d.reason is Basis.RULE} == {"today"}
    for decision in decisions[:50]:
        assert sum(decision.probabilities.values()) == pytest.approx(1)
        assert decision.probabilities["today"] >= 0.7 - 1e-12
    again = selector.select(Task("coding", id="task-0"))
    assert (again.reason is Basis.RULE) == (decisions[0].reason is Basis.RULE)


@pytest.mark.parametrize("mode", ["off", "shadow", {"share": 0.5}], ids=str)
def test_without_a_model_of_today_it_is_refused_with_the_remedy(tmp_path, mode):
    with pytest.raises(ConfigError, match="no_worse_than"):
        Selector.open({"models": MODELS, "mode": mode}, state=tmp_path / "state")


def test_a_default_model_is_the_one_of_today_where_no_other_is_named(tmp_path):
    config = {"models": MODELS, "mode": "off", "default_model": "small"}
    with Selector.open(config, state=tmp_path / "state") as selector:
        assert selector.select(Task("x")).model == "small"


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_nothing_is_held_where_there_is_no_hard_budget(opened, mode):
    decision = opened(mode).select(Task("x", input_tokens=10, max_cost_usd=1.0))
    assert (decision.model, decision.held_usd) == ("today", 0)
