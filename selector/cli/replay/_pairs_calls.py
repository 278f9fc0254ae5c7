"""The calls of pairs: through a selector, with its providers, budgets and log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from selector import Outcome, Selector, Task
from selector.budgets import NANO, worst_case_nano
from selector.catalog import Catalog, Route
from selector.cli._output import complain
from selector.cli._reading import now
from selector.config import Config, Reference
from selector.errors import (
    AuthenticationError,
    BudgetExceededError,
    ConfigError,
    DataError,
    SelectorError,
    StateError,
    UnknownDecisionError,
)
from selector.records import Run
from selector.replay import PairAnswer, PairCall, PairDesk, own_work

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["default_judge", "desk_of", "most_of"]

_FATAL = (BudgetExceededError, ConfigError, StateError, AuthenticationError)
_TOKENS_A_MESSAGE = 64  # what a provider adds to a message of its own, at most


def desk_of(selector: Selector, source: str, tell: Callable[[int, float], None]) -> PairDesk:
    """Let a selector make the calls of pairs.

    Parameters
    ----------
    selector
        An open one; it may be called from several threads.
    source
        Whose word the grades are, in the log.
    tell
        Is told how many pairs are done, and what was spent.
    """
    catalog = Catalog.of(selector.config)

    def ask(call: PairCall) -> PairAnswer:
        try:
            return _answer(selector.run(_task(catalog, call)), call)
        except SelectorError as error:
            run = error.run if isinstance(error.run, Run) else None
            usd = sum(each.usage.cost_usd or 0.0 for each in run.attempts) if run is not None else 0.0
            return PairAnswer(None, usd, None, f"{call.model}: {error}", isinstance(error, _FATAL))

    def judged(decision: str, score: float) -> None:
        try:
            selector.record(decision, Outcome(score=score, source=source))
        except UnknownDecisionError:
            complain(f"note: the state folder does not have decision {decision}; its grade is in the file alone")

    def most(call: PairCall) -> float | None:
        return most_of(catalog, call)

    def longest(model: str) -> int | None:
        own = [route.max_output_tokens for route in catalog.model(model).routes]
        return min((each for each in own if each is not None), default=None)

    return PairDesk(ask=ask, most=most, judged=judged, longest=longest, tell=tell)


def _task(catalog: Catalog, call: PairCall) -> Task:
    """Write a call as a task: of a type of its own, so that it is taken for nobody's traffic."""
    is_judge = call.step.startswith("judge")
    return Task(
        "judge" if is_judge else "pair",
        prompt=call.asked.prompt,
        messages=None if call.asked.messages is None else [*call.asked.messages],
        system=call.asked.system,
        only=[call.model],
        explore=False,
        purpose="judge" if is_judge else None,
        max_output_tokens=_longest(catalog, call),
        max_cost_usd=call.limit_usd,
        metadata={"pair_of": call.of, "pair_step": call.step},
    )


def _answer(run: Run, call: PairCall) -> PairAnswer:
    by = run.attempts[-1].model
    if by != call.model:
        return PairAnswer(None, run.cost_usd, run.id, f"{by} answered in place of {call.model}: rules or mode say so")
    return PairAnswer(run.text, run.cost_usd, run.id)


def most_of(catalog: Catalog, call: PairCall) -> float | None:
    """Return the most dollars that a call can cost, by whichever route; None: nothing bounds it.

    Parameters
    ----------
    catalog
        With the prices.
    call
        What is asked; no token of its input is shorter than a byte.
    """
    texts = [call.asked.prompt or "", call.asked.system or "", *(repr(each) for each in call.asked.messages or ())]
    n_tokens = sum(len(text.encode("utf-8", "replace")) for text in texts) + _TOKENS_A_MESSAGE * len(texts)
    longest = _longest(catalog, call)
    found = [_most(route, n_tokens, longest) for route in catalog.model(call.model).routes]
    known = [each for each in found if each is not None]
    return max(known) / NANO if len(known) == len(found) else None


def _longest(catalog: Catalog, call: PairCall) -> int | None:
    """Return the longest answer that is asked for: none longer than every route of the model gives."""
    own = [route.max_output_tokens for route in catalog.model(call.model).routes]
    known = [each for each in (call.max_output_tokens, *own) if each is not None]
    return None if call.max_output_tokens is None else min(known)


def _most(route: Route, n_tokens: int, longest: int | None) -> int | None:
    window = route.context_tokens
    is_open = route.is_open_ended
    return worst_case_nano(
        route.prices,
        at=datetime.fromtimestamp(now(), UTC),
        input_tokens=None if is_open else n_tokens if window is None else min(n_tokens, window),
        max_output_tokens=None if is_open else longest or route.max_output_tokens or window,
        max_usd_per_call=route.max_usd_per_call,
    )


def default_judge(config: Config, catalog: Catalog, table: pa.Table, second: str) -> str:
    """Name who judges where nobody is named: never the second model, rather not one that was chosen often.

    Parameters
    ----------
    config
        Its purpose ``judge`` comes first, then the judges of its checks, then the dearest model.
    catalog
        With the models.
    table
        The log.
    second
        The second model.

    Raises
    ------
    DataError
        If there is no third model.
    """
    checks = [each.check.judge for each in config.task_types.values() if each.check and each.check.judge]
    named = [*catalog.purposes.get("judge", ()), *checks]
    for text in named:
        for route in catalog.routes(Reference.parse(str(text))):
            if route.model != second:
                return route.model
    chosen = Counter(name for name, own in zip(table["model"].to_pylist(), own_work(table), strict=True) if not own)
    others = [model for model in catalog if model.enabled and model.name != second]
    unused = [model for model in others if not chosen[model.name]]
    if len(others) < 2:
        raise DataError("no third model is configured to judge the answers of two; add one, and name it with --judge")
    at = datetime.fromtimestamp(now(), UTC)

    def price(route: Route) -> float:
        return route.prices.usd(at=at)["usd_per_mtok_out"] if route.prices is not None else 0.0

    if unused:
        return max(unused, key=lambda model: price(model.route)).name
    return min(others, key=lambda model: chosen[model.name]).name
