"""Opening: from a file, a mapping, the environment or nothing; every policy and objective; models that come and go."""

import asyncio
import importlib
import os
from contextlib import ExitStack

import numpy as np
import pytest

import selector as library
from selector import AsyncSelector, Config, Outcome, Selector, Task
from selector.errors import ConfigError, StateError, UnknownDecisionError

PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}
MODELS = {"small": PRICED, "middle": {**PRICED, "usd_per_mtok_out": 8}, "large": {**PRICED, "usd_per_mtok_out": 20}}
CONFIG = {"models": MODELS}
YAML = (
    "models:\n  small: {usd_per_mtok_in: 1, usd_per_mtok_out: 2}\n  large: {usd_per_mtok_in: 5, usd_per_mtok_out: 20}\n"
)
NOW = 1.7e9


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """Stand in an empty folder, with nothing in the environment that a selector looks for."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for key in os.environ:
        if key.startswith("SELECTOR_") or key.endswith("_API_KEY"):
            monkeypatch.delenv(key)
    return here


@pytest.fixture
def opened(tmp_path):
    """Open selectors, each of a folder of its own, and close them when the test ends."""
    with ExitStack() as stack:

        def open_(config=CONFIG, folder="state", seed=1):
            return stack.enter_context(Selector.open(config, state=tmp_path / folder, seed=seed, clock=lambda: NOW))

        yield open_


def choices(selector, n=60, *, look=lambda _: None):
    """Choose and report n times, and say what was chosen."""
    likely, found = {"small": 0.4, "middle": 0.7, "large": 0.9}, []
    rng = np.random.default_rng(3)
    for i in range(n):
        decision = selector.select(Task(("coding", "email")[i % 2], input_tokens=500))
        found.append(decision.model)
        if i % 3:
            score = float(rng.random() < likely[decision.model])
            selector.record(decision, Outcome(output_tokens=300, score=score))
        look(selector)
    return found


def evidence(selector, model, type_="coding"):
    rows = [r for r in selector.beliefs().to_pylist() if (r["model"], r["task_type"]) == (model, type_)]
    return sum(r["evidence"] for r in rows), sum(r["score_sum"] for r in rows), sum(r["token_sum"] for r in rows)


class TestSources:
    @pytest.mark.parametrize("kind", ["path", "text", "mapping", "config", "json", "toml"])
    def test_a_configuration_may_come_as(self, tmp_path, bare, kind):
        (bare / "a.yaml").write_text(YAML)
        (bare / "a.json").write_text('{"models": {"small": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}}}')
        (bare / "a.toml").write_text("[models.small]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 2\n")
        source = {
            "path": bare / "a.yaml",
            "text": "a.yaml",
            "mapping": CONFIG,
            "config": Config.load(CONFIG),
            "json": "a.json",
            "toml": "a.toml",
        }[kind]
        with Selector.open(source, state=tmp_path / "state") as selector:
            assert selector.select(Task("coding")).model in selector.config.models

    def test_nothing_means_the_file_of_this_folder(self, bare):
        (bare / "selector.yaml").write_text(YAML)
        with Selector.open() as selector:
            assert list(selector.config.models) == ["small", "large"]
        assert (bare / "selector-state" / "store.json").is_file()

    def test_the_file_that_the_environment_names_comes_first(self, tmp_path, bare, monkeypatch):
        (bare / "selector.yaml").write_text("models: {other: {usd_per_mtok_in: 1, usd_per_mtok_out: 2}}\n")
        (tmp_path / "named.yaml").write_text(YAML)
        monkeypatch.setenv("SELECTOR_CONFIG", str(tmp_path / "named.yaml"))
        with Selector.open() as selector:
            assert list(selector.config.models) == ["small", "large"]

    def test_a_file_that_the_environment_names_and_is_not_there_is_an_error(self, monkeypatch):
        monkeypatch.setenv("SELECTOR_CONFIG", "missing.yaml")
        with pytest.raises(ConfigError, match=r"missing\.yaml: there is no such file"):
            Selector.open()

    def test_nothing_and_a_key_in_the_environment_is_enough(self, monkeypatch):
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
        with Selector.open() as selector:
            decision = selector.select(Task("coding", input_tokens=1_000))
            assert decision.provider == "anthropic"
            assert decision.expected_cost_usd > 0
            assert "the model to compare with" in str(decision)
            assert "sk-secret" not in f"{selector!r}{decision}{selector.config}"

    def test_nothing_at_all_is_an_error_that_says_what_to_do(self, bare):
        with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY"):
            Selector.open()
        assert list(bare.iterdir()) == []


class TestStateFolder:
    def test_a_folder_that_a_file_names_lies_beside_the_file(self, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "selector.yaml").write_text(YAML + "state: ./kept\n")
        Selector.open(elsewhere / "selector.yaml").close()
        assert (elsewhere / "kept" / "store.json").is_file()

    @pytest.mark.parametrize("given", ["argument", "environment"])
    def test_what_is_given_comes_before_what_the_file_says(self, tmp_path, bare, monkeypatch, given):
        (bare / "selector.yaml").write_text(YAML + "state: ./kept\n")
        if given == "environment":
            monkeypatch.setenv("SELECTOR_STATE", str(tmp_path / "given"))
        Selector.open(state=tmp_path / "given" if given == "argument" else None).close()
        assert (tmp_path / "given" / "store.json").is_file()
        assert not (bare / "kept").exists()


class TestSeed:
    def test_the_same_seed_makes_the_same_choices(self, opened):
        assert choices(opened(folder="a")) == choices(opened(folder="b"))

    def test_another_seed_makes_others(self, opened):
        assert choices(opened(folder="a")) != choices(opened(folder="b", seed=2))

    def test_no_seed_is_never_the_same(self, opened):
        """Of 60 choices among three, all alike twice: less than 1 in 10^9."""
        assert choices(opened(folder="a", seed=None)) != choices(opened(folder="b", seed=None))

    @pytest.mark.parametrize("look", ["beliefs", "status", "flush"])
    def test_looking_changes_no_choice(self, opened, look):
        watched = choices(opened(folder="a"), 200, look=lambda selector: getattr(selector, look)())
        assert watched == choices(opened(folder="b"), 200)

    def test_a_restart_does_not_repeat_the_choices_before_it(self, opened):
        with opened() as first:
            before = choices(first)
        assert choices(opened()) != before


class TestPoliciesAndObjectives:
    @pytest.mark.parametrize(
        "policy",
        [
            "thompson", "greedy", "top_two", "ucb1", "kl_ucb", "uniform", "epsilon_greedy",
            {"name": "fixed", "model": "large"}, {"floor": 0}, {"half_life": None}, {"concentration": 1},
        ],
        ids=str,
    )  # fmt: skip
    @pytest.mark.parametrize(
        "objective",
        [
            None,
            "most_success",
            {"name": "worth_usd", "default_worth_usd": 0.5},
            {"min_success": 0.6},
            {"no_worse_than": {"model": "large", "by": 0.05}, "confidence": 0.6},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("budgets", [[], [{"usd_per_request": 0.004}]], ids=["free", "steered"])
    def test_each_works_from_end_to_end(self, opened, policy, objective, budgets):
        config = {**CONFIG, "policy": policy, "objective": objective, "budgets": budgets}
        selector = opened({key: value for key, value in config.items() if value is not None})
        found = choices(selector, 100)
        assert set(found) <= set(MODELS)
        decision = selector.select(Task("coding"))
        assert sum(decision.probabilities.values()) == pytest.approx(1)
        assert 0 < decision.propensity <= 1
        assert "coding" in str(decision)
        status = selector.status()
        assert (status.n_decisions, status.n_outcomes, status.n_repaired, status.trouble) == (101, 66, 0, None)

    def test_evidence_may_age_by_the_clock(self, opened):
        policy = {"policy": {"half_life": "14d"}}
        with opened({**CONFIG, **policy}) as first:
            choices(first, 100)
            before = evidence(first, "large")
        assert evidence(opened({**CONFIG, **policy}), "large") == pytest.approx(before)

    def test_the_fixed_policy_takes_its_model_always(self, opened):
        assert set(choices(opened({**CONFIG, "policy": {"name": "fixed", "model": "middle"}}))) == {"middle"}

    def test_min_success_comes_to_prefer_the_cheapest_that_is_good_enough(self, opened):
        found = choices(opened({**CONFIG, "objective": {"min_success": 0.6}}), 1_000)
        assert found[-200:].count("middle") > 120


class TestTypes:
    def test_types_come_while_it_runs(self, opened):
        selector = opened()
        for i in range(70):
            selector.record(selector.select(Task(f"type-{i % 35}")), Outcome(score=1, output_tokens=10))
        rows = selector.beliefs().to_pylist()
        assert {r["task_type"] for r in rows} == {f"type-{i}" for i in range(35)}
        assert sum(r["n_outcomes"] for r in rows) == 70

    def test_types_that_came_are_known_after_a_restart(self, opened):
        with opened() as first:
            for type_ in ("b", "a", "c"):
                first.record(first.select(Task(type_, only=["small"])), Outcome(score=1, output_tokens=10))
        second = opened({**CONFIG, "task_types": ["c", "z"]})
        assert [evidence(second, "small", t)[0] > 0.99 for t in ("a", "b", "c", "z")] == [True, True, True, False]


def test_types_that_only_another_process_chose_for_are_chosen_for(opened):
    """Their inputs were measured, and nothing was learnt of them yet, when one of one's own comes."""
    here, there = opened(), opened()
    for type_ in ("a", "b"):
        there.select(Task(type_, input_tokens=100))
    there.flush()
    here.status()
    assert [here.select(Task(type_, input_tokens=100)).task_type for type_ in ("own", "a", "b")] == ["own", "a", "b"]


def one_each(selector, models):
    for model in models:
        selector.record(selector.select(Task("coding", only=[model])), Outcome(score=0.5, output_tokens=300))


class TestModelsThatChange:
    @pytest.mark.parametrize("half_life", [None, "3500 decisions", "10 decisions", "14d"])
    def test_a_model_that_was_renamed_keeps_its_evidence(self, opened, half_life):
        policy = {"policy": {"half_life": half_life}}
        with opened({**CONFIG, **policy}) as first:
            one_each(first, MODELS)
            before = evidence(first, "small")
        renamed = {"tiny": {**PRICED, "was": "small"}, "large": MODELS["large"]}
        with opened({"models": renamed, **policy}) as second:
            assert evidence(second, "tiny") == pytest.approx(before)
            assert evidence(second, "small") == (0, 0, 0)
        assert evidence(opened({"models": renamed, **policy}), "tiny") == pytest.approx(before)

    @pytest.mark.parametrize("half_life", [None, "3500 decisions", "10 decisions", "14d"])
    def test_a_model_that_was_removed_and_added_again_keeps_its_evidence(self, opened, half_life):
        policy = {"policy": {"half_life": half_life}}
        with opened({**CONFIG, **policy}) as first:
            one_each(first, MODELS)
            before = evidence(first, "small")
        with opened({"models": {"large": MODELS["large"]}, **policy}) as second:
            assert evidence(second, "small") == pytest.approx(before)
            second.select(Task("coding"))
        with opened({**CONFIG, **policy}) as third:
            one_each(third, ["large"])
            forgotten = 1 if half_life != "10 decisions" else 2 ** (-2 / 10)
            assert evidence(third, "small") == pytest.approx([forgotten * x for x in before], rel=1e-3)

    def test_an_outcome_of_a_model_that_was_removed_is_kept_for_its_return(self, opened):
        with opened({**CONFIG, "policy": {"half_life": None}}) as first:
            decision = first.select(Task("coding", only=["small"]))
        with opened({"models": {"large": MODELS["large"]}, "policy": {"half_life": None}}) as second:
            second.record(decision.id, Outcome(score=1))
        assert evidence(opened({**CONFIG, "policy": {"half_life": None}}), "small")[:2] == pytest.approx((1, 1))

    def test_the_order_of_models_may_change(self, opened):
        with opened() as first:
            choices(first)
            before = {model: evidence(first, model) for model in MODELS}
        second = opened({"models": dict(reversed(MODELS.items()))})
        assert {model: evidence(second, model) for model in MODELS} == {m: pytest.approx(e) for m, e in before.items()}


class TestAsync:
    def test_it_chooses_records_and_tells_like_the_plain_one(self, tmp_path):
        async def main():
            async with AsyncSelector.open(CONFIG, state=tmp_path / "async", seed=1, clock=lambda: NOW) as selector:
                found = choices(selector)
                with pytest.raises(UnknownDecisionError):
                    selector.record("x", Outcome(score=1))
                decision = selector.select(Task("coding"))
                selector.flush()
                assert selector.explain(decision.id).startswith("coding")
                assert selector.beliefs().num_rows == 6
                status = selector.status()
            with pytest.raises(StateError):
                selector.select(Task("coding"))
            await selector.close()
            return found, status.n_decisions

        found, n = asyncio.run(main())
        with Selector.open(CONFIG, state=tmp_path / "plain", seed=1, clock=lambda: NOW) as plain:
            assert (found, n) == (choices(plain), 61)

    def test_what_is_plain_there_is_plain_here_and_closing_is_awaited(self):
        verbs = ("open", "select", "record", "explain", "beliefs", "status", "flush", "close")
        assert all(callable(getattr(kind, verb)) for kind in (Selector, AsyncSelector) for verb in verbs)
        assert [v for v in verbs if asyncio.iscoroutinefunction(getattr(AsyncSelector, v))] == ["close"]


def test_what_the_library_exports_is_there_and_sorted():
    names = library.__all__
    assert list(names) == sorted(set(names))
    assert {"AsyncSelector", "Config", "Decision", "Outcome", "Selector", "Status", "Task"} <= set(names)
    assert all(getattr(library, name) is not None for name in names)
    assert set(names) <= set(dir(importlib.import_module("selector")))
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = library.nothing_such
