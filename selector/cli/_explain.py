"""`selector explain`: why a model was chosen, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from selector.cli._lines import tell
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import print_json
from selector.cli._reading import Reading, reading
from selector.cli._story import logged_entry

__all__ = ["explain"]


def explain(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The decision, as select printed it.")],
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say why a model was chosen, also of a decision of another day or process."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        text = found.explain(id_)
        entry = logged_entry(found.events_of(id_), _table(found, id_)) if as_json else {}
    if as_json:
        print_json({"schema": "selector.explain/1", **entry})
    else:
        tell(text.splitlines()[0] if quiet else text)


def _table(found: Reading, id_: str) -> dict[str, object] | None:
    """Find what was on the table: with the decision, or with the first of its time."""
    events = found.events_of(id_)
    named = [id_, *(e["deal"] for e in events if e["kind"] == "decision" and "deal" in e)]
    tables = [e for name in named for e in found.events_of(name) if e["kind"] == "explained" and "models" in e]
    return tables[0] if tables else None
