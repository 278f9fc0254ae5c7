"""A decision told in words: who might have served, at which price, and why this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.records._basis import Basis

if TYPE_CHECKING:
    from selector.records._candidate import Candidate
    from selector.records._decision import Decision

__all__ = ["story"]

_WHY = {
    Basis.POLICY: "the best utility in the row of posterior draws that was picked",
    Basis.EXPLORATION: "exploration: a small share of decisions tries what is little known",
    Basis.BEST_BELIEVED: "believed best, and this task is not to be explored with",
    Basis.ONLY_CANDIDATE: "nobody else may serve this task",
    Basis.RULE: "a rule forces it",
    Basis.INCUMBENT: "the model of today: the selector is off, or only watches",
    Basis.SESSION: "its session keeps the model that it was decided for",
    Basis.LAST_RESORT: "the last resort: no budget admits anything else",
}

_MOVED = 0.005  # of success: less is not worth a word


def story(decision: Decision) -> str:
    """Tell a decision in words.

    Parameters
    ----------
    decision
        Which.

    Returns
    -------
    str
        Several lines, without colours.
    """
    layout = decision.laid_out
    likely = decision.propensity
    chance = "with a probability that is not known" if likely is None else f"with probability {likely:.3g}"
    lines = [
        f"{decision.task_type} -> {decision.route}  ({chance}; {_WHY[decision.reason]})",
        f"decision {decision.id}, number {decision.n:,}",
        "",
        *_table(layout.candidates, decision.model),
        *_published(layout.candidates),
    ]
    if layout.exclusions:
        lines += ["", *(f"{name} may not serve: {why}" for name, why in layout.exclusions.items())]
    lines += ["", f"shadow price: one more dollar is worth {decision.shadow_price:,.3g} successes"]
    if decision.held_usd:
        lines.append(f"held until its usage is known: {_usd(decision.held_usd)}")
    lines += layout.rules
    lines += layout.budgets
    if layout.baseline is not None:
        name, cost = layout.baseline
        lines.append(f"{name}, the model to compare with, would be expected to cost {_usd(cost)}")
    if layout.chain:
        lines.append(f"if it fails: {', then '.join(layout.chain)}")
    return "\n".join(lines)


def _table(candidates: tuple[Candidate, ...], chosen: str) -> list[str]:
    head = ("", "model", "success", "90 % interval", "prior", "n", "tokens", "cost", "utility", "probability")
    rows = [head, *(_row(c, c.model == chosen) for c in candidates)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return ["  ".join(_set(cell, w, i) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in rows]


def _published(candidates: tuple[Candidate, ...]) -> list[str]:
    moved = [f"{c.model} {c.published:+.2f}" for c in candidates if abs(c.published) >= _MOVED]
    return ["", f"published figures move what is believed: {', '.join(moved)}"] if moved else []


def _set(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)


def _row(c: Candidate, chosen: bool) -> tuple[str, ...]:  # noqa: FBT001 - one private caller
    interval = "" if c.interval is None else f"{c.interval[0]:.2f} to {c.interval[1]:.2f}"
    return (
        "*" if chosen else "",
        c.model,
        _number(c.mean, ".2f"),
        interval,
        _number(c.prior_share, ".0%"),
        f"{c.n:,.0f}",
        _number(c.tokens, ",.0f"),
        _usd(c.cost_usd),
        _number(c.utility, ".3f"),
        _number(c.probability, ".3f"),
    )


def _number(value: float | None, form: str) -> str:
    return "?" if value is None else format(value, form)


def _usd(value: float | None) -> str:
    if value is None:
        return "?"
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.3g}"
