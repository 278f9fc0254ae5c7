"""A learnt chain tries those first that succeed most per dollar, where enough is known, and says so."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from selector import Outcome, Selector, Task, Usage
from selector._clients.choice._learnt_chain import ENOUGH, Link, in_order, words_of
from selector.errors import AllAttemptsFailedError
from selector.testing import FakeProvider, Fault, Reply

GOOD = Reply("good", usage=Usage(input_tokens=100, output_tokens=500))
TASK = Task("coding", prompt="Write a parser.", input_tokens=100)
PRICES = {"first": 1.0, "dear": 20.0, "cheap": 1.0, "free": 0.0, "new": 0.1}


def link(name, success=0.5, cost_usd=1.0, n=100):
    return Link(SimpleNamespace(name=name, model=name), n, success, cost_usd)


def names(chain):
    return [route.name for route in in_order(chain)]


class TestOrder:
    def test_the_most_success_per_dollar_comes_first(self):
        chain = [link("dear", 0.9, 9), link("cheap", 0.5, 1), link("middle", 0.8, 2)]
        assert names(chain) == ["cheap", "middle", "dear"]

    def test_equals_keep_their_order(self):
        chain = [link("a", 0.4, 2), link("b", 0.2, 1), link("c", 0.4, 2)]
        assert names(chain) == ["a", "b", "c"]

    def test_who_is_little_known_keeps_its_place(self):
        chain = [link("new", 1.0, 0.1, n=ENOUGH - 0.1), link("dear", 0.9, 9), link("unpriced", 1, None), link("cheap")]
        assert names(chain) == ["new", "cheap", "unpriced", "dear"]

    def test_what_is_free_comes_first_and_the_better_of_it_before(self):
        chain = [link("cheap", 0.9, 0.01), link("poor", 0.3, 0.0), link("fair", 0.6, 0.0)]
        assert names(chain) == ["fair", "poor", "cheap"]

    def test_no_order_costs_less_until_one_succeeds_or_all_have_failed(self):
        rng = np.random.default_rng(5)
        for _ in range(40):
            chain = [link(str(k), *rng.uniform(0.05, 0.95, 1), rng.uniform(0.1, 5)) for k in range(4)]
            by_name = {each.route.name: each for each in chain}

            def cost(order, by_name=by_name):
                left, total = 1.0, 0.0
                for name in order:
                    total += left * by_name[name].cost_usd
                    left *= 1 - by_name[name].success
                return total

            best = min(cost(order) for order in itertools.permutations(by_name))
            assert cost(names(chain)) == pytest.approx(best)

    def test_it_says_why(self):
        said = words_of([link("new", n=2), link("dear", 0.9, 9), link("cheap", 0.5, 1), link("free", 0.2, 0)])
        assert said == (
            "chain in learnt order: new (where it was written: 2 outcomes of 8), "
            "free (success 0.20, free), cheap (success 0.50 at 1 USD: 0.5 per USD), "
            "dear (success 0.90 at 9 USD: 0.1 per USD)"
        )


def config(*chain, learnt=True, **sections):
    models = {
        name: {
            "provider": "work",
            "usd_per_mtok_in": usd / 5,
            "usd_per_mtok_out": usd,
            "max_output_tokens": 1_000,
            "context_tokens": 100_000,
        }
        for name, usd in PRICES.items()
    }
    return {
        "providers": {"work": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}},
        "models": models,
        "default_model": "first",
        "chains": {"default": list(chain)},
        "learnt_chains": learnt,
        "fallback": {"retries": 0, "max_attempts": 5, "adaptive": False},
        **sections,
    }


@pytest.fixture
def begin(folder, clock):
    """Open selectors of one folder whose first model is down."""
    opened = []

    def build(settings):
        fake = FakeProvider({"first": Fault(503), **dict.fromkeys(list(PRICES)[1:], Fault(503))})
        opened.append(Selector.open(settings, state=folder, seed=1, clock=clock, providers={"work": fake}))
        return opened[-1]

    yield build
    for selector in opened:
        selector.close()


def teach(selector, model, score, n=20, task_type="coding"):
    for _ in range(n):
        decision = selector.select(Task(task_type, input_tokens=100, only=[model]))
        selector.record(decision, Outcome(output_tokens=500, score=score))


def chain(selector, task=TASK):
    return [name.removesuffix("@work") for name in selector.select(task).chain]


def tried(selector, task=TASK):
    with pytest.raises(AllAttemptsFailedError) as error:
        selector.run(task)
    return [attempt.model for attempt in error.value.run.attempts]


def test_a_run_follows_the_learnt_order_and_explanations_show_it(begin):
    selector = begin(config("dear", "new", "cheap", "free"))
    assert chain(selector) == ["dear", "new", "cheap", "free"]
    for model in ("dear", "cheap", "free"):
        teach(selector, model, 1.0 if model == "dear" else 0.5)
    decision = selector.select(TASK)
    assert chain(selector) == ["free", "new", "cheap", "dear"]
    told = selector.explain(decision)
    assert "if it fails: free@work, then new@work, then cheap@work, then dear@work" in told
    assert "chain in learnt order: free@work (success 0.5" in told
    assert "new@work (where it was written: 0 outcomes of 8)" in told
    assert tried(selector) == ["first", "free", "new", "cheap", "dear"]


def test_another_kind_of_task_has_its_own_order(begin):
    selector = begin(config("dear", "cheap"))
    for model in ("dear", "cheap"):
        teach(selector, model, 1.0)
    assert chain(selector) == ["cheap", "dear"]
    assert chain(selector, Task("chat", input_tokens=100)) == ["dear", "cheap"]


def test_without_it_the_chain_is_what_somebody_wrote(begin):
    selector = begin(config("dear", "cheap", learnt=False))
    for model in ("dear", "cheap"):
        teach(selector, model, 1.0)
    decision = selector.select(TASK)
    assert chain(selector) == ["dear", "cheap"]
    assert "learnt order" not in selector.explain(decision)
    assert tried(selector) == ["first", "dear", "cheap"]


def test_the_chain_after_a_reason_is_ordered_too(begin):
    selector = begin(
        config("free", chains={"by_reason": {"overloaded": ["dear", "cheap"], "server_error": ["dear", "cheap"]}})
    )
    for model in ("dear", "cheap"):
        teach(selector, model, 1.0)
    assert tried(selector) == ["first", "cheap", "dear"]
