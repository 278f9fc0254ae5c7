"""What a name of LiteLLM's means: a group, a deployment, an alias, one that a wildcard stands for, or nobody."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selector.config._known import MODELS, VENDORS
from selector.config._references import Reference
from selector.config.formats._litellm_deployment import NOT_COPIED, Deployment, Key
from selector.config.formats._litellm_vendors import address_of, is_own, target_of, vendor_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selector.config._known import Known, Offer
    from selector.config._places import KeyPath
    from selector.config.formats._litellm_layout import Layout
    from selector.config.formats._litellm_values import Values

_OURS: Final = {"fireworks_ai": "fireworks", "together_ai": "together"}
_ADDED: Final = "is not listed in this document: added, enabled, its prices are looked up"
_LOWEST: Final = 1_000  # expanded names at most


class Names:
    """The names of a document.

    Parameters
    ----------
    values, layout
        The document, and the models that its groups became.
    wildcards
        The deployments that stand for every model of a provider.
    """

    def __init__(self, values: Values, layout: Layout, wildcards: Sequence[Deployment]) -> None:
        self._values, self._layout, self._wildcards = values, layout, wildcards
        self._reading = values.reading
        self._aliases: dict[str, str] = {}

    def resolve(self, name: str, path: KeyPath) -> str:
        """Give the reference that a name means; a model that nobody listed is added, with a warning."""
        layout = self._layout
        known = layout.names.get(name) or self._aliases.get(name) or layout.idents.get(name)
        if known is not None:
            return known
        of = next((each for each in self._wildcards if _match(each.group, name) is not None), None)
        if "*" in name or not name.isprintable():
            raise self._reading.error(path, "must be the name of a model")
        if of is not None:
            self._added(of, name)
            self._reading.warned(path, f"{name!r} is one of {of.group!r}: added")
        else:
            layout.add([_of_name(name, path)])
            model = layout.names[name]
            server = "" if layout.members[model] else f"; nobody is known to serve it: give models.{model}.provider"
            self._reading.warned(path, f"{name!r} {_ADDED}{server}")
        return layout.names[name]

    def _added(self, of: Deployment, name: str) -> None:
        """Add a model that a wildcard stands for."""
        parts = _match(of.group, name) or ()
        model = of.target.id
        for part in parts:
            model = model.replace("*", part, 1)
        if of.target.id == "*" and not of.target.prefix:
            target = target_of(name)
            url, why = address_of(target, of.url)
            self._layout.add([replace(of, group=name, target=target, url=url, why=why, key=_key(of, name), went=[])])
            return
        self._layout.add([replace(of, group=name, target=replace(of.target, id=model), went=[])])

    def expand(self) -> None:
        """Add the models that are known of each provider that a wildcard stands for, and say what was done."""
        for of in self._wildcards:
            added = []
            for name, known, offer in self._known(of):
                if name in self._layout.names or len(self._layout.names) > _LOWEST:
                    continue
                self._added(of, name)
                values = {"context_tokens": offer.context_tokens, "max_output_tokens": offer.max_output_tokens}
                model = self._layout.draft.models[self._layout.names[name]]
                model.update({key: value for key, value in values.items() if key not in model})
                model["family"] = known.family
                added.append(name)
            self._tell(of, added)

    def _known(self, of: Deployment) -> Iterator[tuple[str, Known, Offer]]:
        for known in MODELS:
            for offer in known.offers:
                prefix = next((theirs for theirs, ours in _OURS.items() if ours == offer.vendor), offer.vendor)
                vendor = vendor_of(prefix)
                if vendor is None or not self._stands_for(of, prefix):
                    continue
                if of.group.count("*") != 1 or (of.target.prefix and of.target.id != "*"):
                    continue
                own = offer.id if of.target.prefix else f"{prefix}/{offer.id}"
                yield of.group.replace("*", own), known, offer

    def _stands_for(self, of: Deployment, prefix: str) -> bool:
        if of.target.prefix:
            vendor = of.target.vendor
            return of.target.prefix == prefix and vendor is not None and is_own(vendor, of.url)
        keys = next((vendor.keys for vendor in VENDORS if vendor.name == _OURS.get(prefix, prefix)), ())
        return any(self._values.held(key) for key in keys)

    def _tell(self, of: Deployment, added: list[str]) -> None:
        group, model = (*of.path, "model_name"), (*of.path, "litellm_params", "model")
        if added:
            shown = ", ".join(added[:3]) + (f" and {len(added) - 3} more" if len(added) > 3 else "")
            said = f"models; a wildcard is no model: those that are known were added ({shown}); list others by name"
        else:
            said = "a wildcard is no model, and of those that it stands for none is known: list those that are wanted"
        self._reading.warned(group, said)
        for went in of.went:
            if self._reading.has(went.path) and went.path not in {group, model}:
                to = f"{went.to}s.*.{went.key}".replace("routes.", "models.").rstrip(".")
                if added:
                    variable = self._layout.variable_of(of) if went.key == "api_key" else ""
                    note = f"; {NOT_COPIED}: set {variable} to it" if variable else ""
                    (self._reading.warned if went.warned else self._reading.translated)(went.path, to + note)
                else:
                    self._reading.ignored(went.path, "of a wildcard that stands for no known model")
        self._reading.warned(model, of.why if of.why and of.target.prefix else "models; see its model_name")

    def aliases(self) -> None:
        """Add a variant for every alias, which is another name and has the same routes."""
        path = ("router_settings", "model_group_alias")
        for alias in self._reading.mapping(path):
            here = (*path, alias)
            is_mapping = not isinstance(self._reading.at(here), str)
            target = self._reading.text((*here, "model")) if is_mapping and self._reading.mapping(here) else None
            target = target if is_mapping else self._reading.text(here)
            if target is None:
                raise self._reading.error(here, "must be the model_name that it stands for")
            where = (*here, "model") if is_mapping else here
            origin = Reference.parse(self.resolve(target, where)).name
            for key in self._reading.mapping(here) if is_mapping else ():
                if key != "model":
                    self._reading.ignored((*here, key), "selector hides no model")
            if alias in self._layout.names or "*" in alias:
                known = "a group of that name is listed: it stays what it is"
                self._reading.warned(where, "a wildcard is no name of a model: left out" if "*" in alias else known)
                continue
            draft = self._layout.draft
            name = draft.name_of(alias, here, draft.models)
            draft.models[name] = {"of": draft.models[origin].get("of", origin)}
            self._aliases[alias] = name
            self._reading.translated(where, f"models.{name}.of; the same routes under another name")
        self._pool()

    def _pool(self) -> None:
        """Have the quotas of a route count what is asked under all of its names."""
        models = self._layout.draft.models
        for origin in {model["of"] for model in models.values() if "of" in model}:
            model = models[origin]
            routes = model.get("routes") or {str(model.get("provider")): model}
            for provider, route in routes.items():
                if "quotas" in route:
                    route["quotas"] = [{**quota, "pool": f"{origin} at {provider}"} for quota in route["quotas"]]


def is_wildcard(deployment: Deployment) -> bool:
    """Tell whether a deployment stands for every model of a provider."""
    return "*" in deployment.group or "*" in deployment.target.id


def _match(pattern: str, name: str) -> tuple[str, ...] | None:
    """Find what stands for the stars of a pattern; None: it is none, or does not match."""
    if "*" not in pattern or pattern.count("*") > 3 or len(name) > 200:
        return None
    found = re.fullmatch("(.*)".join(re.escape(part) for part in pattern.split("*")), name)
    return None if found is None else found.groups()


def _of_name(name: str, path: KeyPath) -> Deployment:
    """Make a deployment of a name alone, served by its maker."""
    target = target_of(name)
    url, why = address_of(target, None)
    key = Key(None if target.vendor is None else target.vendor.key)
    return Deployment(path=path, group=name, target=target, url=url, why=why, key=key)


def _key(of: Deployment, name: str) -> Key:
    vendor = target_of(name).vendor
    if of.key.variable is not None or of.key.inline or vendor is None:
        return of.key
    return of.key._replace(variable=vendor.key)
