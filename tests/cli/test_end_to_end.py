"""The command line as people and scripts use it: processes, one after the other, on one folder."""

import json
import os
import stat
import subprocess
import sys

import pytest

from selector import Selector, Task

HARD = """\
models:
  small: {usd_per_mtok_in: 1, usd_per_mtok_out: 1, max_output_tokens: 1000}
  large: {usd_per_mtok_in: 5, usd_per_mtok_out: 5, max_output_tokens: 1000}
budgets: [{name: day, usd: 5, per: day}]
"""


@pytest.fixture
def call(shop):  # noqa: ARG001 - it stands there
    """Run the command line as a process of its own; it must succeed."""

    def run(*arguments, text=None):
        environ = os.environ | {"OPENAI_API_KEY": "sk-hidden", "ANTHROPIC_API_KEY": "sk-hidden-too"}
        found = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "selector", *arguments],
            input=text or "", capture_output=True, text=True, check=False, timeout=120, env=environ,
        )  # fmt: skip
        assert (found.returncode, found.stderr) == (0, "")
        assert "sk-hidden" not in found.stdout
        return found.stdout

    return run


@pytest.fixture
def look(shop, run, monkeypatch):  # noqa: ARG001 - it stands there
    """Run a command that only reads in this process, which takes a tenth of the time."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-hidden-too")

    def read(*arguments):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert "sk-hidden" not in out
        return out

    return read


def test_from_the_first_file_to_forgetting(call, look, shop):
    (shop / "selector.yaml").unlink()
    assert "wrote selector.yaml" in call("init", "--baseline", "opus")
    assert stat.S_IMODE((shop / "selector.yaml").stat().st_mode) == 0o600
    assert "opus" in look("validate")

    route, id_ = call("select", "coding", "-q", "--id", "--metadata", "user=ada", "-", text="Sort this list.").split()
    model, provider = route.split("@")
    call("record", id_, "--output-tokens", "850", "--latency-s", "2.1")
    call("record", id_, "--success", "--source", "tests")

    rows = json.loads(look("beliefs", "--json", "--type", "coding"))["beliefs"]
    assert {row["model"]: row["n_outcomes"] for row in rows if row["n_outcomes"]} == {model: 1}
    told = json.loads(look("explain", id_, "--json"))
    assert (told["model"], told["provider"], told["input_tokens"]) == (model, provider, 4)
    assert [report["kind"] for report in told["reports"]] == ["usage", "judgement"]
    assert "tests gave it 1" in look("explain", id_)
    assert "probability" in look("why", model)
    assert json.loads(look("rebuild", "--json"))["is_equal"] is True

    assert call("forget", "--metadata", "user=ada", "--yes", "-q") == "1\n"
    told = json.loads(look("explain", id_, "--json"))
    assert (told["task"], told["model"]) == ({}, model)
    assert json.loads(look("beliefs", "--json", "--type", "coding"))["beliefs"][0]["task_type"] == "coding"


def test_a_retracted_judgement_no_longer_counts(call, look):
    id_ = call("select", "coding", "--id").strip()
    call("record", id_, "--score", "1", "--source", "tests")
    assert json.loads(look("status", "--json"))["n_judged"] == 1
    call("record", id_, "--retract", "--source", "tests")
    assert json.loads(look("status", "--json"))["n_judged"] == 0


def test_what_is_reported_by_a_member_of_the_chain_is_of_that_member(call, look):
    id_ = call("select", "coding", "--id").strip()
    call("record", id_, "--error", "timeout")
    call("record", id_, "--route", "small", "--success", "--output-tokens", "100")
    rows = json.loads(look("beliefs", "--json", "--type", "coding"))["beliefs"]
    assert {row["model"]: row["n_outcomes"] for row in rows} == {"large": 0, "old": 0, "small": 1}


def test_the_folder_is_read_while_a_process_spends_and_nothing_of_it_is_changed(call, shop):
    """But for the ledger, which the process itself goes on writing."""
    (shop / "hard.yaml").write_text(HARD, encoding="utf-8")
    with Selector.open(shop / "hard.yaml", state=shop / "state") as selector:
        decision = selector.select(Task("coding", input_tokens=1000))
        selector.flush()
        asked = ("--config", "hard.yaml", "--state", "state")
        files = [path for path in sorted((shop / "state").rglob("*")) if not path.name.startswith("ledger.")]
        before = {path: path.read_bytes() for path in files if path.is_file()}
        (budget,) = json.loads(call("budget", "--json", *asked))["budgets"]
        assert budget["held"] == decision.held_usd > 0
        assert json.loads(call("status", "--json", *asked))["n_decisions"] == 1
        assert json.loads(call("explain", decision.id, "--json", *asked))["route"] == decision.route
        assert json.loads(call("why", "large", "--json", *asked))["types"][0]["n_recent"] == 1
        assert len(json.loads(call("beliefs", "--json", *asked))["beliefs"]) == 2
        after = {path: path.read_bytes() for path in before if path.exists()}
        assert {p: t for p, t in after.items() if not t.startswith(before[p])} == {}


def test_init_writes_the_folder_and_overwrites_only_by_force(call, shop):
    old = (shop / "selector.yaml").read_text(encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "selector", "init"], capture_output=True, text=True, check=False, timeout=60
    )
    assert found.returncode == 2
    assert (shop / "selector.yaml").read_text(encoding="utf-8") == old
    call("init", "--force", "--state", "elsewhere: here")
    assert json.loads(call("validate", "--json"))["state"] == "elsewhere: here"
    assert stat.S_IMODE((shop / "selector.yaml").stat().st_mode) == 0o600


@pytest.mark.parametrize("form", ["--prompt", "--prompt-file", "-", "--prompt-file -"])
def test_a_prompt_counts_however_it_comes(call, shop, form):
    (shop / "prompt.txt").write_text("x" * 400, encoding="utf-8")
    given = {"--prompt": ["--prompt", "x" * 400], "--prompt-file": ["--prompt-file", "prompt.txt"]}
    id_ = call("select", "coding", "--id", *given.get(form, form.split()), text="x" * 400).strip()
    assert json.loads(call("explain", id_, "--json"))["input_tokens"] == 100


def test_all_that_a_task_may_say_reaches_the_log(call):
    said = "--priority 0 --retry-count 2 --deadline-s 30 --max-cost-usd 1 --prompt-version v2 --session s --task-id t"
    id_ = call("select", "coding", "--id", *said.split(), "--prompt", "x" * 40, "--system", "y" * 40).strip()
    told = json.loads(call("explain", id_, "--json"))
    assert told["input_tokens"] == 20
    assert told["task"] == {
        "task_id": "t", "session": "s", "version": "v2", "max_cost_usd": 1.0, "deadline_s": 30.0, "priority": 0,
        "retry_count": 2,
    }  # fmt: skip
