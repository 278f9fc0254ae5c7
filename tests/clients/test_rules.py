"""Rules narrow, weigh or force, and the policy chooses among the rest; what is logged is how likely it was."""

import math
from collections import Counter

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.config import Config
from selector.errors import ConfigError, NoEligibleModelError
from selector.records import Basis

PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 1_000, "context_tokens": 50_000}
MODELS = {
    "opus": {**PRICED, "usd_per_mtok_out": 20, "capabilities": ["tools"]},
    "sonnet": {**PRICED, "usd_per_mtok_out": 8, "capabilities": ["tools"]},
    "haiku": PRICED,
    "llama": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0, "tags": ["external"]},
}
NIGHT = 1.7e9 + 1.5 * 3_600  # 2023-11-14, 23:43 UTC
CHI_SQUARE = {2: 18.42, 3: 21.11, 4: 23.51}  # what 1 in 10,000 exceeds, by degrees of freedom
HARD, MEAN = {"usd": 50, "per": "day"}, {"usd_per_request": 0.01}


@pytest.fixture
def opened(tmp_path):
    """Open selectors with rules, each in a folder of its own."""
    found = []

    def open_(*rules, budgets=(MEAN,), clock=lambda: NIGHT, **more):
        config = {"models": MODELS, "rules": list(rules), "budgets": list(budgets), **more}
        found.append(Selector.open(config, state=tmp_path / f"state{len(found)}", seed=2, clock=clock))
        return found[-1]

    yield open_
    for each in found:
        each.close()


def taught(selector, n=60):
    likely = {"opus": 0.9, "sonnet": 0.8, "haiku": 0.6, "llama": 0.5}
    for i in range(n):
        decision = selector.select(Task("coding", id=f"taught-{i}", input_tokens=300))
        score = float((i * 37 % 100) / 100 < likely[decision.model])
        selector.record(decision, Outcome(output_tokens=200 + i, score=score))
    return selector


class TestEffects:
    @pytest.mark.parametrize("budget", [MEAN, HARD], ids=["mean", "hard"])
    @pytest.mark.parametrize("task", [{}, {"input_tokens": 900}, {"prompt": "Sort these."}], ids=str)
    def test_a_model_that_is_forced_serves_with_probability_one(self, opened, budget, task):
        rule = {"name": "critical", "condition": "priority == 0", "model": "opus", "reason": "gets the best"}
        selector = taught(opened(rule, budgets=[budget]))
        decision = selector.select(Task("coding", priority=0, **task))
        assert (decision.model, decision.reason, decision.propensity) == ("opus", Basis.RULE, 1)
        assert "critical (gets the best)" in str(decision)
        assert "critical (gets the best)" in selector.explain(decision.id)
        assert selector.select(Task("coding", **task)).reason is not Basis.RULE

    @pytest.mark.parametrize("task", [{}, {"input_tokens": 900}, {"prompt": "Sort these."}], ids=str)
    def test_only_and_forbid_exclude_and_the_exclusion_names_the_rule(self, opened, task):
        selector = opened(
            {"name": "docs", "condition": "labels contains 'documentation'", "only": ["haiku", "tag:external"]},
            {"name": "own", "condition": "metadata.secret == true", "forbid": ["tag:external"]},
            rules_match="all",
        )
        decision = selector.select(Task("x", labels=["documentation"], metadata={"secret": True}, **task))
        assert (decision.model, decision.propensity) == ("haiku", 1)
        why = {name: (x.reason.value, x.detail) for name, x in decision.exclusions.items()}
        assert why["opus"][0] == why["sonnet"][0] == "not_in_only"
        assert why["llama"][0] == "forbidden_by_rule"
        assert "docs" in why["opus"][1]
        assert "own" in why["llama"][1]

    def test_who_is_preferred_is_drawn_higher(self, opened):
        task = Task("coding", input_tokens=300)
        shares = {}
        for points in (0.0, 0.3):
            selector = opened({"condition": "priority == 1", "prefer": {"haiku": points or 1e-9}})
            shares[points] = taught(selector).select(task).probabilities["haiku"]
        assert shares[0.3] > shares[0.0] + 0.2

    def test_a_purpose_narrows_to_its_models_and_they_are_chosen_among(self, opened):
        selector = opened({"condition": "retry_count >= 2", "purpose": "lead"}, purposes={"lead": ["opus", "sonnet"]})
        decision = selector.select(Task("x", retry_count=2))
        assert set(decision.probabilities) == {"opus", "sonnet"}
        assert set(selector.select(Task("x", purpose="lead")).probabilities) == {"opus", "sonnet"}
        with pytest.raises(ConfigError, match="lead"):
            selector.select(Task("x", purpose="laed"))

    def test_a_rule_may_stop_exploration(self, opened):
        selector = opened({"condition": "metadata.careful == true", "explore": False})
        found = {selector.select(Task("x", metadata={"careful": True})).reason for _ in range(5)}
        assert found == {Basis.BEST_BELIEVED}

    def test_a_rule_may_ask_for_a_success_that_is_believed(self, opened):
        selector = taught(opened({"condition": "metadata.sure == true", "min_success": 0.75}), 200)
        decision = selector.select(Task("coding", metadata={"sure": True}))
        below = {name for name, x in decision.exclusions.items() if x.reason.value == "below_min_success"}
        means = {c.model: c.mean for c in selector.select(Task("coding")).candidates}
        assert below == {name for name, mean in means.items() if mean < 0.75} or len(decision.candidates) == 1
        assert below

    def test_what_rules_leave_nobody_for_is_refused_with_reasons(self, opened):
        selector = opened({"name": "none", "condition": "priority == 5", "forbid": list(MODELS)})
        with pytest.raises(NoEligibleModelError) as refused:
            selector.select(Task("x", priority=5))
        assert all("none" in why for why in refused.value.reasons.values())

    def test_default_model_is_forced_where_no_rule_fires(self, opened):
        selector = opened({"condition": "priority == 0", "only": ["opus", "sonnet"]}, default_model="haiku")
        assert selector.select(Task("x")).model == "haiku"
        assert set(selector.select(Task("x", priority=0)).probabilities) == {"opus", "sonnet"}


TRIAL = {"name": "trial", "condition": "task_type == 'coding'", "share": "25%", "model": "llama"}
PROVIDERS = {"eu": {"kind": "openai", "data": ["eu"]}, "us": {"kind": "openai"}}


class TestRoutes:
    BOTH = ("us", "eu")

    @pytest.mark.parametrize("provider", BOTH)
    @pytest.mark.parametrize("task", [{}, {"input_tokens": 900}], ids=str)
    def test_a_route_that_is_forced_is_the_one_that_serves(self, opened, provider, task):
        models = {"both": {**PRICED, "routes": {"us": {}, "eu": {}}}, "small": {**PRICED, "provider": "us"}}
        rule = {"condition": "priority == 0", "model": f"both@{provider}"}
        decision = opened(rule, models=models, providers=PROVIDERS).select(Task("x", priority=0, **task))
        assert (decision.route, decision.reason, decision.propensity) == (f"both@{provider}", Basis.RULE, 1)


class TestShares:
    @pytest.mark.parametrize("task", [{}, {"input_tokens": 300}, {"prompt": "Sort these."}], ids=str)
    def test_choices_come_as_often_as_is_logged(self, opened, task):
        """3,000 choices; chi-square over 4 models against the sum of probabilities, alarm at 1 in 10,000."""
        selector, seen, expected = taught(opened(TRIAL)), Counter(), Counter()
        for i in range(3_000):
            decision = selector.select(Task("coding", id=f"task-{i}", **task))
            seen[decision.model] += 1
            expected.update(decision.probabilities)
        models = [name for name in expected if expected[name] >= 5]
        rest_seen = 3_000 - sum(seen[name] for name in models)
        rest = 3_000 - sum(expected[name] for name in models)
        value = sum((seen[name] - expected[name]) ** 2 / expected[name] for name in models)
        value += (rest_seen - rest) ** 2 / rest if rest > 1 else 0
        assert value < CHI_SQUARE[len(models)]
        assert seen["llama"] > 600

    def test_the_same_task_is_on_the_same_side_each_time_and_both_sides_say_how_likely_it_was(self, opened):
        selector = taught(opened(TRIAL))
        sides = {}
        for i in range(40):
            found = [selector.select(Task("coding", id=f"task-{i}")) for _ in range(3)]
            treated = {d.reason is Basis.RULE for d in found}
            assert len(treated) == 1
            sides.setdefault(treated.pop(), []).extend(found)
        for decision in sides[True]:
            assert decision.model == "llama"
            assert decision.propensity >= 0.25
        for decision in sides[False]:
            assert decision.probabilities["llama"] >= 0.25
            assert math.isclose(sum(decision.probabilities.values()), 1)

    def test_the_log_has_the_rule_the_experiment_and_the_arm(self, opened):
        selector = opened(TRIAL)
        decisions = [selector.select(Task("coding", id=f"task-{i}")) for i in range(30)]
        selector.flush()
        for decision in decisions:
            (event,) = (e for e in selector._core.state.find(decision.id) if e["kind"] == "decision")
            arm = "treatment" if decision.reason is Basis.RULE else "control"
            assert (event["experiment"], event["arm"], event["share"]) == ("trial", arm, 0.25)
            assert event["propensity"] == pytest.approx(decision.propensity, rel=1e-12)

    def test_outside_of_its_share_the_other_rules_hold(self, opened):
        """Its probability mixes the share with what the next rule leaves to the policy."""
        rest = {"condition": "task_type == 'coding'", "only": ["opus", "sonnet"]}
        selector = taught(opened(TRIAL, rest))
        for i in range(40):
            decision = selector.select(Task("coding", id=f"task-{i}"))
            assert decision.probabilities.get("haiku", 0) == 0
            assert decision.propensity == pytest.approx(decision.probabilities[decision.model])
            if decision.reason is Basis.RULE:
                assert (decision.model, decision.propensity) == ("llama", 0.25)
            else:
                assert decision.propensity <= 0.75 + 1e-12


class TestTypes:
    def test_a_child_has_what_its_parent_says_but_for_its_own_keys(self, opened):
        types = {"coding": {"needs": ["tools"], "explore": False}, "coding/python": {"explore": True}}
        selector = opened(task_types=types)
        assert set(selector.select(Task("coding/python")).probabilities) == {"opus", "sonnet"}
        assert selector.select(Task("coding/python")).reason is not Basis.BEST_BELIEVED
        assert selector.select(Task("coding/rust")).reason is Basis.BEST_BELIEVED
        assert set(selector.select(Task("coding/rust/async")).probabilities) <= {"opus", "sonnet"}

    def test_a_type_s_own_bar_is_held(self, opened):
        selector = taught(opened(task_types={"coding": {"min_success": 0.75}}), 200)
        decision = selector.select(Task("coding"))
        assert {x.reason.value for x in decision.exclusions.values()} == {"below_min_success"}


class TestData:
    def test_data_goes_only_where_it_may(self, opened):
        models = {"here": {**PRICED, "provider": "eu"}, "there": {**PRICED, "provider": "us"}}
        selector = opened(models=models, providers=PROVIDERS, task_types={"letters": {"data": ["eu"]}})
        decision = selector.select(Task("letters"))
        assert (decision.model, decision.exclusions["there"].reason.value) == ("here", "data_constraint")
        assert len(selector.select(Task("other")).probabilities) == 2

    def test_a_model_at_two_providers_goes_to_the_one_that_may(self, opened):
        models = {"both": {**PRICED, "routes": {"us": {}, "eu": {}}}, "there": {**PRICED, "provider": "us"}}
        selector = opened(models=models, providers=PROVIDERS, task_types={"letters": {"data": ["eu"]}})
        assert selector.select(Task("letters")).route == "both@eu"


def test_rules_see_the_budget_and_the_time(opened):
    """At night haiku, and when less than half of the budget is left only what is cheap."""
    budget = {"name": "purse", "usd": 1, "per": "day"}
    selector = opened(
        {"condition": "budget['purse'].remaining < 0.5", "only": ["llama"]},
        {"condition": "hour >= 22 or hour <= 6", "only": ["haiku", "llama"]},
        budgets=[budget],
    )
    decision = selector.select(Task("x", input_tokens=10))
    assert set(decision.probabilities) == {"haiku", "llama"}
    selector.record(decision, Outcome(route="haiku", cost_usd=0.6))
    assert selector.select(Task("x", input_tokens=10)).model == "llama"


def test_the_preset_keeps_routine_work_off_expensive_models(opened):
    models = {**MODELS, "opus": {**MODELS["opus"], "tags": ["expensive"]}, "haiku": {**PRICED, "tags": ["text-only"]}}
    selector = opened(models=models, presets=["cost-aware"])
    routine = Task("coding", metadata={"complexity": "simple"})
    assert "opus" not in selector.select(routine).probabilities
    assert set(selector.select(Task("research")).probabilities) == {"haiku"}
    for free in (Task("coding", metadata={"complexity": "complex"}), Task("email", metadata={"complexity": "simple"})):
        assert "opus" in selector.select(free).probabilities
    assert "opus" in selector.select(Task("coding", metadata={"complexity": "simple"}, retry_count=1)).probabilities


def test_a_rule_that_never_fires_changes_no_choice(opened):
    """The same seed, with and without: the same models."""
    plain, ruled = (
        [taught(opened(*rules)).select(Task("coding", id=f"t{i}")).model for i in range(3)]
        for rules in ((), ({"condition": "priority == 77", "model": "opus"},))
    )
    assert plain == ruled


def test_a_configuration_s_digest_says_that_its_rules_differ():
    one, two = ({"models": MODELS, "rules": [{"condition": f"priority == {n}", "model": "opus"}]} for n in (0, 1))
    assert Config.load(one).digest != Config.load(two).digest


def test_random_tasks_end_in_a_choice_or_a_documented_refusal(opened):
    """2,000 tasks of any sort under ten rules, all of which may fire."""
    rules = [
        {"condition": "priority == 0", "model": "opus"},
        {"condition": "labels contains 'documentation'", "only": ["haiku", "tag:external"]},
        {"condition": "hour >= 22 or hour <= 6", "prefer": {"haiku": 0.05}},
        {"condition": "retry_count > 2 and not (metadata.user == 'ada')", "only": ["opus", "sonnet"]},
        {"condition": "metadata.user starts_with 'x' or metadata.n > 3", "forbid": ["haiku"]},
        {"condition": "input_tokens > 20000", "only": ["opus"]},
        {"condition": "task.id ends_with '7'", "explore": False},
        {"condition": "metadata.path matches '^src/.*py$'", "purpose": "lead"},
        {"condition": "weekday in ['tue']", "min_success": 0.3},
        {"name": "trial", "condition": "task_type != 'chat'", "share": "20%", "model": "llama"},
    ]
    rng, n_refused = np.random.default_rng(5), 0
    values = [None, 0, 3.5, "ada", "xyz", True, [], ["a", 1], {"deep": 1}, float("nan"), "src/a.py", 10**20]
    selector = opened(*rules, rules_match="all", purposes={"lead": ["opus", "sonnet"]})
    for i in range(2_000):
        pick = rng.integers(len(values), size=3)
        task = Task(
            ("chat", "coding", "coding/python")[i % 3],
            id=f"t{i}" if i % 2 else None,
            priority=int(rng.integers(3)),
            retry_count=int(rng.integers(5)),
            labels=["documentation"] if i % 5 == 0 else [],
            input_tokens=None if i % 4 else int(rng.integers(60_000)),
            metadata={"user": values[pick[0]], "n": values[pick[1]], "path": values[pick[2]]},
        )
        try:
            decision = selector.select(task)
        except NoEligibleModelError as error:
            n_refused += set(error.reasons) == set(MODELS)
        else:
            assert 0 < decision.propensity <= 1
            assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert 0 < n_refused < 1_000
