"""A chosen model's routes: which one a call goes to under each strategy, and why."""

import math
import threading
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from selector.catalog import Catalog
from selector.config import Config
from selector.decision._route_beliefs import RouteBeliefs
from selector.decision._route_choice import RouteAsk
from selector.decision._routing import Routing
from selector.errors import ConfigError

DRAWS = np.random.default_rng(0).random(4_000).tolist()
TASK = RouteAsk(0.5, 0.0, input_tokens=10_000, output_tokens=1_000)


def catalog_of(routes, **model):
    """Build a catalog of one model, `sonnet`, with routes at providers of the given names."""
    return Catalog.of(
        Config.load(
            {
                "providers": {name: {"kind": "openai"} for name in routes},
                "models": {"sonnet": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "routes": routes} | model},
            }
        )
    )


def price(usd):
    return {"usd_per_mtok_in": usd, "usd_per_mtok_out": 5 * usd}


def routing_of(routes, strategy="budget_aware", **more):
    catalog = catalog_of(routes)
    return Routing(catalog, {"sonnet": strategy}, **more), catalog.model("sonnet").routes


def provider_of(routing, routes, ask):
    return routing.choose(0, routes, ask).route.provider


def shares(routing, routes, ask, draws=DRAWS):
    return Counter(provider_of(routing, routes, ask._replace(u=u)) for u in draws)


def healthy(names, calls=20, at_s=0.0, latency_s=None):
    beliefs = RouteBeliefs()
    for name in names:
        for _ in range(calls):
            beliefs.seen(f"sonnet@{name}", ok=True, at_s=at_s, latency_s=latency_s and latency_s[name])
    return beliefs


@pytest.mark.parametrize(
    "strategy", ["budget_aware", "cheapest", "fastest", "round_robin", "priority", "sticky", "rules"]
)
def test_a_route_that_alone_may_serve_is_returned_and_nothing_is_touched(strategy):
    routing, routes = routing_of({"a": {}, "b": {}}, strategy, factor=lambda *_: pytest.fail("asked for nothing"))
    for _ in range(3):
        choice = routing.choose(0, routes[1:], TASK)
        assert (choice.route, choice.reason, choice.considered) == (routes[1], "its only route that may serve", ())
    assert not routing._turns


def test_no_route_at_all_is_an_error_that_says_what_to_give():
    routing, _ = routing_of({"a": {}, "b": {}})
    with pytest.raises(ValueError, match="give at least one"):
        routing.choose(0, (), TASK)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"route_by": {"sonet": "cheapest"}}, "unknown model 'sonet'; did you mean 'sonnet'"),
        ({"route_by": {"sonnet": "cheap"}}, "route_by of 'sonnet' is 'cheap'; did you mean 'cheapest'"),
        ({"weights": {"sonnet@c": 2}}, "unknown route 'sonnet@c'"),
        ({"weights": {"sonnet@a": 0}}, "weight of 'sonnet@a' is 0; give a number above 0"),
        ({"weights": {"sonnet@a": math.inf}}, "give a number above 0"),
    ],
)
def test_what_is_wrongly_configured_is_named_with_its_remedy(given, message):
    with pytest.raises(ConfigError, match=message):
        Routing(catalog_of({"a": {}, "b": {}}), **given)


def test_the_cheapest_of_healthy_routes_is_chosen_by_default_and_the_rest_are_named():
    routing, routes = routing_of({"a": price(4), "b": price(3), "c": price(3.5)}, beliefs=healthy("abc"))
    choice = routing.choose(0, routes, TASK)
    assert choice.route.provider == "b"
    assert choice.reason == "budget_aware: 0.045 USD, the least of 3"
    assert [(each.route, each.why) for each in choice.considered] == [
        ("sonnet@a", "dearer"),
        ("sonnet@b", "chosen"),
        ("sonnet@c", "dearer"),
    ]
    assert shares(routing, routes, TASK)["b"] > 0.95 * len(DRAWS)


def test_prices_alike_are_told_apart_by_latency():
    beliefs = healthy("abc", calls=60, latency_s={"a": 9.0, "b": 1.0, "c": 0.1})
    routing, routes = routing_of({"a": price(3), "b": price(3.02), "c": price(6)}, beliefs=beliefs)
    choice = routing.choose(0, routes, TASK)
    assert choice.route.provider == "b"
    assert choice.reason.endswith("the fastest of 2 that cost as little")
    assert choice.considered[0].why == "as cheap, no faster"


def test_routes_that_nothing_tells_apart_are_taken_in_the_configured_order():
    routing, routes = routing_of({"b": {}, "a": {}}, "cheapest")
    assert provider_of(routing, routes, TASK) == "b"
    assert routing.choose(0, routes, TASK).considered[1].why == "no cheaper"
    routing, routes = routing_of({"b": {}, "a": {}}, beliefs=healthy("ab", calls=20))
    routing.beliefs.load({"calls": {f"sonnet@{name}": [0.0, 1e6, 0.0] for name in "ab"}})
    assert provider_of(routing, routes, TASK) == "b"


def test_a_quota_that_would_expire_unused_is_free_and_one_that_is_short_is_dear():
    factors = {"sonnet@plan": 0.0, "sonnet@api": 1.0}
    routes_as_written = {"plan": price(3), "api": price(1)}
    routing, routes = routing_of(
        routes_as_written, beliefs=healthy(routes_as_written), factor=lambda route, _: factors[route.name]
    )
    assert shares(routing, routes, TASK)["plan"] > 0.95 * len(DRAWS)
    for factor in (5.0, math.inf):
        factors["sonnet@plan"] = factor
        assert shares(routing, routes, TASK)["api"] > 0.95 * len(DRAWS)


def test_a_free_route_too_is_used_last_where_its_quota_says_so():
    routing, routes = routing_of(
        {"free": price(0), "paid": price(3)}, factor=lambda route, _: math.inf if route.provider == "free" else 1.0
    )
    assert shares(routing, routes, TASK) == {"paid": len(DRAWS)}
    assert routing.choose(0, routes, TASK).considered[0].effective_usd == math.inf


def test_a_factor_that_is_no_number_changes_nothing():
    plain, routes = routing_of({"a": price(3), "b": price(2)}, beliefs=healthy("ab"))
    odd = Routing(catalog_of({"a": price(3), "b": price(2)}), beliefs=plain.beliefs, factor=lambda *_: math.nan)
    assert odd.choose(0, routes, TASK).considered == plain.choose(0, routes, TASK).considered


def test_a_free_route_that_is_down_loses_to_one_that_costs_and_answers():
    beliefs = healthy(["paid"])
    for _ in range(20):
        beliefs.seen("sonnet@free", ok=False, at_s=0.0)
    routing, routes = routing_of({"free": price(0), "paid": price(3)}, beliefs=beliefs)
    assert shares(routing, routes, TASK)["paid"] > 0.99 * len(DRAWS)


def test_of_free_routes_the_one_that_answers_is_chosen():
    beliefs = healthy(["up"])
    for _ in range(20):
        beliefs.seen("sonnet@down", ok=False, at_s=0.0)
    routing, routes = routing_of({"down": price(0), "up": price(0)}, beliefs=beliefs)
    assert shares(routing, routes, TASK)["up"] > 0.99 * len(DRAWS)


def unfound(cheap, dear, fails, calls_at_s, half_life_s=300.0):
    """Bound how likely it is that a route that recovered is not chosen at any of these times."""
    from scipy.stats import beta

    least = 1 / (1 + (dear / 1.01 - cheap) / dear)  # with this availability it costs less than a dear route that is up
    left = [0.1 + fails * 2 ** (-at_s / half_life_s) for at_s in calls_at_s]
    return math.prod(beta.cdf(least, 1.9, b) for b in left)


def test_a_route_that_recovered_is_found_again_within_45_calls_of_half_a_minute():
    """At half the other's price, after 10 failures in a row; the chance that a sound choice fails this is 4e-7."""
    calls_at_s = [30.0 * i for i in range(1, 101)]
    found = []
    assert 20 * unfound(1.5, 3, 10, calls_at_s[:45]) < 4e-7
    for seed in range(20):
        rng = np.random.default_rng(seed)
        beliefs = healthy(["dear"])
        for _ in range(10):
            beliefs.seen("sonnet@cheap", ok=False, at_s=0.0)
        routing, routes = routing_of({"dear": price(3), "cheap": price(1.5)}, beliefs=beliefs)
        chosen = []
        for at_s in calls_at_s:
            route = routing.choose(0, routes, TASK._replace(u=rng.random(), now_s=at_s)).route
            beliefs.seen(route.name, ok=True, at_s=at_s)
            chosen.append(route.provider)
        found.append(chosen.index("cheap"))
        assert Counter(chosen[-20:])["cheap"] >= 15
    assert max(found) < 45
    assert np.median(found) > 2  # and is left alone first


def test_a_route_that_failed_is_tried_as_often_as_it_may_be_better():
    """The share within 4.5 standard errors of the Beta distribution's own; a sound choice fails once in 100,000."""
    from scipy.stats import beta

    beliefs = RouteBeliefs()
    beliefs.load({"calls": {"sonnet@cheap": [0.0, 0.0, 6.0], "sonnet@dear": [0.0, 1e9, 0.0]}})
    routing, routes = routing_of({"dear": price(3), "cheap": price(1.5)}, beliefs=beliefs)
    for now_s in (0.0, 300.0, 600.0, 1_200.0):
        likely = beta.sf(1 / (1 + (3 * 1.01 - 1.5) / 3), 1.9, 0.1 + 6 * 2 ** (-now_s / 300))
        alike = beta.sf(1 / (1 + (3 / 1.01 - 1.5) / 3), 1.9, 0.1 + 6 * 2 ** (-now_s / 300))
        near = 4.5 * math.sqrt(likely * (1 - likely) / len(DRAWS))
        assert alike - near < shares(routing, routes, TASK._replace(now_s=now_s))["cheap"] / len(DRAWS) < likely + near


def test_a_route_known_to_serve_worse_needs_to_be_much_cheaper():
    beliefs = healthy(["full", "cut"], calls=50)
    for second in range(400):
        beliefs.judged("sonnet@full", 0.8, believed=0.75, at_s=second)
        beliefs.judged("sonnet@cut", 0.4, believed=0.75, at_s=second)
    ask = TASK._replace(now_s=400.0)
    routing, routes = routing_of({"full": price(3), "cut": price(2.5)}, beliefs=beliefs)
    choice = routing.choose(0, routes, ask)
    assert choice.route.provider == "full"
    assert "serves its model worse by 0.3" in choice.considered[1].why
    routing, routes = routing_of({"full": price(3), "cut": price(0.5)}, beliefs=beliefs)
    assert provider_of(routing, routes, ask) == "cut"


def test_a_limit_of_latency_sets_slow_routes_aside_but_never_all_of_them():
    beliefs = healthy("abc", calls=40, latency_s={"a": 30.0, "b": 1.0, "c": 30.0})
    for strategy in ("budget_aware", "cheapest"):
        routing, routes = routing_of(
            {"a": price(1), "b": price(3), "c": {}, "new": price(9)}, strategy, beliefs=beliefs
        )
        choice = routing.choose(0, routes[:3], TASK._replace(max_latency_s=10.0))
        assert choice.route.provider == "b"
        assert choice.considered[0].why == "slower than 10 s"
        choice = routing.choose(0, (routes[0], routes[2]), TASK._replace(max_latency_s=10.0))
        assert choice.route.provider == "a"
        assert choice.considered[0].why == "chosen; slower than 10 s, as all are"


def test_what_nobody_measured_is_within_any_limit():
    routing, routes = routing_of({"a": price(1), "b": price(3)}, "cheapest")
    assert provider_of(routing, routes, TASK._replace(max_latency_s=0.001)) == "a"


def test_a_price_that_nobody_knows_counts_as_the_dearest():
    with pytest.warns(UserWarning, match="no price is known"):
        catalog = Catalog.of(
            Config.load(
                {
                    "providers": {name: {"kind": "openai"} for name in "abc"},
                    "models": {"odd": {"id": "nobody-sells-this", "routes": {"a": {}, "b": price(2), "c": price(1)}}},
                }
            )
        )
    routing, routes = Routing(catalog, {"odd": "cheapest"}), catalog.model("odd").routes
    choice = routing.choose(0, routes, TASK)
    assert choice.route.provider == "c"
    assert choice.considered[0].why == "dearer; no price known, taken as the dearest"
    assert choice.considered[0].effective_usd == choice.considered[1].effective_usd
    assert routing.list_usd(routes[0], TASK) is None


CACHED = TASK._replace(input_tokens=10_000, cached_tokens=9_000, output_tokens=100)


def test_what_a_session_has_in_its_cache_makes_its_route_cheaper_and_moving_writes_it_anew():
    cached = {"usd_per_mtok_cache_read": 0.3, "usd_per_mtok_cache_write": 3.75}
    for strategy in ("cheapest", "budget_aware"):
        routing, routes = routing_of({"a": {**price(3), **cached}, "b": {**price(2), **cached}}, strategy)
        routing.beliefs.load({"calls": {f"sonnet@{name}": [0.0, 1e6, 0.0] for name in "ab"}})
        assert provider_of(routing, routes, CACHED) == "b"
        assert provider_of(routing, routes, CACHED._replace(incumbent="sonnet@a")) == "a"
    here, there = (routing.list_usd(routes[0], CACHED._replace(incumbent=name)) for name in ("sonnet@a", "sonnet@b"))
    assert (here, there) == pytest.approx((0.003 + 0.0027 + 0.0015, 0.003 + 0.03375 + 0.0015))


def test_a_cache_that_saves_nothing_holds_nobody():
    routing, routes = routing_of({"a": price(3), "b": price(2)}, "cheapest")
    assert provider_of(routing, routes, CACHED._replace(incumbent="sonnet@a")) == "b"


def test_prices_by_length_and_by_date_are_those_of_the_call():
    routing, routes = routing_of(
        {
            "a": {**price(2), "tiers": [{"above_tokens": 50_000, "usd_per_mtok_in": 9}]},
            "b": {**price(3), "prices": [{"from": "2026-09-01", "usd_per_mtok_in": 1, "usd_per_mtok_out": 1}]},
        },
        "cheapest",
    )
    before, after = 1_785_000_000.0, 1_800_000_000.0  # July 2026, January 2027
    edge = TASK._replace(now_s=before, input_tokens=50_000)
    assert provider_of(routing, routes, edge) == "a"
    assert provider_of(routing, routes, edge._replace(input_tokens=50_001)) == "b"
    assert provider_of(routing, routes, edge._replace(now_s=after)) == "b"
    assert provider_of(routing, routes, edge) == "a"  # a clock that is set back too


def test_the_fastest_is_taken_mostly_and_what_was_never_measured_now_and_then():
    beliefs = healthy("ab", calls=200, latency_s={"a": 4.0, "b": 1.0})
    routing, routes = routing_of({"a": {}, "b": {}, "new": {}}, "fastest", beliefs=beliefs)
    taken = shares(routing, routes, TASK)
    assert taken["b"] > 0.75 * len(DRAWS)
    assert 0.005 * len(DRAWS) < taken["new"] < 0.25 * len(DRAWS)
    assert taken["a"] == 0
    tried = next(u for u in DRAWS if provider_of(routing, routes, TASK._replace(u=u)) == "new")
    assert routing.choose(0, routes, TASK._replace(u=tried)).reason == "fastest: about 2 s, tried to learn its latency"


def test_where_nothing_was_measured_every_route_is_tried():
    routing, routes = routing_of({"a": {}, "b": {}, "c": {}}, "fastest")
    assert min(shares(routing, routes, TASK).values()) > 0.3 * len(DRAWS)
    assert routing.choose(0, routes, TASK).reason == "fastest: never measured"


def test_a_fast_route_that_mostly_fails_is_not_the_fastest():
    beliefs = healthy("ab", calls=50, latency_s={"a": 1.0, "b": 2.0})
    for _ in range(40):
        beliefs.seen("sonnet@a", ok=False, at_s=0.0)
    routing, routes = routing_of({"a": {}, "b": {}}, "fastest", beliefs=beliefs)
    assert shares(routing, routes, TASK)["b"] > 0.95 * len(DRAWS)


def test_turns_are_taken_smoothly_by_weight():
    weights = {"sonnet@a": 5, "sonnet@b": 1, "sonnet@c": 1}
    routing, routes = routing_of({"a": {}, "b": {}, "c": {}}, "round_robin", weights=weights)
    assert "".join(provider_of(routing, routes, TASK) for _ in range(14)) == "aabacaa" * 2


def test_turns_by_fractions_are_exact():
    weights = {"sonnet@a": 0.7, "sonnet@b": 0.2, "sonnet@c": 0.1}
    routing, routes = routing_of({"a": {}, "b": {}, "c": {}}, "round_robin", weights=weights)
    for _ in range(100):
        assert Counter(provider_of(routing, routes, TASK) for _ in range(10)) == {"a": 7, "b": 2, "c": 1}


def test_threads_that_take_turns_together_get_exact_shares():
    routing, routes = routing_of({"a": {}, "b": {}}, "round_robin", weights={"sonnet@a": 3})
    counts = [Counter() for _ in range(4)]

    def take(count):
        count.update(provider_of(routing, routes, TASK) for _ in range(1_000))

    threads = [threading.Thread(target=take, args=(count,)) for count in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts, Counter()) == {"a": 3_000, "b": 1_000}


def test_a_session_stays_where_it_is_while_that_may_serve():
    routing, routes = routing_of({"a": price(9), "b": price(1), "c": price(2)}, "sticky", beliefs=healthy("abc"))
    ask = TASK._replace(incumbent="sonnet@a")
    assert provider_of(routing, routes, ask) == "a"
    assert routing.choose(0, routes, ask).reason == "sticky: where the session is"
    moved = routing.choose(0, routes[1:], ask)
    assert moved.route.provider == "b"
    assert moved.reason.startswith("sticky, and the session is at none of them: budget_aware: ")


def test_a_rule_orders_the_routes_and_without_one_the_configuration_does():
    routing, routes = routing_of({"a": {}, "b": {}, "c": {}}, "rules")
    assert provider_of(routing, routes, TASK._replace(order=("sonnet@gone", "sonnet@c", "sonnet@b"))) == "c"
    assert provider_of(routing, routes, TASK) == "a"
    assert [each.why for each in routing.choose(0, routes, TASK).considered] == ["chosen", "after it", "after it"]


def test_what_is_told_of_a_choice_stays_what_it_was_then():
    beliefs = healthy("ab", latency_s={"a": 1.0, "b": 2.0})
    routing, routes = routing_of({"a": price(3), "b": price(3)}, beliefs=beliefs)
    choice = routing.choose(0, routes, TASK)
    told = (choice.reason, choice.considered, repr(choice))
    for _ in range(50):
        beliefs.seen("sonnet@a", ok=False, at_s=1.0, latency_s=90.0)
    assert (choice.reason, choice.considered, repr(choice)) == told
    assert told[2].startswith("RouteChoice('sonnet@")


def test_a_catalog_read_anew_has_its_own_prices():
    routing, _ = routing_of({"a": price(3), "b": price(2)}, "cheapest")
    dearer = catalog_of({"a": price(3), "b": price(4)}).model("sonnet").routes
    assert provider_of(routing, dearer, TASK) == "a"


def test_longer_answers_never_cost_less():
    routing, routes = routing_of({"a": {}, "b": {}})
    costs = [routing.list_usd(routes[0], TASK._replace(output_tokens=n)) for n in range(0, 5_000, 500)]
    assert all(one < other for one, other in pairwise(costs))
