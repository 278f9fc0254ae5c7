"""Who makes a selector's runs: its connections, and what callers ask of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from inspect import GEN_RUNNING, getgeneratorstate
from threading import Condition
from weakref import WeakSet

import numpy as np

from selector._clients._core import Core
from selector._clients._opened import Opened
from selector._clients.calls._conduct import Conduct, Flow, Order
from selector._clients.calls._connections import Connections
from selector._clients.calls._orders import Checked, Orders
from selector.config import Config
from selector.errors import ConfigError, StateError
from selector.execution import Provider
from selector.outcomes import JudgeCheck
from selector.records import Task

__all__ = ["Caller"]

_LONGEST_S = 10.0


class Caller:
    """Makes runs.

    Parameters
    ----------
    core
        Who chooses and keeps.
    opened
        The configuration at the beginning.
    config
        Gives the one that is in force.
    given
        Providers that stand in for configured ones.
    luck
        For waits.
    """

    def __init__(
        self,
        core: Core,
        opened: Opened,
        config: Callable[[], Config],
        given: Mapping[str, Provider],
        luck: np.random.Generator,
    ) -> None:
        self._core, self._luck = core, luck
        self.connections = Connections(opened, config, given, core.engine.clock)
        self._orders = Orders(config)
        self._checked: object = None
        self._closing = False
        self._over = Condition()
        self._n_runs = 0
        self._streams: WeakSet[Flow] = WeakSet()

    def order(
        self, task: Task, check: Checked, params: Mapping[str, object] | None, *, streaming: bool = False
    ) -> Order:
        """Read what is asked."""
        if task.__class__ is not Task:
            raise ConfigError(f"a task is a Task, not a {type(task).__name__}; write Task(...)")
        order = self._orders.order(task, check, params, streaming=streaming)
        if isinstance(order.check, JudgeCheck):
            self._core.mind.plan.catalog.routes(order.check.judge)  # refuses who is not there before a call is paid for
        return order

    def flow(self, order: Order) -> Flow:
        """Begin a run."""
        self._check_providers()
        steps = Conduct(self._core, self.connections, order, time.monotonic, self._luck.random).steps()
        if not order.streaming:
            return self._counted(steps)
        self._streams.add(steps)
        return steps

    def _counted(self, steps: Flow) -> Flow:
        """Let `wait` know of a run until it is over."""
        with self._over:
            if self._closing:
                raise StateError("this selector is closed; open it again")
            self._n_runs += 1
        try:
            return (yield from steps)
        finally:
            with self._over:
                self._n_runs -= 1
                self._over.notify_all()

    def stop(self) -> None:
        """Begin no run any more, and end the streams that nobody reads just now."""
        with self._over:
            self._closing = True
        for steps in tuple(self._streams):
            if getgeneratorstate(steps) != GEN_RUNNING:
                steps.close()

    def wait(self) -> None:
        """Wait for runs that are under way, whose calls were ended, to write down how; not for ever."""
        with self._over:
            self._over.wait_for(lambda: not self._n_runs, _LONGEST_S)

    def _check_providers(self) -> None:
        """Refuse to make calls where an enabled model has nobody who could be called."""
        plan = self._core.mind.plan
        if plan is self._checked:
            return
        for model in plan.catalog:
            if model.enabled and model.route.provider is None:
                raise ConfigError(
                    f"has no provider, so nobody can be called for {model.name!r}; give it one, as provider: NAME, or "
                    "write enabled: false; select, which calls nobody, needs none",
                    key=f"models.{model.name}",
                )
        self._checked = plan
