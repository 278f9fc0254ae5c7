"""Who makes a selector's runs: its connections, and what callers ask of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from selector._clients._conduct import Conduct, Flow, Order
from selector._clients._connections import Connections
from selector._clients._core import Core
from selector._clients._opened import Opened
from selector._clients._orders import Checked, Orders
from selector.config import Config
from selector.errors import ConfigError
from selector.execution import Provider
from selector.records import Task

__all__ = ["Caller"]


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

    def order(
        self, task: Task, check: Checked, params: Mapping[str, object] | None, *, streaming: bool = False
    ) -> Order:
        """Read what is asked."""
        if task.__class__ is not Task:
            raise ConfigError(f"a task is a Task, not a {type(task).__name__}; write Task(...)")
        return self._orders.order(task, check, params, streaming=streaming)

    def flow(self, order: Order) -> Flow:
        """Begin a run."""
        self._check_providers()
        return Conduct(self._core, self.connections, order, time.monotonic, self._luck.random).steps()

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
