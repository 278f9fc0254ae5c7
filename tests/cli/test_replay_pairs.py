"""`selector replay pairs`: real calls of a server on this machine, within the money, and into the log."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from selector import Outcome, Selector, Task
from selector.replay import load
from selector.testing import FakeOpenAI, Reply

CONFIG = """\
providers:
  work: {{kind: openai, base_url: {url}, api_key: "env:WORK_KEY"}}
models:
  small: {{provider: work, id: small, usd_per_mtok_in: 1, usd_per_mtok_out: 5, max_output_tokens: 100}}
  large: {{provider: work, id: large, usd_per_mtok_in: 3, usd_per_mtok_out: 15, max_output_tokens: 100}}
  umpire: {{provider: work, id: umpire, usd_per_mtok_in: 3, usd_per_mtok_out: 16, max_output_tokens: 900}}
policy: {{name: fixed, model: small}}
state: {{path: ./selector-state, log_prompts: {prompts}}}
budgets: [{{name: purse, usd: {budget}, per: day}}]
chains: {{default: [umpire, small]}}
fallback: {{retries: 0}}
"""


class Script:
    """Large is right, small is not, and the umpire sees it; or large is down."""

    def __init__(self, *, down=False, delay_s=0.0):
        self.calls, self.down, self.delay_s = Counter(), down, delay_s

    def __call__(self, body, _headers):
        model, text = body["model"], body["messages"][-1]["content"]
        self.calls[model] += 1
        if model == "umpire" and "ANSWER A BEGINS" in text:
            better = "A" if text.index("strong") < text.index("weak") else "B"
            return Reply(json.dumps({"a": 9 if better == "A" else 4, "b": 4 if better == "A" else 9, "better": better}))
        if model == "large" and self.down:
            return 500
        return Reply("a strong one" if model == "large" else "a weak one", delay_s=self.delay_s)


@pytest.fixture
def open_shop(shop, monkeypatch):
    """Open a shop with 16 logged tasks, and a server that is asked."""
    monkeypatch.setenv("WORK_KEY", "sk-test")
    servers = []

    def opened(*, prompts="true", budget=50, **script):
        script = Script(**script)
        server = FakeOpenAI(script)
        server.__enter__()
        servers.append(server)
        text = CONFIG.format(url=server.base_url, prompts=prompts, budget=budget)
        (shop / "selector.yaml").write_text(text, encoding="utf-8")
        with Selector.open(seed=1) as selector:
            for n in range(16):
                decision = selector.select(Task(("chat", "code")[n % 2], id=f"t-{n}", prompt=f"do {n}"))
                selector.record(decision, Outcome(score=n % 2, source="tests", input_tokens=5, output_tokens=9))
        return script

    yield opened
    for server in servers:
        server.__exit__(None, None, None)


PAIRS = ("replay", "pairs", "--second", "large", "--usd")


def test_both_answers_are_judged_blind_and_logged_beside_the_users_tasks(run_json, open_shop, shop):
    script = open_shop()
    before = load(shop / "selector-state").drop_columns(["scores"]).to_pylist()
    data = run_json(*PAIRS, "5", "-q")
    assert (data["schema"], data["judge"]) == ("selector.replay.pairs/1", "umpire"), "the dearest that nobody chose"
    assert script.calls == {"small": 16, "large": 16, "umpire": 32}
    assert (data["n_pairs"], data["net"]["value"], data["flipped"], data["stopped"]) == (16, 1.0, 0.0, "")
    assert data["graded"]["value"] == pytest.approx(0.5)
    table = load(shop / "selector-state")
    rows = table.drop_columns(["scores"]).to_pylist()
    assert [row for row in rows if row["task_type"] in {"chat", "code"}] == before, "of users' tasks nothing changed"
    own = [row for row in rows if row["task_type"] == "pair"]
    assert Counter((row["model"], row["score"], row["judged_by"]) for row in own) == {
        ("small", 0.4, "pair:umpire"): 16,
        ("large", 0.9, "pair:umpire"): 16,
    }
    assert {json.loads(row["metadata"])["pair_of"] for row in own} == {row["id"] for row in before}
    paid = sum(row["cost_usd"] for row in rows if row["task_type"] in {"pair", "judge"})
    assert data["spent_usd"] == pytest.approx(paid, abs=1e-9)


def test_the_same_command_goes_on_and_pays_for_nothing_twice(run, run_json, open_shop, shop):
    script = open_shop()
    _, out, _ = run(*PAIRS, "0.0001")
    most = float(out.split("the next pair may cost up to ")[1].split(" USD")[0])
    assert not script.calls
    code, out, _ = run(*PAIRS, str(most + 0.006))
    assert code == 0
    assert "ended early: the next pair may cost up to" in out
    assert "large is " in out
    done = script.calls["large"]
    assert 0 < done < 16
    held = json.loads(run("budget", "--json")[1])["budgets"][0]
    assert held["held"] == 0
    data = run_json(*PAIRS, "5", "-q")
    assert (data["n_pairs"], script.calls) == (16, {"small": 16, "large": 16, "umpire": 32})
    assert data["spent_usd"] < 5
    assert (shop / "pairs-large.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_calls_nobody(run, run_json, open_shop, shop):
    script = open_shop()
    code, out, _ = run(*PAIRS, "5", "--dry-run")
    assert code == 0
    assert "large against what was chosen, judged by umpire; nobody was called" in out
    types = run_json(*PAIRS, "5", "--dry-run")["types"]
    assert [(each["task_type"], each["n_can"]) for each in types] == [("chat", 8), ("code", 8)]
    assert not script.calls
    assert not (shop / "pairs-large.jsonl").exists()


def test_without_prompts_it_says_how_to_get_them_and_takes_them_from_a_file(run, run_json, open_shop, shop):
    script = open_shop(prompts="false")
    code, _, err = run(*PAIRS, "5")
    assert code == 1
    assert "log_prompts: true" in err
    assert "--prompts FILE" in err
    lines = [json.dumps({"task_id": f"t-{n}", "prompt": f"do {n}"}) for n in range(4)]
    (shop / "prompts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    answers = [json.dumps({"task_id": f"t-{n}", "answer": "a weak one"}) for n in range(4)]
    (shop / "answers.jsonl").write_text("\n".join(answers), encoding="utf-8")
    data = run_json(*PAIRS, "5", "--prompts", "prompts.jsonl", "--answers", "answers.jsonl", "-q")
    assert (data["n_pairs"], data["anew"], data["skipped"]) == (4, False, {"without a prompt": 12})
    assert script.calls == {"large": 4, "umpire": 8}
    table = load(shop / "selector-state")
    judged = [dict(row["scores"]) for row in table.to_pylist() if row["task_id"] in {"t-0", "t-1"}]
    assert [each["pair:umpire"] for each in judged] == [0.4, 0.4], "the first answer's grade stands with its decision"
    assert table["judged_by"].to_pylist()[:2] == ["tests", "tests"], "and every other source goes before it"


def test_a_model_that_is_down_is_replaced_by_nobody(run, open_shop):
    script = open_shop(down=True)
    code, out, err = run(*PAIRS, "5", "--concurrency", "1")
    assert code == 0, err
    assert "there is no pair" in out
    assert "5 pairs in a row failed" in out
    assert script.calls["umpire"] == 0, "neither as judge nor in its place"
    assert script.calls["small"] <= 6


def test_the_configured_budget_ends_it_too(run, open_shop):
    script = open_shop(budget=0.002)
    code, out, err = run(*PAIRS, "5", "--concurrency", "1")
    assert code == 0, err
    assert "ended early" in out
    assert "purse" in out
    assert script.calls["umpire"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--second", "larg", "--usd", "5"), 2, "large"),
        (("--second", "large", "--usd", "0"), 2, "give a number of dollars above 0"),
        (("--second", "large", "--usd", "5", "--judge", "large"), 2, "it would judge its own answers"),
        (("--second", "large", "--usd", "5", "--judge", "small"), 1, "16 answered by the judge"),
        (("--second", "large"), 2, "--usd"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_paid(run, open_shop, arguments, code, said):
    script = open_shop()
    found, out, err = run("replay", "pairs", *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert not script.calls


def test_an_interrupt_ends_it_with_130_and_loses_nothing_that_was_paid(run_json, open_shop):
    script = open_shop(delay_s=0.05)
    line = [sys.executable, "-m", "selector", *PAIRS, "5", "--concurrency", "2"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)  # noqa: S603
    deadline = time.monotonic() + 60
    while script.calls["large"] < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"the same command goes on from there" in err
    assert 0 < script.calls["large"] < 16
    data = run_json(*PAIRS, "5", "-q")
    assert (data["n_pairs"], script.calls) == (16, {"small": 16, "large": 16, "umpire": 32})
