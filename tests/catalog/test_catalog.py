"""The catalog: variants, routes, families, and prices from wherever they are known."""

import subprocess
import sys
import warnings
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from selector.catalog import Catalog, Prior, UnknownPriceWarning
from selector.catalog._published import published
from selector.config import Config, ProviderConfig
from selector.errors import ConfigError, UnknownModelError
from selector.records import Usage

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"
TODAY = date(2026, 11, 20)
FREE = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
PROVIDERS = {
    "work": {"kind": "anthropic", "api_key": "env:WORK_KEY"},
    "local": {"kind": "openai", "base_url": "http://localhost:11434/v1"},
    "openrouter": {"kind": "openai", "base_url": "https://openrouter.ai/api/v1"},
}


def catalog(models, **sections):
    return Catalog.of(Config.load({"providers": PROVIDERS, "models": models, **sections}))


@pytest.fixture
def price_list():
    """Put a price list of our own in place of the published one."""
    from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
    from genai_prices.types import (
        ClauseEquals,
        ClauseStartsWith,
        ConditionalPrice,
        ModelInfo,
        ModelPrice,
        Provider,
        StartDateConstraint,
        Tier,
        TieredPrices,
        TimeOfDateConstraint,
    )

    def tiered(base, *tiers):
        return TieredPrices(
            base=Decimal(base), tiers=[Tier(start=start, price=Decimal(price)) for start, price in tiers]
        )

    flat = ModelInfo(
        id="flat",
        match=ClauseEquals("flat"),
        prices=ModelPrice(input_mtok=Decimal("0.1"), output_mtok=Decimal("0.0028")),
    )
    steps = ModelInfo(
        id="steps",
        match=ClauseEquals("steps"),
        context_window=1_000,
        prices=ModelPrice(
            input_mtok=tiered("1", (200, "2"), (400, "4")),
            output_mtok=tiered("5", (400, "9")),
            cache_read_mtok=Decimal("0.1"),
            output_reasoning_mtok=Decimal(7),
            requests_kcount=Decimal(12),
        ),
    )
    dated = ModelInfo(
        id="dated",
        match=ClauseEquals("dated"),
        prices=[
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(4), output_mtok=Decimal(4))),
            ConditionalPrice(
                constraint=StartDateConstraint(date(2026, 8, 1)),
                prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(2)),
            ),
            ConditionalPrice(
                constraint=TimeOfDateConstraint(time(1, tzinfo=UTC), time(4)),
                prices=ModelPrice(input_mtok=Decimal(8), output_mtok=Decimal(8)),
            ),
        ],
    )
    gift = ModelInfo(id="gift:free", match=ClauseEquals("gift:free"), prices=ModelPrice())
    pages = ModelInfo(id="pages", match=ClauseEquals("pages"), prices=ModelPrice(input_mtok=Decimal(1)))
    shop = Provider(
        id="openai",
        name="Shop",
        api_pattern=r"https://api\.shop\.org",
        model_match=ClauseStartsWith("flat"),
        models=[flat, steps, dated, gift, pages],
    )
    set_custom_snapshot(DataSnapshot(providers=[shop], from_auto_update=False))
    yield
    set_custom_snapshot(None)


class TestVariants:
    models = {  # noqa: RUF012  # a constant of the tests
        "sonnet": {
            **FREE,
            "routes": {"work": {"id": "claude-sonnet-4-6"}, "openrouter": {"usd_per_mtok_out": 2, "context_tokens": 9}},
            "id": "anthropic/claude-sonnet-4.6",
            "tags": ["good"],
            "capabilities": ["tools", "vision"],
            "params": {"temperature": 0, "top_p": 1},
            "prior": {"quality": 0.8, "weight": 5},
            "context_tokens": 200_000,
            "max_output_tokens": 16_000,
            "was": "claude",
        },
        "high": {"of": "sonnet", "params": {"effort": "high", "top_p": 0.5}, "capabilities": ["tools"]},
        "higher": {"of": "high", "enabled": False, "provider": "local", "usd_per_mtok_out": 1, "max_output_tokens": 5},
    }

    def test_a_variant_takes_over_what_it_does_not_say(self):
        high = catalog(self.models).model("high")
        assert [(route.name, route.id) for route in high.routes] == [
            ("high@work", "claude-sonnet-4-6"),
            ("high@openrouter", "anthropic/claude-sonnet-4.6"),
        ]
        assert high.params == {"temperature": 0, "effort": "high", "top_p": 0.5}
        assert (high.tags, high.capabilities, high.prior) == (("good",), {"tools"}, Prior(quality=0.8, weight=5))
        assert (high.of, high.was, high.enabled) == ("sonnet", (), True)

    def test_a_variant_of_a_variant_may_be_served_elsewhere(self):
        higher = catalog(self.models).model("higher")
        assert [route.name for route in higher.routes] == ["higher@local"]
        assert higher.route.prices.usd(at=TODAY)["usd_per_mtok_out"] == 1
        assert (higher.route.max_output_tokens, higher.route.context_tokens) == (5, 200_000)
        assert higher.params["effort"] == "high"
        assert not higher.enabled

    def test_variants_are_of_one_family_with_their_origin(self):
        found = catalog(self.models | {"other": FREE})
        assert {name: family.models for name, family in found.families.items()} == {
            "sonnet": ("sonnet", "high", "higher"),
            "other": ("other",),
        }

    def test_a_disabled_origin_does_not_disable_its_variants(self):
        assert catalog({"a": {**FREE, "enabled": False}, "b": {"of": "a"}}).model("b").enabled

    def test_a_route_overrides_its_model(self):
        work, openrouter = catalog(self.models).model("sonnet").routes
        assert (work.context_tokens, openrouter.context_tokens) == (200_000, 9)
        assert work.prices.is_free
        assert openrouter.prices.usd(at=TODAY)["usd_per_mtok_out"] == 2

    def test_an_id_is_the_origins_name_where_nobody_says(self):
        found = catalog({"gpt": FREE, "gpt-high": {"of": "gpt"}})
        assert found.model("gpt-high").route.id == "gpt"


class TestReferences:
    found = catalog(TestVariants.models | {"qwen:7b": {**FREE, "provider": "local", "tags": ["good"]}})

    @pytest.mark.parametrize(
        ("reference", "names"),
        [
            ("sonnet", ["sonnet@work", "sonnet@openrouter"]),
            ("sonnet@openrouter", ["sonnet@openrouter"]),
            ("qwen:7b@local", ["qwen:7b@local"]),
            (
                "tag:good",
                ["sonnet@work", "sonnet@openrouter", "high@work", "high@openrouter", "higher@local", "qwen:7b@local"],
            ),
        ],
    )
    def test_a_reference_names_routes(self, reference, names):
        assert [route.name for route in self.found.routes(reference)] == names

    @pytest.mark.parametrize(
        ("reference", "said"),
        [
            ("sonet", "did you mean 'sonnet'"),
            ("sonnet@wrok", "did you mean 'work'"),
            ("tag:god", "did you mean 'good'"),
            ("purpose:lead", "unknown purpose 'lead'"),
            ("*@wrok", "did you mean 'work'"),
        ],
    )
    def test_a_reference_to_nothing_is_refused_with_the_nearest(self, reference, said):
        with pytest.raises(ConfigError, match=said):
            self.found.routes(reference)

    def test_an_unknown_model_is_its_own_kind_of_error(self):
        with pytest.raises(UnknownModelError, match="did you mean 'sonnet'"):
            self.found.model("sonnett")

    def test_a_catalog_is_a_collection_that_cannot_be_changed(self):
        assert len(self.found) == 4
        assert "sonnet" in self.found
        assert [model.name for model in self.found] == ["sonnet", "high", "higher", "qwen:7b"]
        with pytest.raises(TypeError):
            self.found.models["x"] = None


@pytest.mark.usefixtures("price_list")
class TestPublishedPrices:
    shop = {"providers": {"shop": {"kind": "openai"}}}  # noqa: RUF012  # a constant of the tests

    def route(self, keys):
        return Catalog.of(Config.load({**self.shop, "models": {"m": {"provider": "shop", **keys}}})).model("m").route

    def test_prices_that_are_not_given_are_looked_up(self):
        prices = self.route({"id": "flat"}).prices
        assert prices.cost_nano(Usage(input_tokens=10, output_tokens=10), at=TODAY) == 1_028

    def test_prices_that_are_given_hold_class_by_class(self):
        rates = self.route({"id": "steps", "usd_per_mtok_in": 0.5}).prices.rates(at=TODAY, context_tokens=500).usd()
        assert (rates["usd_per_mtok_in"], rates["usd_per_mtok_out"], rates["usd_per_mtok_cache_read"]) == (0.5, 9, 0.1)

    @pytest.mark.parametrize(("length", "into", "out"), [(200, 1, 5), (201, 2, 5), (400, 2, 5), (401, 4, 9)])
    def test_tiers_begin_above_their_length(self, length, into, out):
        rates = self.route({"id": "steps"}).prices.rates(at=TODAY, context_tokens=length).usd()
        assert (rates["usd_per_mtok_in"], rates["usd_per_mtok_out"]) == (into, out)
        assert (rates["usd_per_call"], rates["usd_per_mtok_reasoning"]) == (0.012, 7)

    @pytest.mark.parametrize(
        ("at", "price"),
        [
            (datetime(2026, 7, 31, 12, tzinfo=UTC), 4),
            (datetime(2026, 8, 1, 12, tzinfo=UTC), 2),
            (datetime(2026, 8, 1, 3, 59, tzinfo=UTC), 8),
            (datetime(2026, 8, 1, 4, tzinfo=UTC), 2),
        ],
    )
    def test_dates_and_hours_are_those_of_the_list(self, at, price):
        assert self.route({"id": "dated"}).prices.usd(at=at)["usd_per_mtok_in"] == price

    def test_our_costs_are_those_of_the_list(self):
        """The package's own sum is the oracle; its classes include one another, ours are disjoint."""
        from genai_prices import Usage as TheirUsage
        from genai_prices import calc_price

        theirs = calc_price(
            TheirUsage(input_tokens=300, cache_read_tokens=100, output_tokens=50, output_reasoning_tokens=20),
            "steps",
            provider_id="openai",
        )
        ours = Usage(input_tokens=200, cache_read_tokens=100, output_tokens=30, reasoning_tokens=20)
        assert self.route({"id": "steps"}).prices.cost_usd(ours, at=TODAY) == pytest.approx(float(theirs.total_price))

    def test_the_context_is_looked_up_unless_given(self):
        assert self.route({"id": "steps"}).context_tokens == 1_000
        assert self.route({"id": "steps", "context_tokens": 500}).context_tokens == 500

    def test_a_free_model_of_the_list_is_free(self):
        assert self.route({"id": "gift:free"}).prices.is_free

    def test_half_a_published_price_is_no_price(self):
        with pytest.warns(UnknownPriceWarning, match="m@shop"):
            assert self.route({"id": "pages"}).prices is None

    def test_a_model_that_is_called_free_stays_free_whatever_is_published(self):
        assert self.route({"id": "steps", **FREE}).prices.is_free

    def test_a_provider_is_known_by_its_address(self):
        at_shop = ProviderConfig(kind="openai", base_url="https://api.shop.org/v1")
        elsewhere = ProviderConfig(kind="openai", base_url="https://api.shop.example")
        assert published("flat", at_shop) is not None
        assert published("flat", elsewhere) is None
        assert published("flat", None) is not None
        assert published("steps", None) is None


class TestUnknownPrices:
    def test_one_warning_names_them_all_and_says_what_follows(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = catalog({"llama": {"provider": "local"}, "qwen": {"provider": "local"}, "free": FREE})
        assert len(caught) == 1
        assert caught[0].category is UnknownPriceWarning
        assert caught[0].filename == __file__
        assert "llama@local, qwen@local: their cost is believed from the dollars" in str(caught[0].message)
        assert found.model("llama").route.prices is None

    def test_under_a_budget_in_dollars_they_are_not_eligible_and_it_says_so(self):
        with pytest.warns(UnknownPriceWarning, match=r"not eligible under a budget in dollars \(usd-per-day\)"):
            catalog({"llama": {"provider": "local"}}, budgets=[{"usd": 5, "per": "day"}])

    def test_a_budget_in_tokens_excludes_nobody(self):
        with pytest.warns(UnknownPriceWarning, match="is believed"):
            catalog({"llama": {"provider": "local"}}, budgets=[{"tokens": 5, "per": "day"}])

    def test_a_disabled_model_is_not_warned_of(self):
        assert (
            catalog({"llama": {"provider": "local", "enabled": False}, "free": FREE}).model("llama").route.prices
            is None
        )

    def test_half_a_price_is_unknown(self):
        with pytest.warns(UnknownPriceWarning, match="llama@local"):
            catalog({"llama": {"provider": "local", "usd_per_mtok_in": 1}})


@pytest.mark.parametrize(("name", "count", "routes"), [("one", 1, 1), ("three", 3, 3), ("thirty", 30, 32)])
def test_the_examples_have_a_price_for_every_route(name, count, routes):
    """Warnings are errors here, so that an unknown price fails."""
    found = Catalog.of(Config.load(CONFIGS / f"{name}.yaml"))
    assert len(found) == count
    assert sum(len(model.routes) for model in found) == routes
    assert all(route.prices is not None for model in found for route in model.routes)


def test_nothing_heavy_is_loaded_before_it_is_used():
    """PyYAML and genai-prices load at first use, and not at all for a mapping with its prices."""
    code = (
        "import sys; from selector.catalog import Catalog; from selector.config import Config; "
        "Catalog.of(Config.load({'models': {'a': {'usd_per_mtok_in': 0, 'usd_per_mtok_out': 0}}})); "
        "print([name for name in ('yaml', 'genai_prices', 'scipy', 'pyarrow', 'httpx') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own
    assert found.stdout.strip() == "[]"
