"""The chain: what is tried after which failure, in which order, and when it is over; nobody is called."""

from dataclasses import dataclass, field

import pytest

from selector.catalog import Route
from selector.execution._chain import Resilience, Seen, Step, Wait, chain
from selector.records import Failure

RETRIED = [Failure.RATE_LIMITED, Failure.OVERLOADED, Failure.SERVER_ERROR, Failure.CONNECTION]
ENDINGS = [Failure.CANCELLED, Failure.DEADLINE, Failure.BUDGET]
ALIKE = [Failure.INVALID_ANSWER, Failure.CONTEXT_TOO_LONG]
ONWARD = [failure for failure in Failure if failure not in {*ENDINGS, Failure.BAD_REQUEST}]


def route(name):
    model, _, provider = name.partition("@")
    return Route(model=model, id=model, provider=provider or None)


@dataclass
class Choices:
    """Who else may serve, as a test says; it notes what it was asked."""

    of_model: dict = field(default_factory=dict)
    chains: dict = field(default_factory=dict)
    default: tuple = ()
    policy: tuple = ()
    sick: set = field(default_factory=set)
    dear: set = field(default_factory=set)
    asked: list = field(default_factory=list)

    def others(self, model):
        self.asked.append(("others", model))
        return [route(name) for name in self.of_model.get(model, ())]

    def listed(self, failure):
        self.asked.append(("listed", failure))
        return [route(name) for name in self.chains.get(failure, self.default)]

    def next_best(self, tried):
        self.asked.append(("next_best", tried))
        return next(((route(name), share) for name, share in self.policy if route(name).model not in tried), None)

    def admits(self, route):
        self.asked.append(("admits", route.name))
        return route.name not in self.sick

    def holds(self, route):
        self.asked.append(("holds", route.name))
        return route.name not in self.dear


class Way:
    """One run's way down: what was called and waited for, and how it ended."""

    def __init__(self, seen, choices=None, how=None, now=0.0, jitter=1.0, took_s=0.0):
        self.steps, self.waits, self.ended = [], [], "not yet"
        self.now, self.choices = now, choices or Choices()
        way = chain(
            Step(route=route("opus@work"), selected_by="policy", propensity=0.5),
            self.choices,
            how or Resilience(),
            lambda: self.now,
            lambda: jitter,
        )
        left, told = iter(seen), None
        try:
            while True:
                step = way.send(told)
                told = None
                if isinstance(step, Wait):
                    self.waits.append(step.seconds)
                    self.now += step.seconds
                else:
                    self.steps.append(step)
                    self.now += took_s
                    told = next(left)
                    told = told if isinstance(told, Seen) else Seen(failure=told)
        except StopIteration as end:
            self.ended = end.value

    @property
    def called(self):
        return [(step.route.name, step.selected_by) for step in self.steps]


ONCE = Resilience(retries={})


class TestOrder:
    def test_an_answer_ends_it(self):
        way = Way([None])
        assert (way.called, way.waits, way.ended) == ([("opus@work", "policy")], [], None)

    def test_it_goes_from_the_same_route_to_another_of_the_model_to_the_chain_to_the_policy(self):
        choices = Choices(of_model={"opus": ["opus@work", "opus@home"]}, default=("haiku",), policy=(("sonnet", 0.25),))
        seen = [Failure.OVERLOADED] * 5
        way = Way([*seen, None], choices, Resilience(max_attempts=4, retries={"overloaded": 1}))
        assert way.called[:2] == [("opus@work", "policy"), ("opus@work", "retry")]
        assert way.called[2:4] == [("opus@home", "route"), ("opus@home", "retry")]
        assert way.called[4:] == [("haiku", "chain"), ("haiku", "retry")]
        assert way.ended is None

    def test_the_policy_comes_last_with_its_own_propensity_and_configured_steps_have_none(self):
        choices = Choices(default=("haiku",), policy=(("sonnet", 0.25),))
        way = Way([Failure.AUTH] * 2 + [None], choices, ONCE)
        assert [(step.route.name, step.propensity) for step in way.steps] == [
            ("opus@work", 0.5),
            ("haiku", None),
            ("sonnet", 0.25),
        ]

    @pytest.mark.parametrize("failure", RETRIED)
    def test_what_may_pass_is_tried_once_more_at_the_same_route(self, failure):
        way = Way([failure, None])
        assert way.called == [("opus@work", "policy"), ("opus@work", "retry")]
        assert way.steps[1].propensity is None

    @pytest.mark.parametrize("failure", [each for each in ONWARD if each not in RETRIED])
    def test_what_would_fail_again_is_not_tried_again(self, failure):
        way = Way([failure])
        assert (way.called, way.waits, way.ended) == ([("opus@work", "policy")], [], failure)

    @pytest.mark.parametrize("failure", ONWARD)
    def test_each_reason_has_its_own_chain(self, failure):
        choices = Choices(chains={failure: ["haiku"]}, default=("sonnet",))
        way = Way([failure, None], choices, ONCE)
        assert way.called[1:] == [("haiku", "chain")]
        other = Failure.AUTH if failure is not Failure.AUTH else Failure.TIMEOUT
        assert Way([other, None], Choices(chains={failure: ["haiku"]}, default=("sonnet",)), ONCE).called[1:] == [
            ("sonnet", "chain")
        ]

    @pytest.mark.parametrize("failure", ALIKE)
    def test_what_every_route_of_a_model_shares_leaves_the_model(self, failure):
        choices = Choices(of_model={"opus": ["opus@home"]}, default=("opus@home", "haiku@work", "haiku@home"))
        way = Way([failure, failure], choices, ONCE)
        assert way.called == [("opus@work", "policy"), ("haiku@work", "chain")]
        assert way.ended is failure

    @pytest.mark.parametrize("failure", [each for each in ONWARD if each not in ALIKE])
    def test_after_every_other_failure_another_route_of_the_model_comes_first(self, failure):
        choices = Choices(of_model={"opus": ["opus@home"]}, default=("haiku",))
        assert Way([failure, None], choices, ONCE).called[1] == ("opus@home", "route")

    def test_the_other_routes_are_those_of_the_model_that_failed_last(self):
        choices = Choices(of_model={"haiku": ["haiku@home"]}, default=("haiku@work",))
        way = Way([Failure.AUTH, Failure.AUTH, None], choices, ONCE)
        assert way.called[1:] == [("haiku@work", "chain"), ("haiku@home", "route")]

    def test_the_policy_is_told_which_models_were_tried_and_asked_again_where_its_choice_cannot_serve(self):
        choices = Choices(policy=(("sonnet", 0.5), ("haiku", 0.25)), sick={"sonnet"})
        way = Way([Failure.AUTH, None], choices, ONCE)
        assert way.called[1:] == [("haiku", "policy")]
        asked = [what for kind, what in choices.asked if kind == "next_best"]
        assert asked == [{"opus"}, {"opus", "sonnet"}]


class TestEnds:
    @pytest.mark.parametrize("failure", ENDINGS)
    def test_nothing_follows_what_ends_a_run(self, failure):
        choices = Choices(of_model={"opus": ["opus@home"]}, default=("haiku",), policy=(("sonnet", 0.5),))
        way = Way([failure], choices, Resilience(retries={failure: 5}))
        assert (len(way.steps), way.ended) == (1, failure)
        assert [kind for kind, _ in choices.asked] == ["admits"]

    def test_a_bad_request_ends_it(self):
        way = Way([Failure.BAD_REQUEST], Choices(default=("haiku",)), Resilience(retries={Failure.BAD_REQUEST: 3}))
        assert (len(way.steps), way.ended) == (1, Failure.BAD_REQUEST)

    def test_a_bad_request_because_of_reasoning_is_made_once_more_without_it(self):
        refused = Seen(failure=Failure.BAD_REQUEST, of_reasoning=True)
        way = Way([refused, refused], Choices(default=("haiku",)), ONCE)
        assert way.called == [("opus@work", "policy"), ("opus@work", "retry")]
        assert [step.without_reasoning for step in way.steps] == [False, True]
        assert way.ended is Failure.BAD_REQUEST

    def test_what_was_refused_stays_left_out_elsewhere(self):
        refused = Seen(failure=Failure.BAD_REQUEST, of_reasoning=True)
        way = Way([refused, Failure.AUTH, None], Choices(default=("haiku",)), ONCE)
        assert [step.without_reasoning for step in way.steps] == [False, True, True]

    @pytest.mark.parametrize("most", [1, 2, 3])
    def test_so_many_routes_are_tried_and_calls_of_the_same_route_are_not_counted(self, most):
        choices = Choices(default=("a", "b", "c", "d"))
        way = Way([Failure.SERVER_ERROR] * 20, choices, Resilience(max_attempts=most))
        assert [name for name, by in way.called if by != "retry"] == ["opus@work", "a", "b", "c"][:most]
        assert len(way.called) == 2 * most
        assert way.ended is Failure.SERVER_ERROR

    def test_no_route_is_tried_twice_though_every_list_names_it(self):
        choices = Choices(
            of_model={"opus": ["opus@work", "opus@work"]},
            default=("opus@work", "haiku", "haiku"),
            policy=(("haiku", 1),),
        )
        way = Way([Failure.AUTH] * 9, choices, Resilience(max_attempts=9))
        assert [name for name, _ in way.called] == ["opus@work", "haiku"]


class TestWaits:
    @pytest.mark.parametrize(("jitter", "waited"), [(0.0, []), (0.5, [0.25]), (1.0, [0.5])])
    def test_a_wait_is_anything_up_to_half_a_second_at_first(self, jitter, waited):
        assert Way([Failure.OVERLOADED, None], jitter=jitter).waits == waited

    def test_each_further_wait_may_be_twice_as_long_up_to_eight_seconds_and_those_above_five_go_elsewhere_first(self):
        way = Way([Failure.OVERLOADED] * 8, how=Resilience(retries={Failure.OVERLOADED: 7}))
        assert way.waits == [0.5, 1, 2, 4, 8, 8, 8]
        elsewhere = Way(
            [Failure.OVERLOADED] * 5 + [None], Choices(default=("haiku",)), Resilience(retries={Failure.OVERLOADED: 7})
        )
        assert elsewhere.waits == [0.5, 1, 2, 4]
        assert elsewhere.called[-1] == ("haiku", "chain")

    def test_a_provider_that_asks_to_be_left_alone_is(self):
        assert Way([Seen(failure=Failure.RATE_LIMITED, retry_after_s=3.0), None]).waits == [3.0]

    def test_nobody_comes_back_before_the_time_that_was_asked_for_however_short_that_is(self):
        way = Way([Seen(failure=Failure.RATE_LIMITED, retry_after_s=0.1), None], jitter=1.0)
        assert way.waits == [0.5]

    def test_a_wait_longer_than_five_seconds_goes_elsewhere_first(self):
        asked = Seen(failure=Failure.RATE_LIMITED, retry_after_s=5.1)
        way = Way([asked, None], Choices(default=("haiku",)))
        assert (way.called[1], way.waits) == (("haiku", "chain"), [])

    def test_and_is_waited_for_where_there_is_nobody_else(self):
        way = Way([Seen(failure=Failure.RATE_LIMITED, retry_after_s=30.0), None])
        assert (way.called[1], way.waits) == (("opus@work", "retry"), [30.0])

    def test_but_not_for_a_minute(self):
        way = Way([Seen(failure=Failure.RATE_LIMITED, retry_after_s=61.0)])
        assert (way.waits, way.ended) == ([], Failure.RATE_LIMITED)

    @pytest.mark.parametrize("retry_after", [3.0, 30.0])
    def test_a_wait_beyond_the_deadline_goes_elsewhere_now(self, retry_after):
        asked = Seen(failure=Failure.RATE_LIMITED, retry_after_s=retry_after)
        how = Resilience(deadline_s=2.0)
        way = Way([asked, None], Choices(default=("haiku",)), how)
        assert (way.called[1], way.waits) == (("haiku", "chain"), [])
        assert Way([asked], how=how).waits == []

    def test_a_deadline_that_leaves_the_time_lets_it_wait_for_minutes(self):
        asked = Seen(failure=Failure.RATE_LIMITED, retry_after_s=100.0)
        assert Way([asked, None], how=Resilience(deadline_s=200.0)).waits == [100.0]

    def test_nobody_is_called_once_the_deadline_has_passed(self):
        how = Resilience(deadline_s=10.0, retries={})
        way = Way([Failure.AUTH] * 3, Choices(default=("a", "b")), how, took_s=6.0)
        assert (len(way.steps), way.ended) == (2, Failure.DEADLINE)
        assert Way([], how=Resilience(deadline_s=0.0)).ended is Failure.DEADLINE


class TestBudgetAndHealth:
    def test_a_route_that_does_not_fit_the_budget_is_passed_over(self):
        way = Way([Failure.AUTH, None], Choices(default=("dear", "cheap"), dear={"dear"}), ONCE)
        assert way.called[1:] == [("cheap", "chain")]

    def test_it_ends_for_want_of_money_where_nothing_fits(self):
        choices = Choices(of_model={"opus": ["opus@home"]}, default=("a",), policy=(("b", 1.0),))
        choices.dear = {"opus@home", "a", "b"}
        assert Way([Failure.AUTH], choices, ONCE).ended is Failure.BUDGET

    def test_money_that_lacked_for_another_step_is_not_why_a_later_failure_ends_it(self):
        choices = Choices(default=("dear", "cheap"), dear={"dear"})
        way = Way([Failure.AUTH] * 2, choices, Resilience(retries={}, max_attempts=2))
        assert [name for name, _ in way.called] == ["opus@work", "cheap"]
        assert way.ended is Failure.AUTH

    def test_a_call_of_the_same_route_again_is_held_for_too(self):
        choices = Choices(dear={"opus@work"})
        used = Seen(failure=Failure.SERVER_ERROR)
        Way([used, None], choices, Resilience(retries={Failure.SERVER_ERROR: 1}))
        assert ("holds", "opus@work") in choices.asked

    def test_nothing_is_held_for_the_first_step_whose_hold_stands(self):
        choices = Choices(dear={"opus@work"})
        assert Way([None], choices).ended is None
        assert not [name for kind, name in choices.asked if kind == "holds"]

    def test_a_sick_route_is_passed_over(self):
        way = Way([Failure.AUTH, None], Choices(default=("sick", "well"), sick={"sick"}), ONCE)
        assert way.called[1:] == [("well", "chain")]

    def test_a_first_route_that_is_being_tried_by_another_is_not_called_where_another_can_serve(self):
        choices = Choices(of_model={"opus": ["opus@home"]}, sick={"opus@work"})
        assert Way([None], choices).called == [("opus@home", "route")]

    def test_and_is_called_where_nobody_else_can(self):
        assert Way([None], Choices(sick={"opus@work"})).called == [("opus@work", "policy")]

    def test_a_first_route_that_was_not_called_is_not_counted_as_tried(self):
        choices = Choices(default=("a", "b", "c"), sick={"opus@work"})
        way = Way([Failure.AUTH] * 9, choices, Resilience(max_attempts=2))
        assert [name for name, _ in way.called] == ["a", "b"]

    def test_health_is_claimed_only_of_a_route_that_is_called(self):
        choices = Choices(default=("dear", "cheap"), dear={"dear"})
        Way([Failure.AUTH, None], choices, ONCE)
        claimed = [name for kind, name in choices.asked if kind == "admits"]
        assert claimed == ["opus@work", "cheap"]


class TestMidstream:
    BROKEN = Seen(failure=Failure.CONNECTION, shown=True)

    def how(self, midstream, **options):
        return Resilience(midstream=midstream, **options)

    def test_a_stream_that_breaks_before_anything_was_shown_goes_on_as_any_call_does(self):
        way = Way([Failure.AUTH, None], Choices(default=("haiku",)), self.how("raise"))
        assert [(step.restarted, step.continued) for step in way.steps] == [(False, False)] * 2

    def test_raise_ends_it(self):
        way = Way([self.BROKEN], Choices(default=("haiku",)), self.how("raise"))
        assert (len(way.steps), way.ended) == (1, Failure.CONNECTION)

    @pytest.mark.parametrize(("midstream", "marks"), [("restart", (True, False)), ("continue", (False, True))])
    def test_the_next_step_says_how_it_goes_on(self, midstream, marks):
        way = Way([self.BROKEN, None], Choices(default=("haiku",)), self.how(midstream))
        assert [(step.restarted, step.continued) for step in way.steps] == [(False, False), marks]
        assert way.called[1] == ("haiku", "chain"), "who broke off is not asked first"

    @pytest.mark.parametrize(("midstream", "marks"), [("restart", (True, False)), ("continue", (False, True))])
    def test_what_was_shown_once_stays_shown_though_later_steps_fail_before_they_begin(self, midstream, marks):
        choices = Choices(default=("a", "b", "c"))
        way = Way([self.BROKEN, Failure.AUTH, Failure.AUTH, None], choices, self.how(midstream, max_attempts=4))
        assert [(step.restarted, step.continued) for step in way.steps] == [(False, False), marks, marks, marks]

    def test_the_same_route_is_asked_where_nobody_else_can_go_on(self):
        way = Way([self.BROKEN, None], how=self.how("restart"))
        assert (way.called[1], way.steps[1].restarted) == (("opus@work", "retry"), True)

    def test_what_was_refused_midway_for_its_reasoning_begins_anew_too(self):
        refused = Seen(failure=Failure.BAD_REQUEST, of_reasoning=True, shown=True)
        way = Way([refused, None], how=self.how("restart"))
        assert [(step.without_reasoning, step.restarted) for step in way.steps] == [(False, False), (True, True)]
