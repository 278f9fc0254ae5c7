"""Drift: rarely a false alarm, soon a true one, and an alarm is an event that can be replayed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.posteriors import Beliefs, Cells, Cusum, Event, Learning, Priors

ALARM = 1e-6  # how often each test here would fail if things were just as bad as is allowed
CELL = Cells(*np.zeros((3, 1), int))


def listen(n_seeds, n_outcomes, task, *, shape=(1, 1), seed=0):
    """Replay outcomes through beliefs, forgetting and drift on, refreshed as a decider does.

    ``task(t, rng)`` gives types, models and scores for times t, shape (n_tasks, n_seeds).
    """
    beliefs = Beliefs((n_seeds, *shape), Priors(tokens=np.ones((n_seeds, shape[1]))))
    rng, done = np.random.default_rng(seed), 0
    while done < n_outcomes:
        n = 8 if done < 1000 else 64
        t = np.repeat(done + np.arange(n, dtype=float)[:, None], n_seeds, axis=1)
        types, models, score = task(t, rng)
        cells = Cells(np.tile(np.arange(n_seeds), n), types.ravel(), models.ravel())
        beliefs.observe(cells, at=t.ravel(), score=score.ravel(), tokens=np.full(t.size, np.nan))
        done += n
        beliefs.refresh(float(done))
    return beliefs


def scores(p, graded, rng):
    """Draw scores with mean p: 0 and 1, or Beta(4 p, 4 (1 - p))."""
    return rng.beta(4 * p, 4 * (1 - p)) if graded else (rng.random(p.shape) < p).astype(float)


@pytest.mark.parametrize("graded", [False, True], ids=["binary", "graded"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2)], ids=str)
def test_there_are_at_most_three_tenths_of_a_false_alarm_in_a_thousand_outcomes(graded, shape):
    """160 seeds of 3,000 outcomes for each p: n = 480,000, 144 alarms are allowed; Poisson, false alarm 4e-6."""
    from scipy import stats

    n_seeds, n_outcomes = 160, 3000
    p = np.repeat([0.5, 0.8, 0.95, 0.99], n_seeds)

    def task(t, rng):
        types, models = (rng.integers(n, size=t.shape) for n in shape)
        return types, models, scores(np.broadcast_to(p, t.shape), graded, rng)

    events = listen(len(p), n_outcomes, task, shape=shape, seed=1).events
    alarms = np.bincount([event.seed // n_seeds for event in events], minlength=4)
    assert (alarms <= stats.poisson.isf(ALARM, 0.3e-3 * n_seeds * n_outcomes)).all()


@pytest.mark.parametrize("graded", [False, True], ids=["binary", "graded"])
@pytest.mark.parametrize("before", [400, 1536])
def test_a_new_type_where_a_model_is_worse_fires_at_most_a_fifth_of_the_time(graded, before):
    """500 seeds, three models, one worse by .2 in a type that comes later; 900 outcomes; binomial, 1e-6."""
    from scipy import stats

    rate = np.array([[0.9, 0.85, 0.8], [0.7, 0.85, 0.8]])

    def task(t, rng):
        types, models = np.where(t < before, 0, rng.integers(2, size=t.shape)), rng.integers(3, size=t.shape)
        return types, models, scores(rate[types, models], graded, rng)

    events = listen(500, before + 900, task, shape=(2, 3), seed=2).events
    fired = {event.seed for event in events if event.index == 0 and event.at >= before}
    assert len(fired) <= stats.binom.isf(ALARM, 500, 0.2)


@pytest.mark.parametrize("before", [400, 1984])
@pytest.mark.parametrize(
    ("good", "graded", "within", "power"),
    [
        (0.9, False, 150, 0.95),
        (0.7, False, 400, 0.80),
        (0.5, False, 600, 0.55),
        (0.9, True, 50, 0.95),
        (0.7, True, 75, 0.95),
        (0.5, True, 75, 0.95),
    ],
)
def test_a_silent_drop_of_a_fifth_is_found(good, graded, within, power, before):
    """500 seeds; within so many outcomes of the model, with at least this power; binomial, false alarm 1e-6 each."""
    from scipy import stats

    def task(t, rng):
        zero = np.zeros(t.shape, int)
        return zero, zero, scores(np.where(t < before, good, good - 0.2), graded, rng)

    events = listen(500, before + within, task, seed=3).events
    found = {event.seed for event in events if before <= event.at < before + within}
    assert len(found) >= stats.binom.ppf(ALARM, 500, power)


def test_one_change_is_one_alarm_and_what_came_after_it_counts_in_full():
    """Believed good, then 64 failures before the next refresh: what the alarm withdrew cannot be refuted again."""
    beliefs = Beliefs((1, 1, 1), Priors(tokens=np.ones((1, 1))))
    first, change = np.arange(200.0), 200 + np.arange(64.0)
    for at, score in ((first, np.ones(200) - (first % 10 == 0)), (change, np.zeros(64))):
        cells = Cells(*np.zeros((3, len(at)), int))
        beliefs.observe(cells, at=at, score=score, tokens=np.full(len(at), np.nan))
        beliefs.refresh(float(at[-1]))
    assert len(beliefs.events) == 1
    assert beliefs.success.evidence.now(263.0)[0, 0, 0, 0] > 50
    assert beliefs.success.mean[0, 0, 0] < 0.2


def test_a_drift_alarm_makes_a_models_old_evidence_in_every_type_count_a_twentieth():
    """By hand: 100 outcomes in a type that no longer comes count 5 after an alarm in another type."""
    beliefs = Beliefs((1, 2, 2), Priors(tokens=np.ones((1, 2))), Learning(half_life=np.inf))
    for model in (0, 1):
        cells = Cells(np.zeros(100, int), np.ones(100, int), np.full(100, model))
        beliefs.observe(cells, at=0.0, score=np.ones(100), tokens=np.ones(100))
    for t in range(1, 60):
        beliefs.observe(CELL, at=float(t), score=np.array([float(t < 40)]), tokens=np.ones(1))
        beliefs.refresh(float(t))
        if beliefs.events:
            break
    assert [(event.kind, event.index, event.keep, event.at) for event in beliefs.events] == [("drift", 0, 0.05, t)]
    n = beliefs.success.evidence.now(float(t))[0, 0]
    np.testing.assert_allclose(n, [[0.05 * t, 0], [5, 100]])
    np.testing.assert_allclose(beliefs.tokens.evidence.now(float(t))[0, 0], [[t, 0], [100, 100]])
    assert (beliefs.n[0, 1] == 100).all()


@pytest.mark.parametrize("first", [False, True], ids=["when it was raised", "before everything"])
@pytest.mark.parametrize("block", [1, 8, 64])
def test_a_replayed_event_gives_the_same_beliefs_as_the_alarm_that_raised_it(block, first):
    """Outcomes that come late among them; in replay nothing listens for drift, and events are read from the log."""
    rng, n = np.random.default_rng(6), 640
    at = np.argsort(np.argsort(np.arange(n) + rng.exponential(6, n))).astype(float)
    types, models = rng.integers(2, size=n), rng.integers(2, size=n)
    score = scores(np.where((at > 300) & (models == 0), 0.3, 0.9), graded=True, rng=rng)
    tokens = rng.exponential(100, n)
    live, replayed = (
        Beliefs((1, 2, 2), Priors(tokens=np.full((1, 2), 100.0)), Learning(drift=drift)) for drift in (True, False)
    )
    for start in range(0, n, block):
        part = slice(start, start + block)
        cells = Cells(np.zeros(block, int), types[part], models[part])
        live.observe(cells, at=at[part], score=score[part], tokens=tokens[part])
        live.refresh(float(start + block))
    assert any(event.index == 0 and event.at > 300 for event in live.events)
    for event in live.events if first else ():
        replayed.apply(event)
    for i in range(n):
        cells = Cells(np.zeros(1, int), types[i : i + 1], models[i : i + 1])
        replayed.observe(cells, at=float(at[i]), score=score[i : i + 1], tokens=tokens[i : i + 1])
        heard = at[: i + 1].max()
        for event in live.events if not first else ():
            if event.at == heard and event not in replayed.events:
                replayed.apply(event)
    replayed.refresh(float(n))
    live.refresh(float(n))
    assert {(e.at, e.index) for e in replayed.events} == {(e.at, e.index) for e in live.events}
    for name in ("alpha", "beta", "prior", "kappa"):
        np.testing.assert_allclose(getattr(replayed.success, name), getattr(live.success, name), rtol=1e-9)
    np.testing.assert_allclose(replayed.tokens.mean, live.tokens.mean, rtol=1e-9)


def step(cusum, score, mean=0.9, n=50.0, kappa=1.0):
    return bool(cusum.step(CELL, np.array([score]), np.array([mean]), np.array([n]), np.array([kappa]))[0])


def test_an_alarm_by_hand():
    """M = .9, n = 50: sd^2 = .09 (1 + 8/59), z = -2.815; 2.465 a failure is over 12 at the fifth. Then it is deaf."""
    cusum = Cusum(1, 1)
    assert [step(cusum, 0.0) for _ in range(10)] == [False] * 4 + [True] + [False] * 5
    cusum.deaf[:] = False  # what a refresh does
    assert [step(cusum, 0.0) for _ in range(5)] == [False] * 4 + [True]


def test_a_surprise_is_at_most_three_standard_deviations():
    """M = .99 has a variance of .01 at least: a failure is 9 of its sd and counts 3, less .35."""
    cusum = Cusum(1, 1)
    step(cusum, 0.0, mean=0.99)
    np.testing.assert_allclose(cusum.sums[:, 0, 0], [0.0, 2.65])


def test_it_hears_improvement_as_well_as_decline():
    cusum = Cusum(1, 1)
    assert any(step(cusum, 1.0, mean=0.2) for _ in range(8))


def test_a_narrower_belief_is_more_surprised():
    wide, narrow = Cusum(1, 1), Cusum(1, 1)
    step(wide, 0.4, mean=0.6)
    step(narrow, 0.4, mean=0.6, kappa=4.0)
    assert narrow.sums[1, 0, 0] > wide.sums[1, 0, 0] > 0


def test_cells_with_fewer_than_eight_outcomes_are_not_listened_to():
    cusum = Cusum(1, 1)
    assert not any(step(cusum, 0.0, n=7.99) for _ in range(100))
    assert (cusum.sums == 0).all()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(0, 2), st.floats(0, 1), st.floats(0.02, 0.98), st.sampled_from([7.0, 50.0])
        ),
        max_size=60,
    )
)
def test_outcomes_heard_at_once_are_heard_in_the_order_they_came(outcomes):
    together, apart = Cusum(2, 3), Cusum(2, 3)
    seed, model, score, mean, n = (np.array(column) for column in zip(*outcomes, strict=True)) if outcomes else [[]] * 5
    seed, model = np.asarray(seed, int), np.asarray(model, int)
    score, mean, n = (np.asarray(column, float) for column in (score, mean, n))
    cells = Cells(seed, np.zeros(len(seed), int), model)
    at_once = together.step(cells, score, mean, n, np.ones(len(n)))
    one_by_one = [
        bool(apart.step(Cells(*(part[i : i + 1] for part in cells)), score[[i]], mean[[i]], n[[i]], np.ones(1))[0])
        for i in range(len(seed))
    ]
    assert at_once.tolist() == one_by_one
    np.testing.assert_allclose(together.sums, apart.sums, rtol=1e-12)


def test_growing_keeps_the_sums():
    cusum = Cusum(1, 1)
    step(cusum, 0.0)
    before = cusum.sums[:, 0, 0].copy()
    cusum.grow(3)
    np.testing.assert_array_equal(cusum.sums, np.stack([before, [0, 0], [0, 0]], axis=1)[:, None])


def test_without_drift_nothing_is_heard():
    beliefs = Beliefs((1, 1, 1), Priors(tokens=np.ones((1, 1))), Learning(drift=False))
    for t in range(200):
        beliefs.observe(CELL, at=float(t), score=np.array([float(t < 100)]), tokens=np.ones(1))
        beliefs.refresh(float(t))
    assert beliefs.events == []


def test_an_event_stands_at_its_own_seed_and_says_so():
    beliefs = Beliefs((2, 1, 1), Priors(tokens=np.ones((2, 1))), Learning(half_life=np.inf, drift=False))
    beliefs.observe(Cells(np.arange(2), *np.zeros((2, 2), int)), at=0.0, score=np.ones(2), tokens=np.ones(2))
    beliefs.apply(Event("version", 0.0, 0, 0.2, seed=1))
    assert beliefs.success.evidence.now(0.0)[0, :, 0, 0].tolist() == [1.0, 0.2]
    assert beliefs.events[0].seed == 1
