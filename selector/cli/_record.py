"""`selector record`: what came of a decision."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from selector import Outcome, Selector
from selector.cli._lines import say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, usage_error, wanted
from selector.cli._output import print_json
from selector.cli._reading import source_of, state_folder
from selector.errors import InvalidOutcomeError
from selector.records import Failure

__all__ = ["record"]

Tokens = Annotated[int | None, typer.Option(min=0, metavar="N")]
_SHOWN = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *("cost_usd", "latency_s", "score", "source", "route", "error"),
)


def record(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The decision, as select printed it.")],
    score: Annotated[float | None, typer.Option(min=0, max=1, help="How good the answer was, from 0 to 1.")] = None,
    success: Annotated[bool | None, typer.Option("--success/--failure", help="The same as 1 or 0.")] = None,
    quality: Annotated[float | None, typer.Option(min=1, max=10, help="The same as a mark from 1 to 10.")] = None,
    source: Annotated[str | None, typer.Option(metavar="WORD", help="Whose word that is, such as tests.")] = None,
    input_tokens: Tokens = None,
    output_tokens: Tokens = None,
    cache_read_tokens: Tokens = None,
    cache_write_tokens: Tokens = None,
    reasoning_tokens: Tokens = None,
    cost_usd: Annotated[float | None, typer.Option(min=0, help="What the provider says it cost.")] = None,
    latency_s: Annotated[float | None, typer.Option(min=0, help="Seconds until the whole answer.")] = None,
    route: Annotated[str | None, typer.Option(help="Who answered, if not the first choice.")] = None,
    error: Annotated[str | None, typer.Option(metavar="FAILURE", help=f"{', '.join(Failure)}.")] = None,
    retract: Annotated[bool, typer.Option("--retract", help="The source takes its word back.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Report what came of a decision: usage, a judgement, or a failure; at once or later."""
    asked = wanted(config, state, as_json, verbose, quiet)
    said: dict[str, Any] = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cache_read_tokens": cache_read_tokens,
        "cache_write_tokens": cache_write_tokens,
        "reasoning_tokens": reasoning_tokens,
        "cost_usd": cost_usd,
        "latency_s": latency_s,
        "route": route,
        "error": error,
    }
    given = {"score": score, "success": success, "quality": quality, "source": source, "retracted": retract}
    outcome = _outcome(said | given)
    folder = state_folder(asked)
    with Selector.open(source_of(asked), state=folder) as selector:
        before = selector.status().n_doubled
        selector.record(id_, outcome)
        is_news = selector.status().n_doubled == before
    recorded = {name: value for name in _SHOWN if (value := getattr(outcome, name)) is not None}
    recorded |= {"retracted": True} if retract else {}
    if as_json:
        print_json({"schema": "selector.record/1", "id": id_, "is_news": is_news, "recorded": recorded})
    elif not quiet:
        shown = ", ".join(f"{name} {_short(value)}" for name, value in recorded.items())
        say(f"{'recorded' if is_news else 'known already'}: {shown}")


def _short(value: object) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _outcome(said: dict[str, Any]) -> Outcome:
    options = {"success": "--success", "score": "--score", "quality": "--quality"}
    graded = [option for name, option in options.items() if said[name] is not None]
    if len(graded) > 1:
        raise usage_error(f"{' and '.join(graded)} are ways to say the same; give one of them")
    if said["retracted"] and (graded or said["source"] is None):
        raise usage_error("--retract takes a --source, whose word it takes back, and no score")
    if all(value is None or value is False for name, value in said.items() if name != "success") and not graded:
        raise usage_error("nothing to record; give usage such as --output-tokens, a --score, or an --error")
    try:
        return Outcome(**said)
    except InvalidOutcomeError as error:
        raise usage_error(str(error)) from None
