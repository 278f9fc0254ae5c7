"""The library call: open, select, record, explain, close."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from selector._clients._core import Core, name_of
from selector._clients._keeper import Keeper
from selector._clients._lasting import Lasting
from selector._clients._open import configured, open_core, state_path
from selector._clients._opened import Opened
from selector._clients._randomness import Randomness
from selector._clients._reload import Reload
from selector._clients.calls._caller import Caller
from selector._clients.calls._conduct import Flow
from selector._clients.calls._drive import Stream, drive
from selector._clients.calls._many import many
from selector._clients.calls._orders import Checked
from selector._clients.choice._holds import HeldTask, Hold
from selector._clients.learning._rebuild import drop_old
from selector._clients.money._herald import Herald
from selector._clients.sessions._live import Verbs
from selector._clients.sessions._session import Session
from selector._clients.sessions._sessions import Sessions
from selector._clients.telling._history import told
from selector._clients.telling._status import Status, status_of
from selector.config import Config
from selector.errors import ConfigError
from selector.execution import Provider
from selector.records import BudgetWarning, Decision, Outcome, Run, Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Selector"]

Clock = Callable[[], float]


class Selector(Lasting):
    """Picks which model does each task, and learns from what comes of it.

    Open it with `Selector.open`; it may be shared by threads, and survives a fork. What was reported is kept in a
    folder, and the next process goes on from there.

    Examples
    --------
    >>> import tempfile
    >>> models = {"small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.4},
    ...           "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Selector.open({"models": models, "budgets": [{"usd_per_request": 0.002}]}, state=folder) as selector:
    ...         decision = selector.select(Task("coding", input_tokens=1_200))
    ...         selector.record(decision, Outcome(output_tokens=850, latency_s=2.1))      # usage now
    ...         selector.record(decision.id, Outcome(success=True, source="tests"))       # the judgement later
    ...     with Selector.open({"models": models}, state=folder) as selector:
    ...         selector.status().n_outcomes
    1
    """

    def __init__(
        self,
        core: Core,
        opened: Opened,
        randomness: Randomness,
        reload: Reload | None = None,
        providers: Mapping[str, Provider] | None = None,
        on_warning: Callable[[BudgetWarning], object] | None = None,
    ) -> None:
        self._config, self._reload = opened.config, reload
        core.budget.warn = Herald(on_warning)
        caller = Caller(core, opened, lambda: self.config, providers or {}, randomness.waits())
        keeper = Keeper(core, lambda: drop_old(core, self.config), self._look)
        sessions = Sessions(core, lambda: self.config, Verbs(self._choose, self.flow))
        super().__init__(core, caller, keeper, sessions, randomness)

    @classmethod
    def open(
        cls,
        source: object = None,
        *,
        state: str | os.PathLike[str] | None = None,
        seed: int | None = None,
        clock: Clock | None = None,
        providers: Mapping[str, Provider] | None = None,
        on_warning: Callable[[BudgetWarning], object] | None = None,
    ) -> Self:
        """Open a state folder under a configuration.

        Parameters
        ----------
        source
            The path of a configuration file, a mapping, or a `Config`. None: the file that ``SELECTOR_CONFIG`` or
            ``ORCHESTRATOR_CONFIG`` names, else ``selector.yaml`` here, else what the environment (goose's variables,
            keys such as ``OPENAI_API_KEY``) allows. Variables such as ``SELECTOR_POLICY__FLOOR`` count before a file;
            `selector.config.in_force` has the whole order.
        state
            The state folder; None: ``SELECTOR_STATE``, else as configured, else ``./selector-state``.
        seed
            Of all choices, >= 0; None: no two runs are alike.
        clock
            The time in seconds since 1970; None: the system's.
        providers
            What stands in for configured providers, by name, such as a `selector.testing.FakeProvider`.
        on_warning
            Is called in the background with each `BudgetWarning`, which the logger ``selector`` has too.

        Returns
        -------
        Selector
            Use it in a ``with`` block, or `close` it.

        Raises
        ------
        ConfigError
            If the configuration is wrong; it names the place, the value and the remedy.
        StateError
            If the folder cannot be used.
        """
        _check_seed(seed)
        config, file = configured(source, os.environ)
        folder = state_path(state, config, file, os.environ)
        randomness = Randomness(seed)
        now = clock or time.time  # noqa: TID251 - the default clock
        with ExitStack() as undo:
            core = open_core(config, folder, randomness, now)
            undo.callback(core.state.close)
            reload = None
            if source is None or isinstance(source, (str, os.PathLike)):
                reload = Reload(core, file, config, now, follows=source is None)
            undo.pop_all()
        return cls(core, Opened(config, file), randomness, reload, providers, on_warning)

    def __repr__(self) -> str:
        return f"Selector(state={str(self._core.state.path)!r}, models={list(self._core.mind.plan.models)})"

    @property
    def config(self) -> Config:
        """The configuration that is in force; a file's is looked at again once a second."""
        return self._config if self._reload is None else self._reload.config

    def _look(self) -> None:
        if self._reload is not None:
            self._reload.look()
            self._caller.connections.file = self._reload.file

    def select(self, task: Task) -> Decision:
        """Choose a model for a task. No model is called.

        Parameters
        ----------
        task
            What is to be done.

        Returns
        -------
        Decision
            The choice with everything that led to it; `print` it for an explanation.

        Raises
        ------
        ConfigError
            If it is not a task, or names what is not configured.
        NoEligibleModelError
            If no model may serve it; `reasons` says why, model by model.
        BudgetExceededError
            If none fits what is left of a hard budget.
        StateError
            If a hard budget's hold could not be written down.
        """
        if task.__class__ is not Task:
            raise _not_a_task(task)
        return self._choose(task)

    def _choose(self, task: Task) -> Decision:
        if not self._keeper.is_running:
            self._begin()
        return self._core.engine.select(task)

    def run(self, task: Task, *, check: Checked = None, params: Mapping[str, object] | None = None) -> Run:
        """Choose a model, call it, go on elsewhere when that fails, and record what came of it.

        Parameters
        ----------
        task
            What is to be done, with a `prompt` or `messages`.
        check
            Says how good the answer is: a function of its text that returns True or False, or a score from 0 to 1
            (below .5 it is refused), or a check as the configuration writes it, such as ``json``. None: the one of the
            task's type; without any, the answer waits to be judged by `record`.
        params
            What else is sent, such as ``{"temperature": 0}``, over the model's own parameters.

        Returns
        -------
        Run
            The answer with everything that was tried; `record` takes its `id`.

        Raises
        ------
        AllAttemptsFailedError
            If there is no answer; its `run` says what was tried.
        BadRequestError
            If the request would fail everywhere.
        DeadlineExceededError
            If the run's own time is over.
        BudgetExceededError
            If nothing, or no further attempt, fits a hard budget.
        NoEligibleModelError
            If no model may serve it.
        ConfigError
            If it asks nothing, or a model has no provider to call.
        """
        return drive(self.flow(task, check, params), self.run)

    def stream(self, task: Task, *, check: Checked = None, params: Mapping[str, object] | None = None) -> Stream:
        """Do what `run` does, and give the answer as it comes.

        Events have a `type`: ``text``, ``tool_call``, ``usage``, ``switched`` and, last, ``done`` with the run.

        Parameters
        ----------
        task, check, params
            As for `run`.

        Returns
        -------
        Stream
            An iterator, which raises what `run` raises; nothing happens before its first event is asked for.
        """
        return Stream(self.flow(task, check, params, streaming=True), self.run)

    def run_many(
        self,
        tasks: Iterable[Task],
        *,
        concurrency: int = 8,
        check: Checked = None,
        params: Mapping[str, object] | None = None,
        progress: bool = False,
    ) -> list[Run]:
        """Run many tasks, some at a time.

        Parameters
        ----------
        tasks
            What is to be done.
        concurrency
            How many at a time, >= 1.
        check, params
            As for `run`.
        progress
            Whether a bar shows how far they are.

        Returns
        -------
        list of Run
            In the order of the tasks. One without an answer is blocked, and its `error` says why.

        Raises
        ------
        Exception
            What a check of yours raises; tasks that were not begun are not run then.
        """

        def one(task: Task) -> Run:
            return self.run(task, check=check, params=params)

        return many(one, tasks, concurrency=concurrency, progress=progress)

    def flow(
        self,
        task: Task,
        check: Checked,
        params: Mapping[str, object] | None,
        *,
        streaming: bool = False,
        hold: Hold | None = None,
    ) -> Flow:
        """Begin a run, for whoever drives it; a session's goes where its last turn went, if it can."""
        order = self._caller.order(task, check, params, streaming=streaming)
        if hold is not None:
            order = replace(order, task=HeldTask.of(task, hold))
        if self._closed or not self._keeper.is_running:
            self._begin()
        return self._caller.flow(order)

    def session(
        self,
        id: str | None = None,  # noqa: A002 - the word of its users
        *,
        purpose: str | None = None,
        metadata: Mapping[str, object] | None = None,
        task_type: str | None = None,
    ) -> Session:
        """Begin a conversation whose model is decided once and kept, or go on with one.

        Parameters
        ----------
        id
            Its name; one that was there before, also in another process, goes on where it was. None: a new one.
        purpose
            Whose models serve all of it. None: as `sessions` of the configuration says, else all models.
        metadata
            Facts for rules and budgets, for each of its tasks.
        task_type
            The type of turns that are given as a text alone; None: as it was, at first ``chat``.

        Returns
        -------
        Session
            It needs no closing, and may be shared by threads.

        Raises
        ------
        ConfigError
            If the purpose is not configured, or something else is none.
        """
        if self._closed or not self._keeper.is_running:
            self._begin()
        live = self._sessions.open(id, purpose=purpose, metadata=metadata, task_type=task_type)
        return Session(live, self.run, self.record)

    def record(self, decision: Decision | str, outcome: Outcome) -> None:
        """Report what came of a decision: usage, judgement, or both; now or later, from several sources.

        A usage counts once per attempt, and what is missing of it may be added. A judgement counts once per source: a
        later one by the same source replaces it. The same report twice counts once.

        Parameters
        ----------
        decision
            The decision, or its id.
        outcome
            What is known.

        Raises
        ------
        UnknownDecisionError
            If no such decision was made in this state folder.
        InvalidOutcomeError
            If it contradicts what was reported before.
        StateError
            If it could not be written down; then it does not count, and may be reported again.
        """
        if self._closed or not self._keeper.is_running:
            self._begin()
        self._core.record(decision, outcome)
        self._sessions.heard(name_of(decision), outcome)

    def explain(self, decision: Decision | str) -> str:
        """Say why a model was chosen, also of a decision of another day or process.

        Parameters
        ----------
        decision
            The decision, or its id.

        Raises
        ------
        UnknownDecisionError
            If no such decision was made in this state folder.
        """
        if isinstance(decision, Decision):
            return str(decision)
        found = self._core.scribe.unwritten.get(name_of(decision))
        return str(found) if found is not None else told(self._core, decision)

    def beliefs(self) -> pa.Table:
        """Lay out what is believed now: a row per model and task type."""
        table: pa.Table = self._core.beliefs()
        return table

    def status(self) -> Status:
        """Take stock: decisions, outcomes, what is pending and for how long, budgets, drift, damage."""
        if not self._closed:
            self._core.tick()
        error, version = (None, 1) if self._reload is None else (self._reload.error, self._reload.version)
        return status_of(self._core, self._keeper.trouble, error, version, self._sessions.lines())

    def flush(self) -> None:
        """Write down what waits; when it returns, others can read it."""
        self._core.scribe.write()
        self._core.state.flush()


def _not_a_task(given: object) -> ConfigError:
    if isinstance(given, str):
        return ConfigError(f"a task is a Task, not {given!r}; write Task({given!r})")
    return ConfigError(f"a task is a Task, not a {type(given).__name__}; write Task(...)")


def _check_seed(seed: object) -> None:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise ConfigError(f"seed must be a whole number of at least 0, not {seed!r}")
