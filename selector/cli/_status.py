"""`selector status` and `selector budget`: how things stand."""

from __future__ import annotations

from typing import Any

from selector.budgets import Till
from selector.catalog import NANO
from selector.cli._lines import counted, say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import money, print_json
from selector.cli._reading import Reading, reading
from selector.cli._story import moment
from selector.cli._words import budget_entry, span

__all__ = ["budget", "status"]


def status(
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Take stock: decisions, outcomes, what waits and for how long, budgets, drift, damage."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        stock = dict(found.status().as_dict())
        folder = str(found.folder)
    if as_json:
        print_json({"schema": "selector.status/1", "state": folder, **stock})
        return
    if not quiet:
        say(f"state: {folder}")
    for name, words in _WORDS.items():
        value = stock.pop(name)
        if verbose or value not in _NOTHING or name in _ALWAYS:
            for each in value or ("none",) if isinstance(value, tuple) else (value,):
                say(f"{words}: {_shown(name, each)}")
    for line in stock["budgets"]:
        say(line)


_NOTHING: tuple[object, ...] = (None, 0, ())
_ALWAYS = ("n_decisions", "n_outcomes", "n_pending")
_WORDS = {
    "n_decisions": "decisions",
    "n_outcomes": "of these with an outcome",
    "n_pending": "waiting for one",
    "oldest_pending_s": "the oldest waits for",
    "n_judged": "judgements",
    "n_doubled": "reported twice, counted once",
    "n_orphans": "outcomes of unknown decisions",
    "n_unlogged": "decisions that the disk did not take",
    "quarantined": "pieces of the log that cannot be read",
    "faults": "cannot be read",
    "drift_alarms": "drift alarms",
    "alarms": "drift",
    "n_overruns": "calls that took more than was held",
    "shadow_price": "successes that one more dollar would bring",
    "below_cheapest": "the budget is below what the cheapest models cost",
    "health": "cannot serve just now",
    "flagged_sources": "never finds fault",
    "n_repaired": "beliefs that fell back to their prior",
    "trouble": "the disk refused",
}


def _shown(name: str, value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "yes", False: "no"}[value]
    if name == "oldest_pending_s" and isinstance(value, float):
        return span(value)
    return f"{value:,.6g}" if isinstance(value, int | float) else str(value)


def budget(
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say of each budget what was spent, what is held, what is left, when it begins anew, and what is forecast."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        entries, ahead = _entries(found), _ahead(found)
    if as_json:
        print_json({"schema": "selector.budget/1", "budgets": entries, **ahead})
        return
    if not entries:
        say("no budgets are configured")
        return
    headings = ["budget", "of", "spent", "held", "left", "limit", "kind", "begins anew"]
    amounts = ("spent", "held", "left", "limit")
    rows = [_row(entry, entry, amounts) for entry in entries]
    rows += [_row(entry, account, amounts) for entry in entries for account in entry["accounts"]]
    show_rows(headings, rows, numbers=amounts, bare=quiet)
    if not quiet:
        _tell_ahead(ahead)


def _row(entry: dict[str, Any], account: dict[str, Any], amounts: tuple[str, ...]) -> list[str]:
    return [
        account["name"],
        entry["resource"],
        *("" if (amount := (entry | account)[name]) is None else f"{amount:,.6g}" for name in amounts),
        "average" if entry["resource"] == "usd_per_request" else "hard" if entry["hard"] else "soft",
        account["resets_at"] or "",
    ]


def _tell_ahead(ahead: dict[str, Any]) -> None:
    if ahead["forecast_requests"] is not None:
        say(f"forecast until the windows end: about {counted(ahead['forecast_requests'], 'request')}")
    if ahead["target_usd_per_request"] is None:
        return
    below = ", below what the cheapest models cost" if ahead["below_cheapest"] else ""
    say(f"the next request may cost on average: {money(ahead['target_usd_per_request'])} USD{below}")
    if ahead["shadow_price"] is not None:
        say(f"{_WORDS['shadow_price']}: {ahead['shadow_price']:,.6g}")


def _ahead(found: Reading) -> dict[str, Any]:
    """Say what is steered to: how many requests are forecast, what each may cost, and what one more dollar is worth."""
    stock, pace = found.status(), found.core.budget.pace
    return {
        "forecast_requests": None if pace is None else pace.remaining,
        "target_usd_per_request": None if pace is None else float(pace.target()[0]),
        "shadow_price": None if stock.below_cheapest else stock.shadow_price,  # no price would bring it down
        "below_cheapest": stock.below_cheapest,
    }


def _entries(found: Reading) -> list[dict[str, Any]]:
    budget = found.core.budget
    tills = {till.label: till for till in budget.tills}
    names = {id(till): key.partition("\n")[0] for key, till in budget.scoped.tills.items()}
    entries = []
    for each in found.config.budgets:
        own = tills.get(each.label) or budget.scoped.whole(each.label)
        many = [till for till in budget.scoped.shown() if till is not own and names[id(till)] == each.label]
        stands = _NO_ACCOUNT if own is None else _stand(own)
        entries.append(
            budget_entry(each) | stands | {"accounts": [{"name": till.label} | _stand(till) for till in many]}
        )
    return entries


_NO_ACCOUNT: dict[str, Any] = {"spent": None, "held": None, "left": None, "resets_at": None}


def _stand(till: Till) -> dict[str, Any]:
    unit = NANO if till.resource == "usd" else 1
    spent, held, left = (amount / unit for amount in (till.spent, till.held, till.room))
    resets_at = None if till.resets_at is None else moment(till.resets_at.timestamp())
    return {"spent": spent, "held": held, "left": left, "resets_at": resets_at}
