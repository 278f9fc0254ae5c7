"""The sessions of one selector, by their names and by their turns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from weakref import WeakValueDictionary

from selector._clients._core import Core
from selector._clients.sessions._live import Live, Verbs
from selector._clients.sessions._session_log import line, taken_up
from selector.config import Config
from selector.errors import ConfigError
from selector.flows import Course, Purposes, Switches
from selector.records import Outcome, Task

__all__ = ["Sessions"]

_MOST_LIVE, _MOST_TURNS, _SHOWN = 1_000, 20_000, 10


class Sessions:
    """The sessions of one selector.

    Parameters
    ----------
    core
        Who chooses and keeps.
    config
        Gives the configuration that is in force.
    verbs
        How tasks are chosen for and run.
    """

    def __init__(self, core: Core, config: Callable[[], Config], verbs: Verbs) -> None:
        self._core, self._verbs = core, verbs
        self._purposes = Purposes(config, lambda: core.mind.plan.catalog)
        self._lock, self._n = Lock(), 0
        self._every: WeakValueDictionary[str, Live] = WeakValueDictionary()
        self._recent: OrderedDict[str, Live] = OrderedDict()
        self._turns: OrderedDict[str, Live] = OrderedDict()
        core.engine.session_fact = self._fact

    def open(
        self, id_: str | None, *, purpose: str | None, metadata: Mapping[str, object] | None, task_type: str | None
    ) -> Live:
        """Begin a session, or go on with the one of that name; two that ask for one name share it.

        Raises
        ------
        ConfigError
            If the name, the purpose, the metadata or the task type is none.
        """
        facts = _checked(id_, metadata, "chat" if task_type is None else task_type)
        if purpose is not None:
            self._purposes.check(purpose, "session.purpose")
        with self._lock:
            self._n += id_ is None
            name = f"{self._core.engine.prefix}-s{self._n}" if id_ is None else id_
            found = self._every.get(name)
            if found is None:
                course, switches, since = (Course(), Switches(), 0.0) if id_ is None else taken_up(self._core, name)
                if purpose is None and course.own is not None:
                    self._purposes.check(course.own, "session.purpose")
                found = self._every[name] = Live(self._core, self._verbs, self._purposes, self._belongs, name)
                found.go_on(course, switches, since)
                for decision in course.decisions:
                    self._note(decision, found)
            self._recent[name] = found
            self._recent.move_to_end(name)
            if len(self._recent) > _MOST_LIVE:
                self._recent.popitem(last=False)
        found.dress(purpose, facts, task_type)
        return found

    def _belongs(self, decision: str, live: Live) -> None:
        with self._lock:
            self._note(decision, live)

    def _note(self, decision: str, live: Live) -> None:
        self._turns[decision] = live
        if len(self._turns) > _MOST_TURNS:
            self._turns.popitem(last=False)

    def heard(self, decision: str, outcome: Outcome) -> None:
        """Tell the session of a turn what was reported of it."""
        live = self._turns.get(decision)
        if live is not None:
            live.heard(decision, outcome)

    def _fact(self, session: str, name: str) -> object:
        """Tell rules what they ask of a session; None: there is none, or no such fact."""
        live = self._every.get(session)
        return None if live is None else live.fact(name)

    def lines(self) -> tuple[str, ...]:
        """Say how the latest sessions stand, the latest last."""
        with self._lock:
            latest = [live for live in self._recent.values() if live.events][-_SHOWN:]
        return tuple(line(live.id, live.events[-1]) for live in latest)

    def after_fork(self) -> None:
        """Go on in a forked child: no thread of the parent holds anything there."""
        self._lock = Lock()
        for live in self._every.values():
            live.after_fork()


def _checked(id_: object, metadata: object, task_type: object) -> Mapping[str, object]:
    """Refuse what is no name, no type or no metadata, in the words of a session."""
    if id_ is not None and (not isinstance(id_, str) or not id_.strip()):
        raise ConfigError(f"session.id must be a word, not {id_!r}; leave it out for a new one")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise ConfigError(f"session.metadata must be a mapping, such as {{'user': 'ada'}}, not {metadata!r}")
    return Task(task_type, metadata=metadata or {}, session=id_).metadata  # type: ignore[arg-type]  # it checks
