"""Streams over HTTP, against real sockets: their pieces, their breaks, and what stays when a consumer goes early."""

import asyncio
import gc
import time

import pytest

from selector.execution._wire import Answer, CallFailed, Patience
from selector.records import Failure, TextEvent

WAYS = ("stream", "astream")


def text_of(chunks):
    return "".join(each.text for each in chunks if isinstance(each, TextEvent))


def failing(talk, way, provider, patience=None):
    """Return the failure, and the text that came before it."""
    chunks = []
    with pytest.raises(CallFailed) as caught:
        talk.drive(way, provider, patience or talk.patience, chunks)
    assert not any(isinstance(each, Answer) for each in chunks)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return caught.value, text_of(chunks)


@pytest.mark.parametrize("way", WAYS)
class TestWhole:
    def test_gives_pieces_and_last_of_all_the_answer(self, way, wire, make_provider, talk):
        wire.steps = [talk.told("Pa", "ris\u2028", "🦜")]
        chunks = []
        answer = talk.drive(way, make_provider(wire.url), talk.patience, chunks)
        assert [each.text for each in chunks[:-1]] == ["Pa", "ris\u2028", "🦜"]
        assert (answer.text, answer.finish, answer.usage.output_tokens) == ("Paris\u2028🦜", "stop", 1)
        assert wire.asked[0][1]["stream"] is True

    def test_is_the_same_however_it_is_cut(self, way, wire, make_provider, talk):
        raw = "".join([": ping\n\n", talk.delta("é🦜"), talk.delta("b", "stop"), "data: [DONE]\n\n"])
        raw = raw.replace("\n", "\r\n").encode()
        wire.steps = [[talk.opening(), *(talk.chunk(raw[at : at + 3]) for at in range(0, len(raw), 3)), talk.end]]
        assert talk.drive(way, make_provider(wire.url), talk.patience, []).text == "é🦜b"

    @pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/event-stream; charset=utf-8"])
    def test_counts_for_what_it_is_and_not_for_what_it_says_it_is(self, way, kind, wire, make_provider, talk):
        wire.steps = [[talk.opening(kind), *talk.told("Paris")[1:]]]
        assert talk.drive(way, make_provider(wire.url), talk.patience, []).text == "Paris"

    def test_may_come_as_a_plain_answer(self, way, wire, make_provider, talk):
        wire.steps = [[talk.good("Paris", "X-RateLimit-Remaining-Requests: 7")]]
        chunks = []
        answer = talk.drive(way, make_provider(wire.url), talk.patience, chunks)
        assert (chunks[0], len(chunks)) == (TextEvent("Paris"), 2)
        assert (answer.text, answer.limits[0].remaining) == ("Paris", 7.0)

    @pytest.mark.parametrize("last", ["data: [DONE]\n", "data: [DONE]", "data: [DO", ""])
    @pytest.mark.parametrize("end", [b"0\r\n\r\n", "close", "reset"])
    def test_needs_no_more_than_its_finish(self, way, last, end, wire, make_provider, talk):
        pieces = [talk.chunk(talk.delta("Paris")), talk.chunk(talk.delta(finish="stop"))]
        wire.steps = [[talk.opening(), *pieces, *([talk.chunk(last)] if last else []), 0.05, end, "close"]]
        assert talk.drive(way, make_provider(wire.url), talk.patience, []).text == "Paris"

    def test_does_not_wait_for_a_server_that_forgets_to_end_it(self, way, wire, make_provider, talk):
        wire.steps = [[*talk.told("Paris")[:-1], "stall"]]
        started = time.monotonic()
        assert talk.drive(way, make_provider(wire.url), talk.patience, []).text == "Paris"
        assert time.monotonic() - started < talk.patience.total_s / 2


@pytest.mark.parametrize("way", WAYS)
class TestBroken:
    @pytest.mark.parametrize("last", [b"0\r\n\r\n", "close", "reset"])
    def test_before_any_piece_holds_nothing(self, way, last, wire, make_provider, talk):
        wire.steps = [[talk.opening(), talk.chunk(": ping\n\n"), last, "close"]]
        failed, got = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, failed.partial, got) == (Failure.CONNECTION, None, "")

    @pytest.mark.parametrize("last", [b"0\r\n\r\n", "close", "reset"])
    def test_after_pieces_holds_what_came(self, way, last, wire, make_provider, talk):
        wire.steps = [
            [talk.opening(), talk.chunk(talk.delta("Pa")), talk.chunk(talk.delta("ris")), 0.05, last, "close"]
        ]
        failed, got = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, got) == (Failure.CONNECTION, "Paris")
        assert failed.partial.text == "Paris"
        assert failed.partial.estimated

    def test_within_an_event_is_a_cut_and_no_malformed_event(self, way, wire, make_provider, talk):
        wire.steps = [[talk.opening(), talk.chunk(talk.delta("Pa")), talk.chunk(talk.delta("ris")[:30]), talk.end]]
        failed, got = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, got, failed.partial.text) == (Failure.CONNECTION, "Pa", "Pa")

    @pytest.mark.parametrize("event", ["data: {oops\n\n", "data: [1]\n\n", 'data: {"choices": \n\n'])
    def test_by_a_malformed_event_holds_what_came(self, way, event, wire, make_provider, talk):
        wire.steps = [[talk.opening(), talk.chunk(talk.delta("Pa") + event + talk.delta("ris")), talk.end]]
        failed, got = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, got, failed.partial.text) == (Failure.SERVER_ERROR, "Pa", "Pa")

    def test_by_an_error_that_it_tells_holds_what_came_and_no_key(self, way, wire, make_provider, talk):
        event = f'data: {{"error": {{"message": "overloaded, {talk.key}", "code": 503}}}}\n\n'
        wire.steps = [[talk.opening(), talk.chunk(talk.delta("Pa") + event), talk.end]]
        failed, got = failing(talk, way, make_provider(wire.url))
        assert failed.failure in {Failure.OVERLOADED, Failure.SERVER_ERROR}
        assert (got, failed.partial.text) == ("Pa", "Pa")
        assert "overloaded, ***" in failed.detail
        assert talk.key not in repr(failed.args)

    def test_that_is_a_page_is_a_fault_of_the_server(self, way, wire, make_provider, talk):
        wire.steps = [[talk.opening("text/html"), talk.chunk("<html>\n\nbusy\n\n</html>"), talk.end]]
        failed, _ = failing(talk, way, make_provider(wire.url))
        assert (failed.failure, "text/html" in failed.detail) == (Failure.SERVER_ERROR, True)


@pytest.mark.parametrize("way", WAYS)
class TestTime:
    def test_to_the_first_token_is_not_met_by_signs_of_life(self, way, wire, make_provider, talk):
        signs = [step for _ in range(200) for step in (talk.chunk(": ping\n\n" + talk.delta()), 0.03)]
        wire.steps = [[talk.opening(), *signs, *talk.told("Paris")[1:]]]
        failed, got = failing(talk, way, make_provider(wire.url), Patience(first_token_s=0.3, total_s=60.0))
        assert (failed.failure, failed.detail, got) == (Failure.TIMEOUT, "no first token within 0.3 s", "")

    def test_to_the_first_token_counts_from_the_call(self, way, wire, make_provider, talk):
        wire.steps = [["stall"]]
        failed, _ = failing(talk, way, make_provider(wire.url), Patience(first_token_s=0.2, total_s=60.0))
        assert (failed.failure, failed.detail) == (Failure.TIMEOUT, "no first token within 0.2 s")

    def test_to_the_first_token_is_over_with_it(self, way, wire, make_provider, talk):
        told = talk.told("Pa", "ris")
        wire.steps = [[*told[:2], 0.6, *told[2:]]]
        patience = Patience(first_token_s=0.3, total_s=60.0)
        assert talk.drive(way, make_provider(wire.url), patience, []).text == "Paris"

    def test_from_piece_to_piece_ends_a_stall(self, way, wire, make_provider, talk):
        wire.steps = [[*talk.told("Pa", "ris")[:2], "stall"]]
        failed, got = failing(talk, way, make_provider(wire.url), Patience(read_s=0.2, total_s=60.0))
        assert (failed.failure, failed.detail) == (Failure.TIMEOUT, "no piece of the answer for 0.2 s")
        assert (got, failed.partial.text) == ("Pa", "Pa")

    def test_of_the_whole_call_ends_a_trickle(self, way, wire, make_provider, talk):
        wire.steps = [[talk.opening(), *(step for _ in range(200) for step in (talk.chunk(talk.delta("a")), 0.03))]]
        failed, got = failing(talk, way, make_provider(wire.url), Patience(read_s=5.0, total_s=0.4))
        assert (failed.failure, failed.detail) == (Failure.TIMEOUT, "no whole answer within 0.4 s")
        assert failed.partial.text == got
        assert 0 < len(got) < 100

    def test_that_the_consumer_takes_is_not_the_servers(self, way, wire, make_provider, talk):
        """Who thinks about a piece for longer than pieces may take finds the next one waiting."""
        wire.steps = [talk.told("Pa", "ris")]
        provider, patience = make_provider(wire.url), Patience(read_s=0.2, total_s=60.0)
        if way == "stream":
            pieces = provider.stream(talk.request_of(), patience)
            first = next(pieces)
            time.sleep(0.4)
            rest = list(pieces)
        else:

            async def slowly():
                pieces = provider.astream(talk.request_of(), patience)
                first = await anext(pieces)
                await asyncio.sleep(0.4)
                return first, [each async for each in pieces]

            first, rest = asyncio.run(slowly())
        assert (first, rest[-1].text) == (TextEvent("Pa"), "Paris")


def test_closing_a_stream_early_frees_its_connection(wire, make_provider, talk):
    wire.steps = [[*talk.told("Pa", "ris")[:2], "stall"], [talk.good()]]
    provider = make_provider(wire.url, max_concurrent=1)
    pieces = provider.stream(talk.request_of(), talk.patience)
    assert next(pieces) == TextEvent("Pa")
    pieces.close()
    assert provider.call(talk.request_of(), talk.patience).text == "Paris"


@pytest.mark.parametrize("ends", ["aclose", "cancel", "forget"])
def test_ending_an_async_stream_early_frees_its_connection(ends, wire, make_provider, talk):
    wire.steps = [[*talk.told("Pa", "ris")[:2], "stall"], [talk.good()]]
    provider = make_provider(wire.url, max_concurrent=1)

    async def early():
        pieces = provider.astream(talk.request_of(), talk.patience)
        assert await anext(pieces) == TextEvent("Pa")
        if ends == "aclose":
            await pieces.aclose()
        elif ends == "cancel":
            waiting = asyncio.create_task(anext(pieces))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        del pieces
        return await provider.acall(talk.request_of(), talk.patience)

    assert asyncio.run(early()).text == "Paris"


def test_a_stream_that_nobody_begins_makes_no_call(wire, make_provider, talk):
    provider = make_provider(wire.url)
    pieces = provider.stream(talk.request_of(), talk.patience)
    pieces.close()
    del pieces
    gc.collect()
    assert wire.n_connections == 0


def test_no_time_limit_reaches_into_what_the_consumer_does(wire, make_provider, talk):
    """The consumer's own waits are not cut short, however long they are: the next piece tells that time is over."""
    wire.steps = [talk.told("Pa", "ris")]
    provider = make_provider(wire.url)

    async def consume():
        pieces = provider.astream(talk.request_of(), Patience(total_s=0.2))
        await anext(pieces)
        await asyncio.sleep(0.5)
        await pieces.aclose()
        return "unharmed"

    assert asyncio.run(consume()) == "unharmed"
