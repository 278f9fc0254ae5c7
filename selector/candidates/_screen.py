"""The screen: who may serve a task by what the configuration and the task say, and at which route."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from selector.budgets import worst_case_nano
from selector.candidates._implied import implied_needs
from selector.candidates._narrowing import Narrowed, Wish, first_fitting
from selector.catalog import Catalog, Route
from selector.config import TaskTypeConfig
from selector.errors import ConfigError, NoEligibleModelError
from selector.records import Exclusion, Task

__all__ = ["Screen"]

_WISHES = 1_024  # different wishes of tasks whose answers are kept


class Screen:
    """Who may serve a task, and why others may not: what is said of models, types and tasks, before money.

    The answers by task type are worked out once and those for the wishes of single tasks are kept, so a task costs a
    look-up and, where it is longer than some model holds, a comparison per model. A changed configuration is a new
    screen.

    Parameters
    ----------
    catalog
        Every model, in the order of all answers.
    task_types
        What tasks of each type need; a type that is not there needs nothing.

    Raises
    ------
    ConfigError
        If a type's `only` names nothing.

    Examples
    --------
    >>> from selector.config import Config
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> config = Config.load({
    ...     "models": {"opus": {**free, "capabilities": ["tools"]}, "llama": {**free, "context_tokens": 8_000}},
    ...     "task_types": {"coding": {"needs": ["tools"]}},
    ... })
    >>> screen = Screen(Catalog.of(config), config.task_types)
    >>> print(*screen.of_type("coding"), sep="; ")
    None; missing_capability (tools)
    >>> print(*screen.of_task(Task("email", max_output_tokens=1_000), input_tokens=7_500), sep="; ")
    None; context_too_small (needs 8,500 of 8,000 tokens)
    """

    __slots__ = ("_catalog", "_declared", "_types", "_untyped", "_wished")

    def __init__(self, catalog: Catalog, task_types: Mapping[str, TaskTypeConfig]) -> None:
        self._catalog = catalog
        self._declared = frozenset(word for model in catalog for word in model.capabilities)
        self._untyped = Narrowed.of(tuple(catalog))
        self._types = {
            name: self._untyped.by(Wish(needs=kind.needs, only=kind.only, key=f"task_types.{name}.only"), catalog)
            for name, kind in task_types.items()
        }
        self._wished = lru_cache(maxsize=_WISHES)(self._by_wish)

    def of_type(self, type_: str) -> tuple[Exclusion | None, ...]:
        """Say who may serve no task of a type: the disabled, those that lack what it needs, those not in its `only`.

        Parameters
        ----------
        type_
            The task type; one that is not configured needs nothing.

        Returns
        -------
        tuple of Exclusion or None
            Per model, None: may serve. The same object at every call.

        Examples
        --------
        >>> Screen(Catalog({}, {}, {}), {}).of_type("coding")
        ()
        """
        return self._types.get(type_, self._untyped).exclusions

    def of_task(self, task: Task, *, input_tokens: int | None) -> tuple[Exclusion | None, ...]:
        """Say who may not serve a task: whoever its type excludes, and whoever it excludes itself.

        It does by what it needs, in words or by its tools, schema and images, by its `only`, and by its length. A model
        is excluded when each of its routes is, for the reason of the first.

        Parameters
        ----------
        task
            The task.
        input_tokens
            How long its input is, as `count_tokens` has it; None: unknown, and then only its longest answer must fit.

        Returns
        -------
        tuple of Exclusion or None
            Per model, None: may serve. What `of_type` returned, the very object, where the task excludes no one else.

        Raises
        ------
        ConfigError
            If the task's `only` names nothing, or it has a purpose.

        Examples
        --------
        >>> from selector.config import Config
        >>> config = Config.load({"models": {"opus": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}})
        >>> Screen(Catalog.of(config), {}).of_task(Task("coding", only=["opsu"]), input_tokens=None)
        Traceback (most recent call last):
        selector.errors.UnknownModelError: Task.only: unknown model 'opsu'; did you mean 'opus'?
        """
        if task.purpose is not None:
            message = f"no purposes are configured, so there is none called {task.purpose!r}; leave it out"
            raise ConfigError(message, key="Task.purpose")
        needs = (*task.needs, *implied_needs(task, self._declared))
        return self._left(task, needs).too_long(_tokens(task, input_tokens))

    def route(self, model: int, task: Task, *, input_tokens: int | None) -> Route:
        """Find the first route of a model that may serve a task: one that `only` allows and that is long enough.

        Parameters
        ----------
        model
            Which, by its place in the catalog.
        task
            The task.
        input_tokens
            How long its input is; None: unknown.

        Returns
        -------
        Route
            Of a model that `of_task` does not exclude there always is one; its capabilities are not looked at again.

        Raises
        ------
        NoEligibleModelError
            If none may.

        Examples
        --------
        >>> from selector.config import Config
        >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
        >>> local = {"kind": "openai", "base_url": "http://localhost:1/v1"}
        >>> config = Config.load({
        ...     "providers": {"home": local, "work": local},
        ...     "models": {"llama": {**free, "routes": {"home": {}, "work": {}}}},
        ... })
        >>> screen = Screen(Catalog.of(config), {})
        >>> screen.route(0, Task("coding", only=["llama@work"]), input_tokens=100).name
        'llama@work'
        """
        left, tokens = self._left(task), _tokens(task, input_tokens)
        found = first_fitting(left.routes[model], tokens)
        if found is None:
            name, reason = left.models[model].name, str(left.too_long(tokens)[model])
            raise NoEligibleModelError(f"no route of {name!r} may serve this task: {reason}", {name: reason})
        return found

    def worst_nano(self, task: Task, *, at: datetime, input_tokens: int | None) -> tuple[int | None, ...]:
        """Say what a call of each model can cost at most, on the route that `route` finds.

        Parameters
        ----------
        task
            The task; its own longest answer counts before the route's.
        at
            When the call is made; aware.
        input_tokens
            How long its input is; None: unknown, and then only free input has a bound.

        Returns
        -------
        tuple of int or None
            Per model, in nano-dollars; None: unbounded. A model without a route for the task is priced at its first.

        Examples
        --------
        >>> from datetime import UTC
        >>> from selector.config import Config
        >>> priced = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}
        >>> config = Config.load({"models": {"opus": {**priced, "max_output_tokens": 2_000}, "sonnet": priced}})
        >>> now = datetime(2026, 1, 1, tzinfo=UTC)
        >>> Screen(Catalog.of(config), {}).worst_nano(Task("coding"), at=now, input_tokens=1_000)
        (33000000, None)
        """
        left, tokens = self._left(task), _tokens(task, input_tokens)
        routes = (
            first_fitting(routes, tokens) or model.route for model, routes in zip(left.models, left.routes, strict=True)
        )
        return tuple(
            worst_case_nano(
                route.prices,
                at=at,
                input_tokens=input_tokens,
                max_output_tokens=task.max_output_tokens or route.max_output_tokens,
            )
            for route in routes
        )

    def _left(self, task: Task, needs: tuple[str, ...] = ()) -> Narrowed:
        if not needs and not task.only:
            return self._types.get(task.type, self._untyped)
        return self._wished(task.type if task.type in self._types else None, needs, tuple(task.only))

    def _by_wish(self, type_: str | None, needs: tuple[str, ...], only: tuple[str, ...]) -> Narrowed:
        left = self._untyped if type_ is None else self._types[type_]
        return left.by(Wish(needs=tuple(dict.fromkeys(needs)), only=only, key="Task.only"), self._catalog)


def _tokens(task: Task, input_tokens: int | None) -> int:
    return (input_tokens or 0) + (task.max_output_tokens or 0)
