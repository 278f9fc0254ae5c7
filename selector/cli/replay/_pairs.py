"""`selector replay pairs LOG --second MODEL --usd 5`: tasks run once more on another model, and judged blind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selector import Selector
from selector.catalog import Catalog
from selector.cli._lines import counted, say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, Wanted, usage_error, wanted
from selector.cli._output import complain, money, print_json
from selector.cli._reading import now, places, source_of, state_folder
from selector.cli._running import stopping
from selector.cli.replay._log import Filters, LogPaths, Since, Sources, Types, Until, table_of
from selector.cli.replay._pairs_calls import default_judge, desk_of
from selector.cli.replay._pairs_tables import show_pairs, show_plan
from selector.replay import (
    PairAsked,
    PairBook,
    PairPlan,
    PairResult,
    PairRun,
    PairTask,
    TypeNeed,
    asked_of_events,
    in_order,
    judge_in,
    needs_of,
    pair_result,
    pair_tasks,
    rates_of,
    read_asked,
    with_answers,
)
from selector.store import State

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["pairs"]


def pairs(
    second: Annotated[str, typer.Option("--second", metavar="MODEL", help="The other model.")],
    usd: Annotated[float, typer.Option("--usd", metavar="USD", help="The most that all calls may cost together.")],
    logs: LogPaths = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge", metavar="MODEL", help="Who judges; else purpose:judge, else a check's, else the dearest."
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", metavar="FILE", help='JSON lines: {"id" or "task_id": ..., "prompt": "..."}.'),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers", metavar="FILE", help='The first answers, as JSON lines: {"id": ..., "answer": "..."}.'
        ),
    ] = None,
    max_output_tokens: Annotated[
        int | None, typer.Option("--max-output-tokens", min=1, metavar="N", help="The longest answer, if not logged.")
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, metavar="N", help="Pairs at a time.")] = 4,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and call nobody.")] = False,
    since: Since = None,
    until: Until = None,
    task_type: Types = None,
    source: Sources = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where all is written down; else pairs-MODEL.jsonl here."),
    ] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Run logged tasks once more on a second model, have both answers judged blind, and say which is better.

    Tasks are sampled by known probabilities, more of the types about which least is known. Their users see nothing of
    it. Where the first answers are not known (--answers), the model that was chosen then answers anew. A third model
    judges each pair twice, with the answers in either order; a verdict that changes with the order is a tie.

    All calls go through the configuration's providers, budgets and log, as tasks of the types "pair" and "judge". Every
    answer is written to FILE at once: the same command goes on where it ended, and pays for nothing twice. --usd is for
    all runs of one FILE together, and is never exceeded: a pair begins only if the most that it can cost is left.
    """
    asked = wanted(config, _state_of(state, logs), as_json, verbose, quiet)
    if not 0 < usd < float("inf"):
        raise usage_error(f"--usd {usd}: give a number of dollars above 0")
    table = table_of(asked, logs, Filters(since=since, until=until, types=task_type, sources=source))
    catalog, found = Catalog.of(places(asked, calls=True)[0]), _asked(asked, logs, prompts, answers, table)
    catalog.model(second)
    path = output or Path(f"pairs-{second.replace('/', '-')}.jsonl")
    chosen = judge or judge_in(path) or default_judge(places(asked, calls=True)[0], catalog, table, second)
    if catalog.model(chosen).name == second:
        raise usage_error(f"--judge {chosen}: it would judge its own answers; give another model")
    tasks, skipped = pair_tasks(table, found, second, chosen, callable_now={m.name for m in catalog if m.enabled})
    needs = needs_of(table, second)
    plan = PairPlan(second, chosen, rates_of(needs, usd), f"pairs of {second}")
    if dry_run:
        _show_plan(plan, needs, in_order(tasks, plan.rates, plan.salt), skipped, as_json=as_json)
        return
    with PairBook(path, plan, usd) as book:
        ordered = in_order(tasks, book.plan.rates, book.plan.salt)
        result = _run(asked, book, ordered, needs, skipped, max_output_tokens, concurrency)
    _emit(result, path, asked)


def _state_of(state: Path | None, logs: list[Path] | None) -> Path | None:
    """Choose where calls are logged: where the log is, if that is a state folder."""
    folders = [each for each in logs or () if (each / "store.json").exists()]
    return state or (folders[0] if len(folders) == 1 else None)


def _asked(
    asked: Wanted, logs: list[Path] | None, prompts: Path | None, answers: Path | None, table: pa.Table
) -> dict[str, PairAsked]:
    """Find what tasks asked: in a file, else in the log."""
    found: dict[str, PairAsked] = {}
    if prompts is not None:
        found = read_asked(prompts, table)
    else:
        for folder in [state_folder(asked)] if not logs else [each for each in logs if each.is_dir()]:
            with State.open(folder, clock=now, read_only=True) as state:
                found |= asked_of_events(state.events())
    return with_answers(found, answers, table) if answers is not None and found else found


def _run(
    asked: Wanted,
    book: PairBook,
    tasks: list[tuple[float, PairTask]],
    needs: Mapping[str, TypeNeed],
    skipped: Mapping[str, int],
    longest: int | None,
    concurrency: int,
) -> PairResult:
    """Call models, and sum up."""

    def tell(n: int, spent: float) -> None:
        if not asked.quiet and n % 10 == 0:
            complain(f"note: {counted(n, 'pair')} done, {money(spent)} USD spent")

    with stopping(), Selector.open(source_of(asked, calls=True), state=asked.state) as selector:
        run = PairRun(book, desk_of(selector, f"pair:{book.plan.judge}", tell), longest)
        try:
            run.go(tasks, concurrency=concurrency)
        except BaseException:
            complain(f"note: what was paid for is in {book.path}; the same command goes on from there")
            raise
    return pair_result(book, needs, tasks, stopped=run.stopped, reached=run.reached, skipped=skipped)


def _show_plan(
    plan: PairPlan,
    needs: Mapping[str, TypeNeed],
    tasks: list[tuple[float, PairTask]],
    skipped: Mapping[str, int],
    *,
    as_json: bool,
) -> None:
    can = {name: sum(task.task_type == name for _, task in tasks) for name in needs}
    if as_json:
        rows: list[dict[str, Any]] = [
            {"task_type": name, "n_tasks": need.n, "n_can": can[name], "rate": plan.rates[name], **need._asdict()}
            for name, need in needs.items()
        ]
        said = {"second": plan.second, "judge": plan.judge, "types": rows, "skipped": dict(skipped)}
        print_json({"schema": "selector.replay.pairs_plan/1", **said})
    else:
        show_plan(plan, needs, can, skipped)


def _emit(result: PairResult, path: Path, asked: Wanted) -> None:
    if asked.json:
        print_json({"schema": "selector.replay.pairs/1", "file": str(path), **result.as_dict()})
    elif asked.quiet:
        say(result.conclusion)
    else:
        show_pairs(result)
        say(f"everything is in {path}")
