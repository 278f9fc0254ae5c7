"""Faults of the loopback server as a client sees them, and that nothing of the server outlives it."""

import asyncio
import gc
import itertools
import json
import socket
import sys
import threading
import time
import warnings

import httpx  # noqa: TID253 - what is tested is what it sees
import pytest

from selector.records import Failure
from selector.testing import FakeOpenAI, Fault, Reply, flaky

PATHS = {"chat": "/chat/completions", "responses": "/responses", "messages": "/messages"}
FORMS = pytest.mark.parametrize("form", list(PATHS))
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


def body(form, *, streamed=False, text="The capital of France?", model="gpt"):
    asked = {"model": model, "stream": streamed}
    if form == "responses":
        return {**asked, "input": text}
    return {**asked, "messages": [{"role": "user", "content": text}], "stream_options": {"include_usage": True}}


@pytest.fixture
def client():
    with httpx.Client(timeout=10) as found:
        yield found


def post(client, server, form, **asked):
    return client.post(server.base_url + PATHS[form], json=body(form, **asked))


def sse(text):
    """Return the events of a stream as pairs of name and data."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"])))
    return found


def streamed_until(server, form, *, streamed, timeout=10.0):
    """Return what came before the connection failed, and how it failed."""
    came = b""
    with httpx.Client(timeout=timeout) as client:
        try:
            with client.stream("POST", server.base_url + PATHS[form], json=body(form, streamed=streamed)) as answer:
                for data in answer.iter_raw():
                    came += data
        except httpx.TransportError as error:
            return came, type(error)
    return came, None


@FORMS
@STREAMED
@pytest.mark.parametrize(
    ("kind", "error", "comes"),
    [
        ("stall", httpx.ReadTimeout, False),
        ("stall_body", httpx.ReadTimeout, True),
        ("reset", httpx.ReadError, False),
        ("cut", httpx.RemoteProtocolError, True),
    ],
)
def test_a_connection_stalls_or_breaks_where_it_should(form, streamed, kind, error, comes):
    with FakeOpenAI(Fault(kind)) as server:
        timeout = 0.15 if "stall" in kind else 10
        came, how = streamed_until(server, form, streamed=streamed, timeout=timeout)
    assert how is error
    assert bool(came) == comes


@FORMS
@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_stream_is_cut_after_as_many_pieces_as_the_script_says(form, n):
    with FakeOpenAI(Reply(chunks=["AAA", "BBB", "CCC"], fail_after=n)) as server:
        came, how = streamed_until(server, form, streamed=True)
    assert how is httpx.RemoteProtocolError
    assert [piece in came for piece in (b"AAA", b"BBB", b"CCC")] == [i < n for i in range(3)]
    assert b'"stop' not in came.replace(b'"stop_', b"")


@FORMS
def test_a_stream_tells_of_an_error_midway(client, form):
    with FakeOpenAI(Reply("one two three", fail_after=1, then=Failure.OVERLOADED)) as server:
        answer = post(client, server, form, streamed=True)
    assert answer.status_code == 200
    name, last = sse(answer.text)[-1]
    assert name == (None if form == "chat" else "error")
    assert "overloaded" in json.dumps(last).lower()
    assert ("one " in answer.text, "two" in answer.text) == (True, False)


@FORMS
def test_garbage_is_no_json(client, form):
    with FakeOpenAI(Fault("malformed_json")) as server:
        answer = post(client, server, form)
        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            answer.json()
    with FakeOpenAI(Fault("malformed_sse")) as server, pytest.raises(json.JSONDecodeError):
        sse(post(client, server, form, streamed=True).text)


@FORMS
@STREAMED
def test_a_trickle_is_the_whole_answer_in_slices(form, streamed):
    with FakeOpenAI([Fault("trickle", text="Paris", gap_s=0.002), "Paris"]) as server:
        first, second = (streamed_until(server, form, streamed=streamed)[0] for _ in range(2))
        assert first.replace(b"00000001", b"00000002") == second
        assert server.n_served == 2


def test_an_empty_answer_and_a_page_are_answers_of_status_200(client):
    with FakeOpenAI([Fault("empty"), Fault("wrong_content_type")]) as server:
        empty, page = post(client, server, "chat"), post(client, server, "chat")
    assert empty.json()["choices"][0]["message"]["content"] == ""
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")


@FORMS
def test_usage_may_be_missing(client, form):
    with FakeOpenAI(Fault("no_usage")) as server:
        assert post(client, server, form).json().get("usage") is None
        assert server.billed.output_tokens == 0


def test_it_leaves_at_once_with_calls_stalled_and_nothing_is_left():
    before, came, all_here, gone = set(threading.enumerate()), itertools.count(1), threading.Event(), []

    def script(*_):
        if next(came) == 20:
            all_here.set()
        return Fault("stall")

    async def ask(client, server):
        try:
            await client.post(server.base_url + PATHS["chat"], json=body("chat"))
        except httpx.TransportError:
            gone.append(1)

    async def main(server):
        async with httpx.AsyncClient(timeout=60) as client, asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(ask(client, server))
            await asyncio.to_thread(all_here.wait, 60)
            began = time.monotonic()
            server.__exit__(None, None, None)
            return time.monotonic() - began

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server = FakeOpenAI(script).__enter__()
        assert asyncio.run(main(server)) < 60  # the clients' own patience
        gc.collect()
    assert (len(gone), server.n_open, server.n_connections) == (20, 0, 0)
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(server.root_url.rsplit(":", 1)[1])))


@pytest.mark.slow
def test_a_thousand_connections_at_once_are_all_answered_and_counted():
    """Each call opens a connection of its own, and all of them are open before the first is answered."""
    n, request = 1_000, json.dumps(body("chat")).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(request)}\r\n\r\n"

    async def ask(port, ready):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await ready.wait()
        writer.write(head.encode() + request)
        status = int((await reader.readline()).split()[1])
        writer.close()
        await writer.wait_closed()
        return status

    async def main(port):
        ready = asyncio.Barrier(n)
        return await asyncio.gather(*(ask(port, ready) for _ in range(n)))

    with FakeOpenAI(flaky(0.3, seed=1)) as server:
        statuses = asyncio.run(main(int(server.root_url.rsplit(":", 1)[1])))
        assert len(server.requests) == n
        assert server.n_served == statuses.count(200)
        assert statuses.count(200) + statuses.count(500) == n
        assert 220 < statuses.count(500) < 380


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    with pytest.raises(ImportError, match=r"adaptive-selector\[testing\]"):
        FakeOpenAI().__enter__()
