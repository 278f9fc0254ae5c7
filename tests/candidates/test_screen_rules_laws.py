"""What holds of every screen under all rules: they only take away, in any order, each with a reason."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from selector.candidates import Screen
from selector.catalog import Catalog, Model, Route
from selector.config import ProviderConfig, PurposeConfig, TaskTypeConfig
from selector.records import Exclusion, Reason, Task
from selector.rules import Applied, Limit

NOW = datetime(2026, 7, 30, tzinfo=UTC)
PROVIDERS = ("home", "work")
NAMES = ("a", "b", "c")
PROMISES = {
    "home": ProviderConfig(kind="anthropic", data=["eu"]),
    "work": ProviderConfig(kind="anthropic", data=["eu", "no_training"]),
}
DATA = st.lists(st.sampled_from(["eu", "no_training"]), max_size=1)
TOKENS = st.none() | st.integers(0, 40)


@st.composite
def pools(draw):
    """Draw models that have every tag and every provider among them, so that each reference names something."""
    found = []
    for name in NAMES:
        served = draw(st.permutations(PROVIDERS))[: 2 if name == "a" else draw(st.integers(1, 2))]
        routes = tuple(
            Route(model=name, provider=provider, id=name, context_tokens=draw(st.none() | st.integers(1, 40)))
            for provider in served
        )
        tags = ("x", "y") if name == "a" else draw(st.sampled_from([(), ("x",), ("y",)]))
        words = draw(st.frozensets(st.sampled_from(["tools", "vision"])))
        found.append(
            Model(
                name=name,
                family=name,
                routes=routes,
                tags=tags,
                capabilities=words,
                enabled=draw(st.integers(0, 4)) > 0,
            )
        )
    return found


def references(pool, *, purposes=True):
    routes = [route.name for model in pool for route in model.routes]
    words = [*NAMES, *routes, *(f"*@{provider}" for provider in PROVIDERS), "tag:x", "tag:y"]
    return st.sampled_from(words + (["purpose:lead", "purpose:worker"] if purposes else []))


@st.composite
def cases(draw):
    pool = draw(pools())
    some = st.lists(references(pool), min_size=1, max_size=3, unique=True)
    limits = st.lists(st.builds(Limit, st.sampled_from(["r", "s", "rules[2]"]), some.map(tuple)), max_size=2).map(tuple)
    applied = Applied(
        only=draw(limits),
        forbid=draw(limits),
        purpose=draw(st.none() | st.sampled_from(["lead", "worker"])),
        model=draw(st.none() | st.sampled_from([*NAMES, *(route.name for model in pool for route in model.routes)])),
        by="r",
    )
    task = Task(
        draw(st.sampled_from(["coding", "coding/python", "letters"])),
        needs=draw(st.sampled_from([[], ["tools"], ["data:no_training"]])),
        only=draw(st.just([]) | some),
        purpose=draw(st.none() | st.sampled_from(["lead", "worker"])),
        max_output_tokens=draw(st.none() | st.integers(1, 20)),
    )
    whole = {
        "catalog": Catalog({model.name: model for model in pool}, {}, {}),
        "task_types": {"coding": TaskTypeConfig(needs=draw(st.sampled_from([[], ["vision"]])), data=draw(DATA))},
        "purposes": {
            name: PurposeConfig(
                models=draw(st.lists(references(pool, purposes=False), min_size=1, max_size=2, unique=True))
            )
            for name in ("lead", "worker")
        },
        "providers": PROMISES,
    }
    closed = draw(st.frozensets(st.sampled_from([route.name for model in pool for route in model.routes])))
    return pool, Screen(**whole, availability=Closed(closed)), task, applied, draw(TOKENS), draw(limits)


class Closed:
    def __init__(self, routes):
        self.routes = routes

    def excluded(self, route, now, **_task):
        assert now is NOW
        return Exclusion(reason=Reason.UNHEALTHY, detail=route.name) if route.name in self.routes else None


def serving(case, applied):
    pool, screen, task, _, tokens, _ = case
    found = screen.of_task(task, input_tokens=tokens, applied=applied, at=NOW)
    return {
        route
        for k, model in enumerate(pool)
        if found[k] is None
        for route in screen.routes(k, task, input_tokens=tokens, applied=applied, at=NOW)
    }


def with_limits(applied, **changed):
    kept = {name: getattr(applied, name) for name in ("only", "forbid", "purpose", "model", "by")}
    return Applied(**{**kept, **changed})


@given(cases())
def test_a_further_only_or_forbid_adds_no_candidate_and_no_route(case):
    applied, more = case[3], case[5]
    before = serving(case, applied)
    assert serving(case, with_limits(applied, only=applied.only + more)) <= before
    assert serving(case, with_limits(applied, forbid=applied.forbid + more)) <= before
    assert before <= serving(case, with_limits(applied, only=(), forbid=()))


@given(cases())
def test_the_order_of_rules_and_of_references_does_not_matter(case):
    applied = case[3]
    turned = {
        name: tuple(Limit(each.rule, each.references[::-1]) for each in getattr(applied, name)[::-1])
        for name in ("only", "forbid")
    }
    assert serving(case, with_limits(applied, **turned)) == serving(case, applied)


@given(cases())
def test_saying_a_limit_twice_changes_nothing(case):
    applied = case[3]
    twice = with_limits(applied, only=applied.only * 2, forbid=applied.forbid * 2)
    assert serving(case, twice) == serving(case, applied)


@given(cases())
def test_two_forbids_of_one_rule_are_one_of_all_their_references(case):
    applied, more = case[3], case[5]
    joined = tuple(dict.fromkeys(text for limit in more for text in limit.references))
    apart = with_limits(applied, forbid=applied.forbid + more)
    together = with_limits(applied, forbid=applied.forbid + ((Limit("r", joined),) if joined else ()))
    assert serving(case, apart) == serving(case, together)


@given(cases())
def test_a_model_is_excluded_exactly_when_every_route_has_a_reason_and_its_own_is_among_them(case):
    pool, screen, task, applied, tokens, _ = case
    found = screen.of_task(task, input_tokens=tokens, applied=applied, at=NOW)
    for k in range(len(pool)):
        reasons = screen.reasons(k, task, input_tokens=tokens, applied=applied, at=NOW)
        assert list(reasons) == [route.name for route in pool[k].routes]
        assert (found[k] is not None) == all(reasons.values())
        if found[k] is None:
            free = [name for name, why in reasons.items() if not why]
            assert [r.name for r in screen.routes(k, task, input_tokens=tokens, applied=applied, at=NOW)] == free
        else:
            assert found[k].reason in {each.reason for why in reasons.values() for each in why}


@given(cases())
def test_the_constant_part_is_kept_by_every_task_and_has_its_reasons(case):
    _, screen, task, applied, tokens, _ = case
    constant = screen.of_rules(task.type, applied)
    assert screen.of_rules(task.type, applied) is constant
    found = screen.of_task(task, input_tokens=tokens, applied=applied, at=NOW)
    assert all(now == before for before, now in zip(constant, found, strict=True) if before is not None)
    assert (found == constant) == (found is constant)
    for before, now in zip(screen.of_type(task.type), constant, strict=True):
        assert before is None or now.reason is before.reason


@given(cases())
def test_a_rule_that_excludes_is_named(case):
    _, screen, task, applied, _, _ = case
    for before, now in zip(screen.of_type(task.type), screen.of_rules(task.type, applied), strict=True):
        if before is None and now is not None and now.reason is not Reason.NOT_IN_PURPOSE:
            assert now.detail.startswith(("rule r: ", "rule s: ", "rules[2]: "))


@given(cases())
def test_forcing_changes_no_candidate_and_forces_only_who_may_serve(case):
    pool, screen, task, applied, tokens, _ = case
    assert serving(case, with_limits(applied, model=None)) == serving(case, applied)
    forced = screen.forced(applied, task, input_tokens=tokens, at=NOW)
    if applied.model is None:
        assert forced is None
        return
    name, _, provider = applied.model.partition("@")
    may = [
        route
        for route in screen.routes(NAMES.index(name), task, input_tokens=tokens, applied=applied, at=NOW)
        if route in serving(case, applied) and provider in {"", route.provider}
    ]
    assert forced.model == NAMES.index(name)
    assert forced.route == (may[0] if may else None)
    assert (forced.exclusion is None) == bool(may)
    assert "rule r would force it" in forced.why or may
    found = screen.of_task(task, input_tokens=tokens, applied=applied, at=NOW)[forced.model]
    assert found is None or found == forced.exclusion
    assert all(route.model == pool[forced.model].name for route in may)


@given(cases(), st.dictionaries(st.sampled_from(["a", "b", "tag:x", "tag:y", "purpose:lead"]), st.integers(-4, 4)))
def test_points_are_the_sum_of_those_of_each_reference(case, eighths):
    screen = case[1]
    prefer = {reference: points / 8 for reference, points in eighths.items()}
    alone = [screen.preferences(Applied(prefer={reference: points})) for reference, points in prefer.items()]
    assert screen.preferences(Applied(prefer=prefer)).tolist() == [sum(points[k] for points in alone) for k in range(3)]
