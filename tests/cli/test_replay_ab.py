"""`selector replay ab`: an experiment by share on the command line."""

import json
import shutil

import pytest

from selector import Outcome, Selector, Task


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Let an experiment run on 400 tasks: large is good at all of them, small at half."""
    folder = tmp_path_factory.mktemp("ab") / "state"
    prices = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}
    rule = {"name": "large-test", "condition": "true", "share": 0.5, "model": "large"}
    policy = {"name": "fixed", "model": "small"}
    config = {"models": {"small": prices, "large": prices}, "policy": policy, "rules": [rule]}
    with Selector.open(config, state=folder, seed=1) as selector:
        for n in range(400):
            decision = selector.select(Task("coding", input_tokens=100))
            good = decision.model == "large" or n % 2 == 0
            selector.record(decision, Outcome(success=good, source="tests", output_tokens=50))
    return folder


@pytest.fixture
def tried(shop, log):
    """Stand beside a state folder with that experiment."""
    shutil.copytree(log, shop / "selector-state")
    return shop


def test_a_person_reads_the_answer_first_and_then_how_sure_it_is(run, tried):
    code, out, err = run("replay", "ab", "large-test")
    assert (code, err) == (0, "")
    assert tried
    first, *rest = out.splitlines()
    assert first.startswith("large-test: the treatment is better (+0.")
    said = "\n".join(rest)
    for word in ("treatment", "control", "large 100%", "small 100%", "at one look", "at every look"):
        assert word in said
    assert "shares: as drawn" in said
    assert run("replay", "ab", "large-test", "-q") == (0, "better\n", "")


def test_a_program_gets_one_object_which_is_also_written(run_json, tried):
    data = run_json("replay", "ab", "large-test", "-o", "ab.json")
    assert json.loads((tried / "ab.json").read_text(encoding="utf-8")) == data
    assert (data["schema"], data["verdict"], data["name"]) == ("selector.replay.ab/1", "better", "large-test")
    success = data["effects"][0]
    low, high = success["sequence"]
    assert low < success["interval"][0] < success["value"] < success["interval"][1] < high
    assert data["sample_ratio"]["alarm"] is False
    assert data["arms"]["treatment"]["n_decisions"] + data["arms"]["control"]["n_decisions"] == 400


def test_a_saved_log_shows_the_same(run, run_json, tried):
    assert run("export", "-o", "log.parquet")[0] == 0
    of_folder, of_file = (run_json("replay", "ab", "large-test", *more) for more in ((), ("log.parquet",)))
    assert of_file == of_folder
    assert tried


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("large",), 1, "no experiment 'large' in the log; found: large-test"),
        (("large-test", "--detect", "2"), 1, "detect is 2.0; give the difference in success"),
        (("large-test", "-o", "x.csv"), 2, "what is written is JSON; name it .json"),
        (("large-test", "nowhere"), 1, "nowhere: there is no such folder or file"),
        (("large-test", "--type", "codin"), 1, "none is of type 'codin'"),
        ((), 2, "NAME"),
    ],
)
def test_what_is_wrong_is_said(run, tried, arguments, code, said):
    found, out, err = run("replay", "ab", *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert tried


def test_an_empty_log_says_so(run, shop):
    with Selector.open():
        pass
    code, _, err = run("replay", "ab", "large-test")
    assert code == 1
    assert "the log is empty, no decision was made yet" in err
    assert shop
