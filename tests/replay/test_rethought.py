"""Our own policy worked out again from a log: the probabilities it had, and what it would do at another price."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.decision import Decider, Setup
from selector.errors import DataError, UnknownModelError
from selector.posteriors import Cells, Priors
from selector.replay import (
    Columns,
    LoggedArrays,
    Sampling,
    arrays,
    departure,
    evaluate,
    for_budget,
    frozen_at,
    greedy_at,
    load,
    load_foreign,
    ours,
    price_before,
    row_at,
    uniform,
)
from selector.replay.targets._winning import Wins

pa = pytest.importorskip("pyarrow")

MODELS = {
    "small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.4},
    "middle": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 4},
    "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15},
}
GOOD = {"small": 0.55, "middle": 0.7, "large": 0.85}


class Clock:
    """A clock that goes on by a second each time."""

    now = 1.7e9

    def __call__(self):
        self.now += 1.0
        return self.now


def served(folder, n, *, lengths, **config):
    """Let a selector under a budget serve n tasks of two types, and load its log."""
    rng = np.random.default_rng(11)
    config = {"models": MODELS, "budgets": [{"usd_per_request": 0.004}], **config}
    with Selector.open(config, state=folder, seed=5, clock=Clock()) as selector:
        for i in range(n):
            length = int(rng.integers(100, 2000)) if lengths else None
            one = selector.select(Task("ab"[i % 2], input_tokens=length))
            score, out = float(rng.random() < GOOD[one.model]), int(rng.integers(50, 600))
            selector.record(one, Outcome(input_tokens=700, output_tokens=out, score=score, source="tests"))
    return load(folder)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Give the arrays of a log whose tasks have lengths."""
    return arrays(served(tmp_path_factory.mktemp("log") / "state", 700, lengths=True))


def made(n=400, k=3, types=2, seed=0, **columns):
    """Make a log of random beliefs, each published for eight decisions."""
    rng = np.random.default_rng(seed)
    of = np.arange(n) // 8
    wide = np.full((n, k), 1 / k)
    base = {
        "arm": rng.integers(k, size=n),
        "reward": rng.integers(2, size=n).astype(float),
        "cost_usd": np.full(n, 0.01),
        "propensity": np.full(n, 1 / k),
        "probabilities": wide,
        "mean_reward": rng.uniform(0.3, 0.9, (n, k))[of],
        "mean_cost_usd": rng.uniform(0.5, 1.5, (n, 1)) * np.geomspace(0.001, 0.02, k),
        "type": of % types,
        "models": tuple(f"m{i}" for i in range(k)),
        "task_types": tuple(f"t{i}" for i in range(types)),
        "strength": rng.uniform(10, 200, (n, k))[of],
        "shadow_price": np.full(n, 10.0),
    }
    return LoggedArrays(**base | columns).checked()


def usd(target, log):
    return float((target(log) * log.mean_cost_usd).sum(1).mean())


def test_shares_are_those_of_a_decider_with_the_same_beliefs_to_the_noise_of_both():
    """200 deciders whose columns are all fresh: the mean squared difference is 2 p (1 - p) / 256.

    Some 350 shares: the ratio has a standard deviation below .1; outside .6 to 1.4 less than once in 10,000 runs.
    """
    n_seeds, k, rng = 200, 5, np.random.default_rng(3)
    setup = Setup(priors=Priors(tokens=np.full((n_seeds, k), 0.01)), n_types=1)
    decider = Decider(setup, list(range(n_seeds)))
    seeds, models = (each.ravel() for each in np.meshgrid(np.arange(n_seeds), np.arange(k), indexing="ij"))
    for _ in range(8):
        score = (rng.random(n_seeds * k) < 0.6).astype(float)
        cells = Cells(seeds, np.zeros(n_seeds * k, int), models)
        decider.observe(cells, at=1.0, now=1.0, score=score, tokens=np.full(len(score), 0.01), n_outcomes=k)
    decider.refresh(1.0, whole=True)
    decider.allowance.f[:] = 0.0
    theirs = decider.probabilities(np.zeros(n_seeds, int))
    alpha, beta = (getattr(decider.beliefs.success, name)[:, 0] for name in ("alpha", "beta"))
    every = np.ones(alpha.shape, bool)
    mine = Wins(k, Sampling()).shares(alpha / (alpha + beta), alpha + beta, np.zeros(alpha.shape), every)
    both = (mine + theirs) / 2
    some = (both > 0.05) & (both < 0.95)
    mine, theirs, both = mine[some], theirs[some], both[some]
    ratio = ((mine - theirs) ** 2 / (2 * both * (1 - both) / 256)).mean()
    assert len(both) > 150
    assert 0.6 < ratio < 1.4


def test_shares_of_draws_are_right_on_average_over_beliefs():
    """200 pairs of beliefs against sums over a grid: the mean difference is within 4 standard errors of 0."""
    from scipy.special import betainc, betaincinv

    rng, n = np.random.default_rng(0), 200
    mean, strength = rng.uniform(0.2, 0.8, (n, 2)), rng.uniform(10, 300, (n, 2))
    paid = rng.uniform(0, 0.2, (n, 2))
    mine = Wins(2, Sampling()).shares(mean, strength, paid, np.ones((n, 2), bool))[:, 0]
    a, b = 4 * strength * mean, 4 * strength * (1 - mean)
    u = (np.arange(400) + 0.5) / 400
    first = betaincinv(a[:, :1], b[:, :1], u) - paid[:, :1] + paid[:, 1:]
    truth = betainc(a[:, 1:], b[:, 1:], np.clip(first, 0, 1)).mean(1)
    se = np.sqrt((truth * (1 - truth) / 256).sum()) / n
    assert abs((mine - truth).mean()) < 4 * se
    assert np.abs(mine - truth).max() < 5 * 0.5 / 16


def test_on_a_log_as_it_is_it_chooses_as_the_selector_did(tmp_path):
    """Without a floor, on tasks whose cost is their type's: nothing but draws is between the two.

    The live columns are drawn anew only once beliefs have moved, so single shares differ by somewhat more than fresh
    draws do (.05 against .035); on average over 125 beliefs they do not: over eight other histories the largest mean
    difference had a standard deviation of .008, and .03 is almost four of them.
    """
    table = served(tmp_path / "state", 500, lengths=False, policy={"name": "thompson", "floor": 0})
    log = arrays(table)
    assert table["probabilities_exact"].to_pylist() == [True] * 500
    mine = ours(sampling=Sampling(sharpness=2))(log)
    _, first = np.unique(log.mean_reward, axis=0, return_index=True)
    differences = (mine - log.probabilities)[first]
    assert len(first) > 100
    assert np.abs(differences.mean(0)).max() < 0.03
    assert np.sqrt((differences**2).mean()) < 0.08
    assert departure(log, ours(sampling=Sampling(sharpness=2))) < 0.1
    assert departure(log, ours(price=0.0)) > 0.2


def test_of_tasks_with_lengths_it_says_the_propensity_of_each(log):
    """The mean of p/e over what was chosen is 1 where p is a policy that the log covers."""
    mine = ours(sampling=Sampling(floor=0.02))(log)[np.arange(log.n), log.arm]
    assert 0.9 < (mine / log.propensity).mean() < 1.1
    assert np.abs(mine - log.propensity).mean() < 0.06


@pytest.mark.parametrize("size", [1, 7, 50])
def test_a_log_in_pieces_has_the_same_probabilities_as_the_whole(size):
    log = made(n=80)
    for target in (ours(dearer=3.0), ours(without=["m0"]), frozen_at(log, 40), greedy_at(log, 40)):
        whole = target(log)
        np.testing.assert_array_equal(np.concatenate([target(piece) for _, piece in log.chunks(size)]), whole)
    other = ours(sampling=Sampling(seed=1))(log)
    assert (other != ours()(log)).any()
    np.testing.assert_array_equal(other, ours(sampling=Sampling(seed=1))(log))


def test_memory_does_not_grow_with_the_log():
    log = made(n=40_000)
    target = ours()
    target(log.take(slice(0, 10)))
    tracemalloc.start()
    try:
        target(log)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # the utilities of all its draws would be 123 MB


def test_removed_models_are_never_chosen_and_the_others_draw_as_before():
    log = made()
    p = ours(without=["m2", "m2"])(log)
    assert (p[:, 2] == 0).all()
    np.testing.assert_allclose(p.sum(1), 1)
    assert (p[:, :2] >= ours()(log)[:, :2] - 1e-12).all()  # who won a row without it won it with the same draws
    with pytest.raises(UnknownModelError, match="did you mean 'm2'"):
        ours(without=["m22"])(log)
    with pytest.raises(DataError, match="leave at least one"):
        ours(without=log.models)(log)
    with pytest.raises(DataError, match=r"as \['m2'\]"):
        ours(without="m2")


def test_where_only_removed_models_could_serve_any_other_is_chosen():
    log = made(n=8)
    may = np.tile([True, False, False], (8, 1))
    p = np.tile([1.0, 0.0, 0.0], (8, 1))
    log = replace(log, eligible=may, probabilities=p, propensity=np.ones(8), arm=np.zeros(8, int))
    log = replace(log, strength=np.where(may, 20.0, np.nan))
    np.testing.assert_array_equal(ours(without=["m0"])(log), np.tile([0, 0.5, 0.5], (8, 1)))
    np.testing.assert_array_equal(frozen_at(log, 4, without=["m0"])(log), np.tile([0, 0.5, 0.5], (8, 1)))


def test_where_nothing_was_published_it_chooses_as_was_chosen():
    log = made(n=16)
    strength = log.strength.copy()
    strength[3] = np.nan
    p = np.tile([0.2, 0.3, 0.5], (16, 1))
    log = replace(log, strength=strength, probabilities=p, propensity=p[np.arange(16), log.arm])
    np.testing.assert_array_equal(ours()(log)[3], [0.2, 0.3, 0.5])
    np.testing.assert_allclose(ours(without=["m0"])(log)[3], [0, 0.375, 0.625])


def test_where_a_rule_left_no_choice_it_is_held(tmp_path):
    """A rule, and tasks that are not to be explored with: every other policy but a fixed one does as was done."""
    rules = [{"condition": "labels contains 'hot'", "model": "large"}]
    with Selector.open({"models": MODELS, "rules": rules}, state=tmp_path / "s", seed=1, clock=Clock()) as selector:
        for i in range(60):
            one = selector.select(Task("a", labels=["hot"] if i % 3 == 0 else [], explore=i % 3 != 1))
            selector.record(one, Outcome(output_tokens=100, score=i % 2))
    held = arrays(load(tmp_path / "s"))
    free = replace(held, eligible=~np.isnan(held.mean_reward))
    forced = np.arange(60) % 3 < 2
    for target in (ours(), uniform, frozen_at(held, 30), greedy_at(held, 30)):
        np.testing.assert_array_equal(target(held)[forced], held.probabilities[forced])
    assert (ours()(free)[forced] != free.probabilities[forced]).any()
    np.testing.assert_array_equal(ours()(held)[~forced], ours()(free)[~forced])
    assert (ours(without=["large"])(held)[:, held.models.index("large")] == 0).all()


def test_a_price_held_moved_or_given():
    log = made()
    np.testing.assert_array_equal(ours()(log), ours(price=10.0)(log))
    np.testing.assert_array_equal(ours(dearer=-10.0)(log), ours(price=0.0)(log))
    np.testing.assert_array_equal(ours(dearer=-50.0)(log), ours(price=0.0)(log))
    bare = replace(log, shadow_price=None)
    np.testing.assert_array_equal(ours()(bare), ours(price=0.0)(log))
    assert usd(ours(dearer=20.0), log) < usd(ours(), log) < usd(ours(dearer=-5.0), log)
    for wrong in ({"price": -1.0}, {"price": np.nan}, {"dearer": np.nan}):
        with pytest.raises(DataError, match=next(iter(wrong))):
            ours(**wrong)


def test_a_floor_is_spread_over_who_could_serve():
    log = made()
    p = ours(sampling=Sampling(floor=0.3))(log)
    np.testing.assert_allclose(p, 0.7 * ours()(log) + 0.1)
    for name, wrong in (("floor", 2.0), ("sharpness", 0.0), ("n_draws", 0), ("seed", -1)):
        with pytest.raises(DataError, match=name):
            Sampling(**{name: wrong})


@pytest.mark.parametrize("part", [0.5, 0.9, 1.3])
def test_a_budget_is_met_by_what_was_believed(log, part):
    """Half of the spend and more of it: the expected cost is within .2 % of what was asked."""
    asked = part * usd(ours(), log)
    fit = for_budget(log, asked)
    assert fit.binds
    assert fit.believed_usd == pytest.approx(asked, rel=2e-3)
    assert usd(ours(dearer=fit.dearer), log) == pytest.approx(fit.believed_usd)
    assert (fit.dearer > 0) == (part < 1)


def test_a_budget_that_does_not_bind_or_cannot_be_met_says_so(log):
    loose = for_budget(log, 1.0)
    assert not loose.binds
    assert loose.believed_usd == pytest.approx(usd(ours(price=0.0), log))
    np.testing.assert_array_equal(ours(dearer=loose.dearer)(log), ours(price=0.0)(log))
    assert "does not bind" in str(loose)
    cheapest = float(np.where(log.may, log.mean_cost_usd, np.inf).min(1).mean())
    assert loose.least_usd == pytest.approx(cheapest, rel=1e-6)
    with pytest.raises(DataError, match="below what the cheapest eligible models cost"):
        for_budget(log, 0.9 * cheapest)
    with pytest.raises(DataError, match="budget_usd: 0"):
        for_budget(log, 0.0)


def test_frozen_beliefs_are_the_last_ones_before_the_point_and_know_nothing_later(log):
    policy = frozen_at(log, 300)
    for type_ in range(2):
        last = np.flatnonzero(log.type[:300] == type_)[-1]
        np.testing.assert_array_equal(policy.mean[type_], log.mean_reward[last])
        np.testing.assert_array_equal(policy.strength[type_], log.strength[last])
    assert policy.price == price_before(log, 300) == log.shadow_price[299]
    late = np.arange(log.n) >= 300
    changed = replace(
        log,
        mean_reward=np.where(late[:, None], 0.5, log.mean_reward),
        shadow_price=np.where(late, 0.0, log.shadow_price),
        reward=np.where(late, 0.0, log.reward),
    )
    np.testing.assert_array_equal(frozen_at(changed, 300)(log), policy(log))
    assert usd(frozen_at(log, 300, price=0.0), log) > usd(policy, log)


def test_frozen_spends_its_budget_on_the_contexts_before(log):
    policy = frozen_at(log, 400, budget_usd=0.002)
    assert usd(policy, log.take(slice(0, 400))) == pytest.approx(0.002, rel=2e-3)
    assert policy.price == policy.fit.dearer
    greedy = greedy_at(log, 400, budget_usd=0.002)
    assert usd(greedy, log.take(slice(0, 400))) <= 0.002 * 1.001
    with pytest.raises(DataError, match="give one of them"):
        frozen_at(log, 400, price=1.0, budget_usd=0.002)


def test_frozen_without_beliefs_takes_any_of_the_eligible_and_new_models_are_not_chosen():
    log = made(n=160)
    type_ = np.where(np.arange(160) < 80, 0, 1)
    strength = log.strength.copy()
    strength[:80, 2] = np.nan
    log = replace(log, type=type_, strength=strength)
    p = frozen_at(log, 80)(log)
    assert (p[:80, 2] == 0).all()
    np.testing.assert_allclose(p[80:], 1 / 3)
    np.testing.assert_allclose(greedy_at(log, 80)(log)[80:], 1 / 3)


def test_greedy_takes_the_best_mean_less_its_price_and_shares_ties():
    log = made(n=16, types=1)
    even = replace(log, mean_reward=np.tile([0.5, 0.7, 0.7], (16, 1)), mean_cost_usd=np.tile([0, 0.01, 0.01], (16, 1)))
    np.testing.assert_array_equal(greedy_at(even, 8, price=1.0)(even)[0], [0, 0.5, 0.5])
    np.testing.assert_array_equal(greedy_at(even, 8, price=30.0)(even)[0], [1, 0, 0])
    np.testing.assert_allclose(greedy_at(even, 8, price=30.0, floor=0.3)(even)[0], [0.8, 0.1, 0.1])
    np.testing.assert_array_equal(greedy_at(even, 8, without=["m1"], price=1.0)(even)[0], [0, 0, 1])


@pytest.mark.parametrize("row", [0, 16, -1])
def test_a_point_without_decisions_on_both_sides_is_refused(row):
    with pytest.raises(DataError, match="half-way is 8"):
        frozen_at(made(n=16), row)


def test_a_log_of_another_program_has_no_strengths_and_says_what_to_take():
    rows = pa.table({"at": [float(i) for i in range(6)], "kind": ["a"] * 6, "llm": ["x", "y"] * 3, "ok": [1, 0] * 3})
    mapped = Columns(at="at", task_type="kind", model="llm", score="ok", propensity="p")
    table = load_foreign(rows.append_column("p", pa.array([0.5] * 6)), mapped)
    log = arrays(table)
    for call in (lambda: ours()(log), lambda: frozen_at(log, 3), lambda: for_budget(log, 1.0)):
        with pytest.raises(DataError, match="does not say how strong beliefs were"):
            call()
    np.testing.assert_array_equal(greedy_at(log, 3)(log), np.tile([1.0, 0.0], (6, 1)))
    assert row_at(table, 3) == row_at(table, "1970-01-01T00:00:02.5") == 3
    for when, side in ((0, "before"), ("1970-01-02", "after")):
        with pytest.raises(DataError, match=f"was made {side} it"):
            row_at(table, when)


def test_they_are_targets_of_evaluate(log):
    late = log.take(slice(300, None))
    found = evaluate(late, {"ours": ours(), "frozen": frozen_at(log, 300), "without large": ours(without=["large"])})
    assert found.estimate("ours").value == pytest.approx(found.estimate("logging").value, abs=0.05)
    assert found.estimate("without large").value < found.estimate("ours").value + 0.05


def test_a_policy_frozen_on_another_log_is_refused(log):
    with pytest.raises(DataError, match="load both parts as one log"):
        frozen_at(log, 300)(made())
