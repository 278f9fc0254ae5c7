"""What to do next: each sentence is called for by a fact, by a rule with a name, and says the numbers it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from selector.report.counted._facts import NO_PRICE, Advice, DriftAlarm, Facts, Saving
from selector.report.counted._words import count, day_words, percent, span, usd

__all__ = ["RULES", "advice_of"]

_FEW = 20  # of which a share says something
_UNREPORTED, _COSTLESS, _MISSING, _FAILING, _UNANSWERED = 0.05, 0.05, 0.25, 0.05, 0.01
_LATE_S = 86_400.0
_MOST = 3  # sentences of one rule
_NEAR = 0.02  # success by which a cheaper model may be worse


def _damaged_log(facts: Facts) -> Iterator[Advice]:
    if facts.faults:
        n = len(facts.faults)
        text = f"{count(n, 'place')} of the log could not be read, and nothing here counts what was there: "
        yield Advice("damaged_log", text + "`selector status` names what and why", {"n": n})


def _nothing_reported(facts: Facts) -> Iterator[Advice]:
    t = facts.totals
    n, share = t.n - t.n_reported, 1 - t.n_reported / t.n
    if t.n >= _FEW and share >= _UNREPORTED:
        text = f"of {percent(share)} of all decisions ({n:,} of {t.n:,}) nothing was reported: record their outcomes, "
        text += "since neither what they cost nor whether they succeeded is known; `selector record ID --output-tokens "
        text += "N --success` does it for one"
        yield Advice("nothing_reported", text, {"n": n, "of": t.n, "share": share})


def _cost_unknown(facts: Facts) -> Iterator[Advice]:
    t = facts.totals
    share = t.n_costless / max(t.n_reported, 1)
    if t.n_reported >= _FEW and share >= _COSTLESS:
        text = f"what {percent(share)} of the reported decisions cost is not known ({t.n_costless:,} of "
        text += f"{t.n_reported:,}), and {usd(t.spent_usd)} is without them: report tokens or dollars (`selector "
        text += "record ID --cost-usd X`), or set `usd_per_mtok_in` and `usd_per_mtok_out` under `models:`"
        yield Advice("cost_unknown", text, {"n": t.n_costless, "of": t.n_reported, "share": share})


def _drift(facts: Facts) -> Iterator[Advice]:
    rows = [row for row in facts.drift if row.direction and not math.isnan(row.believed)]
    for row in sorted(rows, key=lambda row: (_is_over(row), -row.at.timestamp()))[:_MOST]:
        text = f"{row.model} got {row.direction}: an alarm on {day_words(row.at.date())}, when its last "
        text += f"{count(row.recent.n, 'judged task')} had a success of {percent(row.recent.value)} where "
        text += f"{percent(row.believed)} was believed"
        if row.since.n:
            text += f"; {count(row.since.n, 'judged task')} since then had {percent(row.since.value)}"
        if row.direction == "worse":
            said = (
                f"ask its provider what changed; `enabled: false` under `models: {row.model}:` takes it out meanwhile"
            )
            said = "nothing to do unless it comes back" if _is_over(row) else said
            text += f": {said}; what came before the alarm counts {percent(row.keep)} now"
        numbers = {"model": row.model, "at": row.at, "recent": row.recent.value, "believed": row.believed}
        yield Advice("drift", text, numbers | {"direction": row.direction, "since": row.since.value})


def _is_over(row: DriftAlarm) -> bool:
    """Tell whether a model that got worse has since done as well as had been believed."""
    return row.direction == "worse" and row.since.n >= _FEW / 2 and row.since.value >= row.believed


def _failing_calls(facts: Facts) -> Iterator[Advice]:
    by_model: dict[str, int] = {}
    for row in facts.failures:
        by_model[row.model] = by_model.get(row.model, 0) + row.n
    for model, n in sorted(by_model.items(), key=lambda item: -item[1])[:_MOST]:
        most = next(row for row in facts.failures if row.model == model)
        if n >= _FEW / 2 and n / most.n_calls >= _FAILING:
            text = f"{percent(n / most.n_calls)} of the calls of {model} failed ({n:,} of {most.n_calls:,}), "
            text += f"{count(most.n, 'time')} as {most.failure}, of which {most.n_worst_day:,} on "
            text += f"{day_words(most.worst_day)}: a second provider for it, under `models: {model}: routes:`, "
            text += "would keep its work where it belongs"
            yield Advice("failing_calls", text, {"model": model, "n": n, "of": most.n_calls, "failure": most.failure})


def _unanswered(facts: Facts) -> Iterator[Advice]:
    t = facts.totals
    if t.n >= _FEW and t.n_unanswered / t.n >= _UNANSWERED:
        text = f"nobody answered {count(t.n_unanswered, 'task')} ({percent(t.n_unanswered / t.n)} of all): lengthen "
        text += "the chain (`chains: {default: [MODEL, MODEL]}`), or let it go on to what is next best (`fallback: "
        text += "{adaptive: true}`)"
        yield Advice("unanswered", text, {"n": t.n_unanswered, "of": t.n})


def _never_judged(facts: Facts) -> Iterator[Advice]:
    rows = [row for row in facts.judging if row.n_due >= _FEW and row.n_missing / row.n_due >= _MISSING]
    for row in sorted(rows, key=lambda row: -row.n_missing)[:_MOST]:
        share = row.n_missing / row.n_due
        text = f"{percent(share)} of the outcomes of {row.task_type} are not judged ({row.n_missing:,} of {row.n_due:,}"
        rest = "since what is believed of it rests on the others alone" if row.n_judged else "since nothing is learnt"
        numbers = {"task_type": row.task_type, "n": row.n_missing, "of": row.n_due, "share": share}
        text += f" that are old enough): report them, {rest}; `selector record ID --score S` does it for one, and "
        text += f"`check:` under `task_types: {row.task_type}:` for all that `selector run` answers"
        yield Advice("never_judged", text, numbers)


def _judged_late(facts: Facts) -> Iterator[Advice]:
    rows = [row for row in facts.judging if row.n_judged >= _FEW and row.median_delay_s >= _LATE_S]
    for row in sorted(rows, key=lambda row: -row.median_delay_s)[:1]:
        text = f"half of the judgements of {row.task_type} come more than {span(row.median_delay_s)} after the "
        text += "decision: report them sooner, since nothing is learnt until then; a `check:` under `task_types: "
        text += f"{row.task_type}:` judges at once"
        yield Advice("judged_late", text, {"task_type": row.task_type, "median_delay_s": row.median_delay_s})


def _never_fails(facts: Facts) -> Iterator[Advice]:
    for row in facts.sources:
        if row.never_fails:
            text = f"{row.source} judged {count(row.n, 'answer')} and never found fault: look at some of them, since "
            how = f"; `selector export -o log.csv --source {row.source}` lists them"
            yield Advice(
                "never_fails", text + f"a judge that passes everything teaches nothing{how}", {"source": row.source}
            )


def _one_more_dollar(facts: Facts) -> Iterator[Advice]:
    price = facts.shadow_price
    if price >= NO_PRICE:
        text = (
            "the budget is so small that only the cheapest models are chosen, whatever the others can do: raise `usd` "
        )
        text += "or `usd_per_request` under `budgets:`, or leave models out that it can never pay for"
        yield Advice("one_more_dollar", text, {"shadow_price": price, "worth_usd": 0.0})
    elif price > 0 and facts.totals.n_judged >= _FEW:
        n = facts.learning[-1].n
        text = (
            f"one more dollar would bring about {_plain(price)} successes (mean over the last {count(n, 'decision')}): "
        )
        text += f"raise the budget if a success is worth more than {usd(1 / price)} to you, and lower it if less "
        text += "(`usd` or `usd_per_request` under `budgets:`)"
        yield Advice("one_more_dollar", text, {"shadow_price": price, "worth_usd": 1 / price})


def _better_alone(facts: Facts) -> Iterator[Advice]:
    rows = [row for row in facts.savings if row.verdict == "supported" and _is_better(row)]
    for row in sorted(rows, key=lambda row: row.gained)[:1]:
        text = f"always {row.model} would have had {_more(-row.gained, percent)} success, and cost "
        text += f"{_more(row.saved_usd, usd)} a task (both supported): ask why the others are needed, or switch "
        text += (
            f"(`selector replay gate --policy fixed:{row.model}`, then `policy: {{name: fixed, model: {row.model}}}`)"
        )
        numbers = {"model": row.model, "gained": row.gained, "saved_usd": row.saved_usd}
        yield Advice("better_alone", text, numbers)


def _is_better(row: Saving) -> bool:
    """Tell whether a model alone is shown to be better on one side, and no worse on the other."""
    better = row.gained_conclusion == "lower" and row.saved_usd_high <= 0
    cheaper = row.saved_usd_conclusion == "spent more" and row.gained_high <= _NEAR
    return better or cheaper


def _plain(value: float) -> str:
    """Say a number with two digits that count, and never with an exponent.

    Examples
    --------
    >>> _plain(263.7), _plain(0.253), _plain(12_345.0), _plain(4.0)
    ('260', '0.25', '12,000', '4.0')
    """
    digits = 1 - math.floor(math.log10(value))
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def _more(value: float, words: Callable[[float], str]) -> str:
    return f"{words(abs(value))} {'more' if value >= 0 else 'less'}"


def _thin(facts: Facts) -> Iterator[Advice]:
    rows = [row for row in facts.thin if row.may_be_best and row.n_type >= _FEW]
    for row in sorted(rows, key=lambda row: -(row.high - row.best_mean) * row.n_type)[:_MOST]:
        where = f"condition: \"task_type == '{row.task_type}'\""
        rule = f"`{{{where}, share: 5%, model: {row.model}}}` under `rules:`"
        n = round(row.evidence)
        known = count(n, "outcome")
        if row.n_outcomes > row.evidence:
            known += " that still counts" if n == 1 else " that still count"
        if row.best_model == row.model:
            text = f"{row.model} is believed best for {row.task_type} ({percent(row.mean)}) on {known}: try it there "
            text += f"before you rely on it, with {rule}"
        else:
            text = f"{row.model} has {known} for {row.task_type}, and may be better there than {row.best_model} (up to "
            text += f"{percent(row.high)}, against {percent(row.best_mean)}): try it there, with {rule}, or leave it "
            text += f"out, with `{{{where}, forbid: [{row.model}]}}`"
        numbers = {"model": row.model, "task_type": row.task_type, "evidence": row.evidence, "high": row.high}
        yield Advice("thin", text, numbers | {"best_model": row.best_model, "best_mean": row.best_mean})


def _no_verdict(facts: Facts) -> Iterator[Advice]:
    if facts.no_savings:
        text = f"nothing can be said of savings: {facts.no_savings}"
        yield Advice("no_verdict", text, {"models": [], "baseline": facts.baseline.model})
        return
    rows = [row for row in facts.savings if row.verdict != "supported"]
    first = facts.savings[0]
    if first not in rows:
        return
    others = f" (nor on {count(len(rows) - 1, 'other model')})" if len(rows) > 1 else ""
    sure = "no verdict" if first.verdict == "none" else "only a weak verdict"
    text = f"{sure} on {first.model} always{others}: {first.reasons[0]}; `selector replay plan --policy "
    text += f"fixed:{first.model}` says what it takes"
    yield Advice("no_verdict", text, {"baseline": first.model, "models": [row.model for row in rows]})


RULES: Mapping[str, Callable[[Facts], Iterator[Advice]]] = {
    "damaged_log": _damaged_log,
    "nothing_reported": _nothing_reported,
    "drift": _drift,
    "unanswered": _unanswered,
    "failing_calls": _failing_calls,
    "never_judged": _never_judged,
    "never_fails": _never_fails,
    "judged_late": _judged_late,
    "cost_unknown": _cost_unknown,
    "one_more_dollar": _one_more_dollar,
    "better_alone": _better_alone,
    "thin": _thin,
    "no_verdict": _no_verdict,
}
"""Every rule by its name, the most urgent first."""


def advice_of(facts: Facts) -> tuple[Advice, ...]:
    """Say what to do next, the most urgent first."""
    return tuple(advice for rule in RULES.values() for advice in rule(facts))
