"""A registry of providers, each with its list of models: the same id at two providers is one model with two routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._accounts import account
from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._report import Imported, Reading

if TYPE_CHECKING:
    from selector.config._places import KeyPath

NAME: Final = "registry"
_COSTS: Final = {"cost_per_1k_input": "usd_per_mtok_in", "cost_per_1k_output": "usd_per_mtok_out"}
_CHEAPEST: Final = "cost_aware"
_ROUTES: Final = {
    "budget_aware": "budget_aware",
    "quota_aware": "budget_aware",
    "round_robin": "round_robin",
    "cheapest": "cheapest",
    "fastest": "fastest",
    "rule_based": "rules",
}


class Registry:
    """The reader.

    Examples
    --------
    >>> Registry().recognises({"providers": {"work": {"models": [{"id": "claude-sonnet-4"}]}}})
    True
    """

    name = NAME

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by a list of models with ids within a provider."""
        providers = document.get("providers")
        entries = providers.values() if isinstance(providers, Mapping) else ()
        lists = [each.get("models") for each in entries if isinstance(each, Mapping)]
        models = [model for each in lists if isinstance(each, (list, tuple)) for model in each]
        return any(isinstance(model, Mapping) and "id" in model for model in models)

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:  # noqa: ARG002  # as all readers are called
        """Translate providers to accounts with their quotas, models to models with routes, rules by task type."""
        walk = _Walk(Reading(document, source))
        return walk.whole()


REGISTRY = Registry()


class _Walk:
    """One walk over a document."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.draft = reading, Draft(reading)
        self._meant: dict[str, str] = {}  # what an id or an alias means: a model, or a model at a provider
        self._costs: dict[str, float] = {}

    def whole(self) -> Imported:
        """Translate everything."""
        reading, draft = self.reading, self.draft
        entries: list[tuple[str, KeyPath]] = [
            (provider, ("providers", provider, "models", place))
            for provider in reading.mapping(("providers",))
            for place in range(len(reading.entries(("providers", provider, "models"))))
        ]
        for provider in reading.mapping(("providers",)):
            path: KeyPath = ("providers", provider)
            draft.providers[draft.name_of(provider, path)] = account(draft, path, provider)
        names = self._names(entries)
        for provider, path in entries:
            self._model(provider, path, names)
        self._routing()
        if "default_model" in draft.rest:
            return draft.finished(NAME, "delete default_model" if len(draft.models) > 1 else ONE_MODEL)
        return draft.finished(NAME, "")

    def _names(self, entries: list[tuple[str, KeyPath]]) -> dict[str, str]:
        """Call each id by its alias, where all that register it agree on one and no other id has it."""
        aliases: dict[str, set[str | None]] = {}
        for _, path in entries:
            model_id = self.reading.text((*path, "id")) if self.reading.mapping(path) else None
            if model_id is None:
                raise self.reading.error((*path, "id"), "is required: what the provider calls the model")
            aliases.setdefault(model_id, set()).add(self.reading.text((*path, "alias")))
        found: dict[str, str] = {}
        for model_id, said in aliases.items():
            alias = next(iter(said)) if len(said) == 1 else None
            taken = alias in found.values() or alias in aliases
            found[model_id] = model_id if alias is None or taken else alias
        return found

    def _model(self, provider: str, path: KeyPath, names: dict[str, str]) -> None:
        reading, draft = self.reading, self.draft
        model_id = str(reading.text((*path, "id")))
        server = draft.name_of(provider, path)
        name = draft.listed(names[model_id], (*path, "id"), {})
        routes = draft.models[name].setdefault("routes", {})
        if server in routes:
            raise reading.error((*path, "id"), f"is listed twice at {provider!r}")
        route: dict[str, Any] = {"id": model_id}
        routes[server] = route
        native = f"models.{name}.routes.{server}"
        reading.translated((*path, "id"), f"{native}.id")
        alias = reading.text((*path, "alias"))
        self._meant[model_id] = name
        if reading.has((*path, "alias")):
            reading.translated((*path, "alias"), f"models.{name}" if alias == name else f"{name}@{server}")
        if alias is not None and alias != name:
            self._meant.setdefault(alias, f"{name}@{server}")
        elif alias is not None:
            self._meant[alias] = name
        self._prices(provider, path, route, native)
        longest = reading.number((*path, "max_context"), least=1, most=1e12)
        if longest is not None:
            route["context_tokens"] = int(longest)
            reading.translated((*path, "max_context"), f"{native}.context_tokens")
        for key in ("estimated_latency_ms", "stale", "metadata", "local_params"):
            if reading.has((*path, key)):
                reading.ignored(
                    (*path, key), "waits are learnt" if key == "estimated_latency_ms" else "has no meaning here"
                )

    def _prices(self, provider: str, path: KeyPath, route: dict[str, Any], native: str) -> None:
        """Read prices per thousand tokens; what is paid for by a subscription costs nothing more per token."""
        reading = self.reading
        kind = reading.text(("providers", provider, "subscription", "cost_model"))
        free = kind in {"subscription", "local"}
        total = 0.0
        for key, ours in _COSTS.items():
            cost = reading.number((*path, key), most=1e6)
            if free:
                route[ours] = 0.0
            elif cost is not None:
                route[ours] = round(float(cost) * 1_000, 9)
                total += float(cost)
            if reading.has((*path, key)):
                note = f"; nothing more than the {kind} costs" if free else "; per million, taken as dollars"
                reading.translated((*path, key), f"{native}.{ours}{note}")
        name = self._meant[str(reading.text((*path, "id")))]
        self._costs[name] = min(total, self._costs.get(name, total))

    def _routing(self) -> None:
        reading, draft = self.reading, self.draft
        reading.mapping(("routing",))
        rules = [self._rule(place) for place in range(len(reading.entries(("routing", "rules"))))]
        if rules:
            draft.rest["rules"] = rules
        after = self._chain()
        if after:
            draft.rest.setdefault("chains", {})["default"] = after
        for path in (("routing", "selection_strategy"), ("routing", "strategy")):
            said = reading.text(path)
            if said in _ROUTES:
                for entry in draft.models.values():
                    entry["route_by"] = _ROUTES[said]
                reading.translated(path, "models.*.route_by")
            elif said == _CHEAPEST:
                draft.rest["default_model"] = min(self._costs, key=lambda name: self._costs[name])
                reading.translated(path, "default_model; the cheapest, where no rule fires")
            elif reading.has(path):
                reading.ignored(path, f"known are {', '.join((_CHEAPEST, *_ROUTES))}: the choice is learnt")

    def _chain(self) -> list[str]:
        reading, path = self.reading, ("routing", "fallback_chain")
        said = reading.texts(path)
        if reading.has(path):
            reading.translated(path, "chains.default")
        return list(dict.fromkeys(self._resolved(each, (*path, place)) for place, each in enumerate(said)))

    def _rule(self, place: int) -> dict[str, Any]:
        """Read a rule by task type, or by an agent's role as its metadata say it."""
        reading, path = self.reading, ("routing", "rules", place)
        reading.mapping(path)
        model = reading.text((*path, "preferred_model"))
        if model is None:
            raise reading.error((*path, "preferred_model"), "is required of a rule")
        parts = []
        kinds = {
            "task_type": "(task_type == {0} or task_type starts_with {1})",
            "role_level": "metadata.role_level == {0}",
        }
        for key, form in kinds.items():
            said = reading.text((*path, key))
            if said is not None:
                word = said.replace("\\", "\\\\").replace("'", "\\'")
                parts.append(form.format(f"'{word}'", f"'{word}/'"))
                reading.translated((*path, key), f"rules[{place}].condition")
        if not parts:
            raise reading.error(path, "must say for which task_type or role_level it holds")
        reading.translated((*path, "preferred_model"), f"rules[{place}].model")
        rule = {"condition": " and ".join(parts), "model": self._resolved(model, (*path, "preferred_model"))}
        fallback, task_type = reading.text((*path, "fallback")), reading.text((*path, "task_type"))
        if fallback is not None and task_type is not None:
            reading.translated((*path, "fallback"), f"chains.{task_type}")
            after = [self._resolved(fallback, (*path, "fallback"))]
            self.draft.rest.setdefault("chains", {}).setdefault(task_type, after)
        elif fallback is not None:
            reading.ignored((*path, "fallback"), "a chain follows a model or a task type, and not a role")
        return rule

    def _resolved(self, text: str, path: KeyPath) -> str:
        return self._meant.get(text) or self.draft.named(text, path)
