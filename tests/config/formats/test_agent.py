"""The file of one agent, and its key: accepted from a file that only its owner reads, and never repeated anywhere."""

import json
import logging
import os

import pytest

from selector.config import Config, secret
from selector.config.formats import imported
from selector.errors import ConfigError
from tests.config.formats.fragments import AGENT, ANOTHER_WORKER, ORCHESTRATOR, SECRET, dumped

posix = pytest.mark.skipif(os.name != "posix", reason="rights of files are POSIX")


def test_the_key_is_found_again_where_it_lies(written, tmp_path):
    file = written("agent.json")
    provider = Config.load(file).providers["model-name"]
    assert provider.api_key == f"file:{file}#api_key"
    assert secret(provider.api_key, {}, tmp_path / "elsewhere") == SECRET


def test_the_key_is_nowhere_in_what_is_made_of_its_file(written, caplog):
    file = written("agent.json")
    with caplog.at_level(logging.DEBUG):
        result, config = imported(file), Config.load(file)
    for said in (repr(result), str(result.lines), dumped(result.config)[0], repr(config), caplog.text):
        assert SECRET not in said
        assert SECRET[8:] not in said


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(written, mode):
    file = written("agent.json")
    file.chmod(mode)
    for read in (Config.load, imported):
        with pytest.raises(ConfigError, match=f"chmod 600 {file}") as caught:
            read(file)
        assert caught.value.line == 3
        assert SECRET not in str(caught.value)


@posix
def test_a_file_that_others_may_read_is_fine_where_its_key_is_a_reference(written):
    file = written("agent.json", AGENT.replace(SECRET, "env:AGENT_KEY"))
    file.chmod(0o644)
    assert Config.load(file).providers["model-name"].api_key == "env:AGENT_KEY"


def test_an_inline_key_that_is_in_no_file_is_refused_and_not_repeated():
    with pytest.raises(ConfigError, match="accepted from a file alone; write env:NAME") as caught:
        Config.load(json.loads(AGENT))
    assert SECRET not in str(caught.value)


def test_a_key_in_a_file_that_cannot_be_referred_to_is_refused(written):
    file = written("agent.yaml", dumped(json.loads(AGENT))[0])
    with pytest.raises(ConfigError, match="accepted from a JSON file"):
        Config.load(file)


def test_an_agent_is_called_by_its_folder(written):
    folder = written.home / "agents" / "deepseek"
    folder.mkdir(parents=True)
    file = folder / "config.json"
    file.write_text(AGENT, encoding="utf-8")
    file.chmod(0o600)
    model = Config.load(file).models["deepseek"]
    assert (model.provider, model.id, model.capabilities) == ("deepseek", "model-name", ("tools",))
    assert (model.max_output_tokens, model.params) == (4096, {"temperature": 0.7})


def test_an_agent_without_tools_is_one_that_calls_none(written):
    config = Config.load(written("agent.json", AGENT.replace("true", "false")))
    assert config.models["model-name"].capabilities == ()


@pytest.mark.parametrize(
    ("said", "kind", "url", "base"),
    [
        ("openai", "openai", "https://h.example/v1/chat/completions/", "https://h.example/v1"),
        ("openai", "openai", "http://localhost:1234/v1", "http://localhost:1234/v1"),
        ("anthropic", "anthropic", "https://h.example/v1/messages", "https://h.example"),
    ],
)
def test_the_calls_own_path_is_taken_off_the_address(written, said, kind, url, base):
    values = {**json.loads(AGENT), "provider": said, "api_url": url}
    [provider] = Config.load(written("agent.json", json.dumps(values))).providers.values()
    assert (provider.kind, provider.base_url) == (kind, base)


def test_another_kind_of_provider_is_refused(written):
    with pytest.raises(ConfigError, match=r"agent.json:2: provider: must be openai .* or anthropic"):
        Config.load(written("agent.json", AGENT.replace('"openai"', '"homemade"')))


def _agent_file(home, name, text=AGENT, mode=0o600):
    file = home / "agents" / name / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_an_orchestrator_takes_up_the_agent_files_of_its_workers(written):
    file = _agent_file(written.home, "minimax")
    result = imported(written("orchestrator.json", ORCHESTRATOR))
    config = Config.load(result.config)
    assert config.models["minimax"].id == "model-name"
    assert config.providers["minimax"].base_url == "https://api.example.com/v1"
    assert config.providers["minimax"].api_key == f"file:{file}#api_key"
    assert f"{file}: api_key" in [line.place for line in result.lines]
    assert SECRET not in repr(result)


def test_an_endpoint_goes_before_what_its_agent_file_says(written):
    file = _agent_file(written.home, "gpt-4")
    config = Config.load(written("another.json", ANOTHER_WORKER))
    provider, model = config.providers["gpt-4"], config.models["gpt-4"]
    assert (provider.base_url, model.id) == ("https://api.openai.com/v1", "gpt-4-turbo")
    assert provider.api_key == f"file:{file}#api_key"
    assert model.max_output_tokens == 4096


@posix
def test_an_orchestrator_refuses_an_agent_file_that_others_may_read(written):
    file = _agent_file(written.home, "gpt-4", mode=0o644)
    with pytest.raises(ConfigError, match=f"chmod 600 {file}") as caught:
        Config.load(written("another.json", ANOTHER_WORKER))
    assert SECRET not in str(caught.value)


def test_an_agent_file_that_is_not_there_yet_is_referred_to_with_a_warning(written):
    result = imported(written("another.json", ANOTHER_WORKER))
    [line] = [line for line in result.lines if line.place == "provider_endpoints.gpt-4.config_path"]
    assert line.what == "warned"
    assert "there is no such file yet" in line.word
    key = result.config["providers"]["gpt-4"]["api_key"]
    assert key == f"file:{written.home}/agents/gpt-4/config.json#api_key"
