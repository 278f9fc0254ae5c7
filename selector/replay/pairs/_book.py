"""The book of a run of pairs: what was asked, answered and paid, line by line, so that nothing is paid twice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Condition
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from selector.errors import DataError

__all__ = ["PairBook", "PairPlan", "judge_in"]

_SCHEMA = "selector.pairs/1"
_NEWLINE = b"\n"


class PairPlan(NamedTuple):
    """What a book is about: the same for all of its runs."""

    second: str
    judge: str
    rates: Mapping[str, float]
    """How often tasks of each type are run, relative to the most often."""
    salt: str
    """What sets its sample apart."""


class PairBook:
    """A file of JSON lines, and the purse of the run.

    A call's hold is written before the call, and what came of it after it: a run that was killed in between has paid
    for that call at most what was held, and so much is booked. What all runs of a book spend together never exceeds
    the cap, as long as no call costs more than the most that it can cost.

    Parameters
    ----------
    path
        The file; it is made, readable by its owner alone, since it has answers in it.
    plan
        What it is about, where it is new.
    cap_usd
        The most that all of its runs may spend together.

    Raises
    ------
    DataError
        If the file is another's.
    """

    def __init__(self, path: Path, plan: PairPlan, cap_usd: float) -> None:
        self.path, self.cap_usd = path, cap_usd
        self._facts: dict[tuple[str, str], dict[str, Any]] = {}
        self._open: dict[tuple[str, str], float] = {}
        self._held: dict[str, float] = {}
        self._spent = 0.0
        self._turn = Condition()
        self.n_lost = 0
        self.plan = plan
        fresh = not path.exists() or not path.stat().st_size
        if not fresh:
            self._read(plan)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if fresh:
            self._write({"kind": "plan", "schema": _SCHEMA, **plan._asdict()})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    @property
    def spent_usd(self) -> float:
        """What its runs have spent, lost calls at what was held for them."""
        return self._spent

    def fact(self, id_: str, step: str) -> dict[str, Any] | None:
        """Give what came of a step of a pair; None: nothing yet."""
        return self._facts.get((id_, step))

    def facts(self, step: str) -> dict[str, dict[str, Any]]:
        """Give what came of a step, by task."""
        return {id_: fact for (id_, of), fact in self._facts.items() if of == step}

    def hold(self, id_: str, usd: float, *, wait: bool = False) -> bool:
        """Hold so much for what is still to be done of a pair, in place of what was held for it.

        Parameters
        ----------
        id_
            Its task.
        usd
            The most that the rest of it can cost.
        wait
            Whether to wait for other pairs, which may cost less than is held for them.

        Returns
        -------
        bool
            False: it does not fit; what was held for the pair is let go of.
        """
        with self._turn:
            self._held.pop(id_, None)
            while self._spent + sum(self._held.values()) + usd > self.cap_usd + 1e-12:
                if not (wait and self._held):
                    self._turn.notify_all()
                    return False
                self._turn.wait()
            self._held[id_] = usd
            self._turn.notify_all()
            return True

    def release(self, id_: str) -> None:
        """Let go of what is held for a pair."""
        with self._turn:
            self._held.pop(id_, None)
            self._turn.notify_all()

    def begin(self, id_: str, step: str, usd: float) -> None:
        """Write down that a call is made that can cost so much."""
        self._write({"kind": "held", "id": id_, "step": step, "usd": usd})

    def settle(self, id_: str, step: str, usd: float, **facts: object) -> None:
        """Write down what came of a call, and what it cost."""
        fact = {"kind": "done", "id": id_, "step": step, "usd": usd, **facts}
        with self._turn:
            self._write(fact)
            self._spend(id_, usd)
            self._facts[id_, step] = fact

    def void(self, id_: str, step: str, usd: float, error: str) -> None:
        """Write down that a call came to nothing, and what it cost; another run tries it again."""
        with self._turn:
            self._write({"kind": "void", "id": id_, "step": step, "usd": usd, "error": error})
            self._spend(id_, usd)

    def _spend(self, id_: str, usd: float) -> None:
        """Count it, and hold so much less for the pair: at no moment are both in the way of others."""
        self._spent += usd
        if id_ in self._held:
            self._held[id_] = max(self._held[id_] - usd, 0.0)
            self._turn.notify_all()

    def _write(self, line: Mapping[str, Any]) -> None:
        data = orjson.dumps(line) + _NEWLINE
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)

    def _read(self, plan: PairPlan) -> None:
        """Take in a book that is there; a last line that was not written to its end is cut off."""
        raw = self.path.read_bytes()
        whole = raw[: raw.rfind(_NEWLINE) + 1]
        lines = [self._line(number, line) for number, line in enumerate(whole.splitlines(), 1)]
        if not lines or lines[0].get("schema") != _SCHEMA:
            raise DataError(f"{self.path} is there, and is no book of pairs; give another file with -o")
        said = lines[0]
        for name in ("second", "judge"):
            if said[name] != getattr(plan, name):
                raise DataError(
                    f"{self.path} has pairs with {said[name]!r} as {name}, not {getattr(plan, name)!r}; give another "
                    "file with -o, or go on with the same one"
                )
        self.plan = plan._replace(rates=said["rates"], salt=said["salt"])
        if len(whole) < len(raw):
            os.truncate(self.path, len(whole))
        for line in lines[1:]:
            self._take(line)
        self._spent += sum(self._open.values())
        self.n_lost = len(self._open)

    def _line(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{self.path}, line {number} is no JSON: {error}; give another file with -o") from None
        return found if isinstance(found, dict) else {}

    def _take(self, line: dict[str, Any]) -> None:
        key = (line["id"], line["step"])
        if line["kind"] == "held":
            self._spent += self._open.pop(key, 0.0)  # a call that was lost before, and is made anew
            self._open[key] = line["usd"]
        else:
            self._open.pop(key, None)
            self._spent += line["usd"]
            if line["kind"] == "done":
                self._facts[key] = line


def judge_in(path: Path) -> str | None:
    """Name the judge of a book of pairs, with whom it goes on.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str or None
        None: it is not there, or no such book.

    Examples
    --------
    >>> judge_in(Path("there-is-none.jsonl")) is None
    True
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        line = file.readline()
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return str(said["judge"]) if isinstance(said, dict) and said.get("schema") == _SCHEMA else None
