"""Who serves an orchestrator's workers: command lines, endpoints that are given, agent files, known providers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selector.config._known import MODELS, VENDORS, Known
from selector.config._raw import raw
from selector.config.formats._accounts import sign_in
from selector.config.formats._agent import add_agent, address
from selector.config.formats._places import located
from selector.config.formats._report import Reading
from selector.config.formats._vendors import known_provider, maker_of
from selector.errors import ConfigError

if TYPE_CHECKING:
    from selector.config._places import KeyPath
    from selector.config.formats._draft import Draft

_SECTION: Final = "provider_endpoints"
_COMMAND: Final = "claude-code"


def serve(draft: Draft, environ: Mapping[str, str]) -> None:
    """Find for each worker who serves it.

    Parameters
    ----------
    draft
        The native document, with its workers.
    environ
        The environment: where the user's own folder is.

    Raises
    ------
    ConfigError
        If an agent file that is there cannot be used.
    """
    reading = draft.reading
    for name in reading.mapping((_SECTION,)):
        path: KeyPath = (_SECTION, name)
        reading.mapping(path)
        if not draft.has(name):
            draft.named(name, path, name)
        _endpoint(draft, name, path, environ)
    for name, entry in list(draft.models.items()):
        if "provider" in entry:
            continue
        if "claude" in entry.get("tags", ()):
            draft.provider(_COMMAND)
            entry["provider"] = _COMMAND
        elif not _by_agent_file(draft, name, _folder(environ) / "agents" / name / "config.json"):
            _by_name(draft, name)


def _folder(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path("~")


def _endpoint(draft: Draft, said: str, path: KeyPath, environ: Mapping[str, str]) -> None:
    """Read an endpoint; its agent file, where it is there already, says the rest."""
    reading, name = draft.reading, draft.named(said, path)
    entry, provider = draft.models[name], draft.name_of(said, path)
    file = reading.text((*path, "config_path"))
    if file is not None:
        reading.translated((*path, "config_path"), f"providers.{provider}.api_key; by reference, as its api_key")
        where = _found(file, reading.source, environ)
        if not _by_agent_file(draft, name, where):
            if "#" in str(where):
                raise reading.error((*path, "config_path"), "must be a path without '#'")
            draft.providers[provider] = {"kind": "openai", "api_key": f"file:{where}#api_key"}
            reading.warned((*path, "config_path"), "there is no such file yet: it must hold the key, as api_key")
    native = draft.providers.setdefault(provider, {"kind": "openai"})
    if native is not None:
        entry["provider"] = provider
    url = address(reading, (*path, "api_url"), str(native["kind"]))
    if url is not None:
        native["base_url"] = url
        reading.translated((*path, "api_url"), f"providers.{provider}.base_url")
    model_id = reading.text((*path, "model_id"))
    if model_id is not None:
        entry["id"] = model_id
        reading.translated((*path, "model_id"), f"models.{name}.id")
    if "api_key" not in native:
        sign_in(reading, path, native, provider)
    if "api_key" not in native:
        _without_key(draft, provider, name, path)


def _without_key(draft: Draft, provider: str, name: str, path: KeyPath) -> None:
    """Refer to the variable that usually holds the key, where no agent file is named."""
    known = known_provider(name) or known_provider(maker_of(name) or "")
    key = (known or {}).get("api_key")
    native = draft.providers[provider]
    if key is not None:
        native["api_key"] = key
    if not draft.reading.mapping(path):
        draft.reading.warned(path, "neither an address nor an agent file is given")
        native.update({each: value for each, value in (known or {}).items() if each not in native})


def _found(file: str, source: str, environ: Mapping[str, str]) -> Path:
    """Find a file as the document names it: from the user's folder, or from where the document lies."""
    if file.startswith("~/"):
        return _folder(environ) / file[2:]
    return (Path(source).resolve().parent / file) if source else Path(file)


def _by_agent_file(draft: Draft, name: str, file: Path) -> bool:
    """Read the agent file of a model; False: there is none."""
    try:
        there = file.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        return False
    found = raw(file)
    values: Mapping[str, Any] = found.value if isinstance(found.value, Mapping) else {}
    agent = Reading(values, str(file))
    problem: ConfigError | None = None
    try:
        add_agent(draft, agent, name, file=str(file))
    except ConfigError as error:
        problem = located(error, found.places)
    if problem is not None:
        raise problem
    for line in agent.lines():
        draft.reading.note(f"{file}: {line.place}", line.what, line.word)
    return True


def _by_name(draft: Draft, name: str) -> None:
    """Let a model that nobody says more of be served by whom its name means."""
    entry = draft.models[name]
    provider = name if known_provider(name) else maker_of(name)
    place: KeyPath | None = next(
        (
            ("worker_models", group, name)
            for group in draft.reading.mapping(("worker_models",))
            if draft.reading.has(("worker_models", group, name))
        ),
        None,
    )
    if provider is None or not draft.provider(provider):
        said = f"nobody is known to serve it: give provider_endpoints.{name}, or ~/agents/{name}/config.json"
    else:
        entry["provider"] = provider
        known = next((each for each in MODELS if name in {each.name, each.family} and _at(draft, each, provider)), None)
        if known is not None:
            entry["id"] = _at(draft, known, provider)
        shown = entry.get("id", name)
        said = f"neither provider_endpoints nor an agent file says who serves it: called as {shown!r} at {provider!r}"
    if place is not None and entry.get("enabled", True):
        draft.reading.warned(place, said)


def _at(draft: Draft, known: Known, provider: str) -> str | None:
    url = draft.providers[provider].get("base_url")
    names = {vendor.name for vendor in VENDORS if vendor.base_url == url and url} or {provider}
    return next((offer.id for offer in known.offers if offer.vendor in names), None)
