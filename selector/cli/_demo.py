"""`selector demo`: a world of published figures, with selector beside fixed models and baselines."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Annotated

import numpy as np
import typer

from selector.cli._lines import say, show_table
from selector.cli._options import AsJson, NoConfig, Quiet, Verbose, wanted
from selector.cli._output import money, number, print_json, progress, study_tables, table_of
from selector.decision import Board, Decider, candidates
from selector.replay import Protocol, World, published_world, run_study, settings_of, simulate, world_citations
from selector.report import frontier_figure, learnt_figure, save_svg

__all__ = ["demo"]

_BUDGETS = (0.10, 0.20, 0.50)
_SHOWN = 0.20  # the budget of the one run that is looked into
_POLICIES = ("thompson", "greedy", "epsilon_greedy", "uniform")
_KIND = "reasoning"  # the task type whose next choice is laid out
_TITLE = "A simulation built from published figures"


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the pictures.")] = Path("out"),
    tasks: Annotated[int, typer.Option(min=100, help="How many tasks.")] = 3000,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the world.")] = 0,
    config: NoConfig = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Leave a state folder behind instead, as twenty days of such work do: to look at.",
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a world built from published figures: 11 models, 9 kinds of task, three budgets."""
    wanted(config, None, as_json, verbose, quiet)
    if state is not None:
        _leave_state(state, tasks, seed, as_json=as_json)
        return
    world = published_world(tasks, np.random.default_rng(seed))
    settings = [settings_of(word, world.matrix, None, budget=True)[0] for word in _POLICIES]
    protocols = [Protocol(measured=world.matrix, budget_usd=budget) for budget in _BUDGETS]
    total = tasks * seeds * len(settings) * len(protocols)
    with progress(total, shown=not quiet) as tick:
        study = run_study(settings, protocols, list(range(seeds)), jobs=os.cpu_count() or 1, tick=tick)
    protocol = Protocol(measured=world.matrix, budget_usd=_SHOWN)
    _, decider = simulate(lambda guess: settings[0].setup(guess, len(world.matrix.task_types)), protocol, [0])
    result = study.as_dict()
    output.mkdir(parents=True, exist_ok=True)
    pictures = [output / "frontier.svg", output / "learnt.svg"]
    save_svg(frontier_figure(result["rows"], result["references"], title=_TITLE), pictures[0])
    _draw_learnt(world, decider, pictures[1])
    if as_json:
        print_json(result | {"schema": "selector.demo/1", "pictures": [str(path) for path in pictures]})
        return
    for line in world_citations():
        say(line, "dim")
    for table in study_tables(result):
        show_table(table)
    _show_learnt(world, decider)
    _show_choice(world, decider)
    say(f"{study.decisions_per_second:,.0f} decisions a second; pictures: {', '.join(map(str, pictures))}")


def _leave_state(folder: Path, tasks: int, seed: int, *, as_json: bool) -> None:
    """Leave a realistic state behind, and say what to look at it with."""
    from selector.testing import demo_state  # noqa: PLC0415 - a simulation does without a live selector

    left = demo_state(folder, n_tasks=tasks, seed=seed)
    if as_json:
        print_json({"schema": "selector.demo.state/1", **asdict(left), "path": str(left.path)})
        return
    for line in world_citations():
        say(line, "dim")
    say(f"{folder}: {left.n_tasks:,} tasks over 20 days; {left.n_judged:,} were judged, hours or days later;")
    say(f"  {left.n_fallbacks} fell back, {left.n_refused} came when the day's money was gone")
    for what in ("report --terminal", "report -o report.html", "status", "replay"):
        say(f"look at it: selector {what} --state {quote(str(folder))}")


def _draw_learnt(world: World, decider: Decider, path: Path) -> None:
    matrix = world.matrix
    mean, n = decider.beliefs.success.mean[0], decider.beliefs.n[0]
    save_svg(learnt_figure(matrix.task_types, matrix.models, mean, n, truth=world.rate), path)


def _show_learnt(world: World, decider: Decider) -> None:
    """Print, per task type, which models got the work of one run, what is believed of them, and the truth."""
    matrix, beliefs = world.matrix, decider.beliefs
    table = table_of(f"what one run at {money(_SHOWN)} USD per task learnt")
    for heading in ("task type", "most work to", "of its tasks", "believed", "truth", "USD/task"):
        table.add_column(heading, justify="left" if heading in {"task type", "most work to"} else "right")
    for x, name in enumerate(matrix.task_types):
        n = beliefs.n[0, x]
        for place, k in enumerate(np.argsort(-n)[:2].tolist()):
            table.add_row(
                name if place == 0 else "",
                matrix.models[k],
                f"{n[k] / n.sum():.0%}",
                f"{beliefs.success.mean[0, x, k]:.0%}",
                f"{world.rate[x, k]:.0%}",
                money(float(decider.cost[0, x, k])),
            )
    show_table(table)


def _show_choice(world: World, decider: Decider) -> None:
    """Print what the next choice would be made from."""
    type_ = world.matrix.task_types.index(_KIND)
    title = f"the next {_KIND} task: one dollar more is worth {decider.price[0]:.2f} successes"
    table = table_of(title)
    table.add_column("model")
    for heading in ("mean", "90 % interval", "n", "prior", "USD now", "drawn utility", "probability"):
        table.add_column(heading, justify="right")
    for c in candidates(Board(decider, type_).everyone, world.matrix.models):
        low, high = c.interval or (0.0, 1.0)
        numbers = [number(c.mean, 2), f"{low:.2f} .. {high:.2f}", f"{c.n:.0f}", f"{c.prior_share:.0%}"]
        table.add_row(c.model, *numbers, money(c.cost_usd), number(c.utility, 3), f"{c.probability:.1%}")
    show_table(table)
