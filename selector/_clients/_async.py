"""The same, for asynchronous programs: what does not touch the network stays plain."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from selector._clients._selector import Selector
from selector._clients.calls._drive_async import AsyncStream, drive_async
from selector._clients.calls._many import many_async
from selector._clients.calls._orders import Checked
from selector._clients.sessions._session import AsyncSession
from selector._clients.telling._status import Status
from selector.config import Config
from selector.execution import Provider
from selector.records import BudgetWarning, Decision, Outcome, Run, Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AsyncSelector"]


class AsyncSelector:
    """A `Selector` for asynchronous programs.

    Choosing and recording take microseconds and are plain calls; ``await`` marks what waits for a disk or a network.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> async def main(folder):
    ...     async with AsyncSelector.open({"models": {"small": {}, "large": {}}}, state=folder, seed=1) as selector:
    ...         decision = selector.select(Task("coding"))
    ...         selector.record(decision, Outcome(score=1, cost_usd=0.002))
    ...         return selector.status().n_outcomes
    >>> import warnings
    >>> with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):   # nobody's prices
    ...     asyncio.run(main(folder))
    1
    """

    def __init__(self, selector: Selector) -> None:
        self._selector = selector

    @classmethod
    def open(
        cls,
        source: object = None,
        *,
        state: str | os.PathLike[str] | None = None,
        seed: int | None = None,
        clock: Callable[[], float] | None = None,
        providers: Mapping[str, Provider] | None = None,
        on_warning: Callable[[BudgetWarning], object] | None = None,
    ) -> Self:
        """Open a state folder under a configuration; see `Selector.open`."""
        return cls(
            Selector.open(source, state=state, seed=seed, clock=clock, providers=providers, on_warning=on_warning)
        )

    def __repr__(self) -> str:
        return f"Async{self._selector!r}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def config(self) -> Config:
        """The configuration that is in force; see `Selector.config`."""
        return self._selector.config

    def select(self, task: Task) -> Decision:
        """Choose a model for a task; see `Selector.select`."""
        return self._selector.select(task)

    async def run(self, task: Task, *, check: Checked = None, params: Mapping[str, object] | None = None) -> Run:
        """Choose a model, call it, go on elsewhere when that fails, and record what came of it; see `Selector.run`.

        Cancelled, the call ends, what is held is let go of, and nothing is recorded but that. A check may be a
        coroutine function.
        """
        return await drive_async(self._selector.flow(task, check, params), self.run)

    def stream(self, task: Task, *, check: Checked = None, params: Mapping[str, object] | None = None) -> AsyncStream:
        """Do what `run` does, and give the answer as it comes; see `Selector.stream`."""
        return AsyncStream(self._selector.flow(task, check, params, streaming=True), self.run)

    async def run_many(
        self,
        tasks: Iterable[Task],
        *,
        concurrency: int = 8,
        check: Checked = None,
        params: Mapping[str, object] | None = None,
        progress: bool = False,
    ) -> list[Run]:
        """Run many tasks, some at a time; see `Selector.run_many`."""

        async def one(task: Task) -> Run:
            return await self.run(task, check=check, params=params)

        return await many_async(one, tasks, concurrency=concurrency, progress=progress)

    def session(
        self,
        id: str | None = None,  # noqa: A002 - the word of its users
        *,
        purpose: str | None = None,
        metadata: Mapping[str, object] | None = None,
        task_type: str | None = None,
    ) -> AsyncSession:
        """Begin a conversation whose model is decided once and kept, or go on with one; see `Selector.session`."""
        session = self._selector.session(id, purpose=purpose, metadata=metadata, task_type=task_type)
        return AsyncSession(session, self.run)

    def record(self, decision: Decision | str, outcome: Outcome) -> None:
        """Report what came of a decision; see `Selector.record`."""
        self._selector.record(decision, outcome)

    def explain(self, decision: Decision | str) -> str:
        """Say why a model was chosen; see `Selector.explain`."""
        return self._selector.explain(decision)

    def beliefs(self) -> pa.Table:
        """Lay out what is believed now; see `Selector.beliefs`."""
        return self._selector.beliefs()

    def status(self) -> Status:
        """Take stock; see `Selector.status`."""
        return self._selector.status()

    def flush(self) -> None:
        """Write down what waits; see `Selector.flush`."""
        self._selector.flush()

    async def close(self) -> None:
        """Write everything down, and let go of the folder."""
        await self._selector.aclose()
