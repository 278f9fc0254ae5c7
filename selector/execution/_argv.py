"""Arguments of a command: placeholders filled in, and what has nothing to fill it with left out."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from selector.execution._wire import CallFailed
from selector.records import Failure

__all__ = ["filled", "named", "program"]

_PLACE = re.compile(r"\{(model|prompt_file|output_file|system_file|workdir)\}")


def named(argv: Sequence[str]) -> frozenset[str]:
    """Tell which placeholders stand in arguments.

    Examples
    --------
    >>> sorted(named(["agent", "--model={model}", '{"a": 1}', "{out}"]))
    ['model']
    """
    return frozenset(name for argument in argv for name in _PLACE.findall(argument))


def filled(argv: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Put values in the place of ``{model}``, ``{prompt_file}``, ``{output_file}``, ``{system_file}``, ``{workdir}``.

    Each is put in once and never looked at again, so a value that holds a placeholder stays as it is; all other
    braces stay too, and none is escaped: ``{{model}}`` becomes ``{opus}``. An argument with a placeholder that has no
    value is left out, and so is the option before it where the placeholder is the whole argument: without a system
    prompt nothing stays of ``--system {system_file}`` or of ``--system={system_file}``.

    Parameters
    ----------
    argv
        The program and its arguments.
    values
        By the name of their placeholder; one that is missing or empty has no value.

    Returns
    -------
    list
        What the program is called with.

    Examples
    --------
    >>> filled(["agent", "-m", "{model}", "--system", "{system_file}", '{"a": 1}'], {"model": "opus"})
    ['agent', '-m', 'opus', '{"a": 1}']
    >>> filled(["agent", "--model={model}"], {"model": "{workdir}", "workdir": "here"})
    ['agent', '--model={workdir}']
    """
    found: list[str] = []
    for argument in argv:
        if all(values.get(name) for name in _PLACE.findall(argument)):
            found.append(_PLACE.sub(lambda place: values[place[1]], argument))
        elif _PLACE.fullmatch(argument) and len(found) > 1 and found[-1].startswith("-"):
            found.pop()
    return found


def program(name: str, path: str | None, folder: Path) -> str:
    """Find a program: by its name on a path, or by its own path, which is relative to the configuration's folder.

    Parameters
    ----------
    name
        What the arguments begin with.
    path
        The ``PATH`` that the child sees; None: the system's own.
    folder
        Where the configuration lies.

    Returns
    -------
    str
        Where it is.

    Raises
    ------
    CallFailed
        ``spawn_failed`` if there is none that may be run.

    Examples
    --------
    >>> program("no-such-program", "/usr/bin:/bin", Path())
    Traceback (most recent call last):
    selector.execution._wire.CallFailed: spawn_failed: no program 'no-such-program' on the PATH that the command sees
    """
    if os.sep in name:
        found = shutil.which(folder / Path(name).expanduser())
        where = f"at {name!r}, which is relative to the folder of the configuration"
    else:
        found = shutil.which(name, path=os.defpath if path is None else path)
        where = f"{name!r} on the PATH that the command sees"
    if found is None:
        raise CallFailed(Failure.SPAWN_FAILED, f"no program {where}")
    return os.path.abspath(found)  # noqa: PTH100 - a link keeps its name, by which some programs know what they are
