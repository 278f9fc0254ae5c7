"""The command line: every command prints for people, or with --json for programs.

Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 no eligible model, 4 budget.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code.

    Parameters
    ----------
    arguments
        Without the program's name; None: the process's own.

    Examples
    --------
    >>> main(["--version"])
    selector 0.1.0
    0
    """
    try:
        from selector.cli._app import run  # noqa: PLC0415 - the commands load what they show with, importing this does not

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        sys.stderr.write("selector: stopped\n")
        return 1
