"""`selector priors`: what is believed before any outcome: published figures, configured priors, own evaluations."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import typer

from selector.catalog import Figure, Model, PublishedScore, PublishedScores, configured_kinds, published_scores
from selector.cli._learn import learnt_entry
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import print_json
from selector.cli._priors_shown import show
from selector.cli._reading import Reading, places, reading
from selector.errors import UnknownModelError, UnknownTaskTypeError
from selector.store import LearntPriors, learnt_files, learnt_priors

__all__ = ["priors"]


def priors(
    task_type: Annotated[
        str | None, typer.Option("--type", "--task-type", metavar="TYPE", help="Of this kind of task alone.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Of this model alone.")] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Lay out what is known of each model and kind of task before any outcome, and who says so."""
    asked = wanted(config, state, as_json, verbose, quiet)
    _, _, folder = places(replace(asked, verbose=False))
    with reading(asked, fresh=not (folder / "store.json").exists()) as found:
        data = _data(found, task_type, model)
    if as_json:
        print_json({"schema": "selector.priors/1", **data})
    else:
        show(data, details=task_type is not None or model is not None, bare=quiet)


def _data(found: Reading, task_type: str | None, model: str | None) -> dict[str, Any]:
    """Collect all that is told; one type or model is picked last, since a score is compared with the other models'."""
    models = [each for each in found.catalog if each.enabled]
    types = found.types if task_type is None else list(dict.fromkeys([*found.types, task_type]))
    if model is not None and model not in {each.name for each in models}:
        raise UnknownModelError.of(model, [each.name for each in models], key="--model")
    if task_type is not None and not task_type.strip():
        raise UnknownTaskTypeError.of(task_type, types, key="--type")
    kinds = configured_kinds(found.config, types)
    names = types or [""]
    scores = published_scores(models, names, kinds=kinds)
    learnt = learnt_priors(learnt_files(found.folder), models, types)
    wanted_types = [i for i, name in enumerate(names) if task_type in {None, name}]
    columns = [k for k, each in enumerate(models) if model in {None, each.name}]
    cells = [
        _cell(names[i], models[k], scores, learnt if types else None, (i, k)) for i in wanted_types for k in columns
    ]
    shown = {id(f): f for i in wanted_types for k in columns if (c := scores.cells[i][k]) for f in c.figures}
    return {
        "priors": found.config.priors,
        "task_types": [
            {
                "task_type": names[i] or None,
                "kind": scores.kinds[i],
                "is_configured": names[i] in kinds,
            }
            for i in wanted_types
        ],
        "models": [_model(models[k], scores, k) for k in columns],
        "cells": cells,
        "figures": [_figure(each) for each in sorted(shown.values(), key=lambda f: (f.model, f.benchmark.id))],
        "learnt": [learnt_entry(each) for each in learnt_files(found.folder)],
        "unknown_models": {name: list(rivals) for name, rivals in learnt.unknown_models.items()},
        "unknown_types": list(learnt.unknown_types),
    }


def _model(model: Model, scores: PublishedScores, column: int) -> dict[str, Any]:
    match = scores.matches[column]
    return {
        "model": model.name,
        "published_as": None if match is None else match.model,
        "matched_by": None if match is None else match.spelling,
        "tried": list(dict.fromkeys([*(route.id for route in model.routes), model.name])),
        "prior": _configured(model),
    }


def _configured(model: Model) -> dict[str, float] | None:
    return None if model.prior is None else {"quality": model.prior.quality, "weight": model.prior.weight}


def _cell(
    task_type: str, model: Model, scores: PublishedScores, learnt: LearntPriors | None, place: tuple[int, int]
) -> dict[str, Any]:
    row, column = place
    score = scores.cells[row][column]
    n, total = (0.0, 0.0) if learnt is None else learnt.success[:2, row, column].tolist()
    return {
        "task_type": task_type or None,
        "model": model.name,
        "kind": scores.kinds[row],
        "published": None if score is None else _published(score, scores.log_odds[row]),
        "prior": _configured(model),
        "learnt": {"n": n, "mean": total / n} if n else None,
    }


def _published(score: PublishedScore, row: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    return {
        "success": score.success,
        "n_items": score.n,
        "log_odds": score.log_odds,
        "log_odds_above_mean": score.log_odds - float(np.nanmean(row)),
        "is_of_this_kind": score.is_own,
        "benchmarks": [each.benchmark.id for each in score.figures],
        "date": max(each.date for each in score.figures),
    }


def _figure(each: Figure) -> dict[str, Any]:
    source = each.benchmark.source
    return {
        "model": each.model,
        "benchmark": each.benchmark.id,
        "kind": each.benchmark.kind,
        "success": each.success,
        "n_items": each.n,
        "cost_usd": each.cost_usd,
        "output_tokens": each.output_tokens,
        "setting": each.setting,
        "date": each.date,
        "metric": each.benchmark.metric,
        "repository": source.repository,
        "commit": source.commit,
        "licence": source.licence,
    }
