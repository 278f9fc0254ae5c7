"""A run: what is called, what it costs, what is held, what its caller gets, and what the log says of it."""

import json
import os

import pytest

from selector import Failure, Outcome, Run, Selector, Task, Usage
from selector.errors import (
    AllAttemptsFailedError,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    CallError,
    ConfigError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    DeadlineExceededError,
    EmptyAnswerError,
    InternalServerError,
    InvalidAnswerError,
    NoEligibleModelError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    SelectorError,
    ServiceUnavailableError,
    StateError,
)
from selector.execution import Answer, CallFailed
from selector.records import Message
from selector.testing import FakeProvider, Fault, Reply

TASK = Task("coding", prompt="Write a parser.")
ERRORS = {
    Failure.RATE_LIMITED: RateLimitError,
    Failure.QUOTA_EXHAUSTED: QuotaExceededError,
    Failure.OVERLOADED: ServiceUnavailableError,
    Failure.SERVER_ERROR: InternalServerError,
    Failure.TIMEOUT: APITimeoutError,
    Failure.CONNECTION: APIConnectionError,
    Failure.AUTH: AuthenticationError,
    Failure.NOT_FOUND: NotFoundError,
    Failure.CONTEXT_TOO_LONG: ContextWindowExceededError,
    Failure.CONTENT_POLICY: ContentPolicyViolationError,
    Failure.INVALID_ANSWER: InvalidAnswerError,
    Failure.EMPTY_ANSWER: EmptyAnswerError,
    Failure.SPAWN_FAILED: APIConnectionError,
}
USED = Usage(input_tokens=100, output_tokens=1_000)


def model(price, provider="work", **more):
    prices = {"usd_per_mtok_in": price, "usd_per_mtok_out": 10 * price}
    return {"provider": provider, "max_output_tokens": 1_000, "context_tokens": 100_000, **prices, **more}


def config(models=None, **sections):
    """Write a configuration of models at one provider, the first of which is chosen."""
    models = models or {"haiku": model(1), "opus": model(5)}
    first = next(iter(models))
    found = {
        "providers": {"work": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}},
        "models": models,
        "default_model": first,
        "chains": {"default": list(models)[1:]},
        "fallback": {"retries": 0},
    }
    return found | sections


@pytest.fixture
def begin(folder, clock):
    """Open selectors on one folder whose provider answers from a script, and close them."""
    opened = []

    def build(script, **sections):
        fake = FakeProvider(script)
        whole = config(**sections)
        selector = Selector.open(
            whole, state=folder, seed=1, clock=clock, providers=dict.fromkeys(whole["providers"], fake)
        )
        opened.append(selector)
        return selector, fake

    yield build
    for selector in opened:
        selector.close()


def spent(selector):
    """Read what a hard budget says was spent and is held, in dollars."""
    words = selector.status().budgets[0].replace(",", "").split()
    return float(words[words.index("spent") - 1]), float(words[words.index("held") - 1])


def test_an_answer_comes_with_its_usage_cost_and_attempt(begin, folder, read_log):
    """What the run says is what the log says."""
    selector, fake = begin(Reply("def parse(): ...", usage=USED, snapshot="haiku-0711"))
    run = selector.run(TASK)
    assert (run.text, run.status, run.error) == ("def parse(): ...", "answered", None)
    assert run.cost_usd == pytest.approx(100e-6 + 1_000 * 10e-6)
    (attempt,) = run.attempts
    assert (attempt.model, attempt.route, attempt.selected_by, attempt.snapshot) == (
        "haiku",
        "haiku@work",
        "rule",
        "haiku-0711",
    )
    assert fake.requests[0].messages[0].text == "Write a parser."
    selector.close()
    log = read_log(folder)
    (usage,) = [event for event in log.reports if event["kind"] == "usage"]
    assert (usage["decision_id"], usage["output_tokens"], usage["nano"]) == (run.id, 1_000, 10_100_000)


@pytest.mark.parametrize("failure", ERRORS)
def test_each_failure_goes_on_to_the_chain_and_is_logged_under_the_decision(begin, failure, folder, read_log):
    selector, _ = begin({"haiku": failure, "opus": "fine"})
    run = selector.run(TASK)
    assert [(each.model, each.failure, each.selected_by) for each in run.attempts] == [
        ("haiku", failure, "rule"),
        ("opus", None, "chain"),
    ]
    assert run.text == "fine"
    selector.close()
    logged = [event for event in read_log(folder).events if event["kind"] == "attempt"]
    assert [(e["attempt"], e["model"], e.get("failure")) for e in logged] == [
        (1, "haiku", failure.value),
        (2, "opus", None),
    ]


@pytest.mark.parametrize("failure", ERRORS)
def test_each_failure_has_the_error_that_users_know(begin, failure):
    """The group holds one error per attempt, each with its route, and the blocked run."""
    selector, _ = begin(failure)
    with pytest.raises(AllAttemptsFailedError) as caught:
        selector.run(TASK)
    error = caught.value
    assert [type(each) for each in error.exceptions] == [ERRORS[failure]] * 2
    assert [each.route for each in error.exceptions] == ["haiku@work", "opus@work"]
    assert isinstance(error.run, Run)
    assert (error.run.status, error.run.error, error.attempts) == ("blocked", error, error.run.attempts)
    assert all(isinstance(each, CallError) and each.failure == failure for each in error.exceptions)


def test_a_refused_key_and_a_forbidden_model_are_told_apart(begin):
    selector, _ = begin({"haiku": Fault(401), "opus": Fault(403)})
    with pytest.raises(AllAttemptsFailedError) as caught:
        selector.run(TASK)
    assert [type(each) for each in caught.value.exceptions] == [AuthenticationError, PermissionDeniedError]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure.BAD_REQUEST, BadRequestError),
        (Failure.DEADLINE, DeadlineExceededError),
        (Failure.BUDGET, AllAttemptsFailedError),
    ],
)
def test_what_ends_a_run_calls_nobody_else(begin, failure, error):
    selector, fake = begin({"haiku": CallFailed(failure, "said so"), "opus": "never"})
    with pytest.raises(error) as caught:
        selector.run(TASK)
    assert [request.route.model for request in fake.requests] == ["haiku"]
    assert caught.value.run.attempts[0].failure is failure
    assert caught.value.run.error is caught.value


def test_reasoning_of_another_model_is_left_out_when_it_is_refused(begin):
    selector, fake = begin([Fault("foreign_reasoning"), "fine"])
    run = selector.run(TASK)
    assert [request.without_reasoning for request in fake.requests] == [False, True]
    assert [each.selected_by for each in run.attempts] == ["rule", "retry"]


CHAINS = {"by_reason": {"not_found": ["d"]}, "by_model": {"haiku": ["c"]}, "coding": ["b"], "default": ["a"]}


@pytest.mark.parametrize(
    ("failure", "left_out", "served_by"),
    [
        (Failure.NOT_FOUND, [], "d"),
        (Failure.AUTH, [], "c"),
        (Failure.AUTH, ["by_model"], "b"),
        (Failure.AUTH, ["by_model", "coding"], "a"),
    ],
)
def test_the_chain_of_the_reason_goes_before_that_of_the_model_the_task_type_and_all(
    begin, failure, left_out, served_by
):
    models = {name: model(price) for price, name in enumerate(("haiku", "a", "b", "c", "d"), 1)}
    chains = {key: chain for key, chain in CHAINS.items() if key not in left_out}
    selector, _ = begin({"haiku": failure, "*": "fine"}, models=models, chains=chains)
    assert [each.model for each in selector.run(TASK).attempts] == ["haiku", served_by]


@pytest.mark.parametrize("entry", ["opus@home", "purpose:lead"])
def test_a_chain_entry_may_be_a_route_or_a_purpose(begin, entry):
    opus = model(5, routes={"home": {"id": "opus"}, "work": {"id": "opus"}})
    del opus["provider"]
    sections = {"purposes": {"lead": ["opus"]}, "chains": {"default": [entry]}}
    providers = dict.fromkeys(("work", "home"), config()["providers"]["work"])
    script = {"haiku": 401, "opus": "fine"}
    selector, _ = begin(script, models={"haiku": model(1), "opus": opus}, providers=providers, **sections)
    assert selector.run(TASK).attempts[-1].model == "opus"


def test_the_policy_goes_on_where_no_chain_is_configured_and_says_how_likely_that_was(begin):
    selector, _ = begin({"haiku": 401, "opus": "fine"}, chains={})
    last = selector.run(TASK).attempts[-1]
    assert (last.model, last.selected_by) == ("opus", "policy")
    assert last.propensity == pytest.approx(1.0)


@pytest.mark.parametrize(("adaptive", "n"), [(True, 2), (False, 1), (None, 1)])
def test_an_empty_chain_is_the_end_unless_the_policy_is_asked(begin, adaptive, n):
    fallback = {"retries": 0} if adaptive is None else {"retries": 0, "adaptive": adaptive}
    selector, fake = begin(401, chains={"default": []}, fallback=fallback)
    with pytest.raises(AllAttemptsFailedError):
        selector.run(TASK)
    assert len(fake.requests) == n


BUDGET = {"budgets": [{"usd": 1, "per": "day"}]}


class TestMoney:
    def test_what_failed_attempts_used_is_booked_with_the_answer(self, begin):
        """The run, the budget and the log agree to the cent."""
        selector, _ = begin({"haiku": Reply("{", usage=USED), "opus": Reply("{}", usage=USED)}, **BUDGET)
        run = selector.run(TASK, check="json")
        assert run.cost_usd == pytest.approx(0.0101 + 0.0505)
        assert [each.usage.cost_usd for each in run.attempts] == pytest.approx([0.0101, 0.0505])
        assert spent(selector) == pytest.approx((0.0606, 0), abs=1e-9)

    @pytest.mark.parametrize(
        "script", [401, Fault("cut"), Failure.BAD_REQUEST, Failure.CANCELLED, Failure.EMPTY_ANSWER]
    )
    def test_a_run_that_used_nothing_holds_nothing(self, begin, script):
        selector, _ = begin(script, **BUDGET)
        with pytest.raises(SelectorError):
            selector.run(TASK)
        assert spent(selector) == (0, 0)

    def test_a_step_that_does_not_fit_what_is_left_is_not_called(self, begin):
        models = {"haiku": model(1), "opus": model(500)}
        selector, fake = begin(401, models=models, **BUDGET)
        with pytest.raises(BudgetExceededError) as caught:
            selector.run(TASK)
        assert [request.route.model for request in fake.requests] == ["haiku"]
        assert caught.value.run.status == "blocked"
        assert caught.value.resets_at is not None
        assert spent(selector) == (0, 0)

    @pytest.mark.parametrize("failing", ["check", "stream"])
    def test_calling_the_same_route_again_never_takes_more_than_the_budget(self, begin, failing):
        """What an earlier call of the same route used is used up, so another worst case must fit beside it."""
        models = {"haiku": model(80)}  # one call costs at most 0.8 USD and a bit
        retries = {"retries": {"invalid_answer": 1, "connection": 1}, "on_midstream_failure": "restart"}
        reply = Reply(chunks=["x" * 800] * 4, usage=USED, fail_after=4 if failing == "stream" else None)
        selector, _ = begin(reply, models=models, fallback=retries, chains={}, **BUDGET)
        ask = selector.run if failing == "check" else lambda task, check: list(selector.stream(task, check=check))
        with pytest.raises(SelectorError):
            ask(TASK, check=lambda _: False)
        used, held = spent(selector)
        assert 0 < used <= 1
        assert held == 0

    @pytest.mark.parametrize("streaming", [False, True])
    def test_an_answer_that_says_nothing_of_its_usage_is_estimated(self, begin, streaming):
        said = Message.of({"role": "assistant", "content": "word " * 100})
        selector, _ = begin(Answer(message=said), **BUDGET)
        run = list(selector.stream(TASK))[-1].run if streaming else selector.run(TASK)
        assert run.attempts[0].estimated
        assert spent(selector) == pytest.approx((run.cost_usd, 0), abs=1e-9)
        assert run.cost_usd > 100 * 10e-6

    def test_the_task_that_fits_nothing_is_refused_before_any_call(self, begin):
        selector, fake = begin("fine", models={"opus": model(500)}, **BUDGET)
        with pytest.raises(BudgetExceededError):
            selector.run(TASK)
        assert fake.requests == []

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
    def test_parameters_cannot_lift_what_was_held(self, begin, name):
        selector, fake = begin("fine", **BUDGET)
        selector.run(TASK, params={name: 100_000})
        assert fake.requests[0].max_output_tokens == 1_000
        assert name not in fake.requests[0].params


class TestWhatIsAsked:
    def test_a_run_needs_something_to_ask(self, begin):
        selector, fake = begin("fine")
        with pytest.raises(ConfigError, match="prompt"):
            selector.run(Task("coding"))
        assert (fake.requests, spent_nothing(selector)) == ([], True)

    @pytest.mark.parametrize("wrong", ["Write a parser.", None, {"type": "coding"}])
    def test_a_task_is_a_task(self, begin, wrong):
        selector, _ = begin("fine")
        for ask in (selector.run, lambda task: list(selector.stream(task)), lambda task: selector.run_many([task])):
            with pytest.raises(ConfigError, match="Task"):
                ask(wrong)

    def test_a_model_without_a_provider_cannot_be_called(self, begin):
        selector, _ = begin("fine", models={"haiku": model(1), "opus": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 1}})
        with pytest.raises(ConfigError, match=r"models\.opus"):
            selector.run(TASK)

    def test_parameters_of_the_call_go_over_those_of_the_model(self, begin):
        selector, fake = begin("fine", models={"haiku": model(1, params={"temperature": 1, "top_p": 0.5})})
        selector.run(TASK, params={"temperature": 0})
        assert fake.requests[0].params == {"temperature": 0, "top_p": 0.5}

    def test_nobody_eligible_is_said_before_any_call(self, begin):
        selector, fake = begin("fine")
        with pytest.raises(NoEligibleModelError):
            selector.run(Task("coding", prompt="hi", needs=["vision"]))
        assert fake.requests == []

    def test_a_closed_selector_calls_nobody(self, begin):
        selector, fake = begin("fine")
        selector.close()
        with pytest.raises(StateError, match="closed"):
            selector.run(TASK)
        assert fake.requests == []


class TestMany:
    def test_runs_come_in_the_order_of_their_tasks_and_blocked_ones_among_the_others(self, begin):
        selector, _ = begin(lambda request: 400 if "7" in request.messages[0].text else request.messages[0].text)
        runs = selector.run_many([Task("coding", prompt=f"n{i}") for i in range(20)], concurrency=5)
        assert [run.text for run in runs] == [None if i in {7, 17} else f"n{i}" for i in range(20)]
        assert [i for i, run in enumerate(runs) if run.status == "blocked"] == [7, 17]
        assert all(isinstance(runs[i].error, BadRequestError) for i in (7, 17))

    def test_the_users_own_exception_surfaces(self, begin):
        selector, _ = begin("fine")

        def check(text):
            raise ZeroDivisionError(text)

        with pytest.raises(ZeroDivisionError):
            selector.run_many([TASK] * 5, concurrency=2, check=check)
        assert selector.run(TASK).text == "fine"

    @pytest.mark.parametrize("wrong", [0, -1, True, 2.0, None])
    def test_concurrency_is_a_whole_number_of_at_least_one(self, begin, wrong):
        selector, _ = begin("fine")
        with pytest.raises(ConfigError, match="concurrency"):
            selector.run_many([TASK], concurrency=wrong)


@pytest.mark.parametrize("provider", ["work", "other"])
def test_a_run_goes_on_under_the_configuration_that_it_began_with(tmp_path, provider):
    """The next model of its chain is gone from the file, or its provider too, when it comes to be called."""
    file = tmp_path / "selector.json"
    providers = dict.fromkeys(("work", "other"), config()["providers"]["work"])
    before = config({"haiku": model(1), "opus": model(5, provider)}, providers=providers)

    def script(request):
        if request.route.model != "haiku":
            return "fine"
        file.write_text(json.dumps(config({"haiku": model(1), "sonnet": model(3)})))
        os.utime(file, (2e9, 2e9))
        selector._reload.look()
        return 401

    file.write_text(json.dumps(before))
    fakes = dict.fromkeys(providers, FakeProvider(script))
    with Selector.open(file, state=tmp_path / "state", seed=1, providers=fakes) as selector:
        run = selector.run(TASK)
        assert selector.status().config_version == 2
    assert [(each.model, each.failure) for each in run.attempts] == [("haiku", Failure.AUTH), ("opus", None)]


def spent_nothing(selector):
    return selector.status().n_decisions == 0


def test_what_a_run_recorded_can_be_reported_again_and_counts_once(begin):
    """`Run.outcome` is what was recorded."""
    selector, _ = begin({"haiku": 401, "opus": Reply("fine", usage=USED)})
    run = selector.run(TASK, check="not_empty")
    before = selector.beliefs().drop_columns(["updated_at"])
    selector.record(run.id, run.outcome)
    assert selector.beliefs().drop_columns(["updated_at"]).equals(before)
    assert json.loads(json.dumps(run.outcome.score)) == 1.0
    assert isinstance(run.outcome, Outcome)
