"""Providers by intent: a default provider, a routing of intents to providers, and the models of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._report import Imported, Reading

if TYPE_CHECKING:
    from selector.config._places import KeyPath

NAME: Final = "intents"
ENSEMBLE: Final = "ensemble"
_LATER: Final = "ensembles are not supported yet"
_MODEL: Final = "_model"
_TOOLS: Final = "tool_use"
_USUAL: Final = {"openai": "gpt-4o"}
"""The model of a provider that says none."""


class Intents:
    """The reader.

    Examples
    --------
    >>> Intents().recognises({"providers": {"default": "openai"}})
    True
    """

    name = NAME

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by a default provider that is text, or by intents under ``providers.routing``."""
        providers = document.get("providers")
        if not isinstance(providers, Mapping):
            return False
        if isinstance(providers.get("default"), str):
            return True
        routing = providers.get("routing")
        return isinstance(routing, Mapping) and "kind" not in routing and _all_texts(routing)

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:  # noqa: ARG002  # as all readers are called
        """Translate intents to purposes and rules by task type, and the default to `default_model`."""
        return _Walk(Reading(document, source)).whole()


INTENTS = Intents()


def _all_texts(values: Mapping[str, Any]) -> bool:
    return bool(values) and all(isinstance(each, str) for each in values.values())


class _Walk:
    """One walk over a document."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.draft = reading, Draft(reading)
        self.routing = reading.mapping(("providers", "routing"))
        default = reading.text(("providers", "default"))
        if default == ENSEMBLE:
            raise reading.error(("providers", "default"), f"{_LATER}; name the provider that serves in place of it")
        named = [each for each in self.routing.values() if isinstance(each, str) and each not in {"", ENSEMBLE}]
        usual = next((each for each in _USUAL if each in named), next(iter(named), None))
        self.default = default or usual

    def whole(self) -> Imported:
        """Translate everything."""
        reading, draft = self.reading, self.draft
        for provider in reading.mapping(("providers", "models")):
            self._models(provider)
        default = self._default()
        intents = self._intents(default)
        self._tools(default)
        if intents:
            draft.rest["purposes"] = {name: [model] for name, model in intents.items()}
            draft.rest["rules"] = [_rule(name, model) for name, model in intents.items()]
        self._ensembles()
        if default is not None:
            draft.rest["default_model"] = default
        several = len(draft.models) > 1
        wider = "; the rules keep their intents" if draft.rest.get("rules") else ""
        return draft.finished(NAME, f"delete default_model{wider}" if several else ONE_MODEL)

    def _models(self, provider: str) -> None:
        """List the models that a provider has, by default and by intent."""
        reading = self.reading
        path: KeyPath = ("providers", "models", provider)
        if isinstance(reading.at(path), str):
            self._listed(provider, path)
            return
        for key in reading.mapping(path):
            if key == "default" or key.endswith(_MODEL):
                self._listed(provider, (*path, key))

    def _listed(self, provider: str, path: KeyPath) -> None:
        reading, draft = self.reading, self.draft
        model = reading.text(path)
        if model is None:
            raise reading.error(path, "is empty; name a model")
        native = draft.name_of(provider, path)
        known = draft.provider(native)
        name = draft.listed(model, path, {})
        entry = draft.models[name]
        if known and "provider" in entry and entry["provider"] != native:
            entry["routes"] = {entry.pop("provider"): {}, native: {}}
        elif known and "routes" in entry:
            entry["routes"].setdefault(native, {})
        elif known:
            entry["provider"] = native
        intent = str(path[-1]).removesuffix(_MODEL)
        used = len(path) == 3 or path[-1] == "default" or self._provider_of(_full(intent)) == provider
        reading.translated(path, f"models.{name}")
        if not used:
            other = self._provider_of(_full(intent))
            reading.translated(
                path, f"{intent} itself is routed to {other!r}: `only: ['*@{native}']` in a task asks here"
            )
        if not known:
            reading.warned(path, f"nobody knows how to call {provider!r}: import it, and declare it under providers")

    def _provider_of(self, intent: str) -> str | None:
        said = self.routing.get(intent, self.default)
        return said.partition(":")[0] if isinstance(said, str) else None

    def _target(self, intent: str, path: KeyPath, said: str) -> str:
        """Find the model for an intent at a provider: its own for the intent, else its default."""
        reading, draft = self.reading, self.draft
        provider, _, model = said.partition(":")
        if not model:
            base: KeyPath = ("providers", "models", provider)
            words = [f"{intent}{_MODEL}", *(["tool_model"] if intent == _TOOLS else []), "default"]
            own = None if isinstance(reading.at(base), str) else reading.mapping(base)
            found = [reading.text((*base, word)) for word in words] if own is not None else [reading.text(base)]
            model = next((each for each in found if each), "") or _USUAL.get(provider, "")
        if not model:
            raise reading.error(path, f"names {provider!r}: say its model as providers.models.{provider}.default")
        native = draft.name_of(provider, path)
        return draft.named(model, path, native if draft.provider(native) else None)

    def _default(self) -> str | None:
        path = ("providers", "default")
        if self.default is None:
            return None
        if not self.reading.has(path):
            return self._target("", ("providers", "routing"), self.default)
        self.reading.translated(path, "default_model")
        return self._target("", path, self.default)

    def _intents(self, default: str | None) -> dict[str, str]:
        """Find the model of each intent, in the document's order."""
        reading = self.reading
        found: dict[str, str] = {}
        for intent in self.routing:
            path: KeyPath = ("providers", "routing", intent)
            said = reading.text(path)
            if said is None:
                raise reading.error(path, "is empty; name a provider")
            if said == ENSEMBLE:
                reading.ignored(path, f"{_LATER}: until then the default model, {default}, serves {intent}")
                continue
            name = self.draft.name_of(intent, path)
            reading.translated(path, f"purposes.{name}; rules[{len(found)}]")
            found[name] = self._target(intent, path, said)
        for key in self._more():
            intent = _full(key.removesuffix(_MODEL))
            if intent not in self.routing:
                path = ("providers", "models", str(self.default), key)
                name = self.draft.name_of(intent, path)
                reading.translated(path, f"purposes.{name}; rules[{len(found)}]")
                found[name] = self._target(intent, path, str(self.default))
        return found

    def _more(self) -> list[str]:
        """List the models by intent that the default provider has."""
        path = ("providers", "models", str(self.default))
        values = self.reading.at(path)
        return [key for key in values if key.endswith(_MODEL)] if isinstance(values, Mapping) else []

    def _tools(self, default: str | None) -> None:
        """Let calls with tools go to the model for them, and to no other."""
        said = self.routing.get(_TOOLS)
        path: KeyPath = ("providers", "routing", _TOOLS)
        if said is None or said == ENSEMBLE:
            said = self.default
            path = ("providers", "default" if self.reading.has(("providers", "default")) else "routing")
        if isinstance(said, str) and default is not None:
            self.draft.models[self._target(_TOOLS, path, said)]["capabilities"] = ["tools"]

    def _ensembles(self) -> None:
        reading = self.reading
        for name in reading.mapping(("ensembles",)):
            path: KeyPath = ("ensembles", name)
            if not isinstance(reading.at(path), Mapping):
                continue
            for key in reading.mapping(path):
                reading.ignored((*path, key), _LATER)
            for place, model in enumerate(reading.texts((*path, "models"))):
                lone = isinstance(reading.at((*path, "models")), str)
                self.draft.named(model, (*path, "models") if lone else (*path, "models", place))


def _full(intent: str) -> str:
    return _TOOLS if intent == "tool" else intent


def _rule(intent: str, model: str) -> dict[str, Any]:
    word = intent.replace("\\", "\\\\").replace("'", "\\'")
    called = " or task.needs contains 'tools'" if intent == _TOOLS else ""
    return {
        "condition": f"task_type == '{word}' or task_type starts_with '{word}/'{called}",
        "model": model,
        "reason": f"{intent} is routed here",
    }
