"""Which models a task may not have for their cost: each reason by an example, and what holds of all."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.candidates import Costs, cost_exclusions
from selector.records import Reason

NO_PRICE = {"priced": False, "free": False, "worst_nano": None, "expected_usd": 1.0}
UNBOUNDED = {"priced": True, "free": False, "worst_nano": None, "expected_usd": 0.01}
BOUNDED = {"priced": True, "free": False, "worst_nano": 50_000_000, "expected_usd": 0.01}
CAPPED = {"priced": False, "free": False, "worst_nano": 2_000_000_000, "expected_usd": math.nan}
"""A command line of which only `max_usd_per_call` is known."""
GIFT = {"priced": True, "free": True, "worst_nano": None, "expected_usd": 0.0}
BOUND = "a hard budget needs a price, the input's length and max_output_tokens, or max_usd_per_call"


def found(*rows, dollar_budget=False, hard_budget=False, max_cost_usd=None):
    costs = Costs(**{key: [row[key] for row in rows] for key in GIFT})
    return cost_exclusions(costs, dollar_budget=dollar_budget, hard_budget=hard_budget, max_cost_usd=max_cost_usd)


def reason(row, **limits):
    [one] = found(row, **limits)
    return None if one is None else one.reason


ALL = {"dollar_budget": True, "hard_budget": True, "max_cost_usd": 0.0}


@pytest.mark.parametrize(
    ("row", "limits", "expected"),
    [
        (NO_PRICE, {}, None),
        (NO_PRICE, {"dollar_budget": True}, Reason.UNKNOWN_COST),
        (NO_PRICE, {"max_cost_usd": 100.0}, Reason.UNKNOWN_COST),
        (NO_PRICE, ALL, Reason.UNKNOWN_COST),
        (UNBOUNDED, {}, None),
        (UNBOUNDED, {"dollar_budget": True}, None),
        (UNBOUNDED, {"dollar_budget": True, "hard_budget": True}, Reason.UNBOUNDED_COST),
        (UNBOUNDED, {"max_cost_usd": 0.01}, None),
        (UNBOUNDED, {"max_cost_usd": 0.0099}, Reason.OVER_MAX_COST),
        ({**UNBOUNDED, "expected_usd": math.nan}, {"max_cost_usd": 100.0}, Reason.UNKNOWN_COST),
        ({**UNBOUNDED, "expected_usd": math.nan}, {"dollar_budget": True}, None),
        (BOUNDED, {"dollar_budget": True, "hard_budget": True}, None),
        (BOUNDED, {"max_cost_usd": 0.05}, None),
        (BOUNDED, {"max_cost_usd": 0.049999999}, Reason.OVER_MAX_COST),
        ({**BOUNDED, "expected_usd": 9.0}, {"max_cost_usd": 0.05}, None),
        (CAPPED, {"dollar_budget": True, "hard_budget": True}, None),
        (CAPPED, {"max_cost_usd": 2.0}, None),
        (CAPPED, {"max_cost_usd": 1.9}, Reason.OVER_MAX_COST),
        (GIFT, ALL, None),
    ],
)
def test_a_model_is_excluded_for_its_cost(row, limits, expected):
    assert reason(row, **limits) is expected


@pytest.mark.parametrize(
    ("row", "limits", "text"),
    [
        (BOUNDED, {"max_cost_usd": 0.02}, "over_max_cost (0.05 of 0.02 USD at worst)"),
        (UNBOUNDED, {"max_cost_usd": 0.002}, "over_max_cost (0.01 of 0.002 USD expected)"),
        (NO_PRICE, {"dollar_budget": True, "max_cost_usd": 1.0}, "unknown_cost (a budget in dollars needs a price)"),
        (NO_PRICE, {"max_cost_usd": 1.0}, "unknown_cost (Task.max_cost_usd needs a price)"),
        (
            UNBOUNDED,
            {"hard_budget": True},
            f"unbounded_cost ({BOUND})",
        ),
    ],
)
def test_the_detail_says_what_is_missing_or_how_much_too_much(row, limits, text):
    [one] = found(row, **limits)
    assert str(one) == text


def test_arrays_do_as_well_as_lists():
    rows = [NO_PRICE, UNBOUNDED, BOUNDED, GIFT]
    kinds = {"priced": bool, "free": bool, "worst_nano": object, "expected_usd": float}
    costs = Costs(**{key: np.array([row[key] for row in rows], kind) for key, kind in kinds.items()})
    limits = {"dollar_budget": True, "hard_budget": False, "max_cost_usd": 0.001}
    assert cost_exclusions(costs, **limits) == found(*rows, **limits)


def test_every_model_needs_all_four_values():
    costs = Costs(priced=[True, True], free=[False], worst_nano=[1, 1], expected_usd=[0.0, 0.0])
    with pytest.raises(ValueError, match="shorter"):
        cost_exclusions(costs, dollar_budget=False, hard_budget=False, max_cost_usd=None)


AMOUNTS = st.integers(0, 10**8)
ROWS = st.lists(
    st.one_of(
        st.builds(lambda usd: {**NO_PRICE, "expected_usd": usd}, st.floats(0, 1)),
        st.builds(lambda usd: {**UNBOUNDED, "expected_usd": usd}, st.floats(0, 1) | st.just(math.nan)),
        st.builds(lambda worst, usd: {**BOUNDED, "worst_nano": worst, "expected_usd": usd}, AMOUNTS, st.floats(0, 1)),
        st.builds(lambda worst: {**GIFT, "worst_nano": worst}, st.sampled_from([None, 0])),
    ),
    max_size=5,
)
LIMITS = st.fixed_dictionaries(
    {
        "dollar_budget": st.booleans(),
        "hard_budget": st.booleans(),
        "max_cost_usd": st.none() | AMOUNTS.map(lambda nano: nano / 1e9),
    }
)


@given(ROWS, LIMITS)
def test_each_model_is_judged_by_itself(rows, limits):
    assert found(*rows, **limits) == tuple(found(row, **limits)[0] for row in rows)


@given(ROWS, LIMITS, AMOUNTS)
def test_a_further_or_tighter_limit_admits_no_one(rows, limits, less):
    most = limits["max_cost_usd"]
    before = found(*rows, **limits)
    for tighter in (
        {**limits, "dollar_budget": True},
        {**limits, "hard_budget": True},
        {**limits, "max_cost_usd": max(0.0, (1.0 if most is None else most) - less / 1e9)},
    ):
        after = found(*rows, **tighter)
        assert all(now is not None for was, now in zip(before, after, strict=True) if was is not None)


@given(AMOUNTS, AMOUNTS)
def test_a_worst_case_is_compared_to_the_nano_dollar(worst, most):
    over = reason({**BOUNDED, "worst_nano": worst}, max_cost_usd=most / 1e9) is Reason.OVER_MAX_COST
    assert over == (worst > most)
