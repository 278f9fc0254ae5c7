"""A client in place of OpenAI's raises the errors that its users catch, also for calls that follow a refusal."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from selector import AsyncSelector, Failure, Selector, create_async_client, create_client
from selector.errors import (
    AllAttemptsFailedError,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ContextWindowExceededError,
    DeadlineExceededError,
    EmptyAnswerError,
    InternalServerError,
    NoEligibleModelError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
    ServiceUnavailableError,
)
from selector.testing import FakeProvider, Fault, Reply

ASKED = [{"role": "user", "content": "Hi"}]
MODEL = {"provider": "work", "usd_per_mtok_in": 1, "usd_per_mtok_out": 5, "max_output_tokens": 100}


def config(**sections):
    return {
        "providers": {"work": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}},
        "models": {"haiku": MODEL, "sonnet": MODEL},
        "default_model": "haiku",
        "chains": {"default": ["sonnet"]},
        "fallback": {"retries": 0},
        **sections,
    }


@pytest.fixture
def begin(folder, clock):
    """Open clients of one folder over a scripted provider."""
    opened = []

    def build(script, **sections):
        fakes = {"work": FakeProvider(script)}
        opened.append(Selector.open(config(**sections), state=folder, seed=1, clock=clock, providers=fakes))
        return create_client(selector=opened[-1])

    yield build
    for selector in opened:
        selector.close()


def ask(client, **more):
    return client.chat.completions.create(messages=ASKED, **more)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure.RATE_LIMITED, RateLimitError),
        (Failure.QUOTA_EXHAUSTED, QuotaExceededError),
        (Failure.OVERLOADED, ServiceUnavailableError),
        (Failure.SERVER_ERROR, InternalServerError),
        (Failure.TIMEOUT, APITimeoutError),
        (Failure.CONNECTION, APIConnectionError),
        (Failure.AUTH, AuthenticationError),
        (Failure.NOT_FOUND, NotFoundError),
        (Failure.CONTEXT_TOO_LONG, ContextWindowExceededError),
        (Failure.BAD_REQUEST, BadRequestError),
        (Failure.EMPTY_ANSWER, EmptyAnswerError),
    ],
)
def test_one_kind_of_failure_everywhere_is_that_error(begin, failure, kind, streaming):
    with pytest.raises(kind) as raised:
        ask(begin(failure), stream=streaming)
    assert type(raised.value) is kind
    assert raised.value.failure == failure.value
    assert raised.value.run.status == "blocked"
    assert [attempt.failure for attempt in raised.value.attempts][:1] == [failure]


def test_the_error_comes_from_all_that_was_tried(begin):
    with pytest.raises(RateLimitError, match="sonnet@work: rate_limited") as raised:
        ask(begin(Fault(429, retry_after_s=30)))
    assert isinstance(raised.value.__cause__, AllAttemptsFailedError)
    assert [error.route for error in raised.value.__cause__.exceptions] == ["haiku@work", "sonnet@work"]
    assert raised.value.status_code == 429
    assert raised.value.resets_at is not None


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (Failure.RATE_LIMITED, Failure.QUOTA_EXHAUSTED, RateLimitError),
        (Failure.QUOTA_EXHAUSTED, Failure.RATE_LIMITED, RateLimitError),
        (Failure.SERVER_ERROR, Failure.OVERLOADED, InternalServerError),
        (Failure.CONNECTION, Failure.TIMEOUT, APIConnectionError),
        (Failure.RATE_LIMITED, Failure.SERVER_ERROR, AllAttemptsFailedError),
        (Failure.TIMEOUT, Failure.AUTH, AllAttemptsFailedError),
    ],
)
def test_kinds_that_share_a_name_are_that_error_and_others_are_the_group(begin, first, second, kind):
    with pytest.raises(kind) as raised:
        ask(begin({"haiku": first, "sonnet": second}))
    assert len(raised.value.attempts) == 2


@pytest.mark.parametrize(
    ("failure", "kind"), [(Fault(429, retry_after_s=60), RateLimitError), (Failure.AUTH, ServiceUnavailableError)]
)
def test_a_call_that_follows_at_once_raises_what_a_loop_of_retries_waits_for(begin, clock, failure, kind):
    """Its routes are left alone by then, and no model is eligible: that is no other trouble than before."""
    client = begin([failure, failure, "Paris"])
    with pytest.raises((RateLimitError, AuthenticationError)):
        ask(client)
    with pytest.raises(kind) as raised:
        ask(client)
    assert isinstance(raised.value.__cause__, NoEligibleModelError)
    assert set(raised.value.__cause__.reasons) == {"haiku", "sonnet"}
    clock.now += 3_600
    assert ask(client).choices[0].message.content == "Paris"


def test_what_no_wait_will_mend_stays_what_it_is(begin):
    tools = [{"type": "function", "function": {"name": "add"}}]
    with pytest.raises(NoEligibleModelError, match="tools"):
        ask(begin("Paris"), tools=tools)


def test_a_budget_that_is_spent_is_a_budgets_error(begin):
    client = begin("Paris", budgets=[{"usd": 1e-9, "per": "day", "name": "tiny"}])
    with pytest.raises(BudgetExceededError) as raised:
        ask(client)
    assert raised.value.budget == "tiny"


def test_a_call_that_takes_longer_than_its_time_is_a_time_out(begin):
    with pytest.raises(DeadlineExceededError) as raised:
        ask(begin(Reply("Paris", delay_s=0.5)), timeout=0.05)
    assert isinstance(raised.value, APITimeoutError)


@pytest.mark.parametrize("streaming", [False, True])
def test_an_asynchronous_client_raises_the_same(folder, streaming):
    async def main():
        fakes = {"work": FakeProvider(Failure.RATE_LIMITED)}
        async with AsyncSelector.open(config(), state=folder, seed=1, providers=fakes) as selector:
            with pytest.raises(RateLimitError) as raised:
                await create_async_client(selector=selector).chat.completions.create(messages=ASKED, stream=streaming)
            return raised.value

    error = asyncio.run(main())
    assert isinstance(error.__cause__, AllAttemptsFailedError)
    assert len(error.attempts) == 2


def test_an_asynchronous_call_that_is_cancelled_ends_and_teaches_nothing(folder):
    async def main():
        fake = FakeProvider(Reply("Paris", delay_s=30))
        async with AsyncSelector.open(config(), state=folder, seed=1, providers={"work": fake}) as selector:
            create = create_async_client(selector=selector).chat.completions.create
            calling = asyncio.create_task(create(messages=ASKED))
            await asyncio.sleep(0.1)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            learnt = selector.beliefs().to_pydict()
            return fake.n_open, len(fake.requests), {*learnt["evidence"], *learnt["usage_evidence"]}

    assert asyncio.run(main()) == (0, 1, {0.0})


def test_threads_share_a_client(begin):
    client = begin(lambda request: request.messages[0].text)

    def one(n):
        said = [{"role": "user", "content": str(n)}]
        if n % 2:
            return client.chat.completions.create(messages=said).choices[0].message.content
        chunks = client.chat.completions.create(messages=said, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(100))) == [str(n) for n in range(100)]
