"""`selector prices check`: whether providers bill what the configured prices say."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from selector._clients import Bill, Bills, Cause, ListedPrices, check_bills, price_list
from selector.catalog import Catalog
from selector.cli._lines import counted, say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import complain, money, print_json
from selector.cli._reading import now, places
from selector.cli._story import moment
from selector.config import HalfLife
from selector.errors import nearest
from selector.store import State

__all__ = ["prices"]

_SOURCE = "genai-prices"
_DAY_S = 86_400.0
_VERDICTS = {
    "fits": "as listed",
    "off": "off",
    "changed": "as listed then",
    "unclear": "cannot be told yet",
    "too_few": "too few calls",
    "no_price": "no price known",
    "not_configured": "not configured",
}
_SOURCES = {"published": "published", "configured": "by hand", "both": "partly by hand", "unknown": "not known"}


def prices(
    action: Annotated[str, typer.Argument(metavar="check", help="What to do: compare bills with prices.")],
    since: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="Only what was decided since, such as 7d, 12h, or 2026-03-10; else all."),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="SHARE", help="How far a bill may be from the list, beyond its interval.")
    ] = "5%",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a model's prices are off.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Compare what providers billed with the configured prices of the day, and name the models whose prices are off."""
    if action != "check":
        raise usage_error(f"prices: no action {action!r}{nearest(action, ['check'])}")
    asked = wanted(config, state, as_json, verbose, quiet)
    limit = _share(tolerance)
    found, _, folder = places(asked)
    begin = None if since is None else _begin(since, ZoneInfo(found.timezone))
    catalog = Catalog.of(found)
    listed = price_list(found, catalog, datetime.fromtimestamp(now(), UTC))
    bills = _bills(asked, folder, catalog, begin, limit)
    if as_json:
        _print(bills, listed, begin, limit)
    else:
        _tell(bills, listed, asked)
    if strict and bills.off:
        complain(f"the prices of {', '.join(bills.off)} are not what is billed")
        raise typer.Exit(1)


def _bills(asked: Wanted, folder: Path, catalog: Catalog, begin: float | None, limit: float) -> Bills:
    """Read the log, where there is one."""
    if asked.state is None and not (folder / "store.json").exists():
        if not asked.quiet:
            complain(f"note: there is no state folder {folder} yet, so nothing was billed")
        return Bills(routes=(), models=())
    with State.open(folder, clock=now, read_only=True) as log:
        bills = check_bills(log.events(), catalog, since_s=-math.inf if begin is None else begin, tolerance=limit)
        for fault in log.faults if not asked.quiet else ():
            complain(f"note: {fault.file}: {fault.reason}; what it held is not among these bills")
    return bills


def _begin(text: str, zone: ZoneInfo) -> float:
    """Read from when on, in seconds since 1970: a span of time that ends now, or a date."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
    except ValueError:
        pass
    try:
        span = HalfLife.of(text)  # spans of time are written alike everywhere
    except ValueError:
        span = None
    if span is None or span.unit != "days":
        raise usage_error(f"--since {text!r}: write a span of time such as 7d or 12h, or a date such as 2026-03-10")
    return now() - span.amount * _DAY_S


def _share(text: str) -> float:
    match = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})\s*(%?)\s*", text)
    share = None if match is None else float(match[1]) / (100 if match[2] else 1)
    if share is None or not 0 <= share < 1:
        raise usage_error(f"--tolerance {text!r}: write a share from 0 to less than 1, such as 5% or 0.05")
    return share


def _print(bills: Bills, listed: tuple[ListedPrices, ...], begin: float | None, limit: float) -> None:
    data = {
        "published": {"package": _SOURCE, "version": version(_SOURCE)},
        "since": None if begin is None else moment(begin),
        "tolerance": limit,
        "off": list(bills.off),
        "routes": [_bill_entry(bill) for bill in bills.routes],
        "models": [{k: v for k, v in _bill_entry(bill).items() if k != "causes"} for bill in bills.models],
        "n_unknown": bills.n_unknown,
        "prices": [_price_entry(each) for each in listed],
    }
    print_json({"schema": "selector.prices/1", **data})


def _bill_entry(bill: Bill) -> dict[str, Any]:
    entry = asdict(bill) | {"causes": [_cause_entry(cause) for cause in bill.causes]}
    return entry if bill.route is not None else {k: v for k, v in entry.items() if k != "route"}


def _cause_entry(cause: Cause) -> dict[str, Any]:
    entry = asdict(cause)
    changed_at_s = entry.pop("changed_at_s")
    return entry | {"changed_at": None if changed_at_s is None else moment(changed_at_s)}


def _price_entry(each: ListedPrices) -> dict[str, Any]:
    changes = [
        {"at": moment(change.at.timestamp()), "usd": {k: {"from": a, "to": b} for k, (a, b) in change.usd.items()}}
        for change in each.changes
    ]
    return asdict(each) | {"changes": changes}


def _tell(bills: Bills, listed: tuple[ListedPrices, ...], asked: Wanted) -> None:
    if bills.routes:
        _show_bills(bills, bare=asked.quiet)
    else:
        say("no provider has said yet what a call cost: there is nothing to compare")
    for bill in bills.routes:
        _tell_causes(bill)
    if bills.n_unknown:
        say(f"{counted(bills.n_unknown, 'bill')} of decisions that the log does not have")
    if asked.quiet:
        return
    say()
    say(f"published prices are those of {_SOURCE} {version(_SOURCE)}; a newer version of that package has newer ones")
    rows = [[each.route, _SOURCES[each.source], ", ".join(each.by_hand), _ahead(each)] for each in listed]
    show_rows(["route", "prices", "written by hand", "changes ahead"], rows)


def _show_bills(bills: Bills, *, bare: bool) -> None:
    headings = ["route", "calls", "billed USD", "by list", "ratio", "95 % interval", "verdict"]
    several = {bill.model for bill in bills.routes}
    several = {name for name in several if sum(bill.model == name for bill in bills.routes) > 1}
    rows = [_row(bill, str(bill.route)) for bill in bills.routes]
    rows += [_row(bill, f"{bill.model}, all routes") for bill in bills.models if bill.model in several]
    show_rows(headings, rows, numbers={"calls", "billed USD", "by list", "ratio", "95 % interval"}, bare=bare)


def _row(bill: Bill, name: str) -> list[str]:
    calls = f"{bill.n:,}" if bill.n == bill.n_billed else f"{bill.n:,} of {bill.n_billed:,}"
    return [
        name,
        calls,
        money(bill.billed_usd),
        "" if bill.list_usd is None else money(bill.list_usd),
        "" if bill.ratio is None else f"{bill.ratio:.3f}",
        "" if bill.low is None or bill.high is None else f"{bill.low:.3f} to {bill.high:.3f}",
        _VERDICTS[bill.verdict],
    ]


def _tell_causes(bill: Bill) -> None:
    if bill.verdict == "changed":
        say(
            f"{bill.route}: the prices that were configured when the calls were made were right, and others are now; "
            "if they changed on a day, write it as prices: [{from: DATE, ...}]"
        )
    if not bill.is_off:
        return
    if not bill.causes:
        say(
            f"{bill.route}: none of the usual reasons explains it; compare a bill with the tokens of `selector explain`"
        )
        return
    first, *others = bill.causes
    say(f"{bill.route}: {first.said} (explains {first.explained:.1%} of the squared differences)")
    if first.usd:
        # what a configuration says, to be copied
        written = ", ".join(f"{key}: {usd:g}" for key, usd in first.usd.items())
        say(f"  to correct it: {{{written}}}")
    for cause in others:
        say(f"  or {cause.said}: these calls do not tell them apart")


def _ahead(each: ListedPrices) -> str:
    parts = [
        f"{change.at:%Y-%m-%d}: "
        + (", ".join(f"{key} {a:g} -> {b:g}" for key, (a, b) in change.usd.items()) or "prices of long inputs")
        for change in each.changes
    ]
    return "; ".join([*parts, *(["by the hour of the day"] if each.by_hour else [])])
