"""A command line serves as a provider: its prompt arrives unharmed, it sees what it may, and nothing stays."""

import asyncio
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from selector.catalog import Route
from selector.config import ProviderConfig
from selector.errors import ConfigError
from selector.execution import Answer, CallFailed, Patience, Request
from selector.execution._command import CommandProvider
from selector.records import Failure, Message, TextEvent

NASTY = (
    'It\'s "quoted"\r\n\ttabbed; $(touch {workdir}/owned) `touch owned` $HOME {model} {{x}} %s \\ 😀 -- & | > owned\n'
)
TWO_MB = NASTY * (2 * 2**20 // len(NASTY.encode()) + 1)
ECHO = "import sys; sys.stdout.write(sys.stdin.read())"


def asked(*texts, **rest):
    roles = ("user", "assistant")
    messages = tuple(Message.of({"role": roles[n % 2], "content": text}) for n, text in enumerate(texts))
    return Request(route=Route(model="opus", id="opus-4"), messages=messages, **rest)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Return the folder in which calls make their own."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def provider(tmp_path, scratch):
    """Return what makes a provider of Python code; at the end nothing may be left of any call."""
    made = []

    def build(code, *arguments, environ=None, **keys):
        (tmp_path / "agent.py").write_text(code, encoding="utf-8")
        argv = [sys.executable, str(tmp_path / "agent.py"), *arguments]
        config = ProviderConfig.model_validate({"kind": "command", "argv": argv, **keys})
        seen = environ or {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENAI_API_KEY": "sk-canary"}
        made.append(
            CommandProvider("home", config, environ=lambda: seen, clock=lambda: 1_795_000_000.0, folder=tmp_path)
        )
        return made[-1]

    yield build
    for each in made:
        each.close()
        each.close()
    assert list(scratch.iterdir()) == []


def failure(provider, request=None, patience=None):
    with pytest.raises(CallFailed) as caught:
        provider.call(request or asked("hi"), patience or Patience())
    return caught.value


@pytest.mark.parametrize("prompt", ["stdin", "file"])
def test_two_megabytes_arrive_unharmed_and_unexecuted(provider, prompt, tmp_path):
    source = "sys.stdin.buffer.read()" if prompt == "stdin" else "open(sys.argv[1], 'rb').read()"
    code = f"import hashlib, os, sys; print(hashlib.sha256({source}).hexdigest(), os.listdir())"
    arguments = ["{prompt_file}"] if prompt == "file" else []
    found = provider(code, *arguments, prompt=prompt).call(asked(TWO_MB), Patience()).text
    assert found == f"{hashlib.sha256(TWO_MB.encode()).hexdigest()} []"
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.skipif(sys.platform != "linux", reason="arguments are read in /proc")
@pytest.mark.parametrize("arguments", [[], ["{prompt_file}"]])
def test_the_prompt_is_in_no_argument(provider, arguments):
    code = "print(open('/proc/self/cmdline').read())"
    found = provider(code, "--model", "{model}", *arguments).call(asked("canary in a mine"), Patience()).text
    assert "opus-4" in found
    assert "canary" not in found


def test_files_are_for_nobody_else_and_the_folder_is_its_own(provider, scratch):
    code = (
        "import json, os, sys\n"
        "paths = [*sys.argv[1:3], os.path.dirname(sys.argv[1]), os.getcwd()]\n"
        "said = [open(path).read() for path in sys.argv[1:3]]\n"
        "modes = [oct(os.stat(path).st_mode & 0o777) for path in paths]\n"
        "open(os.path.join(os.getcwd(), 'left'), 'w').close()\n"
        "print(json.dumps([said, modes, sys.argv[3] == os.getcwd(), sys.stdin.read(), os.getcwd()]))"
    )
    made = provider(code, "{prompt_file}", "{system_file}", "{workdir}")
    *found, folder = json.loads(made.call(asked("hi", system="Be brief."), Patience()).text)
    assert found == [["hi", "Be brief."], ["0o600", "0o600", "0o700", "0o700"], True, ""]
    assert Path(folder).is_relative_to(scratch)
    assert not Path(folder).exists()


def test_a_folder_that_is_given_is_kept(provider, tmp_path):
    (tmp_path / "project").mkdir()
    made = provider("open('made', 'w').close(); print('ok')", workdir="project")
    assert made.call(asked("hi"), Patience()).text == "ok"
    assert (tmp_path / "project" / "made").exists()


def test_it_sees_no_variable_that_is_not_listed(provider):
    code = "import os; print(sorted(set(os.environ) - {'LC_CTYPE', 'SELECTOR_CALL'}))"
    assert provider(code).call(asked("hi"), Patience()).text == "['HOME', 'PATH']"
    assert provider(code, env=["OPENAI_API_KEY", "ABSENT"]).call(asked("hi"), Patience()).text == "['OPENAI_API_KEY']"


def test_a_key_that_it_sees_is_in_no_message(provider):
    code = "import os, sys; sys.exit('refused: ' + os.environ['OPENAI_API_KEY'])"
    found = failure(provider(code, env=["OPENAI_API_KEY"], environ={"OPENAI_API_KEY": "hunter2hunter2"}))
    assert "refused: ***" in str(found)
    assert "hunter2" not in repr(found)
    assert found.partial is None, "nothing says that it used anything"


def test_a_conversation_is_a_transcript(provider):
    request = asked("one", "two", "three", system="Be brief.", response_schema={"type": "object"}, prefix="fo")
    text = provider(ECHO).call(request, Patience()).text
    assert text.startswith(
        "Be brief.\n\n# User\n\none\n\n# Assistant\n\ntwo\n\n# User\n\nthree\n\n# Assistant\n\nfo\n\n# User"
    )
    assert '"type": "object"' in text


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (asked("a\0b"), "NUL"),
        (asked("a\ud800b"), "surrogate"),
        (asked("a", tools=({"name": "add"},)), "tools"),
        (asked("a", system="\0"), "NUL"),
        (asked([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]), "image"),
    ],
)
def test_what_is_no_text_is_refused_before_anything_runs(provider, tmp_path, request_, what):
    found = failure(provider("open(__file__ + '.ran', 'w')"), request_)
    assert found.failure is Failure.BAD_REQUEST
    assert what in found.detail
    assert not list(tmp_path.glob("*.ran"))


@pytest.mark.parametrize(("kind", "made"), [("file", "{output_file}"), ("stdout", "/dev/stdout")])
def test_json_is_read_with_its_usage_from_where_it_is(provider, kind, made):
    said = {"result": {"text": "4"}, "usage": {"in": 9, "out": 1}, "usd": 0.5, "model": "opus-4-1"}
    code = f"import sys; print('noise') if {kind == 'file'} else 0; open(sys.argv[1], 'w').write({json.dumps(said)!r})"
    paths = {"text": "result.text", "input_tokens": "usage.in", "output_tokens": "usage.out", "cost_usd": "usd"}
    answer = (
        provider(code, made, output={"from": kind, "model": "model", **paths}).call(asked("2 + 2"), Patience())
        if (kind == "file")
        else provider(f"print({json.dumps(said)!r})", output={"model": "model", **paths}).call(
            asked("2 + 2"), Patience()
        )
    )
    assert (answer.text, answer.snapshot, answer.estimated) == ("4", "opus-4-1", False)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.cost_usd) == (9, 1, 0.5)


@pytest.mark.parametrize("made", ["os.mkfifo(sys.argv[1])", "os.symlink('/etc/passwd', sys.argv[1])", "0"])
def test_an_output_that_is_no_file_is_an_empty_answer(provider, made):
    found = provider(f"import os, sys; {made}", "{output_file}", output={"from": "file"})
    assert failure(found).failure is Failure.EMPTY_ANSWER


def test_usage_that_is_not_said_is_estimated(provider):
    answer = provider(ECHO).call(asked("x" * 400), Patience())
    assert (answer.estimated, answer.usage.input_tokens, answer.usage.output_tokens) == (True, 100, 100)


def test_a_failure_keeps_what_it_used(provider):
    code = """print('{"is_error": true, "result": "Overloaded", "usage": {"in": 7, "out": 0}}')"""
    paths = {"text": "result", "error": "is_error", "input_tokens": "usage.in", "output_tokens": "usage.out"}
    found = failure(provider(code, output=paths))
    assert found.failure is Failure.OVERLOADED
    assert (found.partial.usage.input_tokens, found.partial.estimated) == (7, False)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["no-such-agent"], "on the PATH"),
        (["./no/agent"], "relative to"),
        (["/etc/passwd"], "no program"),
        (["./folder"], "no"),
    ],
)
def test_a_program_that_is_not_there_does_not_start(tmp_path, argv, why):
    (tmp_path / "folder").mkdir()
    config = ProviderConfig(kind="command", argv=argv)
    made = CommandProvider("home", config, environ=lambda: os.environ, clock=time.monotonic, folder=tmp_path)
    found = failure(made)
    assert found.failure is Failure.SPAWN_FAILED
    assert why in found.detail
    assert found.partial is None


def test_a_program_beside_the_configuration_is_found(tmp_path):
    script = tmp_path / "agent.sh"
    script.write_text("#!/bin/sh\nprintf '%s|' \"$@\"; cat\n", encoding="utf-8")
    script.chmod(stat.S_IRWXU)
    config = ProviderConfig(kind="command", argv=["./agent.sh", "-m", "{model}", "{a}", "$(id)", "-s", "{system_file}"])
    made = CommandProvider("home", config, environ=lambda: os.environ, clock=time.monotonic, folder=tmp_path)
    assert made.call(asked("hi"), Patience()).text == "-m|opus-4|{a}|$(id)|hi"


def test_a_time_out_keeps_what_came(provider):
    code = "print('half an answer', flush=True); import time; time.sleep(600)"
    found = failure(provider(code), patience=Patience(total_s=1.0))
    assert (found.failure, found.partial.text, found.partial.estimated) == (Failure.TIMEOUT, "half an answer", True)


def test_text_comes_as_it_is_printed(provider, tmp_path):
    """The second piece is printed only when the first has come."""
    code = (
        "import os, sys, time\nsys.stdout.write('é' * 900 + ' \\n'); sys.stdout.flush()\n"
        f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(.01)\nprint('end\\n')"
    )
    chunks = provider(code).stream(asked("hi"), Patience(total_s=120))
    seen = [next(chunks)]
    (tmp_path / "go").touch()
    seen += chunks
    *pieces, answer = seen
    assert all(isinstance(piece, TextEvent) for piece in pieces)
    assert "".join(piece.text for piece in pieces) == answer.text == "é" * 900 + " \nend"


def test_an_error_in_place_of_an_answer_is_not_streamed(provider):
    """A stream that fails before its first piece can fall back unseen."""
    made = provider("import sys; print('rate limit'); sys.exit(1)")
    with pytest.raises(CallFailed, match="rate_limited"):
        next(made.stream(asked("hi"), Patience()))


def test_a_stream_of_json_is_its_answer_at_once(provider):
    code = 'print(\'{"t": "one"}\'); print(\'{"t": "two"}\')'
    chunks = list(provider(code, output={"format": "jsonl", "text": "t"}).stream(asked("hi"), Patience()))
    assert (chunks[0], chunks[1].text, len(chunks)) == (TextEvent("two"), "two", 2)


def test_a_stream_that_is_left_ends_its_process(provider, scratch):
    chunks = provider("while 1: print('x' * 999)").stream(asked("hi"), Patience())
    next(chunks)
    assert list(scratch.iterdir())
    chunks.close()
    assert not list(scratch.iterdir())


INTERRUPTED = """
import os, sys
from pathlib import Path
from selector.catalog import Route
from selector.config import ProviderConfig
from selector.execution import Patience, Request
from selector.execution._command import CommandProvider
from selector.records import Message
argv = ["/bin/sh", "-c", "trap '' TERM INT; echo $$ > pid.new; mv pid.new pid; while :; do sleep 600; done"]
config = ProviderConfig(kind="command", argv=argv, workdir=".")
provider = CommandProvider("home", config, environ=lambda: os.environ, clock=float, folder=Path(sys.argv[1]))
asked = Message.of({"role": "user", "content": "hi"})
provider.call(Request(route=Route(model="m", id="m"), messages=(asked,)), Patience())
"""


def test_an_interrupted_program_leaves_no_process(tmp_path):
    """Ctrl-C reaches the waiting program alone, for the command is in a session of its own."""
    argv = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    waiting = subprocess.Popen(argv, stderr=subprocess.PIPE)  # noqa: S603 - our own interpreter
    until = time.monotonic() + 60
    while not (tmp_path / "pid").exists() and time.monotonic() < until:
        time.sleep(0.02)
    waiting.send_signal(signal.SIGINT)
    _, stderr = waiting.communicate(timeout=60)
    assert b"KeyboardInterrupt" in stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


COUNTING = """
import os, sys, time
here = os.path.dirname(os.path.abspath(__file__)) + "/running"
os.makedirs(here, exist_ok=True)
mine = f"{here}/{os.getpid()}"
open(mine, "w").close()
time.sleep(.1)
print(len(os.listdir(here)))
os.remove(mine)
"""


def test_no_more_run_at_once_than_may(provider):
    made = provider(COUNTING, max_concurrent=2)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(int(made.call(asked("hi"), Patience()).text))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()

    async def together():
        return await asyncio.gather(*(made.acall(asked("hi"), Patience()) for _ in range(4)))

    found += [int(answer.text) for answer in asyncio.run(together())]
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert max(found) <= 2


def test_waiting_for_a_place_counts(provider):
    made = provider("while 1: print('x' * 999)", max_concurrent=1)
    chunks = made.stream(asked("hi"), Patience())
    next(chunks)
    found = failure(made, patience=Patience(total_s=0.1))
    assert found.failure is Failure.TIMEOUT
    assert "max_concurrent" in found.detail
    chunks.close()
    assert isinstance(next(iter(made.stream(asked("hi"), Patience()))), TextEvent | Answer)


def test_a_preset_must_be_known(tmp_path):
    config = ProviderConfig.model_construct(kind="command", preset="agent")
    with pytest.raises(ConfigError, match="unknown preset 'agent'"):
        CommandProvider("home", config, environ=dict, clock=time.monotonic, folder=tmp_path)
