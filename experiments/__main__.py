"""`python -m experiments NAME [--seeds N] [--hard-cap] [--quick]` runs one experiment and prints its table."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from experiments import _outcomes, defaults, ope_coverage, ope_speed, windows

_FOLDER = Path(__file__).parent


def main() -> int:
    """Run one experiment; return 1 where it does not show what it should."""
    names = sorted(path.parent.name for path in _FOLDER.glob("*/README.md"))
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("name", choices=names)
    parser.add_argument("--seeds", type=int, default=None, help="instead of the sweep's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--hard-cap", action="store_true", help="the total is a hard cap")
    parser.add_argument("--quick", action="store_true", help="small, where the experiment has a small form")
    arguments = parser.parse_args()
    if arguments.name == "ope_speed":
        return 0 if ope_speed.run(quick=arguments.quick) else 1
    if arguments.name == "ope_coverage":
        kept = None if arguments.quick else Path("out") / "ope_coverage"
        size = arguments.seeds
        return 0 if ope_coverage.run(quick=arguments.quick, n_logs=size, jobs=arguments.jobs, kept=kept) else 1
    if arguments.name == "windows":
        result = windows.run()
        print("\n".join(f"{key:>12} {value:.6g}" for key, value in result.items()))
        print("\na month's limit and one per day, 30 days:")
        text, met = windows.months(windows.run_month(windows.Month(n_seeds=arguments.seeds or 5)))
        print(text)
        return 0 if met and result["n_over"] == 0 and result["spent"] >= 0.95 else 1
    if not _outcomes.data_folder().is_dir():
        print(f"the outcome matrices are not at {_outcomes.data_folder()}; set SELECTOR_DATA", file=sys.stderr)
        return 1
    if arguments.name == "defaults":
        defaults.run(seeds=arguments.seeds or 20, jobs=arguments.jobs)
        return 0
    folder = _FOLDER / arguments.name
    _, met = _outcomes.run(folder, seeds=arguments.seeds, jobs=arguments.jobs, hard=arguments.hard_cap)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
