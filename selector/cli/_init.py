"""`selector init`: a first configuration from the keys in the environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from selector.cli._lines import say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import complain, print_json
from selector.cli._writing import check_output, write_private
from selector.config import Config, found_in, starter
from selector.errors import ConfigError

__all__ = ["init"]

_DEFAULT = Path("selector.yaml")


def init(
    baseline: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The model used today: others must be about as good.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="Where to write it. [default: selector.yaml]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Write a first configuration, with comments, from the keys in the environment."""
    wanted(config, state, as_json, verbose, quiet)
    path = output or config or _DEFAULT
    check_output(path, force=force)
    if baseline is None and not as_json and sys.stdin.isatty():
        baseline = _ask()
    text = starter(os.environ, baseline=baseline)
    if state is not None:
        text += f"\n# Where what was decided and learnt is kept.\nstate: {json.dumps(str(state))}\n"
    write_private(path, text, force=force)
    found = _found(path, baseline)
    if as_json:
        print_json({"schema": "selector.init/1", **found})
    elif quiet:
        say(str(path))
    else:
        _tell(found)


def _ask() -> str | None:
    """Ask for the model used today until the answer is one, or none."""
    while True:
        answer = typer.prompt("Which model do you use today? (Enter: none)", default="", show_default=False, err=True)
        if not answer.strip():
            return None
        try:
            starter(os.environ, baseline=answer.strip())
        except ConfigError as error:
            complain(str(error))
        else:
            return str(answer).strip()


def _found(path: Path, baseline: str | None) -> dict[str, Any]:
    written = Config.load(path)
    keys = {name: (entry.api_key or "").removeprefix("env:") for name, entry in written.providers.items()}
    return {
        "file": str(path),
        "providers": [
            {"name": name, "key": key, "key_is_set": bool(os.environ.get(key, "").strip())}
            for name, key in keys.items()
        ],
        "models": list(written.models),
        "baseline": baseline,
        "objective": None if written.objective is None else written.objective.model_dump(mode="json"),
    }


def _tell(found: dict[str, Any]) -> None:
    say(f"wrote {found['file']}")
    for provider in found["providers"]:
        known = "key found in" if provider["key_is_set"] else "an example; no key was found: set"
        say(f"provider {provider['name']}: {known} {provider['key']}")
    say(f"models: {', '.join(found['models'])}")
    if found["baseline"] is not None:
        say(f"wanted: the cheapest model that is at most .02 worse than {found['baseline']}")
    elif any(provider["key_is_set"] for provider in found["providers"]):
        available = list(found_in(os.environ).models)
        say(f"no model of today was named: --baseline {available[-1]} would compare the others with that one")
    named = "" if Path(found["file"]) == _DEFAULT else f" --config {found['file']}"
    say(f"next: selector validate{named}, then selector select coding{named}")
