"""One command gives every reason why a model is not used, whatever the reason is, and what would change that."""

import pytest

from selector import Selector
from selector.cli._reading import now
from selector.records import Failure, HealthSeen

HEAD = """\
providers:
  work: {kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: env:WORK_KEY}
  spare: {kind: openai, base_url: "http://127.0.0.1:9/v1"}
models:
  small: {provider: spare, usd_per_mtok_in: 1, usd_per_mtok_out: 1}
"""
PRICED = "usd_per_mtok_in: 9, usd_per_mtok_out: 9, max_output_tokens: 1000, context_tokens: 8000"


@pytest.fixture
def asked(run_json, shop, monkeypatch):
    """Write a configuration with a large model, and ask why it is used or not."""
    monkeypatch.setenv("WORK_KEY", "never-shown")

    def ask(large=f"{{provider: work, {PRICED}}}", rest="task_types: [coding]", *arguments):
        (shop / "selector.yaml").write_text(f"{HEAD}  large: {large}\n{rest}\n", encoding="utf-8")
        return run_json("why", "large", "-q", *arguments)

    return ask


def reasons(found, route="large"):
    (entry,) = found["types"]
    (against,) = [each["reasons"] for each in entry["against"] if each["route"].startswith(route)]
    return [reason.partition(" (")[0] for reason in against]


def test_every_reason_is_given_and_not_the_first_alone(asked):
    large = f"{{provider: work, enabled: false, {PRICED}}}"
    rest = """\
task_types: {coding: {needs: [vision], only: [small]}}
budgets: [{usd: 0.000001, per: day}]
rules: [{name: never, condition: priority >= 0, forbid: [large]}]
"""
    found = asked(large, rest, "--input-tokens", "20000")
    said = {"disabled", "missing_capability", "not_in_only", "forbidden_by_rule", "context_too_small", "over_budget"}
    assert said <= set(reasons(found))
    (entry,) = found["types"]
    assert len(entry["remedies"]) >= len(said)
    assert not any(remedy.startswith("see ") for remedy in entry["remedies"])
    assert [each["reason"] for each in found["always"]] == ["disabled"]


def test_a_key_that_is_not_there_is_named_and_never_shown(asked, monkeypatch):
    assert asked()["always"] == []
    monkeypatch.delenv("WORK_KEY")
    (found,) = asked()["always"]
    assert (found["reason"], found["route"]) == ("no_credentials", "large@work")
    assert "providers.work.api_key: the variable WORK_KEY is not set" in found["detail"]


def test_an_unknown_price_is_a_reason_under_a_budget_in_dollars(asked):
    found = asked("{provider: work}", "task_types: [coding]\nbudgets: [{usd: 5, per: day}]")
    assert [each["reason"] for each in found["always"]] == ["unknown_cost"]
    assert "usd_per_mtok_in" in found["always"][0]["remedy"]
    assert "unknown_cost" in reasons(found)


@pytest.mark.parametrize(
    ("rest", "reason", "said"),
    [
        ("mode: off\nobjective: {no_worse_than: {model: small}}", "mode", "the model of today, small, serves all"),
        ("policy: {name: fixed, model: small}", "policy", "fixed to small"),
    ],
)
def test_that_somebody_else_serves_all_is_a_reason(asked, rest, reason, said):
    (found,) = asked(rest=f"task_types: [coding]\n{rest}")["always"]
    assert found["reason"] == reason
    assert said in found["detail"]


def test_a_default_model_leaves_nothing_for_the_others(asked):
    (entry,) = asked(rest="task_types: [coding]\ndefault_model: small")["types"]
    (other,) = entry["others"]
    assert (entry["probability"], other["reason"]) == (0, "forced")
    assert "small" in other["detail"]


@pytest.mark.parametrize(
    ("failure", "n", "for_s", "reason", "said"),
    [
        (Failure.OVERLOADED, 1, 120, "unhealthy", "until"),
        (Failure.QUOTA_EXHAUSTED, 1, 7_200, "over_quota", "until"),
        (Failure.CONNECTION, 5, None, "unhealthy", "connection"),
    ],
    ids=["cooling", "quota spent", "breaker open"],
)
def test_a_route_that_cannot_serve_just_now_says_why(asked, shop, failure, n, for_s, reason, said):
    asked()
    at_s = now()
    until_s = None if for_s is None else at_s + for_s
    with Selector.open(state=shop / "selector-state") as selector:
        for _ in range(n):
            health = HealthSeen(route="large@work", at_s=at_s, failure=failure, until_s=until_s)
            selector._core.saw(health, [], began_s=at_s)
        selector.flush()
    found = asked()
    assert reasons(found) == [reason]
    (entry,) = found["types"]
    assert entry["excluded"].startswith(reason)
    assert said in entry["against"][0]["reasons"][0]
    assert not entry["remedies"][0].startswith("see ")


def test_thin_evidence_is_told_and_what_would_make_it_the_best(asked, run):
    (entry,) = asked(rest="task_types: [coding]\nobjective: {no_worse_than: {model: large}}")["types"]
    assert entry["thin"] is True
    assert entry["needed"]["cost_usd"] > 0
    out = run("why", "large")[1]
    assert "the evidence is thin: 0 outcomes of 8, and 100 % of what is believed is prior" in out


def test_the_place_in_a_chain_is_told_as_configured_and_as_learnt(asked, run):
    rest = "task_types: [coding]\nchains: {default: [large, small]}\nlearnt_chains: true\ndefault_model: small"
    (entry,) = asked(rest=rest)["types"]
    assert entry["chain"]["configured"] == ["large@work", "small@spare"]
    assert (entry["chain"]["in_force"], entry["chain"]["learnt"], entry["chain"]["place"]) == (
        ["large@work", "small@spare"],
        True,
        1,
    )
    assert "chain in learnt order: large@work (where it was written: 0 outcomes of 8)" in run("why", "large")[1]


def test_people_read_every_reason_with_its_remedy(asked, run, monkeypatch):
    monkeypatch.delenv("WORK_KEY")
    large = f"{{provider: work, enabled: false, {PRICED}}}"
    asked(large, "task_types: {coding: {needs: [vision]}}")
    code, out, _ = run("why", "large")
    assert code == 0
    for line in (
        "on every task: disabled",
        "on every task: large@work: no_credentials: providers.work.api_key: the variable WORK_KEY is not set",
        "coding: never chosen, for each of these reasons",
        "    missing_capability (vision)",
        "to change that: set models.large.enabled to true",
    ):
        assert line in out


def test_a_model_is_found_by_its_old_name_too(asked, run_json):
    asked(f"{{provider: work, {PRICED}, was: [big, huge]}}")
    assert run_json("why", "huge", "-q")["model"] == "large"
