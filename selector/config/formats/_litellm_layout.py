"""Puts LiteLLM's deployments together: a model for each group of one name, a route for each deployment of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from selector.config.formats._litellm_deployment import NOT_COPIED, is_usable
from selector.config.formats._litellm_values import place
from selector.config.formats._litellm_vendors import is_own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selector.config.formats._draft import Draft
    from selector.config.formats._litellm_deployment import Deployment, Went
    from selector.config.formats._report import Reading

_LEAST: Final = 1e-6  # what stands for a weight of 0: LiteLLM picks such a deployment where no other is left
_OTHERS: Final = "not all deployments of its group say so, and a model's parameters hold at all its routes: left out"
_BY: Final = {
    "simple-shuffle": "round_robin",
    "least-busy": "round_robin",
    "usage-based-routing": "round_robin",
    "usage-based-routing-v2": "round_robin",
    "latency-based-routing": "fastest",
    "cost-based-routing": "cheapest",
    "provider-budget-routing": "round_robin",
}
STRATEGIES: Final = tuple(_BY)
"""LiteLLM's own."""


@dataclass(slots=True, kw_only=True)
class Common:
    """What holds for all deployments that say nothing else."""

    strategy: str = "simple-shuffle"
    breaker: dict[str, float] = field(default_factory=dict)
    patience: dict[str, float] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    max_concurrent: int | None = None
    max_output_tokens: int | None = None


class Layout:
    """The models and providers that deployments become.

    Parameters
    ----------
    draft
        Where they are written.
    common
        What holds for all.
    """

    def __init__(self, draft: Draft, common: Common) -> None:
        self.draft, self._common = draft, common
        self.reading: Reading = draft.reading
        self.names: dict[str, str] = {}
        """The model of each group."""
        self.members: dict[str, list[Deployment]] = {}
        """The deployments of each model that can be called."""
        self.idents: dict[str, str] = {}
        """The route of each deployment that has a name of its own."""
        self._accounts: dict[tuple[object, ...], list[str]] = {}
        self._inline: dict[tuple[object, ...], str] = {}
        self._variables: set[str] = set()

    def add(self, deployments: Sequence[Deployment]) -> None:
        """Add groups of deployments, each in the order of its first."""
        self._variables |= {each.key.variable for each in deployments if each.key.variable is not None}
        groups: dict[str, list[Deployment]] = {}
        for each in deployments:
            groups.setdefault(each.group, []).append(each)
        for group, members in groups.items():
            self._add(group, members)
        for each in deployments:
            self._tell(each)

    def _add(self, group: str, members: list[Deployment]) -> None:
        name = self.draft.name_of(group, (*members[0].path, "model_name"), self.draft.models)
        self.names[group] = name
        able = [each for each in members if not each.why]
        able.sort(key=lambda each: float("inf") if each.order is None else each.order)
        self.members[name] = able
        used: list[str] = []
        for each in able:
            each.provider = self._provider(each, used)
            used.append(each.provider)
            if each.ident is not None:
                self.idents.setdefault(each.ident, f"{name}@{each.provider}")
        self.draft.models[name] = self._model(able, members[0])

    def _model(self, able: list[Deployment], first: Deployment) -> dict[str, Any]:
        if not able:
            known = {key: value for key, value in first.route.items() if key != "quotas"}
            return {"id": first.target.id, **known} if first.target.id else known
        found: dict[str, Any] = {}
        if len(able) == 1:
            found = {"provider": able[0].provider, "id": able[0].target.id, **able[0].route}
        params = self._params(able)
        if params:
            found["params"] = params
        for name in ("max_concurrent", "max_output_tokens"):
            if (most := getattr(self._common, name)) is not None:
                found.setdefault(name, most)
        tags = [tag for tag in able[0].tags if all(tag in each.tags for each in able) and is_usable(tag)]
        if tags:
            found["tags"] = tags
        if len(able) > 1:
            found |= self._several(able)
        return found

    def _several(self, able: list[Deployment]) -> dict[str, Any]:
        routes = {each.provider: {"id": each.target.id, **each.route} for each in able}
        if any(each.order is not None for each in able):
            return {"route_by": "priority", "routes": routes}
        by = _BY[self._common.strategy]
        if self._common.strategy == "simple-shuffle":
            for each, weight in zip(able, weights_of(able), strict=True):
                if weight is not None:
                    routes[each.provider]["weight"] = weight
        return {"route_by": by, "routes": routes}

    def _params(self, able: list[Deployment]) -> dict[str, Any]:
        found = dict(self._common.params)
        for name in dict.fromkeys(name for each in able for name in each.params):
            said = [each.params[name] for each in able if name in each.params]
            if len(said) == len(able) and all(value == said[0] for value in said):
                found[name] = said[0]
                continue
            for each in able:
                keys = {f"params.{name}", "params"}
                for went in [went for went in each.went if went.key in keys and name in each.params]:
                    self.reading.warned(went.path, _OTHERS)
                    each.went.remove(went)
        return found

    def _provider(self, found: Deployment, used: list[str]) -> str:
        """Find or declare a provider of the deployment's account; a model has one route at each, so copies are made."""
        account = found.account(self._common.breaker)
        known = self._accounts.setdefault(account, [])
        name = next((each for each in known if each not in used), None)
        if name is None:
            name, count = found.target.prefix, 2
            while name in self.draft.providers:
                name, count = f"{found.target.prefix}-{count}", count + 1
            known.append(name)
            self.draft.providers[name] = self._account(found)
        reference = self.draft.providers[name].get("api_key")
        if found.key.inline:
            variable = str(reference).removeprefix("env:")
            found.went = [_told(went, variable) for went in found.went]
        return name

    def _account(self, found: Deployment) -> dict[str, Any]:
        written: dict[str, Any] = {"kind": found.target.kind}
        if found.url is not None:
            written["base_url"] = found.url
        variable = self._variable(found) if found.key.inline else found.key.variable
        if variable is not None:
            written["api_key"] = f"env:{variable}"
        patience = {**self._common.patience, **found.patience}
        if patience:
            written["timeout_s"] = patience["total"] if set(patience) == {"total"} else patience
        breaker = {**self._common.breaker, **found.breaker}
        if breaker:
            written["breaker"] = breaker
        return written

    def is_bounded(self, found: Deployment) -> bool:
        """Tell whether something says how long an answer of a deployment may be."""
        model = self.draft.models[self.names[found.group]]
        return "max_output_tokens" in {**model, **model.get("routes", {}).get(found.provider, {})}

    def variable_of(self, found: Deployment) -> str:
        """Name the variable that stands for a key in the document; empty where there is none."""
        return self._inline.get((found.target.prefix, found.url, found.key.inline), "")

    def _variable(self, found: Deployment) -> str:
        """Name a variable for a key that stands in the document: never one that holds another's."""
        vendor, secret = found.target.vendor, (found.target.prefix, found.url, found.key.inline)
        if secret in self._inline:
            return self._inline[secret]
        host = urlsplit(found.url).netloc if found.url is not None else "own"
        words = re.sub(r"[^A-Z0-9]+", "_", f"{found.target.prefix}_{host}".upper()).strip("_")
        own = None if vendor is None or not is_own(vendor, found.url) else vendor.key
        choices = [own, *(f"{words}{'' if n == 1 else f'_{n}'}_API_KEY" for n in range(1, len(self._variables) + 3))]
        name = next(each for each in choices if each is not None and each not in self._variables)
        self._variables.add(name)
        self._inline[secret] = name
        return name

    def _tell(self, found: Deployment) -> None:
        """Say where the values of a deployment went."""
        name = self.names[found.group]
        model, members = f"models.{name}", self.members[name]
        at = {"model": model, "provider": f"providers.{found.provider}", "route": model}
        if len(members) > 1:
            at["route"] = f"{model}.routes.{found.provider}"
        named = (*found.path, "litellm_params", "model")
        for went in found.went:
            if not self.reading.has(went.path):
                continue
            if found.why and went.path != named and went.key:
                self.reading.ignored(went.path, f"it cannot be called: {found.why}")
                continue
            key = "timeout_s" if went.key.startswith("timeout_s") and not self._has_parts(found) else went.key
            word = "; ".join(filter(None, (place(at[went.to], key), went.note)))
            if found.why and went.path == named:
                left = f"{word}; select may choose it, run cannot call it" if not members else f"no route of {model}"
                self.reading.warned(went.path, f"{left}: {found.why}")
            else:
                (self.reading.warned if went.warned else self.reading.translated)(went.path, word)
        self._tell_order(found, model, members)

    def _has_parts(self, found: Deployment) -> bool:
        return isinstance(self.draft.providers.get(found.provider, {}).get("timeout_s"), dict)

    def _tell_order(self, found: Deployment, model: str, members: list[Deployment]) -> None:
        """Say what became of the order and the weight of a deployment."""
        params = (*found.path, "litellm_params")
        ordered = any(each.order is not None for each in members)
        if found.order is not None:
            twins = sum(each.order == found.order for each in members) > 1
            note = "; those of one order are tried as they are listed, and not in turn" if twins else ""
            tell = self.reading.warned if twins else self.reading.translated
            tell((*params, "order"), f"{model}.route_by; the routes stand in this order{note}")
        if "weight" not in found.weights:
            return
        path = (*params, "weight")
        if found.why or len(members) < 2:
            self.reading.ignored(path, "there is nothing to weigh it against")
        elif ordered or self._common.strategy != "simple-shuffle":
            self.reading.ignored(path, "only the strategy simple-shuffle weighs, and not where there is an order")
        elif "weight" in self.draft.models[self.names[found.group]]["routes"][found.provider]:
            self.reading.translated(path, f"{model}.routes.{found.provider}.weight; in turn, in this proportion")
        else:
            self.reading.translated(path, f"{model}.route_by; in turn, each as often, since all weigh the same")


def weights_of(able: Sequence[Deployment]) -> list[float | None]:
    """Give each deployment's weight, as LiteLLM weighs by `weight`, else by `rpm`, else by `tpm`; None: all alike."""
    for name in ("weight", "rpm", "tpm"):
        if any(each.weights.get(name) for each in able):
            found = [each.weights.get(name, 0) or _LEAST for each in able]
            return [None] * len(found) if len(set(found)) == 1 else list(found)
    return [None] * len(able)


def _told(went: Went, variable: str) -> Went:
    if went.key == "api_key" and went.warned:
        return went._replace(note=f"{NOT_COPIED}: set {variable} to it")
    return went
