"""The commands, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import orjson
import typer

from selector.cli._options import UsageError, listening, usage_error
from selector.cli._output import complain
from selector.cli._streams import let_go, mend
from selector.errors import BudgetExceededError, ConfigError, NoEligibleModelError, SelectorError, nearest

__all__ = ["app_with", "run"]

_COMMANDS = {
    "init": ("_init", "Write a first configuration from the environment's keys."),
    "import": ("_import", "Translate a configuration of another tool."),
    "validate": ("_models", "Check a configuration, and say what it would do."),
    "config": ("_config", "Print the configuration in force, defaults included."),
    "schema": ("_schema", "Print the JSON Schema of a configuration, for editors."),
    "models": ("_models", "List models, prices, and why one is not used."),
    "select": ("_select", "Choose a model for a task."),
    "run": ("_run", "Choose a model, call it, and print its answer."),
    "record": ("_record", "Report what came of a decision."),
    "explain": ("_explain", "Say why a model was chosen."),
    "why": ("_why", "Say why a model is used, or never is."),
    "rules": ("_rules", "Try the rules on a task, and say which fire."),
    "beliefs": ("_beliefs", "Lay out what is believed; reset it, or take up another folder's."),
    "priors": ("_priors", "Lay out what is published or learnt of models, before any outcome."),
    "learn": ("_learn", "Take one's own evaluations as priors; list or forget them."),
    "summary": ("_summary", "Sum up what each model did."),
    "status": ("_status", "Take stock of the state folder."),
    "report": ("_report", "Report what was learnt, what it cost, and what to do next."),
    "budget": ("_budget", "Say what is spent, held and left; reset, set, adjust."),
    "prices": ("_prices", "Compare bills with the configured prices."),
    "export": ("_export", "Write logged decisions to a Parquet, CSV or DuckDB file."),
    "rebuild": ("_rebuild", "Fold the log anew, and compare."),
    "forget": ("_forget", "Remove what users wrote from the log."),
    "replay": ("replay._compare", "Say from the log what another policy would have earned."),
    "simulate": ("_simulate", "Replay policies on a table of outcomes."),
    "demo": ("_demo", "Simulate a world of published figures."),
}
_PARTS = {
    "plan": "How many decisions, days and dollars a verdict takes.",
    "gate": "Whether to switch: exit 0 pass, 1 fail, 2 not enough evidence.",
    "ab": "What an experiment by share shows so far.",
    "pairs": "Run some tasks on a second model too, and have both answers judged.",
}
"""Commands below `replay`, each a function of a file in `selector.cli.replay`; without one of them it compares."""
_INTERRUPTED = 130  # what typer makes of an interrupt
_PARTS_SAID = "\b\nBelow it, each with its own --help:\n" + "\n".join(
    f"  {part:<7}{short}" for part, short in _PARTS.items()
)


def app_with(wanted: str) -> typer.Typer:
    """Build the program with one command that can run; of the others the help knows no more than a line.

    Parameters
    ----------
    wanted
        The command's name, and that of its part after a space; only its file is loaded, since some load what takes
        long.
    """
    app = typer.Typer(
        name="selector",
        help="Which model should do this task, at which provider, within this budget?",
        epilog="Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 no eligible model, 4 budget exceeded.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    command, _, part = wanted.partition(" ")
    for name, (place, short) in _COMMANDS.items():
        if name == command and part:
            app.add_typer(_below(name, part), name=name, short_help=short)
            continue
        found = _command(place, name) if name == command else _not_loaded
        settings = {"ignore_unknown_options": name == "budget"}  # -0.5 is an amount there
        app.command(
            name, short_help=short, context_settings=settings, epilog=_PARTS_SAID if name == "replay" else None
        )(found)
    return app


def _command(place: str, name: str) -> Callable[..., None]:
    """Load a command's file, and no other."""
    module = import_module(f"selector.cli.{place}")
    found: Callable[..., None] = getattr(module, "compare" if name == "replay" else name)
    return found


def _below(name: str, part: str) -> typer.Typer:
    """Build a command that has others below it, with the one that can run."""
    group = typer.Typer(rich_markup_mode=None)
    group.callback()(_not_loaded)
    group.command(part)(_command(f"{name}._{part}", part))
    return group


def _wanted(arguments: list[str]) -> str:
    """Name the command, and the part of it that is its next word; a folder of that name is written as ./plan."""
    places = [i for i, each in enumerate(arguments) if not each.startswith("-")]
    words = arguments[places[0] : places[0] + 2] if places else [""]
    return " ".join(words) if words[0] == "replay" and words[-1] in _PARTS else words[0]


def _not_loaded() -> None:
    """Stand for a command in the list of commands."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"selector {version('adaptive-selector')}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose models by what was learnt of them, within a budget."""


def run(arguments: list[str]) -> int:
    """Run one command and turn errors into exit codes."""
    as_json = "--json" in arguments
    mend()
    try:
        _check(arguments)
        app = app_with(_wanted(arguments))
        with listening():
            code = app(arguments or ["--help"], standalone_mode=False, prog_name="selector")
        sys.stdout.flush()
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except typer.Abort:
        return _tell("stopped", "Abort", 1, as_json=as_json)
    except SelectorError as error:
        said = getattr(error, "message", None) or str(error)
        return _tell(said, type(error).__name__, _code(error), as_json=as_json, **_facts(error))
    except UsageError as error:
        return _tell(error.format_message(), "UsageError", 2, as_json=as_json)
    except OSError as error:
        return _tell_of_files(error, as_json=as_json)
    return (code if isinstance(code, int) else 0) if arguments else 2


def _tell_of_files(error: OSError, *, as_json: bool) -> int:
    """Say which file, or that it was the output; of a reader that went away there is nobody to tell."""
    let_go()
    if isinstance(error, BrokenPipeError):
        return 1
    said = f"{error.filename or 'the output'}: {error.strerror or error}"
    return _tell(said, type(error).__name__, 1, as_json=as_json)


def _check(arguments: list[str]) -> None:
    """Refuse what is no text, and a command that there is not."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise usage_error(f"{argument!r} is not UTF-8 text") from None
    first = arguments[0] if arguments else "--help"
    if not first.startswith("-") and first not in _COMMANDS:
        raise usage_error(f"no command {first!r}{nearest(first, _COMMANDS)}")


def _tell(message: str, error: str, code: int, *, as_json: bool, **facts: Any) -> int:  # noqa: ANN401 - facts of any sort
    """Print an error as one line, and for programs as one line of JSON after it."""
    complain(" ".join(message.splitlines()))
    if as_json:
        said = {"schema": "selector.error/1", "error": error, "message": message, "exit_code": code, **facts}
        sys.stderr.write(orjson.dumps(said).decode() + "\n")
    return code


def _facts(error: SelectorError) -> dict[str, Any]:
    """Read off what an error knows beside its message."""
    names = ("file", "line", "key", "reasons", "budget", "resets_at")
    return {name: value for name in names if (value := getattr(error, name, None)) is not None}


def _code(error: SelectorError) -> int:
    if isinstance(error, ConfigError):
        return 2
    if isinstance(error, BudgetExceededError):
        return 4
    return 3 if isinstance(error, NoEligibleModelError) else 1
