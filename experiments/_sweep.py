"""An experiment is three files: configurations as data, one function that runs one, and what is made of all results."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from selector.errors import ConfigError, nearest

__all__ = ["Experiment", "Finding", "Result", "names"]

Result = dict[str, Any]
"""What one configuration gave, as JSON has it: numbers, words, lists and dicts of them, None for nan."""

_FOLDER = Path(__file__).parent
_KEYS = ("configurations", "quick", "jobs", "code")


class Finding(NamedTuple):
    """What an analysis makes of the results."""

    text: str
    """The table, as it is printed."""
    met: bool
    """Whether everything is as it should be."""


def names() -> list[str]:
    """Return the experiments that there are."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/run.py"))


@dataclass(frozen=True, slots=True)
class Experiment:
    """One folder: `sweep.yaml`, `run.py` with `Config` and `run`, `analysis.py` with `analysis`.

    `run` is pure: its result depends on the configuration alone (but where it measures time), so that it may run
    anywhere, in any order, and be kept under the configuration's hash. `analysis` computes nothing again.
    """

    name: str
    folder: Path
    config: type[Any]
    """The dataclass of one configuration."""
    run: Callable[[Any], Result]
    analysis: Callable[[list[tuple[Any, Result]]], Finding]
    sweep: Mapping[str, Any]
    picture: Callable[[list[tuple[Any, Result]], Path], None] | None = None
    """Draws all results into a file; None: there is nothing to draw."""

    @classmethod
    def load(cls, name: str) -> Experiment:
        """Import an experiment by its folder's name.

        Raises
        ------
        ConfigError
            There is none of this name, or its sweep has a key that means nothing.
        """
        import yaml

        if name not in names():
            raise ConfigError(f"there is no experiment {name!r}{nearest(name, names())}", key="name")
        folder = _FOLDER / name
        run = importlib.import_module(f"experiments.{name}.run")
        analysis = importlib.import_module(f"experiments.{name}.analysis")
        sweep = yaml.safe_load((folder / "sweep.yaml").read_text(encoding="utf-8"))
        for key in sweep:
            if key not in _KEYS:
                raise ConfigError(f"means nothing in a sweep{nearest(key, _KEYS)}", key=f"{name}/sweep.yaml: {key}")
        return cls(name, folder, run.Config, run.run, analysis.analysis, sweep, getattr(analysis, "picture", None))

    def configurations(self, *, quick: bool = False, changes: Mapping[str, Any] | None = None) -> list[Any]:
        """Return the sweep's configurations in its order.

        Parameters
        ----------
        quick
            Those of its small form.
        changes
            Fields that are to be other than the sweep says, in every configuration.

        Raises
        ------
        ConfigError
            There is no small form, or no such field.
        """
        key = "quick" if quick else "configurations"
        if key not in self.sweep:
            raise ConfigError("it has no small form; leave --quick out", key=f"{self.name}/sweep.yaml: {key}")
        known = [field.name for field in dataclasses.fields(self.config)]
        found = []
        for entry in self.sweep[key]:
            for field in (*entry, *(changes or {})):
                if field not in known:
                    raise ConfigError(f"no configuration of {self.name} has it{nearest(field, known)}", key=field)
            found += [self.config(**values) for values in _crossed({**entry, **(changes or {})})]
        return found

    def digest(self, config: Any) -> str:  # noqa: ANN401 - each experiment has a dataclass of its own
        """Return the name of a configuration's result: a hash of all its fields, the defaults among them."""
        text = json.dumps([self.name, dataclasses.asdict(config)], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def code(self) -> str:
        """Return a hash of the code that results come from: `run.py` and its like, and the rooms the sweep names."""
        own = [path for path in self.folder.glob("*.py") if path.name not in {"__init__.py", "analysis.py"}]
        rooms = [_FOLDER.parent / "selector" / room for room in self.sweep.get("code", [""])]
        whole = hashlib.sha256()
        for path in sorted({path for room in rooms for path in room.rglob("*.py")} | _with_shared(own)):
            whole.update(path.relative_to(_FOLDER.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return whole.hexdigest()[:12]


def _with_shared(files: list[Path]) -> set[Path]:
    """Return the files, and those beside the experiments' folders that they import, and those that these do."""
    found, new = set(files), set(files)
    while new:
        text = "\n".join(path.read_text(encoding="utf-8") for path in new)
        new = {_FOLDER / f"{name}.py" for name in re.findall(r"from experiments\.(_\w+) import", text)} - found
        new -= {_FOLDER / "_sweep.py"}
        found |= new
    return found


def _crossed(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return all combinations of the values that an entry of a sweep has.

    Examples
    --------
    >>> [one["seed"] for one in _crossed({"file": "a", "seed": {"range": [0, 30, 10]}})]
    [0, 10, 20]
    >>> list(_crossed({"floor": {"each": [0.0, 0.02]}}))
    [{'floor': 0.0}, {'floor': 0.02}]
    """
    every = [_values(value) for value in entry.values()]
    for values in itertools.product(*every):
        yield dict(zip(entry, values, strict=True))


def _values(value: Any) -> list[Any]:  # noqa: ANN401 - what YAML has
    if isinstance(value, dict) and set(value) == {"each"}:
        return list(value["each"])
    if isinstance(value, dict) and set(value) == {"range"}:
        return list(range(*value["range"]))
    return [value]
