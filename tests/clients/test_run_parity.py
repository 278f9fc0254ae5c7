"""One table of scenarios through both selectors, as a call and as a stream: all four come to the same."""

import asyncio
import inspect
from dataclasses import dataclass, field

import pytest

from selector import AsyncSelector, AsyncStream, Failure, Selector, Stream, Task, TextEvent, ToolCall, Usage
from selector.errors import AllAttemptsFailedError, SelectorError
from selector.execution import CallFailed
from selector.testing import FakeProvider, Fault, Reply

WORDS = ["one ", "two ", "three"]
USED = Usage(input_tokens=10, output_tokens=5)
GOOD = Reply(chunks=WORDS, usage=USED)
SCHEMA = {"type": "object", "required": ["n"]}
BROKEN = Reply(chunks=WORDS, fail_after=1, then=Failure.CONNECTION)
CALL = ToolCall(id="call_1", name="add", arguments="{}")
UNABLE = CallFailed(Failure.RATE_LIMITED, "slow down", status=429, retry_after_s=0.01)


@dataclass(frozen=True)
class Scene:
    """What is configured, what is asked, and what the provider says."""

    script: object
    task: dict = field(default_factory=dict)
    check: object = None
    params: dict | None = None
    sections: dict = field(default_factory=dict)
    fallback: dict = field(default_factory=dict)
    n: int = 1


def is_good(text):
    return text == "".join(WORDS)


def raises(_):
    raise ZeroDivisionError


SCENES = {
    "an answer": Scene(GOOD),
    "tools": Scene(Reply("so", tool_calls=[CALL], usage=USED)),
    "tools alone": Scene(Reply(tool_calls=[CALL], usage=USED)),
    "no usage": Scene(Reply(chunks=WORDS, says_usage=False)),
    "parameters": Scene(GOOD, params={"temperature": 0}),
    "parameters that are none": Scene(GOOD, params={"n": 3}),
    "nothing asked": Scene(GOOD, task={"prompt": None}),
    "messages": Scene(
        GOOD, task={"prompt": None, "messages": [{"role": "user", "content": "hi"}], "system": "Be brief."}
    ),
    "nobody eligible": Scene(GOOD, task={"needs": ["vision"]}),
    "a chain": Scene({"haiku": 401, "opus": GOOD}),
    "a chain to its end": Scene(401),
    "a retry": Scene([UNABLE, GOOD], fallback={"retries": 1}),
    "a retry in vain": Scene(UNABLE, fallback={"retries": 1}),
    "the policy": Scene({"haiku": 404, "*": GOOD}, sections={"chains": {}}),
    "one attempt": Scene(500, fallback={"max_attempts": 1}),
    "a bad request": Scene(400),
    "another model's reasoning": Scene([Fault("foreign_reasoning"), GOOD]),
    "too long": Scene({"haiku": Failure.CONTEXT_TOO_LONG, "opus": GOOD}),
    "a policy on content": Scene({"haiku": Failure.CONTENT_POLICY, "opus": GOOD}),
    "an empty answer": Scene({"haiku": Fault("empty"), "opus": GOOD}),
    "a quota": Scene({"haiku": Failure.QUOTA_EXHAUSTED, "opus": GOOD}, n=3),
    "a breaker": Scene({"haiku": 500, "opus": GOOD}, n=7),
    "a time-out": Scene({"haiku": Fault("stall"), "opus": GOOD}, sections={"timeout_s": 0.02}),
    "a deadline": Scene(Fault("stall"), task={"deadline_s": 0.02}),
    "cancelled by the provider": Scene(CallFailed(Failure.CANCELLED)),
    "a budget": Scene({"haiku": 401}, sections={"budgets": [{"usd": 0.2, "per": "day"}], "prices": {"opus": 9_000}}),
    "no budget left": Scene(GOOD, sections={"budgets": [{"usd": 1e-6, "per": "day"}]}),
    "a check that passes": Scene(GOOD, check=is_good),
    "a check in words": Scene({"haiku": Reply("", usage=USED), "opus": GOOD}, check="not_empty"),
    "a check that refuses": Scene(Reply("bad", usage=USED), check=is_good),
    "a check that raises": Scene(GOOD, check=raises),
    "a check that is none": Scene(GOOD, check="jsn"),
    "a schema": Scene({"haiku": Reply("{}"), "opus": Reply('{"n": 1}')}, task={"response_schema": SCHEMA}),
    "a judge": Scene({"haiku": GOOD, "opus": '{"score": 8}'}, check={"judge": "opus"}),
    "a judge in vain": Scene({"haiku": GOOD, "opus": 500}, check={"judge": "opus"}),
    "no escalation": Scene(Reply("bad"), check=is_good, fallback={"escalate_on_failure": False}),
}
STREAMED = {
    "raise": Scene({"haiku": BROKEN, "opus": GOOD}),
    "restart": Scene({"haiku": BROKEN, "opus": GOOD}, fallback={"on_midstream_failure": "restart"}),
    "continue": Scene(
        {"haiku": BROKEN, "opus": Reply(chunks=WORDS[1:])}, fallback={"on_midstream_failure": "continue"}
    ),
    "restart after a check": Scene(
        {"haiku": Reply("bad"), "opus": GOOD}, check=is_good, fallback={"on_midstream_failure": "restart"}
    ),
    "a stall": Scene({"haiku": Fault("stall_body", after=1), "opus": GOOD}, sections={"timeout_s": 0.02}),
}


def config(scene):
    sections = dict(scene.sections)
    priced = {"usd_per_mtok_in": 1_000, "usd_per_mtok_out": 1_000, "max_output_tokens": 100, "context_tokens": 10_000}
    models = {name: {"provider": "work", **priced} for name in ("haiku", "opus")}
    for name, price in sections.pop("prices", {}).items():
        models[name]["usd_per_mtok_out"] = price
    work = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "timeout_s": sections.pop("timeout_s", 60)}
    return {
        "providers": {"work": work},
        "models": models,
        "default_model": "haiku",
        "chains": {"default": ["opus"]},
        "fallback": {"retries": 0} | scene.fallback,
        "policy": {"half_life": None},
        **sections,
    }


def attempts_of(thing):
    """Show what was tried, but for times."""
    return [
        [
            (a.model, a.route, a.selected_by, a.propensity),
            (a.failure, a.detail, a.status, a.score, a.source),
            (a.usage.input_tokens, a.usage.output_tokens, a.usage.cost_usd, a.estimated, a.snapshot),
        ]
        for a in thing.attempts
    ]


def shown(run):
    return run.status, run.text, run.tool_calls, run.cost_usd, attempts_of(run), run.outcome is None


def events_of(events):
    return [(event.type, shown(event.run)) if event.type == "done" else (event.type, event) for event in events]


def told(error):
    """Show an error, but for names of decisions and for times."""
    inner = [(type(e), str(e)) for e in error.exceptions] if isinstance(error, AllAttemptsFailedError) else []
    blocked = getattr(error, "run", None)
    return type(error), str(error).partition(" until ")[0], inner, None if blocked is None else shown(blocked)


def stock(selector):
    status = selector.status()
    beliefs = [
        (row["model"], row["task_type"], row["evidence"], row["score_sum"], row["usage_evidence"])
        for row in selector.beliefs().to_pylist()
    ]
    counts = (status.n_decisions, status.n_outcomes, status.n_judged, status.n_overruns, len(status.health))
    return counts, status.budgets, sorted(beliefs)


def sent(fake):
    return [
        (r.route.name, r.params, r.prefix, r.max_output_tokens, r.without_reasoning, r.system) for r in fake.requests
    ]


def task_of(scene):
    return Task("coding", **{"prompt": "Count to three."} | scene.task)


class Clock:
    def __call__(self):
        return 1.7e9


CAUGHT = (SelectorError, ZeroDivisionError)


def plainly(scene, folder, *, streaming):
    fake, found = FakeProvider(scene.script), []
    with Selector.open(config(scene), state=folder, seed=1, clock=Clock(), providers={"work": fake}) as selector:
        for _ in range(scene.n):
            got = []
            try:
                if streaming:
                    got.extend(selector.stream(task_of(scene), check=scene.check, params=scene.params))
                else:
                    run = selector.run(task_of(scene), check=scene.check, params=scene.params)
                    found.append(shown(run))
            except CAUGHT as error:
                found.append(told(error))
            found.append(events_of(got))
        return found, stock(selector), sent(fake), fake.n_open


def awaited(scene, folder, *, streaming):
    async def main():
        fake, found = FakeProvider(scene.script), []
        opened = AsyncSelector.open(config(scene), state=folder, seed=1, clock=Clock(), providers={"work": fake})
        async with opened as selector:
            for _ in range(scene.n):
                got = []
                try:
                    if streaming:
                        async for event in selector.stream(task_of(scene), check=scene.check, params=scene.params):
                            got.append(event)  # noqa: PERF401 - what came before an error counts
                    else:
                        run = await selector.run(task_of(scene), check=scene.check, params=scene.params)
                        found.append(shown(run))
                except CAUGHT as error:
                    found.append(told(error))
                found.append(events_of(got))
            return found, stock(selector), sent(fake), fake.n_open

    return asyncio.run(main())


@pytest.mark.parametrize("streaming", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize("name", [*SCENES, *STREAMED])
def test_both_selectors_come_to_the_same(name, streaming, tmp_path):
    """Attempts, events, errors, beliefs, budgets, and what was sent to the provider."""
    scene = (SCENES | STREAMED)[name]
    one = plainly(scene, tmp_path / "sync", streaming=streaming)
    other = awaited(scene, tmp_path / "async", streaming=streaming)
    assert one == other
    assert one[-1] == 0


@pytest.mark.parametrize("name", SCENES)
def test_a_stream_comes_to_what_a_call_comes_to(name, tmp_path):
    """Where an answer is refused after it was shown, and nothing may begin anew, a stream ends and a call goes on."""
    scene = SCENES[name]
    if name in {"a schema", "a check that refuses"}:
        scene = Scene(**{**vars(scene), "fallback": {"on_midstream_failure": "restart"}})
    called = plainly(scene, tmp_path / "call", streaming=False)
    streamed = plainly(scene, tmp_path / "stream", streaming=True)
    done = [each[-1][1] if isinstance(each, list) and each and each[-1][0] == "done" else each for each in streamed[0]]
    one = [each for each in called[0] if each != []]
    other = [each for each in done if isinstance(each, tuple)]
    assert one == other
    assert called[1:] == streamed[1:]


def test_many_runs_come_to_the_same_in_both(tmp_path):
    def script(request):
        number = int(request.messages[0].text)
        return 400 if number % 5 == 0 else GOOD if number % 3 or request.route.model == "opus" else 500

    tasks = [Task("coding", prompt=str(i)) for i in range(30)]
    scene = Scene(script, fallback={"max_attempts": 2})

    async def main():
        fake = FakeProvider(script)
        async with AsyncSelector.open(
            config(scene), state=tmp_path / "b", seed=1, providers={"work": fake}
        ) as selector:
            return await selector.run_many(tasks, concurrency=4)

    with Selector.open(
        config(scene), state=tmp_path / "a", seed=1, providers={"work": FakeProvider(script)}
    ) as selector:
        one = selector.run_many(tasks, concurrency=4)
    other = asyncio.run(main())
    for runs in (one, other):
        assert [run.status for run in runs] == ["blocked" if i % 5 == 0 else "answered" for i in range(30)]
    assert [run.text for run in one] == [run.text for run in other]


class Own:
    """A provider of one's own that streams without being a generator."""

    def __init__(self, chunks=None):
        self.chunks = chunks

    def stream(self, *_):
        if self.chunks is None:
            raise CallFailed(Failure.OVERLOADED, "not now")
        return iter(self.chunks)

    async def astream(self, *_):
        for chunk in self.stream():
            yield chunk

    def close(self):
        """Close nothing."""

    async def aclose(self):
        """Close nothing."""


@pytest.mark.parametrize(("chunks", "detail"), [(None, "not now"), ([], ""), ([TextEvent("one ")], "")])
@pytest.mark.parametrize("is_async", [False, True])
def test_whatever_a_provider_of_ones_own_does_is_a_failure_of_its_call(tmp_path, chunks, detail, is_async):
    """It fails at once, or its stream ends without an answer."""

    async def main():
        async with AsyncSelector.open(
            config(Scene(None)), state=tmp_path, seed=1, providers={"work": Own(chunks)}
        ) as selector:
            return [event async for event in selector.stream(Task("coding", prompt="hi"))]

    def plainly():
        with Selector.open(config(Scene(None)), state=tmp_path, seed=1, providers={"work": Own(chunks)}) as selector:
            return list(selector.stream(Task("coding", prompt="hi")))

    with pytest.raises(AllAttemptsFailedError) as caught:
        asyncio.run(main()) if is_async else plainly()
    assert caught.value.attempts[0].failure is not None
    assert detail in caught.value.attempts[0].detail


INTERNAL = {"after_fork", "after_fork_in_parent", "aclose", "before_fork", "flow"}
AWAITED = {"run", "run_many", "close"}


def public(kind):
    return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}


def test_both_selectors_have_the_same_methods():
    assert public(Selector).keys() - INTERNAL == public(AsyncSelector).keys()


@pytest.mark.parametrize("name", sorted(public(AsyncSelector)))
def test_each_method_takes_the_same_parameters_and_waits_only_where_it_says_so(name):
    one, other = public(Selector)[name], public(AsyncSelector)[name]
    if isinstance(one, property):
        assert isinstance(other, property)
        return
    given = [
        [(p.name, p.kind, p.default) for p in inspect.signature(each).parameters.values()] for each in (one, other)
    ]
    assert given[0] == given[1]
    assert inspect.iscoroutinefunction(other) == (name in AWAITED)


def test_both_streams_have_the_same_attributes():
    """The asynchronous one is closed by `aclose`, as all asynchronous iterators are."""
    assert {"close"} == public(Stream).keys() - public(AsyncStream).keys()
    assert {"aclose"} == public(AsyncStream).keys() - public(Stream).keys()
