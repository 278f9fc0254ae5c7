"""`selector beliefs`: what is believed of every model on every kind of task."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from selector.cli._lines import say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import money, number, print_json
from selector.cli._reading import reading
from selector.errors import UnknownModelError, UnknownTaskTypeError

__all__ = ["beliefs", "interval"]


def beliefs(
    task_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this kind of task alone.")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Of this model alone.")] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Lay out what is believed: success with its 90 % interval, tokens, and cost, per model and kind of task."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        rows = found.beliefs()
        known = [*found.catalog.models]
    types, models = {row["task_type"]: 0 for row in rows}, {row["model"]: 0 for row in rows} | dict.fromkeys(known, 0)
    if task_type is not None and task_type not in types:
        raise UnknownTaskTypeError.of(task_type, types, key="--type")
    if model is not None and model not in models:
        raise UnknownModelError.of(model, models, key="--model")
    rows = [r for r in rows if task_type in {None, r["task_type"]} and model in {None, r["model"]}]
    for row in rows:
        low, high = interval(row["alpha"], row["beta"])
        row |= {"low": low, "high": high}
    if as_json:
        print_json({"schema": "selector.beliefs/1", "beliefs": rows})
    elif rows:
        _show(rows, bare=quiet)
    else:
        say("nothing is believed yet: no task came, and none is configured")


def interval(alpha: float | None, beta: float | None) -> tuple[float | None, float | None]:
    """Return where success lies with 90 % belief.

    Examples
    --------
    >>> [round(x, 2) for x in interval(9.0, 1.0)]
    [0.72, 0.99]
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - scipy is slow to load, and few commands need it

    if alpha is None or beta is None:
        return None, None
    return float(betaincinv(alpha, beta, 0.05)), float(betaincinv(alpha, beta, 0.95))


def _show(rows: list[dict[str, Any]], *, bare: bool) -> None:
    headings = ["task type", "model", "success", "90 % interval", "prior", "outcomes", "tokens", "USD"]
    cells = [
        [
            row["task_type"],
            row["model"],
            number(row["success"], 2),
            "" if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}",
            "" if row["prior_share"] is None else f"{row['prior_share']:.0%}",
            str(row["n_outcomes"]),
            "" if row["expected_output_tokens"] is None else f"{row['expected_output_tokens']:,.0f}",
            money(row["expected_cost_usd"]),
        ]
        for row in rows
    ]
    numbers = {"success", "90 % interval", "prior", "outcomes", "tokens", "USD"}
    show_rows(headings, cells, numbers=numbers, bare=bare)
