"""What a fake server does with a request: it answers, refuses, stalls, cuts the connection, or sends garbage."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selector.errors import ConfigError
from selector.execution import CallFailed
from selector.records import Failure
from selector.testing._ledger import Ledger
from selector.testing._refusals import Refusal, refusal, told
from selector.testing._script import Fault, Reply
from selector.testing._wording import FORMS, Said, Sent, error_event, events, said, whole

__all__ = ["Endpoint", "Exchange", "model_list"]

_ON_THE_WIRE = {
    Failure.TIMEOUT: ("stall", "stall_body"),
    Failure.CONNECTION: ("reset", "cut"),
    Failure.EMPTY_ANSWER: ("empty", "cut"),
}
_GARBAGE = b'data: {"id": "fake", "choices": [{"del\n\n'
_PAGE = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"
_N_TRICKLES = 16
_JSON = {"content-type": "application/json"}
_SSE = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Gone(Exception):  # noqa: N818 - no error: the client hung up, or was cut off
    """There is nobody left to answer."""


@dataclass
class Exchange:
    """A request and the connection that it came by."""

    form: str
    body: Mapping[str, object]
    number: int
    ledger: Ledger
    scope: Mapping[str, Any]
    receive: Any
    send: Any

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(self.body.get("model") or "")

    @property
    def streamed(self) -> bool:
        """Whether a stream is wanted."""
        return self.body.get("stream") is True

    async def pause(self, wait_s: float | None) -> None:
        """Wait, for ever where there is no number, and give up once the client is gone."""
        if wait_s is not None and wait_s <= 0:
            return
        try:
            async with asyncio.timeout(wait_s):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return
        raise Gone

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and headers."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        raw.append((b"request-id" if self.form == "messages" else b"x-request-id", f"req_{self.number:08}".encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send a piece of the body; whoever has the last one finds the books closed."""
        if not more:
            self.ledger.over(self.number)
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a response at once."""
        await self.begin(status, {**headers, "content-length": str(len(body))})
        await self.write(body, more=False)

    async def reset(self) -> None:
        """Reset the connection, without a word."""
        transport = self.scope["state"]["transport"]
        linger = struct.pack("ii", 1, 0)  # what is closed now is not closed in good order, but torn down
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
        await self.pause(None)

    async def hang_up(self) -> None:
        """Close the connection once what was written is through."""
        self.scope["state"]["transport"].close()
        await self.pause(None)


class Endpoint:
    """Serves one path of a vendor, from the script that the server was given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own shapes
        """Serve one request."""
        try:
            await self._serve(scope, receive, send)
        except Gone:
            return

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own shapes
        raw = await _read(receive)
        body = _parsed(raw)
        number, headers = self._ledger.asked(scope["path"], scope["headers"], body)
        form = FORMS.get(scope["path"], "chat")
        exchange = Exchange(form, body or {}, number, self._ledger, scope, receive, send)
        try:
            await self._decided(exchange, body, headers)
        finally:
            self._ledger.over(number)

    async def _decided(self, exchange: Exchange, body: Mapping[str, object] | None, headers: Mapping[str, str]) -> None:
        if body is None:
            return await _fail(exchange, Fault(400, message="We could not parse the JSON body of your request."))
        step = self._ledger.decide(exchange.model, body, headers)
        if isinstance(step, CallFailed):
            step = _as_fault(step)
        try:
            return await (_give(exchange, step) if isinstance(step, Reply) else _fail(exchange, step))
        except ConfigError as error:
            self._ledger.blame(error)
            return await exchange.hang_up()


async def _read(receive: Any) -> bytes:  # noqa: ANN401 - ASGI's own shapes
    body, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(body)


def _parsed(raw: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _as_fault(failed: CallFailed) -> Fault:
    message = failed.detail or None
    return Fault(failed.failure.value, message=message, status=failed.status, retry_after_s=failed.retry_after_s)


def _on_the_wire(fault: Fault, *, midway: bool) -> Fault:
    """Return what a failure looks like on the wire where no status tells it."""
    kinds = _ON_THE_WIRE.get(Failure(fault.kind)) if fault.kind in set(Failure) else None
    return fault if kinds is None else replace(fault, kind=kinds[midway])


async def _fail(exchange: Exchange, fault: Fault) -> None:
    fault = _on_the_wire(fault, midway=False)
    if fault.kind == "trickle":
        return await _trickle(exchange, fault)
    if fault.reply is not None:
        return await _give(exchange, fault.reply)
    await exchange.pause(fault.delay_s)
    match fault.kind:
        case "stall":
            await exchange.pause(None)
        case "reset":
            await exchange.reset()
        case "empty":
            await _give(exchange, Reply())
        case "malformed_json":
            garbled = Reply(fault.text, fail_after=fault.after, then=Fault("malformed_sse"))
            await _give(exchange, garbled)
        case "wrong_content_type":
            await exchange.whole(200, {"content-type": "text/html; charset=utf-8"}, _PAGE)
        case _:
            await _refuse(exchange, refusal(exchange.form, fault, exchange.model))
    return None


async def _refuse(exchange: Exchange, no: Refusal) -> None:
    await exchange.whole(no.status, no.headers, no.body)


async def _give(exchange: Exchange, reply: Reply) -> None:
    answer = said(exchange.form, reply, exchange.body, exchange.number)
    await exchange.pause(reply.delay_s)
    broken = reply.break_off
    if broken is None:
        return await (_stream(exchange, answer) if exchange.streamed else _send_whole(exchange, answer))
    how = broken[1]
    fault = _as_fault(how) if isinstance(how, CallFailed) else how if isinstance(how, Fault) else Fault(how)
    fault = _on_the_wire(fault, midway=True)
    if exchange.streamed:
        return await _break_stream(exchange, answer, broken[0], fault)
    await exchange.pause(reply.gap_s * max(broken[0] - 1, 0))
    return await _break_whole(exchange, answer, fault)


async def _send_whole(exchange: Exchange, answer: Said) -> None:
    await exchange.pause(answer.reply.gap_s * max(len(answer.reply.pieces) - 1, 0))
    exchange.ledger.bill(exchange.number, exchange.model, answer.told)
    exchange.ledger.served()
    headers = {**_JSON, **answer.reply.headers}
    await exchange.whole(200, headers, json.dumps(whole(exchange.form, answer)).encode())


async def _stream(exchange: Exchange, answer: Said) -> None:
    await exchange.begin(200, {**_SSE, **answer.reply.headers})
    begun = False
    for sent in events(exchange.form, answer):
        if sent.is_piece and begun:
            await exchange.pause(answer.reply.gap_s)
        begun = begun or sent.is_piece
        await _write(exchange, sent)
    exchange.ledger.served()
    await exchange.write(b"", more=False)


async def _write(exchange: Exchange, sent: Sent) -> None:
    if sent.billed is not None:
        exchange.ledger.bill(exchange.number, exchange.model, sent.billed)
    await exchange.write(sent.data)


def _until(sent: Iterator[Sent], n_pieces: int, total: int) -> Iterator[Sent]:
    """Yield what is sent before a stream breaks off after some pieces of its text."""
    seen = 0
    for each in sent:
        if each.is_piece and seen == n_pieces:
            return
        yield each
        seen += each.is_piece
        if seen == n_pieces == total:
            return


async def _break_stream(exchange: Exchange, answer: Said, n_pieces: int, fault: Fault) -> None:
    if n_pieces == 0 and fault.kind not in {"cut", "malformed_sse", "stall_body", "error_event"}:
        return await _refuse(exchange, refusal(exchange.form, fault, exchange.model))
    await exchange.begin(200, {**_SSE, **answer.reply.headers, **fault.headers})
    begun = False
    for sent in _until(events(exchange.form, answer), n_pieces, len(answer.reply.pieces)):
        if sent.is_piece and begun:
            await exchange.pause(answer.reply.gap_s)
        begun = begun or sent.is_piece
        await _write(exchange, sent)
    match fault.kind:
        case "cut" | "reset" | "empty":
            await exchange.hang_up()
        case "stall_body" | "stall":
            await exchange.pause(None)
        case "malformed_sse" | "malformed_json" | "wrong_content_type":
            await exchange.write(_GARBAGE, more=False)
        case _:
            event = error_event(exchange.form, told(exchange.form, _as_error(fault), exchange.model))
            await exchange.write(event, more=False)
    return None


def _as_error(fault: Fault) -> Fault:
    return replace(fault, kind=Failure.OVERLOADED) if fault.kind == "error_event" else fault


async def _break_whole(exchange: Exchange, answer: Said, fault: Fault) -> None:
    body = json.dumps(whole(exchange.form, answer)).encode()
    half, headers = body[: len(body) // 2], {**_JSON, **answer.reply.headers, **fault.headers}
    match fault.kind:
        case "cut" | "reset" | "empty":
            await exchange.begin(200, {**headers, "content-length": str(len(body))})
            await exchange.write(half)
            await exchange.hang_up()
        case "stall_body" | "stall":
            await exchange.begin(200, {**headers, "content-length": str(len(body))})
            await exchange.write(half)
            await exchange.pause(None)
        case "malformed_sse" | "malformed_json" | "wrong_content_type":
            await exchange.whole(200, headers, half)
        case _:
            await _refuse(exchange, refusal(exchange.form, _as_error(fault), exchange.model))


async def _trickle(exchange: Exchange, fault: Fault) -> None:
    """Send the whole answer in slices that care neither for events nor for characters."""
    answer = said(exchange.form, Reply(fault.text), exchange.body, exchange.number)
    if exchange.streamed:
        sent = list(events(exchange.form, answer))
        body, headers = b"".join(each.data for each in sent), _SSE
        billed = [each.billed for each in sent if each.billed is not None]
        usage = billed[-1] if billed else None
    else:
        body, headers, usage = json.dumps(whole(exchange.form, answer)).encode(), _JSON, answer.told
    await exchange.pause(fault.delay_s)
    await exchange.begin(200, headers)
    size = -(-len(body) // _N_TRICKLES)
    for start in range(0, len(body), size):
        await exchange.pause(fault.gap_s)
        await exchange.write(body[start : start + size])
    exchange.ledger.bill(exchange.number, exchange.model, usage)
    exchange.ledger.served()
    await exchange.write(b"", more=False)


def model_list(models: Sequence[str], *, of_anthropic: bool) -> dict[str, object]:
    """Word the list of models as a vendor does.

    Examples
    --------
    >>> model_list(["gpt"], of_anthropic=False)["data"][0]["id"]
    'gpt'
    """
    if of_anthropic:
        made = "2026-01-01T00:00:00Z"
        data = [{"type": "model", "id": id_, "display_name": id_, "created_at": made} for id_ in models]
        first, last = (models[0], models[-1]) if models else (None, None)
        return {"data": data, "has_more": False, "first_id": first, "last_id": last}
    entries = [{"id": id_, "object": "model", "created": 1_767_225_600, "owned_by": "fake"} for id_ in models]
    return {"object": "list", "data": entries}
