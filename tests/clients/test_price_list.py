"""Where prices come from: published or by hand, and which changes are ahead."""

from datetime import UTC, datetime

import pytest

from selector import Config
from selector._clients.bills._price_list import price_list
from selector.catalog import Catalog
from selector.catalog import UnknownPriceWarning as Unknown

PLAIN = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}
LIST = {**PLAIN, "usd_per_mtok_cache_read": 0.3, "usd_per_mtok_cache_write": 3.75, "usd_per_mtok_reasoning": 20}


class TestPriceList:
    AT = datetime(2026, 7, 30, tzinfo=UTC)

    def listed(self, models, providers=None):
        config = Config.load({"providers": providers or {}, "models": models})
        return {each.route: each for each in price_list(config, Catalog.of(config), self.AT)}

    def test_every_price_is_said_to_be_published_by_hand_or_both(self):
        haiku = {"id": "claude-haiku-4-5", "provider": "work"}
        found = self.listed(
            {
                "haiku": haiku,
                "dear": {**haiku, "usd_per_mtok_out": 9},
                "whole": {"id": "claude-haiku-4-5", "routes": {"work": {**LIST, "context_tokens": 10}}},
                "same": {"of": "whole"},
                "moved": {"of": "whole", "provider": "work"},
                "free": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0},
            },
            {"work": {"kind": "anthropic"}},
        )
        assert {name: each.source for name, each in found.items()} == {
            "haiku@work": "published",
            "dear@work": "both",
            "whole@work": "configured",
            "same@work": "configured",
            "moved@work": "published",
            "free": "configured",
        }
        assert found["dear@work"].by_hand == ("usd_per_mtok_out",)

    def test_a_price_that_nobody_knows_is_said_to_be_unknown(self):
        with pytest.warns(Unknown):
            found = self.listed({"mine": {"context_tokens": 10}})
        assert (found["mine"].source, found["mine"].usd, found["mine"].changes) == ("unknown", None, ())

    def test_every_dated_change_that_is_ahead_is_listed_and_none_that_is_past(self):
        dates = [("2026-07-01", 4), ("2026-08-01", 5), ("2026-09-01", 6)]
        dated = [{"from": day, "usd_per_mtok_in": usd} for day, usd in dates]
        found = self.listed({"m": {**PLAIN, "prices": dated}})["m"]
        assert [(f"{each.at:%Y-%m-%d}", each.usd["usd_per_mtok_in"]) for each in found.changes] == [
            ("2026-08-01", (4, 5)),
            ("2026-09-01", (5, 6)),
        ]
        assert (found.usd["usd_per_mtok_in"], found.by_hour, found.by_hand[-1]) == (4, False, "prices")

    def test_a_change_of_long_inputs_alone_is_listed_too(self):
        tiers = [{"above_tokens": 1_000, "usd_per_mtok_in": 9}]
        found = self.listed({"m": {**PLAIN, "prices": [{"from": "2026-08-01", "tiers": tiers}]}})["m"]
        assert [(f"{each.at:%m-%d}", each.usd) for each in found.changes] == [("08-01", {})]

    def test_prices_that_go_by_the_hour_are_said_to_and_that_is_no_change_ahead(self):
        there = {"kind": "openai", "base_url": "https://api.deepseek.com"}
        found = self.listed({"ds": {"id": "deepseek-chat", "provider": "there"}}, {"there": there})["ds@there"]
        assert (found.source, found.by_hour, found.changes) == ("published", True, ())
