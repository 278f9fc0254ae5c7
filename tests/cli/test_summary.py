"""What each model did, summed up: counts, rates, means, on every kind of task, each fact once."""

import json

import pytest

from selector import Failure, Outcome, Selector, Task

NOTHING = {
    "n_attempts": 0,
    "n_completions": 0,
    "n_judged": 0,
    "success_rate": None,
    "quality": None,
    "mean_latency_s": None,
    "total_latency_s": None,
    "mean_input_tokens": None,
    "mean_output_tokens": None,
    "total_input_tokens": None,
    "total_output_tokens": None,
    "n_escalations": 0,
    "escalation_rate": None,
    "mean_cost_usd": None,
    "total_cost_usd": None,
    "failures": {},
}


@pytest.fixture
def report(shop):
    """Choose a model for a task, and report what came of it."""

    def tell(*outcomes, task_type="coding", **task):
        with Selector.open(state=shop / "selector-state") as selector:
            decision = selector.select(Task(task_type, input_tokens=1_000, **task))
            for outcome in outcomes:
                selector.record(decision, outcome)
            return decision

    return tell


def test_before_anything_was_decided_every_number_is_null_or_zero(run):
    code, out, _ = run("summary", "--json")
    found = json.loads(out)
    assert (code, found["schema"]) == (0, "selector.summary/1")
    assert list(found["models"]) == ["small", "large", "old"]
    for entry in found["models"].values():
        assert entry == {"configured": True, **NOTHING, "task_types": {}}
    assert found["summary"] == {
        "n_decisions": 0,
        "n_pending": 0,
        "first_at": None,
        "last_at": None,
        "is_whole": True,
        **NOTHING,
        "task_types": {},
    }


def test_what_was_reported_is_counted_once_and_corrections_as_they_were_corrected(run_json, report):
    usage = Outcome(input_tokens=1_000, output_tokens=200, latency_s=4.0, cost_usd=0.01)
    report(usage, usage, Outcome(success=True, source="tests"))
    report(
        Outcome(output_tokens=400, latency_s=2.0),
        Outcome(quality=10, source="tests"),
        Outcome(quality=4, source="tests"),
    )
    report(Outcome(score=0.0, source="human"), Outcome(score=1.0, source="implicit"), task_type="chat")
    report()
    found = run_json("summary")
    large = found["models"]["large"]
    assert (large["n_attempts"], large["n_completions"], large["n_judged"]) == (4, 3, 3)
    assert large["success_rate"] == pytest.approx(1 / 3)
    assert large["quality"] == pytest.approx((10 + 4 + 1) / 3), "people are believed before hints"
    assert (large["mean_latency_s"], large["total_latency_s"]) == (3.0, 6.0)
    assert (large["mean_output_tokens"], large["total_output_tokens"]) == (300.0, 600)
    assert large["total_input_tokens"] == 1_000
    assert large["total_cost_usd"] >= 0.01
    coding, chat = large["task_types"]["coding"], large["task_types"]["chat"]
    assert (coding["n_judged"], coding["success_rate"], coding["quality"]) == (2, 0.5, 7.0)
    assert (chat["n_judged"], chat["quality"], chat["mean_latency_s"]) == (1, 1.0, None)
    assert coding.keys() == chat.keys() == NOTHING.keys()
    summary = found["summary"]
    assert (summary["n_decisions"], summary["n_pending"]) == (4, 1)
    assert {name: summary[name] for name in NOTHING} == {name: large[name] for name in NOTHING}
    assert summary["task_types"] == large["task_types"]
    assert found["models"]["small"] == {"configured": True, **NOTHING, "task_types": {}}


def test_a_model_that_was_left_for_another_is_escalated_unless_its_route_failed(run_json, report):
    report(Outcome(error=Failure.INVALID_ANSWER), Outcome(success=True, route="small"))
    report(Outcome(error=Failure.OVERLOADED), Outcome(success=True, route="small"))
    report(Outcome(success=False), task_type="chat", id="42")
    report(Outcome(success=True), task_type="chat", id="42", retry_count=1)
    report(Outcome(success=True), task_type="chat", id="43", retry_count=1)
    found = run_json("summary")["models"]
    assert found["large"]["failures"] == {"invalid_answer": 1, "overloaded": 1}
    assert (found["large"]["n_escalations"], found["large"]["escalation_rate"]) == (1, 0.2)
    assert (found["large"]["n_completions"], found["small"]["n_completions"]) == (3, 2)
    assert (found["small"]["n_escalations"], found["small"]["success_rate"]) == (0, 1.0)


def test_a_task_that_is_decided_again_at_another_model_is_an_escalation(run_json, report, shop):
    report(Outcome(success=False), id="7")
    file = shop / "selector.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("model: large", "model: small"), encoding="utf-8")
    report(Outcome(success=True), id="7", retry_count=1)
    found = run_json("summary")["models"]
    assert (found["large"]["n_escalations"], found["small"]["n_escalations"]) == (1, 0)


def test_a_renamed_model_has_its_history_and_one_that_is_gone_stays_in_sight(run_json, report, shop):
    report(Outcome(success=True))
    text = (shop / "selector.yaml").read_text(encoding="utf-8")
    renamed = text.replace("  large: {", "  grand: {was: large, ").replace("model: large", "model: grand")
    (shop / "selector.yaml").write_text(renamed, encoding="utf-8")
    found = run_json("summary")["models"]
    assert list(found) == ["small", "grand", "old"]
    assert found["grand"]["n_completions"] == 1
    (shop / "selector.yaml").write_text(renamed.replace("was: large, ", ""), encoding="utf-8")
    found = run_json("summary")["models"]
    assert list(found) == ["small", "grand", "old", "large"]
    assert (found["large"]["configured"], found["large"]["n_completions"]) == (False, 1)


def test_what_was_dropped_from_the_log_is_not_counted_and_that_is_told(run, run_json, report, shop):
    report(Outcome(success=True))
    (shop / "selector-state" / "log" / "dropped.json").write_text("{}", encoding="utf-8")
    assert run_json("summary")["summary"]["is_whole"] is False
    assert "was dropped from the log, and is not counted" in run("summary")[2]


def test_people_see_a_table_and_may_ask_for_one_model_and_one_kind_of_task(run, run_json, report):
    report(Outcome(success=True, output_tokens=100, latency_s=2))
    report(Outcome(success=True, output_tokens=100), task_type="chat")
    code, out, _ = run("summary", "-v")
    assert code == 0
    assert "2 decisions" in out
    assert "100%" in out
    assert "  chat" in out
    found = run_json("summary", "--model", "large", "--type", "chat")
    assert (list(found["models"]), list(found["models"]["large"]["task_types"])) == (["large"], ["chat"])
    assert run("summary", "--model", "lrge")[0] == run("summary", "--type", "chta")[0] == 2
    assert "did you mean 'large'" in run("summary", "--model", "lrge")[2]
