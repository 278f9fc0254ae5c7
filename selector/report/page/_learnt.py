"""Sections on what is believed: hills, maps, evidence, what is thin, and whose word it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from selector.report.counted._facts import Believed, Facts
from selector.report.counted._words import count, day_words, percent, span, usd
from selector.report.figures import Look, belief_ridges, evidence_heat_map, success_cost_maps
from selector.report.page._earned import left_out, most_frequent
from selector.report.page._html import Html, Part, Table, between, chart, folded, joined, paragraph, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["beliefs_part", "judging_part", "thin_part"]

PANELS = 6  # task types in one picture


def beliefs_part(facts: Facts) -> Part:
    """Say what is believed of each model on each task type."""
    heading = "What is believed of each model"
    if not facts.beliefs:
        return Part("beliefs", heading, paragraph("Nothing is believed of any model yet: no snapshot was written."))
    shown = most_frequent(facts)
    beliefs = [row for row in facts.beliefs if row.task_type in shown]
    when = "" if facts.beliefs_at is None else f"As of {day_words(facts.beliefs_at.date())}."
    about = "Believed success of each model on each task type, with the interval that holds 95 % of the belief."
    evidence = "How much evidence there is"
    parts = [
        paragraph(about, when, left_out(facts)),
        _panels(facts, "Believed success", lambda some, look: belief_ridges(some, look, title=""), _beliefs(facts)),
        _panels(
            facts,
            "Success and cost",
            lambda some, look: success_cost_maps(some, facts.work, look, title=""),
            _costs(facts),
        ),
        f"<h3>{evidence}</h3>\n",
        chart(
            facts,
            evidence,
            lambda look: evidence_heat_map(beliefs, look, thin_below=facts.thin_below, title=""),
            _evidence(facts),
        ),
    ]
    return Part("beliefs", heading, joined(parts))


def _panels(facts: Facts, title: str, draw: Callable[[Sequence[Believed], Look], Figure], made: Table) -> Html:
    """Draw a panel per task type, as many in a picture as a sheet of paper holds."""
    kinds = [kind for kind in facts.task_types if kind in most_frequent(facts)]
    groups = [frozenset(kinds[i : i + PANELS]) for i in range(0, len(kinds), PANELS)]
    pictures = []
    for place, group in enumerate(groups, 1):
        some = [row for row in facts.beliefs if row.task_type in group]
        name = title if len(groups) == 1 else f"{title}, {place} of {len(groups)}"
        pictures.append(chart(facts, name, partial(draw, some)))
    return joined([f"<h3>{title}</h3>\n", *pictures, folded(f"{title}: as a table", table(made))])


def _beliefs(facts: Facts) -> Table:
    headings = ("Task type", "Model", "Believed success", "95 % of the belief", "Of it the prior")
    rows = [
        [row.task_type, row.model, percent(row.mean), between(row.low, row.high, percent), _known(row.prior_share)]
        for row in facts.beliefs
    ]
    return Table("Believed success, best first", headings, rows, frozenset(headings[2:]), names=2)


def _known(value: float) -> str:
    return "" if math.isnan(value) else percent(value)


def _costs(facts: Facts) -> Table:
    headings = ("Task type", "Model", "Expected cost of an answer", "Believed success", "95 % of the belief")
    rows = [
        [row.task_type, row.model, usd(row.expected_cost_usd), percent(row.mean), between(row.low, row.high, percent)]
        for row in sorted(facts.beliefs, key=_by_cost)
    ]
    return Table("Expected cost and believed success, cheapest first", headings, rows, frozenset(headings[2:]), names=2)


def _by_cost(row: Believed) -> tuple[str, bool, float]:
    unknown = math.isnan(row.expected_cost_usd)
    return row.task_type, unknown, 0.0 if unknown else row.expected_cost_usd


def _evidence(facts: Facts) -> Table:
    """Lay outcomes that count out with a row per model, as the picture does."""
    cells = {(row.model, row.task_type): row.evidence for row in facts.beliefs}
    rows = [[model, *(_outcomes(cells.get((model, kind))) for kind in facts.task_types)] for model in facts.models]
    caption = "Outcomes that count for each model, by task type"
    return Table(caption, ("Model", *facts.task_types), rows, frozenset(facts.task_types))


def _outcomes(value: float | None) -> str:
    if value is None:
        return ""
    return "unknown" if math.isnan(value) else f"{value:,.1f}".removesuffix(".0")


def thin_part(facts: Facts) -> Part:
    """Name the beliefs that rest on little."""
    heading = "Where evidence is thin"
    few = f"fewer than {facts.thin_below:g} outcomes that count"
    if not facts.thin:
        said = f"No belief rests on {few}." if facts.beliefs else "Nothing is believed yet."
        return Part("thin", heading, paragraph(said))
    first = sorted(facts.thin, key=lambda row: not row.may_be_best)
    rows = [
        [
            row.task_type,
            row.model,
            _outcomes(row.evidence),
            f"{percent(row.mean)}, up to {percent(row.high)}",
            "itself" if row.best_model == row.model else f"{row.best_model}, {percent(row.best_mean)}",
            "yes" if row.may_be_best else "no",
            f"{row.n_type:,}",
        ]
        for row in first
    ]
    headings = (
        "Task type",
        "Model",
        "Outcomes that count",
        "Believed success",
        "Believed best",
        "May be best",
        "Decisions of the type",
    )
    made = Table(f"Beliefs that rest on {few}", headings, rows, frozenset({headings[2], headings[6]}), names=2)
    open_ = sum(row.may_be_best for row in facts.thin)
    said = f"{len(facts.thin):,} of {count(len(facts.beliefs), 'belief')} rest on {few}."
    best = f"Of these, {open_:,} may still be best for their type; they come first."
    from_html = _folded_if_long(made)
    return Part("thin", heading, joined([paragraph(said, best), from_html]))


def _folded_if_long(made: Table) -> str:
    return (
        table(made) if len(made.rows) <= 12 else folded(f"{made.caption}: {count(len(made.rows), 'row')}", table(made))
    )


def judging_part(facts: Facts) -> Part:
    """Say how outcomes are judged, how late, and by whom."""
    if not facts.totals.n_judged:
        return Part("judging", "Whose word it rests on", paragraph("No outcome was judged."))
    takes = (
        "" if math.isnan(facts.judging_takes_s) else f"19 of 20 judgements come within {span(facts.judging_takes_s)}."
    )
    headings = (
        "Task type",
        "Decisions",
        "Judged",
        "Old enough, not judged",
        "Not reported",
        "Half are judged within",
        "9 of 10 within",
    )
    rows = [
        [
            row.task_type,
            f"{row.n:,}",
            f"{row.n_judged:,}",
            f"{row.n_missing:,} of {row.n_due:,}",
            f"{row.n_unreported:,}",
            _late(row.median_delay_s),
            _late(row.late_delay_s),
        ]
        for row in facts.judging
    ]
    kinds = Table("Judgements by task type", headings, rows, frozenset(headings[1:]))
    titles = ("Source", "Answers judged", "Its word counts for", "Mean score", "Found fault with")
    sources = [
        [
            row.source,
            f"{row.n:,}",
            f"{row.n_counted:,}",
            percent(row.mean),
            "none" if row.never_fails else f"{row.n_faults:,}",
        ]
        for row in facts.sources
    ]
    whose = Table("Judgements by source", titles, sources, frozenset(titles[1:]))
    return Part("judging", "Whose word it rests on", joined([paragraph(takes), table(whose), _folded_if_long(kinds)]))


def _late(seconds: float) -> str:
    return "" if math.isnan(seconds) else span(seconds)
