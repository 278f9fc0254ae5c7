"""`selector config`: the whole configuration in force, and where each of its values comes from."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import complain, print_json
from selector.cli._reading import places
from selector.config import Effective

__all__ = ["config"]


def config(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="The configuration, as --config.")] = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say behind each value where it comes from.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Print the whole configuration in force as YAML: defaults and presets included, and nothing secret."""
    if path is not None and config is not None:
        raise usage_error("PATH and --config say the same; give one of them")
    asked = wanted(path or config, state, as_json, verbose, quiet)
    loaded, file, _ = places(asked)
    found = Effective.of(file, os.environ, state=_state(asked))
    if as_json:
        source = None if file is None else str(file)
        data = {"file": source, "config_digest": loaded.digest, "config": found.plain(), "origins": found.origins()}
        print_json({"schema": "selector.config/1", **data})
        return
    if not quiet:
        complain(f"note: this is {_source(asked, file)}; digest {loaded.digest}")
    sys.stdout.write(found.yaml(origin=origin))


def _state(asked: Wanted) -> tuple[str, str] | None:
    """Say which folder is given in place of the configured one, and by whom."""
    if asked.state is not None:
        return str(asked.state), "option --state"
    named = os.environ.get("SELECTOR_STATE")
    return (named, "environment SELECTOR_STATE") if named else None


def _source(asked: Wanted, file: Path | None) -> str:
    if file is None:
        return "what the keys in the environment allow"
    named = asked.config is None and os.environ.get("SELECTOR_CONFIG")
    return f"{file}, which SELECTOR_CONFIG names" if named else str(file)
