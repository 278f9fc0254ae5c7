"""`selector run` as people and scripts use it: processes that call a real server, and what each stream gets."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from selector.testing import FakeOpenAI, Fault, Reply
from tests.cli.conftest import ID

CANARY = "sk-canary-0123456789abcdef"
CONFIG = """\
providers:
  work: {{kind: openai, base_url: {url}, api_key: "env:WORK_KEY"}}
  home: {{kind: openai, base_url: {url}, api_key: "env:WORK_KEY"}}
models:
  haiku: {{provider: work, id: haiku, usd_per_mtok_in: 1, usd_per_mtok_out: 5, max_output_tokens: 1000}}
  sonnet: {{provider: home, id: sonnet, usd_per_mtok_in: 3, usd_per_mtok_out: 15, max_output_tokens: 1000}}
policy: {{name: fixed, model: haiku}}
purposes: {{lead: [sonnet]}}
budgets: [{{name: purse, usd: 10, per: day}}]
chains: {{default: [sonnet]}}
fallback: {{retries: {retries}, on_midstream_failure: {midstream}}}
"""


@pytest.fixture
def serve(shop):
    """Serve a script, with a configuration that calls it."""

    @contextmanager
    def served(script, *, midstream="raise", retries=0):
        with FakeOpenAI(script) as server:
            text = CONFIG.format(url=server.base_url, midstream=midstream, retries=retries)
            (shop / "selector.yaml").write_text(text, encoding="utf-8")
            yield server

    return served


def begun(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
    """Begin a run as a process of its own."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "selector", "run", "--task-type", "coding", *arguments],
        stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=os.environ | {"WORK_KEY": CANARY},
    )  # fmt: skip


def ended(process, text=None):
    """Wait for the end of a process; return its exit code, its output and its complaints."""
    out, err = process.communicate(None if text is None else text.encode(), timeout=60)
    return process.returncode, (out or b"").decode(), err.decode()


def ran(*arguments, text=None):
    """Run to the end."""
    return ended(begun(*arguments, stdin=subprocess.DEVNULL if text is None else subprocess.PIPE), text)


def stock(*command):
    """Ask a command for its JSON."""
    line = [sys.executable, "-m", "selector", *command, "--json"]
    return json.loads(subprocess.run(line, capture_output=True, check=True, timeout=60).stdout)  # noqa: S603


def is_gone(number):
    """Tell whether a process has ended, be it that nobody has asked for its exit code yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(") ")[2].startswith("Z")
    except FileNotFoundError:
        return True


def holds_nothing():
    (budget,) = stock("budget")["budgets"]
    return budget["held"] == 0


@pytest.mark.parametrize("way", ["argument", "file", "stdin", "dash"])
def test_the_answer_alone_is_written_and_its_id_can_be_judged(serve, shop, way):
    (shop / "prompt.txt").write_text("The capital of France?", encoding="utf-8")
    asked = {
        "argument": ["The capital of France?"],
        "file": ["--prompt-file", "prompt.txt"],
        "stdin": [],
        "dash": ["-"],
    }
    with serve("Paris") as server:
        code, out, err = ran(*asked[way], text="The capital of France?" if way in {"stdin", "dash"} else None)
        (received,) = server.requests
    assert (code, out) == (0, "Paris")
    assert received.body["messages"] == [{"role": "user", "content": "The capital of France?"}]
    assert re.fullmatch(
        rf"selector: haiku@work, 1 attempt, 6 tokens in and 2 out, .* USD, .* s, id {ID.pattern}\n", err
    )
    id_ = ID.search(err)[0]
    subprocess.run([sys.executable, "-m", "selector", "record", id_, "--success"], check=True, timeout=60)  # noqa: S603
    assert stock("status")["n_judged"] == 1


def test_pieces_arrive_before_the_answer_ends(serve):
    """Read from the pipe while the server still holds the rest back."""
    with serve(Reply(chunks=["first ", "second"], gap_s=3.0)) as server:
        process = begun("go", "--stream")
        assert os.read(process.stdout.fileno(), 100) == b"first "
        assert server.n_open == 1
        assert ended(process)[:2] == (0, "second")


def test_into_a_pipe_a_broken_stream_leaves_no_trace_unless_it_is_asked_to_stream(serve):
    cut = Fault("cut", after=2, text="This is lost")
    with serve({"haiku": cut, "sonnet": "whole"}):
        code, out, err = ran("go")
        assert (code, out) == (0, "whole")
        assert err.startswith("selector: haiku@work failed (connection")
        code, out, err = ran("go", "--stream")
        assert (code, out) == (1, "This is ")
        assert "no answer for this task of type 'coding'" in err
    with serve({"haiku": cut, "sonnet": "whole"}, midstream="restart"):
        code, out, err = ran("go", "--stream")
        assert (code, out) == (0, "This is \nwhole")
        assert re.search(r"haiku@work failed \(connection.*\): anew, by sonnet@home", err)


@pytest.mark.parametrize("mode", ["--stream", "--no-stream"])
def test_what_fails_and_what_follows_is_said_as_it_happens(serve, mode):
    slow = Reply("done", delay_s=4.0)
    with serve({"haiku": [Fault(503, message="too busy"), 503], "sonnet": slow}, retries=1):
        process = begun("go", mode)
        first, second = (process.stderr.readline().decode() for _ in range(2))
        assert process.poll() is None  # sonnet is still at it
        code, out, err = ended(process)
    assert re.fullmatch(r"selector: haiku@work failed \(overloaded: too busy\): once more in 0\.\d s\n", first)
    assert re.fullmatch(r"selector: haiku@work failed \(overloaded: .*\): on to sonnet@home\n", second)
    assert (code, out) == (0, "done")
    assert err.startswith("selector: sonnet@home, 3 attempts, ")


def test_a_route_that_is_left_alone_is_told_by_status(serve):
    with serve({"haiku": Fault(429, retry_after_s=1_000), "sonnet": "fine"}) as server:
        for n_requests in (2, 3):  # the second time nobody asks haiku
            assert ran("go", "-q") == (0, "fine", "")
            assert len(server.requests) == n_requests
    (line,) = stock("status")["health"]
    assert line.startswith("haiku@work: quota spent until")
    shown = subprocess.run([sys.executable, "-m", "selector", "status"], capture_output=True, check=True, timeout=60)
    assert f"cannot serve just now: {line}\n" in shown.stdout.decode()


def test_json_is_one_object_with_every_attempt(serve):
    with serve({"haiku": Fault(500, message="broken \u001b[31m"), "sonnet": "größer"}):
        code, out, err = ran("go", "--json", "-q")
    found = json.loads(out)
    assert (code, err, found["schema"], found["status"]) == (0, "", "selector.run/1", "answered")
    assert (found["text"], found["route"]) == ("größer", "sonnet@home")
    assert [each["route"] for each in found["attempts"]] == ["haiku@work", "sonnet@home"]
    assert [each["failure"] for each in found["attempts"]] == ["server_error", None]
    assert [each["selected_by"] for each in found["attempts"]] == ["policy", "chain"]
    assert found["cost_usd"] == pytest.approx(sum(each["cost_usd"] for each in found["attempts"]))
    assert stock("explain", found["id"])["id"] == found["id"]


def test_without_an_answer_the_attempts_are_told_and_it_exits_with_1(serve):
    with serve(500):
        code, out, err = ran("go", "--json")
    found = json.loads(out)
    assert (code, found["status"], found["text"], found["route"]) == (1, "blocked", None, None)
    assert [each["failure"] for each in found["attempts"]] == ["server_error"] * 2
    *_, line, written = err.splitlines()
    assert line.startswith("selector: no answer for this task of type 'coding': haiku@work: server_error")
    assert not line.endswith("sub-exceptions)")
    assert json.loads(written)["error"] == "AllAttemptsFailedError"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("go", "--model", "haiko"), 2, "did you mean 'haiku'?"),
        (("go", "--prompt-file", "p.txt"), 2, "PROMPT and --prompt-file say the same"),
        (("--prompt-file", "none.txt"), 2, "--prompt-file none.txt: cannot be read"),
        ((), 2, "the prompt is empty"),
        (("go", "--check", "jsn"), 2, "did you mean 'json'?"),
        (("go", "--check", "{"), 2, "--check is no JSON"),
        (("go", "--stream", "--json"), 2, "contradict each other"),
        (("go", "--system", "@none.txt"), 2, "--system none.txt: cannot be read"),
        (("go", "--purpose", "led"), 2, "did you mean 'lead'?"),
        (("go", "--model", "haiku", "--purpose", "lead"), 3, "haiku: "),
        (("go", "--max-cost-usd", "0"), 3, "over_max_cost"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_an_exit_code_and_no_call(serve, arguments, code, told):
    with serve("never") as server:
        got, out, err = ran(*arguments)
        assert (got, out, server.requests) == (code, "", [])
    line = err.splitlines()[0]
    assert told in line


def test_a_spent_budget_exits_with_4(serve, shop):
    with serve("fine"):
        text = (shop / "selector.yaml").read_text(encoding="utf-8")
        (shop / "selector.yaml").write_text(text.replace("usd: 10", "usd: 0.000001"), encoding="utf-8")
        code, out, err = ran("go")
    assert (code, out) == (4, "")
    assert "budget 'purse'" in err


def test_a_request_that_would_fail_everywhere_exits_with_1_after_one_attempt(serve):
    with serve(Fault(400, message="bad field")) as server:
        code, out, err = ran("go")
        assert (code, out, len(server.requests)) == (1, "", 1)
    assert "haiku@work: bad_request: bad field" in err


@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        (["--model", "sonnet"], "sonnet"),
        (["--provider", "home"], "sonnet"),
        (["--provider", "work", "--model", "haiku"], "haiku"),
        (["--purpose", "lead"], "sonnet"),
    ],
)
def test_who_may_serve_can_be_said(serve, arguments, model):
    with serve(lambda body, _headers: body["model"]):
        assert ran("go", *arguments, "-q") == (0, model, "")


def test_what_is_asked_reaches_the_provider(serve, shop):
    (shop / "system.txt").write_text("Be brief.", encoding="utf-8")
    with serve("ok") as server:
        code, _, err = ran(
            "go", "--system", "@system.txt", "--max-output-tokens", "7", "--label", "docs", "--metadata", "user=ada"
        )
        (received,) = server.requests
    assert code == 0
    assert received.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert 7 in received.body.values()
    told = stock("explain", ID.search(err)[0])["task"]
    assert (told["labels"], told["metadata"]) == (["docs"], {"user": "ada"})


def test_an_answer_that_the_check_refuses_is_asked_of_another(serve):
    with serve({"haiku": "Sure! Here it is", "sonnet": '{"a": 1}'}):
        code, out, err = ran("go", "--check", "json")
        assert (code, out) == (0, '{"a": 1}')
        assert re.search(r"haiku@work.*: on to sonnet@home", err.splitlines()[0])
        assert ran("go", "--check", '{"regex": "^Sure"}', "-q")[:2] == (0, "Sure! Here it is")


def test_the_deadline_ends_all_attempts(serve):
    with serve(Reply("late", delay_s=20.0)):
        began = time.monotonic()
        code, out, err = ran("go", "--deadline", "0.5")
        assert time.monotonic() - began < 15
    assert (code, out) == (1, "")
    assert "within its deadline" in err
    assert holds_nothing()


def test_a_prompt_of_two_megabytes_arrives_unharmed(serve):
    prompt = "'\"$(touch owned) {braces} `x` \\ größe 漢 🙂\r\n\t" * 50_000
    with serve("read") as server:
        assert ran("-q", text=prompt) == (0, "read", "")
        (received,) = server.requests
    assert received.body["messages"][0]["content"] == prompt
    assert not Path("owned").exists()


def test_a_prompt_that_is_no_text_is_refused(serve):
    with serve("never"):
        process = begun(stdin=subprocess.PIPE)
        out, err = process.communicate(b"\xff\xfe", timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err == b"selector: standard input: is not UTF-8 text\n"


def test_letters_that_come_in_parts_are_put_together(serve):
    text = "größe 漢字 🙂 " * 5
    with serve(Fault("trickle", text=text, gap_s=0.001)):
        assert ran("go", "--stream", "-q") == (0, text, "")


def test_a_reader_that_goes_away_ends_the_call_and_settles_it(serve):
    with serve(Reply("word " * 2_000, gap_s=0.05)) as server:
        process = begun("go", "--stream")
        assert os.read(process.stdout.fileno(), 5) == b"word "
        process.stdout.close()
        assert (process.wait(timeout=60), process.stderr.read()) == (1, b"")
        process.stderr.close()
        limit = time.monotonic() + 20
        while server.n_open and time.monotonic() < limit:
            time.sleep(0.02)
        assert server.n_open == 0
    assert holds_nothing()
    assert stock("budget")["budgets"][0]["spent"] > 0


@pytest.mark.parametrize(
    ("number", "code", "told"), [(signal.SIGINT, 130, "selector: stopped\n"), (signal.SIGTERM, 143, "")]
)
@pytest.mark.parametrize("mode", ["--stream", "--no-stream"])
def test_an_interrupt_ends_the_call_and_settles_it(serve, mode, number, code, told):
    with serve(Reply("word " * 2_000, gap_s=0.05)) as server:
        process = begun("go", mode)
        while not server.n_open:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(number)
        got, _, err = ended(process)
    assert (got, err) == (code, told)
    assert holds_nothing()


def test_an_interrupt_ends_a_command_and_all_that_it_started(shop):
    (shop / "slow.sh").write_text("sleep 300 & echo $! > child; wait\n", encoding="utf-8")
    text = f"""\
        providers: {{own: {{kind: command, argv: [sh, {shop}/slow.sh], workdir: {shop}, env: [PATH]}}}}
        models: {{m: {{provider: own, id: m}}}}
        """
    (shop / "selector.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = begun("go")
        while not (shop / "child").exists() or not (shop / "child").read_text(encoding="utf-8"):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        child = int((shop / "child").read_text(encoding="utf-8"))
        (shop / "child").unlink()
        process.send_signal(number)
        assert ended(process)[0] == code
        assert is_gone(child)


def test_a_terminal_gets_the_answer_as_it_comes_on_lines_of_its_own_and_no_commands(serve):
    ours, theirs = pty.openpty()
    with serve(
        {"haiku": Fault("cut", after=1, text="This \u001b]0;x\u0007is"), "sonnet": "whole\u001b[2J"},
        midstream="restart",
    ):
        process = begun("go", stdout=theirs)
        os.close(theirs)
        code, _, err = ended(process)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert code == 0
    assert shown == "This \r\nwhole\\x1b[2J\r\n"
    assert "anew, by sonnet@home" in err


def test_the_key_is_written_nowhere(serve, shop):
    """Neither in what is said, nor in what is kept, though a provider repeats it in its complaint."""
    refused = Fault(401, message=f"the key {CANARY} is not known")
    for mode in ("--stream", "--no-stream", "--json"):
        with serve(refused) as server:
            code, out, err = ran("go", "-v", mode, "--state", f"state{mode}")
            assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"
        assert code == 1
        assert "auth" in err
        assert CANARY not in out + err
    written = [path for path in shop.rglob("*") if path.is_file()]
    assert len(written) > 3
    assert [path for path in written if CANARY.encode() in path.read_bytes()] == []
