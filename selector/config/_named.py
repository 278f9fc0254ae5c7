"""What a configuration refers to: whether it is there, and what is said where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from selector.config._references import Reference
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selector.config._fallback import ChainsConfig
    from selector.config._limits import BudgetConfig, TaskTypeConfig
    from selector.config._models import ModelConfig
    from selector.config._places import KeyPath
    from selector.config._policy import ObjectiveConfig, PolicyConfig
    from selector.config._providers import ProviderConfig
    from selector.config._rules import PurposeConfig, RuleConfig
    from selector.config._scope import ScopeConfig

MODEL: Final = "model"
"""The kind of a problem whose remedy is another model's name."""


class Whole(Protocol):
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
    @property
    def chains(self) -> ChainsConfig: ...


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


def promise(config: Whole, word: str, path: KeyPath) -> Iterator[Problem]:
    """Say so where no provider promises a word."""
    promised = {each for provider in config.providers.values() for each in provider.data}
    if word not in promised:
        yield Problem(path, f"no provider's data has {word!r}{nearest(word, promised)}")


def unknown_purpose(name: str, config: Whole) -> str:
    """Say that a purpose is not declared, and how it is."""
    return f"unknown purpose {name!r}" + (
        nearest(name, config.purposes) or f"; declare it under purposes, as {name}: [MODEL, ...]"
    )


def one_model(config: Whole, text: str, path: KeyPath) -> Iterator[Problem]:
    """Check a reference that must name one model, at one provider or at all of its own."""
    if text.startswith(("tag:", "purpose:", "*@")):
        yield Problem(path, f"must be one model, as NAME or NAME@PROVIDER, not {text!r}")
    yield from reference(config, text, path)


def reference(config: Whole, text: str, path: KeyPath) -> Iterator[Problem]:
    """Check that what a reference names is there."""
    try:
        found = Reference.parse(text)
    except ConfigError as error:
        yield Problem(path, str(error))
        return
    if found.kind == "model":
        yield from _model(config, found, path)
        return
    if found.kind == "purpose":
        wrong, said = found.name not in config.purposes, unknown_purpose(found.name, config)
    elif found.kind == "provider":
        served = {provider for name in config.models for provider in providers_of(config, name)}
        there = str(found.provider)
        wrong, said = there not in served, f"no model has a route at {there!r}{nearest(there, served)}"
    else:
        tags = {tag for model in config.models.values() for tag in model.tags}
        wrong, said = found.name not in tags, f"no model has the tag {found.name!r}"
        said += nearest(found.name, tags)
    if wrong:
        yield Problem(path, said)


def scope_problems(config: Whole, scope: ScopeConfig, path: KeyPath) -> Iterator[Problem]:
    """Check that what a scope names is there; labels, sessions and metadata are the tasks' own."""
    name, path = scope.value, (*path, scope.kind)
    if scope.kind == "model":
        yield from _model(config, Reference(name), path)
    elif scope.kind == "route":
        yield from reference(config, name, path)
    elif scope.kind == "tag":
        yield from reference(config, f"tag:{name}", path)
    elif scope.kind == "purpose" and name not in config.purposes:
        yield Problem(path, unknown_purpose(name, config))
    elif scope.kind == "provider" and name not in config.providers:
        said = nearest(name, config.providers) or f"; declare it under providers, as {name}: {{kind: ...}}"
        yield Problem(path, f"unknown provider {name!r}{said}")
    elif scope.kind == "task_type":
        yield from known_type(config, name, path)


def known_type(config: Whole, name: str, path: KeyPath) -> Iterator[Problem]:
    """Say so where task types are declared, and neither this one nor one above or below it is."""
    related = (
        each for each in config.task_types if f"{each}/".startswith(f"{name}/") or f"{name}/".startswith(f"{each}/")
    )
    if config.task_types and next(related, None) is None:
        said = nearest(name, config.task_types) or f"; declare it under task_types, as {name}: {{}}"
        yield Problem(path, f"unknown task type {name!r}{said}")


def _model(config: Whole, wanted: Reference, path: KeyPath) -> Iterator[Problem]:
    if wanted.name not in config.models:
        yield Problem(path, f"unknown model {wanted.name!r}{nearest(wanted.name, config.models)}", MODEL)
    elif wanted.provider is not None:
        served = providers_of(config, wanted.name)
        if wanted.provider not in served:
            yield Problem(
                path, f"{wanted.name!r} has no route at {wanted.provider!r}{nearest(wanted.provider, served)}"
            )


def providers_of(config: Whole, name: str) -> set[str]:
    """Who serves a model; a variant without a word on it is served by those of the model it is a variant of."""
    model: ModelConfig | None = config.models[name]
    for _ in range(len(config.models)):
        if model is None or model.provider is not None or model.routes is not None:
            break
        model = config.models.get(model.of) if model.of is not None else None
    if model is None:
        return set()
    return {model.provider} if model.provider is not None else set(model.routes or ())
