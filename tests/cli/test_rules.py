"""`selector rules test` and `selector why MODEL --task`: what fires for a task, and every reason against a model."""

import json

import pytest

RULES = """\
policy: {name: fixed, model: large}
timezone: Europe/Berlin
providers:
  home: {kind: openai, base_url: "http://localhost:1/v1", data: [eu]}
  work: {kind: openai, base_url: "http://localhost:2/v1"}
models:
  small: {usd_per_mtok_in: 0.1, usd_per_mtok_out: 0.4, max_output_tokens: 1000, context_tokens: 8000, tags: [cheap]}
  large: {usd_per_mtok_in: 3, usd_per_mtok_out: 15, max_output_tokens: 1000, capabilities: [tools], tags: [dear]}
  both: {usd_per_mtok_in: 3, usd_per_mtok_out: 15, max_output_tokens: 1000, routes: {home: {}, work: {}}}
  old: {usd_per_mtok_in: 3, usd_per_mtok_out: 15, max_output_tokens: 1000, enabled: false}
task_types: {coding: {}, private: {data: [eu]}}
purposes: {oracle: [large]}
budgets: [{name: day, usd: 0.1, per: day}]
rules:
  - {name: critical, condition: priority == 0, model: large, reason: gets the best}
  - {name: trial, condition: "labels contains 'trial'", model: small, share: 0.3}
  - {name: docs, condition: "labels contains 'docs' and metadata.user == 'ada'", forbid: ["tag:dear"]}
  - {name: night, condition: "hour >= 22 or weekday == 'sun'", only: ["*@home", small]}
"""
NIGHT = ("--at", "2026-03-10T23:30")
NOON = ("--at", "2026-03-10T12:00")


@pytest.fixture
def ruled(shop):
    """Write rules into the shop's configuration; a call puts one text in place of another."""
    file = shop / "selector.yaml"
    file.write_text(RULES, encoding="utf-8")

    def put(old, new):
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    return put


@pytest.fixture
def tested(run_json, ruled):  # noqa: ARG001 - it wrote the rules
    """Try the rules on a task, given by its fields."""

    def ask(*arguments, **fields):
        task = {"type": "coding", "input_tokens": 100, **fields}
        return run_json("rules", "test", "-q", "--task", json.dumps(task), *(arguments or NOON))

    return ask


@pytest.fixture
def against(run_json, ruled):  # noqa: ARG001 - likewise
    """Ask for every reason against a model for one task: words by route."""

    def ask(model, *arguments, **fields):
        task = {"type": "coding", "input_tokens": 100, **fields}
        (found,) = run_json("why", model, "-q", "--task", json.dumps(task), *(arguments or NOON))["types"]
        return {each["route"]: each["reasons"] for each in found["against"]}

    return ask


def outcomes(found):
    return {each["rule"]: each["outcome"] for each in found["rules"]}


def test_rules(tested, golden):
    found = tested(*NIGHT, labels=["docs", "trial"], metadata={"user": "ada"}, id="t-1")
    (both,) = (each for each in found["may_serve"] if each["model"] == "both")
    assert both.pop("route") in {"both@home", "both@work"}  # equals: drawn by chance
    golden("rules", found)


@pytest.mark.usefixtures("ruled")
def test_why_of_a_task(run_json, golden):
    task = {"type": "private", "priority": 1, "labels": ["docs"], "metadata": {"user": "ada"}, "input_tokens": 100}
    golden("why_task", run_json("why", "large", "-q", "--task", json.dumps(task), *NOON))


def test_the_first_rule_that_fires_ends_the_search(tested):
    found = tested(priority=0, labels=["docs"])
    assert outcomes(found) == {
        "critical": "fired",
        "trial": "not_reached",
        "docs": "not_reached",
        "night": "not_reached",
    }
    assert found["rules"][0]["leaves"][0]["values"] == {"priority": 0}
    assert (found["applied"], found["chosen"]["model"]) == ("model large by critical", "large")
    assert found["chosen"] == {"model": "large", "route": "large", "reason": "rule", "probability": 1.0}


def test_all_rules_that_fire_are_told_where_all_count(tested, ruled):
    ruled("rules:\n", "rules_match: all\nrules:\n")
    found = tested(*NIGHT, labels=["docs"], metadata={"user": "ada"})
    assert [rule for rule, what in outcomes(found).items() if what == "fired"] == ["docs", "night"]
    assert found["match"] == "all"


@pytest.mark.parametrize(
    ("at", "hour", "fires"),
    [
        ("2026-03-10T21:59", 21, False),
        ("2026-03-10T22:00", 22, True),
        ("2026-03-10T21:30+00:00", 22, True),  # half past ten in Berlin
        ("2026-03-08T12:00", 12, True),  # a Sunday
        ("2031-03-10T12:00", 12, False),
    ],
)
def test_at_sets_the_clock_that_rules_read_in_the_zone_of_the_configuration(tested, at, hour, fires):
    """The choice itself reads the same clock: the fixed model may not serve at night."""
    found = tested("--at", at)
    night = found["rules"][-1]
    assert night["leaves"][0]["values"] == {"hour": hour}
    assert night["outcome"] == ("fired" if fires else "does_not_hold")
    assert (found["chosen"]["model"] == "large") is not fires


def test_an_experiment_tells_the_arm_of_the_tasks_id_and_the_mixture(tested):
    by_arm = {}
    for n in range(20):
        found = tested("--id", f"t-{n}", *NOON, labels=["trial"])
        by_arm.setdefault(found["arm"], found)
        assert found["rules"][1]["arm"] == found["arm"]
    treated, control = by_arm["treatment"], by_arm["control"]
    assert (outcomes(treated)["trial"], outcomes(control)["trial"]) == ("fired", "control")
    assert (treated["chosen"]["model"], control["chosen"]["model"]) == ("small", "large")
    assert treated["chosen"]["probability"] == pytest.approx(0.3)
    assert control["chosen"]["probability"] == pytest.approx(0.7)


@pytest.mark.usefixtures("ruled")
def test_without_an_id_a_share_is_said_to_fall_anew(run):
    out = run("rules", "test", "--task", '{"type": "coding", "labels": ["trial"]}', *NOON)[1]
    assert "by chance: without an id, each task falls anew" in out


@pytest.mark.usefixtures("ruled")
def test_a_model_that_is_forced_in_vain_is_told(tested, run):
    found = tested(priority=0, type="private")
    assert found["forced"].startswith("large by critical, not done: data_constraint")
    assert found["chosen"]["route"] == "both@home"
    out = run("rules", "test", "--task", '{"type": "private", "priority": 0, "input_tokens": 9}', *NOON)[1]
    assert "not forced: large by critical, not done: data_constraint" in out


def test_where_nobody_may_serve_it_says_so_and_ends_well(tested):
    found = tested(needs=["vision"])
    assert (found["chosen"], found["may_serve"]) == (None, [])
    assert {each["model"] for each in found["may_not_serve"]} == {"small", "large", "both", "old"}
    assert "no model may serve" in found["refused"]


def test_in_shadow_it_says_who_serves_and_who_would_have(tested, ruled):
    ruled("rules:\n", "mode: shadow\ndefault_model: small\nrules:\n")
    found = tested(priority=0)
    assert found["chosen"]["reason"] == "incumbent"
    assert found["shadow"].startswith("shadow: would have chosen large (rule")


def test_without_rules_it_says_so_and_who_would_be_chosen(run, run_json):
    code, out, _ = run("rules", "test", "--task", "coding")
    assert code == 0
    assert "no rules are configured; the policy chooses" in out
    assert "chosen now: large" in out
    assert run_json("rules", "test", "-q", "--task", "coding")["rules"] == []


@pytest.mark.usefixtures("ruled")
def test_it_writes_nothing(run, chosen, shop):
    chosen("coding", 3)
    task = '{"type": "coding", "version": "2", "input_tokens": 100, "max_output_tokens": 10}'

    def files():
        return {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}

    before = files()
    for command in (("rules", "test"), ("why", "large")):
        assert run(*command, "--task", task)[0] == 0
    assert files() == before
    assert len(before) > 1


@pytest.mark.usefixtures("ruled")
def test_without_a_state_folder_none_is_made(run, shop):
    assert run("rules", "test", "--task", "coding")[0] == 0
    assert [path.name for path in shop.iterdir()] == ["selector.yaml"]


def test_every_reason_is_named_in_one_command(against, ruled):
    """Disabled, needs, data, the rule by its name, the task's own only, length, purpose and budget at once."""
    ruled("enabled: false", "enabled: false, context_tokens: 5000, tags: [dear]")
    ruled("usd: 0.1", "usd: 0.01")
    asked = {
        "needs": ["vision"],
        "only": ["small"],
        "purpose": "oracle",
        "labels": ["docs"],
        "metadata": {"user": "ada"},
    }
    found = against("old", type="private", **(asked | {"input_tokens": 6000}))["old"]
    assert [each.partition(" (")[0] for each in found] == [
        "disabled",
        "data_constraint",
        "forbidden_by_rule",
        "missing_capability",
        "not_in_purpose",
        "not_in_only",
        "context_too_small",
        "over_budget",
    ]
    assert "rule docs: forbid tag:dear" in found[2]


def test_each_rule_against_a_model_is_named(against, ruled):
    ruled("rules:\n", "rules_match: all\nrules:\n")
    found = against("large", *NIGHT, labels=["docs"], metadata={"user": "ada"})["large"]
    assert found == ["not_in_only (rule night: only *@home, small)", "forbidden_by_rule (rule docs: forbid tag:dear)"]


@pytest.mark.usefixtures("ruled")
def test_reasons_are_told_route_by_route(against, run):
    assert {route: len(why) for route, why in against("both", type="private").items()} == {
        "both@home": 0,
        "both@work": 1,
    }
    out = run("why", "both", "--task", '{"type": "private", "input_tokens": 9}', *NOON)[1]
    assert "not at all of its routes:\n  both@work:\n    data_constraint (work does not promise eu)" in out


def test_a_model_below_a_rules_bar_is_told_so_besides_anything_else(taught, ruled, against):
    ruled("labels contains 'trial'\", model: small, share: 0.3", 'retry_count > 0", min_success: 0.9')
    ruled("hour >= 22 or weekday == 'sun'", "labels contains 'night'")  # whatever the hour is now
    taught(12, small=False, large=True)
    below = "below_min_success (believed below 0.9)"
    assert against("small", retry_count=1) == {"small": [below]}
    assert against("small", retry_count=1, needs=["vision"]) == {"small": ["missing_capability (vision)", below]}
    assert against("large", retry_count=1) == {"large": []}
    assert against("small") == {"small": []}


def test_a_model_that_may_serve_is_told_its_probability(run_json, ruled):
    ruled("name: fixed, model: large", "name: thompson")
    (found,) = run_json("why", "large", "-q", "--task", '{"type": "coding", "input_tokens": 100}', *NOON)["types"]
    assert found["excluded"] is None
    assert 0 < found["probability"] < 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rules", "test"), "Missing option '--task'."),
        (("rules", "tst", "--task", "x"), "no action 'tst'; did you mean 'test'?"),
        (("rules", "test", "--task", '{"type": '), "--task is no JSON"),
        (("rules", "test", "--task", "[1]"), "--task must be a task type, or a JSON object"),
        (("rules", "test", "--task", '{"priority": 0}'), '"type" is missing'),
        (("rules", "test", "--task", '{"type": "x", "lables": []}'), "no field 'lables'; did you mean 'labels'?"),
        (("rules", "test", "--task", '{"type": "x", "labels": "docs"}'), "Task.labels must be a list of words"),
        (("rules", "test", "--task", '{"type": "x", "purpose": "orcle"}'), "did you mean 'oracle'?"),
        (("rules", "test", "--task", '{"type": "x", "id": "a"}', "--id", "b"), "contradict each other"),
        (("rules", "test", "--task", " "), "Task.type must be a word"),
        (("rules", "test", "--task", "x", "--at", "noon"), "--at 'noon': write a date and a time"),
        (("rules", "test", "--task", "x", "--at", "0001-01-01"), "write a date and a time"),
        (("why", "large", "--task", "x", "--type", "y"), "--task says all of the task"),
        (("why", "large", "--at", "2026-01-01"), "name it with --task"),
        (("why", "lage", "--task", "x"), "unknown model 'lage'; did you mean 'large'?"),
    ],
)
@pytest.mark.usefixtures("ruled")
def test_what_cannot_be_meant_is_refused_with_the_remedy(run, arguments, said):
    code, out, err = run(*arguments, "-q")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_select_takes_a_purpose(run, run_json, ruled):
    ruled("name: fixed, model: large", "name: fixed, model: small")
    ruled("hour >= 22 or weekday == 'sun'", "labels contains 'night'")  # whatever the hour is now
    asked = ("select", "coding", "--input-tokens", "9")
    assert run_json(*asked, "--purpose", "oracle")["exclusions"]["small"]["reason"] == "not_in_purpose"
    code, _, err = run(*asked, "--purpose", "orcle")
    assert (code, "did you mean 'oracle'?" in err) == (2, True)


def test_rules_that_read_what_the_command_line_says_of_a_task_are_not_said_to_be_for_the_log_alone(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = " ".join(run("select", "--help")[1].split())
    assert out.count("for rules and the log") == 5
    assert ", for the log" not in out
