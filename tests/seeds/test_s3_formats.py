"""An orchestrator's workers by group: the JSON loads as it stands; overrides, chains and budgets do what it says."""

import json
import os
import stat

import pytest

from selector import Task
from selector.config import Config
from selector.config.formats import imported
from selector.errors import AllAttemptsFailedError
from tests.config.formats.fragments import ANOTHER_WORKER, ORCHESTRATOR, SECRET

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")

EXTERNAL = {"deepseek", "minimax", "kimi", "glm"}
CLAUDE = {"haiku", "sonnet", "opus"}


@pytest.fixture
def document(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return json.loads(ORCHESTRATOR)


def _chosen(selector, task_type="coding", n=40, **more):
    return {selector.select(Task(task_type, **more)).model for _ in range(n)}


def _facts(complexity=None, suggested=None):
    facts = {"complexity": complexity, "suggested_model": suggested}
    return {"metadata": {key: value for key, value in facts.items() if value is not None}}


def test_s3_2_groups_are_tags_and_abilities_are_kept(document):
    models = Config.load(document).models
    assert {name for name, model in models.items() if "claude" in model.tags} == CLAUDE
    assert {name for name, model in models.items() if "external" in model.tags} == EXTERNAL | {"gemini"}
    able = {name for name, model in models.items() if "tools" in model.capabilities}
    assert able == CLAUDE | {"deepseek", "minimax"}
    assert not models["gemini"].enabled


def test_s3_2_tokens_per_day_of_a_group_are_a_budget_with_its_tag(document):
    budgets = Config.load(document).budgets
    assert [(each.tokens, each.per, each.scope.tag, each.is_hard) for each in budgets] == [
        (100_000, "day", "claude", False),
        (1_000_000, "day", "external", False),
    ]


def test_s3_2_the_chain_is_by_model(document):
    chains = Config.load(document).chains.by_model
    assert chains["haiku"] == chains["deepseek"] == ("sonnet", "opus")
    assert chains["sonnet"] == ("opus",)


def test_s3_2_an_endpoint_says_where_a_model_is_called_and_as_what(document):
    config = Config.load({**document, **json.loads(ANOTHER_WORKER)})
    assert config.providers["gpt-4"].base_url == "https://api.openai.com/v1"
    assert config.models["gpt-4"].id == "gpt-4-turbo"
    assert config.providers["gpt-4"].api_key.endswith("/agents/gpt-4/config.json#api_key")


def test_s3_2_where_nothing_is_said_of_a_task_the_configured_model_serves(opened, document):
    selector = opened(document)
    assert _chosen(selector) == {"deepseek"}
    assert imported(document).adaptive == "delete default_model"
    assert selector.select(Task("anything", purpose="cto")).model == "deepseek"


@pytest.mark.parametrize("complexity", ["simple", "moderate"])
@pytest.mark.parametrize("suggested", [None, "haiku", "sonnet", "opus"])
def test_s3_4_routine_work_for_a_dear_model_goes_to_cheaper_ones(opened, document, complexity, suggested):
    assert _chosen(opened(document), **_facts(complexity, suggested)) <= EXTERNAL


def test_s3_4_routine_work_is_spread_over_those_of_whom_less_is_known(opened, document):
    assert len(_chosen(opened(document), n=200, **_facts("simple", "sonnet"))) >= 3


def test_s3_4_a_suggestion_that_is_cheap_already_is_kept(opened, document):
    assert _chosen(opened(document), **_facts("simple", "minimax")) == {"minimax"}


def test_s3_4_research_goes_to_models_that_only_read_and_write_text(opened, document):
    selector = opened(document)
    assert _chosen(selector, "research", **_facts("moderate", "sonnet")) <= {"kimi", "glm"}
    assert _chosen(selector, "research/papers") <= {"kimi", "glm"}


@pytest.mark.parametrize(
    ("task_type", "facts", "more"),
    [
        ("coding", ("complex", "opus"), {}),
        ("research", ("complex", "opus"), {}),
        ("email", ("simple", "opus"), {}),
        ("email/replies", ("moderate", "opus"), {}),
        ("coding", ("simple", "opus"), {"labels": ["escalation"]}),
        ("coding", ("simple", "opus"), {"retry_count": 1}),
        ("research", ("simple", "opus"), {"retry_count": 2}),
    ],
)
def test_s3_4_complex_work_email_and_escalations_are_never_overridden(opened, document, task_type, facts, more):
    assert _chosen(opened(document), task_type, **_facts(*facts), **more) == {"opus"}


@pytest.mark.parametrize(
    "change",
    [
        {"cost_optimization": {"enabled": False, "token_budget_per_day": {"claude": 1}}},
        {"model_selection_strategy": "by_moon"},
        {"cost_optimization": {"prefer_external_for_routine": False, "preserve_claude_tokens": False}},
    ],
)
def test_s3_4_what_is_switched_off_overrides_nothing_and_says_so(opened, document, change):
    document |= change
    assert _chosen(opened(document), **_facts("simple", "opus")) == {"opus"}
    words = [line.word for line in imported(document).lines]
    assert any("is false" in word or "is not cost_aware" in word or "it is off" in word for word in words)


@pytest.mark.skipif(os.name != "posix", reason="the command is a script of a shell")
def test_s3_6_what_fails_is_escalated_and_blocked_after_three_failures(opened, document, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "claude"
    program.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    selector = opened(document)
    with pytest.raises(AllAttemptsFailedError) as caught:
        selector.run(Task("coding", prompt="Sort these.", **_facts("complex", "haiku")))
    assert [each.model for each in caught.value.attempts] == ["haiku", "sonnet", "opus"]


def test_s3_6_workers_without_a_chain_are_escalated_as_the_format_says(document):
    chains = Config.load(document).chains.by_model
    assert {chains[name] for name in ("minimax", "kimi", "glm")} == {("sonnet", "opus")}
    assert chains["opus"] == ()


def test_s3_11_a_document_without_workers_has_the_usual_ones(opened):
    config = Config.load({"cto_model": "opus"})
    assert {name for name, model in config.models.items() if model.enabled} == CLAUDE | EXTERNAL
    assert _chosen(opened(config)) == {"opus"}


def test_s3_11_a_part_is_filled_up():
    config = Config.load({"cost_optimization": {"token_budget_per_day": {"claude": 5}}})
    assert config.default_model == "deepseek"
    assert [rule.name for rule in config.rules[:2]] == ["cost-aware-research", "cost-aware-routine"]


def test_s3_11_a_worker_that_nobody_lists_is_taken_as_enabled_with_a_warning(document):
    document["fallback_chain"]["homemade"] = ["sonnet"]
    result = imported(document)
    assert Config.load(result.config).models["homemade"].enabled
    [line] = [line for line in result.lines if line.place == "fallback_chain.homemade"]
    assert line.what == "warned"
    assert "'homemade' is not listed in this document: added, enabled" in line.word


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ("claude-3-opus-20240229", "opus"),
        ("claude-haiku", "haiku"),
        ("deepseek-chat", "deepseek"),
        ("moonshot-v1-8k", "kimi"),
        ("chatglm", "glm"),
    ],
)
def test_s3_11_an_old_name_means_the_worker_of_today_and_says_so(document, old, today):
    document["cto_model"] = old
    result = imported(document)
    assert result.config["default_model"] == today
    [line] = [line for line in result.lines if line.place == "cto_model"]
    assert f"{old!r} is an old name of {today!r}" in line.word


def test_a_budget_of_a_group_that_is_not_there_is_ignored_with_its_reason(document):
    document["cost_optimization"]["token_budget_per_day"]["spare"] = 7
    lines = {line.place: line for line in imported(document).lines}
    line = lines["cost_optimization.token_budget_per_day.spare"]
    assert (line.what, line.word) == ("ignored", "no worker is in the group 'spare'")


def test_a_chain_of_workers_that_are_all_switched_off_is_empty_with_a_warning(document):
    document["fallback_chain"]["kimi"] = ["gemini"]
    result = imported(document)
    assert result.config["chains"]["by_model"]["kimi"] == []
    assert {line.what for line in result.lines if line.place == "fallback_chain.kimi"} == {"warned"}
    assert Config.load(result.config).chains.by_model["kimi"] == ()


def test_s3_2_a_group_that_is_a_list_of_names_is_one_of_enabled_workers(opened, document):
    document["worker_models"] = {"claude": ["haiku", "opus"], "external": ["deepseek"]}
    assert _chosen(opened(document), **_facts("simple", "opus")) == {"deepseek"}


def test_s3_8_a_key_in_an_endpoint_is_not_copied(document):
    document |= json.loads(ANOTHER_WORKER)
    endpoint = document["provider_endpoints"]["gpt-4"]
    endpoint["api_key"] = SECRET
    del endpoint["config_path"]
    result = imported(document)
    assert SECRET not in repr(result)
    assert result.config["providers"]["gpt-4"]["api_key"] == "env:GPT_4_API_KEY"
