"""`selector select`: which model should do this task, at which provider."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from selector import Decision, Selector, Task
from selector.cli._lines import say, tell
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, usage_error, wanted
from selector.cli._output import money, print_json
from selector.cli._reading import places
from selector.cli._story import decision_entry

__all__ = ["select"]

Words = list[str] | None


def select(
    task_type: Annotated[str, typer.Argument(metavar="TYPE", help="The kind of task, such as coding.")],
    stdin: Annotated[
        str | None, typer.Argument(metavar="[-]", help="A dash: the prompt comes by standard input.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="What to do; its length counts.")] = None,
    prompt_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where that is written; a dash: standard input.")
    ] = None,
    input_tokens: Annotated[int | None, typer.Option(min=0, help="How long the input is.")] = None,
    max_output_tokens: Annotated[int | None, typer.Option(min=1, help="The longest answer.")] = None,
    max_cost_usd: Annotated[float | None, typer.Option(min=0, help="The most that it may cost.")] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="The system prompt; its length counts.")] = None,
    prompt_version: Annotated[
        str | None, typer.Option(metavar="WORD", help="Of the prompt: a new one keeps a fifth of the evidence.")
    ] = None,
    needs: Annotated[Words, typer.Option(metavar="WORD", help="A capability that it needs; repeat.")] = None,
    only: Annotated[Words, typer.Option(metavar="REF", help="MODEL, MODEL@PROVIDER or tag:NAME; repeat.")] = None,
    purpose: Annotated[
        str | None, typer.Option(metavar="WORD", help="Whose models may serve it: a purpose of the configuration.")
    ] = None,
    label: Annotated[Words, typer.Option(metavar="WORD", help="A word for rules and the log; repeat.")] = None,
    metadata: Annotated[Words, typer.Option(metavar="KEY=VALUE", help="A fact for rules and the log; repeat.")] = None,
    session: Annotated[str | None, typer.Option(metavar="WORD", help="The conversation it belongs to.")] = None,
    task_id: Annotated[str | None, typer.Option(metavar="WORD", help="Your own name for the task.")] = None,
    priority: Annotated[
        int, typer.Option(min=0, metavar="N", help="How urgent it is, for rules and the log; 0: critical.")
    ] = 1,
    retry_count: Annotated[
        int, typer.Option(min=0, metavar="N", help="How often it was tried, for rules and the log.")
    ] = 0,
    deadline_s: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Until when the answer is of use, for rules and the log.")
    ] = None,
    no_explore: Annotated[bool, typer.Option("--no-explore", help="Take the model believed best.")] = False,
    show_id: Annotated[bool, typer.Option("--id", help="Print the decision's id alone; with -q route and id.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say why.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Choose a model for a task, and write the choice down; no model is called."""
    asked = wanted(config, state, as_json, verbose, quiet)
    task = Task(
        task_type,
        id=task_id,
        prompt=_prompt(prompt, prompt_file, stdin),
        input_tokens=input_tokens,
        max_output_tokens=max_output_tokens,
        max_cost_usd=max_cost_usd,
        system=system,
        version=prompt_version,
        needs=needs or (),
        only=only or (),
        purpose=purpose,
        labels=label or (),
        metadata=dict(pair(each) for each in metadata or ()),
        session=session,
        priority=priority,
        retry_count=retry_count,
        deadline_s=deadline_s,
        explore=False if no_explore else None,
    )
    config_read, _, folder = places(asked)
    with Selector.open(config_read, state=folder) as selector:
        decision = selector.select(task)
        entry = decision_entry(decision) if as_json else {}
        story = str(decision) if explain else ""
        if not (quiet or show_id):
            _ = decision.laid_out  # while the selector is open
    if as_json:
        print_json({"schema": "selector.select/1", **entry})
    elif show_id:
        say(f"{decision.route} {decision.id}" if quiet else decision.id)
    elif quiet:
        say(decision.route)
    elif explain:
        tell(story)
    else:
        _tell(decision)


def _tell(decision: Decision) -> None:
    say(f"model: {decision.model}")
    if decision.provider is not None:
        say(f"route: {decision.route}")
    say(f"id: {decision.id}")
    likely = "" if decision.propensity is None else f", with probability {decision.propensity:.3g}"
    say(f"reason: {decision.reason.value}{likely}")
    if decision.expected_cost_usd is not None:
        say(f"expected cost: {money(decision.expected_cost_usd)} USD")
    if decision.chain:
        say(f"if it fails: {', '.join(decision.chain)}")


def _prompt(text: str | None, file: Path | None, dash: str | None) -> str | None:
    if dash not in {None, "-"}:
        raise usage_error(f"unexpected argument {dash!r}; a prompt is --prompt TEXT, or a dash for standard input")
    if sum(each is not None for each in (text, file, dash)) > 1:
        raise usage_error("--prompt, --prompt-file and - are ways to say the same; give one of them")
    if dash is not None or (file is not None and str(file) == "-"):
        file = Path("-")
    if file is None:
        return text
    try:
        return (_typed() if str(file) == "-" else file.read_bytes()).decode("utf-8")
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise usage_error(f"{'standard input' if str(file) == '-' else f'--prompt-file {file}'}: {problem}")


def _typed() -> bytes:
    if sys.stdin is None:
        raise usage_error("standard input is closed; give the prompt with --prompt or --prompt-file")
    return sys.stdin.buffer.read()


def pair(text: str) -> tuple[str, str]:
    """Read a fact.

    Examples
    --------
    >>> pair("user=ada=x")
    ('user', 'ada=x')
    """
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise usage_error(f"--metadata {text!r}: write KEY=VALUE, such as user=ada")
    return key, value
