"""LiteLLM's fallbacks, from group to group, as chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from selector.config._references import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selector.config._places import KeyPath
    from selector.config.formats._litellm_layout import Layout
    from selector.config.formats._litellm_settings import Settings

_KINDS: Final = {
    "fallbacks": "chains.by_model",
    "context_window_fallbacks": "chains.by_reason.context_too_long",
    "content_policy_fallbacks": "chains.by_reason.content_policy",
}
_DEPTH: Final = 5  # LiteLLM's own
_MOST: Final = 100
_NOBODY: Final = "names nobody"
_FOR_ALL: Final = "for every model, since a chain by reason is not of one model"
Lists = dict[str, list[str]]
"""What follows whom."""


class Chains:
    """The chains of a document.

    Parameters
    ----------
    layout
        The models.
    settings
        Where fallbacks are found.
    resolve
        Gives the reference that a name at a place means; a model that is not listed is added.
    """

    def __init__(self, layout: Layout, settings: Settings, resolve: Callable[[str, KeyPath], str]) -> None:
        self._layout, self._settings, self._resolve = layout, settings, resolve
        self._reading = layout.reading
        self.purposes: dict[str, list[str]] = {}
        """Purposes of one model each, for fallbacks that lead both ways."""

    def written(self) -> dict[str, Any]:
        """Read all fallbacks; give the section `chains`."""
        general, context, policy = (self._lists(name) for name in _KINDS)
        default = self._default(general)
        found: dict[str, Any] = {}
        reasons = {"context_too_long": self._merged("context_window_fallbacks", context)}
        reasons["content_policy"] = self._merged("content_policy_fallbacks", policy)
        reasons["context_too_long"] = self._longer(reasons["context_too_long"])
        by_reason = {reason: chain for reason, chain in reasons.items() if chain}
        if by_reason:
            found["by_reason"] = by_reason
        by_model = self._by_model(general)
        if by_model:
            found["by_model"] = by_model
        if default:
            found["default"] = default
        return found

    def most_attempts(self, chains: dict[str, Any]) -> int:
        """Count the routes that a run may have to try."""
        lists = chains.get("by_reason", {}).values()
        most = 1
        for name in self._layout.draft.models:
            mine = [chains.get("by_model", {}).get(name) or chains.get("default", []), *lists]
            most = max(most, *(sum(map(self._routes, {name: None, **dict.fromkeys(chain)})) for chain in mine))
        return min(most, _MOST)

    def _routes(self, text: str) -> int:
        names = self.purposes.get(text.removeprefix("purpose:"), [text]) if text.startswith("purpose:") else [text]
        found = Reference.parse(names[0])
        model = self._layout.draft.models.get(found.name, {})
        model = self._layout.draft.models.get(model.get("of", ""), model)
        return 1 if found.provider is not None else max(1, len(model.get("routes", ())))

    def _lists(self, name: str) -> Lists:
        """Read fallbacks of one kind, by the model that they follow; ``*`` is for all that have none."""
        path, found = self._settings.pick(name), Lists()
        if path is None:
            return found
        if not self._reading.at(path):
            self._reading.ignored(path, _NOBODY)
        for group, members, where in self._entries(path):
            key = group if group == "*" else Reference.parse(self._resolve(group, where)).name
            chain = found.setdefault(key, [])
            chain += [each for each in members if each != key and each not in chain]
            self._reading.translated(where, f"{_KINDS[name]}.{key}" if name == "fallbacks" else _KINDS[name])
        return found

    def _entries(self, path: KeyPath) -> Iterator[tuple[str, list[str], KeyPath]]:
        """Give who is followed by whom, in the forms in which LiteLLM takes it."""
        said = self._reading.at(path)
        if isinstance(said, Mapping):
            for group in self._reading.mapping(path):
                yield group, self._members((*path, group)), (*path, group)
            return
        entries = self._reading.entries(path)
        if entries and all(isinstance(each, str) for each in entries):
            yield "*", self._members(path), path
            return
        for place in range(len(entries)):
            inner = self._reading.mapping((*path, place))
            for group in inner:
                where = (*path, place, group)
                yield group, self._members(where), where

    def _members(self, path: KeyPath) -> list[str]:
        said = self._reading.at(path)
        if isinstance(said, str):
            return [self._resolve(said, path)]
        found = []
        for place, each in enumerate(self._reading.entries(path)):
            here = (*path, place)
            if isinstance(each, Mapping):
                name = self._reading.text((*here, "model"))
                if name is None:
                    raise self._reading.error((*here, "model"), "is required: whom to fall back to")
                for key in self._reading.mapping(here):
                    if key != "model":
                        self._reading.ignored((*here, key), "a fallback is asked the same as the first model")
                found.append(self._resolve(name, (*here, "model")))
            elif isinstance(each, str) and each.strip():
                found.append(self._resolve(each.strip(), path if not self._has_leaf(here) else here))
            else:
                raise self._reading.error(here, "must be the name of a model")
        return list(dict.fromkeys(found))

    def _has_leaf(self, path: KeyPath) -> bool:
        """Tell whether a member of a list has a line of its own: where others of the list are mappings."""
        members = self._reading.entries(path[:-1])
        return any(isinstance(each, (Mapping, list, tuple)) for each in members)

    def _default(self, general: Lists) -> list[str]:
        path, found = self._settings.pick("default_fallbacks"), general.pop("*", [])
        if path is not None:
            found += [each for each in self._members(path) if each not in found]
            (self._reading.translated if found else self._reading.ignored)(path, "chains.default" if found else _NOBODY)
        return _without_twins(found)

    def _merged(self, name: str, lists: Lists) -> list[str]:
        """Put the lists of all models together; a chain by reason holds for all of them."""
        path, chains = self._settings.pick(name), list(lists.values())
        if path is None or not chains:
            return []
        named = {each for chain in chains for each in chain}
        others = [model for model in self._layout.draft.models if model not in lists and model not in named]
        if any(chain != chains[0] for chain in chains[1:]):
            for where in self._leaves(path):
                self._reading.warned(where, f"put together with the others {_FOR_ALL}")
        elif others and "*" not in lists:
            for where in self._leaves(path):
                self._reading.warned(where, _FOR_ALL)
        return _without_twins([each for chain in chains for each in chain])

    def _leaves(self, path: KeyPath) -> list[KeyPath]:
        return [where for _, _, where in self._entries(path)]

    def _longer(self, chain: list[str]) -> list[str]:
        """Leave out who takes no longer task than any other: a native chain must help where a task is too long."""
        lengths = {name: self._lengths(model) for name, model in self._layout.draft.models.items()}
        if any(length is None for each in lengths.values() for length in each):
            return chain
        kept = []
        for text in chain:
            mine = lengths.get(Reference.parse(text).name, [])
            others = [length for name, each in lengths.items() if name != Reference.parse(text).name for length in each]
            if not others or not mine or max(filter(None, mine)) > min(filter(None, others)):
                kept.append(text)
                continue
            path = self._settings.pick("context_window_fallbacks")
            for where in self._leaves(path) if path is not None else ():
                self._reading.warned(where, f"{text!r} takes no longer task than any other model: left out")
        return kept

    def _lengths(self, model: dict[str, Any]) -> list[int | None]:
        model = self._layout.draft.models.get(model.get("of", ""), model)
        routes = model.get("routes", {}).values()
        return [route.get("context_tokens") for route in routes] or [model.get("context_tokens")]

    def _by_model(self, general: Lists) -> Lists:
        """Write each model's whole way down: LiteLLM goes on with the fallbacks of a fallback."""
        found: Lists = {}
        for name, chain in general.items():
            whole = [each for each in _down(chain, general) if Reference.parse(each).name != name]
            found[name] = _without_twins(whole)
        for alias, model in self._layout.draft.models.items():
            if "of" in model and alias not in found and model["of"] in found:
                found[alias] = [each for each in found[model["of"]] if Reference.parse(each).name != alias]
        for name, chain in found.items():
            found[name] = [self._one_way(each, name, found) for each in chain]
        return found

    def _one_way(self, text: str, name: str, chains: Lists) -> str:
        """Name a model by a purpose where its own chain leads back: a native chain names no model in a circle."""
        seen, waiting = set(), [Reference.parse(text)]
        for each in waiting:
            if each.kind != "model" or each.name in seen:
                continue
            if each.name == name:
                alone = f"{text}-alone".replace("@", "-at-")
                self.purposes[alone] = [text]
                return f"purpose:{alone}"
            seen.add(each.name)
            waiting += [Reference.parse(other) for other in chains.get(each.name, [])]
        return text


def _down(chain: list[str], general: Lists) -> list[str]:
    """Put behind each model of a chain those that follow it, as deep as LiteLLM goes."""
    found: dict[str, None] = {}
    waiting = [(each, 1) for each in reversed(chain)]
    while waiting:
        each, depth = waiting.pop()
        if each not in found and depth <= _DEPTH:
            found[each] = None
            waiting += [(other, depth + 1) for other in reversed(general.get(each, []))]
    return list(found)


def _without_twins(chain: list[str]) -> list[str]:
    """Leave out a route of a model that stands before it, and what a chain has no room for."""
    found: list[str] = []
    for each in chain:
        if each not in found and Reference.parse(each).name not in found:
            found.append(each)
    return found[:_MOST]
