"""Rules over a catalogue behind command templates, as TOML: it loads as it stands, and does what it says."""

import os
import re
import stat
import tomllib
from datetime import UTC, datetime

import pytest

from selector import Selector, Task
from selector.config import Config
from selector.config.formats import imported
from selector.errors import ConfigError
from tests.clients.conftest import Clock
from tests.config.formats.fragments import CATALOGUE, EXPERIMENT, FAILOVER, OF_TODAY, PROVIDERS, RULES, WORKFLOWS

pytestmark = [
    pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning"),
    pytest.mark.skipif(os.name != "posix", reason="the commands are scripts of a shell"),
]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
NIGHT = datetime(2026, 3, 10, 23, tzinfo=UTC).timestamp()
WHOLE = PROVIDERS + CATALOGUE + RULES + FAILOVER + EXPERIMENT

# A program of the machine that answers with what it was given; a file named `down` beside it breaks it.
_PROGRAM = """#!/bin/sh
here=$(dirname "$0")
if [ -e "$here/down-$(basename "$0")" ]; then echo "connect ECONNREFUSED" >&2; exit 1; fi
text="$(basename "$0") $*"
for word in "$@"; do if [ -f "$word" ]; then text="$text: $(cat "$word")"; fi; done
printf '%s' "$text"
"""


@pytest.fixture
def clock():
    return Clock(NOON)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put programs called claude and curl on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("claude", "curl"):
        file = folder / name
        file.write_text(_PROGRAM, encoding="utf-8")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def opened(tmp_path, clock, monkeypatch):
    """Open a document as its file, as somebody would."""
    monkeypatch.setenv("TZ", "UTC")
    begun = []

    def open_(text, name="config.toml"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        begun.append(Selector.open(file, state=tmp_path / "state", seed=1, clock=clock))
        return begun[-1]

    yield open_
    for each in begun:
        each.close()


def test_s1_1_a_providers_command_is_called_as_its_template_says(opened, programs):
    run = opened(PROVIDERS + CATALOGUE + RULES).run(Task("coding", prompt="Sort these."))
    assert programs.name == "bin"
    assert run.text.startswith("claude -p /")
    assert run.text.endswith("--model claude-sonnet-4-5: Sort these.")


def test_s1_1_a_command_that_writes_its_answer_to_a_file_is_read_there(opened, programs):
    template = '["sh", "-c", "cp \\"$0\\" \\"$1\\"", "{prompt_file}", "{output_file}"]'
    document = f'[providers.copy]\ncommand_template = {template}\n[[models]]\nname = "m"\nprovider = "copy"\n'
    assert programs.is_dir()
    assert opened(document).run(Task("coding", prompt="Sort these.")).text == "Sort these."


def test_s1_1_another_provider_is_a_change_of_the_configuration_alone(opened, programs):
    swapped = CATALOGUE.replace('provider = "claude-cli"', 'provider = "openrouter"')
    run = opened(PROVIDERS + swapped + RULES).run(Task("coding", prompt="Sort these."))
    assert programs.is_dir()
    assert run.text == "curl -X POST https://openrouter.ai/api/v1/..."


def test_s1_1_a_provider_that_is_switched_off_serves_nobody(opened):
    off = PROVIDERS.replace("[providers.openrouter]\nenabled = true", "[providers.openrouter]\nenabled = false")
    selector = opened(off + CATALOGUE)
    assert {selector.select(Task("coding")).model for _ in range(20)} == {"claude-sonnet-4-5"}


def test_s1_1_the_key_is_handed_on_by_the_name_of_its_variable():
    provider = Config.load(tomllib.loads(PROVIDERS)).providers["openrouter"]
    assert "OPENROUTER_API_KEY" in provider.env


def test_s1_2_what_a_call_costs_comes_from_the_document(opened):
    selector = opened(PROVIDERS + CATALOGUE + RULES)
    decision = selector.select(Task("coding", input_tokens=100_000))
    assert decision.model == "claude-sonnet-4-5"
    assert 0.3 < decision.expected_cost_usd < 1
    rates = Config.load(tomllib.loads(CATALOGUE)).models
    assert rates["claude-sonnet-4-5"].rates() == {"usd_per_mtok_in": 3.0, "usd_per_mtok_out": 15.0}
    assert rates["deepseek/deepseek-chat"].rates() == {"usd_per_mtok_in": 0.14, "usd_per_mtok_out": 0.28}
    assert rates["deepseek/deepseek-chat"].capabilities == ("code", "cheap")


def test_s1_2_the_call_log_has_tokens_and_cost_by_the_documents_prices(opened, programs, tmp_path):
    """A million tokens of input cost 3 dollars, of output 15; another price is a change of the document alone."""
    assert programs.is_dir()
    costs = []
    for factor in (1, 10):
        dearer = CATALOGUE.replace("= 3.0", f"= {3.0 * factor}").replace("= 15.0", f"= {15.0 * factor}")
        with opened(PROVIDERS + dearer + RULES) as selector:
            run = selector.run(Task("coding", prompt="Sort these. " * 100))
        used = run.attempts[0].usage
        assert run.cost_usd == pytest.approx((3 * used.input_tokens + 15 * used.output_tokens) * factor / 1e6)
        costs.append(run.cost_usd)
    assert len(list((tmp_path / "state").rglob("*.parquet"))) > 1
    assert costs[1] == pytest.approx(10 * costs[0], rel=0.1)


@pytest.mark.parametrize(
    ("now", "task", "model", "reason"),
    [
        (NOON, {"priority": 0}, "claude-opus-4", "Critical tasks get best model"),
        (NOON, {"priority": 0, "labels": ["documentation"]}, "claude-opus-4", "Critical tasks get best model"),
        (NOON, {"labels": ["documentation"]}, "claude-haiku-4", "Docs don't need expensive model"),
        (NIGHT, {"labels": ["documentation"]}, "claude-haiku-4", "Docs don't need expensive model"),
        (NIGHT, {}, "deepseek/deepseek-chat", "Night jobs use budget model"),
        (NIGHT, {"priority": 0}, "claude-opus-4", "Critical tasks get best model"),
        (NOON, {"labels": ["docs"]}, "claude-sonnet-4-5", "default_model"),
        (NOON, {"priority": 2}, "claude-sonnet-4-5", "default_model"),
    ],
)
def test_s1_3_rules_hold_in_their_order_and_then_the_default(opened, clock, now, task, model, reason):
    clock.now = now
    selector = opened(WHOLE)
    decision = selector.select(Task("coding", **task))
    assert decision.model == model
    assert reason in selector.explain(decision)


def test_s1_3_night_is_where_the_machine_is(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    clock.now = NOON + 3 * 3_600  # midnight there
    with Selector.open(tomllib.loads(WHOLE), state=tmp_path, seed=1, clock=clock) as selector:
        assert selector.select(Task("coding")).model == "deepseek/deepseek-chat"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("labls contains 'documentation'", "did you mean 'labels'"),
        ("priority = 0", "=="),
        ("__import__('os').system('id') == 0", "unexpected '('"),
        ("provider_status['claude-cil'] == 'down'", "did you mean 'claude-cli'"),
        ("hour >= 25", "0 to 23"),
    ],
)
def test_s1_3_an_unsafe_or_wrong_condition_is_refused_at_load_with_its_place(opened, condition, said):
    text = PROVIDERS + CATALOGUE + RULES.replace("labels contains 'documentation'", condition)
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        opened(text)
    line = next(n for n, each in enumerate(text.splitlines(), 1) if condition in each)
    assert (caught.value.line, caught.value.file.endswith("config.toml")) == (line, True)
    assert re.search(r"rules\[1\]\.condition: column \d+ of the condition", str(caught.value))


def test_s1_3_where_no_rule_fires_the_choice_is_learnt_once_the_default_is_deleted(tmp_path, clock):
    result = imported(tomllib.loads(PROVIDERS + CATALOGUE + RULES))
    assert result.adaptive == "delete default_model"
    del result.config["default_model"]
    with Selector.open(result.config, state=tmp_path, seed=1, clock=clock) as selector:
        assert len({selector.select(Task("coding")).model for _ in range(200)}) > 1


def test_s1_4_work_moves_while_a_provider_is_down_and_comes_back(opened, programs, clock):
    selector = opened(PROVIDERS + CATALOGUE + RULES.partition("[[")[0] + FAILOVER)

    def ask():
        return selector.run(Task("coding", prompt="Sort these.")).attempts[-1].model

    assert ask() == "claude-sonnet-4-5"
    (programs / "down-claude").touch()
    served = [ask() for _ in range(8)]
    assert served[-1] == "anthropic/claude-3.5-sonnet", "its status is down, and the rule says who serves then"
    decided = selector.select(Task("coding"))
    assert decided.model == "anthropic/claude-3.5-sonnet"
    (programs / "down-claude").unlink()
    back = []
    for _ in range(6):
        clock.now += 600
        back.append(ask())
    assert back[-1] == "claude-sonnet-4-5"


def test_s1_5_one_decimal_id_in_ten_is_tried(opened):
    selector = opened(PROVIDERS + CATALOGUE + RULES.partition("[[")[0] + EXPERIMENT)
    models = [selector.select(Task("coding", id=f"task-{n}")).model for n in range(1_000)]
    assert models.count("grok-beta") == 100
    assert all((model == "grok-beta") == (n % 10 == 0) for n, model in enumerate(models))


def test_s1_5_the_report_says_that_it_is_a_share_of_decimal_ids():
    lines = {line.place: line.word for line in imported(tomllib.loads(EXPERIMENT)).lines}
    assert "one id in ten where ids are decimal numbers" in lines["routing.rules[0].condition"]
    assert "share: 10%" in lines["routing.rules[0].condition"]


def test_s1_6_workflows_are_kept_for_later_and_say_so():
    lines = [line for line in imported(tomllib.loads(WORKFLOWS)).lines if line.what == "ignored"]
    assert lines
    assert all("workflows are not supported yet" in line.word for line in lines)


@pytest.mark.parametrize("section", ["", "[claude]\n", "[worker]\nprompt_style = 'plain'\n"])
def test_s1_9_one_model_and_its_command_work_as_before(opened, programs, section):
    selector = opened(section + OF_TODAY)
    run = selector.run(Task("coding", prompt="Sort these."))
    assert programs.is_dir()
    assert run.text.endswith("--model claude-sonnet-4-5: Sort these.")
    assert imported(tomllib.loads(section + OF_TODAY)).adaptive == "add another model under models"


def test_models_that_are_named_and_not_listed_are_added_with_one_warning_each():
    lines = [line for line in imported(tomllib.loads(WHOLE), environ={"TZ": "UTC"}).lines if line.what == "warned"]
    names = [line.word.split("'")[1] for line in lines]
    assert names == ["claude-opus-4", "claude-haiku-4", "anthropic/claude-3.5-sonnet", "grok-beta"]
    models = Config.load(tomllib.loads(WHOLE)).models
    assert all(models[name].enabled for name in names)
    assert models["claude-opus-4"].provider == "claude-cli"
    assert models["anthropic/claude-3.5-sonnet"].provider == "openrouter"


def test_a_key_in_a_command_is_refused_and_not_repeated():
    template = '[providers.x]\ncommand_template = ["curl", "-H", "Bearer sk-live-0123456789abcdefghij"]\n'
    with pytest.raises(ValueError, match=r"providers\.x\.command_template\[2\]: looks like a key") as caught:
        imported(tomllib.loads(template))
    assert "0123456789" not in str(caught.value)
