"""The options that every command takes, and what is printed beside its results."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from selector.catalog import UnknownPriceWarning
from selector.cli._output import complain

__all__ = [
    "AsJson",
    "AtTime",
    "ConfigPath",
    "NoConfig",
    "NoState",
    "OneTask",
    "Quiet",
    "StatePath",
    "TaskId",
    "TaskText",
    "UsageError",
    "Verbose",
    "Wanted",
    "listening",
    "usage_error",
    "wanted",
]

UsageError: Any = typer.BadParameter.__bases__[0]  # typer raises it, and gives it no public name

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="PATH",
        help="The configuration; else SELECTOR_CONFIG, else selector.yaml here, else in DIR.",
    ),
]
StatePath = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="The state folder; else SELECTOR_STATE, else as configured."),
]
NoConfig = Annotated[
    Path | None, typer.Option("--config", metavar="PATH", help="As for every command; here nothing of it is used.")
]
NoState = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="As for every command; a simulation keeps no state.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more, such as which files were read.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print the bare result, without notes and headings.")]

_OF_TASK = 'Its type, or its fields as JSON: {"type": "coding", "labels": ["docs"]}.'
TaskText = Annotated[str, typer.Option("--task", metavar="TASK", help=_OF_TASK)]
OneTask = Annotated[
    str | None, typer.Option("--task", metavar="TASK", help=f"On this very task, with every reason. {_OF_TASK}")
]
TaskId = Annotated[str | None, typer.Option("--id", metavar="WORD", help="The task's id: shares go by it.")]
AtTime = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="What rules take for now, such as 2026-03-10T23:30, in the zone."),
]

_logger = logging.getLogger("selector")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the common options ask for."""

    config: Path | None = None
    state: Path | None = None
    json: bool = False
    verbose: bool = False
    quiet: bool = False


def wanted(
    config: Path | None, state: Path | None, as_json: bool = False, verbose: bool = False, quiet: bool = False
) -> Wanted:
    """Take in the common options of one command."""
    if verbose and quiet:
        raise usage_error("--verbose and --quiet contradict each other; give one of them")
    _logger.setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
    return Wanted(config, state, as_json, verbose, quiet)


def usage_error(message: str) -> Exception:
    """Build the error of a command line that cannot be meant."""
    found: Exception = UsageError(message)
    return found


class _Notes(logging.Handler):
    """Prints what the library logs as notes, each once."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if said not in self._told:
            self._told.add(said)
            complain(f"note: {said}")


@contextmanager
def listening() -> Iterator[None]:
    """Print what the library logs and warns of as notes, while a command runs."""

    def show(
        message: Warning | str,
        category: type[Warning],  # noqa: ARG001 - as `warnings.showwarning` is called
        filename: str,  # noqa: ARG001
        lineno: int,  # noqa: ARG001
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        _logger.warning("%s", message)

    handler, level, passes_on = _Notes(), _logger.level, _logger.propagate
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=UnknownPriceWarning)
        warnings.showwarning = show
        _logger.addHandler(handler)
        _logger.propagate = False
        try:
            yield
        finally:
            _logger.removeHandler(handler)
            _logger.propagate = passes_on
            _logger.setLevel(level)
