"""A model, and a lead model for the first turns, as variables that stand in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._report import Imported, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selector.config._places import KeyPath

NAME: Final = "lead-worker"
_MODEL, _PROVIDER = "GOOSE_MODEL", "GOOSE_PROVIDER"
_LEAD, _LEAD_PROVIDER = "GOOSE_LEAD_MODEL", "GOOSE_LEAD_PROVIDER"
_TURNS: Final = {
    "GOOSE_LEAD_TURNS": ("turns", 3),
    "GOOSE_LEAD_FAILURE_THRESHOLD": ("after_failures", 2),
    "GOOSE_LEAD_FALLBACK_TURNS": ("back_for", 2),
}
_PARAMS: Final = {"GOOSE_TEMPERATURE": "temperature"}


class LeadWorker:
    """The reader.

    Examples
    --------
    >>> LeadWorker().recognises({"GOOSE_PROVIDER": "anthropic", "GOOSE_MODEL": "claude-sonnet-4"})
    True
    """

    name = NAME

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by the name of a model or a provider in capitals."""
        return bool({_MODEL, _PROVIDER, _LEAD} & set(document))

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:  # noqa: ARG002  # as all readers are called
        """Translate the models to purposes, and the turns to sessions."""
        reading = Reading(document, source)
        draft = Draft(reading)
        provider = _provider(draft, _PROVIDER)
        worker = _model(draft, _MODEL, provider)
        lead = _model(draft, _LEAD, _provider(draft, _LEAD_PROVIDER) or provider)
        if worker is None:
            raise reading.error((_MODEL,), "is required: the model that works")
        for key, ours in _PARAMS.items():
            value = reading.number((key,), most=100)
            if value is not None:
                for name, model in draft.models.items():
                    model["params"] = {ours: value}
                    reading.translated((key,), f"models.{name}.params.{ours}")
        turns = {ours: _count(draft, key, usual) for key, (ours, usual) in _TURNS.items()}
        if lead is None:
            for key in (each for each in (*_TURNS, _LEAD_PROVIDER) if reading.has((each,))):
                reading.ignored((key,), f"no {_LEAD} is given")
            return draft.finished(NAME, ONE_MODEL)
        draft.rest |= {
            "purposes": {"lead": [lead], "worker": [worker]},
            "sessions": {"start": "lead", "then": "worker", **turns},
            "default_model": worker,
        }
        return draft.finished(NAME, "delete default_model" if len(draft.models) > 1 else ONE_MODEL)


LEAD_WORKER: Final = LeadWorker()
"""The one reader of this format."""


def _provider(draft: Draft, key: str) -> str | None:
    said = draft.reading.text((key,))
    if said is None:
        return None
    name = draft.name_of(said, (key,))
    known = draft.provider(name)
    draft.reading.translated((key,), f"providers.{name}")
    if not known:
        draft.reading.warned((key,), f"nobody knows how to call {said!r}: import it, and declare it under providers")
    return name if known else None


def _model(draft: Draft, key: str, provider: str | None) -> str | None:
    said = draft.reading.text((key,))
    if said is None:
        return None
    name = draft.listed(said, (key,), {"capabilities": ["tools"]})
    entry = draft.models[name]
    other = entry.get("provider")
    if provider is not None and other not in {None, provider}:
        entry["routes"] = {entry.pop("provider"): {}, provider: {}}
    elif provider is not None:
        entry["provider"] = provider
    draft.reading.translated((key,), f"models.{name}")
    return f"{name}@{provider}" if "routes" in entry else name


def _count(draft: Draft, key: str, usual: int) -> int:
    """Read a number of turns, which a file of variables may hold as text."""
    path: KeyPath = (key,)
    said = draft.reading.at(path)
    if isinstance(said, str) and said.strip().isdecimal() and len(said) < 10:
        said = int(said)
    if said is None:
        return usual
    if isinstance(said, bool) or not isinstance(said, int) or not 1 <= said <= 1_000_000:
        raise draft.reading.error(path, "must be a whole number from 1 to 1,000,000")
    draft.reading.translated(path, f"sessions.{_TURNS[key][0]}")
    return said
