"""`selector simulate`: what policies would have earned on a table of real outcomes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from selector.cli._lines import say, show_table
from selector.cli._options import AsJson, NoState, Quiet, Verbose, wanted
from selector.cli._output import print_json, progress, study_tables
from selector.config import Config
from selector.errors import ConfigError
from selector.replay import Matrix, Protocol, Settings, Study, load_matrix, run_study, settings_of
from selector.report import frontier_figure, save_svg

__all__ = ["simulate"]

Budgets = Annotated[
    list[float] | None,
    typer.Option("--budget-per-request", help="Mean dollars per request; repeat for several. None: no budget."),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy", help="thompson, top_two, epsilon_greedy, ucb1, kl_ucb, greedy, uniform, fixed:MODEL; repeat."
    ),
]


def simulate(
    data: Annotated[Path, typer.Argument(help="Parquet: prompt_id, task_type, model, score, cost_usd; maybe split.")],
    budgets: Budgets = None,
    policies: Policies = None,
    models: Annotated[str | None, typer.Option(help="Only these models: a,b,c.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    passes: Annotated[int, typer.Option(min=1, help="Go through the prompts so often, learning on.")] = 1,
    learn_split: Annotated[str | None, typer.Option(help="Learn from this split first, unmeasured.")] = None,
    measure_split: Annotated[str | None, typer.Option(help="Measure on this split.")] = None,
    hard_cap: Annotated[bool, typer.Option("--hard-cap", help="Never exceed budget x decisions, by holds.")] = False,
    cost_guess_error: Annotated[float, typer.Option(min=0, help="Log-sd of the first guess of each mean cost.")] = 0.4,
    no_types: Annotated[bool, typer.Option("--no-types", help="As if all prompts were of one type.")] = False,
    config: Annotated[Path | None, typer.Option(help="Policy, objective and priors for anything else.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write results per seed as Parquet.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw success against dollars as SVG.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")] = None,
    state: NoState = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Replay policies on a table with every model's outcome for every prompt, exactly, many seeds at once."""
    wanted(config, state, as_json, verbose, quiet)
    matrix = load_matrix(data, _names(models), types=not no_types)
    learnt, measured = _splits(matrix, learn_split, measure_split)
    found: list[float | None] = [_budget(b) for b in budgets] if budgets else [None]
    read = None if config is None else Config.load(config)
    words = list(dict.fromkeys(policies or [read.policy.name if read else "thompson"]))
    settings, notes = _settings(words, matrix, read, budget=found != [None])
    protocols = [
        Protocol(
            measured=measured, learnt=learnt, passes=passes, budget_usd=b, hard=hard_cap, guess_error=cost_guess_error
        )
        for b in dict.fromkeys(found)
    ]
    n = seeds * len(settings) * len(protocols) * ((learnt.n_prompts if learnt else 0) + passes * measured.n_prompts)
    with progress(n, shown=not quiet) as tick:
        study = run_study(
            settings, protocols, list(range(seed, seed + seeds)), jobs=jobs or os.cpu_count() or 1, tick=tick
        )
    study.notes[:0] = notes
    _emit(study, output, plot, as_json=as_json, source=data.name)


def _names(models: str | None) -> tuple[str, ...] | None:
    if models is None:
        return None
    names = tuple(name.strip() for name in models.split(",") if name.strip())
    if not names:
        raise ConfigError("names no model; write --models a,b,c", key="--models")
    return names


def _budget(value: float) -> float:
    if not 0 <= value < float("inf"):
        raise ConfigError(f"must be a number of dollars, 0 or more, not {value}", key="--budget-per-request")
    return value


def _splits(matrix: Matrix, learn: str | None, measure: str | None) -> tuple[Matrix | None, Matrix]:
    if learn is not None and measure is None:
        raise ConfigError("needs --measure-split too: which prompts are measured?", key="--learn-split")
    if learn is not None and learn == measure:
        raise ConfigError(f"{learn!r} is learnt and measured; use --passes for that", key="--learn-split")
    learnt = None if learn is None else matrix.in_split(learn)
    return learnt, matrix if measure is None else matrix.in_split(measure)


def _settings(
    words: list[str], matrix: Matrix, config: Config | None, *, budget: bool
) -> tuple[list[Settings], list[str]]:
    pairs = [settings_of(word, matrix, config, budget=budget) for word in words]
    return [settings for settings, _ in pairs], list(dict.fromkeys(note for _, notes in pairs for note in notes))


def _emit(study: Study, output: Path | None, plot: Path | None, *, as_json: bool, source: str) -> None:
    result: dict[str, Any] = study.as_dict()
    if output is not None:
        study.write_parquet(output)
    if plot is not None:
        save_svg(frontier_figure(result["rows"], result["references"], title=source), plot)
    if as_json:
        print_json(result)
        return
    for table in study_tables(result):
        show_table(table)
    dropped = f", {study.dropped} prompts dropped (a model has no score or cost there)" if study.dropped else ""
    say(
        f"{study.n_decisions} decisions per seed and pass, {study.seeds} seeds, {len(study.models)} models,"
        f" {len(study.task_types)} task types{dropped}; {study.decisions_per_second:,.0f} decisions a second"
    )
    for note in study.notes:
        say(f"note: {note}")
