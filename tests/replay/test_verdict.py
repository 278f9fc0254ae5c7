"""A verdict is supported only where every check holds, and says in words which did not."""

import math

import pytest

from selector.replay import Diagnostics, Limits
from selector.replay.estimates._verdict import Verdict, flipped, verdict_of

GOOD = Diagnostics(
    n=1000, n_seen=900, effective_n=30.0, largest_weight=0.2, uncovered=0.049, mean_weight=1.29, se_mean_weight=0.1
)


def test_all_checks_met_at_their_very_limits_is_supported():
    assert verdict_of(GOOD, 0.05) == Verdict("supported", ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_seen": 0}, "of none of the decisions was the outcome seen"),
        ({"effective_n": 0.0}, "the log never did what the policy would do"),
        ({"effective_n": math.nan}, "the log never did what the policy would do"),
        ({"effective_n": 29.4}, "its effective sample size is 29, and 30 is the least"),
        ({"largest_weight": 0.21}, "one decision has 21% of all weight, and 20% is the most"),
        ({"uncovered": 0.05}, "5.0% of its choices are of models the log practically never tries there"),
        ({"mean_weight": 1.31}, "its mean weight is 1.310 where 1 is expected, more than 3 standard errors off"),
        ({"mean_weight": 0.69}, "its mean weight is 0.690 where 1 is expected"),
    ],
)
def test_what_makes_an_interval_unbelievable_is_no_verdict(change, reason):
    verdict = verdict_of(GOOD._replace(**change), 0.01)
    assert verdict.word == "none"
    assert reason in verdict.reasons[0]


@pytest.mark.parametrize("half_width", [0.0501, math.nan, math.inf])
def test_a_wide_interval_is_weak(half_width):
    verdict = verdict_of(GOOD, half_width)
    assert verdict.word == "weak"
    assert "0.05 is the most" in verdict.reasons[0]


def test_estimated_propensities_are_never_supported():
    verdict = verdict_of(GOOD, 0.01, known_propensities=False)
    assert verdict == Verdict("weak", ("propensities were estimated afterwards, not logged",))


def test_limits_are_the_callers():
    assert verdict_of(GOOD, 0.08, limits=Limits(half_width=0.1)).word == "supported"
    assert verdict_of(GOOD, 0.01, limits=Limits(effective_n=100)).word == "none"


def test_a_conclusion_that_what_was_not_seen_could_turn_is_weak_and_none_stays_none():
    assert flipped(Verdict("supported", ()), "higher", ["higher", "higher"]) == Verdict("supported", ())
    assert flipped(Verdict("supported", ()), "higher", ["higher", "lower"]).word == "weak"
    assert flipped(Verdict("none", ("x",)), "higher", ["lower", "lower"]).word == "none"
