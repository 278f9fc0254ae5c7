"""A report as one page of HTML that needs nothing else: no script, no file beside it, no request to anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from html import escape
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from selector.report.counted._facts import Facts
from selector.report.counted._words import count
from selector.report.figures import stylesheet
from selector.report.figures._canvas import drawing
from selector.report.page._earned import learning_part, savings_part, spend_part, work_part
from selector.report.page._html import Part
from selector.report.page._learnt import beliefs_part, judging_part, thin_part
from selector.report.page._method import method_part
from selector.report.page._style import STYLE
from selector.report.page._top import advice_part, period, short_part
from selector.report.page._trouble import drift_part, failures_part, fallbacks_part

__all__ = ["html_page"]

_PARTS = (
    short_part,
    advice_part,
    savings_part,
    work_part,
    learning_part,
    spend_part,
    beliefs_part,
    fallbacks_part,
    drift_part,
    failures_part,
    thin_part,
    judging_part,
    method_part,
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_TITLE = "What was learnt, and what it cost"


def html_page(facts: Facts) -> str:
    """Return a report as a page: what was spent and earned, what to do next, and what it rests on.

    One file holds all of it, for whom it is sent to: it works without a network, on telephones, on wide screens and
    on paper, light or dark as its reader prefers, and beside each picture stands a table. Of the state folder it
    names no more than its last part. The same facts make the same bytes.

    Parameters
    ----------
    facts
        As `facts` gathers them.

    Returns
    -------
    str
        HTML, in UTF-8.

    Raises
    ------
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Outcome, Selector, Task
    >>> from selector.report import facts
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Selector.open({"models": {"small": free, "large": free}}, state=folder, seed=1) as selector:
    ...         selector.record(selector.select(Task("chat")), Outcome(score=1, output_tokens=9, source="tests"))
    ...     page = html_page(facts(folder))
    >>> page.startswith("<!doctype html>"), "<script" in page, "://" in page
    (True, False, False)
    """
    shown = _printable(facts)
    with drawing():
        parts = [part(shown) for part in _PARTS]
    name = PurePath(shown.state).name or "the state folder"
    about = f"{period(shown)}, UTC: {count(shown.totals.n, 'decision')} of {name}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{_TITLE}: {escape(name)}</title>\n<style>\n{stylesheet()}{STYLE}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">Skip to the report</a>\n'
        f'<header>\n<h1>{_TITLE}</h1>\n<p class="quiet">{escape(about)}</p>\n</header>\n'
        f'<nav aria-label="Contents">\n<ol>\n{_contents(parts)}</ol>\n</nav>\n'
        f'<main id="main" tabindex="-1">\n{"".join(_section(part) for part in parts)}</main>\n'
        f"<footer>\n<p>{_colophon(shown, name)}</p>\n</footer>\n</body>\n</html>\n"
    )


def _contents(parts: Sequence[Part]) -> str:
    return "".join(f'<li><a href="#{part.anchor}">{escape(part.heading)}</a></li>\n' for part in parts)


def _section(part: Part) -> str:
    heading = f'<h2 id="{part.anchor}">{escape(part.heading)}</h2>'
    return f'<section aria-labelledby="{part.anchor}">\n{heading}\n{part.body}</section>\n'


def _colophon(facts: Facts, name: str) -> str:
    t = facts.totals
    times = f"{t.first_at:%Y-%m-%d %H:%M} to {t.last_at:%Y-%m-%d %H:%M} UTC"
    return escape(f"Decisions of {times}, from {name}. Written by selector {version('adaptive-selector')}.")


def _printable(facts: Facts) -> Facts:
    """Replace the characters in names that a page cannot hold."""
    return replace(facts, **{each.name: _clean(getattr(facts, each.name)) for each in fields(facts)})


def _clean(value: Any) -> Any:  # noqa: ANN401 - any field of a row
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value)
    if isinstance(value, tuple):
        cleaned = (_clean(each) for each in value)
        return type(value)(*cleaned) if hasattr(value, "_fields") else tuple(cleaned)
    if isinstance(value, Mapping):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return value
