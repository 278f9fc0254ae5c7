"""S3.4, S3.6 end to end: routine work is overridden, a failing worker is escalated, three failures block the task."""

import json

import pytest

from selector import Failure, Selector, Task
from selector.errors import AllAttemptsFailedError
from selector.testing import FakeProvider, Fault
from tests.config.formats.fragments import ORCHESTRATOR

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")

EXTERNAL = ("deepseek", "minimax", "kimi", "glm")
HARD = {"complexity": "complex", "suggested_model": "haiku"}
ROUTINE = {"complexity": "simple", "suggested_model": "opus"}


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Open the document as its file, over workers that do as is said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    begun = []

    def open_(claude, external="done"):
        file = tmp_path / "orchestrator_config.json"
        file.write_text(ORCHESTRATOR, encoding="utf-8")
        fakes = {name: FakeProvider(external) for name in (*EXTERNAL, "gemini")}
        fakes["claude-code"] = FakeProvider(claude)
        begun.append(Selector.open(file, state=tmp_path / "state", seed=1, providers=fakes))
        return begun[-1]

    yield open_
    for each in begun:
        each.close()


def tried(run):
    return [each.model for each in run.attempts]


def test_s3_6_a_failing_worker_is_escalated_to_sonnet_and_opus(opened):
    selector = opened([Fault(500), Fault(500), "by opus"])
    run = selector.run(Task("coding", prompt="Sort these.", metadata=HARD))
    assert (run.text, tried(run)) == ("by opus", ["haiku", "sonnet", "opus"])


@pytest.mark.parametrize("worker", EXTERNAL)
def test_s3_6_an_external_worker_is_escalated_likewise(opened, worker):
    selector = opened([Fault(500), "by opus"], external=Fault(500))
    run = selector.run(Task("coding", prompt="Sort these.", metadata={**HARD, "suggested_model": worker}))
    assert (run.text, tried(run)) == ("by opus", [worker, "sonnet", "opus"])


def test_s3_6_work_that_is_refused_is_escalated_too(opened):
    """The answer comes, and a review says that it is wrong."""
    selector = opened(["nonsense", "right"])
    run = selector.run(Task("coding", prompt="Sort these.", metadata=HARD), check=lambda text: text == "right")
    assert (run.text, tried(run)) == ("right", ["haiku", "sonnet"])
    assert run.attempts[0].failure is Failure.INVALID_ANSWER


def test_s3_6_after_three_failures_the_task_is_blocked(opened):
    selector = opened(Fault(500), external=Fault(500))
    with pytest.raises(AllAttemptsFailedError) as caught:
        selector.run(Task("coding", prompt="Sort these.", metadata={**HARD, "suggested_model": "deepseek"}))
    assert (caught.value.run.status, tried(caught.value.run)) == ("blocked", ["deepseek", "sonnet", "opus"])
    [blocked] = selector.run_many([Task("coding", prompt="Sort these.", metadata=HARD)])
    assert (blocked.status, len(blocked.attempts)) == ("blocked", 3)


def test_s3_4_an_override_an_escalation_of_it_and_an_escalation_that_is_left_alone(opened):
    """Simple work that was meant for opus goes to a cheap worker; where that fails, it is escalated after all."""
    selector = opened("by claude", external=Fault(500))
    run = selector.run(Task("coding", prompt="Sort these.", metadata=ROUTINE))
    assert tried(run)[0] in EXTERNAL
    assert tried(run)[1:] == ["sonnet"]
    escalated = selector.run(Task("coding", prompt="Sort these.", metadata=ROUTINE, labels=["escalation"]))
    assert tried(escalated) == ["opus"]
    assert json.loads(ORCHESTRATOR)["fallback_chain"]["deepseek"] == ["sonnet", "opus"]
