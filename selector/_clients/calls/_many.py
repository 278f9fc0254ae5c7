"""Many runs, some at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from selector.errors import ConfigError, SelectorError
from selector.records import Run, Task

__all__ = ["many", "many_async"]


def many(run: Callable[[Task], Run], tasks: Iterable[Task], *, concurrency: int, progress: bool) -> list[Run]:
    """Run tasks in threads.

    Parameters
    ----------
    run
        Runs one.
    tasks
        All.
    concurrency
        How many at a time.
    progress
        Whether a bar shows how far they are.
    """
    todo = _checked(tasks, concurrency)
    if not todo:
        return []
    with (
        _bar(len(todo), shown=progress) as step,
        ThreadPoolExecutor(min(concurrency, len(todo)), "selector-run") as pool,
    ):

        def one(task: Task) -> Run:
            try:
                found = run(task)
            except SelectorError as error:
                found = _blocked(error)
            step()
            return found

        futures = [pool.submit(one, task) for task in todo]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


async def many_async(
    run: Callable[[Task], Awaitable[Run]], tasks: Iterable[Task], *, concurrency: int, progress: bool
) -> list[Run]:
    """Run tasks on the event loop; see `many`."""
    todo = _checked(tasks, concurrency)
    found: dict[int, Run] = {}
    waiting = iter(enumerate(todo))
    with _bar(len(todo), shown=progress) as step:

        async def some() -> None:
            for place, task in waiting:
                try:
                    found[place] = await run(task)
                except SelectorError as error:
                    found[place] = _blocked(error)
                step()

        workers = [asyncio.ensure_future(some()) for _ in range(min(concurrency, len(todo)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    return [found[place] for place in range(len(todo))]


def _checked(tasks: Iterable[Task], concurrency: object) -> list[Task]:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigError(f"concurrency must be a whole number of at least 1, not {concurrency!r}")
    todo = list(tasks)
    for place, task in enumerate(todo):
        if task.__class__ is not Task:
            raise ConfigError(f"tasks[{place}] must be a Task, not a {type(task).__name__}; write Task(...)")
    return todo


def _blocked(error: SelectorError) -> Run:
    """Give the run of an error, or make one where none was begun."""
    found = getattr(error, "run", None)
    return found if isinstance(found, Run) else Run(status="blocked", error=error)


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Show how far they are, on the error stream."""
    if not shown:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("runs", total=total)
        yield lambda: progress.advance(bar)
