"""What must hold between sections: whatever is named must exist, and nothing may be meant twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from selector.config._limits import settings_of
from selector.config._references import Reference
from selector.config._rules import condition_of
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from selector.config._limits import BudgetConfig, TaskTypeConfig
    from selector.config._models import ModelConfig, ProviderConfig
    from selector.config._places import KeyPath
    from selector.config._policy import ObjectiveConfig, PolicyConfig
    from selector.config._rules import PurposeConfig, RuleConfig
    from selector.rules import Vocabulary

_MODEL = "model"


class _Whole(Protocol):
    """The parts of a configuration that name models."""

    @property
    def model_fields_set(self) -> set[str]: ...
    @property
    def policy(self) -> PolicyConfig: ...
    @property
    def objective(self) -> ObjectiveConfig | None: ...
    @property
    def models(self) -> dict[str, ModelConfig]: ...
    @property
    def providers(self) -> dict[str, ProviderConfig]: ...
    @property
    def task_types(self) -> dict[str, TaskTypeConfig]: ...
    @property
    def budgets(self) -> tuple[BudgetConfig, ...]: ...
    @property
    def last_resort(self) -> str | None: ...
    @property
    def rules(self) -> tuple[RuleConfig, ...]: ...
    @property
    def presets(self) -> tuple[str, ...]: ...
    @property
    def default_model(self) -> str | None: ...
    @property
    def purposes(self) -> dict[str, PurposeConfig]: ...


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not hold, and where.

    Examples
    --------
    >>> Problem(("last_resort",), "unknown model 'lama'; did you mean 'llama'?", "model").path
    ('last_resort',)
    """

    path: KeyPath
    message: str
    kind: str = ""


def first_problem(config: _Whole) -> Problem | None:
    """Find the first thing that does not hold between sections, or None.

    Examples
    --------
    >>> from selector.config import Config
    >>> first_problem(Config.load({"models": {"opus": {}}})) is None
    True
    """
    checks: tuple[Callable[[_Whole], Iterator[Problem]], ...] = (
        _models,
        _variants,
        _renames,
        _routes,
        _named_models,
        _task_types,
        _budgets,
        _purposes,
        _rules,
        _default_model,
    )
    if (
        "models" not in config.model_fields_set
    ):  # part of a configuration, such as a simulation's: it names others' models
        checks = (_task_types, _budgets)
    return next((problem for check in checks for problem in check(config)), None)


def _models(config: _Whole) -> Iterator[Problem]:
    if not config.models:
        yield Problem(("models",), "must name at least one model")
    elif not any(model.enabled for model in config.models.values()):
        yield Problem(("models",), "has no model that is enabled")


def _variants(config: _Whole) -> Iterator[Problem]:
    for name, model in config.models.items():
        path = ("models", name, "of")
        if model.of is not None and model.of not in config.models:
            yield Problem(path, f"unknown model {model.of!r}{nearest(model.of, config.models)}", _MODEL)
            continue
        seen = [name]
        origin = model.of
        while origin is not None and origin not in seen and origin in config.models:
            seen.append(origin)
            origin = config.models[origin].of
        if origin == name:
            yield Problem(path, f"leads back to itself: {' of '.join([*seen, name])}")


def _renames(config: _Whole) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name, model in config.models.items():
        if model.was is None:
            continue
        path = ("models", name, "was")
        if model.was in config.models:
            yield Problem(path, f"{model.was!r} is still the name of a model, whose evidence stays its own")
        if model.was in owners:
            yield Problem(path, f"{model.was!r} is already the old name of {owners[model.was]!r}")
        owners[model.was] = name


def _routes(config: _Whole) -> Iterator[Problem]:
    for name, model in config.models.items():
        if model.provider is not None and model.provider not in config.providers:
            yield Problem(("models", name, "provider"), _unknown_provider(model.provider, config.providers))
        for provider in model.routes or ():
            if provider not in config.providers:
                yield Problem(("models", name, "routes", provider), _unknown_provider(provider, config.providers))


def _unknown_provider(name: str, providers: Mapping[str, ProviderConfig]) -> str:
    return f"unknown provider {name!r}" + (
        nearest(name, providers) or f"; declare it under providers, as {name}: {{kind: ...}}"
    )


def _named_models(config: _Whole) -> Iterator[Problem]:
    if config.policy.model is not None:
        yield from _one_model(config, config.policy.model, ("policy", "model"))
    objective = config.objective
    if objective is not None and objective.no_worse_than is not None:
        bar = objective.no_worse_than.model
        if bar not in config.models:
            path = ("objective", "no_worse_than", "model")
            yield Problem(path, f"unknown model {bar!r}{nearest(bar, config.models)}", _MODEL)
    if config.last_resort is not None:
        yield from _one_model(config, config.last_resort, ("last_resort",))


def _task_types(config: _Whole) -> Iterator[Problem]:
    worth_needed = config.objective is not None and config.objective.name == "worth_usd"
    default = config.objective.default_worth_usd if config.objective is not None else None
    if worth_needed and default is None and not config.task_types:
        yield Problem(("objective", "default_worth_usd"), "is required by worth_usd where no task type has a worth")
    for name, task_type in config.task_types.items():
        for place, reference in enumerate(task_type.only):
            yield from _reference(config, reference, ("task_types", name, "only", place))
        for place, promise in enumerate(task_type.data):
            yield from _promise(config, promise, ("task_types", name, "data", place))
        if worth_needed and default is None and settings_of(config, name).worth_usd is None:
            yield Problem(
                ("task_types", name, "worth_usd"),
                "is required by the objective worth_usd, or give it a default_worth_usd",
            )


def _budgets(config: _Whole) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, budget in enumerate(config.budgets):
        if budget.label in seen:
            yield Problem(
                ("budgets", place, "name"), f"{budget.label!r} is the name of another budget; give it its own"
            )
        seen.add(budget.label)


def _purposes(config: _Whole) -> Iterator[Problem]:
    for name, purpose in config.purposes.items():
        for place, text in enumerate(purpose.models):
            path = ("purposes", name, "models", place)
            if text.startswith("purpose:"):
                yield Problem(path, f"is the purpose {text!r}; a purpose names models, and no other purpose")
            yield from _reference(config, text, path)


def _rules(config: _Whole) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, rule in enumerate(config.rules):
        if rule.name is not None and rule.name in seen:
            yield Problem(("rules", place, "name"), f"{rule.name!r} is the name of another rule; give it its own")
        seen.add(rule.name or "")
        for problem in _rule(config, rule, ("rules", place)):
            yield _of_preset(config, rule, problem) if rule.preset else problem


def _rule(config: _Whole, rule: RuleConfig, path: KeyPath) -> Iterator[Problem]:
    if rule.model is not None:
        yield from _one_model(config, rule.model, (*path, "model"))
    for key in ("only", "forbid"):
        for place, text in enumerate(getattr(rule, key) or ()):
            yield from _reference(config, text, (*path, key, place))
    try:
        condition_of(rule.condition, vocabulary=_vocabulary(config))
    except ConfigError as error:
        yield Problem((*path, "condition"), str(error))
    for text in rule.prefer or ():
        if "@" in text:
            yield Problem((*path, "prefer", text), "names a provider; success is the model's, wherever it is served")
        yield from _reference(config, text, (*path, "prefer", text))
    if rule.purpose is not None and rule.purpose not in config.purposes:
        yield Problem((*path, "purpose"), _unknown_purpose(rule.purpose, config))


def _vocabulary(config: _Whole) -> Vocabulary:
    from selector.rules import Vocabulary  # noqa: PLC0415 - a configuration without rules loads no language

    routes = {f"{name}@{provider}" for name in config.models for provider in _providers_of(config, name)}
    return Vocabulary(
        providers=list(config.providers),
        quotas=[*config.providers, *sorted(routes)],
        budgets=[budget.label for budget in config.budgets],
    )


def _of_preset(config: _Whole, rule: RuleConfig, problem: Problem) -> Problem:
    """Say of a rule that the user did not write where it comes from, and what to do."""
    remedy = f"tag one, or write a rule named {rule.name!r} of your own under rules"
    path = ("presets", config.presets.index(rule.preset))
    return Problem(path, f"the rule {rule.name!r} of the preset {rule.preset!r}: {problem.message}; {remedy}")


def _default_model(config: _Whole) -> Iterator[Problem]:
    if config.default_model is not None:
        yield from _one_model(config, config.default_model, ("default_model",))


def _promise(config: _Whole, word: str, path: KeyPath) -> Iterator[Problem]:
    promised = {promise for provider in config.providers.values() for promise in provider.data}
    if word not in promised:
        yield Problem(path, f"no provider's data has {word!r}{nearest(word, promised)}")


def _unknown_purpose(name: str, config: _Whole) -> str:
    return f"unknown purpose {name!r}" + (
        nearest(name, config.purposes) or f"; declare it under purposes, as {name}: [MODEL, ...]"
    )


def _one_model(config: _Whole, text: str, path: KeyPath) -> Iterator[Problem]:
    if text.startswith(("tag:", "purpose:", "*@")):
        yield Problem(path, f"must be one model, as NAME or NAME@PROVIDER, not {text!r}")
    yield from _reference(config, text, path)


def _reference(config: _Whole, text: str, path: KeyPath) -> Iterator[Problem]:
    try:
        reference = Reference.parse(text)
    except ConfigError as error:
        yield Problem(path, str(error))
        return
    if reference.kind == "model":
        yield from _model(config, reference, path)
        return
    if reference.kind == "purpose":
        wrong, said = reference.name not in config.purposes, _unknown_purpose(reference.name, config)
    elif reference.kind == "provider":
        served = {provider for name in config.models for provider in _providers_of(config, name)}
        there = str(reference.provider)
        wrong, said = there not in served, f"no model has a route at {there!r}{nearest(there, served)}"
    else:
        tags = {tag for model in config.models.values() for tag in model.tags}
        wrong, said = reference.name not in tags, f"no model has the tag {reference.name!r}"
        said += nearest(reference.name, tags)
    if wrong:
        yield Problem(path, said)


def _model(config: _Whole, reference: Reference, path: KeyPath) -> Iterator[Problem]:
    if reference.name not in config.models:
        yield Problem(path, f"unknown model {reference.name!r}{nearest(reference.name, config.models)}", _MODEL)
    elif reference.provider is not None:
        served = _providers_of(config, reference.name)
        if reference.provider not in served:
            yield Problem(
                path, f"{reference.name!r} has no route at {reference.provider!r}{nearest(reference.provider, served)}"
            )


def _providers_of(config: _Whole, name: str) -> set[str]:
    """Who serves a model; a variant without a word on it is served by those of the model it is a variant of."""
    model: ModelConfig | None = config.models[name]
    for _ in range(len(config.models)):
        if model is None or model.provider is not None or model.routes is not None:
            break
        model = config.models.get(model.of) if model.of is not None else None
    if model is None:
        return set()
    return {model.provider} if model.provider is not None else set(model.routes or ())
