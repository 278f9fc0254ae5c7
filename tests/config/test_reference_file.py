"""The reference of every key loads, but for what later versions bring: each of those is refused with its place."""

import copy
import re
from pathlib import Path

import pytest

from selector.config import Config, Effective, ModelConfig, ProviderConfig, RouteConfig
from selector.config._load import document
from selector.errors import ConfigError

REFERENCE = Path(__file__).parents[3] / "shared" / "selector.yaml"
WAITING = {
    "on_ledger_failure": Config,
    "sessions": Config,
    "workflows": Config,
    "ensembles": Config,
    "priors": None,
    "providers.home.quotas": ProviderConfig,
    "models.sonnet.route_by": ModelConfig,
    "models.sonnet.routes.openrouter.quotas": RouteConfig,
}
LATER = [key for key, section in WAITING.items() if section is None or key.rpartition(".")[2] in section.later]


@pytest.fixture
def reference():
    if not REFERENCE.is_file():
        pytest.skip("the reference configuration lies beside the repository, and is not here")
    return document(REFERENCE)


def written_at(lines, key):
    """Return the line that a key stands on, found without the reader of the library."""
    *_, last = re.findall(r"[^.\[\]]+", key)
    return [number for number, line in enumerate(lines, 1) if re.search(rf"(?<![\w:]){last}:", line)]


def test_it_loads_but_for_what_later_versions_bring(reference):
    plain, refused, lines = copy.deepcopy(reference.value), [], REFERENCE.read_text(encoding="utf-8").splitlines()
    for _ in range(len(LATER)):
        with pytest.raises(ConfigError, match="not supported yet") as caught:
            Config.read(plain, reference.places)
        key = caught.value.key
        refused.append(key)
        assert caught.value.file == str(REFERENCE)
        assert caught.value.line in written_at(lines, key)
        *above, last = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key)]
        inner = plain
        for part in above:
            inner = inner[part]
        del inner[last]
    assert refused == LATER
    config = Config.read(plain, reference.places)
    assert (len(config.rules), config.mode.name, list(config.purposes)) == (5, "on", ["lead", "worker", "oracle"])
    assert config.rules[3].forbid == ("*@home",)
    assert config.chains.by_type == {"coding": ("sonnet", "opus")}
    assert (config.providers["home"].preset, config.providers["mine"].output.source) == ("claude-code", "file")
    assert Config.load(Effective.of(plain, {}).plain()).digest == config.digest


@pytest.mark.usefixtures("nothing_of_quotas_waits")
def test_what_is_ready_and_waits_is_read_as_it_is_meant(reference):
    plain = copy.deepcopy(reference.value)
    for key in ("sessions", "workflows", "ensembles", "priors"):
        del plain[key]
    config = Config.read(plain, reference.places)
    rolling, weekly = config.providers["home"].quotas
    assert (rolling.tokens, rolling.seconds, rolling.use_or_lose) == (900_000, 5 * 3600, True)
    assert (weekly.per, str(weekly.reset), weekly.reserve_for) == ("week", "Mon 09:00", {"purpose:lead": 0.3})
    assert config.models["sonnet"].route_by == "budget_aware"
    assert config.models["sonnet"].routes["openrouter"].quotas[0].requests == 50
    assert (config.on_ledger_failure, config.budgets[1].scope.tag) == ("refuse", "external")
    assert config.budgets[2].each == "metadata.user"
    again = Effective.of(plain, {}).plain()
    assert again["providers"]["home"]["quotas"][1]["resets"] == "Mon 09:00"
    assert Config.load(again).digest == config.digest
