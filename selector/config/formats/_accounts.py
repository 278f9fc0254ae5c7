"""The accounts of a registry: how each provider is called, with which key, and what its subscription allows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from selector.config._providers import _KEY_REFERENCE
from selector.config.formats._agent import address
from selector.config.formats._vendors import known_provider

if TYPE_CHECKING:
    from selector.config._places import KeyPath
    from selector.config.formats._draft import Draft
    from selector.config.formats._report import Reading

_VARIABLE: Final = re.compile(r"(?:\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)|os\.environ/(\w+))\Z")
_SPANS: Final = {
    "per_minute": "1m", "per_hour": "hour", "per_day": "day", "per_week": "week", "per_month": "month",
    "rolling_5h": "5h", "minute": "1m", "hour": "hour", "day": "day", "week": "week", "month": "month",
}  # fmt: skip
_LIMITS: Final = {"max_requests": "requests", "max_tokens": "tokens"}
_KEYS: Final = ("api_key", "subscription_token")
_SECRETS: Final = ("oauth_client_secret", "custom_header_value")


def account(draft: Draft, path: KeyPath, name: str) -> dict[str, Any]:
    """Read the entry of a provider.

    Parameters
    ----------
    draft
        The native document.
    path
        Where the entry stands.
    name
        What the registry calls it.

    Returns
    -------
    dict
        A native provider; its key is always a reference.
    """
    reading = draft.reading
    native = f"providers.{draft.name_of(name, path)}"
    maker = reading.text((*path, "litellm_provider"))
    known = known_provider(maker or name)
    found = dict(known or {"kind": "openai"})
    if maker is not None:
        reading.translated((*path, "litellm_provider"), f"{native}.kind")
    url = address(reading, (*path, "base_url"), str(found["kind"]))
    if url is not None:
        found["base_url"] = url
        reading.translated((*path, "base_url"), f"{native}.base_url")
    elif known is None:
        reading.warned(
            (*path, "litellm_provider") if maker else path,
            f"nobody knows how to call {maker or name!r}: give {native}.base_url",
        )
    sign_in(reading, path, found, name)
    for key in _SECRETS:
        if reading.has((*path, key)):
            reading.ignored((*path, key), "this way to sign in is not supported; a secret is not copied")
    quotas = _quotas(reading, path, native)
    if quotas:
        found["quotas"] = quotas
    _subscription(reading, (*path, "subscription"))
    return found


def sign_in(reading: Reading, path: KeyPath, found: dict[str, Any], name: str) -> None:
    """Refer to the key of a provider; one that stands in the document is not copied, and is looked for in a variable.

    Parameters
    ----------
    reading
        The foreign document.
    path
        Where the provider's entry stands.
    found
        The native provider, which gets the reference.
    name
        The provider, by which the variable is called.
    """
    for key in _KEYS:
        said = reading.text((*path, key))
        if said is None:
            continue
        variable = _VARIABLE.match(said)
        native = f"providers.{name}.api_key"
        if variable is not None:
            found["api_key"] = f"env:{variable[1] or variable[2] or variable[3]}"
            reading.translated((*path, key), native)
        elif _KEY_REFERENCE.match(said):
            found["api_key"] = said
            reading.kept((*path, key), native)
        else:
            own = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").upper() or "PROVIDER"
            found["api_key"] = f"env:{own if not own[0].isdigit() else f'KEY_{own}'}_API_KEY"
            where = found["api_key"].removeprefix("env:")
            reading.warned((*path, key), f"{native}; a key itself is not copied: put it into the variable {where}")


def _quotas(reading: Reading, path: KeyPath, native: str) -> list[dict[str, Any]]:
    """Read what a subscription allows in which window; zero means no limit."""
    found: list[dict[str, Any]] = []
    base = (*path, "subscription", "quotas")
    reading.mapping((*path, "subscription"))
    for place in range(len(reading.entries(base))):
        here = (*base, place)
        reading.mapping(here)
        said = reading.text((*here, "window")) or ""
        if said not in _SPANS:
            raise reading.error((*here, "window"), f"must be one of {', '.join(_SPANS)}")
        reading.translated((*here, "window"), f"{native}.quotas[{len(found)}].per")
        for key, ours in _LIMITS.items():
            limit = reading.number((*here, key))
            if limit:
                reading.translated((*here, key), f"{native}.quotas[{len(found)}].{ours}")
                found.append({ours: int(limit), "per": _SPANS[said]})
            elif reading.has((*here, key)):
                reading.ignored((*here, key), "zero is no limit")
    return found


def _subscription(reading: Reading, path: KeyPath) -> None:
    if reading.has((*path, "cost_model")):
        reading.translated((*path, "cost_model"), "models.*.routes")
    for key in ("monthly_cost", "plan_name"):
        if reading.has((*path, key)):
            reading.ignored((*path, key), "what is paid whether it is used or not changes no choice")
