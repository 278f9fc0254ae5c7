"""Whether limits held and were spent, of single windows and of months with a limit per day."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments._picture import Bar, bars
from experiments._sweep import Finding, Result
from experiments.windows.run import Config, Month, Played, run_month

__all__ = ["Month", "analysis", "months", "picture", "run_month"]

_NAMES = {"ours": "the selector", "greedy": "greedy until capped", "oracle": "who knows everything"}
_DRAWN = {
    "reward": "success of all requests",
    "spent": "of the month's limit spent",
    "refused": "of all requests refused",
}


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay out what was found; no window is to be over, and at least .95 of the limits spent."""
    lines, met = [], True
    for config, found in results:
        if config.what == "windows":
            lines += [f"{key:>12} {value:.6g}" for key, value in found.items()]
            met &= found["n_over"] == 0 and found["spent"] >= 0.95
        else:
            played = {name: [Played(**each) for each in of_it] for name, of_it in found.items()}
            text, right = months(played)
            lines += ["", "a month's limit and one per day, 30 days:", text]
            met &= right
    return Finding("\n".join(lines), met)


def picture(results: list[tuple[Config, Result]], path: Path) -> None:
    """Draw what each way to pace a month earned and spent."""
    played = next((found for config, found in results if config.what == "months"), {})
    rows = []
    for key, what in _DRAWN.items():
        for name, of_it in played.items():
            every = np.array([each[key] for each in of_it])
            se = float(every.std(ddof=1)) / len(every) ** 0.5 if len(every) > 1 else 0.0
            rows.append(Bar(_NAMES.get(name, name), float(every.mean()), se, group=what))
    title = "A month with a hard limit of its own and one per day, two standard errors"
    bars(rows, (title, "share", ""), path)


def months(found: dict[str, list[Played]]) -> tuple[str, bool]:
    """Lay out what came of months under each way to pace, and tell whether ours held and was the best.

    Examples
    --------
    >>> found = run_month(Month(n_days=2, n_seeds=1, requests=40), ["ours", "greedy", "fixed rate"])
    >>> months(found)[0].splitlines()[0]
    '                over  spent  of a day  refused  success'
    """
    lines = [f"{'':>14}  over  spent  of a day  refused  success"]
    mean = {}
    for name, played in found.items():
        over = sum(each.n_over for each in played)
        part = [float(np.mean([getattr(p, f) for p in played])) for f in ("spent", "day", "refused", "reward")]
        mean[name] = part
        lines.append(f"{name:>14}  {over:>4}  {part[0]:.3f}  {part[1]:>8.3f}  {part[2]:>7.3f}  {part[3]:>7.4f}")
    others = [mean[name][3] for name in ("greedy", "fixed rate") if name in mean]
    ours = mean["ours"]
    held = all(each.n_over == 0 for each in found["ours"])
    return "\n".join(lines), held and ours[0] >= 0.95 and ours[3] >= max(others, default=0.0)
