"""A registry of providers: the same id at two of them is one model with two routes, each with its own account."""

import pytest

from selector.config import Config
from selector.config.formats import imported
from selector.errors import ConfigError
from tests.config.formats.fragments import SECRET, plain


@pytest.fixture
def registry():
    return plain("registry.yaml")


def test_the_same_id_at_two_providers_is_one_model_with_two_routes(registry):
    config = Config.load(registry)
    assert list(config.models) == ["sonnet", "opus"]
    assert list(config.models["sonnet"].routes) == ["personal", "work"]
    assert config.models["sonnet"].routes["work"].id == "claude-sonnet-4-20250514"
    assert config.models["opus"].routes["work"].context_tokens == 200_000


def test_prices_are_per_million_and_nothing_within_a_subscription(registry):
    routes = Config.load(registry).models["sonnet"].routes
    assert routes["work"].rates() == {"usd_per_mtok_in": 3.0, "usd_per_mtok_out": 15.0}
    assert routes["personal"].rates() == {"usd_per_mtok_in": 0.0, "usd_per_mtok_out": 0.0}


def test_a_subscriptions_limits_are_quotas_and_zero_is_none(registry):
    [quota] = Config.load(registry).providers["personal"].quotas
    assert (quota.tokens, quota.per) == (900_000, "day")
    lines = {line.place: line.what for line in imported(registry).lines}
    assert lines["providers.personal.subscription.quotas[0].max_requests"] == "ignored"


def test_aliases_that_tell_accounts_apart_mean_their_routes(registry):
    registry["providers"]["personal"]["models"][0]["alias"] = "sonnet-personal"
    registry["providers"]["work"]["models"][0]["alias"] = "sonnet-work"
    registry["routing"]["rules"][0] |= {"preferred_model": "sonnet-work", "fallback": "sonnet-personal"}
    registry["routing"]["fallback_chain"] = ["claude-sonnet-4-20250514", "opus"]
    config = Config.load(registry)
    assert list(config.models) == ["claude-sonnet-4-20250514", "opus"]
    assert config.rules[0].model == "claude-sonnet-4-20250514@work"
    assert config.chains.by_type["review"] == ("claude-sonnet-4-20250514@personal",)


def test_cost_aware_means_the_cheapest_where_no_rule_fires(registry):
    result = imported(registry)
    assert (result.config["default_model"], result.adaptive) == ("sonnet", "delete default_model")


@pytest.mark.parametrize(("said", "native"), [("round_robin", "round_robin"), ("quota_aware", "budget_aware")])
def test_a_strategy_among_providers_is_how_the_route_is_chosen(registry, said, native):
    registry["routing"]["selection_strategy"] = said
    assert Config.load(registry).models["sonnet"].route_by == native


def test_another_strategy_is_ignored_with_its_reason(registry):
    registry["routing"]["strategy"] = "by_moon"
    [line] = [line for line in imported(registry).lines if line.place == "routing.strategy"]
    assert line.what == "ignored"
    assert "known are cost_aware" in line.word


def test_a_key_that_stands_in_the_document_is_not_copied(registry):
    registry["providers"]["personal"]["api_key"] = SECRET
    result = imported(registry)
    assert SECRET not in repr(result)
    assert result.config["providers"]["personal"]["api_key"] == "env:PERSONAL_API_KEY"
    assert [line.what for line in result.lines if line.place == "providers.personal.api_key"] == ["warned"]


def test_one_id_twice_at_one_provider_is_refused(registry):
    registry["providers"]["work"]["models"].append({"id": "claude-opus-4"})
    with pytest.raises(ConfigError, match=r"providers\.work\.models\[2\]\.id: is listed twice at 'work'"):
        Config.load(registry)


def test_a_slip_in_a_native_document_is_refused_and_not_translated_away():
    native = {"providers": {"work": {"kind": "anthropic", "models": [{"id": "claude-opus-4"}]}}, "models": {"opus": {}}}
    with pytest.raises(ConfigError, match=r"providers\.work\.models: unknown key 'models'"):
        Config.load(native)
