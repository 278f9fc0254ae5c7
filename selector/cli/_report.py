"""`selector report`: what was learnt, what it cost, and what to do next."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from selector.cli._lines import counted, say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import complain, print_json
from selector.cli._reading import places
from selector.cli._report_shown import show_facts
from selector.cli._writing import check_output, write_private
from selector.cli.replay._log import Since, Until
from selector.config import Config
from selector.errors import ConfigError, DataError, StateError
from selector.report import Facts, facts, html_page

__all__ = ["report"]


def report(
    terminal: Annotated[bool, typer.Option("--terminal", help="Print the essentials here.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write all of it, with pictures, to one .html file."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    since: Since = None,
    until: Until = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="MODEL", help="Against which savings are held; else as configured."),
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Estimate savings from all decisions of a long log, however long it takes."),
    ] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Report what was learnt, what it cost and what was saved, and what to do next.

    Numbers in parentheses cannot be relied on. With --quiet only what to do next is printed.
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    if not (terminal or as_json or output):
        shown = "--terminal prints the essentials here, --json every fact, --output report.html writes a page"
        raise usage_error(f"say how to show it: {shown}")
    if output:
        check_output(output, force=force, what="HTML", endings=(".html", ".htm"))
    believed, folder = _place(asked)
    if not (folder / "store.json").exists():
        raise StateError(f"there is no state in {folder}; name the folder that decisions were written to with --state")
    with _in_haste():
        try:
            found = facts(folder, since=since, until=until, baseline=baseline, config=believed, thorough=thorough)
        except DataError as error:
            said = str(error).replace("since and until", "--since and --until").replace(", or leave task_type out", "")
            raise DataError(said) from None
        if output:
            _write(found, output, force=force)
    if as_json:
        print_json(found.as_dict())
    elif terminal:
        show_facts(found, verbose=verbose, quiet=quiet)
    elif output:
        say(str(output) if quiet else f"{output}: {counted(found.totals.n, 'decision')} on one page")


@contextmanager
def _in_haste() -> Iterator[None]:
    """Do some seconds of work without looking for garbage, of which there is little, and keep memory for what is next.

    Both are the process's own to choose, and take a fifth of the time of a long log.
    """
    import pyarrow as pa  # noqa: PLC0415 - who asks for help needs none

    collects, pool = gc.isenabled(), pa.default_memory_pool()
    gc.disable()
    if "jemalloc" in pa.supported_memory_backends():  # it seldom gives memory back only to ask for it again
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        if collects:
            gc.enable()


def _write(found: Facts, output: Path, *, force: bool) -> None:
    """Write the page, which only its owner may read."""
    try:
        page = html_page(found)
    except ImportError as error:
        raise DataError(str(error)) from None
    write_private(output, page, force=force)


def _place(asked: Wanted) -> tuple[Config | None, Path]:
    """Find the state folder, and the configuration, which is not needed where the folder is named."""
    try:
        config, _, folder = places(asked)
    except ConfigError as error:
        named = asked.state or os.environ.get("SELECTOR_STATE")
        if asked.config is not None or not named:
            raise
        if not asked.quiet:
            why = f": {error}" if error.file else ""
            complain(f"note: without a configuration, so budgets and families are not known{why}")
        return None, Path(named)
    return config, folder
