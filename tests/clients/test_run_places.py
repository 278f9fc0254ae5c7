"""How many calls run at once at a route: threads and tasks wait for a place, and the deadline counts meanwhile."""

import asyncio
from threading import Lock

import pytest

from selector import AsyncSelector, Failure, Selector, Task
from selector.errors import AllAttemptsFailedError, DeadlineExceededError
from selector.testing import FakeProvider, Reply

MODEL = {"provider": "work", "usd_per_mtok_in": 1, "usd_per_mtok_out": 2}


def config(**model):
    return {
        "providers": {"work": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}},
        "models": {"m": {**MODEL, **model}},
        "fallback": {"retries": 0},
    }


class Counting:
    """Answers after a while, and counts how many calls were under way at once."""

    def __init__(self):
        self.n, self.most, self._lock = 0, 0, Lock()
        self._fake = FakeProvider(Reply("ok", delay_s=0.02))

    def _enter(self, by):
        with self._lock:
            self.n += by
            self.most = max(self.most, self.n)

    def call(self, request, patience):
        self._enter(1)
        try:
            return self._fake.call(request, patience)
        finally:
            self._enter(-1)

    async def acall(self, request, patience):
        self._enter(1)
        try:
            return await self._fake.acall(request, patience)
        finally:
            self._enter(-1)

    def close(self):
        self._fake.close()

    async def aclose(self):
        await self._fake.aclose()


TASKS = [Task("coding", prompt=f"number {i}") for i in range(12)]


@pytest.mark.parametrize(("model", "most"), [({"max_concurrent": 2}, 2), ({}, 12)])
def test_threads_never_make_more_calls_at_once_than_a_route_takes(tmp_path, model, most):
    provider = Counting()
    with Selector.open(config(**model), state=tmp_path, providers={"work": provider}) as selector:
        runs = selector.run_many(TASKS, concurrency=12)
    assert [run.text for run in runs] == ["ok"] * 12
    assert provider.most == 2 if most == 2 else provider.most > 2


def test_tasks_never_make_more_calls_at_once_than_a_route_takes(tmp_path):
    provider = Counting()

    async def main():
        own = config(routes={"work": {"max_concurrent": 3}}, provider=None)
        async with AsyncSelector.open(own, state=tmp_path, providers={"work": provider}) as selector:
            return await selector.run_many(TASKS, concurrency=12)

    assert [run.text for run in asyncio.run(main())] == ["ok"] * 12
    assert provider.most == 3


def test_who_waits_for_a_place_beyond_the_deadline_makes_no_call(tmp_path):
    provider = FakeProvider(Reply("ok", delay_s=0.5))
    with Selector.open(config(max_concurrent=1), state=tmp_path, providers={"work": provider}) as selector:
        tasks = [Task("coding", prompt="first"), Task("coding", prompt="second", deadline_s=0.1)]
        with selector.stream(tasks[0]) as stream:
            next(stream)
            with pytest.raises(DeadlineExceededError) as caught:
                selector.run(tasks[1])
        assert caught.value.attempts[0].failure is Failure.DEADLINE
    assert len(provider.requests) == 1


def test_a_place_is_free_again_after_a_failure_and_after_a_stream_that_was_left(tmp_path):
    provider = FakeProvider([Failure.AUTH, Reply("one two", chunks=["one ", "two"]), "three"])
    with Selector.open(
        config(max_concurrent=1) | {"providers": {"work": {"kind": "openai", "breaker": {"open_s": 0.001}}}},
        state=tmp_path,
        providers={"work": provider},
    ) as selector:
        with pytest.raises(AllAttemptsFailedError):
            selector.run(TASKS[0])
        with selector.stream(TASKS[1]) as stream:
            next(stream)
        assert selector.run(TASKS[2]).text == "three"
