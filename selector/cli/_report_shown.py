"""Facts as a person reads them in a terminal: in all, what to do next, savings, work, time, trouble, judgements."""

from __future__ import annotations

import math

from selector.cli._lines import counted, say, show_rows
from selector.cli._output import money
from selector.cli._words import span
from selector.cli.replay._tables import Marked, show_marked
from selector.report import Facts, Measured, Saving, Work

__all__ = ["show_facts"]

_ROWS = 6  # of a table, without -v
_MODELS = 2  # of a task type, without -v
_NO_PRICE = 1e4  # successes for a dollar that no model gives: only the cheapest can be paid for
_STEPS = 5  # of what was learnt over time, without -v


def show_facts(facts: Facts, *, verbose: bool, quiet: bool) -> None:
    """Print the essentials.

    Parameters
    ----------
    facts
        What is known.
    verbose
        Whether to print every row.
    quiet
        Whether to print what to do next, and nothing else.
    """
    if quiet:
        for advice in facts.advice:
            say(advice.text)
        return
    _show_totals(facts)
    _show_advice(facts)
    _show_savings(facts, verbose=verbose)
    _show_work(facts, verbose=verbose)
    _show_learning(facts, verbose=verbose)
    _show_trouble(facts, verbose=verbose)
    _show_judging(facts, verbose=verbose)


def _heading(text: str) -> None:
    say()
    say(text, "bold")


def _show_totals(facts: Facts) -> None:
    t = facts.totals
    say(f"{t.first_at:%Y-%m-%d} to {t.last_at:%Y-%m-%d}: {counted(t.n, 'decision')}, {t.n_judged:,} judged", "bold")
    costless = f"; of {t.n_costless:,} the cost is not known" if t.n_costless else ""
    say(f"spent    {t.spent_usd:,.2f} USD, {_dollars(t.usd_per_decision)} a task{costless}")
    say(f"success  {_shares(t.success)} of the judged")
    explored = sum(round(day.explored * day.n) for day in facts.days)
    usd = sum(day.explored_usd for day in facts.days)
    say(f"explored {100 * explored / t.n:.1f} % of the tasks, for {usd:,.2f} USD")
    if 0 < facts.shadow_price < _NO_PRICE:
        digits = 1 - math.floor(math.log10(facts.shadow_price))
        say(f"one more dollar would bring about {round(facts.shadow_price, digits):,.{max(digits, 0)}f} successes")
    targets = [day for day in facts.days if not math.isnan(day.target_usd)]
    if targets:
        over = sum(day.spent_usd > day.target_usd for day in targets)
        allowed = sum(day.target_usd for day in targets)
        said = f"on {over} of {counted(len(targets), 'day')} more was spent than such a day allows"
        say(f"budgets  allow {allowed:,.2f} USD for these days; {said}")


def _show_advice(facts: Facts) -> None:
    _heading("What to do next")
    for place, advice in enumerate(facts.advice, 1):
        say(f"{place:2}. {advice.text}")
    if not facts.advice:
        say("nothing calls for attention")


def _show_savings(facts: Facts, *, verbose: bool) -> None:
    _heading(f"Saved per task, against always {facts.baseline.model} ({facts.baseline.because}) and the others")
    if facts.no_savings:
        say(f"nothing can be said: {facts.no_savings}")
        return
    rows = [_saving(row) for row in facts.savings[: None if verbose else _ROWS]]
    headings = ["always", "USD saved", "success gained, %", "verdict"]
    show_marked(headings, rows, numbers={*headings[1:3]})
    _say_more(len(facts.savings), len(rows))
    first = facts.savings[0]
    for row in facts.savings if verbose else (first,):
        for reason in row.reasons if verbose else row.reasons[:1]:
            say(f"{row.model}: {reason}")
    for note in facts.savings_notes:
        say(f"note: {note}")


def _saving(row: Saving) -> list[Marked | str]:
    usd = f"{row.saved_usd:+.3f} [{row.saved_usd_low:+.3f}, {row.saved_usd_high:+.3f}]"
    success = f"{100 * row.gained:+.1f} [{100 * row.gained_low:+.1f}, {100 * row.gained_high:+.1f}]"
    return [
        row.model,
        Marked(usd, row.saved_usd_verdict == "supported"),
        Marked(success, row.gained_verdict == "supported"),
        row.verdict,
    ]


def _show_work(facts: Facts, *, verbose: bool) -> None:
    _heading("Who gets which work")
    rows, left = [], 0
    for kind in facts.task_types:
        own = [row for row in facts.work if row.task_type == kind]
        shown = own if verbose else own[:_MODELS]
        left += len(own) - len(shown)
        rows += [_work(row) for row in shown]
    headings = ["task type", "model", "n", "share", "success", "USD/task"]
    show_rows(headings, rows, numbers={"n", "share", "USD/task"})
    if left:
        say(f"{left} smaller shares are not shown; -v shows all")


def _work(row: Work) -> list[str]:
    usd = "" if math.isnan(row.usd_per_decision.value) else money(row.usd_per_decision.value)
    return [row.task_type, row.model, f"{row.n:,}", f"{100 * row.share:.0f} %", _shares(row.success), usd]


def _show_learning(facts: Facts, *, verbose: bool) -> None:
    _heading("Over time")
    blocks = facts.learning
    last = len(blocks) - 1
    places = range(len(blocks)) if verbose else sorted({round(i * last / (_STEPS - 1)) for i in range(_STEPS)})
    rows = []
    for block in (blocks[place] for place in places):
        success, usd = _shares(block.success), _dollars(block.usd_per_decision)
        rows.append([f"{block.first_at:%Y-%m-%d}", f"{block.first + 1:,}", f"{block.n:,}", success, usd])
    headings = ["from", "decision", "n", "success", "USD/task"]
    show_rows(headings, rows, numbers={"decision", "n"})


def _show_trouble(facts: Facts, *, verbose: bool) -> None:
    if facts.fallbacks:
        usd = sum(row.cost_usd for row in facts.fallbacks)
        expected = sum(row.expected_usd for row in facts.fallbacks)
        _heading(f"Fallbacks: {facts.totals.n_fallbacks:,}, for {money(usd)} USD where {money(expected)} was expected")
        rows = [
            [
                row.model,
                row.failure or "not good enough",
                row.answered_by or "nobody",
                f"{row.n:,}",
                money(row.cost_usd),
            ]
            for row in facts.fallbacks[: None if verbose else _ROWS]
        ]
        show_rows(["model", "failed as", "answered by", "n", "USD"], rows, numbers={"n", "USD"})
        _say_more(len(facts.fallbacks), len(rows))
    if facts.drift:
        _heading("Drift alarms")
        alarms = [
            [f"{row.at:%Y-%m-%d %H:%M}", row.model, row.direction, _shares(row.recent), _share(row.believed)]
            for row in facts.drift
        ]
        show_rows(["at (UTC)", "model", "got", "its last outcomes", "believed"], alarms)


def _show_judging(facts: Facts, *, verbose: bool) -> None:
    _heading("Judgements")
    due, missing = (sum(getattr(row, name) for row in facts.judging) for name in ("n_due", "n_missing"))
    if due:
        say(f"{100 * missing / due:.0f} % of the outcomes that are old enough are not judged ({missing:,} of {due:,})")
    if not math.isnan(facts.judging_takes_s):
        say(f"19 of 20 judgements come within {span(facts.judging_takes_s)}")
    for row in facts.sources:
        said = "never found fault" if row.never_fails else f"found fault with {100 * row.n_faults / row.n:.0f} %"
        say(f"{row.source}: {counted(row.n, 'answer')}, {said}")
    n_cells = len(facts.beliefs)
    if facts.thin:
        say(f"{len(facts.thin)} of {n_cells} beliefs rest on fewer than {facts.thin_below:g} outcomes that count")
    for cell in facts.thin if verbose else ():
        say(f"  {cell.task_type}, {cell.model}: {cell.evidence:.1f}")


def _say_more(n: int, shown: int) -> None:
    if n > shown:
        say(f"{n - shown} more rows; -v shows all")


def _dollars(value: Measured) -> str:
    if math.isnan(value.value):
        return "unknown"
    ends = "" if math.isnan(value.low) else f" ({money(value.low)} to {money(value.high)})"
    return money(value.value) + ends


def _shares(value: Measured) -> str:
    if math.isnan(value.value):
        return ""
    return f"{100 * value.value:.0f} % ({100 * value.low:.0f} to {100 * value.high:.0f})"


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.0f} %"
