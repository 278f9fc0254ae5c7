"""`python -m experiments NAME [--quick] [--on ray] [--jobs N]` runs an experiment and prints its table."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments._kept import Kept, Shelf
from experiments._sweep import Experiment, names
from experiments._workers import PLACES, run_all
from selector.errors import ConfigError, SelectorError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one experiment; return 1 where it does not show what it should, 2 where it cannot run."""
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except SelectorError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--quick", action="store_true", help="its small form: seconds, too little to be judged by")
    parser.add_argument(
        "--on", choices=PLACES, default="processes", help="ray: the cluster at RAY_ADDRESS, or one here"
    )
    parser.add_argument(
        "--jobs", type=int, default=None, metavar="N", help="at a time; as many as there are processors"
    )
    parser.add_argument("--out", type=Path, default=None, help="where results are kept; out/NAME")
    parser.add_argument("--table", action="store_true", help="run nothing: show what is kept, by whatever code")
    parser.add_argument("--picture", type=Path, default=None, metavar="FILE", help="draw what was found, as SVG")
    parser.add_argument("--seeds", type=int, default=None, metavar="N", help="instead of the sweep's")
    parser.add_argument("--hard-cap", action="store_true", help="the total is a hard cap")
    return parser


def _run(asked: argparse.Namespace) -> int:
    experiment = Experiment.load(asked.name)
    changes: dict[str, Any] = {} if asked.seeds is None else {"seeds": asked.seeds}
    if asked.hard_cap:
        changes["hard"] = True
    configs = experiment.configurations(quick=asked.quick, changes=changes)
    usual = Path("out") / "quick" if asked.quick else Path("out")
    shelf = Shelf(experiment, asked.out or usual / experiment.name)
    kept = {i: found for i, one in enumerate(configs) if (found := shelf.find(one, any_code=asked.table))}
    n_there, missing = len(kept), [i for i in range(len(configs)) if i not in kept]
    jobs = asked.jobs or min(os.cpu_count() or 1, experiment.sweep.get("jobs", 1 << 16))
    if n_there:
        print(f"{n_there} of {len(configs)} results were in {shelf.folder} already", file=sys.stderr)
    if not asked.table:
        _complete(shelf, configs, missing, kept, jobs=jobs, on=asked.on)
    elif others := {each.code for each in kept.values()} - {shelf.code}:
        print(f"some of them came from other code than today's {shelf.code}: {', '.join(others)}", file=sys.stderr)
    if not kept:
        print("there is nothing to show yet", file=sys.stderr)
        return 1
    results = [(configs[i], kept[i].result) for i in sorted(kept)]
    finding = experiment.analysis(results)
    print(finding.text)
    if asked.picture is not None:
        if experiment.picture is None:
            raise ConfigError(f"{experiment.name} has no picture; leave it out", key="--picture")
        experiment.picture(results, asked.picture)
    whole = len(kept) == len(configs)
    return 0 if asked.quick or (finding.met and whole) else 1


def _complete(
    shelf: Shelf, configs: list[Any], missing: list[int], kept: dict[int, Kept], *, jobs: int, on: str
) -> None:
    """Run what is missing, keep each result as it comes, and say how far it is."""
    begin = time.perf_counter()
    todo = [configs[i] for i in missing]
    for n, done in enumerate(run_all(shelf.experiment.name, todo, jobs=jobs, on=on), 1):
        config = todo[done.place]
        shelf.keep(config, done.result, done.seconds)
        kept[missing[done.place]] = Kept(done.result, shelf.code, done.seconds)
        left = (time.perf_counter() - begin) / n * (len(todo) - n)
        if len(todo) > 1:
            print(f"{n} of {len(todo)}, {left / 60:.0f} min to go", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
