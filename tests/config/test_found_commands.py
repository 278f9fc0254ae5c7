"""Command lines on the path count where no key serves their models; none of them is run to find out."""

import os
import warnings

import pytest

from selector.catalog import Catalog
from selector.config import Config, Effective, command_presets, found_in, sold_as, starter
from selector.errors import ConfigError, UnknownModelError

PROGRAMS = {name: preset.argv[0] for name, preset in command_presets().items()}


@pytest.fixture
def path(tmp_path):
    """Give a function that puts programs, which would fail if they were run, on a path of their own."""

    def of(*presets):
        for name in presets:
            program = tmp_path / PROGRAMS[name]
            program.write_text("#!/bin/sh\nexit 70\n")
            program.chmod(0o700)
        return str(tmp_path)

    return of


def loaded(tmp_path, text):
    file = tmp_path / "selector.yaml"
    file.write_text(text, encoding="utf-8")
    return Config.load(file)


def test_without_a_key_a_command_line_comes_with_its_models(path):
    config = found_in({"PATH": path("claude-code")})
    provider = config.providers["claude-code"]
    assert (provider.kind, provider.preset, provider.given().keys()) == ("command", "claude-code", {"kind", "preset"})
    assert list(config.models) == [model.name for model in command_presets()["claude-code"].models]
    assert {model.provider for model in config.models.values()} == {"claude-code"}


def test_a_model_that_a_key_serves_is_not_served_by_a_command_line(path):
    config = found_in({"PATH": path("claude-code"), "ANTHROPIC_API_KEY": "x"})
    assert list(config.providers) == ["anthropic"]
    assert config == found_in({"ANTHROPIC_API_KEY": "x"})


def test_models_that_no_key_serves_are_added_behind_those_of_keys(path):
    config = found_in({"PATH": path("claude-code"), "OPENAI_API_KEY": "x"})
    by_key = found_in({"OPENAI_API_KEY": "x"})
    assert list(config.providers) == ["openai", "claude-code"]
    assert list(config.models)[: len(by_key.models)] == list(by_key.models)
    assert config.models["opus"].provider == "claude-code"


def test_a_command_line_whose_models_nobody_knows_is_no_provider_of_its_own(path):
    with pytest.raises(ConfigError, match=r"no provider's key is set .* or have one of claude, codex, gemini on PATH"):
        found_in({"PATH": path("ollama", "llm")})


def test_a_program_that_cannot_be_run_does_not_count(path):
    folder = path("codex")
    os.chmod(os.path.join(folder, "codex"), 0o600)  # noqa: PTH101, PTH118 - as a path variable has it
    with pytest.raises(ConfigError, match="no provider's key"):
        found_in({"PATH": folder})


def test_prices_are_those_of_the_same_model_at_its_makers_api(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = found_in({"PATH": path(*PROGRAMS)})
        behind = Catalog.of(config)
    keys = {"ANTHROPIC_API_KEY": "x", "OPENAI_API_KEY": "x", "GEMINI_API_KEY": "x"}
    direct = Catalog.of(found_in(keys))
    assert {name: behind.model(name).route.prices for name in config.models} == {
        name: direct.model(name).route.prices for name in config.models
    }
    assert sold_as("codex", "gpt-nobody") is None


def test_the_first_file_says_the_same_and_shows_the_others_commented_out(path, tmp_path):
    environ = {"PATH": path("claude-code", "ollama"), "OPENAI_API_KEY": "x"}
    text = starter(environ, baseline="opus")
    assert loaded(tmp_path, text) == found_in(environ, baseline="opus")
    assert "\n#  ollama: {kind: command, preset: ollama}\n" in text
    assert "and the command lines on its path" in text
    used = loaded(tmp_path, text.replace("\n#  ollama:", "\n  ollama:"))
    assert used.providers["ollama"].preset == "ollama"
    assert "Written from the command lines found on the path." in starter({"PATH": path("codex")})


def test_a_baseline_behind_a_command_line_is_known(path):
    assert found_in({"PATH": path("claude-code")}, baseline="opus").objective.no_worse_than.model == "opus"
    with pytest.raises(UnknownModelError, match="did you mean 'opus'"):
        found_in({"PATH": path("claude-code")}, baseline="opsu")


def test_what_is_printed_names_the_path(path):
    origins = Effective.of(None, {"PATH": path("claude-code"), "OPENAI_API_KEY": "x"}).origins()
    assert origins["providers.claude-code.preset"] == "environment PATH"
    assert origins["models.opus.id"] == "environment PATH"
    assert origins["providers.openai.kind"] == "environment OPENAI_API_KEY"
