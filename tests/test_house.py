"""The house rules that no linter knows: sizes, names, private files, what is loaded, and what must not be written."""

import ast
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import selector.errors as tree

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "selector").rglob("*.py"))
ROOMS = sorted(path.parent.name for path in (ROOT / "selector").glob("*/__init__.py"))
HEAVY = ("httpx", "pyarrow", "scipy", "yaml", "genai_prices", "matplotlib", "typer", "rich", "lark", "re2")
BANNED = {"util", "utils", "helper", "helpers", "manager", "managers"}
BANNED_STARTS = ("handle_", "process_", "get_")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"), path)


def functions(path):
    return [node for node in ast.walk(parsed(path)) if isinstance(node, Function)]


def body_lines(function):
    """Count the lines of a body, without its docstring."""
    first = function.body[0]
    has_doc = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    rest = function.body[1:] if has_doc else function.body
    return rest[-1].end_lineno - rest[0].lineno + 1 if rest else 0


def parameters(function):
    found = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return found[1:] if found[:1] in (["self"], ["cls"]) else found


def defined(path):
    """Yield every name that a file gives: to functions, classes, parameters and variables."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def words(name):
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


def python(code):
    """Run code in a fresh interpreter and return what it printed."""
    found = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    return found.stdout.split()


def test_there_is_something_to_look_at():
    assert len(FILES) > 50
    assert {"budgets", "decision", "policies", "posteriors", "replay", "cli"} <= set(ROOMS)


def of_every_file(rule):
    """Apply a rule to each file, and give what it says where it says anything."""
    return {name_of(path): said for path in FILES if (said := rule(path))}


def test_a_file_has_at_most_400_lines():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert of_every_file(lambda path: lengths[path] if lengths[path] > 400 else None) == {}


def test_a_file_says_its_purpose_in_its_first_line():
    def rule(path):
        first = (ast.get_docstring(parsed(path)) or " ").splitlines()[0]
        return None if len(first.split()) > 2 and first.endswith((".", "?")) else f"says {first!r}"

    assert of_every_file(rule) == {}


def test_a_function_has_at_most_40_lines():
    assert of_every_file(lambda path: {f.name: n for f in functions(path) if (n := body_lines(f)) > 40}) == {}


def test_a_function_has_at_most_6_parameters_unless_it_is_a_command():
    def rule(path):
        return "cli" not in path.parts and {f.name: p for f in functions(path) if len(p := parameters(f)) > 6}

    assert of_every_file(rule) == {}


def test_no_banned_word_is_used():
    def rule(path):
        said = [n for n in defined(path) if words(n) & BANNED or n.lstrip("_").startswith(BANNED_STARTS)]
        return [*(words(path.stem) & BANNED), *said]

    assert of_every_file(rule) == {}


def test_no_other_rooms_private_file_is_imported():
    def rule(path):
        room = path.relative_to(ROOT / "selector").parts[0]
        wrong = []
        for node in ast.walk(parsed(path)):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                parts = module.split(".")  # a room may itself be private, as `_clients`; what is below it is a file
                if parts[0] == "selector" and any(p.startswith("_") for p in parts[2:]) and parts[1:2] != [room]:
                    wrong.append(module)
        return wrong

    assert of_every_file(rule) == {}


def test_a_rooms_files_are_private():
    def rule(path):
        place = path.relative_to(ROOT / "selector").parts
        return len(place) > 1 and not place[-1].startswith("_")

    assert of_every_file(rule) == {}


def test_heavy_libraries_are_asked_for_only_where_they_are_used():
    """The command line loads what it shows with."""

    def rule(path):
        top = [n for n in parsed(path).body if isinstance(n, ast.Import | ast.ImportFrom)]
        modules = {(n.module or "") if isinstance(n, ast.ImportFrom) else a.name for n in top for a in n.names}
        return "cli" not in path.parts and {m for m in modules if m.split(".")[0] in HEAVY}

    assert of_every_file(rule) == {}


@pytest.mark.parametrize("room", [*ROOMS, "errors"])
def test_every_public_name_of_a_room_is_there_and_the_names_are_sorted(room):
    module = import_module(f"selector.{room}")
    names = module.__all__
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(set(names)) == len(names)
    assert names == sorted(names, key=kind_and_name)


def kind_and_name(name):
    """Order names as ruff does: constants, classes, then the rest."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


def test_the_drawn_tree_of_errors_is_the_one_that_is_defined():
    drawn, above = {}, []
    for line in tree.__doc__.splitlines():
        found = re.match(r"^( {4}[│├└─ ]*)([A-Z]\w+Error)(?: \((\w+)\))?", line)
        if found is None:
            continue
        depth = len(found[1]) // 4 - 1
        above = [*above[:depth], found[2]]
        drawn[found[2]] = ([above[-2]] if depth else ["Exception"]) + ([found[3]] if found[3] else [])
    classes = {n: c for n, c in vars(tree).items() if isinstance(c, type) and issubclass(c, BaseException)}
    assert drawn == {name: [base.__name__ for base in c.__bases__] for name, c in classes.items()}
    assert set(drawn) == set(tree.__all__) - {"nearest"}


@pytest.mark.parametrize("module", ["selector", *(f"selector.{r}" for r in ROOMS if r != "cli"), "selector.cli"])
def test_importing_loads_no_heavy_library(module):
    """The command line's own file loads nothing either: only running a command does."""
    found = python(f"import sys, {module}; print(*[n for n in {HEAVY} if n in sys.modules])")
    assert found == []


@pytest.mark.parametrize("rooms", ["selector._clients", "selector.replay"])
def test_importing_what_chooses_or_what_looks_back_takes_less_than_60_megabytes(rooms):
    """The peak of the program itself where the system tells it: a child's `ru_maxrss` starts at its parent's."""
    peak = (
        f"import {rooms}\n"
        "import pathlib, resource, sys\n"
        "status = pathlib.Path('/proc/self/status')\n"
        "lines = status.read_text().splitlines() if status.exists() else []\n"
        "peak = [int(line.split()[1]) / 1024 for line in lines if line.startswith('VmHWM')]\n"
        "unit = 2**20 if sys.platform == 'darwin' else 2**10\n"
        "print(peak[0] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)\n"
    )
    assert float(python(peak)[0]) < 60


def test_the_readmes_commands_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\s*make ([a-z]+)", readme, re.MULTILINE)) | set(re.findall(r"`make ([a-z]+)", readme))
    assert [name for name in named | {"demo", "test"} if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
    assert {"demo", "test"} <= named


TEXTS = {".py", ".md", ".yaml", ".yml", ".toml", ".json", ".ipynb", ".txt", ".csv"}
WRITTEN = sorted(
    path
    for path in (*(ROOT / "selector").rglob("*"), *(ROOT / "experiments").rglob("*"), ROOT / "README.md")
    if path.suffix in TEXTS and "__pycache__" not in path.parts
)


def test_no_path_of_one_machine_is_written_down():
    wrong = {
        name_of(path): found
        for path in WRITTEN
        if (found := re.findall(r"(?<![\w.@:/-])/(?:work|tmp|home|root|Users)/\S*", path.read_text(encoding="utf-8")))
    }
    assert wrong == {}
