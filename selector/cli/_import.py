"""`selector import`: the configuration of another tool as a selector.yaml, with a word on each of its keys."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from selector.cli._lines import counted
from selector.cli._options import AsJson, NoConfig, NoState, Quiet, Verbose, wanted
from selector.cli._output import print_json
from selector.cli._writing import check_output, write_private
from selector.config import Config
from selector.config.formats import Imported, imported

__all__ = ["import_"]

_WIDTH = 110
_NUMBERS = re.compile(r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")
_SAFE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ORDER = ("kept", "translated", "ignored", "warned")


class _Writer(yaml.SafeDumper):
    """Writes YAML 1.2: what its core schema takes for a number is quoted where it is a text."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - as PyYAML calls it
        """Write a value again where it stands twice."""
        return True


def _text(writer: _Writer, value: str) -> yaml.ScalarNode:
    """Write a text so that what YAML 1.1 breaks lines at is escaped."""
    style = '"' if _BREAKS.search(value) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Writer.add_representer(str, _text)
_Writer.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBERS, list("-+.0123456789"))


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The other tool's file: YAML, TOML or JSON.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="Where to write it. [default: print it]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    config: NoConfig = None,
    state: NoState = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Translate a configuration of another tool: it does what the file says, and no key is passed over in silence."""
    wanted(config, state, as_json, verbose, quiet)
    if output is not None:
        check_output(output, force=force)
    found = imported(file)
    _check(file)
    text = yaml_of(found, file.name)
    if output is not None:
        write_private(output, text, force=force)
    if as_json:
        print_json(_entry(found, file, output))
        return
    if output is None:
        sys.stdout.write(text)
    if quiet:
        sys.stdout.write("" if output is None else f"{output}\n")
        return
    out = sys.stderr if output is None else sys.stdout
    for line in _report(found, file, output):
        out.write(line.translate(_SAFE) + "\n")


globals()["import"] = import_  # the command's name is a word of Python's


def _check(file: Path) -> None:
    """Load what was translated, so that what is wrong with it is said with the line it comes from."""
    logger = logging.getLogger("selector")
    level = logger.level
    logger.setLevel(logging.ERROR)  # its warnings stand in the report
    try:
        Config.load(file)
    finally:
        logger.setLevel(level)


def yaml_of(found: Imported, name: str) -> str:
    """Write the native document, with a word on where it comes from.

    Examples
    --------
    >>> print(yaml_of(Imported("old", {"models": {"1e3": {}}}, (), ""), "old.yaml"))
    # Translated by `selector import` from 'old.yaml', which is of the format old.
    models:
      '1e3': {}
    <BLANKLINE>
    """
    heading = f"# Translated by `selector import` from {name!r}, which is of the format {found.format}.\n"
    if found.adaptive:
        heading += f"# It does what that file says; for a choice by what is learnt: {found.adaptive}.\n"
    body = yaml.dump(
        found.config, Dumper=_Writer, sort_keys=False, default_flow_style=None, allow_unicode=True, width=_WIDTH
    )
    return heading + str(body)


def _counts(found: Imported) -> dict[str, int]:
    number: Counter[str] = Counter(line.what for line in found.lines)
    return {what: number[what] for what in _ORDER if number[what]}


def _report(found: Imported, file: Path, output: Path | None) -> list[str]:
    """Lay out what became of each key, in the order of the file."""
    counts = ", ".join(f"{number:,} {what}" for what, number in _counts(found).items())
    total = counted(len(found.lines), "key")
    lines = [] if output is None else [f"wrote {output}"]
    lines += [f"{file} is of the format {found.format}: {total}: {counts}", *(f"  {line}" for line in found.lines)]
    if found.adaptive:
        lines.append(f"it does what the file says; for a choice by what is learnt: {found.adaptive}")
    if output is not None:
        lines.append(f"next: selector validate --config {output}")
    return lines


def _entry(found: Imported, file: Path, output: Path | None) -> dict[str, Any]:
    return {
        "schema": "selector.import/1",
        "source": str(file),
        "format": found.format,
        "file": None if output is None else str(output),
        "counts": _counts(found),
        "lines": [line._asdict() for line in found.lines],
        "adaptive": found.adaptive,
        "config": found.config,
    }
