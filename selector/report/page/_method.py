"""The last section of a page: what an interval is, what a verdict is, and what is left out."""

from __future__ import annotations

from selector.report.counted._facts import Facts
from selector.report.counted._words import count
from selector.report.page._html import Part, paragraph

__all__ = ["method_part"]

_HOW = """\
Decisions, calls and dollars are counted from the log; dollars are those of all attempts, at the prices of their day.
An interval of 95 % holds the true mean in 19 of 20 such periods: of scores it is Wilson's, of dollars the normal one;
that of a belief has the middle 95 % of what is believed.
What one model for everything would have earned is estimated from the probabilities with which decisions were made
(doubly robust), and every number of it has a verdict: supported, where the log has enough decisions like that; weak,
where it has few; none, where the number is no answer, whatever its interval.
Conclusions on many models are corrected for how many they are.
Left out are decisions without a judgement, where success is meant; those of unknown cost, where dollars are; those
without a probability, where models are compared; and failed calls, where it is how good a model is.
Days are in UTC."""


def method_part(facts: Facts) -> Part:
    """Say how the numbers were made."""
    n = len(facts.faults)
    faults = f"{count(n, 'place')} of the log could not be read; nothing here counts what was there." if n else ""
    return Part("method", "How the numbers were made", paragraph(" ".join(_HOW.split()), faults))
