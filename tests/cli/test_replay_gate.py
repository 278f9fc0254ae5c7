"""`selector replay gate` answers with an exit code, and `selector replay plan` with what an answer takes."""

import json

import numpy as np
import pytest

from selector.replay import Columns, load_foreign, save_log

NAMES = np.array(["small", "mid", "large"])
TYPES = np.array(["coding", "chat", "law"])
RATE = np.array([[0.8, 0.6, 0.8], [0.85, 0.7, 0.84], [0.5, 0.5, 0.5]])  # of each type and model
DRAWN = np.array([0.2, 0.2, 0.6])


def rows(n, seed=1):
    """Draw decisions, one a minute, of a policy that never changes."""
    rng = np.random.default_rng(seed)
    x, arm = rng.choice(3, size=n, p=[0.6, 0.37, 0.03]), rng.choice(3, size=n, p=DRAWN)
    return {
        "when": 1_767_225_600.0 + 60.0 * np.arange(n),  # from 2026-01-01
        "llm": NAMES[arm],
        "p": DRAWN[arm],
        "kind": TYPES[x],
        "good": (rng.random(n) < RATE[x, arm]).astype(float),
        "usd": np.array([0.002, 0.004, 0.01])[arm],
    }


WHICH = {"at": "when", "model": "llm", "propensity": "p", "task_type": "kind", "score": "good", "cost_usd": "usd"}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Return a file of 9,000 decisions, over six days and a quarter."""
    import pyarrow as pa

    path = tmp_path_factory.mktemp("logs") / "log.parquet"
    save_log(load_foreign(pa.table(rows(9000)), Columns(**WHICH)), path)
    return str(path)


def gated(run, *arguments):
    """Run the gate with --json; return its exit code and its object."""
    code, out, err = run("replay", "gate", *arguments, "--json")
    assert err == ""
    found = json.loads(out)
    assert found["schema"] == "selector.replay.gate/1"
    assert found["exit_code"] == code
    return code, found


def test_the_exit_code_is_the_answer(run, log):
    asked = ("--success-margin", ".03", "--min-saving", ".1")
    assert gated(run, log, "--policy", "small", *asked)[0] == 0
    assert gated(run, log, "--policy", "mid", *asked)[0] == 1
    code, found = gated(run, log, "--policy", "small", *asked, "--since", "2026-01-06")
    assert (code, found["result"]) == (2, "not_enough")
    for check in found["checks"]:
        if check["state"] == "open" and check["required"]:
            assert check["more"] > 0
            assert check["why"]
            assert check["days"] == pytest.approx(check["more"] / check["share"] / found["per_day"])
    assert {check["state"] for check in gated(run, log, "--policy", "mid")[1]["checks"]} >= {"refuted"}


def test_a_usage_error_shares_the_code_and_nothing_else(run, log):
    for arguments, said in (
        ((log,), "Missing option '--policy'"),
        ((log, "--policy", "smal"), "there is no policy 'smal'; did you mean 'small'?"),
        ((log, "--policy", "logging"), "the logging policy is what others are compared with"),
        ((log, "--policy", "small", "--success-margin", "2"), "--success-margin 2: give a share between 0 and 1"),
        ((log, "--policy", "small", "--min-saving", "1"), "--min-saving 1: give a share of the cost below 1"),
        ((log, "--policy", "small", "--least-share", "1"), "--least-share 1: give a share of the decisions"),
        ((log, "--policy", "small", "--looks", "0"), "greater than or equal to 1"),
    ):
        code, out, err = run("replay", "gate", *arguments, "--json")
        assert (code, out) == (2, "")
        assert said in err.splitlines()[0]
        assert json.loads(err.splitlines()[1])["schema"] == "selector.error/1"


def test_people_read_the_answer_first_then_what_is_missing(run, log):
    code, out, err = run("replay", "gate", log, "--policy", "small", "--success-margin", ".03", "--min-saving", ".1")
    assert (code, err) == (0, "")
    assert out.startswith("PASS: fixed:small: is not worse by 0.03 in success in all and in every task type but law")
    assert "success in law: its 95 % interval is to be expected" in out
    code, out, _ = run("replay", "gate", log, "--policy", "small", "--until", "2026-01-01T12:00")
    assert code == 2
    assert out.startswith("NOT ENOUGH EVIDENCE: fixed:small: not shown: success in all")
    assert "more decisions of its kind" in out
    assert run("replay", "gate", log, "--policy", "mid", "-q")[1].startswith(
        "FAIL: fixed:mid: its success in all is 0.1"
    )
    assert "over 14 looks" in run("replay", "gate", log, "--policy", "small", "--looks", "14")[1]


def test_a_later_window_is_evaluated_and_what_was_learnt_from_is_not(run, log):
    _, found = gated(run, log, "--policy", "small", "--at", "2026-01-04")
    assert (found["n_before"], found["n_decisions"]) == (3 * 1440, 9000 - 3 * 1440)
    _, greedy = gated(run, log, "--policy", "greedy", "--at", "2026-01-04")
    assert (greedy["policy"], greedy["n_before"]) == ("greedy:2026-01-04", 3 * 1440)
    _, half = gated(run, log, "--policy", "greedy")
    assert half["n_before"] == 4500
    assert "frozen in time" in run("replay", "gate", log, "--policy", "greedy")[1]
    code, _, err = run("replay", "gate", log, "--policy", "small", "--at", "2027-01-01")
    assert code == 1
    assert "2027-01-01" in err


def test_another_programs_table_that_says_nothing_says_why(run, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "calls.parquet"
    for columns, code, said in (
        ({"good": np.full(50, np.nan)}, 1, "has an outcome that counts"),
        ({"llm": np.full(50, "small")}, 1, "only one arm"),
        ({"p": np.zeros(50)}, 1, "propensity is 0"),
        ({"p": np.full(50, 1.5)}, 1, "propensity is 1.5"),
        ({"p": pa.nulls(50, pa.float64())}, 2, "propensities were estimated afterwards, not logged"),
    ):
        pq.write_table(pa.table(rows(50) | columns), path)
        which = [part for field, name in WHICH.items() for part in ("--column", f"{field}={name}")]
        for command in ("gate", "plan"):
            found, out, err = run("replay", command, str(path), "--policy", "large", *which)
            assert found == (code if command == "gate" or code == 1 else 0)
            assert said in (err if code == 1 else out) or command == "plan"
            assert bool(out) == (code != 1)
    code, _, err = run("replay", "gate", str(tmp_path / "none.parquet"), "--policy", "small")
    assert (code, "there is no such folder or file" in err) == (1, True)


def test_a_plan_says_what_a_verdict_takes(run, run_json, log, shop):
    import pyarrow.parquet as pq

    found = run_json("replay", "plan", log, "--detect", ".02", "-o", "plan.parquet")
    assert found["schema"] == "selector.replay.plan/1"
    assert found["per_day"] == pytest.approx(1440.0)
    whole = {need["policy"]: need for need in found["needs"] if need["task_type"] is None}
    assert list(whole) == ["fixed:large", "fixed:mid", "fixed:small"]
    assert whole["fixed:large"]["more"] == 0
    small = whole["fixed:small"]
    assert small["more"] == small["decisions"] - 9000
    assert small["days"] == pytest.approx(small["more"] / 1440)
    assert pq.read_table(shop / "plan.parquet").num_rows == len(found["needs"]) == 12
    code, out, err = run("replay", "plan", log, "--policy", "small", "--detect", ".01", "--days", "3")
    assert (code, err) == (0, "")
    assert "more decisions show a difference of 0.01 in the success of fixed:small" in out.splitlines()[0]
    assert "no floor gets there in 3 days" in out
    assert run("replay", "plan", log, "--policy", "small", "-q")[1].count("\n") == 1
    short = ("replay", "plan", log, "--policy", "small", "--until", "2026-01-01T00:50")
    assert "how many decisions come a day is not known" in run(*short)[1]
    assert run_json(*short, "--per-day", "500")["needs"][0]["days"] > 1


def test_a_plan_that_cannot_be_meant_is_refused(run, log):
    for arguments, said in (
        (("--detect", "0"), "--detect 0: give a share between 0 and 1"),
        (("--power", "1"), "--power 1: give a share"),
        (("--days", "0"), "--days 0: give a number above 0"),
        (("--per-day", "-1"), "--per-day -1: give a number above 0"),
        (("-o", "plan.csv"), "--output plan.csv: what is written is parquet"),
        (("-o", "no/plan.parquet"), "there is no folder no"),
        (("--policy", "smal"), "did you mean 'small'?"),
    ):
        code, out, err = run("replay", "plan", log, *arguments)
        assert (code, out) == (2, "")
        assert said in err
