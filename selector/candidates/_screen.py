"""The screen: who may serve a task by what the configuration, the rules and the task say, and at which route."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from selector.candidates._availability import Availability
from selector.candidates._cost import worst_of
from selector.candidates._forced import Forced
from selector.candidates._references import References
from selector.candidates._sieve import Asked, Sieve
from selector.candidates._standing import Standing
from selector.catalog import Catalog, Route
from selector.config import Config, ProviderConfig, PurposeConfig, TaskTypeConfig
from selector.records import Exclusion, Task
from selector.rules import Applied

__all__ = ["Screen"]


class Screen:
    """Who may serve a task, and why others may not: what is said of models, types, rules and tasks, before money.

    The answers by task type and by outcome of the rules are worked out once, and those for the wishes of single tasks
    are kept, so a task costs a look-up and, where it is longer than some model holds, a comparison per model. A changed
    configuration is a new screen.

    A model is excluded when none of its routes is left. A type that is a path, such as ``coding/python``, and is not
    configured is its nearest parent that is; for each key that it does not give, a configured one has its parent's.

    Parameters
    ----------
    catalog
        Every model, in the order of all answers.
    task_types
        What tasks of each type need; a type that is not there, and no parent of it, needs nothing.
    purposes
        Which models serve which purpose.
    providers
        Who promises what of the data that is sent to it.
    availability
        Who knows which routes cannot serve just now; None: all can.

    Raises
    ------
    ConfigError
        If a type's `only` or a purpose names nothing.

    Examples
    --------
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> config = Config.load({
    ...     "models": {"opus": {**free, "capabilities": ["tools"]}, "llama": {**free, "context_tokens": 8_000}},
    ...     "task_types": {"coding": {"needs": ["tools"]}},
    ... })
    >>> screen = Screen.of(config)
    >>> print(*screen.of_type("coding"), sep="; ")
    None; missing_capability (tools)
    >>> print(*screen.of_task(Task("email", max_output_tokens=1_000), input_tokens=7_500), sep="; ")
    None; context_too_small (needs 8,500 of 8,000 tokens)
    """

    __slots__ = ("_sieve", "_standing")

    def __init__(
        self,
        catalog: Catalog,
        task_types: Mapping[str, TaskTypeConfig],
        *,
        purposes: Mapping[str, PurposeConfig] = MappingProxyType({}),
        providers: Mapping[str, ProviderConfig] = MappingProxyType({}),
        availability: Availability | None = None,
    ) -> None:
        declared = frozenset(word for model in catalog for word in model.capabilities)
        promises = {name: frozenset(provider.data) for name, provider in providers.items()}
        self._standing = Standing(catalog, task_types, References(catalog, purposes), promises)
        self._sieve = Sieve(self._standing, declared, availability)

    @classmethod
    def of(cls, config: Config, catalog: Catalog | None = None, *, availability: Availability | None = None) -> Screen:
        """Build the screen of a whole configuration.

        Parameters
        ----------
        config
            What the user wrote.
        catalog
            Its models, where they are resolved already.
        availability
            Who knows which routes cannot serve just now.

        Returns
        -------
        Screen
            With its task types, purposes and providers.

        Examples
        --------
        >>> Screen.of(Config.load({"models": {"llama": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}})).of_type("any")
        (None,)
        """
        return cls(
            Catalog.of(config) if catalog is None else catalog,
            config.task_types,
            purposes=config.purposes,
            providers=config.providers,
            availability=availability,
        )

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
        return self._standing.of(type_, None).exclusions

    def of_rules(self, type_: str, applied: Applied | None) -> tuple[Exclusion | None, ...]:
        """Say who may serve no task of a type for which some rules fired: all that does not depend on the one task.

        That is what `of_type` says, and the `only`, `forbid` and `purpose` of the rules. A model that a rule forces
        though it may not serve stays excluded, and its exclusion says so: a rule forces among those who may.

        Parameters
        ----------
        type_, applied
            The task type, and what follows from the rules; None: nothing.

        Returns
        -------
        tuple of Exclusion or None
            Per model, None: may serve. The same object for the same type and the same `applied`, the object.

        Raises
        ------
        ConfigError
            If a rule names what is not there.

        Examples
        --------
        >>> from selector.rules import Limit
        >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
        >>> screen = Screen.of(Config.load({"models": {"opus": free, "llama": {**free, "tags": ["external"]}}}))
        >>> print(*screen.of_rules("coding", Applied(forbid=(Limit("docs", ("tag:external",)),))), sep="; ")
        None; forbidden_by_rule (rule docs: forbid tag:external)
        """
        return self._standing.of(type_, applied).exclusions

    def of_task(
        self, task: Task, *, input_tokens: int | None = None, applied: Applied | None = None, at: datetime | None = None
    ) -> tuple[Exclusion | None, ...]:
        """Say who may not serve a task: whoever its type or a rule excludes, and whoever it excludes itself.

        It does by what it needs, in words or by its tools, schema and images, by its purpose, its `only`, and its
        length. The need ``data:WORD`` is one for what a provider promises. A rule's purpose replaces the task's.

        Parameters
        ----------
        task
            The task.
        input_tokens
            How long its input is, as `count_tokens` has it; None: unknown, and then only its longest answer must fit.
        applied
            What follows from the rules; None: nothing.
        at
            When the call is made, which is asked of the screen's availability.

        Returns
        -------
        tuple of Exclusion or None
            Per model, None: may serve. What `of_rules` returned, the very object, where nobody else is excluded.

        Raises
        ------
        ConfigError
            If the task's `only` names nothing, or its purpose is not configured.
        ValueError
            If the screen has an availability, and no moment is given.

        Examples
        --------
        >>> config = Config.load({"models": {"opus": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}})
        >>> Screen.of(config).of_task(Task("coding", only=["opsu"]))
        Traceback (most recent call last):
        selector.errors.UnknownModelError: Task.only: unknown model 'opsu'; did you mean 'opus'?
        """
        return self._sieve.exclusions(Asked(task, input_tokens, applied, at))

    def routes(
        self,
        model: int,
        task: Task,
        *,
        input_tokens: int | None = None,
        applied: Applied | None = None,
        at: datetime | None = None,
    ) -> tuple[Route, ...]:
        """Find the routes of a model that may serve a task: allowed, long enough and available, each by itself.

        Parameters
        ----------
        model
            Which, by its place in the catalog.
        task, input_tokens, applied, at
            As for `of_task`.

        Returns
        -------
        tuple of Route
            In the order of the configuration; of a model that `of_task` does not exclude there always is one. Its
            capabilities are not looked at again.

        Examples
        --------
        >>> local = {"kind": "openai", "base_url": "http://localhost:1/v1"}
        >>> llama = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0, "routes": {"home": {}, "work": {}}}
        >>> screen = Screen.of(Config.load({"providers": {"home": local, "work": local}, "models": {"llama": llama}}))
        >>> [route.name for route in screen.routes(0, Task("coding", only=["*@work"]))]
        ['llama@work']
        """
        return self._sieve.routes(model, Asked(task, input_tokens, applied, at))

    def route(
        self,
        model: int,
        task: Task,
        *,
        input_tokens: int | None = None,
        applied: Applied | None = None,
        at: datetime | None = None,
    ) -> Route:
        """Find the first route of a model that may serve a task.

        Parameters
        ----------
        model, task, input_tokens, applied, at
            As for `routes`.

        Returns
        -------
        Route
            The first that `routes` finds.

        Raises
        ------
        NoEligibleModelError
            If none may.

        Examples
        --------
        >>> screen = Screen.of(Config.load({"models": {"llama": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}}))
        >>> screen.route(0, Task("coding"), input_tokens=100).name
        'llama'
        """
        return self._sieve.route(model, Asked(task, input_tokens, applied, at))

    def reasons(
        self,
        model: int,
        task: Task,
        *,
        input_tokens: int | None = None,
        applied: Applied | None = None,
        at: datetime | None = None,
    ) -> dict[str, tuple[Exclusion, ...]]:
        """Give every reason against each route of a model, where `of_task` gives one for all of it.

        Parameters
        ----------
        model, task, input_tokens, applied, at
            As for `routes`.

        Returns
        -------
        dict of str to tuple of Exclusion
            By the route's name; empty: it may serve.

        Examples
        --------
        >>> opus = {"usd_per_mtok_in": 5, "usd_per_mtok_out": 25, "enabled": False}
        >>> screen = Screen.of(Config.load({"models": {"opus": opus, "haiku": opus | {"enabled": True}}}))
        >>> [str(reason) for reason in screen.reasons(0, Task("coding", needs=["vision"], only=["haiku"]))["opus"]]
        ['disabled', 'missing_capability (vision)', 'not_in_only (Task.only is haiku)']
        """
        return self._sieve.against(model, Asked(task, input_tokens, applied, at))

    def forced(
        self, applied: Applied | None, task: Task, *, input_tokens: int | None = None, at: datetime | None = None
    ) -> Forced | None:
        """Find the model and the route that a rule forces, if they may serve the task.

        What is forced must pass all that any other model must: a rule's word is no capability, and lifts no limit. One
        that may not serve is not forced: the policy chooses among the rest, and `of_task` says who would force it.

        Parameters
        ----------
        applied
            What follows from the rules.
        task, input_tokens, at
            As for `of_task`.

        Returns
        -------
        Forced or None
            None: no rule forces a model. It is forced where its `route` is not None.

        Examples
        --------
        >>> priced = {"usd_per_mtok_in": 5, "usd_per_mtok_out": 25}
        >>> screen = Screen.of(Config.load({"models": {"opus": priced, "haiku": priced}}))
        >>> critical = Applied(model="opus", by="critical")
        >>> screen.forced(critical, Task("coding")).route.name
        'opus'
        >>> print(screen.forced(critical, Task("coding", needs=["tools"])))
        opus by critical, not done: missing_capability (tools; rule critical would force it)
        """
        return None if applied is None else self._sieve.forced(applied, Asked(task, input_tokens, applied, at))

    def preferences(self, applied: Applied | None) -> NDArray[np.float64]:
        """Add up the points that rules give each model; several references of one model add up.

        Parameters
        ----------
        applied
            What follows from the rules.

        Returns
        -------
        numpy.ndarray
            Points of drawn success, shape (n_models,), not to be written to; zeros where no rule prefers.

        Raises
        ------
        ConfigError
            If a reference names nothing.

        Examples
        --------
        >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
        >>> screen = Screen.of(Config.load({"models": {"opus": free, "llama": {**free, "tags": ["external"]}}}))
        >>> screen.preferences(Applied(prefer={"llama": 0.05, "tag:external": 0.25})).tolist()
        [0.0, 0.3]
        """
        return self._standing.points(applied)

    def worst_nano(
        self, task: Task, *, at: datetime, input_tokens: int | None, applied: Applied | None = None
    ) -> tuple[int | None, ...]:
        """Say what a call of each model can cost at most, on the route that `route` finds.

        Parameters
        ----------
        task, applied, at
            As for `of_task`; the task's own longest answer counts before the route's.
        input_tokens
            How long its input is; None: unknown, and then only free input has a bound.

        Returns
        -------
        tuple of int or None
            Per model, in nano-dollars; None: unbounded. A model without a route for the task is priced at its first.

        Examples
        --------
        >>> from datetime import UTC
        >>> priced = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}
        >>> config = Config.load({"models": {"opus": {**priced, "max_output_tokens": 2_000}, "sonnet": priced}})
        >>> Screen.of(config).worst_nano(Task("coding"), at=datetime(2026, 1, 1, tzinfo=UTC), input_tokens=1_000)
        (33000000, None)
        """
        found = self._sieve.first(Asked(task, input_tokens, applied, at))
        longest = task.max_output_tokens
        return tuple(worst_of(each, at=at, input_tokens=input_tokens, max_output_tokens=longest) for each in found)
