"""The program as a whole: its version, its help, and its exit codes."""

import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from selector.cli import _app, main
from selector.errors import BudgetExceededError, ConfigError, DataError, NoEligibleModelError, StateError


def test_python_m_selector_prints_the_version():
    found = subprocess.run(
        [sys.executable, "-m", "selector", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert (found.stdout, found.stderr) == (f"selector {version('adaptive-selector')}\n", "")


def test_a_usage_error_is_the_exit_code_of_the_process_too():
    found = subprocess.run(
        [sys.executable, "-m", "selector", "simulat"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert "simulat" in found.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["simulate", "--help"]])
def test_help_is_no_error(arguments, capsys):
    assert main(arguments) == 0
    assert "simulate" in capsys.readouterr().out


def test_help_names_every_option_of_simulate(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    main(["simulate", "--help"])
    out = capsys.readouterr().out
    options = (
        "--budget-per-request --policy --models --seeds --seed --passes --learn-split --measure-split --hard-cap"
        " --cost-guess-error --no-types --config --output --plot --jobs --json --quiet"
    )
    assert [option for option in options.split() if option not in out] == []


def test_no_command_prints_help_and_exits_with_2(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert "simulate" in out + err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("x"), 1),
        (StateError("x"), 1),
        (ConfigError("x"), 2),
        (NoEligibleModelError("x"), 3),
        (BudgetExceededError("x", budget="day"), 4),
    ],
    ids=lambda x: type(x).__name__,
)
def test_every_kind_of_error_has_its_exit_code_and_one_line(error, code, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(_app, "app_with", lambda _: fail)
    assert main(["status"]) == code
    assert capsys.readouterr() == ("", "selector: x\n")


HEAVY = ("httpx", "matplotlib", "scipy", "pyarrow", "numpy", "genai_prices", "yaml", "multiprocessing")


def loaded(*arguments):
    """Run a command in a fresh interpreter; return what it loaded of what takes long."""
    code = (
        f"import sys; from selector.cli import main; main({list(arguments)!r}); "
        f"print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    )
    found = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(found.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("init", "--help")])
def test_help_loads_nothing_that_takes_long(arguments):
    assert loaded(*arguments) == set()


@pytest.mark.parametrize("command", ["status", "budget", "validate", "models"])
def test_taking_stock_loads_neither_pictures_nor_statistics_nor_simulations(chosen, command):
    chosen()
    assert not loaded(command) & {"httpx", "matplotlib", "scipy", "multiprocessing"}


def test_every_command_of_the_list_can_be_run(capsys):
    main(["--help"])
    names = re.findall(r"^  ([a-z]+)  ", capsys.readouterr().out.split("Commands:")[1], re.MULTILINE)
    assert len(names) == 26
    for name in names:
        assert main([name, "--help"]) == 0
        assert f"Usage: selector {name} " in capsys.readouterr().out
