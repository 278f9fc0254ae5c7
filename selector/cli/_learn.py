"""`selector learn`: one's own evaluations become priors; to list them, to forget them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from selector.catalog import Catalog
from selector.cli._lines import counted, say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import complain, number, print_json
from selector.cli._reading import now, places, state_folder
from selector.errors import StateError
from selector.replay import load_evaluations
from selector.store import LearntFile, State, forget_evaluations, learn_evaluations, learnt_files, learnt_priors

__all__ = ["learn", "learnt_entry"]

_WEIGHT = 0.3


def learn(
    evals: Annotated[
        Path | None,
        typer.Argument(
            metavar="[EVALS]",
            help="Parquet or CSV: task_type, model, score, maybe output_tokens, cost_usd; none: list what was learnt.",
        ),
    ] = None,
    weight: Annotated[
        float | None, typer.Option(metavar="SHARE", help="What one score counts, beside an outcome; else .3.")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget EVALS; without it, all that was learnt.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Take a table of one's own evaluations as priors: the table that simulate takes, learnt once, however often.

    Scores are what is believed of success at first, and output tokens, or else costs, what an answer is expected to
    cost.
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    if weight is not None and (forget or evals is None):
        raise usage_error("--weight is for learning from a file of evaluations")
    if weight is not None and not (0 < weight <= 1 and math.isfinite(weight)):
        raise usage_error(f"--weight is a share of an outcome, above 0 and at most 1, not {weight:g}")
    if forget:
        _forget(asked, evals)
    elif evals is None:
        _list(asked)
    else:
        _learn(asked, evals, _WEIGHT if weight is None else weight)


def learnt_entry(each: LearntFile) -> dict[str, Any]:
    """Sum a learnt file up."""
    return {
        "name": each.name,
        "place": each.place,
        "digest": each.digest,
        "weight": each.weight,
        "at_s": each.at_s,
        "n_scores": sum(cell.n for cell in each.cells),
        "models": list(dict.fromkeys(cell.model for cell in each.cells)),
        "task_types": list(dict.fromkeys(cell.task_type for cell in each.cells)),
    }


def _learn(asked: Wanted, evals: Path, weight: float) -> None:
    found, _, folder = places(asked)
    learnt = load_evaluations(evals, weight=weight, at_s=now())
    with State.open(folder, clock=now) as log:
        was_known = learn_evaluations(log.path, learnt)
        models = list(Catalog.of(found).models.values())
        types = list(dict.fromkeys(cell.task_type for cell in learnt.cells))
        priors = learnt_priors(learnt_files(log.path), models, types)
    spelt = {cell.model for cell in learnt.cells}
    unknown = {name: list(rivals) for name, rivals in priors.unknown_models.items() if name in spelt}
    others = [name for name in types if found.task_types and name not in found.task_types]
    if asked.json:
        cells = [
            {"model": c.model, "task_type": c.task_type, "n": c.n, "mean": c.mean, "n_tokens": c.n_tokens}
            for c in learnt.cells
        ]
        data = {**learnt_entry(learnt), "was_known": was_known, "cells": cells}
        data |= {"unknown_models": unknown, "unknown_types": others}
        print_json({"schema": "selector.learn/1", **data})
        return
    _tell_unknown(unknown, others)
    if not asked.quiet:
        _tell(learnt, was_known=was_known)


def _tell_unknown(unknown: dict[str, list[str]], types: list[str]) -> None:
    for name, rivals in unknown.items():
        why = f"it may be {' or '.join(rivals)}" if rivals else "no configured model has this name, id or alias"
        complain(f"note: {name} is kept and does not count yet: {why}; `was: {name}` on a model says which it is")
    if types:
        complain(f"note: not configured, and counted when such tasks come: {', '.join(types)}")


def _tell(learnt: LearntFile, *, was_known: bool) -> None:
    entry = learnt_entry(learnt)
    again = ", in the place of what was learnt of it before" if was_known else ""
    say(
        f"learnt from {learnt.name}: {counted(entry['n_scores'], 'score')} of {counted(len(entry['models']), 'model')}"
        f" on {counted(len(entry['task_types']), 'task type')}, each worth {learnt.weight:g} of an outcome{again}"
    )
    rows = [
        [cell.task_type, cell.model, number(None if math.isnan(cell.mean) else cell.mean, 3), f"{cell.n:,}"]
        for cell in sorted(learnt.cells, key=lambda each: (each.task_type, each.model))
    ]
    show_rows(["task type", "model", "mean score", "scores"], rows, numbers={"mean score", "scores"})


def _list(asked: Wanted) -> None:
    _, _, folder = places(asked)
    entries = [learnt_entry(each) for each in learnt_files(folder)]
    if asked.json:
        print_json({"schema": "selector.learnt/1", "files": entries})
        return
    if not entries:
        say("no evaluations were learnt; selector learn EVALS.parquet does")
        return
    rows = [
        [each["name"], f"{each['n_scores']:,}", f"{each['weight']:g}", ", ".join(each["models"]), each["place"]]
        for each in entries
    ]
    show_rows(["file", "scores", "weight", "models", "from"], rows, numbers={"scores", "weight"}, bare=asked.quiet)


def _forget(asked: Wanted, evals: Path | None) -> None:
    folder = state_folder(asked)
    which = None if evals is None else [str(evals), str(evals.resolve())]
    gone = forget_evaluations(folder, which)
    if evals is not None and not gone:
        names = ", ".join(each.name for each in learnt_files(folder)) or "nothing"
        raise StateError(f"nothing was learnt from {evals}; learnt was {names}")
    if asked.json:
        print_json({"schema": "selector.learn_forget/1", "forgotten": list(gone)})
    elif not asked.quiet:
        say(f"forgotten: {', '.join(gone) or 'nothing, since nothing was learnt'}")
