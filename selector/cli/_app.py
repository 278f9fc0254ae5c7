"""The commands, and what becomes of errors."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from selector.cli import _demo, _simulate
from selector.cli._output import complain
from selector.errors import BudgetExceededError, ConfigError, NoEligibleModelError, SelectorError

__all__ = ["app", "run"]

app = typer.Typer(
    name="selector",
    help="Which model should do this task, at which provider, within this budget?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("simulate")(_simulate.simulate)
app.command("demo")(_demo.demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"selector {version('adaptive-selector')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose models by what was learnt of them, within a budget."""


def run(arguments: list[str]) -> int:
    """Run one command and turn errors into exit codes."""
    try:
        app(arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except SelectorError as error:
        complain(str(error))
        return _code(error)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    return 0


def _code(error: SelectorError) -> int:
    if isinstance(error, ConfigError):
        return 2
    if isinstance(error, BudgetExceededError):
        return 4
    return 3 if isinstance(error, NoEligibleModelError) else 1
