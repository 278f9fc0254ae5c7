"""`selector config`: the whole configuration in force, and where each of its values comes from."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import complain, print_json
from selector.cli._reading import own_file, places, source_of
from selector.config import InForce, effective, in_force

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
    loaded, _, _ = places(asked)
    there = in_force(source_of(asked), os.environ)
    found = effective(there, state=_state(asked))
    if as_json:
        source = None if there.file is None else str(there.file)
        data = {"file": source, "config_digest": loaded.digest, "config": found.plain(), "origins": found.origins()}
        print_json({"schema": "selector.config/1", **data})
        return
    if not quiet:
        complain(f"note: this is {_source(there, None if asked.config else own_file(asked))}; digest {loaded.digest}")
    sys.stdout.write(found.yaml(origin=origin))


def _state(asked: Wanted) -> tuple[str, str] | None:
    """Say which folder is given in place of the configured one, and by whom."""
    if asked.state is not None:
        return str(asked.state), "option --state"
    named = os.environ.get("SELECTOR_STATE")
    return (named, "environment SELECTOR_STATE") if named else None


def _source(there: InForce, own: Path | None) -> str:
    if there.file is None:
        return (
            "what the environment allows: goose's variables"
            if _is_of_goose(there)
            else "what the keys in the environment allow"
        )
    if there.file == own:
        return f"{there.file}, which lies in the state folder"
    return f"{there.file}, which {there.by} names" if there.by else str(there.file)


def _is_of_goose(there: InForce) -> bool:
    return any("GOOSE_" in said for path, said in there.origins.named.items() if path[0] == "models")
