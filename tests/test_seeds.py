"""The table of what other systems asked for says what is there, tests, examples and sections, and all of it."""

import ast
import re
import shlex

import pytest

from selector.cli import main
from selector.config import Config
from selector.config.formats import imported
from tests.config.formats.fragments import AGENT, FRAGMENTS, SECRET
from tests.seeds.table import HERE, beside, is_beside, rows

ROOT = HERE.parents[1]
TEXT = (HERE / "README.md").read_text(encoding="utf-8")
ROWS = rows(TEXT)
EXAMPLES = sorted((HERE / "examples").iterdir())
SAME = {"routing.toml": "whole.toml", "single.toml": "today.toml", "worker.json": "another.json"}
"""Examples that the tests know by another name."""


def named_in(file):
    """Name the tests of a file."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def test_every_row_is_there_once():
    counts = {0: 6, 1: 9, 2: 7, 3: 11, 4: 4}
    assert [row.id for row in ROWS] == [f"S{seed}.{n}" for seed, last in counts.items() for n in range(1, last + 1)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_has_tests_in_each_file_that_it_names_or_says_what_is_missing(row):
    assert row.files or row.missing
    assert {file for file in row.files if not any(name.startswith(row.prefix) for name in named_in(file))} == set()


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("test_*.py")))
def test_every_test_belongs_to_a_row_that_names_its_file_or_beside_them(file):
    """A row that is missing may have tests of how it is refused."""
    known = tuple(row.prefix for row in ROWS if file in row.files or not row.files)
    patterns = beside(TEXT)
    assert [name for name in named_in(file) if not (name.startswith(known) or is_beside(name, patterns))] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_used_and_is_what_the_tests_use(path, monkeypatch):
    assert f"tests/seeds/examples/{path.name}" in TEXT
    if path.suffix == ".env":
        return
    text = path.read_text(encoding="utf-8")
    expected = FRAGMENTS[SAME.get(path.name, path.name)]
    assert text == (AGENT.replace(SECRET, "env:AGENT_KEY") if path.name == "agent.json" else expected)
    monkeypatch.setenv("AGENT_KEY", "none")
    assert imported(path).lines
    assert Config.load(path).models


def test_what_an_example_names_is_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.*)$", readme, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    linked = [(row.id, *found) for row in ROWS for found in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", row.example)]
    assert len(linked) > 5
    assert [each for each in linked if not (HERE / each[1]).is_file() or (each[2] and each[2] not in anchors)] == []


@pytest.mark.parametrize("command", sorted({row.example.strip("`") for row in ROWS if "selector " in row.example}))
def test_an_example_is_a_command_that_does_something(command, monkeypatch, tmp_path, capsys):
    """What needs a state folder or a key is asked for its help."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SELECTOR_STATE", str(tmp_path))
    monkeypatch.setenv("AGENT_KEY", "none")
    before, _, words = command.rpartition("selector ")
    variables = (HERE / "examples" / "goose.env").read_text() if before.startswith("env ") else before
    for name, value in re.findall(r"(\w+)=(\S+)", variables):
        monkeypatch.setenv(name, value)
    arguments = shlex.split(words)
    asks_help = arguments[0] in {"run", "summary", "why"}
    assert main([*arguments, "--help"] if asks_help else arguments) == 0
    assert capsys.readouterr().out
