"""`selector replay`: the answer first, what cannot be relied on marked, and every bad log refused with its remedy."""

import csv
import json
import re

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.cli import _app, main
from selector.replay import load, save_log

pa = pytest.importorskip("pyarrow")

MODELS = {
    "small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.4},
    "middle": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 4},
    "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15},
}
RATES = {"chat": (0.70, 0.80, 0.90), "coding": (0.20, 0.50, 0.80)}


def serve(folder, n, *, judged=1.0, types=("chat", "coding"), models=MODELS):
    """Serve tasks by a selector without a budget, whose floor keeps all models tried."""
    config = {"models": models, "objective": {"name": "most_success"}, "policy": {"floor": 0.5}}
    rng, moments = np.random.default_rng(1), iter(range(1_770_000_000, 1_780_000_000, 7))
    with Selector.open(config, state=folder, seed=1, clock=lambda: float(next(moments))) as selector:
        for i in range(n):
            decision = selector.select(Task(types[i % len(types)], input_tokens=300))
            good = rng.random() < RATES.get(decision.task_type, (0.5,) * 3)[list(MODELS).index(decision.model)]
            score = {"success": bool(good), "source": "tests"} if rng.random() < judged else {}
            selector.record(decision, Outcome(input_tokens=300, output_tokens=int(rng.integers(200, 400)), **score))
    return folder


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return str(serve(tmp_path_factory.mktemp("served") / "state", 1000))


@pytest.fixture
def calls(shop):
    """Write another program's calls as CSV; columns may be replaced."""

    def write(n=400, **columns):
        rng = np.random.default_rng(0)
        arm = rng.integers(2, size=n)
        rows = {
            "when": [f"2026-03-10T{i // 60 % 24:02}:{i % 60:02}:00" for i in range(n)],
            "llm": np.array(["small", "large"])[arm].tolist(),
            "kind": ["chat"] * n,
            "p": [0.5] * n,
            "good": (rng.random(n) < np.array([0.5, 0.9])[arm]).astype(int).tolist(),
            "usd": np.array([0.001, 0.003])[arm].tolist(),
        } | columns
        rows = {name: column for name, column in rows.items() if column is not None}
        with (shop / "calls.csv").open("w", newline="") as file:
            csv.writer(file).writerows([[*rows], *zip(*rows.values(), strict=True)])
        named = {"at": "when", "model": "llm", "task_type": "kind", "propensity": "p", "score": "good"}
        named |= {"cost_usd": "usd", "probabilities": "all"}
        pairs = [f"{field}={name}" for field, name in named.items() if name in rows]
        return ["calls.csv", *(word for pair in pairs for word in ("--column", pair))]

    return write


def test_the_first_line_answers_the_question(run, state):
    code, out, err = run("replay", state, "--policy", "large", "--policy", "without:large")
    assert (code, err) == (0, "")
    assert re.match(r"fixed:large would have succeeded \.\d+ \[\.\d+, \.\d+\] at 0\.0\d+ USD; as logged \.\d+ at", out)
    assert re.search(r"^fixed:large +\.\d{3} \[\.\d{3}, \.\d{3}\] +0\.\d+  supported$", out, re.MULTILINE)
    assert re.search(r"^coding +50\.0% +\+\.\d+ +\+\.\d+ \[", out, re.MULTILINE)
    assert "1,000 decisions from 2026-02-02" in out
    assert "note: price path held" in out


def test_what_cannot_be_relied_on_stands_in_parentheses_with_its_reason(run, state):
    code, out, _ = run("replay", state, "--until", "2026-02-02T03:00:00", "--policy", "small")
    assert code == 0
    assert out.startswith("the log cannot tell of fixed:small: its ")
    assert re.search(r"^fixed:small +\(\.\d{3} \[.*\]\) .* (weak|none)$", out, re.MULTILINE)
    assert re.search(r"^  fixed:small: its .*, and .* is the (least|most)$", out, re.MULTILINE)


def test_a_terminal_shows_it_grey(run, state, monkeypatch, shop):  # noqa: ARG001 - it stands there
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    out = run("replay", state, "--until", "2026-02-02T03:00:00", "--policy", "small")[1]
    assert re.search(r"\x1b\[2m\(\.\d{3} \[", out)
    plain = re.sub(r"\x1b\[[\d;]*m", "", out)
    assert max(map(len, plain.splitlines())) <= 80
    assert "fixed:small" in plain


def test_json_has_everything_and_quiet_the_answer_alone(run, run_json, state):
    found = run_json("replay", state, "--budget", "60%")
    assert found["schema"] == "selector.replay/1"
    assert [row["policy"] for row in found["rows"]] == [
        "logging", "ours at 60%", "uniform", "fixed:small", "fixed:middle", "fixed:large",
    ]  # fmt: skip
    assert found["rows"][1]["utilisation"] == pytest.approx(1, abs=0.15)
    assert {driver["task_type"] for driver in found["drivers"]} == {"chat", "coding"}
    assert found["logs"] == [state]
    assert run("replay", state, "--budget", "60%", "-q") == (0, found["answer"] + "\n", "")


def test_rows_and_a_picture_are_written(run, state, shop):
    options = ("-o", "rows.parquet", "--plot", "picture.svg", "-q", "--policy", "large", "--policy", "uniform")
    assert run("replay", state, *options)[0] == 0
    rows = pa.parquet.read_table(shop / "rows.parquet").to_pylist()
    assert [row["policy"] for row in rows] == ["logging", "fixed:large", "uniform"]
    assert "as logged" in (shop / "picture.svg").read_text(encoding="utf-8")
    for option, said in (
        (("-o", "rows.csv"), "let its name end in .parquet"),
        (("--plot", "a.png"), "let its name end in .svg"),
        (("--plot", "no/a.svg"), "there is no folder no"),
    ):
        code, out, err = run("replay", "nowhere", *option)
        assert (code, out) == (2, "")
        assert said in err


def test_without_a_log_it_is_the_state_folder_that_is_configured(run, run_json, state, shop):
    code, _, err = run("replay")
    assert code == 1
    assert "there is no state in" in err
    assert run_json("replay", "--state", state, "--policy", "large")["n"] == 1000
    serve(shop / "plan", 40)
    assert run_json("replay", "./plan", "--policy", "large")["n"] == 40
    code, _, err = run("replay", "-q", "gate")
    assert code == 2
    assert "gate is a command of its own where it comes first: selector replay gate" in err


def test_an_exported_file_and_two_logs_together_say_the_same(run_json, state, shop):
    save_log(load(state, until="2026-02-02T04:00:00"), shop / "first.parquet")
    save_log(load(state, since="2026-02-02T04:00:00"), shop / "second.csv")
    whole = run_json("replay", state, "--policy", "large")
    parts = run_json("replay", "first.parquet", "second.csv", "--policy", "large")
    assert parts["n"] == whole["n"]
    for one, other in zip(parts["rows"], whole["rows"], strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=1e-4)  # probabilities of a .csv have fewer digits


def test_logs_of_other_task_types_are_put_together_only_if_told_so(run, run_json, state, shop):
    serve(shop / "other", 60, types=("chat", "mail"))
    code, _, err = run("replay", state, "other", "--policy", "large")
    assert code == 1
    assert "the logs have different task types: 'mail' is in other and not in" in err
    assert "--type chat takes what they share, --mixed takes them together" in err
    assert run_json("replay", state, "other", "--policy", "large", "--mixed")["n"] == 1060
    assert run_json("replay", state, "other", "--policy", "large", "--type", "chat")["n"] == 530


def test_other_prices_are_put_on_the_log(run, run_json, state, shop):
    plain = run_json("replay", state, "--policy", "large")
    cheap = run_json("replay", state, "--policy", "large", "--price-factor", "large=0.5")
    assert cheap["rows"][1]["cost_usd_value"] == pytest.approx(plain["rows"][1]["cost_usd_value"] / 2, rel=1e-6)
    assert "at other prices: 0.5 times those of large" in cheap["notes"][0]
    listed = {"version": 1, "models": MODELS | {"large": {"usd_per_mtok_in": 6, "usd_per_mtok_out": 30}}}
    (shop / "dear.json").write_text(json.dumps(listed))
    dear = run_json("replay", state, "--policy", "large", "--prices", "dear.json")
    assert dear["rows"][1]["cost_usd_value"] == pytest.approx(plain["rows"][1]["cost_usd_value"] * 2, rel=1e-2)
    assert run("replay", state, "--price-factor", "lrge=0.5")[0] == 2


def test_another_programs_table_is_read_by_its_columns(calls, run, run_json):
    found = run_json("replay", *calls(), "--policy", "large")
    assert (found["n"], found["propensities"]) == (400, "logged")
    found = run_json("replay", *calls(p=None), "--policy", "large")
    assert (found["propensities"], found["supported"]) == ("estimated", False)
    out = run("replay", *calls(p=None), "--policy", "large")[1]
    assert "dm, model-based" in out
    assert "what the log has of each model" in out


def test_known_formats_are_read_as_they_are(run_json, shop):
    lines = [
        {"model": ("a", "b")[i % 2], "created": 1.77e9 + i, "task_type": "chat", "score": i % 3 > 0, "cost_usd": 0.01}
        | {"id": str(i), "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
        for i in range(40)
    ]
    (shop / "calls.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = run_json("replay", "calls.jsonl", "--format", "openai", "--type", "chat", "--policy", "b")
    assert (found["n"], found["propensities"]) == (40, "estimated")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"p": [0.0] + [0.5] * 399}, "propensity is 0; a model with probability 0 is never chosen"),
        ({"p": [1.5] + [0.5] * 399}, "propensity is 1.5; a probability is at most 1"),
        ({"all": ['{"small": 0.5, "large": 0.4}'] * 400}, "probabilities is 0.9; the sum over the models; it must be"),
        ({"llm": ["large"] * 400}, "only one arm: every one of the 400 decisions chose 'large'"),
        ({"good": [""] * 400}, "has an outcome that counts"),
        ({"good": [7] + [1] * 399}, "score"),
        ({"llm": None}, "no column is mapped as model"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_log_that_cannot_be_is_refused_with_its_remedy(columns, said, calls, run):
    code, out, err = run("replay", *calls(**columns))
    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


def test_state_folders_without_decisions_or_outcomes_say_what_is_missing(run, shop):
    serve(shop / "empty", 0)
    serve(shop / "unjudged", 30, judged=0.0)
    for name, said in (
        ("empty", "the log is empty, no decision was made yet"),
        ("unjudged", "none of the 30 decisions has an outcome that counts (nobody judged any)"),
        ("nowhere", "nowhere: there is no such folder or file"),
    ):
        code, out, err = run("replay", name)
        assert (code, out) == (1, "")
        assert said in err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--policy", "unifrom"), 2, "there is no policy 'unifrom'; did you mean 'uniform'?"),
        (("--policy", "fixed:lrge"), 2, "unknown model 'lrge'; did you mean 'large'?"),
        (("--type", "codign"), 1, "none is of type 'codign'; did you mean 'coding'?"),
        (("--until", "2020-01-01"), 1, "widen --since and --until, or leave --type out"),
        (("--budget", "cheap"), 1, "budget: 'cheap' is not above 0"),
        (("--worth", "codign=1", "--worth", "1"), 2, "unknown task type 'codign'; did you mean 'coding'?"),
        (("--worth", "much"), 2, "'much' is no number"),
        (("--price-factor", "0.5"), 2, "name the model"),
        (("--estimator", "snip"), 1, "did you mean 'snips'?"),
        (("--format", "litelm"), 2, "did you mean 'litellm'?"),
        (("--column", "modle=x"), 2, "there is no field 'modle'; did you mean 'model'?"),
        (("--source", "human"), 1, "choose one as source="),
        (("-q", "-v"), 2, "contradict each other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_written_wrong_is_answered_with_what_is_right(options, code, said, run, state):
    found, out, err = run("replay", state, *options)
    assert (found, out) == (code, "")
    assert said in err


def test_failed_decisions_earn_what_is_said(run_json, calls, state):  # noqa: ARG001 - its log is not changed
    assert run_json("replay", state, "--policy", "large", "--failed", "0")["n_judged"] == 1000


def test_help_lists_the_commands_below_and_each_can_be_run(capsys):
    assert main(["replay", "--help"]) == 0
    out = capsys.readouterr().out
    for name in _app._PARTS:
        assert re.search(rf"^ +{name} ", out, re.MULTILINE)
        assert main(["replay", name, "--help"]) == 0
        assert f"Usage: selector replay {name} " in capsys.readouterr().out
