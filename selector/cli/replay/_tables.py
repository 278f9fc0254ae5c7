"""A comparison as a person reads it: the answer, then tables in which what cannot be relied on stands back."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from selector.cli._lines import counted, say, show_rows
from selector.cli._output import console, money
from selector.replay import Comparison, Driver, Estimate, PolicyDifference, Verdict

__all__ = ["Marked", "marked", "show_comparison", "show_marked"]

_TYPES = 8  # shown without -v
_SHOWN = {"no difference shown": "none"}


class Marked(NamedTuple):
    """A cell, and whether it can be relied on."""

    text: str
    is_sure: bool = True

    @property
    def shown(self) -> str:
        """The text; in parentheses where it cannot be relied on, for pipes and for who sees no grey."""
        return self.text if self.is_sure or self.text in {"", "-"} else f"({self.text})"


def marked(text: str, verdict: Verdict) -> Marked:
    """Mark a number by its verdict."""
    return Marked(text, verdict.word == "supported")


def show_marked(
    headings: Sequence[str], rows: Sequence[Sequence[Marked | str]], *, numbers: Collection[str] = ()
) -> None:
    """Print rows in aligned columns, what cannot be relied on in parentheses, and grey on a terminal.

    Parameters
    ----------
    headings
        One for each column.
    rows
        As many cells each.
    numbers
        The headings of columns that are aligned at their end.
    """
    table = [[cell if isinstance(cell, Marked) else Marked(cell) for cell in row] for row in rows]
    plain = [[cell.shown or "-" for cell in row] for row in table]
    widths = [max(cell_len(row[i]) for row in [list(headings), *plain]) for i in range(len(headings))]
    out = console()
    if not out.is_terminal or sum(widths) + 2 * (len(widths) - 1) > out.width:
        show_rows(headings, plain, numbers=numbers)
        return
    ends = [heading in numbers for heading in headings]
    out.print(_line(headings, widths, ends), style="bold", soft_wrap=True)
    for row, texts in zip(table, plain, strict=True):
        line = Text()
        for cell, part in zip(row, _padded(texts, widths, ends), strict=True):
            line.append(part, style=None if cell.is_sure else "dim").append("  ")
        line.rstrip()
        out.print(line, soft_wrap=True)


def _padded(cells: Sequence[str], widths: Sequence[int], ends: Sequence[bool]) -> list[str]:
    spaces = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    return [s + cell if end else cell + s for cell, s, end in zip(cells, spaces, ends, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int], ends: Sequence[bool]) -> str:
    return "  ".join(_padded(cells, widths, ends)).rstrip()


def show_comparison(found: Comparison, notes: Sequence[str], *, verbose: bool) -> None:
    """Print a comparison.

    Parameters
    ----------
    found
        What was compared.
    notes
        What is said at the end.
    verbose
        Whether to show every task type, policy and reason.
    """
    say(found.answer, "bold")
    say()
    _show_rows(found, verbose=verbose)
    _show_differences(found, verbose=verbose)
    _show_drivers(found, verbose=verbose)
    _show_others(found)
    _show_overlap(found)
    _show_reasons(found, verbose=verbose)
    say()
    say(_counts(found))
    for note in notes:
        say(f"note: {note}")


def _show_rows(found: Comparison, *, verbose: bool) -> None:
    has_budget = any(row.budget_usd for row in found.rows)
    headings = ["policy", found.objective, "USD", *(["its interval"] if verbose else [])]
    headings += (["of budget"] if has_budget else []) + ["verdict"]
    rows = []
    for row in found.rows:
        value, cost = row.value, row.cost
        cells: list[Marked | str] = [row.policy, marked(_with_span(found, value), value.verdict)]
        cells.append(marked(money(cost.value), cost.verdict))
        if verbose:
            cells.append(marked(f"[{money(cost.low)}, {money(cost.high)}]", cost.verdict))
        if has_budget:
            cells.append("" if row.utilisation is None else marked(f"{row.utilisation:.0%}", cost.verdict))
        rows.append([*cells, row.verdict.word])
    show_marked(headings, rows, numbers={"USD", "of budget"})
    on = [marked(point.policy, found.row(point.policy).verdict).shown for point in found.frontier if point.on_frontier]
    if len(on) > 1:
        say(f"beaten by none that costs no more: {', '.join(on)}")


def _with_span(found: Comparison, each: Estimate) -> str:
    return f"{found.shown(each.value)} {found.span_shown(each.low, each.high)}"


def _with_signs(found: Comparison, each: PolicyDifference) -> str:
    return f"{found.shown(each.value, signed=True)} {found.span_shown(each.low, each.high, signed=True)}"


def _show_differences(found: Comparison, *, verbose: bool) -> None:
    if len(found.rows) == 1:
        return
    headings = ["than as logged", found.objective, "shown", *(["p"] if verbose else []), "USD"]
    rows = []
    for row in found.rows[1:]:
        d, cost = found.difference(row.policy), found.difference(row.policy, "cost")
        cells: list[Marked | str] = [row.policy, marked(_with_signs(found, d), d.verdict)]
        cells.append(marked(_SHOWN.get(d.conclusion, d.conclusion), d.verdict))
        if verbose:
            cells.append("-" if math.isnan(d.p_holm) else marked(f"{d.p_holm:.2g}", d.verdict))
        rows.append([*cells, marked(_signed(cost.value), cost.verdict)])
    say()
    show_marked(headings, rows, numbers={"p", "USD"})


def _signed(usd: float) -> str:
    return f"{'-' if usd < 0 else '+'}{money(abs(usd))}"


def _show_drivers(found: Comparison, *, verbose: bool) -> None:
    """Show which task types make the difference, of the policy that is spoken of, or of all."""
    spoken = found.best or (found.rows[1] if len(found.rows) > 1 else None)
    if spoken is None or len({driver.task_type for driver in found.drivers}) < 2:
        return
    for row in found.rows[1:] if verbose else [spoken]:
        own = {outcome: _drivers(found, row.policy, outcome) for outcome in (found.objective, "cost")}
        spent = {driver.task_type: driver for driver in own["cost"]}
        shown = own[found.objective][: None if verbose else _TYPES]
        rows = [_driver_cells(found, driver, spent[driver.task_type]) for driver in shown]
        say()
        say(f"where the difference of {row.policy} comes from", "bold")
        headings = ["task type", "share", "difference", f"adds {found.objective}", "adds USD"]
        show_marked(headings, rows, numbers={"share", "difference", "adds USD"})
        if len(own[found.objective]) > len(shown):
            say(f"and {counted(len(own[found.objective]) - len(shown), 'task type')} more with -v")


def _drivers(found: Comparison, policy: str, outcome: str) -> list[Driver]:
    return [driver for driver in found.drivers if (driver.policy, driver.outcome) == (policy, outcome)]


def _driver_cells(found: Comparison, driver: Driver, cost: Driver) -> list[Marked | str]:
    sure, span = driver.verdict, found.span_shown(driver.low, driver.high, signed=True)
    return [
        driver.task_type,
        f"{driver.share:.1%}",
        marked(found.shown(driver.difference, signed=True), sure),
        marked(f"{found.shown(driver.contribution, signed=True)} {span}", sure),
        marked(_signed(cost.contribution), cost.verdict),
    ]


def _show_others(found: Comparison) -> None:
    """Show what other estimators say of the objective, the headline first."""
    if not found.others:
        return
    by: dict[str, list[Estimate]] = {}
    for each in found.others:
        by.setdefault(each.policy, []).append(each)
    names = [each.estimator for each in by[found.rows[0].policy]]
    headings = ["by estimator", "dr", *(f"{name}, model-based" if name == "dm" else name for name in names)]
    rows: list[list[Marked | str]] = []
    for row in found.rows:
        rows.append([row.policy])
        rows[-1] += [marked(found.shown(each.value), each.verdict) for each in (row.value, *by[row.policy])]
    say()
    show_marked(headings, rows, numbers=set(headings[1:]))


def _show_overlap(found: Comparison) -> None:
    """Show what little a log without propensities may carry."""
    if not found.overlap:
        return
    say()
    say("what the log has of each model", "bold")
    headings = ["task type", "model", "decisions", "share", "judged", "effective n"]
    rows = [
        [
            str(each["task_type"]),
            str(each["model"]),
            f"{each['n_chosen']:,}",
            f"{each['share']:.1%}",
            f"{each['n_judged']:,}",
            f"{each['ess']:,.0f}",
        ]
        for each in found.overlap
        if each["n_chosen"]
    ]
    show_rows(headings, rows, numbers=set(headings[2:]))


def _show_reasons(found: Comparison, *, verbose: bool) -> None:
    """Say why numbers stand in parentheses."""
    told = []
    for row in found.rows:
        parts = [("", row.value.verdict), ("its cost: ", row.cost.verdict)]
        if row is not found.rows[0]:
            parts.append(("its difference: ", found.difference(row.policy).verdict))
        parts.sort(key=lambda part: ("none", "weak", "supported").index(part[1].word))
        every: dict[str, str] = {}
        for what, verdict in parts:
            for reason in verdict.reasons:
                every.setdefault(reason, what + reason)
        if every:
            told.append(f"  {row.policy}: {'; '.join([*every.values()][: None if verbose else 1])}")
    if told:
        say()
        say("in parentheses, since it is not to be relied on:", "dim")
        for line in told:
            say(line, "dim")


def _counts(found: Comparison) -> str:
    first, last = (f"{at:%Y-%m-%d %H:%M}" for at in found.span)
    said = f"{counted(found.n, 'decision')} from {first} to {last} UTC, {found.n_judged:,} judged"
    said += f"; intervals of {100 * found.level:g} %"
    out = sum(found.without_propensity.values())
    if out:
        why = ", ".join(f"{n:,} by {reason}" for reason, n in found.without_propensity.items())
        said += f"; left out, since nobody drew, or nobody wrote down how likely it was: {out:,} ({why})"
    return said
