"""`selector schema`: what a configuration may say, for editors that check and complete while one types."""

from __future__ import annotations

from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import print_json
from selector.config import json_schema

__all__ = ["schema"]


def schema(
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Print the JSON Schema of a configuration: draft 2020-12, with a description of every key."""
    wanted(config, state, as_json, verbose, quiet)
    print_json({"schema": "selector.schema/1", "json_schema": json_schema()} if as_json else json_schema())
