"""Text for people: lines and aligned columns that fit a terminal, and that pipes get whole."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from selector.cli._output import console

__all__ = ["counted", "say", "show_rows", "show_table", "tell"]

_TABLE = re.compile(r"^ +model  .*\n(?:[* ] .*\n)+", re.MULTILINE)
"""The table in a story: a line of headings, and a line per candidate, a star before the one that was chosen."""


def counted(n: float, what: str) -> str:
    """Show how many there are.

    Examples
    --------
    >>> counted(1, "decision"), counted(1_200, "decision")
    ('1 decision', '1,200 decisions')
    """
    return f"{n:,.0f} {what}{'' if round(n) == 1 else 's'}"


def say(text: str = "", style: str | None = None) -> None:
    """Print a text; a terminal gets it wrapped at words, a pipe gets its lines as they are."""
    out = console()
    for line in text.splitlines() or [""]:
        _print(out, line, style)


def tell(story: str) -> None:
    """Print a decision's story; where a terminal is too narrow for its table, a block of lines for each row."""
    out, found = console(), _TABLE.search(story)
    if found is None or not out.is_terminal or max(map(cell_len, found[0].splitlines())) <= out.width:
        say(story)
        return
    rows = [re.split(r" {2,}", line[1:].strip()) for line in found[0].splitlines()]
    if len({len(row) for row in rows}) > 1:
        say(story)
        return
    say(story[: found.start()])
    stars = ["", *(" *" * line.startswith("*") for line in found[0].splitlines()[1:])]
    headings, *cells = [[row[0] + star, *row[1:]] for row, star in zip(rows, stars, strict=True)]
    _blocks(out, headings, cells)
    say(story[found.end() :])


def show_rows(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[str] = (), bare: bool = False
) -> None:
    """Print rows in aligned columns; where a terminal is too narrow for them, a block of lines for each row.

    Parameters
    ----------
    headings
        One for each column.
    rows
        As many cells each; an empty cell is shown as a dash.
    numbers
        The headings of columns that are aligned at their end.
    bare
        Whether to leave the headings out.
    """
    out = console()
    table = [list(headings), *([cell or "-" for cell in row] for row in rows)]
    widths = [max(cell_len(row[i]) for row in table) for i in range(len(headings))]
    if out.is_terminal and sum(widths) + 2 * (len(widths) - 1) > out.width:
        _blocks(out, headings, table[1:])
        return
    ends = [heading in numbers for heading in headings]
    for place, row in enumerate(table[bare:]):
        cells = [_set(cell, width, end=end) for cell, width, end in zip(row, widths, ends, strict=True)]
        style = "bold" if place == 0 and not bare else None
        out.print("  ".join(cells).rstrip(), style=style, soft_wrap=True)


def show_table(table: Table) -> None:
    """Print a table; where a terminal is too narrow for it, a block of lines for each row, and nothing cut short."""
    out = console()
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    wanted = sum(max(map(cell_len, cells)) for cells in columns) + 3 * len(columns) + 1
    if not out.is_terminal or wanted <= out.width:
        out.print(table)
        return
    headings, *rows = zip(*columns, strict=True)
    _print(out, str(table.title), "bold")
    _blocks(out, headings, rows)


def _blocks(out: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the first cell of a row as a heading, once for rows that share it, and the others below it, named."""
    last = None
    for row in rows:
        if row[0] and row[0] != last:
            _print(out, f"{headings[0]}: {row[0]}", "bold")
            last = row[0]
        named = [f"{what}: {cell}" for what, cell in zip(headings[1:], row[1:], strict=True) if cell not in {"", "-"}]
        for place, line in enumerate(_packed(named, out.width - 4)):
            _print(out, ("    " if place else "  ") + line, None)


def _packed(parts: Sequence[str], width: int) -> Iterator[str]:
    """Put as many parts on a line as fit there."""
    line = ""
    for part in parts:
        if line and cell_len(line) + 2 + cell_len(part) > width:
            yield line
            line = part
        else:
            line = f"{line}  {part}" if line else part
    if line:
        yield line


def _set(cell: str, width: int, *, end: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if end else cell + space


def _print(out: Console, line: str, style: str | None) -> None:
    """Print a line; a terminal gets it wrapped, and what follows set in; a word that is too long stays whole."""
    lines = [line]
    if out.is_terminal and cell_len(line) > out.width:
        inset = " " * (len(line) - len(line.lstrip()) + 2)
        lines = textwrap.wrap(line, out.width, subsequent_indent=inset, break_long_words=False, break_on_hyphens=False)
    for each in lines:
        out.print(each, style=style, soft_wrap=True)
