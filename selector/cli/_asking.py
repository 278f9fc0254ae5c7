"""A task on the command line: its kind alone, or its fields as JSON; and the moment that rules are asked about."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, tzinfo

import orjson

from selector import Task
from selector.cli._options import usage_error
from selector.errors import nearest

__all__ = ["moment_of", "task_of"]

_FIELDS = tuple(field.name for field in fields(Task) if field.init)
_YEARS = range(1970, 3000)


def task_of(text: str, id_: str | None = None) -> Task:
    """Read a task.

    Parameters
    ----------
    text
        A task type, or a JSON object with the fields of a `Task`.
    id_
        Its own name, where the text does not give it.

    Raises
    ------
    ConfigError
        If a field has a value that cannot be; a usage error, if it is no task at all.

    Examples
    --------
    >>> task_of("coding", "t-1").id
    't-1'
    >>> task_of('{"type": "coding", "labels": ["docs"]}').labels
    ('docs',)
    """
    if not text.lstrip().startswith(("{", "[", '"')):
        return Task(text.strip(), id=id_)
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise usage_error(
            f'--task is no JSON: {error}; write a task type, or an object such as {{"type": "coding"}}'
        ) from None
    if not isinstance(found, dict):
        raise usage_error('--task must be a task type, or a JSON object such as {"type": "coding"}')
    for name in found:
        if name not in _FIELDS:
            raise usage_error(f"--task: a task has no field {name!r}{nearest(name, _FIELDS)}")
    if "type" not in found:
        raise usage_error('--task: "type" is missing: the kind of task, such as {"type": "coding"}')
    if id_ is not None and found.setdefault("id", id_) != id_:
        raise usage_error(f"--id {id_!r} and the id {found['id']!r} of --task contradict each other; give one of them")
    return Task(**found)


def moment_of(text: str, zone: tzinfo) -> float:
    """Read a moment, in seconds since 1970.

    Examples
    --------
    >>> from datetime import UTC
    >>> moment_of("2026-03-10T23:30", UTC)
    1773185400.0
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise usage_error(f"--at {text!r}: write a date and a time, such as 2026-03-10T23:30")
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).timestamp()
