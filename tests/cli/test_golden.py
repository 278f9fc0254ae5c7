"""The JSON of every command has the documented keys and values; ``SELECTOR_GOLDEN=write`` writes them anew."""

import json

import pytest

from selector import Selector, Task


def test_init(run_json, golden, monkeypatch):
    monkeypatch.setenv("MISTRAL_API_KEY", "never written")
    golden("init", run_json("init", "--baseline", "mistral-large", "--output", "first.yaml"))


def test_validate(run_json, golden):
    golden("validate", run_json("validate"))


def test_models(run_json, golden):
    golden("models", run_json("models"))


def test_select(run_json, golden):
    asked = ("--label", "docs", "--metadata", "user=ada", "--input-tokens", "1200", "--max-output-tokens", "300")
    golden("select", run_json("select", "coding", *asked))


def test_record(run_json, golden, chosen):
    (id_,) = chosen()
    asked = ["--score=0.5", "--source=tests", "--output-tokens=300", "--latency-s=2.5", "--cost-usd=0.01"]
    first = run_json("record", id_, *asked)
    golden("record", first)
    assert run_json("record", id_, *asked) == first | {"is_news": False}


def test_explain(run_json, golden, chosen):
    (id_,) = chosen("coding", 1, "--metadata", "user=ada", "--label", "docs", "--session", "s1", "--task-id", "t1")
    run_json("record", id_, "--success", "--source", "tests", "--output-tokens", "300")
    run_json("record", id_, "--failure", "--source", "human")
    golden("explain", run_json("explain", id_))


def test_explain_of_a_decision_made_from_the_same_table(run_json):
    """Of decisions between two updates of the beliefs, the first is told with the table; the others refer to it."""
    with Selector.open("selector.yaml") as selector:
        ids = [selector.select(Task("coding")).id for _ in range(2)]
    one, other = (run_json("explain", id_) for id_ in ids)
    assert one["candidates"] == other["candidates"]
    assert {each["model"] for each in one["candidates"]} == {"small", "large"}


def test_why(run_json, golden, chosen):
    for id_ in chosen("coding", 3):
        run_json("record", id_, "--failure", "--output-tokens", "300")
    golden("why", run_json("why", "small"))


def test_beliefs(run_json, golden, chosen):
    for id_ in chosen("coding", 3):
        run_json("record", id_, "--success", "--output-tokens", "300")
    golden("beliefs", run_json("beliefs", "--type", "coding"))


def test_status(run_json, golden, chosen):
    ids = chosen("coding", 2)
    run_json("record", ids[0], "--success", "--output-tokens", "300")
    golden("status", run_json("status"))


def test_budget(run_json, golden, chosen):
    (id_,) = chosen()
    run_json("record", id_, "--cost-usd", "0.25")
    golden("budget", run_json("budget"))


def test_rebuild(run_json, golden, chosen):
    (id_,) = chosen()
    run_json("record", id_, "--success", "--output-tokens", "300")
    found = run_json("rebuild")
    assert isinstance(found.pop("where"), str | None)  # whatever was rounded most, if anything was
    golden("rebuild", found)


def test_forget(run_json, golden, chosen):
    chosen("coding", 2, "--metadata", "user=ada")
    golden("forget", run_json("forget", "--metadata", "user=ada", "--yes"))


@pytest.mark.slow
def test_demo(run_json, shop):
    found = run_json("demo", "--tasks", "100", "--seeds", "1", "--output", "pictures")
    assert found["schema"] == "selector.demo/1"
    assert found["pictures"] == ["pictures/frontier.svg", "pictures/learnt.svg"]
    assert all("<svg" in (shop / each).read_text(encoding="utf-8") for each in found["pictures"])
    assert {row["budget_usd_per_request"] for row in found["rows"]} == {0.1, 0.2, 0.5}
    assert {row["policy"] for row in found["rows"]} == {"thompson", "greedy", "epsilon_greedy", "uniform"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("error_usage", ("select",)),
        ("error_model", ("why", "smal")),
        ("error_nobody", ("select", "coding", "--needs", "vision")),
    ],
)
def test_errors_are_one_line_and_then_one_line_of_json(run, golden, name, arguments):
    code, out, err = run(*arguments, "-q", "--json")
    line, written = err.splitlines()
    found = json.loads(written)
    assert (out, line) == ("", f"selector: {found['message']}")
    assert found["exit_code"] == code
    golden(name, found)
