"""Results on disk: one file a configuration, named by its hash, written whole, and never written over."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from experiments._sweep import Experiment, Result
from selector.errors import DataError

__all__ = ["SCHEMA", "Kept", "Shelf"]

SCHEMA = "selector.experiment/1"


class Kept(NamedTuple):
    """One result as it was found."""

    result: Result
    code: str
    """Of what it came from."""
    seconds: float
    """What it took."""


class Shelf:
    """The results of one experiment in a folder.

    Parameters
    ----------
    experiment
        Whose results.
    folder
        Where they are; made when the first one is kept.
    """

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        self.experiment, self.folder = experiment, folder
        self.code = experiment.code()

    def path(self, config: Any) -> Path:  # noqa: ANN401 - each experiment has a dataclass of its own
        """Return where a configuration's result is, or will be."""
        return self.folder / f"{self.experiment.digest(config)}.json"

    def find(self, config: Any, *, any_code: bool = False) -> Kept | None:  # noqa: ANN401 - likewise
        """Return a configuration's result; None: there is none yet.

        Parameters
        ----------
        config
            The configuration.
        any_code
            Take also what came from code that has changed since.

        Raises
        ------
        DataError
            The file is not a result, is of another configuration, or came from other code.
        """
        path = self.path(config)
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            kept = Kept(found["result"], found["code"], found["seconds"])
            same = (found["schema"], found["config"]) == (SCHEMA, self._plain(config))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: is not a result of an experiment ({error}); move it away") from error
        if not same:
            raise DataError(f"{path}: is a result of another configuration or format; move it away")
        if kept.code != self.code and not any_code:
            raise DataError(
                f"{path}: came from other code ({kept.code}; it is {self.code} now) and is not written over; "
                "move the folder away, name another with --out, or see what is in it with --table"
            )
        return kept

    def keep(self, config: Any, result: Result, seconds: float) -> None:  # noqa: ANN401 - likewise
        """Write a result down; of two that come at the same time the first one stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(config)
        what = {"schema": SCHEMA, "experiment": self.experiment.name, "config": self._plain(config)}
        what |= {"code": self.code, "seconds": round(seconds, 3), "result": result}
        draft = path.with_suffix(f".{os.getpid()}.part")
        draft.write_text(json.dumps(what, allow_nan=False), encoding="utf-8")
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            self.find(config)
        finally:
            draft.unlink()

    @staticmethod
    def _plain(config: Any) -> Any:  # noqa: ANN401 - as JSON has it: lists for tuples
        return json.loads(json.dumps(dataclasses.asdict(config)))
