"""The laws of policies: what a choice, its propensity in the log and every estimate made from it rely on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from selector.policies import Policy, View, inverse_cdf
from selector.testing._views import random_view, reordered, snapshot, stacked

__all__ = ["PolicyLaws"]

_NEAR = 1e-9  # probabilities are sums of shares: they agree up to rounding

Floats = NDArray[np.float64]


class PolicyLaws:
    """What must hold of any policy, as tests to inherit.

    Override `make_policy`, and let pytest find the subclass (its name must start with ``Test``). Each law is tried on
    ``n_views`` random views, always the same ones, among them views where nothing is eligible, views with one arm and
    views with equal arms. Without pytest, `check` runs all laws.

    Attributes
    ----------
    n_views
        On how many random views each law is tried.
    least_arms
        How few arms a view may have; more than one for a policy that names its arms.
    seed
        From which the views are drawn.

    Examples
    --------
    >>> from selector.policies import Greedy, Scored
    >>> class TestGreedy(PolicyLaws):
    ...     def make_policy(self):
    ...         return Greedy()
    >>> TestGreedy().check()

    A law that is broken says what was seen:

    >>> class Forgetful(Scored):
    ...     '''Forget that an arm may be out of service.'''
    ...     name = "forgetful"
    ...     def probabilities(self, view, objective=None):
    ...         return np.full(view.cost.shape, 1 / view.cost.shape[-1])
    >>> class TestForgetful(PolicyLaws):
    ...     def make_policy(self):
    ...         return Forgetful()
    >>> TestForgetful().test_probabilities_sum_to_one_over_the_eligible_arms()
    Traceback (most recent call last):
    AssertionError: eligible arms have 0.5 in all, not 1, with eligible [True, False, ...]
    """

    n_views: ClassVar[int] = 200
    least_arms: ClassVar[int] = 1
    seed: ClassVar[int] = 20_240_501

    def make_policy(self) -> Policy:
        """Return the policy under test, always the same; override this."""
        raise NotImplementedError

    def permuted(self, policy: Policy, order: NDArray[np.intp]) -> Policy:
        """Return what the policy is when arm ``order[j]`` moves to place j; override it if arms are named by index."""
        del order
        return policy

    def check(self) -> None:
        """Try every law; raise AssertionError at the first that is broken."""
        for name in sorted(dir(self)):
            if name.startswith("test_"):
                getattr(self, name)()

    def views(self) -> Iterator[View]:
        """Return the random views that the laws are tried on; override it for views of your own."""
        rng = np.random.default_rng(self.seed)
        for i in range(self.n_views):
            share = (0.7, 1.0, 0.3, 0.0)[i % 4]
            n_arms = int(rng.integers(self.least_arms, self.least_arms + 8))
            yield random_view(rng, n_arms, share_eligible=share, ties=i % 5 == 0)

    def test_it_says_what_it_is(self) -> None:
        """A policy has a name and says whether it explores, looks at draws, by row, and at the price."""
        policy = self.make_policy()
        _require(isinstance(policy, Policy), f"{policy!r} lacks a part of the protocol selector.policies.Policy")
        _require(bool(policy.name), f"{policy!r} has no name")
        for flag in ("explores", "uses_draws", "by_row", "budgeted"):
            _require(isinstance(getattr(policy, flag), bool), f"{flag} of {policy!r} must be True or False")

    def test_no_probability_is_negative(self) -> None:
        """Probabilities are finite and never below zero."""
        for view, p in self._answers():
            _require(p.shape == view.cost.shape, f"probabilities have shape {p.shape}, arms {view.cost.shape}")
            _require(bool(np.isfinite(p).all() and (p >= 0).all()), f"probabilities {p.tolist()}")

    def test_probabilities_sum_to_one_over_the_eligible_arms(self) -> None:
        """All of the probability is on eligible arms; where none is eligible there is none."""
        for view, p in self._answers():
            whole = 1.0 if view.eligible.any() else 0.0
            total = float(p[view.eligible].sum())
            said = f"eligible arms have {total} in all, not {whole:g}, with eligible {view.eligible.tolist()}"
            _require(abs(total - whole) < _NEAR, said)

    def test_an_excluded_arm_is_never_chosen(self) -> None:
        """An arm that is not eligible has probability zero, exactly."""
        for view, p in self._answers():
            said = f"probabilities {p.tolist()} with eligible {view.eligible.tolist()}"
            _require(bool((p[~view.eligible] == 0).all()), said)

    def test_it_keeps_the_least_probability_that_it_promises(self) -> None:
        """Every eligible arm has at least ``least(view)``, and as much can be promised to all of them at once."""
        policy = self.make_policy()
        for view, p in self._answers():
            least, n = np.asarray(policy.least(view)), int(view.eligible.sum())
            _require(least.shape == (), f"least has shape {least.shape} for one choice")
            _require(0 <= float(least) <= 1 / max(n, 1) + _NEAR, f"least is {least} for {n} eligible arms")
            said = f"least is {least} and probabilities {p.tolist()}, with eligible {view.eligible.tolist()}"
            _require(bool((p[view.eligible] >= least - _NEAR).all()), said)

    def test_arms_have_no_order(self) -> None:
        """Arms in another order get the same probabilities in that order."""
        policy, rng = self.make_policy(), np.random.default_rng(self.seed + 1)
        for view, p in self._answers():
            order = rng.permutation(len(p))
            other = self.permuted(policy, order).probabilities(reordered(view, order))
            _same(other, p[order], f"arms in the order {order.tolist()}")

    def test_the_same_view_has_the_same_answer(self) -> None:
        """A policy has no state and no randomness, and leaves the view as it was."""
        policy = self.make_policy()
        for view in self.views():
            before = snapshot(view)
            first, second = policy.probabilities(view), policy.probabilities(view)
            fresh = self.make_policy().probabilities(view)
            said = f"one view had the answers {first.tolist()}, {second.tolist()}, {fresh.tolist()}"
            _require(bool((first == second).all() and (first == fresh).all()), said)
            same = all(np.array_equal(a, b) for a, b in zip(before, snapshot(view), strict=True))
            _require(same, f"{policy!r} changed the view")

    def test_the_same_generator_chooses_the_same_arms(self) -> None:
        """Whoever draws from the probabilities decides: one generator gives one sequence, of possible arms alone."""
        for i, (view, p) in enumerate(self._answers()):
            if not view.eligible.any():
                continue
            first, second = (_sampled(p, np.random.default_rng((self.seed, i))) for _ in range(2))
            _require(bool((first == second).all()), "one generator chose different arms")
            _require(bool((p[first] > 0).all()), f"an arm of probability zero was chosen from {p.tolist()}")

    def test_many_choices_at_once_are_each_choice_by_itself(self) -> None:
        """Leading axes of a view are choices that do not see each other."""
        policy, rng = self.make_policy(), np.random.default_rng(self.seed + 2)
        for i in range(max(self.n_views // 8, 1)):
            n_arms = self.least_arms + i % 7
            views = [random_view(rng, n_arms, share_eligible=share) for share in (0.7, 1.0, 0.0, 0.5)]
            views = [replace(view, n_decisions=float(10 * i + 1)) for view in views]
            each = np.stack([policy.probabilities(view) for view in views])
            least = np.stack([np.asarray(policy.least(view)) for view in views])
            _same(policy.probabilities(stacked(views)), each, "many choices at once")
            _same(np.asarray(policy.least(stacked(views))), least, "least of many choices at once")

    def test_draws_count_only_where_it_says_so(self) -> None:
        """A policy that does not look at draws answers the same whatever they are; one by row averages its rows."""
        policy, rng = self.make_policy(), np.random.default_rng(self.seed + 3)
        _require(policy.uses_draws or not policy.by_row, "only a policy that looks at draws can choose by row")
        for view, p in self._answers():
            if not policy.uses_draws:
                other = replace(view, draws=rng.random((1, len(p))))
                _same(policy.probabilities(other), p, "other draws")
            if policy.by_row:
                rows = [policy.probabilities(replace(view, draws=row[None])) for row in view.draws]
                _same(np.mean(rows, axis=0), p, "one row at a time")

    def test_the_price_counts_only_where_it_says_so(self) -> None:
        """A policy that is not budgeted answers the same at any cost, price and worth."""
        policy, rng = self.make_policy(), np.random.default_rng(self.seed + 4)
        for view, p in self._answers():
            if not policy.budgeted:
                other = replace(view, cost=rng.random(len(p)), price=np.asarray(9.0), worth_usd=np.asarray(3.0))
                _same(policy.probabilities(other), p, "another price")

    def _answers(self) -> Iterator[tuple[View, Floats]]:
        policy = self.make_policy()
        for view in self.views():
            yield view, policy.probabilities(view)


def _sampled(probabilities: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    u = rng.random(32)
    return inverse_cdf(np.broadcast_to(probabilities, (len(u), len(probabilities))), u)


def _same(found: Floats, expected: Floats, what: str) -> None:
    same = found.shape == expected.shape and bool((np.abs(found - expected) < _NEAR).all())
    _require(same, f"{what}: {found.tolist()} where {expected.tolist()} was expected")


def _require(held: bool, said: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not held:
        raise AssertionError(said)
