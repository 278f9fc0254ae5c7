"""`selector priors`: every cell with its source, few or many, beside what is configured and what was learnt."""

import re

import pytest

from selector.catalog import figures

CONFIG = """\
priors: published
models:
  sonnet: {id: claude-sonnet-4-6, prior: {quality: .8, weight: 5}, usd_per_mtok_in: 3, usd_per_mtok_out: 15}
  opus: {id: anthropic/claude-opus-4.8, usd_per_mtok_in: 5, usd_per_mtok_out: 25}
  mini: {id: gpt-5-mini, usd_per_mtok_in: 1, usd_per_mtok_out: 2}
  off: {id: gpt-5.5, enabled: false}
task_types: {coding/python: {}, review: {kind: bug_fixing}, chat: {}, secret: {kind: none}}
"""


@pytest.fixture
def priced(shop):
    """Configure three models, two of which are published."""
    (shop / "selector.yaml").write_text(CONFIG, encoding="utf-8")
    return shop


@pytest.fixture
def many(shop):
    """Configure thirty published models and one that nobody knows."""
    names = sorted(figures().models)[20:50]
    lines = [f"  {name}: {{usd_per_mtok_in: 1, usd_per_mtok_out: 2}}" for name in [*names, "my-own"]]
    text = "\n".join(["models:", *lines, "task_types: [coding, bug_fixing, maths]"])
    (shop / "selector.yaml").write_text(text, encoding="utf-8")
    return names


def cell_of(data, model, task_type):
    (found,) = [c for c in data["cells"] if (c["model"], c["task_type"]) == (model, task_type)]
    return found


def test_every_model_and_type_has_a_cell_with_its_figures(priced, run_json):  # noqa: ARG001 - it stands there
    data = run_json("priors")
    assert data["schema"] == "selector.priors/1"
    assert data["priors"] == "published"
    assert [(c["task_type"], c["model"]) for c in data["cells"]] == [
        (name, model) for name in ("coding/python", "review", "chat", "secret") for model in ("sonnet", "opus", "mini")
    ]
    kinds = {each["task_type"]: (each["kind"], each["is_configured"]) for each in data["task_types"]}
    assert kinds["coding/python"] == ("coding", False)
    assert kinds["review"] == ("bug_fixing", True)
    assert kinds["chat"] == (None, False)
    assert kinds["secret"] == (None, True)
    told = {(f["model"], f["benchmark"]): f for f in data["figures"]}
    for cell in data["cells"]:
        for benchmark in (cell["published"] or {"benchmarks": []})["benchmarks"]:
            as_ = "claude-sonnet-4-6" if cell["model"] == "sonnet" else "claude-opus-4-8"
            assert re.fullmatch(r"[0-9a-f]{40}", told[as_, benchmark]["commit"])
    found = cell_of(data, "opus", "review")["published"]
    assert found["benchmarks"] == ["openhands/swe-bench", "openhands/swe-bench-multimodal"]
    assert found["success"] == pytest.approx((0.838 * 500 + 0.5 * 68) / 568)
    assert found["n_items"] == 568
    assert found["log_odds_above_mean"] > 0
    assert found["is_of_this_kind"]
    assert not cell_of(data, "opus", "chat")["published"]["is_of_this_kind"]
    assert cell_of(data, "opus", "secret")["published"] is None
    assert cell_of(data, "mini", "review")["published"] is None


def test_models_say_by_which_spelling_they_were_matched_or_what_was_tried(priced, run_json):  # noqa: ARG001
    data = run_json("priors")
    assert [(m["model"], m["published_as"], m["matched_by"]) for m in data["models"]] == [
        ("sonnet", "claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("opus", "claude-opus-4-8", "anthropic/claude-opus-4.8"),
        ("mini", None, None),
    ]
    assert data["models"][2]["tried"] == ["gpt-5-mini", "mini"]
    assert data["models"][0]["prior"] == {"quality": 0.8, "weight": 5.0}


def test_what_was_learnt_stands_beside_it(priced, run_json, run):
    (priced / "evals.csv").write_text("task_type,model,score\nreview,sonnet,1\nreview,sonnet,0\nreview,gpt-9,0\n")
    assert run("learn", "evals.csv", "--weight", ".5")[0] == 0
    data = run_json("priors")
    assert cell_of(data, "sonnet", "review")["learnt"] == {"n": 1.0, "mean": 0.5}
    assert cell_of(data, "opus", "review")["learnt"] is None
    assert data["unknown_models"] == {"gpt-9": []}
    assert [each["name"] for each in data["learnt"]] == ["evals.csv"]
    _, out, _ = run("priors")
    assert re.search(r"review +bug_fixing +sonnet .* 0\.80 x 5 +0\.50 x 1\.0$", out, re.MULTILINE)
    assert "learnt, and none of these models: gpt-9" in out


def test_a_few_cells_are_shown_one_by_one(priced, run):  # noqa: ARG001
    code, out, err = run("priors")
    assert (code, err) == (0, "")
    assert re.search(r"coding/python +coding +opus +0\.812 +\+0\.\d\d +117 +livebench/coding +2026-06-25", out)
    assert re.search(r"chat +- +opus +~0\.\d{3} .*livebench \(10 benchmarks\), openhands \(5 benchmarks\)", out)
    assert "opus: published as claude-opus-4-8, known by anthropic/claude-opus-4.8" in out
    assert "mini: nothing is published of gpt-5-mini or mini" in out
    assert "no kind of work is known of: chat;" in out
    assert "LiveBench/new-livebench @ 5b4fdee" in out


def test_many_are_a_table_of_models_by_task_types(many, run):
    code, out, _ = run("priors")
    assert code == 0
    lines = out.splitlines()
    head = next(line for line in lines if line.startswith("model"))
    assert head.split() == ["model", "published", "as", "coding", "bug_fixing", "maths"]
    for name in many:
        (line,) = [each for each in lines if each.startswith(f"{name} ")]
        assert re.fullmatch(r"\S+ +\S+( +~?[+-]\d\.\d\d){3}", line)
        assert len(line) < 120
    assert any(re.fullmatch(r"my-own( +-){4}", line) for line in lines)
    assert "priors: published; how much they count is learnt from how well they predict" in out
    _, detailed, _ = run("priors", "--type", "maths")
    assert sum(line.startswith("maths") for line in detailed.splitlines()) == len(many) + 1
    _, detailed, _ = run("priors", "--model", many[0])
    assert sum(many[0] in line.split() for line in detailed.splitlines()) == 3


def test_a_type_or_a_model_alone_is_compared_with_all_models(many, run_json):
    whole = run_json("priors")
    one = run_json("priors", "--model", many[3], "--type", "maths")
    assert one["cells"] == [cell_of(whole, many[3], "maths")]
    other = run_json("priors", "--type", "bbh/navigate")
    assert {(c["task_type"], c["kind"]) for c in other["cells"]} == {("bbh/navigate", "reasoning")}


def test_without_task_types_it_is_any(shop, run, run_json):
    (shop / "selector.yaml").write_text("models: {gpt-5.5: , gpt-5.4: {usd_per_mtok_in: 1}}\n", encoding="utf-8")
    assert re.search(r"^any +- +gpt-5\.5 +~0\.\d{3}", run("priors")[1], re.MULTILINE)
    assert {c["task_type"] for c in run_json("priors")["cells"]} == {None}


def test_nothing_is_made_and_quiet_leaves_headings_out(priced, run):
    _, out, _ = run("priors", "--quiet", "--type", "review")
    assert [line.split()[2] for line in out.splitlines()] == ["sonnet", "opus", "mini"]
    assert not (priced / "selector-state").exists()


def test_unknown_models_and_kinds_are_named_with_the_nearest(priced, run):
    code, _, err = run("priors", "--model", "opsu")
    assert (code, "did you mean 'opus'" in err) == (2, True)
    text = CONFIG.replace("bug_fixing", "bugfixing")
    (priced / "selector.yaml").write_text(text, encoding="utf-8")
    code, _, err = run("priors")
    assert (code, "task_types.review.kind" in err, "did you mean 'bug_fixing'" in err) == (2, True, True)
