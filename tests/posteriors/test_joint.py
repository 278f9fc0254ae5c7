"""The joint model: its estimates solve its equations, and what they must not depend on they do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.posteriors import Families, Joint, _joint
from selector.posteriors._joint import logit, sigmoid

KNOWN = np.array([np.nan, np.nan, 1.2, np.nan])


def joint_of(n, mean, center=None, weight=None, published=None, names=()):
    models, types = n.shape[-1], n.shape[-2]
    center = np.full(models, np.nan) if center is None else center
    weight = np.zeros(models) if weight is None else weight
    published = np.zeros((types, models)) if published is None else published
    return Joint(n, mean, center, weight, published, Families.of(names))


def drawn(seed, shape=(2, 3, 4), most=30):
    rng = np.random.default_rng(seed)
    return rng.integers(0, most, shape).astype(float), rng.uniform(0.1, 0.9, shape)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("published", [False, True])
def test_at_rest_each_effect_balances_what_outcomes_and_its_prior_say(monkeypatch, seed, published):
    """The derivative of the penalised likelihood is zero: sum of n (mean - p) against effect over variance."""
    monkeypatch.setattr(_joint, "_SWEEPS", 3000)
    n, mean = drawn(seed)
    figures = np.random.default_rng(seed).normal(0, 1, (3, 4)) if published else None
    weight = np.array([0.0, 0.0, 6.0, 0.0])
    joint = joint_of(n, mean, KNOWN, weight, figures)
    surprise = n * (mean - sigmoid(joint.eta))
    of_models, of_types, of_cells, _ = joint._var
    own = 1 / of_models[:, None] + np.where(np.isnan(KNOWN), 0.0, weight * 0.1875)
    center = np.where(np.isnan(KNOWN), 0.0, KNOWN - joint._level[:, None])
    np.testing.assert_allclose(surprise.sum(1), own * (joint._ability - center), atol=1e-6)
    np.testing.assert_allclose(surprise.sum(2), joint._ease / of_types[:, None], atol=1e-6)
    np.testing.assert_allclose(surprise, joint._fit / of_cells[:, None, None], atol=1e-6)


def test_the_variance_of_a_model_tried_on_one_type_by_hand():
    """40 outcomes at one half, nothing else: precision 10 against the fit, and the fit against the ability."""
    joint = joint_of(np.full((1, 1, 1), 40.0), np.full((1, 1, 1), 0.5))
    of_models, _, of_cells, _ = (float(v[0]) for v in joint._var)
    p = float(sigmoid(joint.eta[0, 0, 0]))
    heard = 40 * p * (1 - p)
    assert joint.variance[0, 0, 0] == pytest.approx(1 / (heard + 1 / (of_models + of_cells)), rel=0.05)


@given(st.integers(0, 999))
def test_seeds_do_not_mix(seed):
    n, mean = drawn(seed)
    both, alone = joint_of(n, mean), joint_of(n[1:], mean[1:])
    np.testing.assert_allclose(both.eta[1], alone.eta[0], rtol=1e-12)
    np.testing.assert_allclose(both.variance[1], alone.variance[0], rtol=1e-12)


@given(st.integers(0, 999), st.permutations(range(4)), st.permutations(range(3)))
def test_the_order_of_models_and_types_is_of_no_matter(seed, models, types):
    n, mean = drawn(seed)
    turned = joint_of(n[:, types][:, :, models], mean[:, types][:, :, models])
    straight = joint_of(n, mean)
    np.testing.assert_allclose(turned.eta, straight.eta[:, types][:, :, models], rtol=1e-9, atol=1e-9)


@given(st.integers(0, 999))
def test_models_and_types_without_outcomes_change_nothing(seed):
    n, mean = drawn(seed)
    more = np.zeros((2, 5, 6))
    more[:, :3, :4] = n
    score = np.full((2, 5, 6), 0.3)
    score[:, :3, :4] = mean
    roomy, tight = joint_of(more, score), joint_of(n, mean)
    np.testing.assert_allclose(roomy.eta[:, :3, :4], tight.eta, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(roomy.variance[:, :3, :4], tight.variance, rtol=1e-9)
    assert (roomy.variance[:, 3:] > tight.variance.min()).all()


@given(st.integers(0, 999), st.floats(0.0, 1.0), st.integers(0, 11))
def test_one_more_success_never_lowers_its_own_cell(seed, first, cell):
    n, mean = drawn(seed, (1, 3, 4))
    place = (0, *np.unravel_index(cell, (3, 4)))
    mean[place] = first
    more, higher = n.copy(), mean.copy()
    more[place] += 5
    higher[place] = (n[place] * mean[place] + 5) / more[place]
    assert joint_of(more, higher).eta[place] >= joint_of(n, mean).eta[place] - 1e-3


def test_a_model_good_on_one_type_is_expected_to_be_good_on_another():
    n, mean = np.array([[[60.0, 60.0], [0.0, 0.0]]]), np.array([[[0.9, 0.4], [0.0, 0.0]]])
    good, bad = sigmoid(joint_of(n, mean).eta[0, 1])
    assert good - bad > 0.2


def test_outcomes_that_are_all_good_or_all_bad_stay_finite():
    for score in (0.0, 1.0):
        joint = joint_of(np.full((1, 2, 3), 1e6), np.full((1, 2, 3), score))
        assert np.isfinite(joint.eta).all()
        assert (joint.variance > 0).all()
        assert abs(sigmoid(joint.eta) - score).max() < 0.02


class TestPublished:
    """Published figures are believed as far as they have predicted."""

    FIGURES = np.tile(np.linspace(-1.5, 1.5, 24), (2, 1))

    def outcomes(self, slope, each=25.0):
        """Two types, 24 models, of which all but two were tried and succeed as the figures times a slope say."""
        n = np.full((1, 2, 24), each)
        n[:, :, [3, 20]] = 0.0
        return n, sigmoid(1.0 + slope * self.FIGURES)[None]

    def test_before_any_outcome_they_order_the_models(self):
        joint = joint_of(np.zeros((1, 2, 24)), np.zeros((1, 2, 24)), published=self.FIGURES)
        assert (np.diff(joint.eta[0, 0]) > 0).all()
        np.testing.assert_allclose(joint.lean, joint.slope[0] * self.FIGURES[None])
        assert joint.slope.tolist() == pytest.approx([0.8])

    @pytest.mark.parametrize(("slope", "low", "high"), [(1.0, 0.8, 1.05), (0.0, -0.05, 0.2), (-1.0, -1.05, -0.6)])
    def test_their_slope_is_learnt(self, slope, low, high):
        assert low < joint_of(*self.outcomes(slope), published=self.FIGURES).slope[0] < high

    def test_those_that_do_not_predict_stop_moving_models_that_were_not_tried(self):
        n, mean = self.outcomes(0.0)
        apart = joint_of(n, mean, published=self.FIGURES).eta[0, 0, [3, 20]]
        first = 0.8 * (self.FIGURES[0, 20] - self.FIGURES[0, 3])
        assert abs(apart[1] - apart[0]) < 0.4 * first

    def test_what_they_still_move_shrinks_with_outcomes(self):
        few, many = (joint_of(*self.outcomes(1.0, n), published=self.FIGURES).lean for n in (3.0, 300.0))
        assert (abs(many[0, :, 0]) < 0.2 * abs(few[0, :, 0])).all()


class TestFamilies:
    """Types whose names begin alike are believed to be more alike than others."""

    NAMES = tuple(f"{family}/{i}" for i in range(6) for family in ("code", "chat", "law", "math"))

    def outcomes(self, each=60.0):
        """Return those of 12 models, each good at two of four families; the last type of each family is new."""
        good = np.array([[(k >> f) % 2 for k in range(1, 13)] for f in range(4)])
        n, mean = np.full((1, 24, 12), each), np.tile(np.where(good, 0.8, 0.5), (6, 1))[None]
        n[:, 20:] = 0.0
        return n, mean, good

    def test_a_new_type_is_believed_to_be_like_its_family(self):
        n, mean, good = self.outcomes()
        alone, told = (sigmoid(joint_of(n, mean, names=names).eta[0, 20:]) for names in ((), self.NAMES))
        apart = [p[good == 1].mean() - p[good == 0].mean() for p in (alone, told)]
        assert apart[1] > apart[0] + 0.1

    def test_what_families_have_in_common_is_learnt(self):
        """Where the types of a family agree, its variance is estimated at many times what it is where they do not."""
        rng = np.random.default_rng(3)
        names = [f"{family}/{i}" for family in "abcd" for i in range(5)]
        n, alike = np.full((1, 20, 6), 80.0), np.repeat(rng.normal(0, 1.2, (4, 6)), 5, axis=0)[None]
        apart = rng.permuted(alike, axis=1)
        common, none = (float(joint_of(n, sigmoid(eta), names=names)._var[3][0]) for eta in (alike, apart))
        assert common > 8 * none

    def test_names_without_a_slash_and_one_family_of_all_change_nothing(self):
        n, mean = drawn(1, (1, 6, 4))
        alone = joint_of(n, mean).eta
        np.testing.assert_array_equal(joint_of(n, mean, names="abcdef").eta, alone)
        np.testing.assert_array_equal(joint_of(n, mean, names=[f"all/{c}" for c in "abcdef"]).eta, alone)

    @pytest.mark.parametrize("seed", range(4))
    def test_at_rest_families_balance_too_on_paths_of_any_depth(self, monkeypatch, seed):
        monkeypatch.setattr(_joint, "_SWEEPS", 3000)
        n, mean = drawn(seed, (2, 7, 4))
        names = ("a/x/1", "a/x/2", "a/y", "a", "b/z/1", "b/z/2", "c")
        joint = joint_of(n, mean, names=names)
        of_models, of_types, of_cells, of_families = joint._var
        surprise = n * (mean - sigmoid(joint.eta))
        np.testing.assert_allclose(surprise, joint._fit / of_cells[:, None, None], atol=1e-6)
        np.testing.assert_allclose(surprise.sum(2), joint._ease / of_types[:, None], atol=1e-6)
        np.testing.assert_allclose(surprise.sum(1), joint._ability / of_models[:, None], atol=1e-6)
        wide, deep = joint._branches
        np.testing.assert_allclose(surprise[:, :4].sum(1), wide.fit[:, 0] / of_families[:, None], atol=1e-6)
        np.testing.assert_allclose(surprise[:, :2].sum(1), deep.fit[:, 0] / of_families[:, None], atol=1e-6)
        np.testing.assert_allclose(surprise[:, 4:6].sum(1), deep.fit[:, 3] / of_families[:, None], atol=1e-6)


def test_without_its_own_outcomes_a_cell_is_believed_as_if_they_had_never_come():
    """To within what the variances, which have heard them, and working responses make of it."""
    n, mean = drawn(5, (1, 4, 6), most=20)
    without = joint_of(n, mean).without(n, mean)
    for x, k in ((0, 0), (2, 3), (3, 5)):
        fewer = n.copy()
        fewer[0, x, k] = 0.0
        assert sigmoid(without[0, x, k]) == pytest.approx(sigmoid(joint_of(fewer, mean).eta[0, x, k]), abs=0.06)


def test_logit_and_sigmoid_undo_each_other_within_the_range():
    p = np.linspace(0.005, 0.995, 50)
    np.testing.assert_allclose(sigmoid(logit(p)), p, rtol=1e-12)
    assert logit(0.0) == logit(0.005)
