"""`selector learn`: one's own evaluations become priors, once each; what is unknown is told; all can be forgotten."""

import json
import stat

import pytest

EVALS = """\
prompt_id,task_type,model,score,output_tokens
1,agent,small,1,100
2,agent,small,0,200
1,agent,LARGE,1,
1,poems,large,.5,
1,agent,gpt-9,1,
"""


@pytest.fixture
def evals(shop):
    """Write a table of evaluations."""
    path = shop / "evals.csv"
    path.write_text(EVALS, encoding="utf-8")
    return path


def test_what_is_learnt_is_told_and_kept_in_a_folder_that_it_makes(shop, run_json, run, evals):  # noqa: ARG001
    code, out, err = run("learn", "evals.csv")
    assert code == 0
    assert "learnt from evals.csv: 5 scores of 4 models on 2 task types, each worth 0.3 of an outcome" in out
    assert "gpt-9 is kept and does not count yet: no configured model has this name" in err
    assert "not configured, and counted when such tasks come: poems" in err
    kept = shop / "selector-state" / "priors.parquet"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    (entry,) = run_json("learn")["files"]
    assert (entry["name"], entry["weight"], entry["n_scores"]) == ("evals.csv", 0.3, 5)
    assert entry["task_types"] == ["agent", "poems"]


def test_json_says_each_cell_and_what_is_unknown(run, evals):  # noqa: ARG001
    code, out, err = run("learn", "evals.csv", "--json", "--weight", "1")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert data["schema"] == "selector.learn/1"
    assert set(data) == {
        "schema", "name", "place", "digest", "weight", "at_s", "n_scores", "models", "task_types", "was_known", "cells",
        "unknown_models", "unknown_types",
    }  # fmt: skip
    assert data["cells"][1] == {"model": "gpt-9", "task_type": "agent", "n": 1, "mean": 1.0, "n_tokens": 0}
    assert (data["unknown_models"], data["unknown_types"], data["was_known"]) == ({"gpt-9": []}, ["poems"], False)


def test_the_same_file_is_learnt_once(run, run_json, evals):
    run("learn", "evals.csv")
    _, out, _ = run("learn", "evals.csv", "--weight", ".5")
    assert "in the place of what was learnt of it before" in out
    evals.write_text(EVALS + "3,agent,small,1,\n", encoding="utf-8")
    run("learn", "./evals.csv")
    (entry,) = run_json("learn")["files"]
    assert entry["n_scores"] == 6


def test_several_files_add_up_and_one_is_forgotten(shop, run, run_json, evals):
    (shop / "more.csv").write_text("task_type,model,score\nagent,small,1\n", encoding="utf-8")
    run("learn", "evals.csv")
    run("learn", "more.csv", "--weight", "1")
    cell = next(c for c in run_json("priors")["cells"] if c["model"] == "small")
    assert cell["learnt"] == {"n": pytest.approx(1.6), "mean": pytest.approx(1.3 / 1.6)}
    evals.unlink()
    assert run_json("learn", "evals.csv", "--forget")["forgotten"] == ["evals.csv"]
    assert [each["name"] for each in run_json("learn")["files"]] == ["more.csv"]
    code, _, err = run("learn", "other.csv", "--forget")
    assert (code, "nothing was learnt from other.csv; learnt was more.csv" in err) == (1, True)
    assert run("learn", "--forget")[1] == "forgotten: more.csv\n"
    assert "no evaluations were learnt" in run("learn")[1]


def test_a_selector_opens_on_a_folder_that_has_only_learnt(run, evals):  # noqa: ARG001
    run("learn", "evals.csv")
    assert run("select", "agent", "--input-tokens", "9")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.parquet"], 1, "none.parquet cannot be read"),
        (["evals.csv", "--weight", "0"], 2, "above 0 and at most 1, not 0"),
        (["evals.csv", "--weight", "nan"], 2, "above 0 and at most 1, not nan"),
        (["--weight", ".3"], 2, "--weight is for learning"),
        (["--forget"], 1, "there is no state in"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_makes_nothing(shop, run, evals, arguments, code, said):  # noqa: ARG001
    found, _, err = run("learn", *arguments)
    assert found == code
    assert said in err
    assert not (shop / "selector-state").exists()
