"""The screen under rules: what they exclude and at which route, whom they force, and what they prefer."""

import gc

import pytest

from selector.candidates import Screen
from selector.catalog import Catalog
from selector.config import Config
from selector.errors import ConfigError, NoEligibleModelError, UnknownModelError
from selector.records import Exclusion, Task
from selector.rules import Applied, Fired, Limit

FREE = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
LOCAL = {"kind": "openai", "base_url": "http://localhost:11434/v1"}
MODELS = {
    "opus": {**FREE, "provider": "work", "capabilities": ["tools", "agentmail"], "context_tokens": 200_000},
    "sonnet": {**FREE, "capabilities": ["tools"], "routes": {"home": {"context_tokens": 1_000}, "work": {}}},
    "grok": {**FREE, "provider": "work", "tags": ["external"], "enabled": False},
    "llama": {**FREE, "provider": "home", "tags": ["external", "small"]},
}
OPUS, SONNET, GROK, LLAMA = range(4)
PURPOSES = {"lead": ["opus", "sonnet@work"], "worker": ["sonnet", "tag:small"]}
TASK = Task("coding")


def screen(**more):
    providers = {"work": LOCAL, "home": LOCAL}
    return Screen.of(Config.load({"providers": providers, "models": MODELS, "purposes": PURPOSES, **more}))


def limits(**rules):
    return tuple(Limit(name, tuple(references)) for name, references in rules.items())


def said(exclusions):
    return {name: str(found) for name, found in zip(MODELS, exclusions, strict=True) if found is not None}


def asked(applied, task=TASK, **more):
    return said(screen(**more).of_task(task, applied=applied))


DISABLED = {"grok": "disabled"}


class TestOnlyAndForbid:
    def test_who_is_not_in_a_rules_only_is_told_the_rule(self):
        assert asked(Applied(only=limits(docs=["sonnet", "tag:external"]))) == {
            **DISABLED,
            "opus": "not_in_only (rule docs: only sonnet, tag:external)",
        }

    def test_whom_a_rule_forbids_is_told_the_rule(self):
        assert asked(Applied(forbid=limits(docs=["opus", "tag:external"]))) == {
            **DISABLED,
            "opus": "forbidden_by_rule (rule docs: forbid opus, tag:external)",
            "llama": "forbidden_by_rule (rule docs: forbid opus, tag:external)",
        }

    def test_a_rule_without_a_name_is_told_by_its_place(self):
        applied = Applied(forbid=(Limit("rules[2]", ("opus",)),))
        assert asked(applied)["opus"] == "forbidden_by_rule (rules[2]: forbid opus)"

    @pytest.mark.parametrize(
        ("reference", "left"),
        [
            ("opus", {"sonnet", "llama"}),
            ("sonnet@home", {"opus", "sonnet", "llama"}),
            ("*@home", {"opus", "sonnet"}),
            ("*@work", {"sonnet", "llama"}),
            ("tag:external", {"opus", "sonnet"}),
            ("purpose:lead", {"sonnet", "llama"}),
            ("purpose:worker", {"opus"}),
        ],
    )
    def test_a_model_is_excluded_only_where_none_of_its_routes_is_left(self, reference, left):
        assert set(MODELS) - set(asked(Applied(forbid=limits(night=[reference])))) == left

    def test_every_only_must_allow_and_no_forbid_may_hold(self):
        applied = Applied(only=limits(a=["opus", "sonnet"], b=["sonnet", "llama"]), forbid=limits(c=["*@home"]))
        assert set(MODELS) - set(asked(applied)) == {"sonnet"}

    def test_two_rules_that_leave_no_route_between_them_exclude(self):
        """Each leaves one route of sonnet, and not the same."""
        applied = Applied(only=limits(a=["sonnet@home"]), forbid=limits(b=["*@home"]))
        assert asked(applied)["sonnet"] == "forbidden_by_rule (rule b: forbid *@home)"

    def test_what_a_type_excludes_keeps_its_reason(self):
        found = asked(Applied(forbid=limits(docs=["llama"])), task_types={"coding": {"needs": ["tools"]}})
        assert found["llama"] == "missing_capability (tools)"

    @pytest.mark.parametrize(
        ("effect", "reference", "message"),
        [
            ("only", "opsu", r"^rule docs: only: unknown model 'opsu'; did you mean 'opus'\?"),
            ("forbid", "*@hom", r"^rule docs: forbid: no model has a route at 'hom'; did you mean 'home'\?"),
            ("forbid", "purpose:leda", r"^rule docs: forbid: unknown purpose 'leda'; did you mean 'lead'\?"),
            ("only", "tag:externl", r"^rule docs: only: no model has the tag 'externl'; did you mean 'external'\?"),
        ],
    )
    def test_a_reference_that_names_nothing_is_refused_with_the_rule_and_the_nearest(self, effect, reference, message):
        with pytest.raises(ConfigError, match=message):
            screen().of_rules("coding", Applied(**{effect: limits(docs=[reference])}))


class TestRoutes:
    def test_rules_hold_route_by_route(self):
        applied = Applied(forbid=limits(night=["*@home"]))
        assert [route.name for route in screen().routes(SONNET, TASK)] == ["sonnet@home", "sonnet@work"]
        assert [route.name for route in screen().routes(SONNET, TASK, applied=applied)] == ["sonnet@work"]
        assert screen().route(SONNET, TASK, applied=applied).name == "sonnet@work"

    def test_a_model_without_a_route_is_refused_with_the_rule(self):
        applied = Applied(forbid=limits(night=["opus"]))
        assert screen().routes(OPUS, TASK, applied=applied) == ()
        with pytest.raises(NoEligibleModelError) as caught:
            screen().route(OPUS, TASK, applied=applied)
        assert caught.value.reasons == {"opus": "forbidden_by_rule (rule night: forbid opus)"}

    def test_a_route_that_is_left_and_too_short_excludes_for_the_first_routes_reason(self):
        applied = Applied(forbid=limits(day=["*@work"]))
        found = said(screen().of_task(TASK, input_tokens=2_000, applied=applied))
        assert found["sonnet"] == "context_too_small (needs 2,000 of 1,000 tokens)"
        task = Task("coding", only=["sonnet", "llama"])
        assert said(screen().of_task(task, input_tokens=2_000, applied=applied)) == {
            **DISABLED,
            "opus": "forbidden_by_rule (rule day: forbid *@work)",
            "sonnet": "context_too_small (needs 2,000 of 1,000 tokens)",
        }

    def test_all_reasons_against_each_route_are_told_though_one_stands_for_them(self):
        applied = Applied(only=limits(a=["opus"]), forbid=limits(b=["*@home"]))
        task = Task("coding", needs=["agentmail"], purpose="lead", max_output_tokens=5_000)
        found = screen().reasons(SONNET, task, applied=applied)
        assert {name: [str(reason) for reason in reasons] for name, reasons in found.items()} == {
            "sonnet@home": [
                "not_in_only (rule a: only opus)",
                "forbidden_by_rule (rule b: forbid *@home)",
                "missing_capability (agentmail)",
                "not_in_purpose (lead)",
                "context_too_small (needs 5,000 of 1,000 tokens)",
            ],
            "sonnet@work": ["not_in_only (rule a: only opus)", "missing_capability (agentmail)"],
        }
        assert screen().reasons(OPUS, task, applied=applied) == {"opus@work": ()}


class TestKept:
    def test_the_same_outcome_has_the_very_same_answer(self):
        whole, applied = screen(), Applied(forbid=limits(docs=["opus"]))
        first = whole.of_rules("coding", applied)
        assert whole.of_rules("coding", applied) is first
        assert whole.of_rules("letters", applied) is first
        assert whole.of_rules("coding", Applied(forbid=limits(docs=["opus"]))) is first
        assert whole.of_task(Task("coding", needs=["tools"], only=["sonnet", "llama"]), applied=applied) is not first
        assert whole.of_task(TASK, input_tokens=10, applied=applied) is first

    @pytest.mark.parametrize("applied", [None, Applied(), Applied(prefer={"opus": 0.1}, explore=False, min_success=1)])
    def test_rules_that_exclude_nobody_have_the_very_answer_of_the_type(self, applied):
        whole = screen()
        assert whole.of_rules("coding", applied) is whole.of_type("coding")

    def test_answers_never_mix_however_many_outcomes_come_and_go(self):
        """An outcome that nobody holds any more leaves its identity to the next one."""
        whole = screen()
        for n in range(3_000):
            name = ("opus", "sonnet", "llama")[n % 3]
            assert said(whole.of_rules("coding", Applied(forbid=limits(**{f"rule-{n}": [name]})))) == {
                **DISABLED,
                name: f"forbidden_by_rule (rule rule-{n}: forbid {name})",
            }
        gc.collect()
        assert said(whole.of_type("coding")) == DISABLED

    def test_points_never_mix_however_many_outcomes_come_and_go(self):
        whole = screen()
        for n in range(3_000):
            place = n % 4
            points = whole.preferences(Applied(prefer={list(MODELS)[place]: n / 3_000}))
            assert points.tolist() == [n / 3_000 if k == place else 0.0 for k in range(4)]


class TestForced:
    def test_a_rule_forces_a_model_at_its_first_route_that_may_serve(self):
        forced = screen().forced(Applied(model="sonnet", by="critical"), TASK, input_tokens=2_000)
        assert (forced.model, forced.route.name, forced.exclusion, forced.why) == (SONNET, "sonnet@work", None, "")
        assert str(forced) == "sonnet by critical"

    def test_it_forces_at_the_provider_that_it_names(self):
        assert screen().forced(Applied(model="sonnet@work", by="a"), TASK).route.name == "sonnet@work"

    @pytest.mark.parametrize("applied", [None, Applied()])
    def test_without_a_rule_nobody_is_forced(self, applied):
        assert screen().forced(applied, TASK) is None

    @pytest.mark.parametrize(
        ("model", "task", "more", "why"),
        [
            ("grok", TASK, {}, "disabled (rule a would force it)"),
            ("llama", Task("coding", needs=["tools"]), {}, "missing_capability (tools; rule a would force it)"),
            ("llama", Task("coding", purpose="lead"), {}, "not_in_purpose (lead; rule a would force it)"),
            ("llama", Task("coding", only=["opus"]), {}, "not_in_only (Task.only is opus; rule a would force it)"),
            (
                "llama",
                TASK,
                {"forbid": limits(b=["*@home"])},
                "forbidden_by_rule (rule b: forbid *@home; rule a would force it)",
            ),
            (
                "opus",
                Task("coding", max_output_tokens=200_001),
                {},
                "context_too_small (needs 200,001 of 200,000 tokens; rule a would force it)",
            ),
        ],
    )
    def test_who_may_not_serve_is_not_forced_and_the_exclusion_says_by_whom(self, model, task, more, why):
        whole, applied = screen(), Applied(model=model, by="a", **more)
        forced = whole.forced(applied, task)
        assert forced.route is None
        assert forced.why == str(forced.exclusion) == why
        exclusions = whole.of_task(task, applied=applied)
        assert exclusions[forced.model] == forced.exclusion
        assert any(found is None for found in exclusions)
        assert str(forced) == f"{model} by a, not done: {why}"

    def test_of_a_route_that_may_not_serve_the_model_may_still_be_chosen_elsewhere(self):
        whole, applied = screen(), Applied(model="sonnet@home", by="a")
        forced = whole.forced(applied, TASK, input_tokens=2_000)
        assert forced.route is None
        assert forced.why == "context_too_small (needs 2,000 of 1,000 tokens; rule a would force it)"
        assert whole.of_task(TASK, input_tokens=2_000, applied=applied)[SONNET] is None

    @pytest.mark.parametrize(
        ("model", "why"),
        [
            ("opsu", "rule a: unknown model 'opsu'; did you mean 'opus'?"),
            ("tag:external", "rule a: 'tag:external' names several models, and one serves"),
            ("ensemble:x", "rule a: the reference 'ensemble:x' is not supported yet"),
        ],
    )
    def test_what_names_no_model_is_not_forced_and_excludes_nobody(self, model, why):
        whole, applied = screen(), Applied(model=model, by="a")
        forced = whole.forced(applied, TASK)
        assert (forced.model, forced.route, forced.exclusion, forced.why) == (None, None, None, why)
        assert whole.of_task(TASK, applied=applied) is whole.of_type("coding")

    def test_the_default_model_is_told_as_such(self):
        applied = Applied(model="grok", by="default_model")
        assert said(screen().of_rules("coding", applied))["grok"] == "disabled (default_model would force it)"

    def test_what_is_forced_and_may_serve_changes_no_exclusion(self):
        whole = screen()
        assert whole.of_rules("coding", Applied(model="opus", by="a")) is whole.of_type("coding")


class TestPreferences:
    def test_several_references_of_one_model_add_up(self):
        prefer = {"llama": 0.25, "tag:external": 0.5, "purpose:worker": -0.125}
        assert screen().preferences(Applied(prefer=prefer)).tolist() == [0.0, -0.125, 0.5, 0.625]

    def test_a_model_with_several_routes_gets_its_points_once(self):
        assert screen().preferences(Applied(prefer={"sonnet": 0.5})).tolist() == [0.0, 0.5, 0.0, 0.0]

    @pytest.mark.parametrize("applied", [None, Applied()])
    def test_where_nobody_is_preferred_there_are_no_points(self, applied):
        assert screen().preferences(applied).tolist() == [0.0] * 4

    def test_points_are_kept_and_nobody_can_change_them(self):
        whole, applied = screen(), Applied(prefer={"opus": 0.5})
        points = whole.preferences(applied)
        assert whole.preferences(applied) is points
        with pytest.raises(ValueError, match="read-only"):
            points[0] = 1.0

    def test_a_reference_that_names_nothing_is_refused(self):
        with pytest.raises(UnknownModelError, match=r"^prefer: unknown model 'opsu'; did you mean 'opus'\?"):
            screen().preferences(Applied(prefer={"opsu": 0.5}))


class TestPurpose:
    def test_who_does_not_serve_the_purpose_is_excluded(self):
        assert said(screen().of_task(Task("coding", purpose="lead"))) == {**DISABLED, "llama": "not_in_purpose (lead)"}

    def test_it_holds_route_by_route(self):
        assert screen().route(SONNET, Task("coding", purpose="lead")).name == "sonnet@work"

    def test_an_unknown_one_is_refused_with_the_nearest(self):
        with pytest.raises(ConfigError, match=r"^Task\.purpose: unknown purpose 'leda'; did you mean 'lead'\?"):
            screen().of_task(Task("coding", purpose="leda"))

    def test_a_rules_purpose_replaces_the_tasks(self):
        applied = Applied(purpose="worker", fired=(Fired("night"),))
        assert said(screen().of_task(Task("coding", purpose="lead"), applied=applied)) == {
            **DISABLED,
            "opus": "not_in_purpose (rule night: purpose worker)",
        }

    def test_of_several_rules_none_is_accused(self):
        applied = Applied(purpose="worker", fired=(Fired("night"), Fired("docs")))
        assert asked(applied)["opus"] == "not_in_purpose (a rule: purpose worker)"

    def test_a_purpose_within_a_purpose_is_refused(self):
        """Configurations refuse it themselves; a screen can be made of purposes from elsewhere."""
        config = Config.load({"providers": {"work": LOCAL, "home": LOCAL}, "models": MODELS, "purposes": PURPOSES})
        lead = config.purposes["lead"].model_copy(update={"models": ("purpose:worker",)})
        with pytest.raises(ConfigError, match=r"^purposes\.lead\.models: is the purpose 'purpose:worker'"):
            Screen(Catalog.of(config), {}, purposes={"lead": lead})


def test_every_exclusion_is_the_record_of_the_log():
    found = screen().of_task(TASK, applied=Applied(only=limits(docs=["opus"])))
    assert all(each is None or type(each) is Exclusion for each in found)
