"""Seconds and memory of estimates from a million decisions, and whether they are as few as they should be."""

from __future__ import annotations

from experiments._sweep import Finding, Result
from experiments.ope_speed.run import Config, Speed

__all__ = ["analysis"]


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay them out; a million decisions are to take less than 1 s, and 200 MB beside the arrays."""
    ((_, found),) = results
    whole, streamed = Speed(**found["whole"]), Speed(**found["streamed"])
    lines = [f"{'':<10}{'decisions':>12}{'seconds':>9}{'arrays MB':>11}{'above MB':>10}"]
    for name, speed in (("one piece", whole), ("streamed", streamed)):
        numbers = f"{speed.rounds:>12,}{speed.seconds:>9.2f}{speed.arrays_mb:>11.0f}{speed.above_mb:>10.1f}"
        lines.append(f"{name:<10}{numbers}")
    lines.append(f"the largest resident size while streaming, everything included: {found['peak_mb']:.0f} MB")
    e = found["estimate"]
    lines.append(f"streamed estimate {e['value']:.5f} +- {e['half_width']:.5f}, {e['verdict']}")
    return Finding("\n".join(lines), whole.seconds * 1e6 / whole.rounds < 1.0 and whole.above_mb < 200)
