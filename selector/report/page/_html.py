"""Pieces of a page: escaped text, tables that a screen reader can follow, pictures in two widths, and sections."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from selector.report.counted._facts import Facts, Measured
from selector.report.counted._words import percent, usd
from selector.report.figures import Look, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Html",
    "Part",
    "Table",
    "as_exact_as",
    "between",
    "chart",
    "folded",
    "joined",
    "money",
    "paragraph",
    "prose",
    "share",
    "signed",
    "table",
    "words",
]

MOST_ROWS = 300  # of a table
FEW_COLUMNS = 7  # fit on paper with every cell on one line
SHORT = 24  # letters of a cell that stay on one line
WIDTHS = (("narrow", 340), ("wide", 760))  # pixels of a picture, for telephones and for all else
_SPACES = re.compile(r' xmlns(?::xlink)?="[^"]*"')
_UNIT = re.compile(r"(?<=\d) (?=(?:%|USD|points)(?:\W|$))")
_CODE = re.compile(r"`([^`]+)`")


class Html(str):
    """Text that is HTML already; any other text is escaped."""

    __slots__ = ()


class Part(NamedTuple):
    """A section of the page."""

    anchor: str
    heading: str
    body: Html


class Table(NamedTuple):
    """A table before it is written."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    """Cells; text is escaped, `Html` is not."""
    numbers: frozenset[str] = frozenset()
    """Headings of the columns that are set to the right."""
    names: int = 1
    """How many columns, from the left, say what a row is of."""


def words(text: str) -> Html:
    """Escape text, and keep a number and its unit on one line."""
    return Html(_UNIT.sub("\N{NO-BREAK SPACE}", escape(text)))


def prose(text: str) -> Html:
    """Escape text; what stands between backticks is code."""
    return Html(_CODE.sub(r"<code>\1</code>", words(text)))


def paragraph(*sentences: str) -> Html:
    """Join sentences, those that are empty left out."""
    said = " ".join(each if isinstance(each, Html) else prose(each) for each in sentences if each)
    return Html(f"<p>{said}</p>\n" if said else "")


def table(made: Table) -> Html:
    """Write a table: with a caption, headings with their scope, and in a box that scrolls by itself."""
    sides = [' class="n"' if heading in made.numbers else "" for heading in made.headings]
    head = "".join(f'<th scope="col"{side}>{_cell(each)}</th>' for each, side in zip(made.headings, sides, strict=True))
    body = "".join(f"<tr>{_row(row, sides, made.names)}</tr>\n" for row in made.rows[:MOST_ROWS])
    more = len(made.rows) - MOST_ROWS
    left = paragraph(f"{more:,} more rows are not shown; `selector report --json` has them all.") if more > 0 else ""
    label = escape(made.caption)
    many = ' class="many"' if len(made.headings) > FEW_COLUMNS else ""
    return Html(
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table{many}>\n'
        f"<caption><span>{label}</span></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n{left}"
    )


def _row(row: Sequence[str], sides: Sequence[str], names: int) -> str:
    cells = []
    for place, (cell, side) in enumerate(zip(row, sides, strict=True)):
        kind, text = side or _short(cell), _cell(cell)
        cells.append(f'<th scope="row"{kind}>{text}</th>' if place < names else f"<td{kind}>{text}</td>")
    return "".join(cells)


def _short(cell: str) -> str:
    """Keep what is short on one line."""
    return ' class="s"' if len(cell) <= SHORT else ""


def _cell(cell: str) -> str:
    return cell if isinstance(cell, Html) else words(cell)


def folded(summary: str, *body: str) -> Html:
    """Put something where it is shown when asked for."""
    return Html(f"<details><summary>{escape(summary)}</summary>\n{''.join(body)}</details>\n")


def chart(facts: Facts, title: str, draw: Callable[[Look], Figure], *beside: Table) -> Html:
    """Draw a picture, for narrow and for wide pages, with its tables behind it."""
    drawn = "".join(_drawn(draw(Look(width=width, families=facts.families)), title, name) for name, width in WIDTHS)
    rows = "".join(table(each) for each in beside)
    behind = folded(f"{title}: as a table", rows) if rows else ""
    return Html(f"<figure>{drawn}</figure>\n{behind}")


def _drawn(figure: Figure, title: str, name: str) -> str:
    figure.set_label(title)
    text = svg(figure)
    end = text.index(">")
    return f'<svg class="{name}"{_SPACES.sub("", text[4:end])}{text[end:]}\n'


def share(value: Measured) -> str:
    """Say a share with its interval."""
    if math.isnan(value.value):
        return "unknown"
    low, high = percent(value.low), percent(value.high)
    return f"{percent(value.value)} ({low.removesuffix(' %')} to {high})"


def money(value: Measured) -> str:
    """Say dollars with their interval, where there is one."""
    if math.isnan(value.value) or math.isnan(value.low):
        return usd(value.value)
    word = as_exact_as(value.low, value.high)
    return f"{word(value.value)} ({between(value.low, value.high, word)})"


def as_exact_as(low: float, high: float) -> Callable[[float], str]:
    """Say dollars with as many digits as an interval lets one see, two or more."""
    digits = min(max(1 - math.floor(math.log10(high - low)), 2), 9) if high > low else 0
    return (lambda value: f"{value:,.{digits}f} USD") if digits else usd


def between(low: float, high: float, word: Callable[[float], str]) -> str:
    """Say the ends of an interval, their unit once."""
    first, last = word(low), word(high)
    unit = last.rpartition(" ")[2]
    return f"{first.removesuffix(f' {unit}')} to {last}"


def signed(value: float, word: Callable[[float], str]) -> str:
    """Say a difference with its sign."""
    return f"+{word(value)}" if value > 0 else word(value)


def joined(parts: Iterable[str]) -> Html:
    """Put pieces of HTML one after the other."""
    return Html("".join(parts))
