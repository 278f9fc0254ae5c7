"""The top of a page: what was spent and earned, in a paragraph and in tiles, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from selector.report.counted._facts import Facts, Saving
from selector.report.counted._words import count, day_words, percent, usd
from selector.report.page._html import Html, Part, as_exact_as, between, joined, money, paragraph, prose, share, words

__all__ = ["advice_part", "period", "short_part"]

NO_ANSWER = "The log cannot support an answer"


class _Tile(NamedTuple):
    name: str
    big: str
    more: str


def period(facts: Facts) -> str:
    """Say from when to when, in UTC."""
    first, last = (moment.date() for moment in (facts.totals.first_at, facts.totals.last_at))
    return day_words(first) if first == last else f"{day_words(first)} to {day_words(last)}"


def short_part(facts: Facts) -> Part:
    """Say what was spent and earned."""
    t = facts.totals
    body = paragraph(
        f"{count(t.n, 'decision')} cost {usd(t.spent_usd)}: {_each(facts)}.",
        _success(facts),
        _saved(facts),
        _budgets(facts),
        _unknown(facts),
    )
    tiles = "".join(
        f'<div><dt>{_named(tile)}</dt><dd class="big">{words(tile.big)}</dd>'
        f'<dd class="more">{words(tile.more[:1].upper() + tile.more[1:])}</dd></div>\n'
        for tile in _tiles(facts)
    )
    return Part("in-short", "What was spent and earned", joined([body, f'<dl class="tiles">\n{tiles}</dl>\n']))


def _each(facts: Facts) -> str:
    cost = facts.totals.usd_per_decision
    return "what one costs is not known" if math.isnan(cost.value) else f"{money(cost)} each"


def _success(facts: Facts) -> str:
    t = facts.totals
    if not t.n_judged:
        return "None was judged, so nothing is known of success."
    return f"Of the {count(t.n_judged, 'judged one')}, success is {share(t.success)}."


def _saved(facts: Facts) -> str:
    """Say what was saved against the baseline, and whether the log supports that."""
    if facts.no_savings or not facts.savings:
        return f"Nothing can be said of savings: {facts.no_savings or 'no model was compared'}."
    row = facts.savings[0]
    against = f"Against always {row.model} ({facts.baseline.because})"
    if row.saved_usd_verdict != "supported":
        return (
            f"{against}, {'no' if row.saved_usd_verdict == 'none' else 'only a weak'} verdict on savings can be given."
        )
    return f"{against}, {_saved_words(row)} (supported)."


def _saved_words(row: Saving) -> str:
    value, low, high = row.saved_total_usd
    word = as_exact_as(low, high)
    if row.saved_usd_conclusion == "spent more":
        return f"{word(-value)} more was spent ({between(-high, -low, word)})"
    if row.saved_usd_conclusion == "saved":
        return f"{word(value)} was saved ({between(low, high, word)})"
    return f"no difference in cost is shown: {word(value)} saved ({between(low, high, word)})"


def _budgets(facts: Facts) -> str:
    known = [day for day in facts.days if not math.isnan(day.target_usd)]
    if not known:
        return ""
    over = sum(day.spent_usd > day.target_usd for day in known)
    allowed = usd(sum(day.target_usd for day in known))
    when = f"{over} of {count(len(known), 'day')}" if over else "no day"
    over_on = f"on {when} more was spent than such a day allows"
    return f"Budgets allow {allowed} for these days; {over_on}."


def _unknown(facts: Facts) -> str:
    n = facts.totals.n_costless
    return f"Of {count(n, 'reported decision')} the cost is not known; the sum is without them." if n else ""


def _named(tile: _Tile) -> Html:
    return tile.name if isinstance(tile.name, Html) else words(tile.name)


def _tiles(facts: Facts) -> Iterator[_Tile]:
    t = facts.totals
    yield _Tile("Decisions", f"{t.n:,}", f"{t.n_judged:,} judged, {t.n_reported:,} reported; counted")
    yield _Tile("Spent", usd(t.spent_usd), f"{_each(facts)}; interval of 95 %" if t.n_reported else "nothing reported")
    of = (
        f"{share(t.success).partition(' (')[2].removesuffix(')')}; interval of 95 %"
        if t.n_judged
        else "none was judged"
    )
    yield _Tile("Success of the judged", percent(t.success.value), of)
    yield _saved_tile(facts)
    explored = sum(round(day.explored * day.n) for day in facts.days)
    spent = usd(sum(day.explored_usd for day in facts.days))
    yield _Tile("Explored", percent(explored / max(t.n, 1)), f"{count(explored, 'decision')}, for {spent}; counted")
    unanswered = f"{t.n_unanswered:,} with no answer at all" if t.n_unanswered else "every decision was answered"
    yield _Tile("Fell back on another call", f"{t.n_fallbacks:,}", f"{unanswered}; counted")


def _saved_tile(facts: Facts) -> _Tile:
    name = Html(f'Saved against always <span class="name">{words(facts.baseline.model)}</span>')
    if facts.no_savings or not facts.savings:
        return _Tile(name, "Not known", facts.no_savings)
    row = facts.savings[0]
    if row.saved_usd_verdict != "supported":
        big = "No verdict" if row.saved_usd_verdict == "none" else "Weak verdict"
        return _Tile(name, big, row.reasons[0] if row.reasons else NO_ANSWER)
    value, low, high = row.saved_total_usd
    word = as_exact_as(low, high)
    return _Tile(
        name, word(value), f"{between(low, high, word)}, interval of 95 %; {row.saved_usd_conclusion}: supported"
    )


def advice_part(facts: Facts) -> Part:
    """Say what to do next."""
    names = (*facts.models, *(row.source for row in facts.sources), *facts.task_types)
    items = "".join(f"<li>{prose(_sentence(each.text, names))}</li>\n" for each in facts.advice)
    body = f'<ol class="next">\n{items}</ol>\n' if items else paragraph("Nothing calls for attention.")
    return Part("next", "What to do next", Html(body))


def _sentence(text: str, names: tuple[str, ...]) -> str:
    """Begin with a capital letter, unless it begins with a name, and end with a full stop."""
    begun = text if text.startswith(names) else text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "`")) else f"{begun}."
