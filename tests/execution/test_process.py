"""A process is fed and read without a deadlock, bounded, and gone afterwards with all that it started."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from selector.execution import CallFailed, Patience
from selector.execution._process import MARK, Bounds, Child, Start
from selector.execution._turnstile import Turnstile
from selector.records import Failure

MEBIBYTE = 1 << 20


@pytest.fixture
def start(tmp_path):
    """Return what runs a Python program."""

    def build(code, stdin=None, **env):
        return Start((sys.executable, "-c", code), {"PATH": os.environ["PATH"], **env}, tmp_path, stdin)

    return build


def run(what, bounds=None):
    child = Child(what)
    return b"".join(child.pieces(bounds or Bounds())), child


def soon(true):
    """Wait until something is true, generously."""
    until = time.monotonic() + 20
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def gone(number):
    """Tell whether a process is gone: what init has still to reap is."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z" and not ours(number)
    except (FileNotFoundError, ProcessLookupError):
        return True


def ours(number):
    return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(os.getpid())


def test_what_it_is_given_comes_back_whole(start):
    """Megabytes go in and out at once, on all three pipes, which hold some 64 KiB each."""
    given = os.urandom(3 * MEBIBYTE)
    code = (
        "import sys\n"
        "while data := sys.stdin.buffer.read(1 << 14):\n"
        " sys.stdout.buffer.write(data)\n sys.stderr.buffer.write(data)\n"
    )
    printed, child = run(start(code, given))
    assert printed == given
    assert child.code == 0
    assert bytes(child.stderr) == given[-len(child.stderr) :]
    assert len(child.stderr) == 1 << 16


@pytest.mark.parametrize("code", ["print('done')", "import os; os.close(0); print('done')"])
def test_it_need_not_read_what_it_is_given(start, code):
    printed, child = run(start(code, b"x" * 4 * MEBIBYTE))
    assert (printed, child.code) == (b"done\n", 0)


def test_a_time_out_comes_though_nobody_reads_what_is_given(start):
    with pytest.raises(CallFailed, match="timeout"):
        run(start("import time; time.sleep(30)", b"x" * 4 * MEBIBYTE), Bounds(deadline_s=time.monotonic() + 0.3))


def test_it_may_close_its_outputs_and_go_on(start):
    code = "import os, time; os.close(1); os.close(2); time.sleep(.2); open('late', 'w').close(); os._exit(3)"
    what = start(code)
    _, child = run(what)
    assert child.code == 3
    assert (what.folder / "late").exists()


def test_without_input_it_reads_an_end(start):
    assert run(start("import sys; print(len(sys.stdin.read()))"))[0] == b"0\n"


def test_what_it_leaves_in_the_background_does_not_hold_it_up(start):
    """A child in the background that keeps the outputs open is ended with its group, and nobody waits for it."""
    code = "import os, time\nn = os.fork()\nif not n:\n time.sleep(600)\nprint(n)"
    printed, child = run(start(code), Bounds.of(Patience(total_s=120), None, streams=False))
    assert child.code == 0
    assert soon(lambda: gone(int(printed)))


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for how in ("stays", "leaves", "leaves twice"):
    if not os.fork():
        if how != "stays":
            os.setsid()
        if how == "leaves twice" and os.fork():
            os._exit(0)
        break
open(f"pid-{os.getpid()}", "w").close()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what left the group is found in /proc")
def test_a_family_that_ignores_sigterm_is_gone_after_the_time_out(start):
    """So are those that made a session of their own, and the time-out is what is said."""
    what = start(STUBBORN)
    with pytest.raises(CallFailed) as caught:
        run(what, Bounds(deadline_s=time.monotonic() + 1.5))
    family = [int(path.name[4:]) for path in what.folder.glob("pid-*")]
    assert caught.value.failure is Failure.TIMEOUT
    assert len(family) == 4
    assert soon(lambda: all(gone(number) for number in family))


def test_who_obeys_sigterm_may_clean_up(start):
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open('clean', 'w').close(), sys.exit(0)))\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    what = start(code)
    child = Child(what)
    pieces = child.pieces(Bounds())
    assert next(pieces) == b"ready\n"
    pieces.close()
    assert (what.folder / "clean").exists()


def test_it_is_reaped_however_it_ends(start):
    """No zombie of ours is left: of one that ends, fails, is stopped, prints too much, or is left half-way."""
    children = [Child(start(code)) for code in ("1", "import os; os.abort()", "while 1: print('x' * 9999)", "input()")]
    for child in children[:2]:
        list(child.pieces(Bounds()))
    with pytest.raises(CallFailed):
        list(children[2].pieces(Bounds(most_bytes=100_000)))
    half = Child(start("while 1: print('x' * 9999)"))
    pieces = half.pieces(Bounds())
    next(pieces)
    pieces.close()
    children[3].stop()
    with pytest.raises(CallFailed):
        list(children[3].pieces(Bounds()))
    assert [child.code for child in (*children[:2], half)] == [0, -signal.SIGABRT, -signal.SIGTERM]
    for child in (*children[:3], half):
        with pytest.raises(ChildProcessError):
            os.waitpid(child._process.pid, os.WNOHANG)


@pytest.mark.parametrize("place", ["stdout", "stderr"])
def test_it_is_ended_when_it_prints_too_much(start, place):
    code = f"import sys\nwhile 1: sys.{place}.write('x' * 9999)"
    with pytest.raises(CallFailed, match="max_output_bytes") as caught:
        run(start(code), Bounds(most_bytes=MEBIBYTE))
    assert caught.value.failure is Failure.INVALID_ANSWER


@pytest.mark.parametrize("bounds", [Bounds(silence_s=0.3), Bounds(first_s=0.3)])
def test_silence_can_be_too_long(start, bounds):
    with pytest.raises(CallFailed, match="printed nothing") as caught:
        run(start("import time; time.sleep(600)"), bounds)
    assert caught.value.failure is Failure.TIMEOUT


def test_it_can_be_stopped_from_another_thread(start):
    child = Child(start("print('ready', flush=True); import time; time.sleep(600)"))
    caught = []

    def drive():
        try:
            for _ in child.pieces(Bounds()):
                ready.set()
        except CallFailed as failed:
            caught.append(failed.failure)

    ready = threading.Event()
    thread = threading.Thread(target=drive)
    thread.start()
    assert ready.wait(60)
    child.stop()
    thread.join(60)
    assert caught == [Failure.CANCELLED]
    assert child.code == -signal.SIGTERM


def test_an_interrupt_ends_it(start):
    """Ctrl-C, which arrives between two pieces, passes through, and the process is gone."""
    child = Child(start("while 1: print('x' * 9999)"))
    pieces = child.pieces(Bounds())
    next(pieces)
    with pytest.raises(KeyboardInterrupt):
        pieces.throw(KeyboardInterrupt)
    assert child.code is not None


def test_it_sees_its_variables_and_the_mark_alone(start):
    code = "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'))"
    printed, _ = run(start(code, ONE="1"))
    assert printed.decode().strip() == str(sorted(["ONE", "PATH", MARK]))


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("/no/such/program",), "No such file"),
        (("/etc/passwd",), "ermission"),
        (("/bin/echo", "x" * 5_000_000), "too long"),
    ],
)
def test_what_cannot_be_started_says_why(tmp_path, argv, why):
    with pytest.raises(CallFailed, match=why) as caught:
        run(Start(argv, {}, tmp_path))
    assert caught.value.failure is Failure.SPAWN_FAILED


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CallFailed, match="absent"):
        run(Start(("/bin/echo",), {}, tmp_path / "absent"))


@pytest.mark.skipif(sys.platform != "linux", reason="open descriptors are counted in /proc")
def test_no_descriptor_is_left_open(start):
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for code in ("print(1)", "while 1: print('x' * 9999)"):
        pieces = Child(start(code, b"input")).pieces(Bounds())
        next(pieces)
        assert count() > before
        pieces.close()
    assert count() == before


def test_a_turnstile_lets_in_whoever_waits_longest():
    places = Turnstile(1)
    places.enter(None)
    order, threads = [], []
    for count, name in enumerate("abc", 1):
        threads.append(
            threading.Thread(target=lambda name=name: (places.enter(60), order.append(name), places.leave()))
        )
        threads[-1].start()
        assert soon(lambda count=count: len(places._waiting) == count)
    places.leave()
    for thread in threads:
        thread.join(60)
    assert order == ["a", "b", "c"]


def test_a_place_that_comes_as_its_taker_gives_up_is_handed_on():
    places = Turnstile(1)
    places._give_up(places._ticket())
    places.enter(0.0)


def test_a_closed_turnstile_sends_everybody_away():
    places = Turnstile(1)
    places.enter(None)
    caught = []

    def wait():
        try:
            places.enter(60)
        except CallFailed as failed:
            caught.append(failed.failure)

    thread = threading.Thread(target=wait)
    thread.start()
    assert soon(lambda: places._waiting)
    places.close()
    thread.join(60)
    with pytest.raises(CallFailed):
        places.enter(None)
    assert caught == [Failure.CANCELLED]
