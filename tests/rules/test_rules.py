"""Rules: what fires, how the effects become one, and that shares are what they say."""

import copy
import pickle
from collections import Counter

import pytest

from selector.errors import ConfigError
from selector.records import Task
from selector.rules import Arm, Condition, Facts, Limit, Place, Rule, Rules

IDS = [f"task-{n}" for n in range(4_000)]
CODING = Facts.of(Task("coding", labels=["a"], priority=0))


def rule(condition="true", **effects):
    return Rule(condition=Condition.of(condition), **effects)


def agrees(counts, probabilities, alarm=1e-4):
    """Tell whether counts fit probabilities; `alarm` is how often a true one is called false."""
    from scipy import stats

    names = [name for name in probabilities if probabilities[name] > 0]
    total = sum(counts.values())
    assert set(counts) <= set(names)
    if len(names) == 1:
        return True
    expected = [total * probabilities[name] for name in names]
    return stats.chisquare([counts[name] for name in names], expected).pvalue > alarm


class TestRule:
    @pytest.mark.parametrize(
        ("effects", "said"),
        [
            ({}, "does nothing; add one of model, only"),
            ({"only": []}, "does nothing"),
            ({"only": "opus"}, "write ['opus']"),
            ({"only": ["opus", 3]}, "Rule.only must be a list of references"),
            ({"forbid": [" "]}, "Rule.forbid"),
            ({"prefer": {"opus": 2}}, "Rule.prefer['opus'] must be a number from -1 to 1, not 2"),
            ({"prefer": {"opus": float("nan")}}, "Rule.prefer['opus']"),
            ({"prefer": ["opus"]}, "points by reference"),
            ({"model": ""}, "Rule.model must be a text"),
            ({"model": 3}, "Rule.model must be a text"),
            ({"purpose": ""}, "Rule.purpose"),
            ({"name": 3, "model": "opus"}, "Rule.name"),
            ({"explore": 0}, "Rule.explore must be True, False or None"),
            ({"min_success": 1.1}, "Rule.min_success must be a number from 0 to 1, not 1.1"),
            ({"min_success": True}, "Rule.min_success"),
            ({"share": 0.1}, "Rule.share needs a model"),
            ({"share": 10, "model": "grok"}, "Rule.share must be a number from 0 to 1, not 10"),
            ({"share": 0.1, "model": "grok", "only": ["a"]}, "not with only; write a second rule"),
        ],
    )
    def test_an_effect_that_cannot_be_is_refused(self, effects, said):
        with pytest.raises(ConfigError) as caught:
            rule(**effects)
        assert said in str(caught.value)

    def test_the_error_names_the_file_and_line_of_its_condition(self):
        with pytest.raises(ConfigError, match=r"^a\.yaml:7: Rule\.min_success"):
            Rule(condition=Condition.of("true", where=Place("a.yaml", 7)), min_success=2)

    def test_its_condition_must_be_one(self):
        with pytest.raises(ConfigError, match=r"write Condition\.of"):
            Rule(condition="true", model="opus")

    def test_prints_its_condition_and_its_effects(self):
        text = str(rule("hour<6", prefer={"a": 0.05}, only=["b", "c"], explore=False, min_success=0.5))
        assert text == "if hour < 6: only b, c, prefer a +0.05, explore no, min_success 0.5"

    def test_can_be_copied_and_sent_to_another_process(self):
        one = rule("hour < 6", name="x", reason="r", model="opus", share=0.5)
        for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):  # noqa: S301 - our own bytes
            assert again == one
            assert again.unit("a") == one.unit("a")


class TestFirst:
    def test_the_first_rule_that_holds_fires_alone(self):
        rules = Rules([rule("priority == 1", model="a"), rule(only=["b"], reason="why"), rule(model="c")])
        applied = rules.apply(CODING, "1")
        assert applied.only == (Limit("rules[1]", ("b",)),)
        assert applied.model is None
        assert [str(fired) for fired in applied.fired] == ["rules[1] (why)"]

    def test_where_none_holds_nothing_follows(self):
        applied = Rules([rule("priority == 1", model="a")]).apply(CODING, "1")
        assert str(applied) == "nothing"
        assert applied.fired == ()
        assert applied.mixture == ((1.0, None),)

    def test_the_default_model_is_forced_where_none_holds(self):
        rules = Rules([rule("priority == 1", model="a"), rule("priority == 2", only=["b"])], default_model="z")
        assert (rules.apply(CODING, "1").model, rules.apply(CODING, "1").by) == ("z", "default_model")
        assert rules.apply(Facts({"priority": 2}), "1").model is None

    def test_the_same_rules_give_the_same_answer_object(self):
        rules = Rules([rule("priority == 0", model="a")])
        assert rules.apply(CODING, "1") is rules.apply(CODING, "2")

    def test_what_always_holds_ends_the_list_and_what_never_holds_is_not_asked(self):
        asked = []

        class Watched(Facts):
            def __missing__(self, name):
                asked.append(name)

        rules = Rules([rule("false and hour == 1", model="a"), rule(model="b"), rule("hour == 2", model="c")])
        assert rules.apply(Watched(), "1").model == "b"
        assert asked == []
        assert rules.names == {"hour"}


class TestAll:
    def test_limits_narrow_points_add_and_the_last_word_stands(self):
        rules = Rules(
            [
                rule(only=["a", "b"], prefer={"a": 0.05}, explore=True, purpose="lead", min_success=0.5),
                rule("priority == 1", model="never"),
                rule(name="second", only=["b"], forbid=["c"], prefer={"a": 0.1, "tag:x": -0.2}, explore=False),
                rule(forbid=["d"], purpose="worker"),
            ],
            match="all",
        )
        applied = rules.apply(CODING, "1")
        assert applied.only == (Limit("rules[0]", ("a", "b")), Limit("second", ("b",)))
        assert applied.forbid == (Limit("second", ("c",)), Limit("rules[3]", ("d",)))
        assert applied.prefer == pytest.approx({"a": 0.15, "tag:x": -0.2})
        assert (applied.explore, applied.purpose, applied.min_success) == (False, "worker", 0.5)
        assert [fired.rule for fired in applied.fired] == ["rules[0]", "second", "rules[3]"]
        assert applied.conflicts == (
            "rules[0] says purpose lead, and rules[3] after it says worker",
            "rules[0] says explore True, and second after it says False",
        )

    def test_of_two_models_the_first_is_forced_and_the_other_reported(self):
        rules = Rules([rule(name="one", model="a"), rule(model="b"), rule(model="a")], match="all")
        applied = rules.apply(CODING, "1")
        assert (applied.model, applied.by) == ("a", "one")
        assert applied.conflicts == ("rules[1] asks for model b, and one before it forces a",)

    def test_the_default_model_yields_to_any_rule(self):
        rules = Rules([rule("priority == 0", explore=False)], match="all", default_model="z")
        assert rules.apply(CODING, "1").model is None
        assert rules.apply(Facts({"priority": 1}), "1").model == "z"


class TestShare:
    def test_an_id_is_always_on_the_same_side_and_stays_in_a_growing_share(self):
        small, large = rule(name="x", model="g", share=0.1), rule("hour < 9", name="x", model="g", share=0.3)
        inside = [i for i in IDS if small.unit(i) < 0.1]
        assert all(large.unit(i) < 0.3 for i in inside)
        assert rule(name="x", model="g", share=0.1).unit("task-1") == small.unit("task-1")

    def test_without_a_name_the_content_of_a_rule_keeps_its_tasks_wherever_it_stands(self):
        one = rule("hour < 9", model="g", share=0.1)
        assert Rules([rule("hour == 3", model="a"), one]).rules[1].unit("a") == Rules([one]).rules[0].unit("a")
        assert rule("hour<9", model="g", share=0.2).unit("a") == one.unit("a")

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
    def test_the_realised_share_agrees_with_the_mixture(self, share):
        """False alarm: one in 10,000."""
        rules = Rules([rule(name="trial", model="g", share=share)])
        found = [rules.apply(CODING, i) for i in IDS]
        expected = {model: probability for probability, model in found[0].mixture}
        assert agrees(Counter(applied.model for applied in found), expected)
        assert {applied.mixture for applied in found} == {found[0].mixture}

    def test_two_shares_are_independent(self):
        """False alarm: one in 10,000."""
        rules = Rules([rule(name="one", model="a", share=0.2), rule(name="two", model="b", share=0.5)], "all")
        one, two = rules.rules
        sides = Counter((one.unit(i) < 0.2, two.unit(i) < 0.5) for i in IDS)
        assert agrees(sides, {(a, b): (0.2 if a else 0.8) * 0.5 for a in (True, False) for b in (True, False)})

    @pytest.mark.parametrize("match", ["first", "all"])
    @pytest.mark.parametrize("default_model", [None, "z"])
    def test_a_chain_of_shares_is_the_mixture_that_every_task_of_it_tells(self, match, default_model):
        """False alarm: one in 10,000 for each of the four."""
        rules = Rules(
            [
                rule(name="one", model="a", share=0.2),
                rule("priority == 1", model="never"),
                rule(name="two", model="b", share=0.5),
                rule("priority == 2", model="never"),
            ],
            match,
            default_model,
        )
        found = [rules.apply(CODING, i) for i in IDS]
        expected = {"a": 0.2, "b": 0.4, default_model: 0.4}
        for applied in found:
            assert {model: probability for probability, model in applied.mixture} == pytest.approx(expected)
        assert agrees(Counter(applied.model for applied in found), expected)

    def test_experiment_and_arm_are_told_on_both_sides(self):
        rules = Rules([rule(name="trial", model="g", share=0.5)])
        found = [rules.apply(CODING, i) for i in IDS[:50]]
        assert {applied.experiment for applied in found} == {"trial"}
        assert {applied.share for applied in found} == {0.5}
        for applied in found:
            treated = applied.model == "g"
            assert applied.arm is (Arm.TREATMENT if treated else Arm.CONTROL)
            assert bool(applied.fired) is treated
            assert (applied.otherwise is not None) is treated

    def test_outside_of_the_share_the_next_rules_apply_as_if_it_were_not_there(self):
        rules = Rules([rule(name="trial", model="g", share=0.5), rule(only=["b"]), rule(only=["c"])])
        for i in IDS[:50]:
            applied = rules.apply(CODING, i)
            rest = applied if applied.otherwise is None else applied.otherwise
            assert rest.only == (Limit("rules[1]", ("b",)),)
            assert rest.model is None
            if applied.otherwise is not None:
                assert applied.only == ()

    def test_a_model_that_is_forced_before_ends_the_experiments(self):
        rules = Rules([rule(name="one", model="a"), rule(name="trial", model="g", share=0.5)], match="all")
        for i in IDS[:50]:
            applied = rules.apply(CODING, i)
            assert (applied.model, applied.trials, applied.mixture) == ("a", (), ((1.0, "a"),))

    def test_a_model_that_is_forced_behind_serves_the_control(self):
        rules = Rules([rule(name="trial", model="g", share=0.5), rule(name="all", model="a")])
        assert {rules.apply(CODING, i).model for i in IDS[:50]} == {"a", "g"}
        assert rules.apply(CODING, "1").mixture == ((0.5, "g"), (0.5, "a"))

    def test_any_id_has_a_side(self):
        unit = rule(name="x", model="g", share=0.5).unit
        assert all(0.0 <= unit(i) < 1.0 for i in ["", "é", "\ud800", "x" * 100_000])


class TestTrace:
    def test_tells_of_each_rule_why_it_fired_or_not(self):
        rules = Rules([rule("priority == 1", model="a"), rule(name="x", model="g", share=1.0), rule(model="c")])
        found = rules.trace(CODING, "1")
        assert [(one.rule, one.why.holds, one.reached, one.arm) for one in found] == [
            ("rules[0]", False, True, None),
            ("x", True, True, Arm.TREATMENT),
            ("rules[2]", True, False, None),
        ]
        assert str(found[1]) == "x [treatment]: holds: true\n  true: yes"
        assert str(found[2]).startswith("rules[2]: not reached; holds: true")

    def test_reaches_all_where_all_match(self):
        assert all(one.reached for one in Rules([rule(model="a"), rule(model="b")], "all").trace(CODING, "1"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"match": "last"}, "match must be 'first' or 'all', not 'last'"),
        ({"default_model": " "}, "default_model must be a reference"),
        ({"default_model": 3}, "default_model must be a reference"),
        ({"rules": [rule(name="a", model="a"), rule(name="a", model="b")]}, "two rules are called 'a'"),
        ({"rules": [rule(name="rules[1]", model="a"), rule(model="b")]}, "two rules are called 'rules[1]'"),
    ],
)
def test_rules_that_cannot_be_are_refused(arguments, said):
    with pytest.raises(ConfigError) as caught:
        Rules(**arguments)
    assert said in str(caught.value)


def test_what_is_kept_of_answers_is_bounded():
    rules = Rules([rule(f"metadata.n contains {n}", prefer={"a": 0.01}) for n in range(12)], "all")
    for bits in range(2_048):
        chosen = [n for n in range(12) if bits >> n & 1]
        applied = rules.apply(Facts({"metadata.n": chosen}), "1")
        assert applied.prefer.get("a", 0.0) == pytest.approx(0.01 * len(chosen))
    assert len(rules._kept) <= 1_024
