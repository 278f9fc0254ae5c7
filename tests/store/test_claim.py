"""What processes agree on of a folder: who says something else is kept out, and death takes it back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from selector.errors import StateError

CLAIM = """
import sys
from selector.errors import StateError
from selector.store import State
state = State.open(sys.argv[1], clock=lambda: 1.7e9)
try:
    state.claim(sys.argv[2])
    print("claimed", flush=True)
    sys.stdin.read()
except StateError as error:
    print(error, flush=True)
"""


@pytest.fixture
def claimant():
    """Start processes that claim a folder and hold it until they are told to end."""
    started = []

    def start(folder, how):
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", CLAIM, str(folder), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("first", "second", "admitted"), [("a", "a", True), ("a", "none", False), ("none", "a", False)]
)
def test_a_claim_admits_another_process_only_if_both_say_the_same(first, second, admitted, tmp_path, claimant):
    holder, said = claimant(tmp_path / "state", first)
    assert said == "claimed"
    _, said = claimant(tmp_path / "state", second)
    assert (said == "claimed") == admitted
    if not admitted:
        assert f"in use by process {holder.pid}" in said
        assert "hard budgets" in said
        assert "close that one" in said


def test_a_killed_process_holds_no_claim(tmp_path, claimant):
    holder, _ = claimant(tmp_path / "state", "a")
    assert claimant(tmp_path / "state", "b")[1] != "claimed"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert claimant(tmp_path / "state", "b")[1] == "claimed"


def test_a_claim_ends_with_close_and_not_before(open_state):
    state, other = open_state(), open_state()
    state.claim("a")
    state.claim("a")
    with pytest.raises(StateError, match=f"process {os.getpid()} under other hard budgets"):
        other.claim("b")
    other.claim("b", beside=True)
    with pytest.raises(StateError, match="under other hard budgets"):
        open_state().claim("a")
    state.claim("b")
    open_state().claim("b")
    state.close()
    with pytest.raises(StateError, match="closed; open it again"):
        state.claim("b")
    with pytest.raises(StateError, match="read-only"):
        open_state(read_only=True).claim("b")
    assert (state.path / "budgets-b.lock").stat().st_mode & 0o777 == 0o600


FORK = """
import os, sys
from selector.errors import StateError
from selector.store import State
state = State.open(sys.argv[1], clock=lambda: 1.7e9)
state.claim("a")
to_parent, from_parent = os.pipe(), os.pipe()
if os.fork() == 0:
    try:
        state.claim("b")
    except StateError as error:
        assert f"process {os.getppid()} " in str(error), error
        os.write(to_parent[1], b"refused")
    os.read(from_parent[0], 1)
    state.claim("b")
    os.write(to_parent[1], b"claimed")
    os._exit(0)
assert os.read(to_parent[0], 7) == b"refused"
state.close()
os.write(from_parent[1], b"x")
assert os.read(to_parent[0], 7) == b"claimed"
os.wait()
"""


def test_a_forked_child_has_no_claim_and_does_not_prolong_its_parents(tmp_path):
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", FORK, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_has_only_a_claim_may_become_a_state(open_state, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "budgets-a.lock").touch()
    assert open_state().store_id
