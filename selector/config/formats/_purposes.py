"""Models and providers by purpose: a list of provider, model and purpose, as lead, worker, oracle or any other word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from selector.config._explain import sounds_secret
from selector.config._models import RATES
from selector.config._places import dotted
from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._report import Imported, Reading, kind_of

if TYPE_CHECKING:
    from selector.config._places import KeyPath

NAME: Final = "purposes"
_WORKER: Final = ("worker", "default", "lead")
_SESSIONS: Final = {"start": "lead", "turns": 3, "then": "worker", "after_failures": 2, "back_for": 2}
_CONSULTED: Final = frozenset({"oracle", "second-opinion"})
"""Purposes whose models serve who asks for them, and nobody else."""
_KEPT: Final = ("capabilities", "tags", "family", "context_tokens", "max_output_tokens", "enabled", *RATES)
_PARAMS: Final = ("temperature", "top_p", "reasoning_effort")


class Purposes:
    """The reader.

    Examples
    --------
    >>> Purposes().recognises({"models": [{"provider": "openai", "model": "gpt-5", "purpose": "oracle"}]})
    True
    """

    name = NAME

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by a list of models that have a `model` and no `name`, or a purpose."""
        models = document.get("models")
        if not isinstance(models, (list, tuple)):
            return False
        entries = [each for each in models if isinstance(each, Mapping)]
        return any("purpose" in each or ("model" in each and "name" not in each) for each in entries)

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:  # noqa: ARG002  # as all readers are called
        """Translate the list to models and purposes; tasks that name no purpose go to the worker."""
        reading = Reading(document, source)
        draft = Draft(reading)
        purposes: dict[str, list[tuple[str, KeyPath]]] = {}
        for place, entry in enumerate(reading.entries(("models",))):
            path = ("models", place)
            if not isinstance(entry, Mapping):
                raise reading.error(path, f"must be a mapping with provider and model, not {kind_of(entry)}")
            purpose, reference = _entry(draft, path)
            purposes.setdefault(purpose, []).append((reference, path))
        if {"lead", "worker"} <= set(purposes):
            draft.rest["sessions"] = dict(_SESSIONS)
            reading.note("sessions", "translated", "sessions; not given: the lead for three turns, then the worker")
        at_work = set(purposes) - _CONSULTED
        draft.rest["purposes"] = {
            name: _purpose(draft, name, served, others=bool(at_work)) for name, served in purposes.items() if name
        }
        return draft.finished(NAME, _otherwise(draft, purposes))


PURPOSES = Purposes()


def _entry(draft: Draft, path: KeyPath) -> tuple[str, str]:
    """Read one entry: its purpose, empty where it has none, and a reference to its model."""
    reading = draft.reading
    model = reading.text((*path, "model")) or reading.text((*path, "name"))
    if model is None:
        raise reading.error((*path, "model"), "is required: what the provider calls the model")
    name = draft.listed(model, (*path, "model"), {})
    for key in ("model", "name"):
        if reading.has((*path, key)):
            reading.translated((*path, key), f"models.{name}")
    reference = _served(draft, path, name)
    entry = draft.models[name]
    for key in _KEPT:
        if reading.has((*path, key)) and reading.at((*path, key)) is not None:
            entry[key] = reading.at((*path, key))
            reading.kept((*path, key), f"models.{name}.{key}")
    for key in _PARAMS:
        if reading.has((*path, key)):
            entry.setdefault("params", {})[key] = reading.at((*path, key))
            reading.translated((*path, key), f"models.{name}.params.{key}")
    if "capabilities" not in entry:
        entry["capabilities"] = ["tools"]
        reading.note(
            dotted((*path, "capabilities")), "translated", f"models.{name}.capabilities; not given: all call tools"
        )
    purpose = reading.text((*path, "purpose"))
    if reading.has((*path, "purpose")):
        word = "default_model" if purpose is None else f"purposes.{draft.name_of(purpose, (*path, 'purpose'))}"
        word += "; serves who asks for it" if purpose in _CONSULTED else ""
        reading.translated((*path, "purpose"), word)
    return ("" if purpose is None else draft.name_of(purpose, (*path, "purpose"))), reference


def _served(draft: Draft, path: KeyPath, name: str) -> str:
    """Say who serves a model; one that several providers serve has a route at each."""
    reading, entry = draft.reading, draft.models[name]
    said = reading.text((*path, "provider"))
    if said is None:
        return name
    provider = draft.name_of(said, (*path, "provider"))
    known = draft.provider(provider)
    reading.translated((*path, "provider"), f"models.{name}.provider")
    if not known:
        reading.warned(
            (*path, "provider"), f"nobody knows how to call {said!r}: import it, and declare it under providers"
        )
        return name
    if "routes" in entry:
        entry["routes"][provider] = {}
    elif entry.get("provider", provider) == provider:
        entry["provider"] = provider
        return name
    else:
        entry["routes"] = {entry.pop("provider"): {}, provider: {}}
    return f"{name}@{provider}"


def _purpose(draft: Draft, name: str, served: list[tuple[str, KeyPath]], *, others: bool) -> object:
    """Write a purpose, with what the format does not know of its entries as metadata."""
    metadata: dict[str, Any] = {"on": "request"} if name in _CONSULTED and others else {}
    for reference, path in served:
        facts = _facts(draft, name, path, () if len(served) == 1 else (reference,))
        if facts:
            metadata |= facts if len(served) == 1 else {reference: facts}
    models = list(dict.fromkeys(_whole(draft, reference, served) for reference, _ in served))
    return {"models": models, "metadata": metadata} if metadata else models


def _whole(draft: Draft, reference: str, served: list[tuple[str, KeyPath]]) -> str:
    """Name the first of a model's routes too, where another purpose has the others."""
    entry = draft.models.get(reference)
    if entry is None or "routes" not in entry:
        return reference
    path = next(path for each, path in served if each == reference)
    provider = draft.reading.text((*path, "provider"))
    return reference if provider is None else f"{reference}@{draft.name_of(provider, path)}"


def _facts(draft: Draft, name: str, path: KeyPath, within: KeyPath) -> dict[str, Any]:
    """Read the extra metadata of an entry; what is one word of it is a tag of the model too, for rules to select by."""
    reading, found = draft.reading, {}
    known = {"provider", "model", "name", "purpose", *_KEPT, *_PARAMS}
    native = draft.named(reading.text((*path, "model")) or reading.text((*path, "name")) or "", path)
    for key, value in reading.mapping(path).items():
        if key in known:
            continue
        if _is_secret(value, (key,)):
            reading.ignored((*path, key), "a secret is not copied: api_key of the provider says where it is found")
            continue
        found[key] = value
        word = f"{key}={value}" if isinstance(value, str) else f"{key}={str(value).lower()}"
        where = ".".join(("purposes", name, "metadata", *map(str, within), key))
        if isinstance(value, (str, bool, int)) and word.isprintable() and "@" not in word and len(word) <= 200:
            tags = draft.models[native].setdefault("tags", [])
            draft.models[native]["tags"] = list(dict.fromkeys([*tags, word.strip()]))
            where += f"; models.{native}.tags, as tag:{word.strip()}"
        reading.translated((*path, key), where)
    return found


def _is_secret(value: object, path: KeyPath) -> bool:
    """Tell whether something may be a secret, or hold one."""
    if isinstance(value, Mapping):
        return any(_is_secret(each, (str(key),)) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return any(_is_secret(each, path) for each in value)
    return isinstance(value, str) and sounds_secret(value, path)


def _otherwise(draft: Draft, purposes: dict[str, list[tuple[str, KeyPath]]]) -> str:
    """Say who serves tasks that name no purpose: the model without one, else the worker, else the only one."""
    if len(draft.models) <= 1:
        return ONE_MODEL
    usual: tuple[str, ...] = ("", *_WORKER)
    own = [name for name in usual if name in purposes] or [name for name in purposes if name not in _CONSULTED]
    purpose = own[0] if own else next(iter(purposes))
    served = list(dict.fromkeys(reference for reference, _ in purposes[purpose]))
    shared = any(len(each) > 1 and served[0] in {reference for reference, _ in each} for each in purposes.values())
    if len(served) == 1 and not shared:
        draft.rest["default_model"] = served[0]
        return "delete default_model"
    effect = {"model": served[0]} if len(served) == 1 or not purpose else {"purpose": purpose}
    reason = f"tasks that name no purpose go to {purpose or served[0]}"
    draft.rest["rules"] = [{"condition": "purpose == null", **effect, "reason": reason}]
    return "delete rules"
