"""Laws of the choice among routes, and of what is believed of them."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Catalog
from selector.config import Config
from selector.decision._route_beliefs import RouteBeliefs
from selector.decision._route_choice import RouteAsk
from selector.decision._route_draws import beta_draw, normal_draw
from selector.decision._routing import STRATEGIES, Routing

NAMES = "abcde"
PRICES = (0, 1, 1, 2.5, 40)
CATALOG = Catalog.of(
    Config.load(
        {
            "providers": {name: {"kind": "openai"} for name in NAMES},
            "models": {
                "m": {
                    "usd_per_mtok_cache_read": 0.1,
                    "routes": {
                        name: {"usd_per_mtok_in": usd, "usd_per_mtok_out": 3 * usd}
                        for name, usd in zip(NAMES, PRICES, strict=True)
                    },
                }
            },
        }
    )
)
ROUTES = CATALOG.model("m").routes

uniform = st.floats(0, 1, exclude_max=True)
seconds = st.floats(0, 1e5)
names = st.sampled_from([route.name for route in ROUTES])
some_routes = st.lists(st.sampled_from(range(5)), min_size=1, unique=True).map(
    lambda at: [ROUTES[i] for i in sorted(at)]
)
asks = st.builds(
    RouteAsk,
    u=uniform,
    now_s=st.floats(-10, 2e9),
    input_tokens=st.integers(0, 10**6),
    cached_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**5),
    incumbent=st.none() | names | st.just("m@gone"),
    order=st.lists(names, unique=True).map(tuple),
    max_latency_s=st.none() | st.floats(0, 100),
)
calls = st.lists(st.tuples(names, st.booleans(), seconds, st.none() | st.floats(0, 1e4)), max_size=30)
judged = st.lists(st.tuples(names, st.floats(0, 1), st.floats(0, 1), seconds), max_size=30)
factors = st.none() | st.sampled_from([0.0, 0.3, 1.0, 20.0, math.inf, math.nan, -1.0])


def told(calls, judged, **half_lives):
    beliefs = RouteBeliefs(**half_lives)
    for route, ok, at_s, latency_s in calls:
        beliefs.seen(route, ok=ok, at_s=at_s, latency_s=latency_s)
    for route, score, believed, at_s in judged:
        beliefs.judged(route, score, believed=believed, at_s=at_s)
    return beliefs


def routing_of(strategy, **more):
    return Routing(CATALOG, {"m": strategy}, **more)


@given(st.sampled_from(STRATEGIES), some_routes, asks, calls, judged, factors)
def test_a_choice_is_one_of_the_routes_given_and_the_same_for_the_same_state(
    strategy, routes, ask, calls, judged, factor
):
    def build():
        quota = None if factor is None else lambda *_: factor
        return routing_of(strategy, beliefs=told(calls, judged), factor=quota)

    choice = build().choose(0, routes, ask)
    again = build().choose(0, tuple(routes), ask)
    assert any(choice.route is route for route in routes)
    assert (choice.route, choice.reason, choice.considered) == (again.route, again.reason, again.considered)
    if len(routes) > 1:
        assert [each.route for each in choice.considered] == [route.name for route in routes]
        assert [each.why.startswith("chosen") for each in choice.considered].count(True) == 1
        assert all(str(each).startswith(f"{each.route}: ") for each in choice.considered)
        numbers = [each for line in choice.considered for each in line[1:4] if each is not None]
        assert not any(math.isnan(each) for each in numbers)


@given(some_routes, asks, calls)
def test_cheapest_is_never_dearer_than_another(routes, ask, calls):
    routing = routing_of("cheapest", beliefs=told(calls, []))
    ask = ask._replace(max_latency_s=None)
    costs = [routing.list_usd(route, ask) for route in routes]
    assert routing.list_usd(routing.choose(0, routes, ask).route, ask) == min(costs)


@given(some_routes, asks, calls, judged)
def test_budget_aware_takes_the_least_effective_price_but_for_a_hundredth(routes, ask, calls, judged):
    ask = ask._replace(max_latency_s=None)
    choice = routing_of("budget_aware", beliefs=told(calls, judged)).choose(0, routes, ask)
    by_name = {each.route: each.effective_usd for each in choice.considered}
    assert not by_name or by_name[choice.route.name] <= 1.01 * min(by_name.values())


@given(some_routes, asks, calls, judged)
def test_priority_keeps_the_order(routes, ask, calls, judged):
    assert routing_of("priority", beliefs=told(calls, judged)).choose(0, routes, ask).route is routes[0]


@given(some_routes, asks)
def test_rules_keep_the_order_of_the_rule_then_of_the_configuration(routes, ask):
    ranked = sorted(routes, key=lambda r: ask.order.index(r.name) if r.name in ask.order else 99)
    assert routing_of("rules").choose(0, routes, ask).route is ranked[0]


@given(some_routes, asks, calls)
def test_sticky_stays_or_chooses_as_budget_aware_does(routes, ask, calls):
    beliefs = told(calls, [])
    chosen = routing_of("sticky", beliefs=beliefs).choose(0, routes, ask).route
    if ask.incumbent in [route.name for route in routes]:
        assert chosen.name == ask.incumbent
    else:
        assert chosen is routing_of("budget_aware", beliefs=beliefs).choose(0, routes, ask).route


@given(some_routes, asks)
def test_an_incumbent_is_never_priced_above_what_it_would_be_as_a_stranger(routes, ask):
    routing = routing_of("cheapest")
    for route in set(routes) - {ROUTES[0]}:  # at the free one, reading a cache is not free
        as_stranger = routing.list_usd(route, ask._replace(incumbent=None))
        as_incumbent = routing.list_usd(route, ask._replace(incumbent=route.name))
        assert as_incumbent <= as_stranger


@given(st.lists(st.integers(1, 6), min_size=5, max_size=5), some_routes, st.integers(1, 3))
def test_round_robin_gives_each_route_exactly_its_weight_in_every_cycle(weights, routes, cycles):
    by_name = {route.name: weight for route, weight in zip(ROUTES, weights, strict=True)}
    routing, total = routing_of("round_robin", weights=by_name), sum(by_name[route.name] for route in routes)
    ask = RouteAsk(0.5, 0.0)
    for _ in range(cycles):
        taken = Counter(routing.choose(0, routes, ask).route.name for _ in range(total))
        assert len(routes) == 1 or taken == {route.name: by_name[route.name] for route in routes}


@given(st.lists(st.integers(1, 6), min_size=5, max_size=5), st.integers(1, 60))
def test_round_robin_is_smooth_no_route_is_ever_a_whole_turn_ahead_of_its_share_times_the_routes(weights, n):
    by_name = {route.name: weight for route, weight in zip(ROUTES, weights, strict=True)}
    routing, total = routing_of("round_robin", weights=by_name), sum(weights)
    taken = Counter(routing.choose(0, ROUTES, RouteAsk(0.5, 0.0)).route.name for _ in range(n))
    assert all(abs(taken[name] - n * weight / total) < len(ROUTES) - 1 for name, weight in by_name.items())


@given(st.lists(st.tuples(names, st.booleans(), seconds, st.none() | st.floats(0, 1e4)), max_size=15), judged, seconds)
def test_reports_commute_and_survive_a_dump(calls, judged, later_s):
    beliefs = told(calls, judged)
    swapped = told(calls[::-1], judged[::-1])
    loaded = RouteBeliefs()
    loaded.load(json.loads(json.dumps(beliefs.dump())))
    now_s = 1e5 + later_s
    for route in [route.name for route in ROUTES]:
        for other, rel in ((swapped, 1e-9), (loaded, 0)):
            assert other.odds(route, now_s) == pytest.approx(beliefs.odds(route, now_s), rel=rel, abs=rel)
            for one, two in zip(beliefs.speeds([route], now_s), other.speeds([route], now_s), strict=True):
                assert (one is None and two is None) or two == pytest.approx(one, rel=1e-6, abs=1e-6)
            assert other.deviation(route, now_s) == pytest.approx(beliefs.deviation(route, now_s), rel=rel, abs=rel)


@given(st.integers(0, 500), st.integers(0, 500), seconds)
def test_availability_is_a_probability_that_returns_to_what_is_believed_of_a_stranger(answers, fails, after_s):
    beliefs = RouteBeliefs(half_life_s=60.0)
    for i in range(answers + fails):
        beliefs.seen("m@a", ok=i < answers, at_s=0.0)
    now = beliefs.availability("m@a", after_s)
    assert 0 < now < 1
    assert abs(beliefs.availability("m@a", after_s + 600.0) - 0.95) <= abs(now - 0.95) + 1e-12
    assert beliefs.availability("m@a", 3_600.0) == pytest.approx(0.95, abs=1e-6)


@given(judged, st.tuples(names, st.floats(0, 1), st.floats(0, 1), seconds))
def test_an_outcome_that_is_taken_back_leaves_nothing(judged, one):
    route, score, believed, at_s = one
    before, after = told([], judged), told([], judged)
    after.judged(route, score, believed=believed, at_s=at_s)
    after.judged(route, score, believed=believed, at_s=at_s, weight=-1.0)
    assert after.deviation(route, 1e5) == pytest.approx(before.deviation(route, 1e5), abs=1e-9)


@pytest.mark.parametrize("odds", [(1.9, 0.1), (21.9, 0.1), (1.9, 10.1), (5.0, 3.0), (0.5, 0.5)])
def test_draws_of_availability_are_those_of_the_beta_distribution(odds):
    """Twenty quantiles' shares each within 4.5 standard errors: the chance that a sound draw fails is below 1e-3."""
    from scipy.stats import beta

    drawn = np.array([beta_draw(odds, u, 2) for u in np.random.default_rng(1).random(20_000).tolist()])
    known = beta(*odds)
    apart = [p for p in np.linspace(0.04, 0.96, 20) if known.ppf(p) < 1 - 1e-12]  # what a float can tell from 1
    assert len(apart) >= 15
    for p in apart:
        assert abs((drawn <= known.ppf(p)).mean() - p) < 4.5 * math.sqrt(p * (1 - p) / len(drawn))


def test_draws_of_latency_are_normal_and_do_not_depend_on_their_neighbours():
    """Mean, variance and correlation within 4.5 standard errors; 3 bounds, so a sound draw fails once in 50,000."""
    us = np.random.default_rng(2).random(20_000).tolist()
    one, other = (np.array([normal_draw(u, salt) for u in us]) for salt in (0, 1))
    assert abs(one.mean()) < 4.5 / math.sqrt(len(us))
    assert abs(one.var() - 1) < 4.5 * math.sqrt(2 / len(us))
    assert abs(np.corrcoef(one, other)[0, 1]) < 4.5 / math.sqrt(len(us))


def test_a_latency_is_shrunk_to_its_models_and_knows_its_tail():
    beliefs = told([("m@a", True, 0.0, 1.0)] * 30 + [("m@b", True, 0.0, 4.0)] * 30 + [("n@a", True, 0.0, 90.0)], [])
    fast, slow, unknown = beliefs.speeds(["m@a", "m@b", "m@c"], 0.0)
    assert 1.0 < fast.median_s < 1.2
    assert 3.4 < slow.median_s < 4.0
    assert unknown.median_s == pytest.approx(2.0)
    assert unknown.doubt > 2 * fast.doubt
    assert fast.p95_s > fast.median_s
    assert beliefs.speeds(["m@a"], 1e9) == (None,)


def test_a_route_that_serves_as_its_model_does_is_rarely_called_worse_however_often_one_looks():
    """100 routes, a look after each of 1,000 outcomes; more than 12 alarms have probability .0015 at .05."""
    alarms = 0
    for seed in range(100):
        beliefs, rng = RouteBeliefs(), np.random.default_rng(seed)
        rate = (0.5, 0.8, 0.95)[seed % 3]
        for score in (rng.random(1_000) < rate).tolist():
            beliefs.judged("m@a", float(score), believed=rate, at_s=0.0)
            if beliefs.deviation("m@a", 0.0).is_clear:
                alarms += 1
                break
    assert alarms <= 12


def test_a_provider_that_cuts_answers_is_found_within_300_outcomes_of_it_and_named():
    """It succeeds at .6 where the model is believed at .78; nobody is blamed where it has no other route beside."""
    found = []
    for seed in range(20):
        beliefs, rng = RouteBeliefs(), np.random.default_rng(seed)
        for n in range(300):
            beliefs.judged("m@cut", float(rng.random() < 0.6), believed=0.78, at_s=n)
            assert beliefs.clearly_worse("m@cut", n) == 0
            assert beliefs.said(n) == ()
            if beliefs.deviation("m@cut", n).is_clear:
                found.append(n)
                break
        beliefs.judged("m@full", 1.0, believed=0.78, at_s=300)
        assert beliefs.clearly_worse("m@cut", found[-1]) < 0
        assert [line.split(":")[0] for line in beliefs.said(found[-1])] == ["m@cut serves worse than m does"]
    assert len(found) == 20


@pytest.mark.parametrize("half_life", ["half_life_s", "speed_half_life_s", "deviation_half_life_s"])
def test_a_half_life_is_above_0(half_life):
    with pytest.raises(ValueError, match=f"{half_life} is 0; give seconds above 0"):
        RouteBeliefs(**{half_life: 0})


def test_what_is_not_finite_is_refused_and_nothing_is_learnt():
    beliefs = RouteBeliefs()
    with pytest.raises(ValueError, match="latency_s is nan"):
        beliefs.seen("m@a", ok=True, at_s=0.0, latency_s=math.nan)
    with pytest.raises(ValueError, match="score is inf"):
        beliefs.judged("m@a", math.inf, believed=0.5, at_s=0.0)
    for broken in ({"calls": {"m@a": [0.0, 1.0]}}, {"times": {"m@a": [0.0, 1.0, math.nan, 0.0]}}):
        with pytest.raises(ValueError, match="load what dump wrote"):
            beliefs.load(broken)
    assert beliefs.dump() == {"calls": {}, "times": {}, "judged": {}}
