"""Sections on what was earned: savings with their verdicts, who gets which work, learning, and spend by day."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from html import escape

from selector.report.counted._facts import Facts, Saving, Work
from selector.report.counted._words import count, percent, usd
from selector.report.figures import exploration_by_day, learning_curves, savings_forest, spend_by_day, work_by_type
from selector.report.page._html import (
    Html,
    Part,
    Table,
    as_exact_as,
    between,
    chart,
    folded,
    joined,
    money,
    paragraph,
    share,
    signed,
    table,
    words,
)

__all__ = ["learning_part", "most_frequent", "savings_part", "spend_part", "work_part"]

TYPES = (4, 12)  # task types in a picture, at least and at most
MOST_PAIRS = 200  # of a task type and a model in a picture


def most_frequent(facts: Facts) -> frozenset[str]:
    """Name the task types that pictures show: those with most decisions."""
    n = Counter[str]()
    for row in facts.work:
        n[row.task_type] += row.n
    return frozenset(sorted(facts.task_types, key=lambda name: (-n[name], name))[: _fit(facts)])


def _fit(facts: Facts) -> int:
    """Say how many task types a picture has room for: fewer of them with more models."""
    least, most = TYPES
    return max(least, min(most, MOST_PAIRS // max(len(facts.models), 1)))


def left_out(facts: Facts) -> str:
    """Say of how many task types a picture is silent."""
    shown = _fit(facts)
    some = f"The picture shows the {shown} task types with most decisions; the table has all."
    return some if len(facts.task_types) > shown else ""


def savings_part(facts: Facts) -> Part:
    """Hold what was done against each fixed model, every number with its interval and its verdict."""
    heading = "Against one model for everything"
    about = paragraph(
        f"What was done is held against always asking one model, on the same decisions; the baseline is "
        f"{facts.baseline.model} ({facts.baseline.because}).",
        "A number counts only where its verdict is supported; the others stand in parentheses, and are no answer.",
    )
    if facts.no_savings or not facts.savings:
        why = paragraph(f"Nothing can be said: {facts.no_savings or 'no model was compared'}.")
        return Part("savings", heading, joined([about, why]))
    title = "Saved and gained against each model"
    drawn = chart(facts, title, lambda look: savings_forest(facts.savings, look, why_none=facts.no_savings, title=""))
    notes = (paragraph(f"{note[:1].upper()}{note[1:]}.") for note in facts.savings_notes)
    return Part("savings", heading, joined([about, drawn, table(_savings(facts)), _reasons(facts.savings), *notes]))


def _savings(facts: Facts) -> Table:
    headings = ("Always", "Saved per decision", "Success gained", "Saved in all")
    caption = "Against each fixed model: intervals of 95 %; more than 0 speaks for what was done"
    return Table(caption, headings, [_saving(row) for row in facts.savings], frozenset(headings[1:]))


def _saving(row: Saving) -> list[str]:
    per = row.saved_usd, row.saved_usd_low, row.saved_usd_high
    cost = row.saved_usd_verdict, row.saved_usd_conclusion
    success = (row.gained, row.gained_low, row.gained_high), _points, row.gained_verdict, row.gained_conclusion
    return [
        f"{row.model} (baseline)" if row.is_baseline else row.model,
        _judged(per, as_exact_as(*per[1:]), *cost),
        _judged(*success),
        _judged(row.saved_total_usd, as_exact_as(*row.saved_total_usd[1:]), *cost),
    ]


def _points(value: float) -> str:
    """Say a difference of shares: in points of a hundred."""
    return f"{100 * value:.1f} points"


def _judged(found: tuple[float, float, float], word: Callable[[float], str], verdict: str, conclusion: str) -> Html:
    """Write a number that is never seen without its interval and its verdict."""
    value, low, high = found
    number, ends = words(signed(value, word)), words(between(low, high, word))
    if verdict == "supported":
        return Html(
            f'{number}<span class="ends">{ends}</span><span class="ends sure">{words(conclusion)}: supported</span>'
        )
    said = "no verdict" if verdict == "none" else f"{words(verdict)} verdict"
    return Html(
        f'<span class="unsure">({number})<span class="ends">({ends})</span><span class="ends">{said}</span></span>'
    )


def _reasons(savings: Sequence[Saving]) -> Html:
    """Say why a verdict is no better, for each model."""
    rows = [row for row in savings if row.reasons]
    if not rows:
        return Html("")
    said = "".join(
        f"<dt>{escape(row.model)}: {escape(row.verdict)}</dt>\n"
        + "".join(f"<dd>{escape(reason)}</dd>\n" for reason in row.reasons)
        for row in rows
    )
    return folded("Why a verdict is no better", f'<dl class="why">\n{said}</dl>\n')


def work_part(facts: Facts) -> Part:
    """Say who gets which work."""
    shown = most_frequent(facts)
    work = [row for row in facts.work if row.task_type in shown]
    about = paragraph("Which model each task type's decisions were made for; counted, not estimated.", left_out(facts))
    headings = ("Task type", "Model", "Decisions", "Share", "Success", "Cost of one", "Spent")
    made = Table(
        "Who gets which work: intervals of 95 %",
        headings,
        [_work(row) for row in facts.work],
        frozenset(headings[2:]),
        names=2,
    )
    drawn = chart(facts, "Who gets which work", lambda look: work_by_type(work, look, title=""), made)
    return Part("work", "Who gets which work", joined([about, drawn]))


def _work(row: Work) -> list[str]:
    cost = money(row.usd_per_decision)
    return [row.task_type, row.model, f"{row.n:,}", percent(row.share), share(row.success), cost, usd(row.spent_usd)]


def learning_part(facts: Facts) -> Part:
    """Say how success and cost moved while more was learnt."""
    headings = ("From decision", "From (UTC)", "Decisions", "Success", "Cost of one", "Explored", "Chosen most")
    rows = []
    for block in facts.learning:
        most = max(range(len(facts.models)), key=lambda place: block.n_by_model[place], default=None)
        chosen = "" if most is None else f"{facts.models[most]}, {percent(block.n_by_model[most] / max(block.n, 1))}"
        cells = [f"{block.first + 1:,}", f"{block.first_at:%Y-%m-%d %H:%M}", f"{block.n:,}", share(block.success)]
        rows.append([*cells, money(block.usd_per_decision), percent(block.explored), chosen])
    made = Table("Success and cost over time: intervals of 95 %", headings, rows, frozenset(headings[2:6]))
    about = paragraph(f"The period in {count(len(rows), 'run')} of about as many decisions each, in order of time.")
    title = "Learning over time"
    drawn = chart(facts, title, lambda look: learning_curves(facts.learning, facts.models, look, title=""), made)
    return Part("learning", "What was learnt over time", joined([about, drawn]))


def spend_part(facts: Facts) -> Part:
    """Say what was spent per day, against what budgets allow, and what exploring took of it."""
    known = any(not math.isnan(day.target_usd) for day in facts.days)
    said = "" if known else "No budget in dollars that holds for everything is known, so none is drawn."
    exploring = "What exploring takes"
    parts = [
        paragraph("Dollars are counted, not estimated.", said),
        "<h3>Spent per day</h3>\n",
        chart(facts, "Spent per day", lambda look: spend_by_day(facts.days, look, title=""), _days(facts)),
        f"<h3>{exploring}</h3>\n",
        paragraph("Decisions that were made to learn, rather than for what was believed best."),
        chart(facts, exploring, lambda look: exploration_by_day(facts.days, look, title=""), _explored(facts)),
    ]
    return Part("spend", "Spend against budget", joined(parts))


def _days(facts: Facts) -> Table:
    headings = ("Day (UTC)", "Decisions", "Spent", "Allowed", "Success", "One dollar brings")
    rows = [
        [
            f"{day.day:%Y-%m-%d}",
            f"{day.n:,}",
            usd(day.spent_usd),
            "" if math.isnan(day.target_usd) else usd(day.target_usd),
            share(day.success),
            "" if math.isnan(day.shadow_price) else f"{day.shadow_price:.2g}",
        ]
        for day in facts.days
    ]
    return Table("Spend by day: success with intervals of 95 %", headings, rows, frozenset(headings[1:]))


def _explored(facts: Facts) -> Table:
    headings = ("Day (UTC)", "Decisions", "Explored", "Spent", "Spent exploring")
    rows = [
        [f"{day.day:%Y-%m-%d}", f"{day.n:,}", percent(day.explored), usd(day.spent_usd), usd(day.explored_usd)]
        for day in facts.days
    ]
    return Table("Exploring by day, counted", headings, rows, frozenset(headings[1:]))
