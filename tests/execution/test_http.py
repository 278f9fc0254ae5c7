"""Calls over HTTP, against real sockets: what they give, how they fail, how long they take, what they leave behind."""

import asyncio
import gzip
import socket
import threading
import time

import pytest

from selector.errors import ConfigError
from selector.execution._wire import CallFailed, Patience
from selector.records import Failure

ALL = ("call", "acall", "stream", "astream")
WHOLE = ("call", "acall")
NOW = 1_780_000_000.0


def failing(talk, way, provider, patience=None):
    with pytest.raises(CallFailed) as caught:
        talk.drive(way, provider, patience or talk.patience, [])
    return caught.value


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.mark.parametrize("way", WHOLE)
class TestAnswer:
    def test_is_the_servers_with_its_limits(self, way, wire, make_provider, talk):
        wire.steps = [[talk.good("Paris", "X-RateLimit-Remaining-Requests: 7")]]
        answer = talk.drive(way, make_provider(wire.url), talk.patience, [])
        assert (answer.text, answer.snapshot, answer.usage.output_tokens) == ("Paris", "m-1-2026", 1)
        assert [(seen.route, seen.resource, seen.remaining) for seen in answer.limits] == [
            ("opus@work", "requests", 7.0)
        ]

    def test_carries_the_key_and_the_request(self, way, wire, make_provider, talk):
        wire.steps = [[talk.good()]]
        talk.drive(way, make_provider(wire.url + "/"), talk.patience, [])
        head, body = wire.asked[0]
        assert head.splitlines()[0] == "POST /v1/chat/completions HTTP/1.1"
        assert f"authorization: bearer {talk.key}" in head.lower()
        assert body["model"] == "m-1"
        assert body["messages"][0]["content"] == "Capital of France?"

    def test_takes_a_new_key_at_each_call(self, way, wire, make_provider, talk):
        wire.steps = [[talk.good()]]
        keys = ["first-key", "second-key"]
        provider = make_provider(wire.url, key=lambda: keys[len(wire.asked)])
        for _ in keys:
            talk.drive(way, provider, talk.patience, [])
        assert [key in head for (head, _), key in zip(wire.asked, keys, strict=True)] == [True, True]

    def test_that_is_packed_is_unpacked(self, way, wire, make_provider, talk):
        body = gzip.compress(talk.good().partition(b"\r\n\r\n")[2])
        wire.steps = [[talk.whole(body, "200 OK", "Content-Encoding: gzip")]]
        assert talk.drive(way, make_provider(wire.url), talk.patience, []).text == "Paris"

    def test_of_two_megabytes_in_and_out_is_unharmed(self, way, wire, make_provider, talk):
        text = "a\u2028\"'\\ {braces} 🦜" * 150_000
        wire.steps = [[talk.good(text)]]
        answer = talk.drive(way, make_provider(wire.url), talk.patience, [], talk.request_of(text))
        assert answer.text == text
        assert wire.asked[0][1]["messages"][0]["content"] == text


@pytest.mark.parametrize("way", ALL)
class TestFailure:
    def test_of_a_refused_connection(self, way, make_provider, talk):
        failed = failing(talk, way, make_provider(f"http://127.0.0.1:{free_port()}/v1"))
        assert failed.failure is Failure.CONNECTION
        assert failed.status is None

    def test_of_a_name_that_does_not_resolve(self, way, make_provider, talk):
        failed = failing(talk, way, make_provider("http://no-such-host.invalid/v1"))
        assert failed.failure is Failure.CONNECTION

    def test_of_a_certificate_that_nobody_vouches_for(self, way, tls_wire, make_provider, talk):
        tls_wire.steps = [[talk.good()]]
        failed = failing(talk, way, make_provider(tls_wire.url))
        assert failed.failure is Failure.CONNECTION
        assert "certificate" in failed.detail.lower()
        assert tls_wire.asked == []

    def test_of_no_tls_where_it_is_wanted(self, way, wire, make_provider, talk):
        wire.steps = [[b"garbage", "close"]]
        failed = failing(talk, way, make_provider(wire.url.replace("http:", "https:")), Patience(total_s=1.0))
        assert failed.failure in {Failure.CONNECTION, Failure.TIMEOUT}

    @pytest.mark.parametrize("steps", [["close"], ["reset"], [b"HTTP/1.1 2"], [b"garbage\r\n\r\n"]])
    def test_of_a_connection_that_breaks_before_the_answer(self, way, steps, wire, make_provider, talk):
        wire.steps = [[*steps, "close"]]
        assert failing(talk, way, make_provider(wire.url)).failure is Failure.CONNECTION

    @pytest.mark.parametrize("last", ["close", "reset"])
    def test_of_a_body_that_is_cut(self, way, last, wire, make_provider, talk):
        wire.steps = [[talk.good()[:-20], last]]
        assert failing(talk, way, make_provider(wire.url)).failure is Failure.CONNECTION

    @pytest.mark.parametrize("body", [b'{"choices": [', b"<html>busy</html>", b"", b"[1]", b"\xff\xfe", b"[" * 100_000])
    def test_of_a_body_that_is_no_answer(self, way, body, wire, make_provider, talk):
        wire.steps = [[talk.whole(body)]]
        assert failing(talk, way, make_provider(wire.url)).failure is Failure.SERVER_ERROR

    def test_of_a_body_that_cannot_be_unpacked(self, way, wire, make_provider, talk):
        wire.steps = [[talk.whole(b'{"a": 1}', "200 OK", "Content-Encoding: gzip")]]
        assert failing(talk, way, make_provider(wire.url)).failure is Failure.SERVER_ERROR

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_of_a_redirect_that_would_take_the_key_along(self, way, status, wire, make_provider, talk):
        wire.steps = [[talk.whole(b"", f"{status} Moved", "Location: https://elsewhere.example/v1?a=b")]]
        failed = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, failed.status) == (Failure.CONNECTION, status)
        assert "elsewhere.example" in failed.detail
        assert len(wire.asked) == 1

    @pytest.mark.parametrize(
        ("status", "failure"),
        [
            (400, Failure.BAD_REQUEST),
            (401, Failure.AUTH),
            (404, Failure.NOT_FOUND),
            (408, Failure.TIMEOUT),
            (429, Failure.RATE_LIMITED),
            (500, Failure.SERVER_ERROR),
            (503, Failure.OVERLOADED),
        ],
    )
    def test_of_a_status_is_what_its_format_says(self, way, status, failure, wire, make_provider, talk):
        wire.steps = [[talk.whole({"error": {"message": f"no: {talk.key}"}}, f"{status} No")]]
        failed = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, failed.status) == (failure, status)
        assert "no: ***" in failed.detail

    def test_of_a_status_stands_though_its_body_is_cut(self, way, wire, make_provider, talk):
        wire.steps = [[talk.whole(b'{"error": {"message": "busy"}}', "503 Busy")[:-9], "close"]]
        assert failing(talk, way, make_provider(wire.url)).failure is Failure.OVERLOADED

    @pytest.mark.parametrize(
        ("header", "wait_s"),
        [
            ("Retry-After: 2", 2.0),
            ("Retry-After: 0.5", 0.5),
            ("retry-after-ms: 250", 0.25),
            ("Retry-After: Thu, 28 May 2026 20:27:40 GMT", 60.0),
            ("Retry-After: Thu, 28 May 2026 20:20:00 GMT", 0.0),
            ("Retry-After: soon", None),
            ("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 6m0s", 360.0),
            ("x-ratelimit-remaining-tokens: 5\r\nx-ratelimit-reset-tokens: 6m0s", None),
            ("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1780000030000", 30.0),
            ("anthropic-ratelimit-tokens-remaining: 0\r\nanthropic-ratelimit-tokens-reset: 2026-05-28T20:27:40Z", 60.0),
        ],
    )
    def test_of_a_rush_says_how_long_to_wait(self, way, header, wait_s, wire, make_provider, talk):
        wire.steps = [[talk.whole({"error": {"message": "slow down"}}, "429 Too Many", header)]]
        failed = failing(talk, way, make_provider(wire.url))
        assert failed.failure is Failure.RATE_LIMITED
        assert failed.retry_after_s == (None if wait_s is None else pytest.approx(wait_s))

    def test_of_a_spent_subscription_says_when_it_resets(self, way, wire, make_provider, talk):
        lines = ("status: rejected", "reset: 1780007200")
        headers = [f"anthropic-ratelimit-unified-{line}" for line in lines]
        wire.steps = [[talk.whole({"error": {"message": "limit"}}, "429 Too Many", *headers)]]
        failed = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, failed.resets_at_s) == (Failure.QUOTA_EXHAUSTED, NOW + 7_200)
        assert failed.limits[0].exhausted

    def test_of_a_key_that_is_not_set_makes_no_call(self, way, wire, make_provider, talk):
        def key():
            raise ConfigError("the variable WORK_KEY is not set")

        failed = failing(talk, way, make_provider(wire.url, key=key))
        assert failed.failure is Failure.AUTH
        assert "not set" in failed.detail
        assert wire.n_connections == 0

    @pytest.mark.parametrize("key", ["", "two words", "with\nline", "clé"])
    def test_of_a_key_that_no_header_may_carry_does_not_repeat_it(self, way, key, wire, make_provider, talk):
        failed = failing(talk, way, make_provider(wire.url, key=lambda: key))
        assert failed.failure is Failure.AUTH
        assert not key or key not in failed.detail
        assert wire.n_connections == 0


@pytest.mark.parametrize("way", ALL)
class TestTime:
    def test_of_the_whole_call_ends_a_stall_before_the_headers(self, way, wire, make_provider, talk):
        wire.steps = [["stall"]]
        failed = failing(talk, way, make_provider(wire.url), Patience(total_s=0.2))
        assert failed.failure is Failure.TIMEOUT
        assert "0.2 s" in failed.detail

    def test_of_the_whole_call_ends_a_stall_within_the_body(self, way, wire, make_provider, talk):
        wire.steps = [[talk.good()[:-20], "stall"]]
        assert failing(talk, way, make_provider(wire.url), Patience(total_s=0.2)).failure is Failure.TIMEOUT

    def test_from_piece_to_piece_ends_a_stall(self, way, wire, make_provider, talk):
        wire.steps = [[talk.good()[:-20], "stall"]]
        failed = failing(talk, way, make_provider(wire.url), Patience(read_s=0.2, total_s=30.0))
        assert (failed.failure, failed.detail) == (Failure.TIMEOUT, "no piece of the answer for 0.2 s")

    @pytest.mark.parametrize("begin", [0, 60])
    def test_of_the_whole_call_ends_a_trickle(self, way, begin, wire, make_provider, talk):
        """A byte at a time, within the headers or within the body, resets every time-out of a socket."""
        raw = talk.good("x" * 500)
        wire.steps = [[raw[:begin], *(step for byte in raw[begin:] for step in (bytes([byte]), 0.03)), "close"]]
        started = time.monotonic()
        failed = failing(talk, way, make_provider(wire.url), Patience(read_s=5.0, total_s=0.4))
        took = time.monotonic() - started
        assert failed.failure is Failure.TIMEOUT
        assert took < 0.03 * len(raw) / 2

    def test_is_not_stretched_by_a_stall_after_a_piece(self, way, wire, make_provider, talk):
        """A wait that begins late is as much shorter: the time-out of a socket alone would start anew."""
        wire.steps = [[talk.good()[:-20], 0.5, b"x", "stall"]]
        started = time.monotonic()
        assert failing(talk, way, make_provider(wire.url), Patience(total_s=0.8)).failure is Failure.TIMEOUT
        assert time.monotonic() - started < 1.25

    def test_counts_the_wait_for_a_free_connection(self, way, wire, make_provider, talk):
        wire.steps = [["stall"]]
        provider = make_provider(wire.url, max_concurrent=1)
        patience, found = Patience(total_s=1.0), []
        if way in {"call", "stream"}:
            first = threading.Thread(target=lambda: found.append(failing(talk, "call", provider, patience)))
            first.start()
            wire.await_asked()
            found.append(failing(talk, way, provider, Patience(total_s=0.2)))
            first.join()
        else:

            async def both():
                first = asyncio.create_task(provider.acall(talk.request_of(), patience))
                await asyncio.to_thread(wire.await_asked)
                with pytest.raises(CallFailed) as caught:
                    await provider.acall(talk.request_of(), Patience(total_s=0.2))
                found.append(caught.value)
                found.append((await asyncio.gather(first, return_exceptions=True))[0])

            asyncio.run(both())
        assert [failed.failure for failed in found] == [Failure.TIMEOUT] * 2
        assert "no free connection" in {failed.detail for failed in found}
        assert len(wire.asked) == 1


def test_a_key_is_in_nothing_that_a_failure_holds(wire, make_provider, talk):
    """Neither the errors of the library nor what they carry hang on it, however it fails."""
    stories = [
        ["close"],
        ["reset"],
        ["stall"],
        [talk.whole({"error": {"message": talk.key}}, "401 No")],
        [b"\x00\r\n\r\n"],
    ]
    stories += [[talk.good()[:-9], "close"], [talk.whole(b"", "302 Found", f"Location: https://{talk.key}/")]]
    for steps in stories:
        for way in ALL:
            wire.steps = [[*steps, "close"]]
            provider = make_provider(wire.url)
            failed = failing(talk, way, provider, Patience(total_s=0.2))
            assert (failed.__cause__, failed.__context__) == (None, None)
            texts = [
                str(failed),
                repr(failed),
                repr(failed.args),
                repr(getattr(failed, "__notes__", "")),
                repr(provider),
            ]
            assert not any(talk.key in text for text in texts)
