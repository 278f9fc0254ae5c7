"""The reference configuration that ships with the package: it opens, leaves no key out, and says what it means."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from selector import Outcome, Selector, Task
from selector.config import Config, Effective
from selector.config._commands import CommandModel, CommandPreset
from selector.config._load import document
from selector.config._section import Section
from selector.errors import ConfigError
from selector.testing import FakeProvider, Fault

README = Path(__file__).parents[2] / "README.md"
REFERENCE = files("selector.config") / "reference.yaml"
TEXT = REFERENCE.read_text(encoding="utf-8")
FOUND = document(str(REFERENCE))
OTHERS = (CommandModel, CommandPreset)
"""Sections that stand in the library's own file of commands."""


def sections(above=Section):
    for each in above.__subclasses__():
        if each.__module__.startswith("selector.config.") and each not in OTHERS:
            yield each
        yield from sections(each)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Put it where a user would, with the file of variables that it names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WORK_KEY=none\nOPENROUTER_API_KEY=none\n")
    file = tmp_path / "selector.yaml"
    file.write_text(TEXT, encoding="utf-8")
    return file


def test_it_opens_as_it_is_and_chooses(copied):
    with Selector.open(copied, state=copied.parent / "state", seed=1) as selector:
        decision = selector.select(Task("email", prompt="Answer this.", metadata={"user": "ada"}))
        assert decision.model == "opus"


def test_every_key_of_the_whole_stands_in_it_or_is_named_as_left_out():
    left_out = Config.valid_keys() - FOUND.value.keys()
    assert left_out == {"default_model"}
    assert all(re.search(rf"^# .*\b{key}:", TEXT, re.MULTILINE) for key in left_out | Config.later)


@pytest.mark.parametrize("section", sorted(set(sections()), key=lambda each: each.__name__), ids=lambda s: s.__name__)
def test_every_key_of_every_section_is_shown_or_named(section):
    keys = {field.alias or name for name, field in section.model_fields.items()} | section.later
    assert {key for key in keys if not re.search(rf"(?<![\w-]){key}:", TEXT)} == set()


@pytest.mark.parametrize("key", sorted(Config.later))
def test_what_is_left_out_is_refused(key):
    with pytest.raises(ConfigError, match=f"{key}: is not supported yet"):
        Config.load({"models": {"a": {}}, key: {}})


def test_it_is_read_as_it_is_meant():
    config = Config.load(FOUND.value)
    rolling, weekly = config.providers["home"].quotas
    assert (rolling.tokens, rolling.seconds, rolling.use_or_lose) == (900_000, 5 * 3600, True)
    assert (weekly.per, str(weekly.reset), weekly.reserve_for) == ("week", "Mon 09:00", {"purpose:lead": 0.3})
    assert config.rules[3].forbid == ("*@home",)
    assert config.chains.by_type == {"coding": ("sonnet", "opus")}
    assert (config.providers["home"].preset, config.providers["mine"].output.source) == ("claude-code", "file")
    external = next(each for each in config.budgets if each.name == "external")
    assert (config.on_ledger_failure, external.scope.tag) == ("refuse", "external")
    assert {each.each for each in config.budgets} == {None, "metadata.user"}
    assert (config.mode.name, list(config.purposes)) == ("on", ["lead", "worker", "oracle"])
    assert (config.sessions.start, config.sessions.turns, config.sessions.then) == ("lead", 3, "worker")


def test_written_out_with_every_default_it_decides_the_same():
    assert Config.load(Effective.of(FOUND.value, {}).plain()).digest == Config.load(FOUND.value).digest


def test_the_shortest_useful_configuration_of_the_readme_does_what_it_says(tmp_path, monkeypatch):
    """Five lines: a hard limit, published prices, the other model where a call fails, and what is learnt is kept."""
    shortest = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len(shortest.splitlines()) == 5
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    (tmp_path / "selector.yaml").write_text(shortest, encoding="utf-8")
    with Selector.open(providers={"work": FakeProvider([Fault("auth"), "done"])}) as selector:
        run = selector.run(Task("chat", prompt="hi"))
        assert (run.text, {each.model for each in run.attempts}) == ("done", {"opus", "haiku"})
        assert 0 < run.cost_usd < 0.01
        selector.record(run.id, Outcome(success=True, source="human"))
        assert "budget usd-per-month (hard)" in selector.explain(run.id)
    with Selector.open() as selector:
        assert selector.status().n_outcomes == 1
    assert (tmp_path / "selector-state").is_dir()
