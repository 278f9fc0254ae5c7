"""What holds of every screen and task: a task only takes away, order does not matter, and the route agrees."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from selector.budgets import worst_case_nano
from selector.candidates import Screen
from selector.catalog import Catalog, Model, Prices, Route
from selector.config import TaskTypeConfig
from selector.errors import NoEligibleModelError
from selector.records import Reason, Task

NOW = datetime(2026, 7, 30, tzinfo=UTC)
NAMES = ("a", "b", "c", "d")
PROVIDERS = ("home", "work")
WORDS = ("tools", "vision", "json_schema")
TOKENS = st.none() | st.integers(0, 40)
PRICES = st.sampled_from(
    [None, *(Prices.of({"usd_per_mtok_in": into, "usd_per_mtok_out": out}) for into in (0, 1) for out in (0, 5))]
)


@st.composite
def models(draw, name):
    served = draw(st.permutations(PROVIDERS))[: draw(st.integers(1, 2))]
    routes = tuple(
        Route(
            model=name,
            provider=provider,
            id=name,
            prices=draw(PRICES),
            context_tokens=draw(st.none() | st.integers(1, 40)),
            max_output_tokens=draw(st.none() | st.integers(1, 20)),
        )
        for provider in served
    )
    return Model(
        name=name,
        family=name,
        routes=routes,
        tags=("x", *draw(st.sampled_from([(), ("y",)]))),
        capabilities=draw(st.frozensets(st.sampled_from(WORDS))),
        enabled=draw(st.integers(0, 4)) > 0,
    )


def catalog(pool):
    return Catalog({model.name: model for model in pool}, {}, {})


@st.composite
def wishes(draw, pool):
    """Draw what a type or a task may ask of this pool, references that exist among it."""
    routes = [route.name for model in pool for route in model.routes]
    references = st.sampled_from([*(model.name for model in pool), *routes, *routes, "tag:x"])
    return {
        "needs": draw(st.lists(st.sampled_from(WORDS), max_size=1)),
        "only": draw(st.just([]) | st.lists(references, max_size=4, unique=True)),
    }


@st.composite
def cases(draw):
    pool = [draw(models(name)) for name in NAMES[: draw(st.integers(1, 4))]]
    types = {"coding": TaskTypeConfig(**draw(wishes(pool)))}
    task = Task(
        draw(st.sampled_from(["coding", "letters"])),
        **draw(wishes(pool)),
        tools=draw(st.none() | st.just([{"name": "grep"}])),
        response_schema=draw(st.none() | st.just({})),
        max_output_tokens=draw(st.none() | st.integers(1, 20)),
    )
    return pool, types, task, draw(TOKENS)


@given(cases())
def test_a_task_never_admits_whom_its_type_excludes_and_keeps_the_reason(case):
    pool, types, task, tokens = case
    screen = Screen(catalog(pool), types)
    for by_type, by_task in zip(screen.of_type(task.type), screen.of_task(task, input_tokens=tokens), strict=True):
        assert by_type is None or by_task == by_type


@given(cases())
def test_an_equal_answer_is_the_same_object(case):
    pool, types, task, tokens = case
    screen = Screen(catalog(pool), types)
    found = screen.of_task(task, input_tokens=tokens)
    assert (found == screen.of_type(task.type)) == (found is screen.of_type(task.type))


@given(cases(), st.randoms())
def test_models_in_another_order_have_the_same_exclusions_in_that_order(case, rng):
    pool, types, task, tokens = case
    order = rng.sample(range(len(pool)), len(pool))
    first, second = Screen(catalog(pool), types), Screen(catalog([pool[k] for k in order]), types)
    for ask in (lambda s: s.of_type(task.type), lambda s: s.of_task(task, input_tokens=tokens)):
        assert ask(second) == tuple(ask(first)[k] for k in order)
    worst = [screen.worst_nano(task, at=NOW, input_tokens=tokens) for screen in (first, second)]
    assert worst[1] == tuple(worst[0][k] for k in order)


@given(cases(), st.integers(1, 40))
def test_a_longer_task_has_no_more_candidates(case, more):
    pool, types, task, tokens = case
    screen = Screen(catalog(pool), types)
    short, long = (screen.of_task(task, input_tokens=n) for n in (tokens or 0, (tokens or 0) + more))
    assert all(after is not None for before, after in zip(short, long, strict=True) if before is not None)


@given(cases())
def test_it_agrees_with_asking_each_route_of_each_model_by_itself(case):
    """The plainest reading of the rules, without anything kept: a model is excluded only if all its routes are."""
    pool, types, task, tokens = case
    whole, kind = catalog(pool), types.get(task.type, TaskTypeConfig())
    screen = Screen(whole, types)
    found = screen.of_task(task, input_tokens=tokens)
    worst = screen.worst_nano(task, at=NOW, input_tokens=tokens)
    declared = {word for model in pool for word in model.capabilities}
    needs = {*kind.needs, *task.needs, *(["tools"] if task.tools else [])}
    needs |= {"json_schema"} & declared if task.response_schema is not None else set()
    length = (tokens or 0) + (task.max_output_tokens or 0)
    lists = [[route for text in only for route in whole.routes(text)] for only in (kind.only, task.only) if only]
    for k, model in enumerate(pool):
        fit = [
            route
            for route in model.routes
            if all(route in only for only in lists) and (route.context_tokens or length) >= length
        ]
        assert (found[k] is None) == (model.enabled and needs <= model.capabilities and bool(fit))
        assert (found[k] is not None and found[k].reason is Reason.DISABLED) == (not model.enabled)
        route = fit[0] if fit else model.route
        assert worst[k] == worst_case_nano(
            route.prices,
            at=NOW,
            input_tokens=tokens,
            max_output_tokens=task.max_output_tokens or route.max_output_tokens,
        )
        try:
            assert fit[:1] == [screen.route(k, task, input_tokens=tokens)]
        except NoEligibleModelError:
            assert not fit
            assert found[k] is not None
