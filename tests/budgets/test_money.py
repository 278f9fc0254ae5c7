"""Money is whole nano-dollars: sums are exact, and a hold covers whatever it stands for."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from selector.budgets import NANO, ceil_nanos, nanos, usd

DOLLARS = st.floats(0, 1e6, allow_nan=False)


@given(st.integers(0, 10**15))
def test_every_whole_number_of_nano_dollars_survives_the_way_to_dollars_and_back(n):
    assert nanos(usd(n)) == n


@given(st.integers(0, 10**15))
def test_a_hold_of_a_whole_number_of_nano_dollars_is_that_number_or_one_more_where_a_float_has_no_more_digits(n):
    assert 0 <= ceil_nanos(usd(n)) - n <= (n > NANO)


@given(st.lists(st.integers(0, 10**9), max_size=50))
def test_a_sum_of_micro_dollars_is_exact(micros):
    assert sum(nanos(m / 1e6) for m in micros) == sum(micros) * 1000


@given(DOLLARS, DOLLARS)
def test_a_hold_of_the_dearer_covers_the_booking_of_the_cheaper(a, b):
    assert ceil_nanos(max(a, b)) >= nanos(min(a, b))


@given(DOLLARS)
def test_a_hold_is_less_than_one_nano_dollar_above_its_amount_and_never_a_millionth_of_one_below(amount):
    exact = Fraction(amount * NANO)
    assert -Fraction(1, 10**6) <= ceil_nanos(amount) - exact < 1
    assert (
        abs(nanos(amount) - exact) <= Fraction(1, 2) + Fraction(amount) * NANO / 2**52
    )  # the digits a float prints, not its bits


def test_float_noise_does_not_round_a_hold_up():
    assert ceil_nanos(0.1 + 0.2) == ceil_nanos(0.3) == 300_000_000


def test_nothing_is_nothing():
    assert (nanos(0.0), ceil_nanos(0.0), usd(0)) == (0, 0, 0.0)
