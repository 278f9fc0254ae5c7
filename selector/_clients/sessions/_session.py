"""A conversation by turns: its model is decided once and kept, until there is a reason to change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from selector._clients.calls._drive import Stream, drive
from selector._clients.calls._drive_async import AsyncStream, drive_async
from selector._clients.calls._orders import Checked
from selector._clients.sessions._live import Live
from selector.flows import SessionEvent
from selector.records import Decision, Outcome, Run, Task

__all__ = ["AsyncSession", "Session"]


class Session:
    """A conversation by turns; `Selector.session` begins one.

    Its model is decided once, as any decision is, and then kept with its route and its prompt cache. It is decided
    again when the purpose changes that serves its turns, when `boundary` says so, when its route fails or its quota is
    spent, and when another model is expected to save more than the prompt cache is worth. What a rule forces goes
    before what is kept, for that turn. A turn that keeps its model has the reason ``session`` and is not judged as a
    choice. Rules can ask how it stands: ``session.id``, ``session.turn`` (the one being chosen for), ``session.phase``,
    ``session.n_failures``, and ``session.model``, ``session.provider``, ``session.route`` of the turn before.

    Whoever asks a selector for one id shares the session, threads too: turns are chosen for one after another, each is
    counted, and their calls run side by side. Two processes that use one at once do not share it: each goes on from
    where it took it up, and of what they write down the later holds.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Selector
    >>> price = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}
    >>> config = {
    ...     "models": {"opus": price, "haiku": price},
    ...     "purposes": {"lead": ["opus"], "worker": ["haiku"]},
    ...     "sessions": {"start": "lead", "turns": 2, "then": "worker"},
    ... }
    >>> with tempfile.TemporaryDirectory() as folder, Selector.open(config, state=folder) as selector:
    ...     session = selector.session("repair-7")
    ...     print([session.select(Task("coding")).model for _ in range(4)])
    ...     print(*session.events, sep="; ")
    ['opus', 'opus', 'haiku', 'haiku']
    turn 1, lead: nobody -> opus (the session began); turn 3, worker: opus -> haiku (2 turns of lead)
    """

    def __init__(
        self, live: Live, run: Callable[[Task], Run], record: Callable[[Decision | str, Outcome], None]
    ) -> None:
        self._live, self._run, self._record = live, run, record

    def __repr__(self) -> str:
        return f"Session({self.id!r}, turn={self.turn}, phase={self.phase!r}, route={self.route!r})"

    @property
    def live(self) -> Live:
        """What it is made of."""
        return self._live

    @property
    def id(self) -> str:
        """Its name, under which it goes on in another process."""
        return self._live.id

    @property
    def route(self) -> str | None:
        """The route in use, such as ``sonnet@work``; None: there was no turn yet."""
        return self._live.route

    @property
    def model(self) -> str | None:
        """The model in use; None: there was no turn yet."""
        return self._live.served_by[0]

    @property
    def provider(self) -> str | None:
        """The provider in use; None: there was no turn yet, or the caller makes the calls."""
        return self._live.served_by[1]

    @property
    def phase(self) -> str | None:
        """The purpose that serves, such as ``lead``; None: the session has none."""
        return self._live.phase

    @property
    def turn(self) -> int:
        """How many turns there were."""
        return self._live.turn

    @property
    def n_failures(self) -> int:
        """How many turns failed in a row, since the phase began."""
        return self._live.n_failures

    @property
    def events(self) -> tuple[SessionEvent, ...]:
        """Each change of its route: when, in which turn, from where, to where, why; the last thousand."""
        return self._live.events

    def select(self, task: Task | str) -> Decision:
        """Choose for a turn, whose call the caller makes; see `Selector.select`.

        Parameters
        ----------
        task
            What is to be done, or what is said.

        Returns
        -------
        Decision
            With the reason ``session`` where the model was kept.

        Raises
        ------
        ConfigError
            If it is no task, or one of another session or purpose.
        NoEligibleModelError
            If no model may serve it; then it was no turn.
        BudgetExceededError
            If none fits what is left of a hard budget; likewise.
        """
        return self._live.select(task)

    def run(self, task: Task | str, *, check: Checked = None, params: Mapping[str, object] | None = None) -> Run:
        """Choose for a turn, call its model, go on elsewhere when that fails, and record what came of it.

        Parameters
        ----------
        task, check, params
            As for `Selector.run`; a text is what is said.

        Returns
        -------
        Run
            The answer with everything that was tried.

        Raises
        ------
        SelectorError
            As `Selector.run` does, and `ConfigError` for a task of another session or purpose.
        """
        return drive(self._live.flow(task, check, params), self._run)

    def stream(self, task: Task | str, *, check: Checked = None, params: Mapping[str, object] | None = None) -> Stream:
        """Do what `run` does, and give the answer as it comes; see `Selector.stream`.

        Parameters
        ----------
        task, check, params
            As for `run`.

        Returns
        -------
        Stream
            An iterator; the turn begins when its first event is asked for.
        """
        return Stream(self._live.flow(task, check, params, streaming=True), self._run)

    def consult(
        self, purpose: str, task: Task | str, *, check: Checked = None, params: Mapping[str, object] | None = None
    ) -> Run:
        """Ask a model of another purpose, such as an oracle, without its being a turn: the session's model stays.

        Parameters
        ----------
        purpose
            Whose models; also one whose metadata says ``{on: request}``.
        task, check, params
            As for `run`.

        Returns
        -------
        Run
            The answer.

        Raises
        ------
        SelectorError
            As `Selector.run` does, and `ConfigError` for a purpose that is not configured.
        """
        return drive(self._live.consulted(purpose, task, check, params), self._run)

    def record(self, decision: Decision | str, outcome: Outcome) -> None:
        """Report what came of a turn; see `Selector.record`, which does the same.

        A score below .5 or an error counts as a failure of the turn, also where another process reports it, once that
        is heard of. A request that is wrong everywhere, or was cancelled, says nothing of the model.

        Parameters
        ----------
        decision
            The decision, or its id.
        outcome
            What is known.
        """
        self._record(decision, outcome)

    def boundary(self, why: str) -> None:
        """Say that the prompt cache is of no use any more, so that the next turn decides anew.

        Parameters
        ----------
        why
            Such as ``compaction`` or ``sub-agent``: the reason that a change is given.

        Raises
        ------
        ConfigError
            If it is not a word.
        """
        self._live.boundary(why)


class AsyncSession:
    """A `Session` for asynchronous programs; `AsyncSelector.session` begins one."""

    def __init__(self, session: Session, run: Callable[[Task], Awaitable[Run]]) -> None:
        self._session, self._live, self._run = session, session.live, run

    def __repr__(self) -> str:
        return f"Async{self._session!r}"

    @property
    def id(self) -> str:
        """Its name; see `Session.id`."""
        return self._session.id

    @property
    def route(self) -> str | None:
        """The route in use; see `Session.route`."""
        return self._session.route

    @property
    def model(self) -> str | None:
        """The model in use; see `Session.model`."""
        return self._session.model

    @property
    def provider(self) -> str | None:
        """The provider in use; see `Session.provider`."""
        return self._session.provider

    @property
    def phase(self) -> str | None:
        """The purpose that serves; see `Session.phase`."""
        return self._session.phase

    @property
    def turn(self) -> int:
        """How many turns there were."""
        return self._session.turn

    @property
    def n_failures(self) -> int:
        """How many turns failed in a row; see `Session.n_failures`."""
        return self._session.n_failures

    @property
    def events(self) -> tuple[SessionEvent, ...]:
        """Each change of its route; see `Session.events`."""
        return self._session.events

    def select(self, task: Task | str) -> Decision:
        """Choose for a turn; see `Session.select`."""
        return self._session.select(task)

    async def run(self, task: Task | str, *, check: Checked = None, params: Mapping[str, object] | None = None) -> Run:
        """Choose for a turn, call its model, and record what came of it; see `Session.run`."""
        return await drive_async(self._live.flow(task, check, params), self._run)

    def stream(
        self, task: Task | str, *, check: Checked = None, params: Mapping[str, object] | None = None
    ) -> AsyncStream:
        """Do what `run` does, and give the answer as it comes; see `Session.stream`."""
        return AsyncStream(self._live.flow(task, check, params, streaming=True), self._run)

    async def consult(
        self, purpose: str, task: Task | str, *, check: Checked = None, params: Mapping[str, object] | None = None
    ) -> Run:
        """Ask a model of another purpose; see `Session.consult`."""
        return await drive_async(self._live.consulted(purpose, task, check, params), self._run)

    def record(self, decision: Decision | str, outcome: Outcome) -> None:
        """Report what came of a turn; see `Session.record`."""
        self._session.record(decision, outcome)

    def boundary(self, why: str) -> None:
        """Let the next turn decide anew; see `Session.boundary`."""
        self._session.boundary(why)
