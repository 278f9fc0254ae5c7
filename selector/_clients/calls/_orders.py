"""What the caller of a run may ask: which check its answer must pass, which parameters are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from selector._clients.calls._conduct import Order
from selector.config import CheckConfig, Config, settings_of
from selector.errors import ConfigError
from selector.outcomes import Check, checks_of, schema_check, user_check
from selector.records import Task

__all__ = ["Checked", "Orders"]

Checked = Callable[[str], Any] | str | Mapping[str, object] | CheckConfig | None
"""A function of the answer's text, or a check as the configuration writes it; None: the one of the task's type."""


class Orders:
    """Reads what callers ask; what the configuration says is worked out once per task type.

    Parameters
    ----------
    config
        Gives the configuration that is in force.
    """

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._of: Config | None = None
        self._known: dict[str, Check | None] = {}

    def order(
        self, task: Task, check: Checked, params: Mapping[str, object] | None, *, streaming: bool = False
    ) -> Order:
        """Put an order together.

        Raises
        ------
        ConfigError
            If the check or the parameters are none.
        """
        if params is not None and not _is_words(params):
            raise ConfigError("params must be a mapping with words as keys, such as {'temperature': 0}")
        if params is not None and params.get("n", 1) not in {None, 1}:
            raise ConfigError("params: 'n' must be 1: a run has one answer; for several, run the task several times")
        found = self._of_type(task.type) if check is None else _read(check)
        is_form = found is None and task.response_schema is not None
        if found is None and task.response_schema is not None:
            found = schema_check(task.response_schema)
        return Order(task=task, check=found, params=params or {}, streaming=streaming, is_form=is_form)

    def _of_type(self, type_: str) -> Check | None:
        config = self._config()
        if config is not self._of:
            self._of, self._known = config, {}
        if type_ not in self._known:
            own = settings_of(config, type_).check
            self._known[type_] = None if own is None else checks_of(own)
        return self._known[type_]


def _is_words(params: object) -> bool:
    return isinstance(params, Mapping) and all(isinstance(key, str) for key in params)


def _read(check: Callable[[str], Any] | str | Mapping[str, object] | CheckConfig) -> Check:
    if isinstance(check, CheckConfig):
        return checks_of(check)
    return checks_of(CheckConfig.read(check)) if isinstance(check, (str, Mapping)) else user_check(check)
