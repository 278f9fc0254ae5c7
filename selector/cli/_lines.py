"""Text for people: lines and aligned columns that fit a terminal, and that pipes get whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from rich.console import Console

from selector.cli._output import console

__all__ = ["say", "show_rows"]


def say(text: str = "", style: str | None = None) -> None:
    """Print a text; a terminal gets it wrapped at words, a pipe gets its lines as they are."""
    _print(console(), text, style)


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
        _print(out, "  ".join(cells).rstrip(), "bold" if place == 0 and not bare else None)


def _blocks(out: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for row in rows:
        _print(out, row[0], "bold")
        for heading, cell in zip(headings[1:], row[1:], strict=True):
            if cell != "-":
                _print(out, f"  {heading}: {cell}", None)


def _set(cell: str, width: int, *, end: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if end else cell + space


def _print(out: Console, text: str, style: str | None) -> None:
    out.print(text, style=style, soft_wrap=not out.is_terminal)
