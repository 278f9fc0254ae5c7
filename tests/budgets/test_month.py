"""A month's limit and one per day, traffic unknown: kept to, spent, and better than greed and a fixed rate."""

from experiments.windows.analysis import months
from experiments.windows.run import Month, run_month


def test_both_limits_hold_and_what_binds_is_spent_where_it_brings_most():
    """Two months of 30 days, n = 7,200 choices in all; the seeds are fixed, so there is no false alarm."""
    found = run_month(Month(n_seeds=2, requests=120), ["ours", "greedy", "fixed rate"])
    text, met = months(found)
    assert met, text
    assert [played.n_over for played in found["ours"]] == [0, 0]
    assert min(played.spent for played in found["ours"]) >= 0.95
    for ours, greedy, fixed in zip(*found.values(), strict=True):
        assert ours.reward > max(greedy.reward, fixed.reward)
