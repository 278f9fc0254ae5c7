"""Success: the pooled prior and kappa, small enough to verify by hand."""

from fractions import Fraction

import numpy as np
import pytest

from selector.posteriors import Cells, Evidence, Success


def success_of(scores, *, quality=None, weight=None, half_life=np.inf):
    """Build the success beliefs of one seed from scores per (type, model)."""
    types, models = 1 + max(x for x, _ in scores), 1 + max(k for _, k in scores)
    evidence = Evidence(3, (1, types, models), half_life)
    quality = np.full(models, np.nan) if quality is None else np.array(quality)
    success = Success(evidence, quality, np.zeros(models) if weight is None else np.array(weight))
    for (x, k), cell in scores.items():
        for r in cell:
            evidence.add(Cells(*np.array([[0], [x], [k]])), np.array([[1.0], [r], [r * r]]), at=0.0)
    success.refresh(0.0)
    return success


def test_before_any_outcome_every_model_is_believed_at_three_quarters_with_eight_pseudo_outcomes():
    success = success_of({(0, 0): [], (1, 1): []})
    assert success.mean.tolist() == [[[0.75, 0.75], [0.75, 0.75]]]
    assert (success.alpha + success.beta == 8).all()


def test_the_pooled_prior_by_hand():
    """Model A: 4 of 4 and 2 of 4; model B: 1 of 2 on the first type, nothing on the second."""
    success = success_of({(0, 0): [1, 1, 1, 1], (1, 0): [1, 0, 1, 0], (0, 1): [1, 0], (1, 1): []})
    pool = Fraction(7 * 2 + 3, 2 * 12)  # (7 + 2 3/4) / (10 + 2) = 17/24
    a, b = (6 + 2 * pool) / 10, (1 + 2 * pool) / 4  # each model overall: 89/120 and 29/48
    easy = (4 - 4 * a + 1 - 2 * b) / (6 + 10)  # 33/640
    hard = (2 - 4 * a) / (4 + 10)  # -29/420
    assert (pool, a, b, easy, hard) == (
        Fraction(17, 24),
        Fraction(89, 120),
        Fraction(29, 48),
        Fraction(33, 640),
        Fraction(-29, 420),
    )
    prior = [[a + easy, b + easy], [a + hard, b + hard]]
    np.testing.assert_allclose(success.prior[0], np.array(prior, float), rtol=1e-14)
    n, total = [[4, 2], [4, 0]], [[4, 1], [2, 0]]
    alpha = [[8 * prior[x][k] + total[x][k] for k in (0, 1)] for x in (0, 1)]
    beta = [[8 * (1 - prior[x][k]) + n[x][k] - total[x][k] for k in (0, 1)] for x in (0, 1)]
    np.testing.assert_allclose(success.alpha[0], np.array(alpha, float), rtol=1e-14)
    np.testing.assert_allclose(success.beta[0], np.array(beta, float), rtol=1e-14)


def test_a_models_own_prior_takes_the_place_of_the_pool_and_its_weight_counts_as_outcomes():
    """Quality .9 behind 6 pseudo-outcomes, 1 of 2 seen: m = (1 + 8 x .9) / (2 + 8) = .82, s0 = 14."""
    success = success_of({(0, 0): [1, 0]}, quality=[0.9], weight=[6.0])
    hardness = (1 - 2 * 0.82) / (2 + 10)
    assert success.prior[0, 0, 0] == pytest.approx(0.82 + hardness)
    assert success.alpha[0, 0, 0] == pytest.approx(14 * (0.82 + hardness) + 1)
    assert success.beta[0, 0, 0] == pytest.approx(14 * (0.18 - hardness) + 1)


def test_a_model_without_a_prior_of_its_own_leans_on_the_others():
    success = success_of({(0, 0): [1] * 50, (0, 1): []})
    pool = (50 + 1.5) / 52
    hardness = (50 - 50 * (50 + 2 * pool) / 52) / 60
    assert success.prior[0, 0, 1] == pytest.approx(min(pool + hardness, 0.98))


@pytest.mark.parametrize(("scores", "limit"), [([1.0] * 500, 0.98), ([0.0] * 500, 0.02)])
def test_the_prior_mean_stays_between_two_and_ninety_eight_hundredths(scores, limit):
    assert success_of({(0, 0): scores}).prior[0, 0, 0] == limit


def test_kappa_is_one_for_scores_of_zero_and_one():
    assert success_of({(0, 0): [1, 0] * 40}).kappa.tolist() == [1.0]


def test_kappa_matches_the_variance_of_graded_scores_by_hand():
    """11 of .2 and 11 of .8: binary 21 x .25, residual 22 x .09; (5.25 + 5) / (1.98 + 5 x .3)."""
    success = success_of({(0, 0): [0.2, 0.8] * 11})
    kappa = 10.25 / 3.48
    assert success.kappa[0] == pytest.approx(kappa)
    assert success.alpha[0, 0, 0] == pytest.approx(8 * success.prior[0, 0, 0] + kappa * 11)
    assert success.beta[0, 0, 0] == pytest.approx(8 * (1 - success.prior[0, 0, 0]) + kappa * 11)


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
