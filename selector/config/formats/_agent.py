"""The file of one agent: a provider's address and key, and the one model that it is called with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selector.config._providers import _HTTP, _KEY_REFERENCE
from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._report import Imported, Reading

if TYPE_CHECKING:
    from selector.config._places import KeyPath

NAME: Final = "agent"
KINDS: Final = {"openai": "openai", "anthropic": "anthropic"}
_ENDS: Final = ("/chat/completions", "/v1/messages", "/messages")
_OTHERS: Final = 0o077


class Agent:
    """The reader.

    Examples
    --------
    >>> Agent().recognises({"provider": "openai", "api_url": "https://api.example.com/v1", "model_id": "m"})
    True
    """

    name = NAME

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by an address or a model's id beside a provider that is text."""
        return isinstance(document.get("provider"), str) and bool({"api_url", "model_id"} & set(document))

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:  # noqa: ARG002  # as all readers are called
        """Translate the file to one provider and one model; the key stays where it is."""
        reading = Reading(document, source)
        draft = Draft(reading)
        model_id = reading.text(("model_id",)) or reading.text(("model",))
        folder = Path(source).parent.name if source and Path(source).stem == "config" else ""
        name = folder if folder not in {"", ".", ".."} else model_id
        if name is None:
            raise reading.error(("model_id",), "is required: what the provider calls the model")
        add_agent(draft, reading, draft.listed(name, ("model_id",), {}), file=source)
        return draft.finished(NAME, ONE_MODEL)


AGENT = Agent()


def add_agent(draft: Draft, reading: Reading, name: str, *, file: str) -> None:
    """Add the provider and the values of a model from its agent file.

    Parameters
    ----------
    draft
        The native document.
    reading
        The agent file.
    name
        The model, which the draft has.
    file
        The agent file's path: keys are referred to there.

    Raises
    ------
    ConfigError
        If the file holds a key and others may read it, or a value cannot be.
    """
    provider = draft.name_of(name, ())
    entry = draft.models[name]
    values = _provider(reading, provider, file)
    draft.providers[provider] = values
    entry["provider"] = provider
    for key in ("model_id", "model"):
        model_id = reading.text((key,))
        if model_id is not None:
            reading.translated((key,), f"models.{name}.id")
            entry["id"] = model_id
            break
    if reading.has(("supports_tools",)):
        able = reading.flag(("supports_tools",), default=False)
        entry["capabilities"] = ["tools"] if able else []
        reading.translated(("supports_tools",), f"models.{name}.capabilities")
    longest = reading.number(("max_tokens",), least=1, most=1e12)
    if longest is not None:
        entry["max_output_tokens"] = int(longest)
        reading.translated(("max_tokens",), f"models.{name}.max_output_tokens")
    for key in ("temperature", "top_p"):
        value = reading.number((key,), most=100)
        if value is not None:
            entry.setdefault("params", {})[key] = value
            reading.translated((key,), f"models.{name}.params.{key}")


def _provider(reading: Reading, native: str, file: str) -> dict[str, Any]:
    said = reading.text(("provider",)) or "openai"
    if said not in KINDS:
        raise reading.error(("provider",), "must be openai (for any API of that shape) or anthropic")
    if reading.has(("provider",)):
        reading.translated(("provider",), f"providers.{native}.kind")
    found: dict[str, Any] = {"kind": KINDS[said]}
    url = address(reading, ("api_url",), said)
    if url is not None:
        found["base_url"] = url
        reading.translated(("api_url",), f"providers.{native}.base_url")
    key = _key(reading, file)
    if key is not None:
        found["api_key"] = key
        reading.translated(("api_key",), f"providers.{native}.api_key; by reference: the key stays where it is")
    elif reading.has(("api_key",)):
        reading.ignored(("api_key",), "it is empty")
    return found


def address(reading: Reading, path: KeyPath, kind: str) -> str | None:
    """Read the address of an API, without the call's own path; None: none is given.

    Examples
    --------
    >>> reading = Reading({"api_url": "https://api.example.com/v1/chat/completions"})
    >>> address(reading, ("api_url",), "openai")
    'https://api.example.com/v1'
    """
    said = reading.text(path)
    if said is None:
        return None
    found = said.rstrip("/")
    for end in _ENDS if kind == "anthropic" else _ENDS[:1]:
        found = found.removesuffix(end)
    if not _HTTP.match(found):
        # The value is not repeated: a URL may carry a password.
        raise reading.error(path, "must be a URL such as https://api.example.com/v1, without user, password or query")
    return found


def _key(reading: Reading, file: str) -> str | None:
    """Refer to the key: where it is given by reference, as it is; inline, from a file that only its owner reads."""
    path: KeyPath = ("api_key",)
    said = reading.text(path)
    if said is None:
        return None
    if _KEY_REFERENCE.match(said):
        return said
    remedy = "write env:NAME in place of it, or keep it in a file of its own that only you may read (chmod 600)"
    if not file:
        raise reading.error(path, f"is a key itself, which is accepted from a file alone; {remedy}")
    where = Path(file).resolve()
    try:
        mode = where.stat().st_mode
    except OSError:
        mode = _OTHERS
    if os.name == "posix" and mode & _OTHERS:
        raise reading.error(path, f"is a key itself, in a file that others may read; run: chmod 600 {where}")
    if "#" in str(where) or where.suffix.lower() != ".json":
        raise reading.error(
            path, f"is a key itself, which is accepted from a JSON file without '#' in its path; {remedy}"
        )
    return f"file:{where}#api_key"
