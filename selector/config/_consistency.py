"""What must hold between sections: whatever is named must exist, and nothing may be meant twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.config._chains import chain_problems
from selector.config._commands import command_presets
from selector.config._limits import settings_of
from selector.config._named import (
    MODEL,
    Problem,
    Whole,
    one_model,
    promise,
    providers_of,
    reference,
    scope_problems,
    unknown_purpose,
)
from selector.config._pools import pools, quota_problems, route_by_problems
from selector.config._references import Reference
from selector.config._rules import condition_of
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from selector.config._places import KeyPath
    from selector.config._providers import ProviderConfig
    from selector.config._rules import RuleConfig
    from selector.rules import Vocabulary


def first_problem(config: Whole) -> Problem | None:
    """Find the first thing that does not hold between sections, or None.

    Examples
    --------
    >>> from selector.config import Config
    >>> first_problem(Config.load({"models": {"opus": {}}})) is None
    True
    """
    checks: tuple[Callable[[Whole], Iterator[Problem]], ...] = (
        _models,
        _variants,
        _renames,
        _routes,
        quota_problems,
        route_by_problems,
        _commands,
        _named_models,
        _task_types,
        _budgets,
        _scopes,
        _purposes,
        _rules,
        _default_model,
        _judges,
        chain_problems,
    )
    if (
        "models" not in config.model_fields_set
    ):  # part of a configuration, such as a simulation's: it names others' models
        checks = (_task_types, _budgets)
    return next((problem for check in checks for problem in check(config)), None)


def _models(config: Whole) -> Iterator[Problem]:
    if not config.models:
        yield Problem(("models",), "must name at least one model")
    elif not any(model.enabled for model in config.models.values()):
        yield Problem(("models",), "has no model that is enabled")


def _variants(config: Whole) -> Iterator[Problem]:
    for name, model in config.models.items():
        path = ("models", name, "of")
        if model.of is not None and model.of not in config.models:
            yield Problem(path, f"unknown model {model.of!r}{nearest(model.of, config.models)}", MODEL)
            continue
        seen = [name]
        origin = model.of
        while origin is not None and origin not in seen and origin in config.models:
            seen.append(origin)
            origin = config.models[origin].of
        if origin == name:
            yield Problem(path, f"leads back to itself: {' of '.join([*seen, name])}")


def _renames(config: Whole) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name, model in config.models.items():
        path = ("models", name, "was")
        for old in model.old_names:
            if old in config.models:
                yield Problem(path, f"{old!r} is still the name of a model, whose evidence stays its own")
            if old in owners:
                yield Problem(path, f"{old!r} is already the old name of {owners[old]!r}")
            owners[old] = name


def _routes(config: Whole) -> Iterator[Problem]:
    for name, model in config.models.items():
        if model.provider is not None and model.provider not in config.providers:
            yield Problem(("models", name, "provider"), _unknown_provider(model.provider, config.providers))
        for provider in model.routes or ():
            if provider not in config.providers:
                yield Problem(("models", name, "routes", provider), _unknown_provider(provider, config.providers))


def _commands(config: Whole) -> Iterator[Problem]:
    for name, provider in config.providers.items():
        preset = provider.preset
        if preset is not None and preset not in command_presets():
            yield Problem(
                ("providers", name, "preset"), f"unknown preset {preset!r}{nearest(preset, command_presets())}"
            )


def _unknown_provider(name: str, providers: Mapping[str, ProviderConfig]) -> str:
    return f"unknown provider {name!r}" + (
        nearest(name, providers) or f"; declare it under providers, as {name}: {{kind: ...}}"
    )


def _named_models(config: Whole) -> Iterator[Problem]:
    if config.policy.model is not None:
        yield from one_model(config, config.policy.model, ("policy", "model"))
    objective = config.objective
    if objective is not None and objective.no_worse_than is not None:
        bar = objective.no_worse_than.model
        if bar not in config.models:
            path = ("objective", "no_worse_than", "model")
            yield Problem(path, f"unknown model {bar!r}{nearest(bar, config.models)}", MODEL)
    if config.last_resort is not None:
        yield from one_model(config, config.last_resort, ("last_resort",))


def _task_types(config: Whole) -> Iterator[Problem]:
    worth_needed = config.objective is not None and config.objective.name == "worth_usd"
    default = config.objective.default_worth_usd if config.objective is not None else None
    if worth_needed and default is None and not config.task_types:
        yield Problem(("objective", "default_worth_usd"), "is required by worth_usd where no task type has a worth")
    for name, task_type in config.task_types.items():
        for place, text in enumerate(task_type.only):
            yield from reference(config, text, ("task_types", name, "only", place))
        for place, word in enumerate(task_type.data):
            yield from promise(config, word, ("task_types", name, "data", place))
        if worth_needed and default is None and settings_of(config, name).worth_usd is None:
            yield Problem(
                ("task_types", name, "worth_usd"),
                "is required by the objective worth_usd, or give it a default_worth_usd",
            )


def _scopes(config: Whole) -> Iterator[Problem]:
    for place, budget in enumerate(config.budgets):
        if budget.scope is not None:
            yield from scope_problems(config, budget.scope, ("budgets", place, "scope"))


def _budgets(config: Whole) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, budget in enumerate(config.budgets):
        if budget.label in seen:
            yield Problem(
                ("budgets", place, "name"), f"{budget.label!r} is the name of another budget; give it its own"
            )
        seen.add(budget.label)


def _purposes(config: Whole) -> Iterator[Problem]:
    for name, purpose in config.purposes.items():
        for place, text in enumerate(purpose.models):
            path = ("purposes", name, "models", place)
            if text.startswith("purpose:"):
                yield Problem(path, f"is the purpose {text!r}; a purpose names models, and no other purpose")
            yield from reference(config, text, path)


def _rules(config: Whole) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, rule in enumerate(config.rules):
        if rule.name is not None and rule.name in seen:
            yield Problem(("rules", place, "name"), f"{rule.name!r} is the name of another rule; give it its own")
        seen.add(rule.name or "")
        for problem in _rule(config, rule, ("rules", place)):
            yield _of_preset(config, rule, problem) if rule.preset else problem


def _rule(config: Whole, rule: RuleConfig, path: KeyPath) -> Iterator[Problem]:
    if rule.model is not None:
        yield from one_model(config, rule.model, (*path, "model"))
    for key in ("only", "forbid"):
        for place, text in enumerate(getattr(rule, key) or ()):
            yield from reference(config, text, (*path, key, place))
    try:
        condition_of(rule.condition, vocabulary=_vocabulary(config))
    except ConfigError as error:
        yield Problem((*path, "condition"), str(error))
    for text in rule.prefer or ():
        if "@" in text:
            yield Problem((*path, "prefer", text), "names a provider; success is the model's, wherever it is served")
        yield from reference(config, text, (*path, "prefer", text))
    if rule.purpose is not None and rule.purpose not in config.purposes:
        yield Problem((*path, "purpose"), unknown_purpose(rule.purpose, config))


def _vocabulary(config: Whole) -> Vocabulary:
    from selector.rules import Vocabulary  # noqa: PLC0415 - a configuration without rules loads no language

    routes = {f"{name}@{provider}" for name in config.models for provider in providers_of(config, name)}
    return Vocabulary(
        providers=list(config.providers),
        quotas=[*config.providers, *sorted(routes), *pools(config)],
        budgets=[budget.label for budget in config.budgets],
    )


def _of_preset(config: Whole, rule: RuleConfig, problem: Problem) -> Problem:
    """Say of a rule that the user did not write where it comes from, and what to do."""
    remedy = f"tag one, or write a rule named {rule.name!r} of your own under rules"
    path = ("presets", config.presets.index(rule.preset))
    return Problem(path, f"the rule {rule.name!r} of the preset {rule.preset!r}: {problem.message}; {remedy}")


def _judges(config: Whole) -> Iterator[Problem]:
    for name, task_type in config.task_types.items():
        judge = None if task_type.check is None else task_type.check.judge
        path = ("task_types", name, "check", "judge")
        if judge is None:
            continue
        yield from one_model(config, judge, path)
        model, only = Reference.parse(judge).name, settings_of(config, name).only
        if not config.models[model].enabled:
            yield Problem(path, f"{judge!r} is not enabled")
        may = map(Reference.parse, only or [each for each, entry in config.models.items() if entry.enabled])
        if all(each.kind == "model" and each.name == model for each in may):
            yield Problem(path, f"{judge!r} alone may answer tasks of this type, and no model judges its own answers")


def _default_model(config: Whole) -> Iterator[Problem]:
    if config.default_model is not None:
        yield from one_model(config, config.default_model, ("default_model",))
