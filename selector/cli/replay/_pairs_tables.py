"""Pairs as a person reads them: what would be run, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from selector.cli._lines import counted, say, show_rows
from selector.cli._output import money
from selector.replay import PairDifference, PairPlan, PairResult, TypeNeed

__all__ = ["show_pairs", "show_plan"]


def show_plan(
    plan: PairPlan, needs: Mapping[str, TypeNeed], can: Mapping[str, int], skipped: Mapping[str, int]
) -> None:
    """Print what would be run.

    Parameters
    ----------
    plan
        By whom, and how often.
    needs
        What is known of each type.
    can
        How many tasks of each type can be run once more.
    skipped
        How many others there are, by why.
    """
    say(f"{plan.second} against what was chosen, judged by {plan.judge}; nobody was called")
    rows = [
        [name, f"{need.n:,}", f"{can[name]:,}", f"{need.half_width:.3f}", f"{plan.rates[name]:.2f}", money(need.usd)]
        for name, need in sorted(needs.items(), key=lambda each: -plan.rates[each[0]])
    ]
    numbers = ("tasks", "can be run", "± success", "rate", "USD/pair")
    show_rows(["type", *numbers], rows, numbers=numbers)
    _say_skipped(skipped)


def show_pairs(found: PairResult) -> None:
    """Print what pairs show.

    Parameters
    ----------
    found
        All of it.
    """
    say(found.conclusion)
    say()
    rows = [
        [
            each.task_type,
            f"{each.n_tasks:,}",
            str(each.n_pairs),
            f"{each.probability:.3f}",
            str(each.wins),
            str(each.n_pairs - each.wins - each.losses),
            str(each.losses),
            _signed(each.net),
            _signed(each.graded),
        ]
        for each in sorted(found.types, key=lambda each: -each.n_pairs)
    ]
    numbers = ("tasks", "pairs", "sampled", "better", "as good", "worse", "net", "grades")
    show_rows(["type", *numbers], rows, numbers=numbers)
    say()
    if found.n_pairs:
        say(f"net, over all tasks: {_ends(found.net)}; McNemar p {found.p_value:.3f}")
        say(f"grades, over all tasks: {_ends(found.graded)}")
        bias = "" if math.isnan(found.toward_first) else f"; {found.toward_first:.0%} of them for whoever stood first"
        say(f"{found.judge} changed its verdict with the order in {found.flipped:.0%} of the pairs{bias}")
    say(f"spent {money(found.spent_usd)} of {money(found.cap_usd)} USD")
    if found.stopped:
        say(f"ended early: {found.stopped}")
    if found.n_unanswered:
        say(f"{counted(found.n_unanswered, 'pair')} without an answer or a verdict")
    _say_skipped(found.skipped)
    for note in found.notes:
        say(f"note: {note}")


def _say_skipped(skipped: Mapping[str, int]) -> None:
    for why, n in skipped.items():
        say(f"left out: {n:,} {why}")


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.3f}"


def _ends(found: PairDifference) -> str:
    return f"{found.value:+.3f}, {found.interval.low:+.3f} to {found.interval.high:+.3f} at 95 %"
