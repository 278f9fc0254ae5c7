"""What goes wrong is said in one line on stderr, and by the exit code; stdout stays empty."""

import json
import math

import pytest

from selector._clients import Rebuilt

HARD = """\
models: {small: {usd_per_mtok_in: 1, usd_per_mtok_out: 1, max_output_tokens: 1000}}
budgets: [{name: tiny, usd: 0.0015, per: total}]
"""


def complaint(found, code):
    """Check that nothing but one line on stderr came, and return it."""
    got, out, err = found
    assert (got, out) == (code, "")
    (line,) = err.splitlines()
    assert line.startswith("selector: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("selct", "coding"), "no command 'selct'; did you mean 'select'?"),
        (("select",), "Missing argument 'TYPE'"),
        (("select", "coding", "x"), "unexpected argument 'x'"),
        (("select", "coding", "--metadata", "user"), "--metadata 'user': write KEY=VALUE"),
        (("select", "coding", "--prompt", "a", "--prompt-file", "b"), "are ways to say the same"),
        (("select", "coding", "--prompt-file", "none.txt"), "--prompt-file none.txt: cannot be read"),
        (("select", "coding", "--input-tokens", "-1"), "--input-tokens"),
        (("select", "coding", "--only", "larg"), "did you mean 'large'?"),
        (("record", "x", "--score", "2"), "--score"),
        (("record", "x", "--score", "1", "--success"), "--success and --score are ways to say the same"),
        (("record", "x"), "nothing to record"),
        (("record", "x", "--retract"), "--retract takes a --source"),
        (("record", "x", "--error", "timeot"), "did you mean 'timeout'?"),
        (("record", "x", "--error", "timeout", "--score", "1"), "leave the score out"),
        (("why", "smal"), "unknown model 'smal'; did you mean 'small'?"),
        (("why", "small", "--type", "agnt"), "unknown task type 'agnt'; did you mean 'agent'?"),
        (("beliefs", "--model", "larg"), "did you mean 'large'?"),
        (("beliefs", "--type", "agnt"), "did you mean 'agent'?"),
        (("status", "-v", "-q"), "--verbose and --quiet contradict each other"),
        (("status", "--config", "none.yaml"), "none.yaml: there is no such file"),
        (("validate", "a.yaml", "--config", "b.yaml"), "PATH and --config say the same"),
        (("init",), "selector.yaml: is there already; give --force"),
        (("init", "--output", "first.toml"), "name it .yaml"),
        (("init", "--output", "first.yaml", "--baseline", "opsu"), "did you mean 'opus'?"),
        (("forget", "--metadata", "user"), "write KEY=VALUE"),
        (("select", "\udcff"), "is not UTF-8 text"),
    ],
)
def test_usage_and_configuration_exit_with_2(run, arguments, told):
    assert told in complaint(run(*arguments, "-q") if "-v" not in arguments else run(*arguments), 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models:\n  a: {}\n  b: {usd_per_mtok_inn: 3}\n", "selector.yaml:3: models.b.usd_per_mtok_inn: unknown key"),
        ("models: {}\n", "must name at least one model"),
        ("models: [\n", "selector.yaml"),
        ("models: {a: {}}\ntask_types: {x: {only: [b]}}\n", "unknown model 'b'"),
        (
            "models: {a: {usd_per_mtok_in: 1, usd_per_mtok_out: 1}}\nworkflows: {}\n",
            "is not supported yet",
        ),
    ],
)
def test_validate_says_where_a_configuration_is_wrong(run, shop, text, told):
    (shop / "selector.yaml").write_text(text, encoding="utf-8")
    assert told in complaint(run("validate"), 2)


@pytest.mark.parametrize("command", ["status", "beliefs", "budget", "explain x", "why small", "rebuild"])
def test_a_state_folder_that_is_asked_for_and_not_there_exits_with_1_and_is_not_made(run, shop, command):
    assert "there is no state in" in complaint(run(*command.split(), "--state", "typo"), 1)
    assert not (shop / "typo").exists()


@pytest.mark.parametrize("command", ["record x --score 1", "forget --metadata a=b --yes"])
def test_what_writes_makes_no_folder_where_nothing_was_decided(run, shop, command):
    assert "there is no state in" in complaint(run(*command.split()), 1)
    assert not (shop / "selector-state").exists()


def test_a_decision_that_nobody_knows_exits_with_1(run, chosen):
    chosen()
    assert "no decision 'nope'" in complaint(run("explain", "nope"), 1)
    assert "no decision 'nope'" in complaint(run("record", "nope", "--score", "1"), 1)


def test_an_outcome_that_contradicts_the_log_exits_with_1(run, chosen):
    (id_,) = chosen()
    assert run("record", id_, "--output-tokens", "300")[0] == 0
    assert "300 was reported" in complaint(run("record", id_, "--output-tokens", "400"), 1)


def test_no_eligible_model_exits_with_3_and_says_why_of_each(run):
    line = complaint(run("select", "agent", "--only", "small"), 3)
    assert "small: missing_capability (tools)" in line
    assert "large: not_in_only" in line


def test_a_spent_budget_exits_with_4_and_names_it(run, shop):
    (shop / "hard.yaml").write_text(HARD, encoding="utf-8")
    asked = ("select", "coding", "--config", "hard.yaml", "--input-tokens", "100")
    assert run(*asked)[0] == 0
    assert "budget 'tiny' admits no model" in complaint(run(*asked), 4)
    _, _, err = run(*asked, "--json")
    assert json.loads(err.splitlines()[1])["budget"] == "tiny"


@pytest.mark.parametrize(("difference", "code"), [(0.0, 0), (1e-12, 0), (1e-8, 1), (math.inf, 1)])
def test_rebuild_exits_with_1_where_the_stored_beliefs_differ(run, chosen, monkeypatch, difference, code):
    found = Rebuilt(n_events=12, n_decisions=3, largest_difference=difference, where="large on coding: alpha")
    monkeypatch.setattr("selector.cli._rebuild.fold_anew", lambda _source, **_: found)
    chosen()
    got, out, err = run("rebuild")
    assert got == code
    assert f"largest relative difference: {difference:.3g} (large on coding: alpha)" in out
    assert ("the stored beliefs are not what the log says" in err) == bool(code)
    assert ("remove posteriors.parquet" in err) == bool(code)


def test_forget_does_nothing_where_nobody_can_be_asked(run, run_json, chosen):
    (id_,) = chosen("coding", 1, "--metadata", "user=ada")
    assert "give --yes" in complaint(run("forget", "--metadata", "user=ada"), 2)
    assert run_json("explain", id_)["task"] == {"metadata": {"user": "ada"}}
