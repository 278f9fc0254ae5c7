"""Success: beliefs that match the joint model, and kappa, small enough to verify by hand."""

import numpy as np
import pytest

from selector.posteriors import Cells, Evidence, Joint, Priors, Success


def success_of(scores, *, quality=None, weight=None, half_life=np.inf):
    """Build the success beliefs of one seed from scores per (type, model)."""
    types, models = 1 + max(x for x, _ in scores), 1 + max(k for _, k in scores)
    evidence = Evidence(3, (1, types, models), half_life)
    quality = np.full(models, np.nan) if quality is None else np.array(quality)
    weight = np.zeros(models) if weight is None else np.array(weight)
    success = Success(evidence, Priors(tokens=np.ones((1, models)), quality=quality, weight=weight))
    for (x, k), cell in scores.items():
        for r in cell:
            evidence.add(Cells(*np.array([[0], [x], [k]])), np.array([[1.0], [r], [r * r]]), at=0.0)
    success.refresh(0.0)
    return success


def test_before_any_outcome_every_model_is_believed_at_three_quarters_with_some_four_pseudo_outcomes():
    """Variances of .78 for models and .23 for cells, in log-odds: 1 / (1.01 x .75 x .25) - 1."""
    success = success_of({(0, 0): [], (1, 1): []})
    np.testing.assert_allclose(success.mean, 0.75, rtol=1e-12)
    np.testing.assert_allclose(success.alpha + success.beta, 1 / (1.01 * 0.1875) - 1, rtol=1e-12)
    np.testing.assert_allclose(success.strength, success.alpha + success.beta)


def test_a_belief_has_the_mean_and_the_variance_of_the_joint_model():
    success = success_of({(0, 0): [1, 1, 0, 1] * 5, (1, 0): [1, 0, 1, 0], (0, 1): [1, 0], (1, 1): []})
    n, total, _ = success.evidence.now(0.0)
    center, weight = np.full(2, np.nan), np.zeros(2)
    joint = Joint(n, total / np.maximum(n, 1), center, weight, np.zeros((2, 2)))
    p = 1 / (1 + np.exp(-joint.eta))
    np.testing.assert_allclose(success.mean, p, rtol=1e-12)
    strength = success.alpha + success.beta
    np.testing.assert_allclose(p * (1 - p) / (strength + 1), joint.variance * (p * (1 - p)) ** 2, rtol=1e-12)
    assert (success.strength <= strength).all()
    assert success.strength[0, 1, 1] == pytest.approx(strength[0, 1, 1])
    assert success.prior[0, 1, 1] == pytest.approx(success.mean[0, 1, 1])


def test_a_models_own_prior_takes_the_place_of_the_pool_and_its_weight_holds_it():
    light = success_of({(0, 0): [1, 0] * 5, (0, 1): [1] * 9}, quality=[0.9, np.nan], weight=[0.0, 0.0])
    heavy = success_of({(0, 0): [1, 0] * 5, (0, 1): [1] * 9}, quality=[0.9, np.nan], weight=[60.0, 0.0])
    assert success_of({(0, 0): []}, quality=[0.9], weight=[6.0]).mean[0, 0, 0] == pytest.approx(0.9)
    assert light.mean[0, 0, 0] < heavy.mean[0, 0, 0] - 0.05
    assert heavy.strength[0, 0, 0] > light.strength[0, 0, 0]


def test_a_model_without_a_prior_of_its_own_leans_on_the_others():
    high, low = success_of({(0, 0): [1] * 50, (0, 1): []}), success_of({(0, 0): [0, 1] * 25, (0, 1): []})
    assert high.prior[0, 0, 1] > 0.85
    assert low.prior[0, 0, 1] < 0.65


@pytest.mark.parametrize(("scores", "limit"), [([1.0] * 5000, 0.99), ([0.0] * 5000, 0.01)])
def test_a_believed_success_stays_between_one_and_ninety_nine_hundredths(scores, limit):
    assert success_of({(0, 0): scores}).mean[0, 0, 0] == pytest.approx(limit, abs=0.005)


def test_outcomes_learnt_elsewhere_count_and_are_never_forgotten():
    learnt = np.zeros((3, 1, 2))
    learnt[:, 0, 1] = [30.0, 27.0, 27.0]
    priors = Priors(tokens=np.ones((1, 2)), learnt=learnt)
    success = Success(Evidence(3, (1, 1, 2), 10.0), priors)
    before = success.mean.copy()
    assert before[0, 0, 1] > before[0, 0, 0]
    success.refresh(10_000.0)
    np.testing.assert_allclose(success.mean, before, rtol=1e-12)
    assert success.n_published(Cells(*np.array([[0], [0], [1]]))).tolist() == [0.0]


def test_kappa_is_one_for_scores_of_zero_and_one():
    assert success_of({(0, 0): [1, 0] * 40}).kappa.tolist() == [1.0]


def test_kappa_matches_the_variance_of_graded_scores_by_hand():
    """11 of .2 and 11 of .8: binary 21 x .25, residual 22 x .09; (5.25 + 5) / (1.98 + 5 x .3)."""
    success = success_of({(0, 0): [0.2, 0.8] * 11})
    kappa = 10.25 / 3.48
    assert success.kappa[0] == pytest.approx(kappa)
    own = (success.alpha + success.beta - success.strength)[0, 0, 0]
    assert own == pytest.approx(kappa * 22, rel=0.1)


def test_kappa_is_one_below_twenty_degrees_of_freedom():
    """20 outcomes of one cell have 19; one more outcome makes 20. Cells with a single outcome have none."""
    assert success_of({(0, 0): [0.2, 0.8] * 10}).kappa.tolist() == [1.0]
    assert success_of({(0, 0): [*[0.2, 0.8] * 10, 0.5]}).kappa[0] > 2
    assert success_of({(x, 0): [0.5] for x in range(40)}).kappa.tolist() == [1.0]


def test_kappa_stays_between_one_and_four():
    """Constant scores: (5 + 5) / 1.5 is above 4. Thirty cells of {0, 1}, one graded: below 1."""
    assert success_of({(0, 0): [0.5] * 21}).kappa.tolist() == [4.0]
    pairs = {(x, 0): [0, 1] for x in range(30)}
    assert success_of({**pairs, (30, 0): [0.5]}).kappa.tolist() == [1.0]


def test_a_broken_cell_falls_back_to_its_prior_and_is_counted():
    success = success_of({(0, 0): [1, 0, 1], (0, 1): [1]})
    success.evidence.add(Cells(*np.zeros((3, 1), int)), np.full((3, 1), np.nan), at=0.0)
    success.refresh(0.0)
    assert success.n_repaired > 0
    assert np.isfinite(success.mean).all()
    assert ((success.mean > 0) & (success.mean < 1)).all()


def test_what_is_believed_changes_at_a_refresh_and_not_before():
    success, cell = success_of({(0, 0): [1, 0], (0, 1): [1]}), Cells(*np.zeros((3, 1), int))
    alpha, beta = success.alpha.copy(), success.beta.copy()
    success.evidence.add(cell, np.ones((3, 1)), at=0.0)
    assert (success.alpha == alpha).all()
    assert (success.beta == beta).all()
    success.refresh(0.0)
    assert success.alpha[0, 0, 0] > alpha[0, 0, 0] + 1


def test_the_outcomes_behind_what_was_published_are_those_of_the_last_refresh():
    success = success_of({(0, 0): [0.2, 0.8] * 15, (0, 1): [1]}, weight=[0.0, 3.0])
    cells = Cells(np.zeros(2, int), np.zeros(2, int), np.arange(2))
    success.evidence.add(cells, np.ones((3, 2)), at=0.0)
    np.testing.assert_allclose(success.n_published(cells), [30.0, 1.0])
