"""`selector budget`: what is spent, held and left, and what a person changes of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from selector._clients import Change, Core, Randomness, change_budget, open_core
from selector.budgets import Till
from selector.catalog import NANO
from selector.cli._lines import counted, say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import money, print_json
from selector.cli._reading import now, places, reading
from selector.cli._story import moment
from selector.cli._words import budget_entry
from selector.config import Config

__all__ = ["budget"]

_CHANGES: dict[str, Change] = {"reset": "reset", "set": "set", "adjust": "adjust"}
_WHAT = "Change the present window: reset (nothing counts as spent), set (its limit), adjust (what is spent, by)."


def budget(
    change: Annotated[str | None, typer.Argument(metavar="[reset|set|adjust]", help=_WHAT)] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which budget, or account: user/ada.")] = None,
    amount: Annotated[float | None, typer.Argument(metavar="[AMOUNT]", help="Dollars, tokens or requests.")] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say of each budget what was spent, what is held, what is left, when it begins anew, and what is forecast."""
    asked = wanted(config, state, as_json, verbose, quiet)
    if change is not None:
        _change(asked, change, name, amount)
    with reading(asked) as found:
        entries, ahead = _entries(found.config, found.core), _ahead(found.core)
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


def _change(asked: Wanted, change: str, name: str | None, amount: float | None) -> None:
    """Change a budget, and let the log say so."""
    if change not in _CHANGES:
        raise usage_error(f"{change!r} is no change of a budget; write one of {', '.join(_CHANGES)}")
    if name is None:
        raise usage_error(f"{change} of which budget? Name it: selector budget {change} NAME")
    config, _, folder = places(asked)
    core = open_core(config, folder, Randomness(None), now)
    try:
        change_budget(core, name, _CHANGES[change], amount)
    finally:
        core.close()


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
    if ahead["target_usd_per_request"] is not None:
        below = ", below what the cheapest models cost" if ahead["below_cheapest"] else ""
        say(f"the next request may cost on average: {money(ahead['target_usd_per_request'])} USD{below}")
        if ahead["shadow_price"] is not None:
            say(f"successes that one more dollar would bring: {ahead['shadow_price']:,.6g}")
    for line in ahead["prices"]:
        say(line)


def _ahead(core: Core) -> dict[str, Any]:
    """Say what is steered to: how many requests are forecast, what each may cost, and what one more dollar is worth."""
    pace, decider = core.budget.pace, core.mind.decider
    below = bool(decider.below_cheapest[0])
    return {
        "forecast_requests": None if pace is None else pace.remaining,
        "target_usd_per_request": None if pace is None else float(pace.target()[0]),
        "shadow_price": None if below else float(decider.price[0]),  # no price would bring it down
        "below_cheapest": below,
        "prices": list(core.mind.price_words),
    }


def _entries(config: Config, core: Core) -> list[dict[str, Any]]:
    budget = core.budget
    tills = {till.label: till for till in budget.tills}
    names = {id(till): key.partition("\n")[0] for key, till in budget.scoped.tills.items()}
    entries = []
    for each in config.budgets:
        own = tills.get(each.label) or budget.scoped.whole(each.label)
        many = [till for till in budget.scoped.shown() if till is not own and names[id(till)] == each.label]
        stands = _NO_ACCOUNT if own is None else _stand(own)
        accounts = [{"name": till.label} | _stand(till) for till in many]
        ahead = {"forecast_requests": budget.remaining_requests(each.label), "accounts": accounts}
        entries.append(budget_entry(each) | stands | ahead)
    return entries


_NO_ACCOUNT: dict[str, Any] = {"spent": None, "held": None, "left": None, "resets_at": None}


def _stand(till: Till) -> dict[str, Any]:
    unit = NANO if till.resource == "usd" else 1
    spent, held, left = (amount / unit for amount in (till.spent, till.held, till.room))
    resets_at = None if till.resets_at is None else moment(till.resets_at.timestamp())
    limit = {"limit": (till.limit + till.extra) / unit} if till.extra else {}
    return {"spent": spent, "held": held, "left": left, "resets_at": resets_at} | limit
