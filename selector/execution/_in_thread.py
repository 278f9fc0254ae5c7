"""A generator driven in a thread of its own, and read by a task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(work: Generator[T, None, None], stop: Callable[[], None]) -> AsyncGenerator[T, None]:
    """Give what a generator gives, which works in a thread of its own.

    When the reader is cancelled or stops early, the work is asked to stop, and is waited for: the thread and all that
    the work holds are gone before the cancellation goes on.

    Parameters
    ----------
    work
        Not yet begun.
    stop
        Makes the work raise soon; it is called from the event loop and must not wait.

    Yields
    ------
    T
        What the work gives.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[T | None] = asyncio.Queue()

    def tell(piece: T | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens
            loop.call_soon_threadsafe(told.put_nowait, piece)

    def drive() -> None:
        try:
            for piece in work:
                tell(piece)
        finally:
            tell(None)

    with ThreadPoolExecutor(1, "selector-command") as pool:
        done = pool.submit(drive)
        over = False
        try:
            while (piece := await told.get()) is not None:
                yield piece
            over = True
            done.result()  # raises what the work raised
        finally:
            if not over:
                stop()
                await _end_of(told)
                done.exception()


async def _end_of(told: asyncio.Queue[T | None]) -> None:
    """Wait for the end, whoever cancels meanwhile: the cancellation comes after it."""
    cancelled = False
    while True:
        try:
            if await told.get() is None:
                break
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
