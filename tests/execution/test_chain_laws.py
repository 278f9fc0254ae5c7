"""Laws of the chain, whatever happens: it ends, it tries nobody anew, and it waits for nobody beyond its deadline."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Route
from selector.execution._chain import ENDS, Resilience, Seen, Step, Wait, chain
from selector.records import Failure

ROUTES = [Route(model=model, id=model, provider=place) for model in "abcd" for place in ("x", "y")]
GOES_ON = [Failure.RATE_LIMITED, Failure.INVALID_ANSWER, Failure.CONNECTION, Failure.AUTH, Failure.CONTEXT_TOO_LONG]
LONGEST_WAIT_S = 60.0
MOST_STEPS = 2_000


class Moody:
    """Alternatives that change their mind at every question."""

    def __init__(self, data):
        self.data, self.claimed = data, []

    def drawn(self, strategy):
        return self.data.draw(strategy)

    def others(self, model):
        return self.drawn(st.lists(st.sampled_from([route for route in ROUTES if route.model == model]), max_size=3))

    def listed(self, failure):
        assert failure not in ENDS, "nothing follows these"
        return self.drawn(st.lists(st.sampled_from(ROUTES), max_size=4))

    def next_best(self, tried):
        left = [route for route in ROUTES if route.model not in tried]
        return None if not left else self.drawn(st.none() | st.tuples(st.sampled_from(left), st.floats(0, 1)))

    def admits(self, route):
        admitted = self.drawn(st.booleans())
        if admitted:
            self.claimed.append(route.name)
        return admitted

    def holds(self, _):
        return self.drawn(st.sampled_from([True, True, False]))


SEEN = st.builds(
    Seen,
    failure=st.sampled_from([None, *Failure, *GOES_ON, *GOES_ON]),
    retry_after_s=st.none() | st.floats(0, 200),
    shown=st.booleans(),
    of_reasoning=st.booleans(),
)
HOW = st.builds(
    Resilience,
    max_attempts=st.integers(1, 6),
    retries=st.dictionaries(st.sampled_from(list(Failure)), st.integers(0, 3)),
    deadline_s=st.none() | st.floats(0, 100),
    midstream=st.sampled_from(["raise", "restart", "continue", "continue"]),
)


class Told:
    """What one way down the chain came to."""

    def __init__(self, data, how):
        self.how, self.now, self.choices = how, 0.0, Moody(data)
        self.steps, self.seen, self.waits, self.begun_at = [], [], [], []
        first = Step(route=data.draw(st.sampled_from(ROUTES)), selected_by="policy", propensity=0.5)
        way = chain(first, self.choices, how, lambda: self.now, lambda: data.draw(st.floats(0, 1, exclude_max=True)))
        sent, self.is_over = None, False
        try:
            for _ in range(MOST_STEPS):
                self.take(way.send(sent))
                sent = None
                if not self.is_wait:
                    self.begun_at.append(self.now)
                    self.now += data.draw(st.floats(0, 30))
                    sent = data.draw(SEEN)
                    self.seen.append(sent)
        except StopIteration as end:
            self.ended, self.is_over = end.value, True

    def take(self, step):
        self.is_wait = isinstance(step, Wait)
        if not self.is_wait:
            self.steps.append(step)
            return
        self.waits.append((self.now, step.seconds, self.seen[-1]))
        self.now += step.seconds

    @property
    def visits(self):
        """The routes in the order in which they were gone to, each stay once."""
        names = [step.route.name for step in self.steps]
        return [name for place, name in enumerate(names) if place == 0 or name != names[place - 1]]


def ways(law):
    """Try a law on many ways down the chain."""

    @given(st.data(), HOW)
    def test(data, how):
        law(Told(data, how))

    test.__name__, test.__doc__ = law.__name__, law.__doc__
    return test


@ways
def test_it_always_ends(way):
    assert way.is_over


@ways
def test_a_route_that_was_left_is_never_called_again(way):
    assert max(Counter(way.visits).values(), default=0) <= 1


@ways
def test_no_more_routes_are_tried_than_are_allowed(way):
    assert len(way.visits) <= way.how.max_attempts


@ways
def test_the_same_route_is_called_again_only_as_a_retry(way):
    for before, after in zip(way.steps, way.steps[1:], strict=False):
        assert (before.route.name == after.route.name) == (after.selected_by == "retry")


@ways
def test_calls_of_the_same_route_again_are_bounded_by_reason(way):
    """One more is made where another model's reasoning was refused, once."""
    again = Counter()
    for step, seen, after in zip(way.steps, way.seen, way.steps[1:], strict=False):
        if after.selected_by == "retry":
            again[step.route.name, seen.failure] += 1
    for (_, failure), n in again.items():
        most = 1 if failure is Failure.BAD_REQUEST else way.how.retries.get(failure, 0)
        assert n <= most


@ways
def test_nothing_waits_beyond_the_deadline_or_a_minute(way):
    for now, seconds, _ in way.waits:
        assert seconds > 0
        if way.how.deadline_s is None:
            assert seconds < LONGEST_WAIT_S
        else:
            assert now + seconds < way.how.deadline_s + 1e-9


@ways
def test_every_call_begins_before_the_deadline(way):
    if way.how.deadline_s is not None:
        assert all(at < way.how.deadline_s for at in way.begun_at)


@ways
def test_nobody_is_called_again_before_the_time_that_they_asked_for(way):
    for _, seconds, seen in way.waits:
        assert seconds >= (seen.retry_after_s or 0.0)


@ways
def test_nothing_follows_an_answer_or_what_ends_a_run(way):
    for seen in way.seen[:-1]:
        assert seen.failure is not None
        assert seen.failure not in ENDS
        assert not (seen.shown and way.how.midstream == "raise")
        assert seen.failure is not Failure.BAD_REQUEST or seen.of_reasoning


@ways
def test_it_says_why_it_ended(way):
    last = way.seen[-1].failure if way.seen else None
    if last is None:
        assert way.ended in ({None} if way.seen else {Failure.DEADLINE})
    else:
        assert way.ended in {last, Failure.BUDGET, Failure.DEADLINE}


@ways
def test_what_was_shown_is_restarted_or_continued_in_every_later_step(way):
    """A whole answer that was refused is no beginning to go on from."""
    shown = False
    for seen, after in zip(way.seen, way.steps[1:], strict=False):
        shown = shown or seen.shown
        goes_on = way.how.midstream == "continue" and seen.failure is not Failure.INVALID_ANSWER
        assert after.restarted == (shown and not goes_on)
        assert after.continued == (shown and goes_on)


@ways
def test_whoever_is_gone_to_was_admitted_by_its_health_but_a_first_that_nobody_can_stand_in_for(way):
    for name in way.visits[1:]:
        assert name in way.choices.claimed


@ways
def test_only_the_policys_choices_have_a_propensity(way):
    for step in way.steps[1:]:
        assert step.propensity is None or step.selected_by == "policy"
