"""`selector beliefs`: what is believed of every model on every kind of task; to forget it, to take over another's."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from selector.cli._lines import counted, say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import complain, money, number, print_json
from selector.cli._reading import places, reading, source_of, state_folder
from selector.errors import UnknownModelError, UnknownTaskTypeError, nearest

__all__ = ["beliefs", "interval"]


_ACTIONS = ("reset", "import")


def beliefs(
    action: Annotated[
        str | None, typer.Argument(metavar="[reset | import]", help="Forget a model, or take over another folder's.")
    ] = None,
    what: Annotated[
        str | None, typer.Argument(metavar="[MODEL | DIR]", help="The model to forget, or the folder to take over.")
    ] = None,
    task_type: Annotated[
        str | None, typer.Option("--type", "--task-type", metavar="TYPE", help="Of this kind of task alone.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Of this model alone.")] = None,
    weight: Annotated[
        float | None, typer.Option(metavar="SHARE", help="import: what one outcome there counts here; else .5.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Option("--name", metavar="THERE=HERE", help="import: a model of another name.")
    ] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Lay out what is believed: success with its 90 % interval, tokens, and cost, per model and kind of task."""
    asked = wanted(config, state, as_json, verbose, quiet)
    _check(action, what, model, task_type, is_import=weight is not None or bool(names))
    if action == "reset":
        _reset(asked, str(what), task_type)
    elif action == "import":
        _import(asked, str(what), 0.5 if weight is None else weight, _pairs(names or []))
    else:
        _list(asked, task_type, model)


def _check(action: str | None, what: str | None, model: str | None, task_type: str | None, *, is_import: bool) -> None:
    """Refuse what cannot be meant."""
    if action is not None and action not in _ACTIONS:
        raise usage_error(f"beliefs: no action {action!r}{nearest(action, _ACTIONS)}")
    if action is not None and what is None:
        raise usage_error(
            f"beliefs {action} needs {'a model' if action == 'reset' else 'the folder of another selector'}"
        )
    if action is not None and model is not None:
        raise usage_error(f"--model is for listing beliefs, and not for {action}")
    if action == "import" and task_type is not None:
        raise usage_error("--type is not for import: what was learnt of all kinds of tasks is taken over")
    if action != "import" and is_import:
        raise usage_error("--weight and --name are for import alone")


def _list(asked: Wanted, task_type: str | None, model: str | None) -> None:
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
    if asked.json:
        print_json({"schema": "selector.beliefs/1", "beliefs": rows})
    elif rows:
        _show(rows, bare=asked.quiet)
    else:
        say("nothing is believed yet: no task came, and none is configured")


def _reset(asked: Wanted, model: str, task_type: str | None) -> None:
    from selector._clients import reset_beliefs  # noqa: PLC0415 - only what lists beliefs is asked for often

    found = reset_beliefs(source_of(asked), model, task_type=task_type, state=state_folder(asked))
    if asked.json:
        data = {"model": found.model, "task_types": list(found.task_types), "n_outcomes": found.n_outcomes}
        print_json({"schema": "selector.beliefs_reset/1", **data})
    elif not asked.quiet:
        on = ", ".join(found.task_types)
        said = f"{counted(found.n_outcomes, 'outcome')} on {on} no longer count" if on else "nothing was known of it"
        say(f"{found.model}: {said}; the log keeps them")


def _import(asked: Wanted, there: str, weight: float, names: dict[str, str]) -> None:
    from selector._clients import import_beliefs  # noqa: PLC0415 - likewise

    _, _, folder = places(asked)
    found = import_beliefs(source_of(asked), there, weight=weight, names=names, state=folder)
    if asked.json:
        data = {"from": there, "weight": weight, "rows": [dict(row) for row in found.rows]}
        data |= {"unmatched": dict(found.unmatched)}
        print_json({"schema": "selector.beliefs_import/1", **data})
        return
    for name, why in found.unmatched.items():
        complain(f"note: {name} was left out: {why}; --name {name}=MODEL takes it over")
    if not asked.quiet:
        models = dict.fromkeys(row["model"] for row in found.rows)
        say(f"taken over from {there}: {', '.join(models) or 'nothing'}, worth {found.evidence:,.1f} outcomes")


def _pairs(names: list[str]) -> dict[str, str]:
    """Read THERE=HERE."""
    found = {}
    for each in names:
        there, sign, here = each.partition("=")
        if not (sign and there and here):
            raise usage_error(f"--name takes THERE=HERE, such as gpt4=gpt-4o, not {each!r}")
        found[there] = here
    return found


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
