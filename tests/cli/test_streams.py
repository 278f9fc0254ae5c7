"""Pipes that close, full disks, interrupts: it ends in a line and an exit code, never in a traceback."""

import json
import os
import pathlib
import subprocess
import sys
from pathlib import Path

import pytest

from selector import Selector, Task

FULL = Path("/dev/full")
HARD = """\
models: {m: {usd_per_mtok_in: 1, usd_per_mtok_out: 1, max_output_tokens: 9}}
budgets: [{usd: 5, per: day}]
"""


@pytest.fixture
def shell(shop):
    """Run a line of shell in the shop, in which `selector` is the command line; return code, output, complaints."""

    def run(line, **environ):
        code = f'selector() {{ {sys.executable} -m selector "$@"; }}\nset -o pipefail\n{line}'
        found = subprocess.run(  # noqa: S603 - our own interpreter
            ["bash", "-c", code],  # noqa: S607
            capture_output=True, text=True, check=False, timeout=60, cwd=shop, env=os.environ | environ,
        )  # fmt: skip
        return found.returncode, found.stdout, found.stderr

    return run


@pytest.mark.parametrize("command", ["models", "models --json", "validate", "--help", "select coding --json"])
def test_a_reader_that_goes_away_is_no_reason_for_words(shell, command):
    code, _, err = shell(f"selector {command} | true")
    assert code in {0, 1}
    assert err == ""


@pytest.mark.skipif(not pathlib.Path(FULL).exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("command", ["models", "models --json"])
def test_a_full_disk_is_said(shell, command):
    code, _, err = shell(f"selector {command} > {FULL}")
    assert code == 1
    assert err.splitlines()[0] == "selector: the output: No space left on device"
    assert "Traceback" not in err
    assert "Exception" not in err


def test_closed_streams_change_nothing_else(shell):
    assert shell("selector models >&-") == (0, "", "")
    assert shell("selector modls 2>&-") == (2, "", "")


@pytest.mark.parametrize("way", ["-", "--prompt-file -"])
def test_standard_input_must_be_there_and_be_text(shell, way):
    code, out, err = shell(f"printf '\\377\\376' | selector select coding {way}")
    assert (code, out, err) == (2, "", "selector: standard input: is not UTF-8 text\n")
    code, out, err = shell(f"selector select coding {way} <&-")
    assert (code, out) == (2, "")
    assert err.startswith("selector: standard input is closed")


def test_an_encoding_without_the_letters_gets_them_escaped_and_json_stays_json(shell):
    assert shell("selector select 'größe 漢' --id")[0] == 0
    code, out, err = shell("selector beliefs", PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert "gr\\xf6\\xdfe \\u6f22" in out
    _, out, _ = shell("selector beliefs --json", PYTHONIOENCODING="ascii")
    assert {row["task_type"] for row in json.loads(out)["beliefs"]} >= {"größe 漢"}


@pytest.mark.parametrize(
    "place", ["selector.cli._app.app_with", "selector.cli._select.Task", "selector.cli._select.say"]
)
def test_an_interrupt_ends_it_in_one_line_wherever_it_comes(run, monkeypatch, place):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupt)
    assert run("select", "coding") == (1, "", "selector: stopped\n")


def test_a_folder_that_another_process_has_under_other_hard_budgets_is_said_with_its_number(run, shop):
    (shop / "selector.yaml").write_text(HARD, encoding="utf-8")
    (shop / "kept.yaml").write_text(HARD, encoding="utf-8")  # a file of its own: a changed one would be taken over
    with Selector.open("kept.yaml") as selector:
        id_ = selector.select(Task("coding", input_tokens=10)).id
        selector.flush()
        assert run("select", "coding", "--input-tokens", "10")[0] == 0
        (shop / "selector.yaml").write_text(HARD.replace("day", "month"), encoding="utf-8")
        for command in (["select", "coding", "--input-tokens", "10"], ["record", id_, "--success"]):
            code, out, err = run(*command, "--json")
            line, written = err.splitlines()
            assert (code, out) == (1, "")
            assert f"in use by process {os.getpid()}" in line
            assert json.loads(written)["error"] == "StateError"
        assert run("forget", "--metadata", "user=ada", "--yes")[0] == 1
        assert run("budget", "-q")[0] == 0
    assert run("record", id_, "--success")[0] == 0
