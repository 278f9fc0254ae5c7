"""`selector status`: how things stand."""

from __future__ import annotations

from selector.cli._lines import say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import print_json
from selector.cli._reading import reading
from selector.cli._words import span

__all__ = ["status"]


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
    for line in (*stock["budgets"], *stock["prices"], *stock["routes"], *stock["quotas"]):
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
    "sessions": "session",
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
