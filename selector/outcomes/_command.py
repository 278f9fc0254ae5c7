"""A check by a program of the user's: it gets the answer, and its exit code is the verdict."""

from __future__ import annotations

import os
from asyncio import get_running_loop, shield, wait
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic
from typing import ClassVar

from selector.errors import ConfigError
from selector.execution import Answer, Bounds, CallFailed, Child, Start
from selector.outcomes._verdict import Needs, Verdict, graded
from selector.records import Failure

__all__ = ["CommandCheck"]

_ANY = 1 << 62
_FILE = "{answer_file}"


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A check by a program: exit code 0 is a pass, any other is none.

    It is the user's own program, and so it runs where the user's program runs, with its environment: a check such as
    ``pytest -q`` looks at the files that are there. It gets the answer on its standard input, and in a file of its
    own where an argument holds ``{answer_file}``. What it prints is not kept. No shell reads its arguments.

    Examples
    --------
    >>> from selector.records import Message
    >>> answer = Answer(message=Message.of({"role": "assistant", "content": "all is well"}))
    >>> CommandCheck(("grep", "-q", "well")).verdict(answer).passed
    True
    """

    argv: tuple[str, ...]
    """The program and its arguments."""
    timeout_s: float = 60.0
    """How long it may take, > 0."""
    needs: ClassVar[Needs] = "command"

    def verdict(self, answer: Answer) -> Verdict:
        """Run it on an answer.

        Raises
        ------
        ConfigError
            If it cannot be started: then there is no verdict.
        """
        with self._started(answer) as child:
            return self._end(child)

    async def averdict(self, answer: Answer) -> Verdict:
        """Run it on an answer, in a thread; who is cancelled ends it, and waits until it is gone.

        Raises
        ------
        ConfigError
            If it cannot be started: then there is no verdict.
        """
        with self._started(answer) as child:
            # A thread of its own ends with the check; one of the loop's would stay.
            threads = ThreadPoolExecutor(1, "selector-check")
            running = get_running_loop().run_in_executor(threads, self._end, child)
            try:
                return await shield(running)
            finally:
                if not running.done():
                    child.stop()
                    await wait([running])
                    running.exception()
                threads.shutdown(wait=True)

    def of_exit(self, code: int) -> Verdict:
        """Read an exit code; a negative one is the signal that ended it.

        Examples
        --------
        >>> CommandCheck(("pytest", "-q")).of_exit(1)
        Verdict(score=0.0, passed=False, source='check', detail="'pytest' ended with exit code 1")
        """
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        return graded(float(code == 0), "check", f"{self.argv[0]!r} ended with {how}")

    @contextmanager
    def _started(self, answer: Answer) -> Iterator[Child]:
        """Make the process that is to be run, and the file where it wants one, for as long as that takes."""
        # Half of a character, which JSON can smuggle in, fits no file.
        said = answer.text.encode("utf-8", "replace")
        if not any(_FILE in each for each in self.argv):
            yield Child(Start(self.argv, os.environ.copy(), Path(), said))
            return
        with NamedTemporaryFile(prefix="selector-answer-") as file:
            file.write(said)
            file.flush()
            argv = [each.replace(_FILE, file.name) for each in self.argv]
            yield Child(Start(argv, os.environ.copy(), Path(), said))

    def _end(self, child: Child) -> Verdict:
        try:
            for _ in child.pieces(Bounds(deadline_s=monotonic() + self.timeout_s, most_bytes=_ANY)):
                pass
        except CallFailed as failed:
            if failed.failure is not Failure.TIMEOUT:
                raise ConfigError(f"the check's command could not be run: {failed.detail}") from None
            return graded(0.0, "check", f"{self.argv[0]!r} was not done within its timeout_s, {self.timeout_s:g}")
        finally:
            child.end()
        return self.of_exit(child.code or 0)
