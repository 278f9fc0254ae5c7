"""Running tasks once more on a second model, and having both answers judged, within so many dollars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Event
from typing import NamedTuple

from selector.errors import DataError
from selector.replay.pairs._book import PairBook
from selector.replay.pairs._judge import judge_prompt, read_judge, verdict_of
from selector.replay.pairs._tasks import PairAsked, PairTask

__all__ = ["PairAnswer", "PairCall", "PairDesk", "PairRun"]

_ORDERS = ("judge-1", "judge-2")
_JUDGE_TOKENS = 2_000
_IN_A_ROW = 5
_BYTES_A_TOKEN = 4  # in an answer that is not there yet; what it is then is held for once it is there


class PairCall(NamedTuple):
    """One call."""

    model: str
    step: str
    """``first``, ``second``, ``judge-1`` (the first answer stands first) or ``judge-2``."""
    of: str
    """The task's decision."""
    asked: PairAsked
    max_output_tokens: int | None
    limit_usd: float
    """What is held for it."""


class PairAnswer(NamedTuple):
    """What came of a call."""

    text: str | None
    """None: there is no answer, and `error` says why."""
    usd: float | None
    """What it cost; None: nobody knows, and it is booked at what was held."""
    decision: str | None = None
    """The decision it was logged under."""
    error: str | None = None
    fatal: bool = False
    """Whether no other call would fare better: a budget is spent, or the configuration is wrong."""


@dataclass(frozen=True, slots=True)
class PairDesk:
    """What a run needs done, by whoever can call models."""

    ask: Callable[[PairCall], PairAnswer]
    """Makes a call; may be called from several threads."""
    most: Callable[[PairCall], float | None]
    """The most dollars that a call can cost; None: nothing bounds it."""
    judged: Callable[[str, float], None]
    """Takes in how good the answer of a decision was, from 0 to 1."""
    longest: Callable[[str], int | None] = lambda _model: None
    """The longest answer of a model, in tokens; None: nobody says."""
    tell: Callable[[int, float], None] = lambda _n, _usd: None
    """Is told how many pairs are done, and what was spent."""


@dataclass(slots=True)
class PairRun:
    """Pairs, one after another or some at a time, until the money or the tasks are at an end.

    Parameters
    ----------
    book
        Where everything is written down.
    desk
        Who makes calls.
    max_output_tokens
        The longest answer, where a task does not say; None: as the models' own.

    Attributes
    ----------
    stopped
        Why it ended before the last task; empty: it did not.
    reached
        The key of the first task that was not run; None: all were.
    failed
        Tasks without both answers and verdicts now: another run tries them again.
    """

    book: PairBook
    desk: PairDesk
    max_output_tokens: int | None = None
    stopped: str = ""
    reached: float | None = None
    failed: set[str] = field(default_factory=set)
    _halt: Event = field(default_factory=Event)
    _errors: list[str] = field(default_factory=list)
    _n: int = 0

    def go(self, tasks: Sequence[tuple[float, PairTask]], *, concurrency: int = 1) -> None:
        """Run what is not in the book yet.

        An interruption begins no further call, and waits for those under way to be written down.

        Parameters
        ----------
        tasks
            As `in_order` gives them.
        concurrency
            How many pairs at a time.

        Raises
        ------
        DataError
            If nothing bounds what a call can cost.
        """
        under_way: list[Future[None]] = []
        with ThreadPoolExecutor(concurrency) as pool:
            try:
                for key, task in tasks:
                    if self._is_over(task):
                        continue
                    if self._halt.is_set() or not self._begin(task):
                        self.reached = key
                        break
                    under_way.append(pool.submit(self._pair, task))
                    under_way = _raised(under_way)
                wait(under_way)
            except BaseException:
                self._halt.set()
                raise
        _raised(under_way)
        if self.stopped:
            left = [key for key, task in tasks if not self._is_over(task) and task.id not in self.failed]
            self.reached = min([*left, *([] if self.reached is None else [self.reached])], default=None)

    def _begin(self, task: PairTask) -> bool:
        """Hold the most that a pair can cost, once those before it have left as much."""
        usd = self._rest(task)
        if self.book.hold(task.id, usd, wait=True):
            return True
        left = self.book.cap_usd - self.book.spent_usd
        self.stopped = self.stopped or f"the next pair may cost up to {usd:.3g} USD, and {left:.3g} are left"
        return False

    def _is_over(self, task: PairTask) -> bool:
        """Tell whether nothing is left to be done: both orders are judged, or a step has no answer."""
        facts = [self.book.fact(task.id, step) for step in ("first", "second", *_ORDERS)]
        return any(fact is not None and fact.get("error") for fact in facts) or (
            all(fact is not None for fact in facts[2:]) and self.book.fact(task.id, "told") is not None
        )

    def _pair(self, task: PairTask) -> None:
        """Take a pair as far as it goes."""
        try:
            for step in ("first", "second", *_ORDERS):
                if self._halt.is_set():
                    return
                if self.book.fact(task.id, step) is None and not self._step(task, step):
                    return
            self._told(task)
            self._n += 1
            self._errors.clear()
            self.desk.tell(self._n, self.book.spent_usd)
        except BaseException:
            self._halt.set()
            raise
        finally:
            self.book.release(task.id)

    def _step(self, task: PairTask, step: str) -> bool:
        """Make one call, unless the answer is known; tell whether there is one."""
        if step == "first" and task.asked.answer is not None:
            self.book.settle(task.id, step, 0.0, text=task.asked.answer, decision=task.id, given=True)
            return True
        if not self.book.hold(task.id, self._rest(task)):
            self._stop("a pair that was begun does not fit what is left of the money")
            return False
        call = self._call(task, step)
        call = call._replace(limit_usd=self._most(call))
        self.book.begin(task.id, step, call.limit_usd)
        said = self.desk.ask(call)
        usd = call.limit_usd if said.usd is None else said.usd
        if said.error is None:
            return self._take(task, step, said, usd)
        self.book.void(task.id, step, usd, said.error)
        self.failed.add(task.id)
        self._errors.append(said.error)
        if said.fatal or len(self._errors) >= _IN_A_ROW:
            self._stop(said.error if said.fatal else f"{_IN_A_ROW} pairs in a row failed; the last one: {said.error}")
        return False

    def _stop(self, why: str) -> None:
        self.stopped = self.stopped or why
        self._halt.set()

    def _take(self, task: PairTask, step: str, said: PairAnswer, usd: float) -> bool:
        """Write down an answer; tell whether the pair goes on."""
        facts: dict[str, object] = {"text": said.text, "decision": said.decision}
        if not said.text:
            facts["error"] = "an empty answer"
        elif step in _ORDERS and read_judge(said.text) is None:
            facts["error"] = "a verdict that cannot be read"
        self.book.settle(task.id, step, usd, **facts)
        return "error" not in facts

    def _told(self, task: PairTask) -> None:
        """Report how good both answers were, once."""
        if self.book.fact(task.id, "told") is not None:
            return
        first, second, *orders = (self.book.fact(task.id, step) for step in ("first", "second", *_ORDERS))
        readings = [read_judge(str(order["text"])) for order in orders if order is not None]
        assert first is not None and second is not None and readings[0] is not None and readings[1] is not None  # noqa: S101, PT018
        verdict = verdict_of(readings[0], readings[1])
        for fact, score in ((first, verdict.first), (second, verdict.second)):
            if fact.get("decision") is not None:
                self.desk.judged(str(fact["decision"]), score)
        self.book.settle(task.id, "told", 0.0, **verdict._asdict())

    def _rest(self, task: PairTask) -> float:
        """Return the most that what is left of a pair can cost."""
        steps = [step for step in ("first", "second", *_ORDERS) if self.book.fact(task.id, step) is None]
        if task.asked.answer is not None and "first" in steps:
            steps.remove("first")
        return sum(self._most(self._call(task, step)) for step in steps)

    def _most(self, call: PairCall) -> float:
        found = self.desk.most(call)
        if found is None:
            raise DataError(
                f"nothing bounds what a call of {call.model!r} can cost; give it max_output_tokens and prices in the "
                "configuration, or --max-output-tokens"
            )
        return found

    def _call(self, task: PairTask, step: str) -> PairCall:
        longest = task.max_output_tokens or self.max_output_tokens
        if step in _ORDERS:
            answers = [self._answer(task, side) for side in ("first", "second")]
            a, b = answers if step == _ORDERS[0] else answers[::-1]
            asked = PairAsked(prompt=judge_prompt(task.asked, a, b))
            return PairCall(self.book.plan.judge, step, task.id, asked, _JUDGE_TOKENS, 0.0)
        model = task.first if step == "first" else self.book.plan.second
        return PairCall(model, step, task.id, replace(task.asked, answer=None), longest, 0.0)

    def _answer(self, task: PairTask, side: str) -> str:
        """Give an answer, or one as long as it can be."""
        fact = self.book.fact(task.id, side)
        if fact is not None:
            return str(fact["text"])
        if side == "first" and task.asked.answer is not None:
            return task.asked.answer
        own = self.desk.longest(task.first if side == "first" else self.book.plan.second)
        known = [each for each in (task.max_output_tokens or self.max_output_tokens, own) if each is not None]
        return "x" * (min(known, default=_JUDGE_TOKENS) * _BYTES_A_TOKEN)


def _raised(futures: list[Future[None]]) -> list[Future[None]]:
    """Let what went wrong in those that are done be known; keep the others."""
    for each in futures:
        if each.done():
            each.result()
    return [each for each in futures if not each.done()]
