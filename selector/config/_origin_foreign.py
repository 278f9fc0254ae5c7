"""What other systems' variables mean here: goose's lead and worker, and `CTO_MODEL` with `MODEL_PROVIDER`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from selector.config._commands import command_presets
from selector.config._known import MODELS, VENDORS
from selector.config._places import KeyPath
from selector.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from selector.config._origin_variables import Surroundings

    Layer = tuple[dict[str, Any], dict[KeyPath, str]]

CTO: Final = "cto"
"""The purpose whose models sort tasks and oversee."""

_LEAD: Final = ("GOOSE_LEAD_MODEL", "GOOSE_LEAD_PROVIDER")
_WORKER: Final = ("GOOSE_MODEL", "GOOSE_PROVIDER")
_TURNS: Final = {
    "turns": ("GOOSE_LEAD_TURNS", 3),
    "after_failures": ("GOOSE_LEAD_FAILURE_THRESHOLD", 2),
    "back_for": ("GOOSE_LEAD_FALLBACK_TURNS", 2),
}
"""Keys of `sessions`, with goose's variables and what holds where they are not set, as there."""
_VENDORS: Final = {"google": "gemini", "x-ai": "xai"}
"""Providers that goose calls by another name."""
_PRESETS: Final = {"claude-code": "claude-code", "codex": "codex", "gemini-cli": "gemini-cli"}
_ADDRESSES: Final = {
    "ollama": ("OLLAMA_HOST", "http://localhost:11434", None),
    "litellm": ("LITELLM_HOST", "http://localhost:4000", "LITELLM_API_KEY"),
}
"""Servers that speak as OpenAI does: the variable of the address, the usual address, the variable of the key."""

_logger = logging.getLogger("selector")


def goose_alone(around: Surroundings) -> Layer | None:
    """Build a configuration from goose's variables, where no file says anything.

    Parameters
    ----------
    around
        The environment.

    Returns
    -------
    tuple or None
        The values, with the origin of each; None: no such variable names a model.

    Raises
    ------
    ConfigError
        If a model's provider is not said and not known, or a number is none.

    Examples
    --------
    >>> from selector.config._origin_variables import Surroundings
    >>> said = {"GOOSE_PROVIDER": "openai", "GOOSE_MODEL": "gpt-luna", "GOOSE_LEAD_MODEL": "gpt-sol"}
    >>> values, _ = goose_alone(Surroundings.of({}, None, said))
    >>> values["purposes"], values["sessions"]["turns"]
    ({'lead': ['gpt-sol'], 'worker': ['gpt-luna']}, 3)
    """
    lead, worker = (around.said(names[0]) for names in (_LEAD, _WORKER))
    if lead is None and worker is None:
        _unused(around, ("GOOSE_PROVIDER", "GOOSE_LEAD_PROVIDER"), "names no model; set GOOSE_MODEL too")
        return None
    values: dict[str, Any] = {"version": 1, "providers": {}, "models": {}}
    named: dict[KeyPath, str] = {("version",): "default"}
    for names in (_WORKER, _LEAD):
        model = around.said(names[0])
        if model is None or model in values["models"]:
            continue
        origin = around.places[names[0]]
        provider, entry = _provider(around, names, model)
        values["providers"].setdefault(provider, entry)
        values["models"][model] = {"provider": provider, "id": model, **_known(model, provider)}
        named.setdefault(("providers", provider), _said_by(around, names) or origin)
        named["models", model] = origin
    if lead is None or lead == worker:
        _unused(around, [name for name, _ in _TURNS.values()], "has no effect without GOOSE_LEAD_MODEL and GOOSE_MODEL")
        return values, named
    more, also = goose_beside(values, around)
    return more, named | also


def goose_beside(values: dict[str, Any], around: Surroundings) -> Layer:
    """Fill in the purposes and the sessions that goose's variables mean, as far as a document leaves them open.

    Parameters
    ----------
    values
        The document; it is not changed.
    around
        The environment.

    Examples
    --------
    >>> from selector.config._origin_variables import Surroundings
    >>> said = {"GOOSE_LEAD_MODEL": "opus", "GOOSE_MODEL": "haiku", "GOOSE_LEAD_TURNS": "5"}
    >>> around = Surroundings.of({}, None, said)
    >>> written = {"models": {"opus": {}, "haiku": {}}, "purposes": {"lead": ["haiku"]}}
    >>> found, named = goose_beside(written, around)
    >>> found["purposes"], found["sessions"]["turns"], named["sessions", "turns"]
    ({'lead': ['haiku'], 'worker': ['haiku']}, 5, 'environment GOOSE_LEAD_TURNS')
    """
    said = [name for name, _ in _TURNS.values() if around.said(name) is not None]
    if around.said(_LEAD[0]) is None and not said:
        return values, {}
    found, named = dict(values), dict[KeyPath, str]()
    purposes = _part(values, "purposes")
    for purpose, names in (("lead", _LEAD), ("worker", _WORKER)):
        model = around.said(names[0])
        if purpose in purposes or model is None or around.said(_LEAD[0]) is None:
            continue
        meant = _meant(model, values)
        if meant is None:
            _logger.warning("%s is passed over: %r is no model of the configuration", around.places[names[0]], model)
            return values, {}
        purposes[purpose] = [meant]
        named["purposes", purpose] = around.places[names[0]]
    if purposes:
        found["purposes"] = purposes
    if "sessions" not in values and {"lead", "worker"} <= purposes.keys():
        sessions: dict[str, Any] = {"start": "lead", "then": "worker"}
        named["sessions",] = around.places[_LEAD[0]] if around.said(_LEAD[0]) else around.places[said[0]]
        for key, (name, usual) in _TURNS.items():
            sessions[key], named["sessions", key] = _number(around, name, usual)
        found["sessions"] = sessions
    elif "sessions" not in values:
        _unused(around, said, "has no effect: no models are for lead and worker; set GOOSE_LEAD_MODEL and GOOSE_MODEL")
    return found, named


def cto_of(around: Surroundings) -> dict[str, dict[str, object]]:
    """Give what `CTO_MODEL` says as the orchestrator's own document would: there, old and unlisted names mean one too.

    Examples
    --------
    >>> from selector.config._origin_variables import Surroundings
    >>> cto_of(Surroundings.of(None, None, {"CTO_MODEL": "gpt-4"}))
    {'orchestrator': {'cto_model': 'gpt-4'}}
    """
    model = around.said("CTO_MODEL")
    return {} if model is None else {"orchestrator": {"cto_model": model}}


def over_file(values: dict[str, Any], around: Surroundings) -> Layer:
    """Let `CTO_MODEL` say which model the purpose ``cto`` has, and `MODEL_PROVIDER` whose models.

    Where `default_model` was the one that had the purpose, it becomes the one that has it now, or the first of them.

    Parameters
    ----------
    values
        The document; it is not changed. Where it has no such purpose, `MODEL_PROVIDER` alone, a name that others use
        too, adds none.
    around
        The environment.

    Raises
    ------
    ConfigError
        If there is no such model, or no model of such a provider.

    Examples
    --------
    >>> from selector.config._origin_variables import Surroundings
    >>> written = {"models": {"opus": {"family": "claude"}, "deepseek": {}}, "purposes": {"cto": ["deepseek"]}}
    >>> over_file(written, Surroundings.of({}, None, {"CTO_MODEL": "opus"}))[0]["purposes"]
    {'cto': ['opus']}
    >>> over_file(written, Surroundings.of({}, None, {"MODEL_PROVIDER": "claude"}))[1]
    {('purposes', 'cto'): 'environment MODEL_PROVIDER'}
    """
    model, provider = around.said("CTO_MODEL"), around.said("MODEL_PROVIDER")
    purposes, models = _part(values, "purposes"), _part(values, "models")
    if model is not None:
        meant = _meant(model, values)
        if meant is None:
            raise around.error("CTO_MODEL", f"unknown model {model!r}{nearest(model, models)}", key="purposes.cto")
        name, wanted = "CTO_MODEL", [meant]
    elif provider is not None and CTO in purposes:
        name, wanted = "MODEL_PROVIDER", list(_of_provider(provider, values))
        if not wanted:
            remedy = nearest(provider, _part(values, "providers"))
            raise around.error(name, f"no model is of provider or family {provider!r}{remedy}", key="purposes.cto")
    else:
        return values, {}
    paths: list[KeyPath] = [("purposes", CTO)]
    put: dict[str, Any] = {"purposes": {**purposes, CTO: wanted}}
    if values.get("default_model") in _cto(purposes) and values["default_model"] not in wanted:
        put["default_model"] = wanted[0]
        paths.append(("default_model",))
    return {**values, **put}, dict.fromkeys(paths, around.places[name])


def _cto(purposes: Mapping[str, Any]) -> list[Any]:
    """Name the models that a document gives the purpose."""
    found = purposes.get(CTO)
    found = found.get("models") if isinstance(found, dict) else found
    return found if isinstance(found, list) else []


def _part(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Copy a section; one that is none, which is refused later, counts as empty."""
    found = values.get(key)
    return dict(found) if isinstance(found, dict) else {}


def _meant(model: str, values: Mapping[str, Any]) -> str | None:
    """Find a model by its name, or by what a provider calls it."""
    models = _part(values, "models")
    if model in models:
        return model
    found = [name for name, entry in models.items() if model in _ids(entry)]
    return found[0] if found else None


def _ids(entry: object) -> Iterator[str]:
    """Give what providers call a model."""
    if isinstance(entry, dict):
        routes = entry.get("routes")
        for each in (entry, *(routes.values() if isinstance(routes, dict) else ())):
            if isinstance(each, dict) and isinstance(each.get("id"), str):
                yield each["id"]


def _of_provider(provider: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Name the models of a provider, by its name, its kind, or the family of the models."""
    providers = _part(values, "providers")
    for name, entry in _part(values, "models").items():
        said = entry if isinstance(entry, dict) else {}
        routes = said.get("routes")
        at = {str(said.get("provider")), *(routes if isinstance(routes, (dict, list)) else ())}
        kinds = {each.get("kind") for one in at if isinstance(each := providers.get(one), dict)}
        if provider in at | kinds | {said.get("family")} and said.get("enabled", True) is not False:
            yield name


def _provider(around: Surroundings, names: tuple[str, str], model: str) -> tuple[str, dict[str, Any]]:
    """Find who serves a model for goose, as an entry of `providers`."""
    said = around.said(names[1]) or around.said(_WORKER[1])
    known = [each.offers[0].vendor for each in MODELS if model in {each.name, *(o.id for o in each.offers)}]
    name = said or (known[0] if known else None)
    if name is None:
        raise around.error(names[0], f"nothing says who serves {model!r}; set {names[1]}")
    name = _VENDORS.get(name, name)
    vendor = next((each for each in VENDORS if each.name == name), None)
    if vendor is not None:
        key = next((key for key in vendor.keys if around.said(key)), vendor.keys[0])
        address = {} if vendor.base_url is None else {"base_url": vendor.base_url}
        return name, {"kind": vendor.kind, **address, "api_key": f"env:{key}"}
    if name in _PRESETS and _PRESETS[name] in command_presets():
        return name, {"kind": "command", "preset": _PRESETS[name]}
    if name in _ADDRESSES:
        variable, usual, key_name = _ADDRESSES[name]
        address_ = _address(around.said(variable) or usual)
        return name, {
            "kind": "openai",
            "base_url": address_,
            **({} if key_name is None else {"api_key": f"env:{key_name}"}),
        }
    every = sorted({*(each.name for each in VENDORS), *_VENDORS, *_PRESETS, *_ADDRESSES})
    which = names[1] if around.said(names[1]) else _WORKER[1]
    raise around.error(which, f"unknown provider {name!r}{nearest(name, every)}; for another one write a selector.yaml")


def _address(host: str) -> str:
    """Complete an address as goose does: a bare host speaks HTTP, and the API lies below /v1."""
    url = host.rstrip("/") if "://" in host else f"http://{host.rstrip('/')}"
    return url if url.endswith("/v1") else f"{url}/v1"


def _known(model: str, provider: str) -> dict[str, Any]:
    """Say what is known of a model besides its name; a model on one's own machine is free."""
    found: dict[str, Any] = {}
    if provider == "ollama":
        found = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    for each in MODELS:
        offer = next((o for o in each.offers if o.vendor == provider and model in {each.name, o.id}), None)
        if offer is not None:
            found = {"id": offer.id, "family": each.family, "capabilities": list(each.capabilities)}
            found |= {"context_tokens": offer.context_tokens, "max_output_tokens": offer.max_output_tokens}
    return found


def _said_by(around: Surroundings, names: tuple[str, str]) -> str | None:
    return next((around.places[name] for name in (names[1], _WORKER[1]) if around.said(name)), None)


def _number(around: Surroundings, name: str, usual: int) -> tuple[int, str]:
    """Read a number of turns, and where it comes from."""
    said = around.said(name)
    if said is None:
        return usual, "default"
    if not (said.isascii() and said.isdecimal() and 1 <= int(said) <= 1_000_000):
        raise around.error(name, f"must be a whole number of at least 1, not {said!r}")
    return int(said), around.places[name]


def _unused(around: Surroundings, names: Iterable[str], why: str) -> None:
    for name in names:
        if around.said(name) is not None:
            _logger.warning("%s %s", around.places[name], why)
