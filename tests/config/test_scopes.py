"""A budget says what it counts: a scope, an account for each of many, one run, a class of tokens, a last day."""

import json
from datetime import UTC, date, datetime

import pytest
from jsonschema import Draft202012Validator  # noqa: TID253 - what a schema means is asked of another reader

from selector.config import BudgetConfig, Config, Effective, ScopeConfig, json_schema
from selector.errors import ConfigError, UnknownModelError

SHOP = {
    "timezone": "Europe/Berlin",
    "providers": {"work": {"kind": "anthropic"}, "home": {"kind": "openai"}},
    "models": {
        "opus": {"provider": "work"},
        "sonnet": {"routes": {"work": {}, "home": {}}},
        "grok": {"provider": "home", "tags": ["external"]},
    },
    "task_types": ["coding/python", "email"],
    "purposes": {"lead": ["opus"]},
}
CHECK = Draft202012Validator(json_schema())


def shop(*budgets):
    return {**SHOP, "budgets": list(budgets)}


def load(*budgets):
    return Config.load(shop(*budgets)).budgets


GOOD = [
    ({"scope": {"model": "opus"}}, "usd-per-day-model-opus"),
    ({"scope": {"tag": "external"}}, "usd-per-day-tag-external"),
    ({"scope": {"provider": "home"}}, "usd-per-day-provider-home"),
    ({"scope": {"route": "sonnet@home"}}, "usd-per-day-route-sonnet@home"),
    ({"scope": {"task_type": "coding"}}, "usd-per-day-task_type-coding"),
    ({"scope": {"task_type": "coding/python/tests"}}, "usd-per-day-task_type-coding/python/tests"),
    ({"scope": {"purpose": "lead"}}, "usd-per-day-purpose-lead"),
    ({"scope": {"label": "any label"}}, "usd-per-day-label-any label"),
    ({"scope": {"session": "s1"}}, "usd-per-day-session-s1"),
    ({"scope": {"metadata": {"user": "ann", "team": "search"}}}, "usd-per-day-metadata.team-search-metadata.user-ann"),
    ({"scope": {"metadata": {"team": "search"}}, "each": "metadata.user"}, None),
    ({"scope": {"model": "sonnet"}, "each": "route"}, "usd-per-day-model-sonnet-each-route"),
    ({"scope": None, "each": "session"}, "usd-per-day-each-session"),
    ({"per": "24h", "each": "metadata.user"}, "usd-per-24h-each-metadata.user"),
    ({"per": "2 days", "each": "run"}, "usd-per-2d-each-run"),
    ({"per": "request"}, "usd-per-request"),
    ({"per": "request", "scope": {"tag": "external"}, "hard": True}, "usd-per-request-tag-external"),
    ({"usd": None, "tokens": 5, "token_class": "cache_read"}, "cache_read-tokens-per-day"),
    ({"per": "total", "until": "2026-12-31T18:00Z"}, "usd-per-total-until-2026-12-31T18:00"),
]


@pytest.mark.parametrize(("given", "label"), GOOD)
def test_what_a_budget_counts_is_read_named_and_known_to_editors(given, label):
    plain = shop({"usd": 1, "per": "day", **given})
    (budget,) = Config.load(plain).budgets
    assert budget.label == label or label is None
    assert [error.message for error in CHECK.iter_errors(plain)] == []
    again = Effective.of(plain, {}).plain()
    assert Config.load(again).digest == Config.load(plain).digest
    assert [error.message for error in CHECK.iter_errors(again)] == []


def test_names_that_nobody_gave_are_all_different():
    budgets = load(*({"usd": 1, "per": "day", **given} for given, _ in GOOD))
    assert len({budget.label for budget in budgets}) == len(GOOD)


def test_a_scope_says_its_kind_and_its_value():
    found = [load({"usd": 1, "per": "day", **given})[0].scope for given, _ in GOOD[:10]]
    assert [(scope.kind, scope.value) for scope in found[:4]] == [
        ("model", "opus"),
        ("tag", "external"),
        ("provider", "home"),
        ("route", "sonnet@home"),
    ]
    assert (found[9].kind, found[9].value) == ("metadata", "team=search,user=ann")
    assert found[9].metadata == {"user": "ann", "team": "search"}


WRONG = [
    # the budget, the key, what is said, whether a schema can tell
    ({"scope": {}}, "scope", "exactly one of model, tag, provider", True),
    ({"scope": {"tag": "external", "model": "opus"}}, "scope.tag", "model and tag are given", True),
    ({"scope": {"user": "ann"}}, "scope.user", "unknown key 'user'", True),
    ({"scope": {"tagg": "external"}}, "scope.tagg", "did you mean 'tag'", True),
    ({"scope": "external"}, "scope", "must be a mapping with keys", True),
    ({"scope": {"metadata": {}}}, "scope.metadata", "at least 1", True),
    ({"scope": {"metadata": {"user": 5}}}, "scope.metadata.user", "must be a text, not 5", True),
    ({"scope": {"model": "opsu"}}, "scope.model", "unknown model 'opsu'; did you mean 'opus'?", False),
    ({"scope": {"model": "opus@work"}}, "scope.model", "without '@'", True),
    ({"scope": {"tag": "extrenal"}}, "scope.tag", "no model has the tag 'extrenal'; did you mean 'external'?", False),
    ({"scope": {"provider": "hoem"}}, "scope.provider", "unknown provider 'hoem'; did you mean 'home'?", False),
    ({"scope": {"route": "sonnet"}}, "scope.route", "must be a route, as NAME@PROVIDER, not 'sonnet'", True),
    ({"scope": {"route": "@home"}}, "scope.route", "must be a route", True),
    ({"scope": {"route": "*@home"}}, "scope.route", "write scope: {provider: NAME}", True),
    ({"scope": {"route": "opus@home"}}, "scope.route", "'opus' has no route at 'home'", False),
    ({"scope": {"route": "sonet@home"}}, "scope.route", "did you mean 'sonnet'", False),
    ({"scope": {"task_type": "emial"}}, "scope.task_type", "unknown task type 'emial'; did you mean 'email'?", False),
    ({"scope": {"purpose": "leed"}}, "scope.purpose", "unknown purpose 'leed'; did you mean 'lead'?", False),
    ({"each": "metadata"}, "each", "as metadata.KEY", True),
    ({"each": "metadata."}, "each", "as metadata.KEY", True),
    ({"each": "metadata. user"}, "each", "metadata.KEY", True),
    ({"each": "sesion"}, "each", "did you mean 'session'", True),
    ({"each": "user"}, "each", "must be metadata.KEY or one of session, task_type", True),
    ({"each": ["session"]}, "each", "must be metadata.KEY or one of", True),
    ({"scope": {"model": "opus"}, "each": "model"}, "each", "leaves one account", False),
    ({"scope": {"route": "opus@work"}, "each": "provider"}, "each", "leaves one account", False),
    ({"scope": {"metadata": {"user": "ann"}}, "each": "metadata.user"}, "each", "which metadata.user counts", False),
    ({"until": "2026-12-31"}, "until", "belongs to per: total", True),
    ({"per": "total", "until": "soon"}, "until", "such as 2026-12-31", True),
    ({"per": "total", "until": "2026-02-30"}, "until", "not '2026-02-30'", False),
    ({"per": "total", "until": 2026}, "until", "not 2026", True),
    ({"per": "total", "until": "9999-12-31"}, "until", "such as 2026-12-31", False),
    ({"token_class": "input"}, "token_class", "belongs to tokens", True),
    ({"usd": None, "tokens": 1, "token_class": "in"}, "token_class", "'input', 'cache_read'", True),
    ({"per": "request", "warn_at": ["50%"]}, "warn_at", "no meaning beside per: request", True),
    ({"per": "request", "hard": False}, "hard", "cannot be false beside per: request", True),
    ({"per": "request", "each": "session"}, "each", "limits each run alone already", True),
    ({"usd": None, "requests": 5, "per": "request"}, "requests", "a run is one request", True),
    ({"usd": None, "per": None, "usd_per_request": 1, "each": "session"}, "each", "an average over requests", True),
    ({"usd": None, "per": None, "usd_per_request": 1, "scope": {"tag": "external"}}, "scope", "an average", True),
    ({"per": "fortnight"}, "per", "total, request, or a span of time", True),
    ({"per": None}, "per", "is required: hour, day, week, month, total, request", True),
]


@pytest.mark.parametrize(("given", "key", "said", "schema_tells"), WRONG, ids=[f"{e[1]}-{e[2]}" for e in WRONG])
def test_every_contradiction_is_named_with_its_key_and_remedy(given, key, said, schema_tells):
    plain = shop({"usd": 1, "per": "day", **given})
    with pytest.raises(ConfigError) as caught:
        Config.load(plain)
    assert caught.value.key == f"budgets[0].{key}"
    assert said in str(caught.value)
    assert CHECK.is_valid(json.loads(json.dumps(plain))) != schema_tells


def test_an_unknown_model_is_its_own_kind_of_error():
    with pytest.raises(UnknownModelError, match="opsu"):
        load({"usd": 1, "per": "day", "scope": {"model": "opsu"}})


def test_any_task_type_may_be_named_where_none_is_declared():
    plain = {"models": {"a": {}}, "budgets": [{"usd": 1, "per": "day", "scope": {"task_type": "coding"}}]}
    assert Config.load(plain).budgets[0].scope.task_type == "coding"


def test_part_of_a_configuration_may_scope_what_others_declare():
    """Without models, nobody can say which there are."""
    assert Config.load({"budgets": [{"usd": 1, "per": "day", "scope": {"model": "opus"}}]}).budgets[0].scope is not None


def test_the_same_scope_twice_asks_for_a_name():
    with pytest.raises(ConfigError, match=r"budgets\[1\]\.name: 'usd-per-day-tag-external' is the name of another"):
        load(*[{"usd": 1, "per": "day", "scope": {"tag": "external"}}] * 2)


class TestUntil:
    @pytest.mark.parametrize(
        ("written", "moment"),
        [
            ("2026-12-31", datetime(2026, 12, 31, 23, tzinfo=UTC)),  # all of the day, in Berlin
            ("2026-07-31", datetime(2026, 7, 31, 22, tzinfo=UTC)),
            (date(2026, 7, 31), datetime(2026, 7, 31, 22, tzinfo=UTC)),  # as TOML has it
            ("2026-07-31T12:00", datetime(2026, 7, 31, 10, tzinfo=UTC)),
            ("2026-07-31 12:00:30", datetime(2026, 7, 31, 10, 0, 30, tzinfo=UTC)),
            ("2026-07-31T12:00-05:00", datetime(2026, 7, 31, 17, tzinfo=UTC)),
            (datetime(2026, 7, 31, 12, tzinfo=UTC), datetime(2026, 7, 31, 12, tzinfo=UTC)),
        ],
    )
    def test_a_day_is_counted_to_its_end_and_the_zone_is_the_configured_one(self, written, moment):
        (budget,) = load({"usd": 1, "per": "total", "until": written})
        assert budget.until == moment

    def test_without_a_configuration_the_zone_is_not_known_yet(self):
        budget = BudgetConfig(usd=1, per="total", until="2026-07-31")
        assert budget.until.tzinfo is None
        assert budget.in_zone("UTC").until == datetime(2026, 8, 1, tzinfo=UTC)
        assert budget.in_zone("UTC").in_zone("Asia/Tokyo") == budget.in_zone("UTC")


PLAIN = {"models": {"a": {}}, "budgets": [{"usd": 1, "per": "day"}, {"tokens": 5, "per": "36h", "hard": False}]}


class TestDigest:
    def test_it_is_as_it_was_before_there_were_scopes(self):
        assert Config.load(PLAIN).digest == "4ee6d1fc1252db8a"
        same = [{**each, "scope": None, "each": None, "until": None} for each in PLAIN["budgets"]]
        assert Config.load({**PLAIN, "budgets": same}).digest == "4ee6d1fc1252db8a"
        assert [each.label for each in Config.load(PLAIN).budgets] == ["usd-per-day", "tokens-per-129600s"]

    def test_it_changes_with_what_is_counted(self):
        budgets = [
            {"per": "day"},
            {"per": "day", "each": "session"},
            {"per": "day", "each": "run"},
            {"per": "day", "scope": {"session": "s"}},
            {"per": "day", "scope": {"label": "s"}},
            {"per": "total"},
            {"per": "total", "until": "2026-12-31"},
            {"per": "request"},
        ]
        found = [{"models": {"a": {}}, "budgets": [{"name": "b", "usd": 1, **each}]} for each in budgets]
        assert len({Config.load(each).digest for each in found}) == len(budgets)


def test_a_scope_is_equal_to_another_that_says_the_same():
    assert ScopeConfig(tag="x") == ScopeConfig.read({"tag": "x", "model": None})
