"""`selector simulate` prints what was asked for, in the form that was asked for, and nothing else."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from selector.cli import main
from selector.replay import Matrix

GOLDEN = Path(__file__).parent / "golden.json"
TOP = {
    "schema",
    "models",
    "task_types",
    "n_decisions",
    "seeds",
    "dropped",
    "decisions_per_second",
    "rows",
    "references",
    "differences",
    "notes",
}
ROW = {
    "policy",
    "budget_usd_per_request",
    "pass",
    "mean_reward",
    "se_reward",
    "mean_cost_usd",
    "utilisation",
    "max_utilisation",
    "seeds_over_cap",
    "refused",
    "regret",
    "hull_at_spend",
    "shares",
}
REFERENCE = {"name", "budget_usd_per_request", "mean_reward", "mean_cost_usd"}
DIFFERENCE = {"policy", "minus", "budget_usd_per_request", "pass", "mean_reward", "low", "high"}


@pytest.fixture
def table(write_table):
    """Write 120 prompts of two types and three models, by arithmetic alone, so that they are the same for ever."""
    i, k = np.indices((120, 3))
    score = ((i * 7 + k * 11) % 20 < 8 + 5 * k + 3 * (i % 2) * (k - 1)).astype(float)
    score[:, 2] = np.where(i[:, 2] % 5 == 0, 0.75, score[:, 2])
    cost = 0.001 * 6.0**k * (1 + (i * 13 + k) % 9 / 10)
    split = np.where(np.arange(120) % 3 == 0, "val", "test")
    matrix = Matrix(score, cost, np.arange(120) % 2, ("haiku", "sonnet", "opus"), ("chat", "code"), split)
    return str(write_table(matrix))


@pytest.fixture
def run(table, capsys):
    """Run `selector simulate` on the table; return its exit code, its output and its complaints."""

    def simulate(*arguments, data=table):
        code = main(["simulate", data, "--seeds", "3", "--jobs", "1", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return simulate


@pytest.fixture
def run_json(run):
    def simulate(*arguments):
        code, out, err = run(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return simulate


def same(one, other):
    """Compare to 1e-9, entry by entry; the keys and everything that is not a fraction exactly."""
    if isinstance(other, dict):
        assert set(one) == set(other)
        for key in other:
            same(one[key], other[key])
    elif isinstance(other, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)
    else:
        assert one == other


def test_the_json_has_exactly_the_documented_keys(run_json):
    found = run_json("--budget-per-request", "0.01", "--policy", "thompson", "--policy", "uniform")
    assert set(found) == TOP
    assert found["schema"] == "selector.simulate/1"
    assert (found["n_decisions"], found["seeds"], found["dropped"]) == (120, 3, 0)
    assert (found["models"], found["task_types"]) == (["haiku", "opus", "sonnet"], ["chat", "code"])
    assert found["decisions_per_second"] > 0
    for entries, keys in (("rows", ROW), ("references", REFERENCE), ("differences", DIFFERENCE)):
        assert found[entries]
        assert all(set(entry) == keys for entry in found[entries])
    names = [r["name"] for r in found["references"]]
    assert names == ["best_fixed", "static_hull", "type_optimum", "prompt_oracle", "haiku", "opus", "sonnet"]
    assert set(found["rows"][0]["shares"]) == {"haiku", "opus", "sonnet"}


def test_the_json_is_the_golden_one(run_json):
    """The results of these seeds change only when the way of deciding does: then say why, and write the file anew.

    ``SELECTOR_GOLDEN=write pytest tests/cli`` writes it: the output with ``decisions_per_second`` taken out.
    """
    found = run_json(
        *("--budget-per-request", "0.004", "--budget-per-request", "0.012", "--passes", "2"),
        *("--policy", "thompson", "--policy", "greedy", "--policy", "fixed:sonnet", "--models", "haiku,sonnet,opus"),
    )
    del found["decisions_per_second"]
    if os.environ.get("SELECTOR_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    same(found, json.loads(GOLDEN.read_text(encoding="utf-8")))


def test_repeated_budgets_and_policies_give_a_row_each_and_doubled_ones_one(run_json):
    found = run_json(
        *("--budget-per-request", "0.01", "--budget-per-request", "0.02", "--budget-per-request", "0.01"),
        *("--policy", "greedy", "--policy", "uniform", "--policy", "greedy"),
    )
    places = [(r["policy"], r["budget_usd_per_request"]) for r in found["rows"]]
    assert places == [("greedy", 0.01), ("greedy", 0.02), ("uniform", 0.01), ("uniform", 0.02)]


def test_the_same_command_gives_the_same_numbers_and_another_seed_others(run_json):
    one, again, other = (run_json("--budget-per-request", "0.01", "--seed", seed) for seed in ("0", "0", "3"))
    assert one["rows"] == again["rows"] != other["rows"]


def test_models_are_taken_in_the_order_of_the_option(run_json):
    assert run_json("--models", "sonnet, haiku")["models"] == ["sonnet", "haiku"]


def test_without_types_there_is_one(run_json):
    assert run_json("--no-types")["task_types"] == ["all"]


def test_a_split_is_measured_and_another_learnt(run_json):
    assert run_json("--measure-split", "test")["n_decisions"] == 80
    assert run_json("--measure-split", "test", "--learn-split", "val")["n_decisions"] == 80


def test_passes_are_rows(run_json):
    assert [r["pass"] for r in run_json("--passes", "3")["rows"]] == [1, 2, 3]


def test_a_hard_cap_is_kept_and_refusals_are_counted(run_json):
    found = run_json("--budget-per-request", "0.0005", "--hard-cap", "--policy", "uniform")
    (row,) = found["rows"]
    assert row["seeds_over_cap"] == 0
    assert row["max_utilisation"] <= 1
    assert row["refused"] > 0
    assert "is below the cheapest model's mean cost" in found["notes"][0]


def test_without_a_budget_the_aim_is_noted(run_json):
    found = run_json()
    assert found["notes"] == ["no budget: the aim is to be at most .02 worse than opus, the dearest, for less"]
    assert found["rows"][0]["utilisation"] is None


def test_a_configuration_gives_the_policy_and_its_priors(run_json, tmp_path):
    config = tmp_path / "selector.yaml"
    config.write_text("policy: {name: epsilon_greedy, epsilon: 0.5}\nobjective: most_success\n", encoding="utf-8")
    (row,) = run_json("--config", str(config), "--budget-per-request", "1")["rows"]
    assert row["policy"] == "epsilon_greedy"
    assert min(row["shares"].values()) > 0.08  # half of all choices are uniform: a sixth of them each


def test_tables_are_for_people_and_name_what_was_compared(run):
    code, out, err = run("--budget-per-request", "0.01", "--policy", "thompson", "--policy", "uniform")
    assert (code, err) == (0, "")
    for word in ("USD per request", "thompson - uniform", "static hull", "prompt oracle", "95 % interval", "120 deci"):
        assert word in out


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize("arguments", [(), ("--json",), ("--policy", "thomson")])
def test_a_pipe_gets_no_escape_codes(run, monkeypatch, no_color, arguments):
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    _, out, err = run(*arguments)
    assert "\x1b" not in out + err


def test_no_color_keeps_colours_out_of_a_terminal_too(run, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    _, out, _ = run()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", out)  # bold and dim are no colours


def test_results_per_seed_are_written_as_parquet(run, tmp_path):
    import pyarrow.parquet as pq

    code, _, _ = run("-o", str(tmp_path / "seeds.parquet"), "--policy", "thompson", "--policy", "uniform")
    table = pq.read_table(tmp_path / "seeds.parquet")
    assert (code, table.num_rows) == (0, 6)
    assert table.schema.metadata[b"schema"] == b"selector.simulate/1"


def test_a_plot_is_written_as_svg(run, tmp_path):
    code, _, _ = run("--plot", str(tmp_path / "plot.svg"), "--budget-per-request", "0.01")
    assert code == 0
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "<svg" in text
    assert text.rstrip().endswith("</svg>")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--policy", "thomson"), "unknown policy 'thomson'; did you mean 'thompson'"),
        (("--policy", "fixed:opsu"), "unknown model 'opsu'; did you mean 'opus'"),
        (("--policy", "greedy:opus"), "takes no model"),
        (("--models", "haiku,sonet"), "unknown model 'sonet'; did you mean 'sonnet'"),
        (("--models", " , "), "--models: names no model"),
        (("--learn-split", "val"), "--learn-split: needs --measure-split too"),
        (("--learn-split", "val", "--measure-split", "val"), "is learnt and measured"),
        (("--budget-per-request", "-0.1"), "--budget-per-request: must be a number of dollars, 0 or more, not -0.1"),
        (("--budget-per-request", "nan"), "--budget-per-request: must be a number of dollars, 0 or more, not nan"),
        (("--budget-per-request", "inf"), "--budget-per-request: must be a number of dollars, 0 or more, not inf"),
    ],
)
def test_a_wrong_argument_exits_with_2_and_says_what_would_be_right(run, arguments, told):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("selector: ")
    assert told in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--polcy", "thompson"),
        ("--seeds", "0"),
        ("--passes", "0"),
        ("--seeds", "many"),
        ("--cost-guess-error", "-1"),
        ("--budget-per-request", "cheap"),
        ("--jobs", "0"),
        ("--seed", "-1"),
    ],
)
def test_a_usage_error_exits_with_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert arguments[0] in err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("policy: thomson\n", "did you mean 'thompson'"),
        ("polcy: thompson\n", "unknown key 'polcy'; did you mean 'policy'"),
        ("objective: {no_worse_than: {model: opsu}}\n", "unknown model 'opsu'; did you mean 'opus'"),
        ("policy: {name: thompson, half_life: 30d}\n", "give it in decisions"),
        ("policy: [\n", "selector.yaml"),
    ],
)
def test_a_typo_in_the_configuration_exits_with_2_and_names_the_nearest(run, tmp_path, text, told):
    config = tmp_path / "selector.yaml"
    config.write_text(text, encoding="utf-8")
    code, out, err = run("--config", str(config), "--budget-per-request", "0.01")
    assert (code, out) == (2, "")
    assert told in err


def test_a_configuration_that_is_not_there_exits_with_2_and_names_it(run, tmp_path):
    code, _, err = run("--config", str(tmp_path / "none.yaml"))
    assert code == 2
    assert "none.yaml" in err


def test_a_table_that_is_not_one_exits_with_1_and_says_why(run, tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    code, out, err = run(data=str(broken))
    assert (code, out) == (1, "")
    assert "broken.parquet is not a Parquet file" in err
    code, _, err = run(data=str(tmp_path / "none.parquet"))
    assert code == 1
    assert "there is no file" in err


def test_an_unknown_split_exits_with_1_and_names_the_nearest(run):
    code, _, err = run("--measure-split", "tset")
    assert code == 1
    assert "no prompt is in split 'tset'; did you mean 'test'" in err


@pytest.mark.parametrize("option", ["-o", "--plot"])
def test_a_file_that_cannot_be_written_exits_with_1_and_names_it_without_a_traceback(run, tmp_path, option):
    code, _, err = run(option, str(tmp_path / "no" / "such" / "folder" / "out.file"))
    assert code == 1
    assert err.startswith("selector: ")
    assert "out.file" in err


@pytest.mark.shared
def test_the_shared_table_of_coding_tasks_is_read_as_it_is(shared_data, capsys):
    code = main(["simulate", str(shared_data / "coderouterbench.parquet"), "--seeds", "1", "--json", "--jobs", "1"])
    found = json.loads(capsys.readouterr().out)
    assert (code, found["n_decisions"], found["dropped"], len(found["models"])) == (0, 1607, 42, 8)
