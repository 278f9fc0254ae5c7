"""Which configuration counts where a state folder that is named has one of its own."""

import json
from pathlib import Path

import pytest

from selector import Outcome, Selector, Task
from selector.errors import ConfigError

FREE = "models: {{{name}: {{usd_per_mtok_in: 0, usd_per_mtok_out: 0}}}}\n"
READING = (
    ("status",),
    ("beliefs",),
    ("summary",),
    ("budget",),
    ("models",),
    ("validate",),
    ("config",),
    ("rebuild",),
    ("explain", "ID"),
    ("export", "-o", "log.csv"),
    ("report", "--terminal"),
    ("select", "chat"),
    ("record", "ID", "--success"),
)


@pytest.fixture
def left(tmp_path, monkeypatch):
    """Leave a state folder with a configuration of its own, and stand where there is none."""
    for name in ("SELECTOR_CONFIG", "SELECTOR_STATE", "ORCHESTRATOR_CONFIG", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    folder, here = tmp_path / "left", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    own = {"models": {"its-own": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}}
    with Selector.open(own, state=folder) as selector:
        decision = selector.select(Task("chat"))
        selector.record(decision, Outcome(score=1.0, output_tokens=9))
    (folder / "selector.yaml").write_text(FREE.format(name="its-own"), encoding="utf-8")
    return folder, decision.id


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
@pytest.mark.parametrize("named_by", ["option", "variable"])
def test_every_command_that_calls_no_model_finds_it(run, left, monkeypatch, command, named_by):
    folder, id_ = left
    given = [id_ if each == "ID" else each for each in command]
    if named_by == "option":
        given += ["--state", str(folder)]
    else:
        monkeypatch.setenv("SELECTOR_STATE", str(folder))
    code, _, err = run(*given)
    assert code == 0, err
    assert "is not used" not in err


def test_what_lies_where_one_stands_comes_first_and_that_is_said(run, left):
    folder, _ = left
    Path("selector.yaml").write_text(FREE.format(name="ours"), encoding="utf-8")
    code, out, err = run("models", "--json", "--state", str(folder))
    assert [row["name"] for row in json.loads(out)["models"]] == ["ours"]
    assert code == 0
    assert f"selector.yaml is used, and not {folder / 'selector.yaml'} of the state folder" in err
    assert run("models", "-q", "--state", str(folder))[2] == ""


def test_what_a_variable_or_an_option_names_comes_before_it(run_json, left, tmp_path, monkeypatch):
    folder, _ = left
    for name in ("variable", "option"):
        (tmp_path / f"{name}.yaml").write_text(FREE.format(name=name), encoding="utf-8")
    monkeypatch.setenv("SELECTOR_CONFIG", str(tmp_path / "variable.yaml"))
    found = run_json("models", "--state", str(folder))
    assert [row["name"] for row in found["models"]] == ["variable"]
    found = run_json("models", "--state", str(folder), "--config", str(tmp_path / "option.yaml"))
    assert [row["name"] for row in found["models"]] == ["option"]


def test_it_comes_before_what_keys_alone_allow(run_json, left, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "never used")
    assert [row["name"] for row in run_json("models", "--state", str(left[0]))["models"]] == ["its-own"]


def test_who_stands_in_the_folder_is_told_nothing_twice(run, left, monkeypatch):
    monkeypatch.chdir(left[0])
    code, _, err = run("models", "--state", ".")
    assert (code, "state folder" in err) == (0, False)


def test_it_never_says_which_program_is_called(run, left, tmp_path):
    folder, _ = left
    mark = tmp_path / "was-run"
    text = f"providers: {{p: {{kind: command, argv: [touch, {mark}]}}}}\nmodels: {{m: {{provider: p}}}}\n"
    (folder / "selector.yaml").write_text(text, encoding="utf-8")
    code, _, err = run("run", "--task-type", "chat", "hello", "--state", str(folder))
    assert code == 2
    assert "selector.yaml is not used, since it says which programs are run" in err
    assert not mark.exists()


def test_a_program_names_its_configuration_itself(left):
    with pytest.raises(ConfigError):
        Selector.open(state=left[0])


def test_a_folder_without_one_is_as_before(run, left):
    (left[0] / "selector.yaml").unlink()
    assert run("status", "--state", str(left[0]))[0] == 2
