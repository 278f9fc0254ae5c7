"""Which logged tasks can be run once more: those whose words are known, and are text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from selector.errors import DataError
from selector.replay.logs._own_work import own_work

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PairAsked", "PairTask", "asked_of_events", "pair_tasks", "read_asked", "with_answers"]

_WORDS = ("prompt", "messages", "system")
_TEXT = {"text", "input_text", "output_text"}
_NEEDS = (
    "the log has no prompts; write log_prompts: true under state in the configuration before tasks come, or give them "
    'with --prompts FILE, a line of JSON each: {"id": DECISION or "task_id": TASK, "prompt": "..."}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAsked:
    """What a task asked.

    Examples
    --------
    >>> PairAsked(prompt="2 + 2?").is_text, PairAsked(messages=({"role": "tool", "content": "4"},)).is_text
    (True, False)
    """

    prompt: str | None = None
    """As one text."""
    messages: Sequence[Mapping[str, Any]] | None = None
    """Or as chat messages."""
    system: str | None = None
    """The system prompt."""
    answer: str | None = None
    """What was answered then; None: not known."""
    tools: bool = False
    """Whether the task could call tools."""

    @property
    def is_text(self) -> bool:
        """Whether it is text alone: no tools, no images."""
        return not self.tools and all(_is_text(each) for each in self.messages or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTask:
    """A logged task that can be run once more.

    Examples
    --------
    >>> PairTask(id="a-1", task_type="chat", first="small", asked=PairAsked(prompt="2 + 2?")).first
    'small'
    """

    id: str
    """Its decision."""
    task_type: str
    first: str
    """The model that was chosen."""
    asked: PairAsked
    max_output_tokens: int | None = None
    """The longest answer it allowed."""


def asked_of_events(events: Iterable[Mapping[str, Any]]) -> dict[str, PairAsked]:
    """Collect what tasks asked from a state folder's events.

    Parameters
    ----------
    events
        As `State.events` gives them; those written with ``log_prompts: true`` have the words.

    Returns
    -------
    dict
        By decision.

    Examples
    --------
    >>> asked_of_events([{"kind": "decision", "id": "a-1", "prompt": "2 + 2?"}, {"kind": "usage"}])["a-1"].prompt
    '2 + 2?'
    """
    return {
        event["id"]: _asked(event)
        for event in events
        if event["kind"] == "decision" and (event.get("prompt") or event.get("messages"))
    }


def read_asked(path: Path, table: pa.Table) -> dict[str, PairAsked]:
    """Read what tasks asked from a file.

    Parameters
    ----------
    path
        A line of JSON for each task: ``id`` (the decision) or ``task_id``, ``prompt`` or ``messages``, and perhaps
        ``system``, ``answer`` (what was answered then), ``tools``.
    table
        The log, by which decisions are found for a ``task_id``.

    Returns
    -------
    dict
        By decision.

    Raises
    ------
    DataError
        If a line is none, or no line is of a decision of the log.
    """
    found: dict[str, PairAsked] = {}
    n_lines = 0
    for where, ids, said in _lines(path, table):
        n_lines += 1
        _check_words(said, where)
        found |= {id_: _asked(said) for id_ in ids}
    if not found:
        raise DataError(
            f"{path}: none of its {n_lines:,} lines is of a decision of the log; give its id or its task_id"
        )
    return found


def with_answers(asked: Mapping[str, PairAsked], path: Path, table: pa.Table) -> dict[str, PairAsked]:
    """Add what was answered then from a file.

    Parameters
    ----------
    asked
        What tasks asked, by decision.
    path
        A line of JSON for each task: ``id`` (the decision) or ``task_id``, and ``answer``.
    table
        The log, by which decisions are found for a ``task_id``.

    Returns
    -------
    dict
        By decision; one without an answer stays as it is.

    Raises
    ------
    DataError
        If a line is none, or no line is of a decision with a prompt.
    """
    found = dict(asked)
    n = 0
    for _, ids, said in _lines(path, table):
        if not isinstance(said.get("answer"), str):
            raise DataError(f'{path}: {said} has no text as "answer"')
        for id_ in ids:
            if id_ in found:
                n += 1
                found[id_] = replace(found[id_], answer=said["answer"])
    if not n:
        raise DataError(f"{path}: none of its lines is of a decision that has a prompt; give its id or its task_id")
    return found


def _lines(path: Path, table: pa.Table) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """Give each line with where it is, and the decisions of the log that it is about."""
    own = table["id"].to_pylist()
    known, by_task = {*own}, dict[str, list[str]]()
    for id_, task in zip(own, table["task_id"].to_pylist(), strict=True):
        if task is not None:
            by_task.setdefault(task, []).append(id_)
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            where = f"{path}, line {number}"
            said = _line(line, where)
            ids = by_task.get(str(said.get("task_id")), []) if said.get("id") is None else [str(said["id"])]
            yield where, [id_ for id_ in ids if id_ in known], said


def _line(line: bytes, where: str) -> dict[str, Any]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{where} is no JSON: {error}") from None
    if not isinstance(said, dict) or (said.get("id") is None and said.get("task_id") is None):
        raise DataError(f'{where}: a JSON object with "id" (of the decision) or "task_id" is needed')
    return said


def _check_words(said: Mapping[str, Any], where: str) -> None:
    if isinstance(said.get("prompt"), str) == isinstance(said.get("messages"), list):
        raise DataError(f'{where}: give "prompt", a text, or "messages", a list; one of the two')
    for name in ("system", "answer"):
        if not isinstance(said.get(name), str | None):
            raise DataError(f"{where}: {name!r} is {said[name]!r}; it must be a text")


def _asked(said: Mapping[str, Any]) -> PairAsked:
    messages = said.get("messages")
    return PairAsked(
        prompt=said.get("prompt"),
        messages=None if messages is None else tuple(messages),
        system=said.get("system"),
        answer=said.get("answer"),
        tools=bool(said.get("tools")),
    )


def _is_text(message: object) -> bool:
    if not isinstance(message, Mapping) or message.get("role") in {"tool", "function"} or message.get("tool_calls"):
        return False
    said = message.get("content")
    if isinstance(said, list | tuple):
        return all(isinstance(part, Mapping) and part.get("type") in _TEXT for part in said)
    return said is None or isinstance(said, str)


def pair_tasks(
    table: pa.Table,
    asked: Mapping[str, PairAsked],
    second: str,
    judge: str,
    *,
    callable_now: Collection[str] | None = None,
) -> tuple[list[PairTask], Counter[str]]:
    """Find the tasks that can be run once more.

    Parameters
    ----------
    table
        As `load` gives it.
    asked
        What tasks asked, by decision.
    second
        The other model.
    judge
        Who is to judge; nobody judges an answer of its own.
    callable_now
        The models that can be called; None: all. One that cannot is of use only where its answer is known.

    Returns
    -------
    tasks : list of PairTask
        In the order of time.
    skipped : Counter
        How many others there are, by why.

    Raises
    ------
    DataError
        If no task can be.
    """
    if not asked:
        raise DataError(_NEEDS)
    skipped: Counter[str] = Counter()
    rows = table.select(["id", "task_type", "model", "max_output_tokens"]).to_pylist()
    tasks = []
    for row, own in zip(rows, own_work(table).tolist(), strict=True):
        words = asked.get(row["id"])
        why = _why_not(row["model"], words, second, judge)
        if own:
            why = "not a user's task"
        elif why is None and words is not None and words.answer is None and callable_now is not None:
            why = None if row["model"] in callable_now else "by a model that is not configured any more"
        if why is not None or words is None:
            skipped[str(why)] += 1
            continue
        tasks.append(
            PairTask(
                id=row["id"],
                task_type=row["task_type"],
                first=row["model"],
                asked=words,
                max_output_tokens=row["max_output_tokens"],
            )
        )
    if not tasks:
        said = ", ".join(f"{n:,} {why}" for why, n in skipped.items())
        raise DataError(f"none of the {len(rows):,} tasks can be run on {second!r} once more: {said}")
    return tasks, skipped


def _why_not(first: str, words: PairAsked | None, second: str, judge: str) -> str | None:
    if first == second:
        return "chose the second model already"
    if words is None:
        return "without a prompt"
    if not words.is_text:
        return "with tools or images"
    return "answered by the judge" if first == judge else None
