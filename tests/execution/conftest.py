"""What tests of calls share: a server that does on its sockets what it is told, and four ways to call it."""

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from contextlib import aclosing, suppress

import pytest
import trustme

from selector.catalog import Route
from selector.execution._format import format_of
from selector.execution._http import HttpProvider
from selector.execution._wire import Answer, Patience, Request
from selector.records import Message

KEY = "canary-5f1c0ffee5ecre7"


class Wire:
    """A server whose every answer is a list of steps: bytes to send, seconds to wait, or a word.

    ``stall`` waits until the test is over, ``close`` ends the connection and ``reset`` breaks it.
    """

    def __init__(self, tls=None):
        self.steps, self.asked, self.n_connections, self.n_gone = [], [], 0, 0
        self._tls, self._over, self._threads = tls, threading.Event(), []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/v1"
        self._start(self._listen)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _listen(self):
        with self._listener:
            while True:
                conn, _ = self._listener.accept()
                if self._over.is_set():
                    conn.close()
                    return
                self.n_connections += 1
                self._start(self._serve, conn)

    def _serve(self, conn):
        with suppress(OSError):
            if self._tls is not None:
                conn = self._tls.wrap_socket(conn, server_side=True)
            with conn:
                while self._read(conn) and self._play(conn):
                    pass
        conn.close()
        self.n_gone += 1

    def await_asked(self):
        """Wait until a request came."""
        while not self.asked:
            time.sleep(0.005)

    def await_gone(self, n):
        """Wait until so many connections ended."""
        while self.n_gone < n:
            time.sleep(0.005)

    def _read(self, conn):
        conn.settimeout(0.02)
        got, need = b"", None
        while need is None or len(got) < need:
            try:
                piece = conn.recv(65_536)
            except TimeoutError:
                if self._over.is_set():
                    return False
                continue
            if not piece:
                return False
            got += piece
            if need is None and b"\r\n\r\n" in got:
                head = got.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
                need = len(head) + 4 + int(head.partition("content-length: ")[2].partition("\r")[0])
        head, _, body = got.partition(b"\r\n\r\n")
        self.asked.append((head.decode("latin-1"), json.loads(body)))
        conn.settimeout(10)
        return True

    def _play(self, conn):
        for step in self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]:
            if isinstance(step, bytes):
                conn.sendall(step)
            elif step == "stall":
                self._over.wait()
            elif step in {"reset", "close"}:
                if step == "reset":
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif self._over.wait(step):
                return False
        return True

    def close(self):
        self._over.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()


def whole(body, status="200 OK", *headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers, f"Content-Length: {len(raw)}", "", ""]
    return "\r\n".join(head).encode() + raw


def opening(kind="text/event-stream"):
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def chunk(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return f"{len(raw):x}\r\n".encode() + raw + b"\r\n"


def delta(text=None, finish=None, usage=None):
    said = {"id": "x", "model": "m-1-2026", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    if text is not None:
        said["choices"][0]["delta"] = {"content": text}
    if usage is not None:
        said |= {"choices": [], "usage": usage}
    return f"data: {json.dumps(said, ensure_ascii=False)}\n\n"


class Called:
    """What came of a call: the chunks that were got, the answer, or the failure."""

    def __init__(self, ways):
        self.ways, self.chunks = ways, []

    @property
    def text(self):
        return "".join(c.text for c in self.chunks if not isinstance(c, Answer))


def request_of(text="Capital of France?"):
    route = Route(model="opus", provider="work", id="m-1")
    return Request(route=route, messages=(Message.of({"role": "user", "content": text}),))


def drive(way, provider, patience, chunks, request=None):
    """Make a call in one of four ways; the chunks of a stream are gathered as they come."""
    request = request or request_of()
    if way == "call":
        return provider.call(request, patience)
    if way == "stream":
        for each in provider.stream(request, patience):
            chunks.append(each)
        return chunks[-1]

    async def run():
        try:
            if way == "acall":
                return await provider.acall(request, patience)
            async with aclosing(provider.astream(request, patience)) as pieces:
                async for each in pieces:
                    chunks.append(each)
            return chunks[-1]
        finally:
            await asyncio.sleep(0)

    return asyncio.run(run())


@pytest.fixture
def wire():
    server = Wire()
    yield server
    server.close()


@pytest.fixture
def tls_wire():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = Wire(context)
    server.authority = authority.cert_pem
    yield server
    server.close()


@pytest.fixture
def make_provider():
    made = []

    def make(url, **changes):
        fields = {
            "format": format_of("openai", url),
            "base_url": url,
            "key": lambda: KEY,
            "max_concurrent": None,
            "clock": lambda: 1_780_000_000.0,
        }
        made.append(HttpProvider("work", **(fields | changes)))
        return made[-1]

    yield make
    for provider in made:
        provider.close()


@pytest.fixture
def talk():
    """Give the words of the wire: they are one thing to a test."""

    class Talk:
        key = KEY
        whole, opening, chunk, delta = (
            staticmethod(whole),
            staticmethod(opening),
            staticmethod(chunk),
            staticmethod(delta),
        )
        end = b"0\r\n\r\n"
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}  # noqa: RUF012
        request_of, drive = staticmethod(request_of), staticmethod(drive)
        patience = Patience(connect_s=2.0, total_s=20.0)

        def good(self, text="Paris", *headers):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return whole({"id": "x", "model": "m-1-2026", "choices": [choice], "usage": self.usage}, "200 OK", *headers)

        def told(self, *texts):
            pieces = [*(delta(text) for text in texts), delta(finish="stop"), delta(usage=self.usage)]
            return [opening(), *(chunk(piece) for piece in pieces), chunk("data: [DONE]\n\n"), self.end]

    return Talk()
