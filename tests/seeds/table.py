"""Prints the table of what other systems asked for, with its results: `make seeds`, or run this file."""

import re
import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_ROW = re.compile(r"^\| (S\d\.\d+) \| (.*?) \| (.*?) \|(.*)\|$", re.MULTILINE)
_FILE = re.compile(r"`(test_\w+\.py)`")
_BESIDE = re.compile(r"`(test_[\w*]+)`")


@dataclass(frozen=True)
class Row:
    """One feature that was asked for."""

    id: str
    what: str
    files: tuple[str, ...]
    """Where its tests are; none: it is missing."""
    missing: str
    """What is not there yet; empty: nothing."""
    example: str

    @property
    def prefix(self) -> str:
        """How the names of its tests begin."""
        return f"test_{self.id.lower().replace('.', '_')}_"


def rows(text: str) -> list[Row]:
    """Read the table."""
    found = []
    for id_, what, tests, example in _ROW.findall(text):
        there, _, missing = tests.partition("missing: ")
        found.append(Row(id_, what, tuple(_FILE.findall(there)), missing, example.strip()))
    return found


def beside(text: str) -> list[str]:
    """Read which tests belong to no row, as patterns."""
    return _BESIDE.findall(text.partition("## Beside the rows")[2])


class Results:
    """Hears how the tests end."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], str] = {}
        """How each ended, by its file and its name."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an end: what failed once has failed."""
        file, _, name = report.nodeid.partition("::")
        key = Path(file).name, name
        if report.failed:
            self.of[key] = "failed"
        elif report.skipped or report.when == "call":
            self.of.setdefault(key, "skipped" if report.skipped else "passed")

    def line(self, row: Row) -> str:
        """Say how one row stands."""
        ends = Counter(
            end for (file, name), end in self.of.items() if file in row.files and name.startswith(row.prefix)
        )
        if not row.files:
            return f"{row.id:6}missing  {'':8} {row.what} ({row.missing})"
        whole = ends["passed"] + ends["skipped"] == ends.total() > 0
        state = "fail" if not whole else "pass" if ends["passed"] else "skipped"
        told = f"{row.id:6}{state:8} {ends['passed']:3} of {ends.total():<3}{row.what}"
        return f"{told} (missing: {row.missing})" if row.missing else told


def is_beside(name: str, patterns: list[str]) -> bool:
    """Tell whether a test belongs to no row."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def main() -> int:
    """Run the tests, and print the table."""
    text, results = (HERE / "README.md").read_text(encoding="utf-8"), Results()
    code = int(pytest.main([str(HERE), "-q", "-n", "2", "-p", "no:cacheprovider"], plugins=[results]))
    lines = [results.line(row) for row in rows(text)]
    states = Counter(line[6:].split()[0] for line in lines)
    told = ", ".join(f"{n} {state}" for state, n in states.items())
    sys.stdout.write("\n".join(["", *lines, "", f"{len(lines)} rows: {told}", ""]))
    return code


if __name__ == "__main__":
    sys.exit(main())
