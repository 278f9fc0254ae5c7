"""Connections: shared by calls, never by processes or event loops, and gone when they are to be gone."""

import asyncio
import gc
import json
import os
import threading
import time

import pytest

from selector.execution._wire import CallFailed, Patience
from selector.records import Failure

ALL = ("call", "acall", "stream", "astream")
WHOLE = ("call", "acall")
STREAMS = ("stream", "astream")


def failing(talk, way, provider, patience=None):
    with pytest.raises(CallFailed) as caught:
        talk.drive(way, provider, patience or talk.patience, [])
    return caught.value


def sockets():
    folder = "/proc/self/fd"
    links = [f"{folder}/{name}" for name in os.listdir(folder)]  # noqa: PTH208 - names are all it takes
    return sum(os.readlink(link).startswith("socket:") for link in links if os.path.islink(link))  # noqa: PTH114, PTH115


@pytest.mark.parametrize("way", ALL)
def test_a_server_that_is_trusted_is_called_over_tls_within_the_time(
    way, tls_wire, make_provider, talk, monkeypatch, tmp_path
):
    gc.collect()
    before = sockets()
    tls_wire.authority.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    tls_wire.steps = [talk.told("Paris") if way in STREAMS else [talk.good()], [talk.good()[:-20], 0.5, b"x", "stall"]]
    provider = make_provider(tls_wire.url)
    assert talk.drive(way, provider, talk.patience, []).text == "Paris"
    started = time.monotonic()
    assert failing(talk, way, provider, Patience(total_s=0.8)).failure is Failure.TIMEOUT
    assert time.monotonic() - started < 1.25
    provider.close()
    gc.collect()
    assert sockets() <= before + 1  # the server's end may still be there


@pytest.mark.parametrize("way", WHOLE)
def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again(way, wire, make_provider, talk):
    wire.steps = [[talk.good(), "close"]]
    provider = make_provider(wire.url)

    async def twice():
        for n in (1, 2):
            assert (await provider.acall(talk.request_of(), talk.patience)).text == "Paris"
            await asyncio.to_thread(wire.await_gone, n)

    if way == "acall":
        asyncio.run(twice())
    else:
        for n in (1, 2):
            assert provider.call(talk.request_of(), talk.patience).text == "Paris"
            wire.await_gone(n)
    assert wire.n_connections == 2


@pytest.mark.parametrize("way", ALL)
def test_calls_share_a_connection_and_leave_no_socket(way, wire, make_provider, talk):
    gc.collect()
    before = sockets()
    wire.steps = [talk.told("Pa", "ris") if way in STREAMS else [talk.good()]]
    provider = make_provider(wire.url)
    if way in {"call", "stream"}:
        for _ in range(3):
            talk.drive(way, provider, talk.patience, [])
        provider.close()
        provider.close()
    else:

        async def three():
            for _ in range(3):
                if way == "acall":
                    await provider.acall(talk.request_of(), talk.patience)
                else:
                    assert [each async for each in provider.astream(talk.request_of(), talk.patience)][
                        -1
                    ].text == "Paris"
            await provider.aclose()
            await provider.aclose()

        asyncio.run(three())
    assert (len(wire.asked), wire.n_connections) == (3, 1)
    wire.await_gone(1)
    gc.collect()
    assert sockets() == before
    assert failing(talk, way, provider).failure is Failure.CANCELLED


def test_each_event_loop_has_its_own_connections_and_closes_them(wire, make_provider, talk):
    gc.collect()
    before = sockets()
    wire.steps = [[talk.good()]]
    provider = make_provider(wire.url)
    for _ in range(3):
        assert asyncio.run(provider.acall(talk.request_of(), talk.patience)).text == "Paris"
    wire.await_gone(3)
    gc.collect()
    assert wire.n_connections == 3
    assert sockets() == before


def test_closing_ends_the_calls_of_other_threads(wire, make_provider, talk):
    wire.steps = [["stall"]]
    provider, found = make_provider(wire.url), []
    waiting = threading.Thread(target=lambda: found.append(failing(talk, "call", provider, Patience(total_s=60.0))))
    waiting.start()
    wire.await_asked()
    provider.close()
    waiting.join(timeout=10)
    assert [failed.failure for failed in found] == [Failure.CANCELLED]


def test_cancelling_a_call_lets_go_of_its_connection(wire, make_provider, talk):
    wire.steps = [["stall"]]
    provider = make_provider(wire.url, max_concurrent=1)

    async def cancelled():
        call = asyncio.create_task(provider.acall(talk.request_of(), talk.patience))
        await asyncio.to_thread(wire.await_asked)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        wire.steps = [[talk.good()]]
        return await provider.acall(talk.request_of(), talk.patience)

    assert asyncio.run(cancelled()).text == "Paris"


def test_a_child_process_shares_no_connection_with_its_parent(wire, make_provider, talk):
    wire.steps = [[talk.good()]]
    provider = make_provider(wire.url)
    talk.drive("call", provider, talk.patience, [])
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        text = talk.drive("call", provider, talk.patience, []).text
        os.write(writes, json.dumps(text).encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reads, 100)
    os.close(reads)
    os.close(writes)
    assert json.loads(said) == "Paris"
    talk.drive("call", provider, talk.patience, [])
    assert (len(wire.asked), wire.n_connections) == (3, 2)


@pytest.mark.parametrize("way", ["acall", "astream"])
def test_more_calls_than_connections_wait_their_turn(way, wire, make_provider, talk):
    wire.steps = [talk.told("Paris") if way == "astream" else [talk.good()]]
    provider = make_provider(wire.url, max_concurrent=4)

    async def one():
        if way == "acall":
            return (await provider.acall(talk.request_of(), talk.patience)).text
        return [each async for each in provider.astream(talk.request_of(), talk.patience)][-1].text

    async def many():
        return await asyncio.gather(*(one() for _ in range(60)))

    assert asyncio.run(many()) == ["Paris"] * 60
    assert len(wire.asked) == 60
    assert wire.n_connections <= 4
