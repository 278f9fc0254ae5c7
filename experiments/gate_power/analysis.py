"""How often the gate passed what is worse, and what is not, by how logs came about."""

from __future__ import annotations

import math

from experiments._sweep import Finding, Result
from experiments.gate_power._worlds import KINDS
from experiments.gate_power.run import Config

__all__ = ["analysis"]

_MOST = 0.05
_WORSE = KINDS[1:]


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Add the counts up, and say whether wrong passes are at most one in twenty.

    All worse switches of a way of logging together must be within it; of each kind alone, two standard errors of chance
    are allowed for. A switch that is better must never fail in more than one in twenty.
    """
    groups: dict[tuple[int, float, float, float], dict[str, dict[str, int]]] = {}
    for config, result in results:
        key = config.decisions, config.floor, config.judged, config.margin
        every = groups.setdefault(key, {kind: {"pass": 0, "fail": 0, "not_enough": 0} for kind in KINDS})
        for kind, counts in result["counts"].items():
            for word, n in counts.items():
                every[kind][word] += n
    head = f"{'decisions':>9}{'floor':>7}{'judged':>8}{'margin':>8}  {'switch':<18}"
    lines = [head + "".join(f"{word:>9}" for word in ("gates", "pass", "fail", "open", "± 2 se"))]
    met, wrong, n_worse = True, 0, 0
    for key, every in groups.items():
        for kind, counts in every.items():
            n = sum(counts.values())
            share = {word: each / n for word, each in counts.items()}
            noise = 2 * math.sqrt(max(share["pass"], _MOST) * (1 - max(share["pass"], _MOST)) / n)
            met &= share["pass"] <= _MOST + noise if kind in _WORSE else share["fail"] <= _MOST
            shown = f"{key[0]:>9,}{key[1]:>7g}{key[2]:>8g}{key[3]:>8g}  {kind.replace('_', ' '):<18}{n:>9,}"
            shown += "".join(f"{share[word]:>9.3f}" for word in ("pass", "fail", "not_enough"))
            lines.append(f"{shown}{noise:>9.3f}")
        passed = sum(every[kind]["pass"] for kind in _WORSE)
        gates = sum(sum(every[kind].values()) for kind in _WORSE)
        wrong, n_worse = wrong + passed, n_worse + gates
        met &= passed <= _MOST * gates
    off = max(result["most_off"] for _, result in results)
    lines.append(
        f"wrong passes: {wrong} of {n_worse:,} ({wrong / n_worse:.2%}); true differences off by {off:.1e} at most"
    )
    return Finding("\n".join(lines), bool(met and off < 1e-9))
