"""Which of a model's routes serves: by price, in turn, in order, where a session was; what quotas leave and keep."""

from collections import Counter
from contextlib import ExitStack

import pytest

from selector import Failure, Outcome, Selector, Task
from selector.errors import NoEligibleModelError
from selector.testing import FakeProvider
from tests.clients.conftest import Clock

PRICED = {"usd_per_mtok_in": 2, "usd_per_mtok_out": 10, "max_output_tokens": 1_000}
CHEAP = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}
PLACES = {name: {"kind": "openai", "base_url": "http://127.0.0.1:9"} for name in ("work", "far")}
TASK = Task("coding", input_tokens=1_000)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Open selectors of one folder that have one model at two places, and close them when the test ends."""
    with ExitStack() as stack:

        def open_(far=CHEAP, places=PLACES, providers=None, more=None, **model):
            models = {"m": {**PRICED, "routes": {"work": {}, "far": far}, **model}, **(more or {})}
            config = {"providers": places, "models": models, "fallback": {"retries": 0}}
            config["purposes"] = {"lead": ["m"], "worker": ["m"]}
            opening = Selector.open(config, state=tmp_path / "state", seed=1, clock=clock, providers=providers)
            return stack.enter_context(opening)

        yield open_


def asked(route):
    return Task("coding", input_tokens=1_000, only=[route])


def routes(selector, n=20, **more):
    return [selector.select(Task("coding", input_tokens=1_000, **more)).route for _ in range(n)]


@pytest.mark.parametrize(
    ("route_by", "expected"),
    [
        ("cheapest", {"m@far": 20}),
        ("priority", {"m@work": 20}),
        ("round_robin", {"m@work": 10, "m@far": 10}),
    ],
)
def test_a_strategy_chooses_among_the_routes_that_may_serve(opened, route_by, expected):
    selector = opened(route_by=route_by)
    assert Counter(routes(selector)) == expected
    assert set(routes(selector, only=["m@work"])) == {"m@work"}


def test_by_default_the_cheaper_one_serves_but_for_a_look_at_the_other_now_and_then(opened):
    assert Counter(routes(opened(), 60))["m@far"] >= 50


def test_a_variant_is_routed_as_what_it_is_a_variant_of(opened):
    selector = opened(route_by="priority", more={"m-high": {"of": "m", "params": {"reasoning_effort": "high"}}})
    assert set(routes(selector, only=["m-high"])) == {"m-high@work"}


def test_a_session_stays_where_its_prompt_cache_may_be(opened):
    selector = opened(route_by="sticky")
    first = selector.select(Task("coding", input_tokens=1_000, session="s", only=["m@work"])).route
    assert (first, set(routes(selector, session="s")), set(routes(selector, session="t"))) == (
        "m@work",
        {"m@work"},
        {"m@far"},
    )


def test_a_route_that_fails_is_passed_by_before_its_breaker_opens_and_is_found_again(opened, clock):
    selector = opened()
    for _ in range(4):
        selector.record(selector.select(asked("m@far")), Outcome(error=Failure.OVERLOADED))
        selector.record(selector.select(asked("m@work")), Outcome(latency_s=1.0, output_tokens=5))
    away = Counter(routes(selector, 40))
    assert away["m@work"] > 20
    clock.now += 3_600
    assert Counter(routes(selector, 40))["m@far"] > 30


def test_the_log_and_the_explanation_say_why_a_route_was_chosen(opened):
    selector = opened(route_by="cheapest")
    decision = selector.select(TASK)
    assert "route m@far: " in str(decision)
    selector.flush()
    event = next(event for event in selector._core.state.find(decision.id) if event["kind"] == "decision")
    assert event["route_reason"]
    assert f"route m@far: {event['route_reason']}" in selector.explain(decision.id)


class TestQuotas:
    def test_what_is_reported_draws_on_a_quota_and_a_spent_one_takes_out_the_route(self, opened):
        places = {**PLACES, "far": {**PLACES["far"], "quotas": [{"tokens": 4_000, "per": "day"}]}}
        selector = opened(places=places)
        for _ in range(2):
            selector.record(selector.select(asked("m@far")), Outcome(input_tokens=1_500, output_tokens=500))
        assert set(routes(selector)) == {"m@work"}
        assert any("far" in line and "0 % left" in line for line in selector.status().quotas)

    def test_what_would_expire_unused_is_free(self, opened):
        dear = {"usd_per_mtok_in": 20, "usd_per_mtok_out": 100}
        plain = {**PLACES, "far": {**PLACES["far"], "quotas": [{"requests": 1_000, "per": "5h"}]}}
        assert Counter(routes(opened(far=dear, places=plain), 60))["m@work"] >= 50

    def test_a_dear_route_serves_while_its_quota_would_expire(self, opened):
        dear = {"usd_per_mtok_in": 20, "usd_per_mtok_out": 100}
        quota = {"requests": 1_000, "per": "5h", "use_or_lose": True}
        places = {**PLACES, "far": {**PLACES["far"], "quotas": [quota]}}
        assert Counter(routes(opened(far=dear, places=places), 60))["m@far"] >= 40

    def test_what_is_kept_for_a_purpose_serves_no_other(self, opened):
        quota = {"requests": 4, "per": "day", "reserve_for": {"purpose:lead": 0.5}}
        places = {name: {**place, "quotas": [quota]} for name, place in PLACES.items()}
        fakes = {name: FakeProvider("ok") for name in PLACES}
        selector = opened(places=places, providers=fakes)

        def run(purpose):
            return selector.run(Task("coding", prompt="hi", purpose=purpose)).attempts[-1].route

        assert Counter(run("worker") for _ in range(4)) == {"m@far": 2, "m@work": 2}
        with pytest.raises(NoEligibleModelError, match="over_quota"):
            run("worker")
        assert Counter(run("lead") for _ in range(4)) == {"m@far": 2, "m@work": 2}
        with pytest.raises(NoEligibleModelError, match="over_quota"):
            run("lead")

    def test_a_restart_knows_what_was_drawn(self, opened):
        places = {**PLACES, "far": {**PLACES["far"], "quotas": [{"requests": 2, "per": "day"}]}}
        selector = opened(places=places)
        for _ in range(2):
            selector.record(selector.select(asked("m@far")), Outcome(input_tokens=10, output_tokens=10))
        selector.close()
        assert set(routes(opened(places=places))) == {"m@work"}


def test_a_route_that_serves_its_model_worse_is_passed_by_and_named(opened):
    """400 are judged, then 50 chosen; where both were alike 40 or more would be one in 90,000."""
    selector = opened(far={})
    for i in range(400):
        route, good = (("m@far", i % 6 == 0), ("m@work", i % 8 > 0))[i % 2]
        selector.record(selector.select(asked(route)), Outcome(score=float(good)))
    assert [line[:32] for line in selector.status().routes] == [
        "m@far serves worse than m does: ",
        "m@work serves better than m does",
    ]
    assert Counter(routes(selector, 50))["m@work"] >= 40


def test_a_judgement_that_is_taken_back_no_longer_counts_against_a_route(opened):
    selector = opened(far={})
    for i in range(200):
        decision = selector.select(asked(("m@work", "m@far")[i % 2]))
        selector.record(decision, Outcome(score=float(i % 2 == 0), source="judge"))
        selector.record(decision, Outcome(source="judge", retracted=True))
    held = selector._core.engine.roads.beliefs
    assert selector.status().routes == ()
    assert abs(held.deviation("m@far", 0.0).n) < 1e-6
