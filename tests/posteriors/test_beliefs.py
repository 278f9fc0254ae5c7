"""Beliefs: finite whatever comes, the same in whatever order it comes, and as if it had never come when taken back."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from selector.posteriors import Beliefs, Cells, Event, Learning, Priors

TYPES, MODELS = 2, 3
CALM = Learning(half_life=100.0, drift=False)


@dataclass(frozen=True)
class Seen:
    """One outcome: its cell, its decision's time, how late it came, and what it said; nan where it said nothing."""

    type: int
    model: int
    at: float
    late: float
    score: float
    tokens: float

    def args(self):
        cell = Cells(*np.array([[0], [self.type], [self.model]]))
        return {"cells": cell, "score": np.array([self.score]), "tokens": np.array([self.tokens])}


def outcomes_of(score, tokens, *, most=25, late=200.0):
    """Return lists of outcomes, decided one after another, that came late or at once."""
    fields = st.tuples(
        st.integers(0, TYPES - 1),
        st.integers(0, MODELS - 1),
        st.sampled_from([1.0, 1.0, 1.0, 30.0, 300.0]),
        st.one_of(st.just(0.0), st.floats(0, late)),
        st.one_of(score, st.just(float("nan"))),
        st.one_of(tokens, st.just(float("nan"))),
    )

    def build(drawn):
        times = np.cumsum([gap for _, _, gap, *_ in drawn])
        return [Seen(x, k, float(t), *rest) for t, (x, k, _, *rest) in zip(times, drawn, strict=True)]

    return st.lists(fields, max_size=most).map(build)


any_score = st.one_of(st.sampled_from([0.0, 1.0, 5e-324, 1e-300, 1e-9, 1 - 1e-16]), st.floats(0, 1))
any_tokens = st.one_of(st.sampled_from([0.0, 1.0, 1e9, 1e-300]), st.floats(0, 1e9))
usual_score = st.one_of(st.sampled_from([0.0, 1.0]), st.integers(0, 10).map(lambda tenth: tenth / 10))
usual_tokens = st.floats(0, 1e5)
keeps = st.sampled_from([0.0, 0.05, 0.2, 1.0])
events = st.lists(
    st.tuples(st.sampled_from(["drift", "version"]), st.floats(0, 1), st.integers(0, TYPES - 1), keeps), max_size=4
)


def beliefs_of(learning=CALM, *, n_seeds=1):
    tokens = np.tile([100.0, 5.0, 3000.0], (n_seeds, 1))
    quality, weight = np.array([np.nan, 0.9, np.nan]), np.array([0.0, 5.0, 0.0])
    return Beliefs((n_seeds, TYPES, MODELS), Priors(tokens=tokens, quality=quality, weight=weight), learning)


def fold(seen, what, end, *, late=True):
    """Take in outcomes, as late as they came or at once, and events at their times; then pool at the end."""
    beliefs = beliefs_of()
    steps = [(s.at + 0.25 + s.late * late, 1, s) for s in seen] + [(event.at, 0, event) for event in what]
    for *_, item in sorted(steps, key=lambda step: step[:2]):
        if isinstance(item, Event):
            beliefs.apply(item)
        else:
            beliefs.observe(**item.args(), at=item.at)
    beliefs.refresh(end)
    return beliefs


def numbers(beliefs):
    success = beliefs.success
    return {
        "alpha": success.alpha,
        "beta": success.beta,
        "prior": success.prior,
        "kappa": success.kappa,
        "tokens": beliefs.tokens.mean,
        "n": beliefs.n,
    }


def assert_same(first, second, rtol=1e-9):
    for name, found in numbers(first).items():
        np.testing.assert_allclose(found, numbers(second)[name], rtol=rtol, atol=rtol, err_msg=name)


def assert_sound(beliefs):
    success = beliefs.success
    for array in (success.alpha, success.beta, beliefs.tokens.mean):
        assert np.isfinite(array).all()
        assert (array > 0).all()
    assert ((success.mean > 0) & (success.mean < 1)).all()
    assert ((success.kappa >= 1) & (success.kappa <= 4)).all()
    assert success.n_repaired == 0


@given(outcomes_of(any_score, any_tokens, most=40), events, st.data())
def test_any_sequence_of_valid_outcomes_keeps_every_parameter_finite_and_positive(seen, what, data):
    """Scores from 0 to 1, tokens from 0 to 1e9, late, unjudged, corrected, with events between; drift on."""
    beliefs = beliefs_of(Learning(half_life=20.0))
    taken_back = data.draw(st.lists(st.booleans(), min_size=len(seen), max_size=len(seen)))
    span = 1.0 + (seen[-1].at if seen else 0.0)
    for kind, share, index, keep in what:
        beliefs.apply(Event(kind, share * span, index, keep))
    for i, outcome in enumerate(seen):
        now = max(outcome.at, span) + outcome.late + 1
        beliefs.observe(**outcome.args(), at=outcome.at)
        if i % 3 == 0:
            beliefs.refresh(now)
            assert_sound(beliefs)
        if taken_back[i]:
            beliefs.correct(**outcome.args(), at=outcome.at)
            beliefs.refresh(now)
        assert_sound(beliefs)
    beliefs.refresh(span + 1e6)
    assert_sound(beliefs)


@given(outcomes_of(usual_score, usual_tokens), events)
def test_late_outcomes_leave_the_same_beliefs_as_the_straight_run(seen, what):
    """Events stand at their times; an outcome decided before one counts what it leaves, whenever it comes."""
    span = 1.0 + (seen[-1].at if seen else 0.0)
    marks = [Event(kind, float(np.floor(share * span)), index, keep) for kind, share, index, keep in what]
    end = span + 201
    assert_same(fold(seen, marks, end), fold(seen, marks, end, late=False))


@given(outcomes_of(usual_score, usual_tokens, most=12), st.randoms(use_true_random=False))
def test_the_order_of_outcomes_does_not_matter(seen, random):
    straight, mixed = beliefs_of(), beliefs_of()
    shuffled, end = list(seen), 1.0 + (seen[-1].at if seen else 0.0)
    random.shuffle(shuffled)
    for beliefs, order in ((straight, seen), (mixed, shuffled)):
        for outcome in order:
            beliefs.observe(**outcome.args(), at=outcome.at)
        beliefs.refresh(end)
    assert_same(straight, mixed)


@given(outcomes_of(usual_score, usual_tokens), events, st.data())
def test_a_correction_subtracts_exactly(seen, what, data):
    """What is observed and then taken back, before or after an event, is as if it had never come."""
    assume(seen)
    wrong = data.draw(st.lists(st.booleans(), min_size=len(seen), max_size=len(seen)))
    span = seen[-1].at + 1.0
    marks = [Event(kind, float(np.floor(share * span)), index, keep) for kind, share, index, keep in what]
    kept = [outcome for outcome, bad in zip(seen, wrong, strict=True) if not bad]
    assume(_freedom(seen) < 20)  # kappa is the next test's matter
    end = span + 201
    beliefs = fold(seen, marks, end)
    for outcome, bad in zip(seen, wrong, strict=True):
        if bad:
            beliefs.correct(**outcome.args(), at=outcome.at)
    beliefs.refresh(end)
    assert_same(beliefs, fold(kept, marks, end))


def _freedom(seen):
    counts = np.zeros((TYPES, MODELS))
    for outcome in seen:
        counts[outcome.type, outcome.model] += 1
    return np.maximum(counts - 1, 0).sum()


def test_a_graded_score_that_was_taken_back_leaves_no_trace():
    """60 scores of 0 and 1, then .5 by mistake, corrected: kappa is that of scores of 0 and 1 again."""
    clean, corrected = beliefs_of(), beliefs_of()
    for beliefs in (clean, corrected):
        for t in range(60):
            beliefs.observe(**Seen(0, 0, t, 0, float(t % 3 > 0), 100.0).args(), at=float(t))
    mistake = Seen(0, 0, 59.0, 0, 0.5, 100.0)
    corrected.observe(**mistake.args(), at=59.0)
    corrected.refresh(61.0)
    corrected.correct(**mistake.args(), at=59.0)
    for beliefs in (clean, corrected):
        beliefs.refresh(62.0)
    assert_same(corrected, clean)


def test_a_later_judgement_that_replaces_an_earlier_one_is_the_only_one():
    """0 was said first, then 1 of the same decision: beliefs are those of a single 1."""
    first, second = Seen(1, 2, 3.0, 0, 0.0, 250.0), Seen(1, 2, 3.0, 0, 1.0, float("nan"))
    beliefs, straight = beliefs_of(), beliefs_of()
    beliefs.observe(**first.args(), at=3.0)
    beliefs.correct(**{**first.args(), "tokens": np.array([np.nan])}, at=3.0)
    beliefs.observe(**second.args(), at=3.0)
    straight.observe(**Seen(1, 2, 3.0, 0, 1.0, 250.0).args(), at=3.0)
    for each in (beliefs, straight):
        each.refresh(6.0)
    assert_same(beliefs, straight)


def test_usage_without_a_judgement_teaches_tokens_alone_and_the_reverse():
    used, judged, fresh = beliefs_of(), beliefs_of(), beliefs_of()
    used.observe(**Seen(0, 0, 1.0, 0, float("nan"), 900.0).args(), at=1.0)
    judged.observe(**Seen(0, 0, 1.0, 0, 0.0, float("nan")).args(), at=1.0)
    for beliefs in (used, judged, fresh):
        beliefs.refresh(2.0)
    assert (used.success.alpha == fresh.success.alpha).all()
    assert (used.n == 0).all()
    assert used.tokens.mean[0, 0, 0] > fresh.tokens.mean[0, 0, 0]
    assert (judged.tokens.mean == fresh.tokens.mean).all()
    assert judged.success.mean[0, 0, 0] < fresh.success.mean[0, 0, 0]


@pytest.mark.parametrize(("kind", "index"), [("drift", 1), ("version", 0)])
def test_an_event_leaves_its_share_of_what_came_before_it_and_all_of_what_came_after(kind, index):
    """By hand, nothing forgotten: 10 outcomes before count .2, 3 after count 1, and 2 late ones count .2."""
    beliefs = beliefs_of(Learning(half_life=np.inf, drift=False))
    before = Seen(0, 1, 1.0, 0, 1.0, 40.0)
    for _ in range(10):
        beliefs.observe(**before.args(), at=1.0)
    beliefs.apply(Event(kind, 5.0, index, 0.2))
    for at in (5.5, 6.0, 7.0, 4.0, 5.0):  # the event stands after the decision of its own time
        beliefs.observe(**before.args(), at=at)
    n = beliefs.success.evidence.now(8.0)[0, 0]
    np.testing.assert_allclose(n[0], [0, 0.2 * 10 + 3 + 0.2 * 2, 0])
    tokens = beliefs.tokens.evidence.now(8.0)[:, 0, 0, 1]
    counted = 5.4 if kind == "version" else 15.0  # a model that got worse writes as much as before
    np.testing.assert_allclose(tokens, [counted, 40 * counted])
    assert beliefs.n[0, 0, 1] == 15


@given(st.lists(outcomes_of(usual_score, usual_tokens, most=15), min_size=3, max_size=3))
def test_many_seeds_at_once_are_each_seed_by_itself(runs):
    """Three seeds with outcomes of their own, drift on."""
    assert_seeds_agree(runs)


def test_many_seeds_at_once_raise_each_its_own_alarms():
    runs = [[Seen(0, 0, float(t), 0.0, float(t < change), 9.0) for t in range(100)] for change in (40, 60, 100)]
    events = assert_seeds_agree(runs)
    assert {event.seed for event in events} == {0, 1}


def assert_seeds_agree(runs):
    learning, steps = Learning(half_life=100.0), min(len(run) for run in runs)
    together, alone = beliefs_of(learning, n_seeds=3), [beliefs_of(learning) for _ in runs]
    for i in range(steps):
        outcomes = [run[i] for run in runs]
        cells = Cells(np.arange(3), np.array([o.type for o in outcomes]), np.array([o.model for o in outcomes]))
        at, score, tokens = (np.array([getattr(o, name) for o in outcomes]) for name in ("at", "score", "tokens"))
        together.observe(cells, at=at, score=score, tokens=tokens)
        for one, outcome in zip(alone, outcomes, strict=True):
            one.observe(**outcome.args(), at=outcome.at)
        if i % 8 == 7:
            for beliefs in (together, *alone):
                beliefs.refresh(float(at.max()))
    for seed, one in enumerate(alone):
        for name, found in numbers(one).items():
            np.testing.assert_allclose(numbers(together)[name][seed], found[0], rtol=1e-12, err_msg=name)
        mine = [(e.kind, e.at, e.index) for e in together.events if e.seed == seed]
        assert mine == [(e.kind, e.at, e.index) for e in one.events]
    return together.events


def test_refreshing_some_seeds_leaves_the_others_alone():
    beliefs = beliefs_of(n_seeds=3)
    cells = Cells(np.arange(3), np.zeros(3, int), np.zeros(3, int))
    beliefs.observe(cells, at=0.0, score=np.zeros(3), tokens=np.full(3, 900.0))
    before = beliefs.success.prior.copy(), beliefs.tokens.mean.copy()
    beliefs.refresh(1.0, np.array([1]))
    for old, new in zip(before, (beliefs.success.prior, beliefs.tokens.mean), strict=True):
        assert (old[[0, 2]] == new[[0, 2]]).all()
        assert (old[1] != new[1]).any()


@given(outcomes_of(usual_score, usual_tokens), outcomes_of(usual_score, usual_tokens, most=8))
def test_growing_keeps_what_is_known_and_new_cells_start_at_their_priors(seen, later):
    """One more type and one more model, half-way: the same beliefs as with room for them from the start."""
    span = 1.0 + (seen[-1].at if seen else 0.0)
    larger = Priors(
        tokens=np.array([[100.0, 5.0, 3000.0, 40.0]]),
        quality=np.array([np.nan, 0.9, np.nan, 0.6]),
        weight=np.array([0.0, 5.0, 0.0, 2.0]),
    )
    grown, roomy = beliefs_of(), Beliefs((1, TYPES + 1, MODELS + 1), larger, CALM)
    for outcome in seen:
        for beliefs in (grown, roomy):
            beliefs.observe(**outcome.args(), at=outcome.at)
    grown.refresh(span)
    known = numbers(grown)
    grown.grow(TYPES + 1, larger, span)
    assert grown.shape == (1, TYPES + 1, MODELS + 1)
    for name in ("alpha", "beta", "prior", "tokens", "n"):
        np.testing.assert_allclose(numbers(grown)[name][:, :TYPES, :MODELS], known[name], rtol=1e-12)
    usual = grown.success.prior[0, TYPES, 3]
    assert usual == pytest.approx(0.6)  # on a type that nothing is known of, a model is what its own prior says
    for outcome in [*later, Seen(TYPES, MODELS, span, 0, 1.0, 10.0)]:
        at = span + outcome.at
        for beliefs in (grown, roomy):
            beliefs.observe(**outcome.args(), at=at)
    for beliefs in (grown, roomy):
        beliefs.refresh(span + 1e3)
    assert_same(grown, roomy)


def test_what_is_taken_over_late_is_withdrawn_as_what_was_there_already():
    rng = np.random.default_rng(3)
    for _ in range(30):
        steps = []
        for _ in range(12):
            cell, at = Cells(*rng.integers([[1], [TYPES], [MODELS]])), float(rng.integers(0, 50))
            if rng.random() < 0.5:
                steps.append(("add", cell, at, rng.random(1)))
            else:
                steps.append(("grant", cell, at, rng.random((6, 1))))
        for kind, type_ in (("drift", None), ("reset", None), ("reset", 1), ("version", None)):
            keep, index = (0.0 if kind == "reset" else 0.2), int(rng.integers(TYPES if kind == "version" else MODELS))
            at = float(rng.integers(0, 50)) + 0.5
            steps.append(("event", None, at, Event(kind, at, index, keep, type=type_)))
        found, as_it_came = [], sorted(steps, key=lambda step: step[2])
        for order in (as_it_came, sorted(steps, key=lambda step: step[0] != "event")):
            beliefs = Beliefs((1, TYPES, MODELS), Priors(tokens=np.ones((1, MODELS))), CALM)
            for what, cell, at, value in order:
                if what == "event":
                    beliefs.apply(value)
                elif what == "add":
                    beliefs.add(cell, at=at, score=value, tokens=value)
                else:
                    beliefs.grant(cell, value, at)
                    beliefs.grant(cell, value, at)
                    beliefs.grant(cell, -value, at)
            sums = beliefs.success.evidence.now(50.0), beliefs.tokens.evidence.now(50.0)
            found.append(np.concatenate([*sums, beliefs.n[None]]))
        np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)
