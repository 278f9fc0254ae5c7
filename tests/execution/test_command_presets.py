"""The presets understand what the command lines print, as far as that is recorded."""

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from selector.config import ProviderConfig, command_presets, installed
from selector.errors import ConfigError
from selector.execution._command_failures import Now, Ran, failure_of
from selector.execution._command_settings import settings_of
from selector.execution._output import Said, read
from selector.records import Failure, Usage

OUTPUTS = Path(__file__).parent / "outputs"
TOKYO = ZoneInfo("Asia/Tokyo")


def said(preset, name):
    return read(command_presets()[preset].output, (OUTPUTS / name).read_text(encoding="utf-8"))


def failed(preset, name, moment=(2026, 1, 1), code=1, place="stdout"):
    """Say what becomes of a recorded output, at a moment in Tokyo."""
    printed = (OUTPUTS / name).read_text(encoding="utf-8")
    settings = settings_of("home", ProviderConfig(kind="command", preset=preset))
    on_stdout = place == "stdout"
    ran = Ran(
        code, read(settings.output, printed) if on_stdout else Said(), printed * on_stdout, printed * (not on_stdout)
    )
    return failure_of(ran, settings.patterns, Now(datetime(*moment, tzinfo=TOKYO).timestamp(), TOKYO))


@pytest.mark.parametrize(
    ("preset", "name", "text", "usage"),
    [
        ("claude-code", "claude-code-answer.json", "The response text here...", Usage(cost_usd=0.003)),
        (
            "claude-code",
            "claude-code-stream.jsonl",
            "Hello!",
            Usage(input_tokens=10, cache_read_tokens=0, cache_write_tokens=0, output_tokens=5, cost_usd=0.001),
        ),
        (
            "codex",
            "codex-answer.jsonl",
            "Yep — there\u2019s a `README.md` in the repository root.",
            Usage(input_tokens=315, cache_read_tokens=24_448, output_tokens=122),
        ),
        (
            "codex",
            "codex-reasoning.jsonl",
            "",
            Usage(input_tokens=20, cache_read_tokens=80, output_tokens=45, reasoning_tokens=5),
        ),
        (
            "gemini-cli",
            "gemini-cli-answer.json",
            "This is a test response.",
            Usage(input_tokens=34_548, cache_read_tokens=10_656, output_tokens=931, reasoning_tokens=241),
        ),
    ],
)
def test_an_answer_is_read_with_its_usage(preset, name, text, usage):
    found = said(preset, name)
    assert (found.text, found.usage, found.failed) == (text, usage, False)


@pytest.mark.parametrize(
    ("preset", "name", "resets_at"),
    [
        ("claude-code", "claude-code-spent.json", (2026, 4, 24, 4)),
        ("codex", "codex-spent.jsonl", (2026, 7, 5, 20, 19)),
        ("codex", "codex-spent-old.txt", (2026, 1, 6, 22, 11)),
        ("gemini-cli", "gemini-cli-spent.json", (2026, 1, 1, 8, 44, 7)),
    ],
)
def test_a_spent_limit_is_one_until_its_reset(preset, name, resets_at):
    found = failed(preset, name)
    assert found.failure is Failure.QUOTA_EXHAUSTED
    assert datetime.fromtimestamp(found.resets_at_s, tz=TOKYO) == datetime(*resets_at, tzinfo=TOKYO)


@pytest.mark.parametrize("code", [0, 1])
def test_the_old_words_of_claude_code_are_known_whatever_its_exit_code(code):
    """They may come as its answer, or as text where JSON was expected."""
    found = failed("claude-code", "claude-code-spent-old.txt", code=code)
    assert (found.failure, found.resets_at_s) == (Failure.QUOTA_EXHAUSTED, 1_755_615_600.0)
    patterns = settings_of("home", ProviderConfig(kind="command", preset="claude-code")).patterns
    answer = Ran(0, Said("Claude AI usage limit reached|1755615600"), "", "")
    assert failure_of(answer, patterns, Now(0.0)).failure is Failure.QUOTA_EXHAUSTED


@pytest.mark.parametrize(
    ("preset", "name", "place", "failure"),
    [
        ("claude-code", "claude-code-login.json", "stdout", Failure.AUTH),
        ("llm", "llm-no-key.txt", "stderr", Failure.AUTH),
        ("llm", "llm-no-model.txt", "stderr", Failure.NOT_FOUND),
        ("ollama", "ollama-no-model.txt", "stderr", Failure.NOT_FOUND),
        ("ollama", "ollama-no-server.txt", "stderr", Failure.CONNECTION),
    ],
)
def test_a_failure_is_understood(preset, name, place, failure):
    assert failed(preset, name, place=place).failure is failure


def test_a_retry_that_went_well_is_no_failure():
    """What `gemini` complains of on the way does not count where an answer came."""
    settings = settings_of("home", ProviderConfig(kind="command", preset="gemini-cli"))
    stderr = (OUTPUTS / "gemini-cli-retried.txt").read_text(encoding="utf-8")
    assert (
        failure_of(Ran(0, said("gemini-cli", "gemini-cli-answer.json"), "", stderr), settings.patterns, Now(0)) is None
    )


def test_every_output_says_where_it_comes_from():
    listed = (OUTPUTS / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in OUTPUTS.iterdir()} - {"README.md"}
    assert len(names) > 10
    assert {name for name in names if f"| `{name}` |" not in listed} == set()


def test_no_preset_lets_an_api_key_through():
    """A key in the environment would be billed where a subscription was meant."""
    for preset in command_presets().values():
        assert not [name for name in preset.env if "KEY" in name or name == "ANTHROPIC_AUTH_TOKEN"]
        assert {"HOME", "PATH"} <= set(preset.env)
        assert "{model}" in preset.argv


def test_a_key_of_the_providers_overrides_the_presets():
    config = ProviderConfig.model_validate(
        {
            "kind": "command",
            "preset": "claude-code",
            "env": ["PATH"],
            "output": {"text": "answer"},
            "failures": [{"match": "enough", "reason": "overloaded"}],
        }
    )
    settings, preset = settings_of("home", config), command_presets()["claude-code"]
    assert (settings.argv, settings.env) == (preset.argv, ("PATH",))
    assert (settings.output.text, settings.output.cost_usd) == ("answer", "total_cost_usd")
    assert (settings.patterns.own, settings.patterns.preset) == (config.failures, preset.failures)


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"providers\.home\.preset.*did you mean 'codex'"):
        settings_of("home", ProviderConfig(kind="command", preset="codexx"))


def test_command_lines_are_found_on_a_path_and_not_run(tmp_path):
    for name, mode in (("claude", 0o755), ("ollama", 0o755), ("codex", 0o644)):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n", encoding="utf-8")
        (tmp_path / name).chmod(mode)
    assert installed(os.pathsep.join(["/no/such/folder", str(tmp_path)])) == ("claude-code", "ollama")
    assert not (tmp_path / "ran").exists()
