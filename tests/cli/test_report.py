"""`selector report` prints what was learnt, what it cost and what to do next: for people, pipes and programs."""

import json
import re
import shutil

import pytest

from selector import Outcome, Selector, Task
from selector.testing import demo_state

ANSI = re.compile(r"\x1b\[[0-9;]*m")
BOXES = re.compile(r"[\u2500-\u257f]")
THREE = ("deepseek-v4-pro", "minimax-m3", "claude-fable-5")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Leave a small realistic state behind."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    demo_state(folder, n_tasks=150, days=4, models=THREE)
    return folder


def test_the_essentials_are_printed(run, demo):
    code, out, err = run("report", "--terminal", "--config", str(demo / "selector.yaml"))
    assert (code, err) == (0, "")
    for words in (
        "What to do next",
        "Saved per task, against always claude-fable-5",
        "Who gets which work",
        "budgets  allow",
    ):
        assert words in out
    assert re.search(r"^claude-fable-5 +\([+-].*\) +none$", out, re.MULTILINE)  # what cannot be relied on


def test_a_pipe_gets_plain_lines(run, demo):
    _, out, _ = run("report", "--terminal", "--state", str(demo), "-v")
    assert ANSI.findall(out) == BOXES.findall(out) == []


def test_a_terminal_of_80_columns_gets_no_wider_line(run, demo, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("report", "--terminal", "--config", str(demo / "selector.yaml"))
    lines = ANSI.sub("", out).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("claude-fable-5  ") for line in lines)  # still a table


def test_quiet_prints_what_to_do_next_and_nothing_else(run, run_json, demo):
    said = run_json("report", "--config", str(demo / "selector.yaml"))["advice"]
    _, out, err = run("report", "--terminal", "-q", "--config", str(demo / "selector.yaml"))
    assert (out.splitlines(), err) == ([advice["text"] for advice in said], "")
    assert said


def test_programs_get_every_fact(run_json, demo):
    found = run_json("report", "--config", str(demo / "selector.yaml"), "--baseline", "minimax-m3")
    assert found["schema"] == "selector.report/1"
    assert found["state"] == str(demo)
    assert found["baseline"] == {"model": "minimax-m3", "because": "as asked for"}
    assert found["families"]["minimax-m3"] == "minimax"
    assert {row["model"] for row in found["savings"]} == set(THREE)
    assert [name for name in ("days", "work", "beliefs", "learning", "judging", "sources") if not found[name]] == []


def test_verbose_shows_every_row(run, demo):
    _, short, _ = run("report", "--terminal", "--state", str(demo))
    _, long, _ = run("report", "--terminal", "--state", str(demo), "-v")
    assert "-v shows all" in short
    assert "-v shows all" not in long
    assert len(long.splitlines()) > len(short.splitlines())


def test_a_period_is_cut_out(run_json, demo):
    whole = run_json("report", "--config", str(demo / "selector.yaml"))
    day = whole["days"][1]["day"]
    early = run_json("report", "--config", str(demo / "selector.yaml"), "--until", day)
    late = run_json("report", "--config", str(demo / "selector.yaml"), "--since", day)
    assert early["totals"]["n"] + late["totals"]["n"] == whole["totals"]["n"]
    assert early["days"] == whole["days"][:1]


@pytest.fixture
def bare(demo, tmp_path):
    """Copy the demonstration without its configuration."""
    return shutil.copytree(demo, tmp_path / "bare", ignore=shutil.ignore_patterns("selector.yaml"))


def test_the_configuration_that_lies_in_a_state_folder_is_its_own(run, shop, demo):
    (shop / "selector.yaml").unlink()
    code, out, err = run("report", "--terminal", "--json", "--state", str(demo))
    assert (code, err) == (0, "")
    assert json.loads(out)["days"][0]["target_usd"] > 0


def test_without_a_configuration_the_folder_is_enough(run, shop, bare):
    (shop / "selector.yaml").unlink()
    code, out, err = run("report", "--terminal", "--state", str(bare))
    assert code == 0
    assert "Who gets which work" in out
    assert err == "selector: note: without a configuration, so budgets and families are not known\n"


def test_a_configuration_that_is_wrong_is_told_and_only_needed_where_it_is_asked_for(run, shop, bare):
    (shop / "selector.yaml").write_text("models: 5\n", encoding="utf-8")
    code, _, err = run("report", "--terminal", "--state", str(bare))
    assert code == 0
    assert "selector.yaml" in err
    assert run("report", "--terminal", "--state", str(bare), "--config", "selector.yaml")[0] == 2


def test_a_selectors_own_state_is_found_as_configured(run, shop):
    with Selector.open(state=shop / "selector-state") as selector:
        selector.record(selector.select(Task("coding", input_tokens=9)), Outcome(score=1.0, output_tokens=300))
    code, out, err = run("report", "--terminal")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith(": 1 decision, 1 judged")
    assert "nothing can be said" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "--terminal prints the essentials here, --json every fact"),
        (("--terminal",), 1, "there is no state in"),
        (("--terminal", "--state", "DEMO", "--baseline", "opus"), 2, "baseline: unknown model 'opus'"),
        (("--terminal", "--state", "DEMO", "--since", "2030-01-01"), 1, "widen --since and --until"),
        (("--terminal", "--state", "DEMO", "--since", "yesterday"), 1, "since"),
    ],
)
def test_what_cannot_be_reported_says_what_to_do(run, demo, arguments, code, said):
    given = [str(demo) if each == "DEMO" else each for each in arguments]
    found, out, err = run("report", *given)
    assert (found, out) == (code, "")
    assert said in err
    assert (
        json.loads(run("report", *given[1:] or ["--state", "nowhere"], "--json")[2].splitlines()[-1])["exit_code"] >= 1
    )
