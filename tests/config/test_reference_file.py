"""The reference of every key loads, but for what later versions bring: each of those is refused with its place."""

import copy
import re
from pathlib import Path

import pytest

from selector.config import Config, Effective
from selector.config._load import document
from selector.errors import ConfigError

REFERENCE = Path(__file__).parents[3] / "shared" / "selector.yaml"
LATER = [
    "on_ledger_failure",
    "sessions",
    "workflows",
    "ensembles",
    "priors",
    "providers.home.quotas",
    "models.sonnet.route_by",
    "models.sonnet.routes.openrouter.quotas",
    "budgets[1].scope",
    "budgets[2].each",
]


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
