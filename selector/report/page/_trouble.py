"""Sections on what went wrong: calls made again, models that changed, and calls that failed."""

from __future__ import annotations

import math

from selector.report.counted._facts import Facts
from selector.report.counted._words import count, day_words, percent, span, usd
from selector.report.figures import drift_timeline, fallbacks_by_reason
from selector.report.page._html import Part, Table, chart, joined, paragraph, share, table

__all__ = ["drift_part", "failures_part", "fallbacks_part"]


def fallbacks_part(facts: Facts) -> Part:
    """Say where more than one call was made, and why."""
    heading = "Fallbacks"
    if not facts.fallbacks:
        return Part("fallbacks", heading, paragraph("Every decision took one call."))
    cost = usd(sum(row.cost_usd for row in facts.fallbacks))
    expected = usd(sum(row.expected_usd for row in facts.fallbacks))
    n = facts.totals.n_fallbacks
    share_of = percent(n / max(facts.totals.n, 1))
    about = paragraph(
        f"For {count(n, 'decision')} ({share_of}) more than one call was made.",
        f"They cost {cost}, where {expected} was expected.",
    )
    title = "Calls that failed and were made again"
    return Part(
        "fallbacks",
        heading,
        joined(
            [
                about,
                chart(
                    facts, title, lambda look: fallbacks_by_reason(facts.fallbacks, look, title=""), _fallbacks(facts)
                ),
            ]
        ),
    )


def _fallbacks(facts: Facts) -> Table:
    headings = (
        "Called first",
        "It failed as",
        "Answered by",
        "Decisions",
        "Calls",
        "Cost",
        "Expected",
        "Lost on failed calls",
        "Success",
    )
    rows = [
        [
            row.model,
            _reason(row.failure),
            row.answered_by or "nobody",
            f"{row.n:,}",
            f"{row.n_calls:,}",
            usd(row.cost_usd),
            usd(row.expected_usd),
            f"{usd(row.failed_usd)}, {span(row.failed_s)}",
            share(row.success),
        ]
        for row in facts.fallbacks
    ]
    return Table("Calls made again, by reason", headings, rows, frozenset(headings[3:]))


def _reason(failure: str) -> str:
    return failure.replace("_", " ") or "not good enough"


def drift_part(facts: Facts) -> Part:
    """Say which models no longer do what they did."""
    heading = "Models that changed"
    if not facts.drift:
        return Part("drift", heading, paragraph("No alarm rang: no model was seen to change."))
    about = paragraph(
        f"{count(len(facts.drift), 'alarm')} rang, each where a model's outcomes left what had been believed of it; "
        "what came before an alarm counts less since."
    )
    return Part(
        "drift",
        heading,
        joined(
            [
                about,
                chart(
                    facts,
                    "Success around the alarms",
                    lambda look: drift_timeline(facts.drift, facts.days, look, title=""),
                    _alarms(facts),
                ),
            ]
        ),
    )


def _alarms(facts: Facts) -> Table:
    headings = (
        "When (UTC)",
        "Model",
        "It got",
        "Believed before",
        "Its last outcomes",
        "Since then",
        "Earlier outcomes count",
        "Most on",
    )
    rows = [
        [
            f"{row.at:%Y-%m-%d %H:%M}",
            row.model,
            row.direction or "not known",
            "" if math.isnan(row.believed) else percent(row.believed),
            share(row.recent),
            share(row.since),
            percent(row.keep),
            ", ".join(name for name, _ in row.task_types[:3]),
        ]
        for row in facts.drift
    ]
    return Table("Alarms: intervals of 95 %", headings, rows, frozenset(headings[3:7]), names=2)


def failures_part(facts: Facts) -> Part:
    """Say which calls failed."""
    if not facts.failures:
        return Part("failures", "Calls that failed", paragraph("No call failed."))
    headings = ("Model", "It failed as", "Failed", "Of its calls", "Nobody answered", "Worst day", "On that day")
    rows = [
        [
            row.model,
            _reason(row.failure),
            f"{row.n:,}",
            f"{percent(row.n / max(row.n_calls, 1))} of {row.n_calls:,}",
            f"{row.n_ended:,}",
            day_words(row.worst_day),
            f"{row.n_worst_day:,}",
        ]
        for row in facts.failures
    ]
    made = Table(
        "Failed calls by model and reason, in whatever place of a chain",
        headings,
        rows,
        frozenset({*headings[2:5], headings[6]}),
        names=2,
    )
    about = paragraph("A failed call says nothing of how good a model is, and is not counted in its success.")
    return Part("failures", "Calls that failed", joined([about, table(made)]))
