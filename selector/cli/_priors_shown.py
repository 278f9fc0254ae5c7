"""What `selector priors` shows people: every cell with its sources, or a table of differences where there are many."""

from __future__ import annotations

from collections import Counter
from typing import Any

from selector.cli._lines import counted, say, show_rows
from selector.cli._output import number

__all__ = ["show"]

_FEW = 24
"""Cells that are shown one by one; more are a table of models by task types."""
_NAMED = 3
"""As many benchmarks are named in a cell."""


def show(data: dict[str, Any], *, details: bool, bare: bool) -> None:
    """Print what is known before any outcome.

    Parameters
    ----------
    data
        What `selector priors --json` prints.
    details
        Whether every cell is wanted, however many there are.
    bare
        Whether to leave notes and headings out.
    """
    if not bare:
        _head(data)
    if details or len(data["cells"]) <= _FEW:
        _details(data, bare=bare)
    else:
        _matrix(data, bare=bare)
    if not bare:
        _foot(data)


def _head(data: dict[str, Any]) -> None:
    if data["priors"] == "published":
        say("priors: published; how much they count is learnt from how well they predict")
    else:
        say("priors: none; the published figures below are not used, `priors: published` uses them")
    known = [each for each in data["models"] if each["published_as"] is not None]
    say(f"published: {len(known)} of {counted(len(data['models']), 'model')}")
    say()


def _details(data: dict[str, Any], *, bare: bool) -> None:
    headings = ["task type", "kind", "model", "success", "log-odds", "items", "published by", "date", "prior", "learnt"]
    rows = []
    for cell in data["cells"]:
        found = cell["published"]
        told = ["", "", "", "", ""] if found is None else _told(found)
        rows.append([_type(cell["task_type"]), cell["kind"] or "", cell["model"], *told, *_own(cell)])
    show_rows(headings, rows, numbers={"success", "log-odds", "items"}, bare=bare)


def _told(found: dict[str, Any]) -> list[str]:
    return [
        _mark(found) + number(found["success"], 3),
        f"{found['log_odds_above_mean']:+.2f}",
        f"{found['n_items']:,}",
        _few(found["benchmarks"]),
        found["date"],
    ]


def _mark(found: dict[str, Any]) -> str:
    return "" if found["is_of_this_kind"] else "~"


def _few(names: list[str]) -> str:
    """Name benchmarks; of many, the sources and how many benchmarks of each."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    sources = Counter(name.partition("/")[0] for name in names)
    return ", ".join(f"{source} ({n} benchmarks)" for source, n in sources.items())


def _own(cell: dict[str, Any]) -> list[str]:
    prior, learnt = cell["prior"], cell["learnt"]
    return [
        "" if prior is None else f"{prior['quality']:.2f} x {prior['weight']:g}",
        "" if learnt is None else f"{learnt['mean']:.2f} x {learnt['n']:,.1f}",
    ]


def _matrix(data: dict[str, Any], *, bare: bool) -> None:
    types = [each["task_type"] for each in data["task_types"]]
    cells = {(cell["model"], cell["task_type"]): cell["published"] for cell in data["cells"]}
    rows = []
    for each in data["models"]:
        found = [cells[each["model"], name] for name in types]
        told = ["" if f is None else f"{_mark(f)}{f['log_odds_above_mean']:+.2f}" for f in found]
        rows.append([each["model"], each["published_as"] or "", *told])
    named = [_type(name) for name in types]
    show_rows(["model", "published as", *named], rows, numbers=set(named), bare=bare)


def _type(name: str | None) -> str:
    return "any" if name is None else name


def _foot(data: dict[str, Any]) -> None:
    say()
    say("log-odds: above or below the mean of these models on this kind of task; ~: from other kinds of work")
    say("prior, learnt: what is configured, and what your own evaluations say, x how many outcomes that counts for")
    for each in data["models"]:
        if each["published_as"] is not None and each["matched_by"] != each["published_as"]:
            say(f"{each['model']}: published as {each['published_as']}, known by {each['matched_by']}")
    for each in data["models"]:
        if each["published_as"] is None:
            say(f"{each['model']}: nothing is published of {' or '.join(each['tried'])}")
    kindless = [
        _type(each["task_type"]) for each in data["task_types"] if each["kind"] is None and not each["is_configured"]
    ]
    if kindless:
        say(f"no kind of work is known of: {', '.join(kindless)}; say it with task_types: {{NAME: {{kind: coding}}}}")
    if data["unknown_models"]:
        say(f"learnt, and none of these models: {', '.join(data['unknown_models'])}")
    if data["unknown_types"]:
        say(f"learnt, and none of these task types: {', '.join(data['unknown_types'])}")
    sources = dict.fromkeys(f"{each['repository']} @ {each['commit'][:7]}" for each in data["figures"])
    if sources:
        say(f"sources: {', '.join(sources)}; every figure with its own: selector priors --json")
