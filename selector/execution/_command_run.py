"""One call of a command: its files, its process, and what comes of it."""

from __future__ import annotations

import codecs
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from selector.execution._argv import filled
from selector.execution._command_failures import Now, Ran, failure_of
from selector.execution._command_settings import Settings
from selector.execution._estimate import usage_of
from selector.execution._output import Said, read
from selector.execution._process import Bounds, Child, Start
from selector.execution._wire import Answer, CallFailed, Chunk, Request
from selector.records import Failure, Message, Part, TextEvent

__all__ = ["Run"]

_HELD = 400  # characters at the beginning of a stream that are held back: an error is that short
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL", re.IGNORECASE)


@dataclass(eq=False)
class Run:
    """A call from its files to its answer; driven in one thread, and stopped from any."""

    settings: Settings
    """How the command is called, read and understood."""
    request: Request
    """What is asked."""
    bounds: Bounds
    """What it may take."""
    prompt: str = field(repr=False)
    """What it gets."""
    system: str = field(repr=False)
    """What it gets apart; empty: nothing."""
    base: Path
    """Where relative paths begin."""
    _child: Child | None = None
    _own: Path | None = None
    _stopped: bool = False
    _printed: bytearray = field(default_factory=bytearray)
    _shown: int = 0

    def chunks(self, program: str, env: Mapping[str, str], now: Now) -> Generator[Chunk, None, None]:
        """Run it and give its answer as it comes.

        Raises
        ------
        CallFailed
            If there is none; with what came of it and what it used, as far as that is known.
        """
        try:
            start = self._prepare(program, env)
        except OSError as error:
            raise CallFailed(Failure.SPAWN_FAILED, f"its files could not be written: {error.strerror}") from None
        self._child = child = Child(start)
        if self._stopped:
            child.stop()
        try:
            yield from self._pieces(child)
            printed = self._output()
        except CallFailed as failed:
            failed.partial = self._partial()
            raise
        yield from self._told(child, printed, now, _secrets(env))

    def stop(self) -> None:
        """Ask it to stop, without waiting."""
        self._stopped = True
        if self._child is not None:
            self._child.stop()

    def end(self) -> None:
        """End its process, and remove its files; twice is as good as once."""
        try:
            if self._child is not None:
                self._child.end()
        finally:
            if self._own is not None:
                shutil.rmtree(self._own, ignore_errors=True)

    def _prepare(self, program: str, env: Mapping[str, str]) -> Start:
        settings = self.settings
        self._own = own = Path(tempfile.mkdtemp(prefix="selector-"))
        folder = own / "work"
        if settings.workdir is None:
            folder.mkdir(0o700)
        else:
            folder = (self.base / Path(settings.workdir).expanduser()).absolute()
        values = {"model": self.request.route.id, "output_file": str(own / "output"), "workdir": str(folder)}
        if settings.in_file:
            values["prompt_file"] = _written(own / "prompt", self.prompt)
        if self.system:
            values["system_file"] = _written(own / "system", self.system)
        argv = [program, *filled(settings.argv, values)[1:]]
        return Start(argv, env, folder, None if settings.in_file else self.prompt.encode())

    def _pieces(self, child: Child) -> Generator[Chunk, None, None]:
        """Run the process; show what it prints where that is its answer."""
        live = self.settings.output.read_as == "text" and self.settings.output.source == "stdout"
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        kept = ""
        for piece in child.pieces(self.bounds):
            self._printed += piece
            if not live:
                continue
            kept += decoder.decode(piece)
            ready = kept.rstrip()
            if ready and self._shown + len(ready) > _HELD:
                yield TextEvent(ready)
                self._shown += len(ready)
                kept = kept[len(ready) :]

    def _told(self, child: Child, printed: str, now: Now, secrets: Iterable[str]) -> Generator[Chunk, None, None]:
        said = read(self.settings.output, printed)
        ran = Ran(child.code or 0, said, printed, child.stderr.decode(errors="replace"), self.prompt)
        failed = failure_of(ran, self.settings.patterns, now, secrets)
        if failed is not None:
            # A short text is what went wrong and no answer: nothing says that any of it was used.
            used = said.usage != Said().usage or self._shown or len(said.text) > _HELD
            failed.partial = self._answer(said) if used else None
            raise failed
        if said.text[self._shown :]:
            yield TextEvent(said.text[self._shown :])
        yield self._answer(said)

    def _output(self) -> str:
        """Give what it printed, or what it wrote into its file."""
        if self.settings.output.source == "stdout":
            return self._printed.decode(errors="replace")
        path = str(self._own) + "/output"
        try:
            found = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return ""
        with os.fdopen(found, "rb") as file:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                return ""
            data = file.read(self.bounds.most_bytes + 1)
        if len(data) > self.bounds.most_bytes:
            raise CallFailed(
                Failure.INVALID_ANSWER, f"it wrote more than the {self.bounds.most_bytes:,} bytes of max_output_bytes"
            )
        return data.decode(errors="replace")

    def _answer(self, said: Said) -> Answer:
        """Make an answer, with what the command did not say of its use estimated."""
        message = Message(role="assistant", parts=(Part(kind="text", text=said.text),) if said.text else ())
        usage, guess = said.usage, usage_of(self.request, message)
        estimated = usage.input_tokens is None or usage.output_tokens is None
        if usage.input_tokens is None:
            usage = replace(usage, input_tokens=guess.input_tokens)
        if usage.output_tokens is None:
            usage = replace(usage, output_tokens=guess.output_tokens)
        return Answer(message=message, usage=usage, estimated=estimated, snapshot=said.model)

    def _partial(self) -> Answer | None:
        """Give what came before it broke off; None: nothing."""
        if self.settings.output.source == "file" or not self._printed:
            return None
        said = read(self.settings.output, self._printed.decode(errors="replace"))
        return self._answer(said) if said.text or said.usage != Said().usage else None


def _secrets(env: Mapping[str, str]) -> list[str]:
    """Give the values that no message may repeat."""
    return [value for name, value in env.items() if len(value) > 5 and _SECRET.search(name)]


def _written(path: Path, text: str) -> str:
    """Write a file that nobody else may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text.encode())
    return str(path)
