"""Keys are in nothing that is written, shown or raised, and prompts only where that is asked for."""

import asyncio
import logging
import sys
import traceback
import types
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from selector import AsyncSelector, Selector, Task
from selector.errors import SelectorError
from selector.testing import FakeOpenAI, Fault, Reply

KEY = "sk-canary-5f1c0ffee5ecre7-Zq9"
PROMPT = "prompt-canary-77b1e the plan for Tuesday"
ANSWER = "answer-canary-c41d it rains"
ECHO = {"error": {"message": f"Incorrect API key provided: {KEY}. Bearer {KEY}", "type": "auth", "code": KEY}}
HEADERS = {"x-echo": KEY, "www-authenticate": f'Bearer realm="{KEY}"', "x-request-id": KEY}
IN_HEADERS = {
    "headers": Fault(403, headers=HEADERS, body=ECHO),
    "a redirect": Fault(400, body="moved", headers={"location": f"https://127.0.0.1:9/?key={KEY}"}),
}
FAULTS = {
    "echoed in the body": Fault(401, body=ECHO),
    "echoed as a text": Fault(500, body=f"Bad key {KEY} in Authorization: Bearer {KEY}"),
    "echoed in the message": Fault(429, message=f"Too many requests for {KEY}", retry_after_s=900),
    "echoed with a bad request": Fault(400, body=ECHO),
    "cut off in the midst": Fault("cut", after=1, text=f"The key is {KEY} and so on and on"),
    "an error in a stream": Fault("error_event", after=1, message=f"bad key {KEY}"),
    "garbage": Fault("malformed_json", text=KEY),
    "a page": Fault("wrong_content_type", text=f"<html>{KEY}</html>"),
    "reset": Fault("reset"),
    "refused by the prompt": Fault(400, message=f"invalid prompt: {PROMPT}"),
}
ASKED = Task("coding", prompt=PROMPT, system="system-canary-0b5", metadata={"user": "ada"})


def config(url, reference, **sections):
    priced = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 10, "max_output_tokens": 1_000, "context_tokens": 100_000}
    return {
        "providers": {"work": {"kind": "openai", "base_url": url, "api_key": reference}},
        "models": {name: {"provider": "work", **priced} for name in ("haiku", "opus")},
        "default_model": "haiku",
        "chains": {"default": ["opus"]},
        "fallback": {"retries": 0},
        **sections,
    }


@pytest.fixture(params=["env", "file"])
def reference(request, monkeypatch, tmp_path):
    """Keep the key where it belongs."""
    if request.param == "env":
        monkeypatch.setenv("CANARY_KEY", KEY)
        return "env:CANARY_KEY"
    path = tmp_path / "keys.env"
    path.write_text(f"CANARY_KEY={KEY}\n")
    path.chmod(0o600)
    return f"file:{path}#CANARY_KEY"


@pytest.fixture
def everywhere(folder, caplog, capfd, everything):
    """Look for a word in all that was written, logged and printed."""
    for name in ("", "selector", "httpx", "httpcore", "h11", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name or None)

    def look(word):
        found = [name for name, (data, _) in everything(folder).items() if word.encode() in data]
        found += [f"log of {r.name}: {r.getMessage()}" for r in caplog.records if word in r.getMessage()]
        found += [f"arguments of {r.name}" for r in caplog.records if word in repr(r.args)]
        found += [f"trace of {r.name}" for r in caplog.records if r.exc_info and word in trace_of(r.exc_info[1])]
        return found + [name for name, text in zip(("out", "err"), capfd.readouterr(), strict=True) if word in text]

    return look


def trace_of(error):
    return "".join(traceback.format_exception(error))


OPAQUE = (types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, type, logging.Logger)
HOUSE = ("selector", "httpx", "httpcore")


def reached(error):
    """Give every object that a report of an exception may show: what it holds, and what stood in its frames."""
    queue, seen, kept = deque([error]), set(), []
    while queue and len(kept) < 20_000:
        found = queue.popleft()
        if id(found) in seen or isinstance(found, OPAQUE):
            continue
        seen.add(id(found))
        kept.append(found)
        yield found
        if isinstance(found, BaseException):
            queue.extend(
                [found.args, vars(found), found.__cause__, found.__context__, getattr(found, "exceptions", ())]
            )
        elif isinstance(found, dict):
            queue.extend([*found.keys(), *found.values()])
        elif isinstance(found, (list, tuple, set, frozenset)):
            queue.extend(found)
        elif type(found).__module__.startswith("selector.records"):
            names = getattr(type(found), "__dataclass_fields__", ())
            queue.extend(getattr(found, name) for name in names)


def shows(error, word):
    """Name what of an exception shows a word: its text, its trace, and every object that hangs on it."""
    found = [
        f"{way.__name__} of {type(each).__name__}"
        for each in reached(error)
        for way in (str, repr)
        if word in way(each)
    ]
    return found + (["the trace"] if word in trace_of(error) else [])


def frames_show(error, word):
    """Name the frames of ours below an exception whose variables a debugger's report would show with a word in it."""
    found = []
    for each in reached(error):
        trace = each.__traceback__ if isinstance(each, BaseException) else None
        while trace is not None:
            frame = trace.tb_frame
            if frame.f_globals.get("__name__", "").startswith(HOUSE):
                shown = {name: repr(value) for name, value in frame.f_locals.items()}
                found += [f"{frame.f_code.co_qualname}: {name}" for name, text in shown.items() if word in text]
            trace = trace.tb_next
    return found


@pytest.mark.parametrize("streaming", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_that_a_provider_repeats_is_in_nothing(fault, streaming, reference, folder, everywhere):
    """Not in the state, the logs, the output, the error, whatever hangs on it, nor the frames below it."""
    with FakeOpenAI(FAULTS[fault]) as server:
        whole = config(server.base_url, reference)
        with Selector.open(whole, state=folder, seed=1) as selector:
            with pytest.raises(SelectorError) as caught:
                list(selector.stream(ASKED)) if streaming else selector.run(ASKED)
            assert dict(server.requests[0].headers)["authorization"] == f"Bearer {KEY}"
            said = [repr(selector), selector.explain(caught.value.run.id), str(selector.status())]
            said += [
                repr(caught.value.run),
                repr(selector.config),
                str(selector.config),
                repr(selector._caller.connections),
            ]
        assert shows(caught.value, KEY) == []
        assert frames_show(caught.value, KEY) == []
    assert KEY not in "".join(said)
    assert everywhere(KEY) == []


def asked_at(url, reference, folder):
    with Selector.open(config(url, reference), state=folder, seed=1) as selector:
        selector.run(ASKED)


@pytest.mark.parametrize("fault", IN_HEADERS)
def test_nor_is_one_in_its_headers(fault, reference, folder, everywhere):
    with FakeOpenAI(IN_HEADERS[fault]) as server, pytest.raises(SelectorError) as caught:
        asked_at(server.base_url, reference, folder)
    assert (shows(caught.value, KEY), frames_show(caught.value, KEY)) == ([], [])
    assert everywhere(KEY) == []


def test_not_even_in_the_log_of_httpcore(reference, folder, everywhere):
    with FakeOpenAI(IN_HEADERS["headers"]) as server, pytest.raises(SelectorError):
        asked_at(server.base_url, reference, folder)
    assert everywhere(KEY) == []


class Redirect(BaseHTTPRequestHandler):
    """Sends everybody elsewhere."""

    to = ""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(307)
        self.send_header("location", self.to)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_a_redirect_takes_the_key_to_nobody(reference, folder, everywhere):
    with FakeOpenAI(Reply(ANSWER)) as other, HTTPServer(("127.0.0.1", 0), Redirect) as first:
        Redirect.to = f"{other.base_url}/chat/completions"
        thread = Thread(target=first.serve_forever, args=(0.01,))
        thread.start()
        try:
            with pytest.raises(SelectorError) as caught:
                asked_at(f"http://127.0.0.1:{first.server_port}/v1", reference, folder)
        finally:
            first.shutdown()
            thread.join()
        assert other.requests == []
    assert (shows(caught.value, KEY), frames_show(caught.value, KEY), everywhere(KEY)) == ([], [], [])


@pytest.mark.parametrize("fault", ["echoed in the body", "echoed with a bad request", "reset"])
def test_likewise_awaited(fault, reference, folder, everywhere):
    async def main(url):
        async with AsyncSelector.open(config(url, reference), state=folder, seed=1) as selector:
            with pytest.raises(SelectorError) as caught:
                await selector.run(ASKED)
            with suppress(SelectorError):
                async for _ in selector.stream(ASKED):
                    pass
            return caught.value

    with FakeOpenAI(FAULTS[fault]) as server:
        error = asyncio.run(main(server.base_url), debug=True)
    assert (shows(error, KEY), frames_show(error, KEY), everywhere(KEY)) == ([], [], [])


@pytest.mark.parametrize("kind", ["anthropic", "openai-responses"])
def test_other_formats_too(kind, reference, folder, everywhere):
    with FakeOpenAI(Fault(401, body=ECHO)) as server:
        whole = config(server.base_url, reference)
        whole["providers"]["work"]["kind"] = kind
        with Selector.open(whole, state=folder, seed=1) as selector, pytest.raises(SelectorError) as caught:
            selector.run(ASKED)
        assert KEY in str(server.requests[0].headers), "it was sent"
    assert (shows(caught.value, KEY), frames_show(caught.value, KEY), everywhere(KEY)) == ([], [], [])


@pytest.mark.parametrize("written", ["file:{path}#CANARY_KEY", "env:NO_SUCH_CANARY", KEY])
def test_a_key_that_cannot_be_used_is_not_shown(written, folder, tmp_path, everywhere):
    """A file that all can read, a name that is not there, and a key in place of its name."""
    path = tmp_path / "keys.env"
    path.write_text(f"CANARY_KEY={KEY}\n")
    path.chmod(0o644)
    with pytest.raises(SelectorError) as caught:
        asked_at("http://127.0.0.1:9/v1", written.format(path=path), folder)
    assert (shows(caught.value, KEY), everywhere(KEY)) == ([], [])


def test_a_key_in_the_address_is_not_shown(reference, folder, everywhere):
    with pytest.raises(SelectorError) as caught:
        asked_at(f"http://user:{KEY}@127.0.0.1:9/v1", reference, folder)
    assert (shows(caught.value, KEY), everywhere(KEY)) == ([], [])


class TestPrompts:
    def ran(self, folder, reference, **sections):
        script = [Reply(ANSWER), Fault(400, message=f"invalid prompt: {PROMPT}"), Fault(500, message=PROMPT)]
        server = FakeOpenAI(script)
        with server, Selector.open(config(server.base_url, reference, **sections), state=folder, seed=1) as selector:
            for _ in range(3):
                with suppress(SelectorError):
                    selector.run(ASKED, check="not_empty")

    def test_neither_they_nor_answers_are_written_unless_that_is_asked_for(self, folder, reference, everywhere):
        self.ran(folder, reference)
        for word in ("prompt-canary", "answer-canary", "system-canary"):
            assert everywhere(word) == []

    def test_they_are_where_it_is(self, folder, reference, everywhere):
        """What is looked for can be found."""
        self.ran(folder, reference, state={"log_prompts": True})
        assert any("canary" in name or "log" in name or "journal" in name for name in everywhere("prompt-canary"))

    def test_no_record_shows_them(self, reference, folder):
        server = FakeOpenAI(Reply(ANSWER))
        with server, Selector.open(config(server.base_url, reference), state=folder, seed=1) as selector:
            run = selector.run(ASKED)
            told = [repr(run), str(run), repr(run.outcome), str(run.decision), repr(run.decision)]
            told.append(selector.explain(run.id))
        assert run.text == ANSWER
        for word in ("prompt-canary", "answer-canary", "system-canary"):
            assert [text for text in told if word in text] == []


def test_the_search_finds_what_there_is(folder, everywhere, caplog):
    """A key on an exception, in a frame, in a file and in a log is found."""
    folder.mkdir()
    (folder / "x.bin").write_bytes(b"\0" + KEY.encode())
    logging.getLogger("httpx").debug("sent %s", KEY)
    sys.stderr.write(KEY)
    error = SelectorError("no")
    error.attempts = ({"a": [KEY]},)
    assert shows(error, KEY) != []
    assert len(everywhere(KEY)) == 4
    assert caplog.records
