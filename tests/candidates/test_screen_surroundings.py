"""The screen and what surrounds a task: its type's parents, what providers promise, and who can serve just now."""

from datetime import UTC, datetime, timedelta

import pytest

from selector.candidates import Screen
from selector.catalog import Catalog
from selector.config import Config
from selector.errors import NoEligibleModelError
from selector.records import Exclusion, Reason, Task
from selector.rules import Applied, Limit

NOW = datetime(2026, 7, 30, 12, tzinfo=UTC)
FREE = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
LOCAL = {"kind": "openai", "base_url": "http://localhost:11434/v1"}
PROVIDERS = {"work": {**LOCAL, "data": ["eu", "no_training"]}, "home": {**LOCAL, "data": ["eu"]}, "far": LOCAL}
MODELS = {
    "opus": {**FREE, "provider": "work", "capabilities": ["tools"]},
    "sonnet": {**FREE, "capabilities": ["tools"], "routes": {"far": {}, "home": {"context_tokens": 1_000}, "work": {}}},
    "llama": {**FREE, "provider": "home"},
    "mine": FREE,
}
OPUS, SONNET, LLAMA, MINE = range(4)


def screen(availability=None, models=MODELS, **task_types):
    config = Config.load({"providers": PROVIDERS, "models": models, "task_types": task_types})
    return Screen.of(config, availability=availability)


def said(exclusions, models=MODELS):
    return {name: str(found) for name, found in zip(models, exclusions, strict=True) if found is not None}


class TestData:
    def test_data_goes_only_to_who_promises_all_that_the_type_demands(self):
        assert said(screen(letters={"data": ["no_training", "eu"]}).of_type("letters")) == {
            "llama": "data_constraint (home does not promise no_training)",
            "mine": "data_constraint (no provider promises no_training, eu)",
        }

    def test_it_holds_route_by_route(self):
        whole = screen(letters={"data": ["eu"]})
        assert [route.name for route in whole.routes(SONNET, Task("letters"))] == ["sonnet@home", "sonnet@work"]
        assert whole.route(SONNET, Task("letters"), input_tokens=2_000).name == "sonnet@work"

    def test_a_task_demands_more_than_its_type(self):
        whole = screen(letters={"data": ["eu"]})
        task = Task("letters", needs=["tools", "data:no_training"])
        assert said(whole.of_task(task)) == {
            "llama": "missing_capability (tools)",
            "mine": "data_constraint (no provider promises eu)",
        }
        assert whole.route(SONNET, task).name == "sonnet@work"

    def test_what_nobody_promises_excludes_all(self):
        """A slip of the pen must not send the data everywhere."""
        found = screen().of_task(Task("letters", needs=["data:ue"]))
        assert {each.reason for each in found} == {Reason.DATA_CONSTRAINT}

    def test_a_screen_that_knows_no_provider_trusts_none(self):
        config = Config.load({"providers": PROVIDERS, "models": MODELS, "task_types": {"letters": {"data": ["eu"]}}})
        assert None not in Screen(Catalog.of(config), config.task_types).of_type("letters")


class TestPaths:
    def test_a_child_that_is_not_configured_is_its_nearest_parent(self):
        whole = screen(coding={"needs": ["tools"]}, **{"coding/python": {"only": ["opus"]}})
        assert whole.of_type("coding/rust") is whole.of_type("coding/rust/tests") is whole.of_type("coding")
        assert whole.of_type("coding/python/tests") is whole.of_type("coding/python")
        assert whole.of_type("letters/coding") is whole.of_type("letters")
        assert said(whole.of_type("codingx")) == {}

    def test_a_configured_child_inherits_key_by_key(self):
        whole = screen(coding={"needs": ["tools"], "only": ["sonnet", "llama"]}, **{"coding/python": {"data": ["eu"]}})
        assert said(whole.of_type("coding/python")) == {
            "opus": "not_in_only (task_types.coding.only is sonnet, llama)",
            "llama": "missing_capability (tools)",
            "mine": "missing_capability (tools)",
        }
        assert whole.route(SONNET, Task("coding/python")).name == "sonnet@home"
        assert whole.route(SONNET, Task("coding")).name == "sonnet@far"

    def test_a_childs_own_key_replaces_its_parents(self):
        child = {"needs": [], "only": ["llama"]}
        whole = screen(coding={"needs": ["tools"], "only": ["opus"]}, **{"coding/python": child})
        others = dict.fromkeys(("opus", "sonnet", "mine"), "not_in_only (task_types.coding/python.only is llama)")
        assert said(whole.of_type("coding/python")) == others

    def test_a_grandchild_inherits_over_a_parent_that_is_not_configured(self):
        whole = screen(coding={"needs": ["tools"]}, **{"coding/python/tests": {"only": ["opus", "llama"]}})
        assert said(whole.of_type("coding/python/tests")) == {
            "sonnet": "not_in_only (task_types.coding/python/tests.only is opus, llama)",
            "llama": "missing_capability (tools)",
            "mine": "missing_capability (tools)",
        }

    def test_rules_act_on_what_a_child_inherits(self):
        whole = screen(coding={"needs": ["tools"]})
        applied = Applied(forbid=(Limit("a", ("opus",)),))
        assert whole.of_rules("coding/rust", applied) is whole.of_rules("coding", applied)
        assert whole.of_rules("coding/rust", applied)[OPUS].reason is Reason.FORBIDDEN_BY_RULE
        found = [said(whole.of_rules(type_, applied)) for type_ in ("coding", "letters")]
        assert found == [
            {
                "opus": "forbidden_by_rule (rule a: forbid opus)",
                "llama": "missing_capability (tools)",
                "mine": "missing_capability (tools)",
            },
            {"opus": "forbidden_by_rule (rule a: forbid opus)"},
        ]


class Closed:
    """Some routes are closed until a moment."""

    def __init__(self, *routes, until=NOW + timedelta(hours=1)):
        self.routes, self.until, self.asked = routes, until, []

    def excluded(self, route, now, **_task):
        self.asked.append(route.name)
        if route.name not in self.routes or now >= self.until:
            return None
        return Exclusion(reason=Reason.OVER_QUOTA, detail=f"{route.name} until {self.until:%H:%M}")


class TestAvailability:
    def test_a_model_all_of_whose_routes_are_closed_is_excluded_until_they_open(self):
        whole = screen(Closed("opus@work", "sonnet@far"))
        assert said(whole.of_task(Task("coding"), at=NOW)) == {"opus": "over_quota (opus@work until 13:00)"}
        assert said(whole.of_task(Task("coding"), at=NOW + timedelta(hours=1))) == {}

    def test_it_holds_route_by_route(self):
        whole, task = screen(Closed("sonnet@far")), Task("coding")
        assert whole.route(SONNET, task, at=NOW).name == "sonnet@home"
        assert [route.name for route in whole.routes(SONNET, task, input_tokens=2_000, at=NOW)] == ["sonnet@work"]

    def test_closed_and_forbidden_routes_together_exclude(self):
        whole = screen(Closed("sonnet@work", "sonnet@home"))
        applied = Applied(forbid=(Limit("near", ("*@far",)),))
        found = whole.of_task(Task("coding"), input_tokens=2_000, applied=applied, at=NOW)
        assert str(found[SONNET]) == "over_quota (sonnet@work until 13:00)"
        reasons = whole.reasons(SONNET, Task("coding"), input_tokens=2_000, applied=applied, at=NOW)
        assert [[each.reason.value for each in why] for why in reasons.values()] == [
            ["forbidden_by_rule"],
            ["context_too_small", "over_quota"],
            ["over_quota"],
        ]
        with pytest.raises(NoEligibleModelError, match="over_quota"):
            whole.route(SONNET, Task("coding"), input_tokens=2_000, applied=applied, at=NOW)

    def test_who_is_excluded_for_good_is_not_asked_about(self):
        closed = Closed()
        screen(closed, coding={"only": ["opus"]}).of_task(Task("coding"), at=NOW)
        assert closed.asked == ["opus@work"]

    def test_where_all_are_available_the_very_answer_of_the_type_is_given(self):
        whole = screen(Closed())
        assert whole.of_task(Task("coding"), at=NOW) is whole.of_type("coding")

    def test_a_model_that_is_forced_in_vain_is_told_so(self):
        whole, applied = screen(Closed("opus@work")), Applied(model="opus", by="critical")
        why = "over_quota (opus@work until 13:00; rule critical would force it)"
        assert whole.forced(applied, Task("coding"), at=NOW).why == why
        assert said(whole.of_task(Task("coding"), applied=applied, at=NOW)) == {"opus": why}
        assert whole.forced(applied, Task("coding"), at=NOW + timedelta(hours=2)).route.name == "opus@work"

    def test_a_forgotten_moment_is_told(self):
        with pytest.raises(ValueError, match="`at` must be given"):
            screen(Closed()).of_task(Task("coding"))

    def test_a_worst_case_is_that_of_a_route_that_is_open(self):
        near = {"routes": {"far": {"usd_per_mtok_in": 1}, "work": {"usd_per_mtok_in": 3}}, "usd_per_mtok_out": 0}
        whole, task = screen(Closed("sonnet@far"), {"sonnet": near}), Task("coding", max_output_tokens=1)
        worst = [whole.worst_nano(task, at=at, input_tokens=1_000) for at in (NOW, NOW + timedelta(hours=1))]
        assert [nano // 1_000_000 for [nano] in worst] == [3, 1]

    def test_a_worst_case_is_that_of_a_route_that_rules_allow(self):
        near = {"routes": {"far": {"usd_per_mtok_in": 1}, "work": {"usd_per_mtok_in": 3}}, "usd_per_mtok_out": 0}
        whole, task = screen(None, {"sonnet": near}), Task("coding", max_output_tokens=1)
        applied = Applied(forbid=(Limit("a", ("*@far",)),))
        [nano] = whole.worst_nano(task, at=NOW, input_tokens=1_000, applied=applied)
        assert nano // 1_000_000 == 3
