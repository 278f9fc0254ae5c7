"""What providers allow is declared as quotas, of accounts, models and routes, each with its window and its reset."""

import json

import pytest
from jsonschema import Draft202012Validator  # noqa: TID253 - what a schema means is asked of another reader

from selector.config import Config, Effective, QuotaConfig, Reset, json_schema
from selector.errors import ConfigError

pytestmark = pytest.mark.usefixtures("nothing_of_quotas_waits")

SHOP = {
    "providers": {"work": {"kind": "anthropic"}, "home": {"kind": "openai"}},
    "models": {"opus": {"provider": "work"}, "sonnet": {"routes": {"work": {}, "home": {}}}},
    "task_types": ["coding", "email"],
    "purposes": {"lead": ["opus"]},
}


def shop(*quotas, **models):
    plain = json.loads(json.dumps({**SHOP, **models}))
    plain["providers"]["home"]["quotas"] = list(quotas)
    return plain


GOOD = [
    {"tokens": 900_000, "per": "5h", "use_or_lose": True},
    {"tokens": 12_000_000, "per": "week", "resets": "Mon 09:00", "reserve_for": {"purpose:lead": "30%"}},
    {"requests": 50, "per": "1m", "name": "burst"},
    {"usd": 20, "per": "month", "resets": "31 00:00"},
    {"usd": 20, "per": "total", "name": "prepaid"},
    {"requests": 1000, "per": "day", "resets": "9:00", "pool": "max"},
    {"share": True, "per": "week", "resets": "friday 23:59"},
    {"share": True, "per": "5h", "tokens": None, "reserve_for": {"task_type:coding": 0.5, "purpose:lead": 0.5}},
]


def test_quotas_of_every_kind_are_read_and_known_to_editors():
    plain = shop(*GOOD)
    plain["models"]["opus"]["quotas"] = [GOOD[5]]
    plain["models"]["sonnet"] |= {"quotas": [{"requests": 5, "per": "hour"}], "route_by": "sticky"}
    plain["models"]["sonnet"]["routes"]["work"]["quotas"] = []
    config = Config.load(plain)
    assert [quota.label for quota in config.providers["home"].quotas] == [
        "tokens-per-5h",
        "tokens-per-week",
        "burst",
        "usd-per-month",
        "prepaid",
        "requests-per-day",
        "share-per-week",
        "share-per-5h",
    ]
    assert [quota.resource for quota in config.providers["home"].quotas[3:7]] == ["usd", "usd", "requests", "share"]
    assert (config.providers["home"].quotas[6].limit, config.providers["home"].quotas[6].resets) == (1.0, "Fri 23:59")
    sonnet = config.models["sonnet"]
    assert (sonnet.routes["home"].quotas, sonnet.routes["work"].quotas, sonnet.route_by) == (None, (), "sticky")
    check = Draft202012Validator(json_schema())
    assert [error.message for error in check.iter_errors(plain)] == []
    again = Effective.of(plain, {}).plain()
    assert Config.load(again).digest == config.digest
    assert [error.message for error in check.iter_errors(again)] == []


WRONG = [
    # the quota, the key, what is said, whether a schema can tell
    ({"tokens": None}, "", "exactly one of requests, tokens, usd, share; none is given", True),
    ({"usd": 5}, "usd", "tokens and usd are given", True),
    ({"share": True}, "share", "tokens and share are given", True),
    ({"share": "50%"}, "share", "true or false", True),
    ({"tokens": -1}, "tokens", "at least 0, not -1", True),
    ({"per": None}, "per", "total, or a span of time", True),
    ({"per": "request"}, "per", "total, or a span of time", True),
    ({"resets": "monday"}, "resets", "such as '09:00', 'Mon 09:00', '1 00:00', not 'monday'", True),
    ({"resets": "24:00"}, "resets", "not '24:00'", True),
    ({"resets": "09:60"}, "resets", "not '09:60'", True),
    ({"resets": "32 00:00"}, "resets", "not '32 00:00'", True),
    ({"resets": 9}, "resets", "not 9", True),
    ({"resets": "Mon 09:00"}, "resets", "must be the reset of a day, such as '09:00', not 'Mon 09:00'", True),
    ({"per": "week", "resets": "09:00"}, "resets", "must be the reset of a week, such as 'Mon 09:00'", True),
    ({"per": "month", "resets": "Mon 09:00"}, "resets", "such as '1 00:00'", True),
    ({"per": "24h", "resets": "09:00"}, "resets", "which rolls; give per: day, week or month", True),
    ({"per": "hour", "resets": "09:00"}, "resets", "no meaning beside per: hour", True),
    ({"per": "total", "resets": "09:00"}, "resets", "no meaning beside per: total", True),
    ({"per": "total", "use_or_lose": True}, "use_or_lose", "which has no reset", True),
    ({"reserve_for": {"lead": 0.1}}, "reserve_for.lead", "as purpose:NAME or task_type:NAME, not 'lead'", True),
    ({"reserve_for": {"tag:x": 0.1}}, "reserve_for.tag:x", "as purpose:NAME", True),
    ({"reserve_for": {"purpose:": 0.1}}, "reserve_for.purpose:", "as purpose:NAME", True),
    ({"reserve_for": {"purpose:lead": 0}}, "reserve_for.purpose:lead", "more than 0", True),
    ({"reserve_for": {"purpose:lead": 0.7, "task_type:email": "40%"}}, "reserve_for", "keeps 110% of it", False),
    ({"reserve_for": {"purpose:leed": 0.1}}, "reserve_for.purpose:leed", "did you mean 'lead'", False),
    ({"reserve_for": {"task_type:emial": 0.1}}, "reserve_for.task_type:emial", "did you mean 'email'", False),
    ({"pool": "a@b"}, "pool", "without '@'", True),
    ({"pool": "work"}, "pool", "'work' is the name of a provider", False),
    ({"resets_at": "09:00"}, "resets_at", "did you mean 'resets'", True),
]


@pytest.mark.parametrize(("given", "key", "said", "schema_tells"), WRONG, ids=[f"{e[1]}-{e[2]}" for e in WRONG])
def test_every_contradiction_is_named_with_its_key_and_remedy(given, key, said, schema_tells):
    plain = shop({"tokens": 10, "per": "day", **given})
    with pytest.raises(ConfigError) as caught:
        Config.load(plain)
    assert caught.value.key == f"providers.home.quotas[0]{key and '.' + key}"
    assert said in str(caught.value)
    assert Draft202012Validator(json_schema()).is_valid(plain) != schema_tells


def test_two_quotas_of_one_name_are_refused_at_one_place_and_taken_at_two():
    quota = {"tokens": 10, "per": "day"}
    with pytest.raises(ConfigError, match=r"quotas\[1\]\.name: 'tokens-per-day' is the name of another quota here"):
        Config.load(shop(quota, quota))
    plain = shop(quota)
    plain["providers"]["work"]["quotas"] = [quota]
    assert Config.load(plain).providers["work"].quotas == Config.load(plain).providers["home"].quotas


class TestPools:
    def both(self, one, other):
        plain = shop(one)
        plain["models"]["sonnet"]["routes"]["work"]["quotas"] = [other]
        return plain

    def test_what_shares_a_pool_says_the_same_of_it(self):
        pool = {"tokens": 10, "per": "day", "pool": "max"}
        assert Config.load(self.both(pool, {**pool, "use_or_lose": False})).models["sonnet"].routes["work"].quotas
        assert Config.load(self.both(pool, {**pool, "name": "other", "tokens": 20}))
        assert Config.load(self.both(pool, {**pool, "pool": "min", "tokens": 20}))
        said = (
            r"models\.sonnet\.routes\.work\.quotas\[0\]: shares the pool 'max' with providers\.home\.quotas\[0\], "
            r"which says otherwise of 'tokens-per-day'"
        )
        for other in ({**pool, "tokens": 20}, {**pool, "resets": "09:00"}):
            with pytest.raises(ConfigError, match=said):
                Config.load(self.both(pool, other))

    def test_conditions_of_rules_know_providers_routes_and_pools(self):
        plain = self.both({"tokens": 10, "per": "day", "pool": "max"}, {"requests": 5, "per": "day"})
        for name in ("home", "work", "sonnet@work", "opus@work", "max"):
            rule = {"condition": f"quota['{name}'].remaining < 0.1", "forbid": ["*@home"]}
            assert Config.load({**plain, "rules": [rule]})
        wrong = {"condition": "quota['maxx'].remaining < 0.1", "forbid": ["*@home"]}
        with pytest.raises(ConfigError, match="no quota is called 'maxx'; did you mean 'max'"):
            Config.load({**plain, "rules": [wrong]})


class TestRouteBy:
    @pytest.mark.parametrize("way", ["budget_aware", "cheapest", "fastest", "round_robin", "priority", "sticky", None])
    def test_every_way_is_taken(self, way):
        assert Config.load({"models": {"a": {"route_by": way}}}).models["a"].route_by == way

    def test_another_is_refused(self):
        with pytest.raises(ConfigError, match=r"models\.a\.route_by: must be 'budget_aware'.*, not 'cheap'"):
            Config.load({"models": {"a": {"route_by": "cheap"}}})

    def test_by_rules_asks_for_a_rule(self):
        plain = {"models": {"a": {"route_by": "rules"}}}
        with pytest.raises(ConfigError, match=r"models\.a\.route_by: is 'rules', and there is no rule"):
            Config.load(plain)
        assert Config.load({**plain, "rules": [{"condition": "priority == 0", "only": ["a"]}]})


class TestLedger:
    def test_it_refuses_or_allows(self):
        found = [Config.load({"models": {"a": {}}, "on_ledger_failure": each}) for each in ("refuse", "allow")]
        assert [each.on_ledger_failure for each in found] == ["refuse", "allow"]
        assert found[0].digest == Config.load({"models": {"a": {}}}).digest != found[1].digest
        with pytest.raises(ConfigError, match=r"on_ledger_failure: must be 'refuse' or 'allow', not 'ignore'"):
            Config.load({"models": {"a": {}}, "on_ledger_failure": "ignore"})


class TestDigest:
    def test_it_is_as_it_was_before_there_were_quotas(self):
        assert Config.load({"models": {"a": {}}}).digest == "90e7239d417d2370"
        without = shop()
        del without["providers"]["home"]["quotas"]
        assert Config.load(shop()).digest == Config.load(without).digest

    def test_it_changes_with_every_value(self):
        found = {Config.load(shop(quota)).digest for quota in GOOD}
        assert len(found | {Config.load(shop()).digest}) == len(GOOD) + 1


class TestReset:
    @pytest.mark.parametrize(
        ("written", "reset", "again"),
        [
            ("09:00", Reset("day", None, 9, 0), "09:00"),
            ("0:05", Reset("day", None, 0, 5), "00:05"),
            ("Mon 09:00", Reset("week", 1, 9, 0), "Mon 09:00"),
            ("sunday 23:59", Reset("week", 7, 23, 59), "Sun 23:59"),
            ("Wednesday 8:30", Reset("week", 3, 8, 30), "Wed 08:30"),
            ("1 00:00", Reset("month", 1, 0, 0), "1 00:00"),
            ("31 12:00", Reset("month", 31, 12, 0), "31 12:00"),
        ],
    )
    def test_it_is_read_and_written_back(self, written, reset, again):
        assert Reset.of(written) == reset == Reset.of(str(reset))
        assert str(reset) == again


class TestKept:
    QUOTA = QuotaConfig(tokens=1, per="day", reserve_for={"purpose:lead": 0.25, "task_type:coding": 0.5})

    @pytest.mark.parametrize(
        ("purpose", "task_type", "kept"),
        [
            (None, "email", 0.75),
            ("lead", "email", 0.5),
            (None, "coding", 0.25),
            ("lead", "coding/python", 0),
            ("worker", "coder", 0.75),
        ],
    )
    def test_a_task_may_use_what_is_kept_for_it(self, purpose, task_type, kept):
        assert self.QUOTA.kept_from(purpose=purpose, task_type=task_type) == kept
