"""`selector run`: the answer of a model, with whatever it takes to get one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from selector import Selector, Task
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import print_json
from selector.cli._reading import places, source_of
from selector.cli._running import Screen, answered, run_entry, stopping
from selector.cli._select import pair
from selector.errors import SelectorError
from selector.records import Run

__all__ = ["run"]

Words = list[str] | None
Check = str | dict[str, Any] | None


def run(
    task_type: Annotated[str, typer.Option(metavar="TYPE", help="The kind of task, such as coding.")],
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to do; where none is given, or a dash: standard input."),
    ] = None,
    prompt_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Where that is written.")] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The system prompt; @FILE: where that is written.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The only model that may serve it.")] = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="The only provider that may.")] = None,
    purpose: Annotated[
        str | None, typer.Option(metavar="WORD", help="Whose models may serve it: a purpose of the configuration.")
    ] = None,
    label: Annotated[Words, typer.Option(metavar="WORD", help="A word for rules and the log; repeat.")] = None,
    metadata: Annotated[Words, typer.Option(metavar="KEY=VALUE", help="A fact for rules and the log; repeat.")] = None,
    check: Annotated[
        str | None,
        typer.Option(metavar="CHECK", help='What the answer must pass: json, not_empty, or as {"regex": "^yes"}.'),
    ] = None,
    max_output_tokens: Annotated[int | None, typer.Option(min=1, metavar="N", help="The longest answer.")] = None,
    max_cost_usd: Annotated[float | None, typer.Option(min=0, help="The most that it may cost.")] = None,
    deadline_s: Annotated[
        float | None,
        typer.Option("--deadline", "--deadline-s", metavar="SECONDS", help="How long it may take, with all attempts."),
    ] = None,
    stream: Annotated[
        bool | None,
        typer.Option("--stream/--no-stream", help="Print the answer as it comes; the default on a terminal."),
    ] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Choose a model, call it, go on elsewhere when that fails, and print the answer.

    Standard output gets the answer and nothing else. What fails and what follows is said on standard error as it
    happens, and at the end who answered, what it took, and the id by which `selector record` judges it.

    Into a pipe or a file the answer goes once it is whole, so that a stream that breaks off is tried elsewhere and
    leaves no trace. With --stream it goes as it comes there, too: then a broken stream is a failure with the
    beginning of an answer written, or begins anew on a new line where on_midstream_failure is restart.

    An interrupt ends the call, keeps account of what was used, and exits with 130.
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    if stream and as_json:
        raise usage_error("--stream and --json contradict each other; give one of them")
    task = Task(
        task_type,
        prompt=_prompt(prompt, prompt_file),
        system=_system(system),
        only=_only(model, provider),
        purpose=purpose,
        labels=label or (),
        metadata=dict(pair(each) for each in metadata or ()),
        max_output_tokens=max_output_tokens,
        max_cost_usd=max_cost_usd,
        deadline_s=deadline_s,
    )
    is_live = not as_json and (sys.stdout.isatty() if stream is None else stream)
    with stopping():
        _ask(asked, task, _check(check), streaming=is_live)


def _ask(asked: Wanted, task: Task, check: Check, *, streaming: bool) -> None:
    """Run a task, and print what comes of it."""
    source = source_of(asked, calls=True)
    if asked.verbose:
        places(asked, source)
    screen = Screen(quiet=asked.quiet)
    found: Run | None = None
    try:
        with Selector.open(source, state=asked.state) as selector:
            found = answered(selector, task, check, screen, streaming=streaming)
            if not asked.json and not streaming:
                screen.write(found.text or "")
            screen.end()
    except SelectorError as error:
        found = error.run if isinstance(error.run, Run) else None
        screen.end()
        raise
    finally:
        if found is not None and asked.json:
            print_json(run_entry(found))
        elif found is not None:
            screen.sum_up(found)


def _prompt(text: str | None, file: Path | None) -> str:
    if text not in {None, "-"} and file is not None:
        raise usage_error("PROMPT and --prompt-file say the same; give one of them")
    if text in {None, "-"} and file is None:
        file = Path("-")
    found = text if file is None else _read(file, "--prompt-file", asked=text == "-")
    if not found or not found.strip():
        raise usage_error("the prompt is empty; give it as an argument, with --prompt-file, or by standard input")
    return found


def _system(text: str | None) -> str | None:
    return _read(Path(text[1:]), "--system", asked=True) if text is not None and text.startswith("@") else text


def _read(file: Path, option: str, *, asked: bool) -> str:
    """Read a text; a dash is standard input."""
    is_input = str(file) == "-"
    try:
        return (_typed(asked=asked) if is_input else file.read_bytes()).decode("utf-8")
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise usage_error(f"{'standard input' if is_input else f'{option} {file}'}: {problem}")


def _typed(*, asked: bool) -> bytes:
    if sys.stdin is None:
        raise usage_error("standard input is closed; give the prompt as an argument or with --prompt-file")
    if sys.stdin.isatty() and not asked:
        raise usage_error(
            "no prompt; give it as an argument, with --prompt-file, or by standard input; a dash types it"
        )
    return sys.stdin.buffer.read()


def _only(model: str | None, provider: str | None) -> tuple[str, ...]:
    """Name the routes that may serve.

    Examples
    --------
    >>> _only("opus", "work"), _only("opus", None), _only(None, "work"), _only(None, None)
    (('opus@work',), ('opus',), ('*@work',), ())
    """
    if provider is None:
        return () if model is None else (model,)
    return (f"{model or '*'}@{provider}",)


def _check(text: str | None) -> Check:
    """Read a check: a word, or a JSON object as the configuration writes it.

    Examples
    --------
    >>> _check('{"regex": "^yes"}'), _check("json")
    ({'regex': '^yes'}, 'json')
    """
    if text is None or not text.lstrip().startswith("{"):
        return text
    try:
        found: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise usage_error(
            f'--check is no JSON: {error}; write a word, or an object such as {{"regex": "^yes"}}'
        ) from None
    return found
