"""`selector rebuild`: the beliefs folded anew from the log, and compared with those that are stored."""

from __future__ import annotations

import typer

from selector._clients import rebuild as fold_anew
from selector.cli._lines import counted, say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import complain, print_json
from selector.cli._reading import source_of, state_folder

__all__ = ["rebuild"]

_MOST = 1e-9


def rebuild(
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Fold the log anew, and compare with the beliefs as they are stored: they must be equal to 1e-9."""
    asked = wanted(config, state, as_json, verbose, quiet)
    found = fold_anew(source_of(asked), state=state_folder(asked))
    is_equal = bool(found.is_equal) and found.largest_difference <= _MOST
    if as_json:
        data = {
            "n_events": found.n_events,
            "n_decisions": found.n_decisions,
            "largest_difference": found.largest_difference,
            "where": found.where or None,
            "is_equal": is_equal,
        }
        print_json({"schema": "selector.rebuild/1", **data})
    elif not quiet:
        say(f"folded anew: {counted(found.n_events, 'event')}, {counted(found.n_decisions, 'decision')} among them")
        say(f"largest relative difference: {found.largest_difference:.3g}{_at(found.where)}")
    if not is_equal:
        complain(
            f"the stored beliefs are not what the log says: they differ by {found.largest_difference:.3g}"
            f"{_at(found.where)}; remove posteriors.parquet, and the log is folded anew"
        )
        raise typer.Exit(1)


def _at(where: str) -> str:
    return f" ({where})" if where else ""
