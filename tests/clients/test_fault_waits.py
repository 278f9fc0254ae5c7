"""What is waited for when a server asks for time, and what is not: against a real server, whole and as a stream."""

import asyncio
from typing import NamedTuple

import pytest

from selector import AsyncSelector, Selector, Task
from selector.errors import AllAttemptsFailedError
from selector.testing import FakeOpenAI, Fault

KINDS = ("openai", "openai-responses", "anthropic")
WAYS = ("run", "arun", "stream", "astream")
SHOWN = "This answer "
PAID = {"bad": (5, 25), "good": (1, 5)}


def nano(model, usage):
    """Return what usage costs, in nano-dollars."""
    read, written = PAID[model]
    return 1_000 * (read * usage.input_tokens + written * usage.output_tokens)


class Ended(NamedTuple):
    """What came of one run."""

    run: object
    error: Exception | None
    events: list

    @property
    def steps(self):
        return [(each.model, each.failure and each.failure.value, each.selected_by) for each in self.run.attempts]


class Servers:
    """A server that is unwell, a healthy one, and a run between them."""

    def __init__(self, folder, bad, good):
        self.folder, self.bad, self.good = folder, bad, good

    def __call__(self, way, *, kind="openai", chain=("good",), deadline_s=None, **fallback):
        model = {"max_output_tokens": 100, "context_tokens": 10_000}
        config = {
            "providers": {
                "unwell": {"kind": kind, "base_url": self.bad.base_url},
                "well": {"kind": kind, "base_url": self.good.base_url},
            },
            "models": {
                name: {"provider": at, **model, "usd_per_mtok_in": read, "usd_per_mtok_out": written}
                for (name, (read, written)), at in zip(PAID.items(), ("unwell", "well"), strict=True)
            },
            "purposes": {"lead": ["bad"]},
            "budgets": [{"usd": 1, "per": "total"}],
            "chains": {"default": list(chain)},
            "fallback": fallback,
        }
        task = Task("coding", prompt="The capital of France?", purpose="lead", deadline_s=deadline_s)
        events = []
        try:
            run = self._sync(way, config, task, events) if way in {"run", "stream"} else None
            run = run or asyncio.run(self._async(way, config, task, events))
        except AllAttemptsFailedError as error:
            return Ended(error.run, error, events)
        return Ended(run, None, events)

    def _sync(self, way, config, task, events):
        with Selector.open(config, state=self.folder, seed=1) as selector:
            try:
                if way == "run":
                    return selector.run(task)
                events.extend(selector.stream(task))
                return events[-1].run
            finally:
                self._look(selector)

    async def _async(self, way, config, task, events):
        async with AsyncSelector.open(config, state=self.folder, seed=1) as selector:
            try:
                if way == "arun":
                    return await selector.run(task)
                async for event in selector.stream(task):
                    events.append(event)
                return events[-1].run
            finally:
                self._look(selector._selector)

    def _look(self, selector):
        till = selector._core.budget.hard[0]
        self.held, self.spent = till.held, till.spent

    @property
    def billed(self):
        """What both servers say is to be paid, in nano-dollars."""
        return nano("bad", self.bad.billed) + nano("good", self.good.billed)


@pytest.fixture
def servers(folder):
    """Start both servers, the first with a script."""
    started = []

    def start(script):
        started.extend([FakeOpenAI(script), FakeOpenAI("Paris")])
        for server in started:
            server.__enter__()
        return Servers(folder, *started)

    yield start
    for server in started:
        server.__exit__(None, None, None)


ONCE = {
    "429, Retry-After: 0.1": (Fault(429, retry_after_s=0.1), "rate_limited", 0.1),
    "429, retry-after-ms: 100": (Fault(429, message="slow", headers={"retry-after-ms": "100"}), "rate_limited", 0.1),
    "503, Retry-After: 0.2": (Fault(503, retry_after_s=0.2), "overloaded", 0.2),
    "529": (529, "overloaded", 0),
    "500": (500, "server_error", 0),
    "reset": (Fault("reset"), "connection", 0),
    "cut before the first token": (Fault("cut", after=0), "connection", 0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("fault", "failure", "wait_s"), ONCE.values(), ids=list(ONCE))
def test_a_short_wait_is_waited_for_and_the_same_route_answers(way, fault, failure, wait_s, servers):
    talk = servers([fault, "Paris"])
    ended = talk(way)
    assert ended.steps == [("bad", failure, "policy"), ("bad", None, "retry")]
    assert ended.run.text == "Paris"
    first, second = (request.at_s for request in talk.bad.requests)
    assert second - first >= wait_s
    assert talk.good.requests == []
    assert [event.type for event in ended.events if event.type == "switched"] == []
    assert (talk.spent, talk.held) == (talk.billed, 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("wait_s", "deadline_s"), [(60, None), (60, 300), (3, 2)], ids=["long", "long, time enough", "beyond the deadline"]
)
class TestALongWait:
    @pytest.mark.parametrize("message", ["slow down", None], ids=["", "though the body names a shorter one"])
    def test_goes_elsewhere_at_once(self, way, wait_s, deadline_s, message, servers):
        talk = servers([Fault(429, message=message, retry_after_s=wait_s), "late"])
        ended = talk(way, deadline_s=deadline_s)
        assert ended.steps == [("bad", "rate_limited", "policy"), ("good", None, "chain")]
        assert ended.run.text == "Paris"
        assert ended.run.latency_s < wait_s / 2
        assert len(talk.bad.requests) == 1
        assert (talk.spent, talk.held) == (talk.billed, 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("wait_s", "deadline_s"), [(3600, None), (3, 2)], ids=["an hour", "beyond the deadline"])
def test_where_nobody_else_is_left_nobody_waits_in_vain(way, wait_s, deadline_s, servers):
    talk = servers([Fault(429, message="slow down", retry_after_s=wait_s), "late"])
    ended = talk(way, chain=(), deadline_s=deadline_s)
    assert [each.model for each in ended.run.attempts] == ["bad"]
    assert isinstance(ended.error, AllAttemptsFailedError)
    assert ended.error.exceptions[0].resets_at is not None
    assert ended.run.latency_s < wait_s / 2
    assert (talk.spent, talk.held, len(talk.bad.requests)) == (0, 0, 1)


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("midstream", ["raise", "restart", "continue"])
@pytest.mark.parametrize("kind_of_fault", ["cut", "error_event", "malformed_sse"])
def test_a_stream_that_breaks_off_goes_on_as_configured(way, kind, midstream, kind_of_fault, servers):
    talk = servers(Fault(kind_of_fault))
    ended = talk(way, kind=kind, on_midstream_failure=midstream, retries=0)
    text = "".join(event.text for event in ended.events if event.type == "text")
    switches = [event.restarted for event in ended.events if event.type == "switched"]
    broke = ended.run.attempts[0]
    assert broke.estimated
    assert broke.usage.output_tokens == len(SHOWN) // 4
    assert (talk.spent, talk.held) == (nano("bad", broke.usage) + nano("good", talk.good.billed), 0)
    if midstream == "raise":
        assert (text, switches, ended.run.status, talk.good.requests) == (SHOWN, [], "blocked", [])
        return
    continues = midstream == "continue" and kind != "openai-responses"
    assert (text, switches) == (SHOWN + "Paris", [not continues])
    assert ended.run.text == (SHOWN + "Paris" if continues else "Paris")
    sent = str(talk.good.requests[0].body)
    assert (SHOWN.strip() in sent) == continues
