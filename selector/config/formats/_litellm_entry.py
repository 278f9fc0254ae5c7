"""Reads the entries of LiteLLM's `model_list`: who is called, with which key, at which price, within which limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._litellm_deployment import NO_KEYS, NOT_COPIED, Deployment, Key
from selector.config.formats._litellm_reasons import PARAMS, REASONS_OF_ENTRIES, SECRETS
from selector.config.formats._litellm_values import ENVIRON, per_million
from selector.config.formats._litellm_vendors import address_of, is_azures_own, is_own, target_of

if TYPE_CHECKING:
    from selector.config._places import KeyPath
    from selector.config.formats._litellm_values import Values

_RATES: Final = {
    "input_cost_per_token": "usd_per_mtok_in",
    "output_cost_per_token": "usd_per_mtok_out",
    "cache_read_input_token_cost": "usd_per_mtok_cache_read",
    "cache_creation_input_token_cost": "usd_per_mtok_cache_write",
    "output_cost_per_reasoning_token": "usd_per_mtok_reasoning",
}
_TIER: Final = re.compile(rf"({'|'.join(_RATES)})_above_([0-9]{{1,6}})k_tokens\Z")
_ABILITIES: Final = {
    "supports_function_calling": "tools",
    "supports_vision": "vision",
    "supports_response_schema": "json_schema",
}
_LENGTHS: Final = {"max_input_tokens": "context_tokens", "max_output_tokens": "max_output_tokens"}
_ANSWERS: Final = frozenset({"chat", "responses"})
_SIGNED: Final = frozenset({"azure", "databricks", "litellm_proxy"})
_SIGNS_IN: Final = re.compile(r"(?i)api.?key|secret|password|passwd|authoriz|credential|bearer|token\Z")
_NO_ANSWERS: Final = re.compile(r"embed|rerank|whisper|dall-e|gpt-image|moderation|(^|[/-])tts(-|\Z)")


class Entries:
    """Reads the entries of `model_list`.

    Parameters
    ----------
    values
        The document.
    """

    def __init__(self, values: Values) -> None:
        self._values, self._reading = values, values.reading
        self._told: set[KeyPath] = set()
        self._credentials = self._named_credentials()

    def read(self) -> list[Deployment]:
        """Read those that answer tasks, in order; of the others it is said why they are left out."""
        found = []
        for place in range(len(self._reading.entries(("model_list",)))):
            entry = self._entry(("model_list", place))
            if entry is not None:
                found.append(entry)
        return found

    def _named_credentials(self) -> dict[str, KeyPath]:
        found: dict[str, KeyPath] = {}
        for place in range(len(self._reading.entries(("credential_list",)))):
            path = ("credential_list", place)
            self._reading.mapping(path)
            name = self._reading.text((*path, "credential_name"))
            if name is None:
                raise self._reading.error((*path, "credential_name"), "is required")
            self._reading.mapping((*path, "credential_values"))
            found.setdefault(name, (*path, "credential_values"))
            self._reading.translated((*path, "credential_name"), "providers; for whoever names it")
        return found

    def _entry(self, path: KeyPath) -> Deployment | None:
        reading, params = self._reading, (*path, "litellm_params")
        if not reading.mapping(path):
            raise reading.error(path, "must be a mapping with model_name and litellm_params")
        group = reading.text((*path, "model_name"))
        if group is None:
            raise reading.error((*path, "model_name"), "is required: the name that clients ask for")
        reading.mapping(params)
        model = self._values.text((*params, "model"))
        if model is None and not reading.has((*params, "model")):
            raise reading.error((*params, "model"), "is required: what LiteLLM calls, such as openai/gpt-4o")
        reading.mapping((*path, "model_info"))
        left_out = self._left_out(path, model or "")
        if left_out:
            reading.ignored(path, left_out)
            return None
        return self._of_model(path, group, model or "")

    def _left_out(self, path: KeyPath, model: str) -> str:
        """Say why an entry is no model that answers tasks here; empty: it is one."""
        mode = self._values.text((*path, "model_info", "mode"))
        if mode is not None and mode not in _ANSWERS:
            return f"of the mode {mode!r}: selector chooses among models that answer tasks"
        if mode is None and _NO_ANSWERS.search(model.lower()):
            return "by its name no model that answers tasks; if it does, give model_info.mode: chat"
        places = (*path, "model_info", "supported_environments")
        here = self._values.held("LITELLM_ENVIRONMENT")
        if self._reading.has(places) and here and here not in self._reading.texts(places):
            return f"not of the environment {here!r}, which LITELLM_ENVIRONMENT names"
        return ""

    def _of_model(self, path: KeyPath, group: str, model: str) -> Deployment:
        values, params = self._values, (*path, "litellm_params")
        said, base = self._said(params, "api_base", "base_url")
        provider = values.text((*params, "custom_llm_provider"))
        target = target_of(model, provider=provider, has_address=base is not None)
        if values.text((*path, "model_info", "mode")) == "responses" and target.kind == "openai":
            target = target.of_responses()
        url, why = address_of(target, base)
        if not why and said is not None and base is None and self._reading.at(said) is not None:
            why = "its address stands in a variable that is not set"
        if not target.id:
            why = "behind the provider stands no model" if model else "its model stands in a variable that is not set"
        found = Deployment(path=path, group=group, target=target, url=url, why=why)
        found.note((*path, "model_name"), "model", "")
        found.note((*params, "custom_llm_provider"), "provider", "kind")
        if said is not None:
            self._tell_address(found, said)
        found.key, note = self._key(found, params)
        found.note((*params, "model"), "route", "id", note)
        self._limits(found)
        self._prices(found)
        self._facts(found)
        self._params(found, params)
        return found

    def _said(self, params: KeyPath, *names: str) -> tuple[KeyPath | None, str | None]:
        """Find a value under one of several names, in the entry or in the credential that it names."""
        credential = self._credential(params)
        for place in (params, credential):
            for name in names if place is not None else ():
                path = (*(place or ()), name)
                if self._reading.at(path) is not None:
                    return path, self._values.text(path)
        return None, None

    def _credential(self, params: KeyPath) -> KeyPath | None:
        path = (*params, "litellm_credential_name")
        name = self._values.text(path)
        if name is None:
            return None
        if name not in self._credentials:
            raise self._reading.error(path, "names no credential; give it an entry of that name in credential_list")
        if path not in self._told:
            self._told.add(path)
            self._reading.translated(path, "providers; its key and address are written where it is used")
        return self._credentials[name]

    def _tell_address(self, found: Deployment, said: KeyPath) -> None:
        vendor = found.target.vendor
        note = ""
        if self._values.variable(said) is not None:
            note = "as the variable has it now"
        if vendor is not None and vendor.name == "azure":
            note = "at Azure's API of version v1, which needs no api_version"
            if found.url is not None and not is_azures_own(found.url):
                found.warn(said, "provider", "base_url", f"no address of Azure's own; taken to be {note}")
                return
        found.note(said, "provider", "base_url", note)

    def _key(self, found: Deployment, params: KeyPath) -> tuple[Key, str]:
        """Find where the key is, and what is to be said; one that is written out is told apart, and never copied."""
        credential = self._credential(params)
        places = [(*place, "api_key") for place in (params, credential) if place is not None]
        path = next((place for place in places if self._reading.at(place) is not None), None)
        vendor = found.target.vendor
        if path is None or vendor is None:
            return _key_by_name(found)
        variable = self._values.variable(path)
        if variable is not None:
            found.note(path, "provider", "api_key")
            return Key(variable), ""
        written = self._reading.text(path)
        if written is None or (written.lower() in NO_KEYS and not is_own(vendor, found.url)):
            self._reading.ignored(path, "is no key: none is sent")
            return Key(), ""
        found.warn(path, "provider", "api_key", NOT_COPIED)
        return Key(inline=written), ""

    def _limits(self, found: Deployment) -> None:
        """Read what bounds it: calls and tokens per minute, calls at once, seconds, dollars."""
        quotas: list[dict[str, Any]] = []
        for name, resource in (("rpm", "requests"), ("tpm", "tokens")):
            path = self._first(found, name)
            limit = None if path is None else self._values.whole(path)
            if path is None or limit is None:
                continue
            found.weights[name] = limit
            found.note(path, "route", f"quotas[{len(quotas)}]", "a limit that is kept, whatever the strategy")
            quotas.append({resource: limit, "per": "1m"})
        if quotas:
            found.route["quotas"] = quotas
        self._number(found, "weight", most=1e6, into=found.weights)
        order = (*found.path, "litellm_params", "order")
        found.order = self._values.number(order, least=-1e9, most=1e9)
        at_once = (*found.path, "litellm_params", "max_parallel_requests")
        if (most := self._values.whole(at_once, least=1, most=1_000_000)) is not None:
            found.route["max_concurrent"] = most
            found.note(at_once, "route", "max_concurrent")
        self._seconds(found)
        self._money(found)

    def _first(self, found: Deployment, name: str) -> KeyPath | None:
        """Find a limit within `litellm_params` or beside it."""
        places = [(*found.path, "litellm_params", name), (*found.path, name), (*found.path, "model_info", name)]
        there = [path for path in places if self._reading.at(path) is not None]
        for path in there[1:]:
            self._reading.ignored(path, "said within litellm_params already")
        return there[0] if there else None

    def _number(self, found: Deployment, name: str, most: float, into: dict[str, float]) -> None:
        path = (*found.path, "litellm_params", name)
        number = self._values.number(path, most=most)
        if number is not None:
            into[name] = number

    def _seconds(self, found: Deployment) -> None:
        for name, key in (("timeout", "total"), ("stream_timeout", "first_token")):
            path = (*found.path, "litellm_params", name)
            seconds = self._values.number(path, least=1e-3, most=1e9)
            if seconds is not None:
                found.patience[key] = seconds
                found.note(path, "provider", f"timeout_s.{key}")
        path = (*found.path, "litellm_params", "cooldown_time")
        seconds = self._values.number(path, most=1e9)
        if seconds is not None:
            found.breaker["open_s"] = max(seconds, 1e-3)
            found.note(path, "provider", "breaker.open_s")

    def _money(self, found: Deployment) -> None:
        params = (*found.path, "litellm_params")
        usd = self._values.number((*params, "max_budget"), most=1e9)
        if usd is None:
            return
        span = self._values.span((*params, "budget_duration"))
        per, note = span or ("total", "no budget_duration: it never begins anew")
        found.budget = {"usd": usd, "per": per}
        self._reading.translated((*params, "max_budget"), "budgets; of this route")
        if span is not None:
            self._reading.translated((*params, "budget_duration"), f"budgets; {note}")

    def _prices(self, found: Deployment) -> None:
        """Read prices per token, which become prices per million, and those above a length."""
        tiers: dict[int, dict[str, float]] = {}
        for place in ("model_info", "litellm_params"):
            for name in self._reading.mapping((*found.path, place)):
                path = (*found.path, place, name)
                tier = _TIER.match(name)
                if name not in _RATES and tier is None:
                    continue
                price = self._values.number(path, most=1_000)
                if price is None:
                    continue
                if tier is None:
                    found.route[_RATES[name]] = per_million(price)
                    found.note(path, "route", _RATES[name])
                else:
                    tiers.setdefault(int(tier[2]) * 1_000, {})[_RATES[tier[1]]] = per_million(price)
                    found.note(path, "route", "tiers")
        if tiers:
            found.route["tiers"] = [{"above_tokens": above, **tiers[above]} for above in sorted(tiers)]

    def _facts(self, found: Deployment) -> None:
        """Read what `model_info` says of the model, and the tags of the deployment."""
        info = (*found.path, "model_info")
        for name, key in _LENGTHS.items():
            tokens = self._values.whole((*info, name), least=1, most=1e12)
            if tokens is not None:
                found.route[key] = tokens
                found.note((*info, name), "route", key)
        self._longest(found, (*info, "max_tokens"))
        for name, ability in _ABILITIES.items():
            able = self._values.flag((*info, name))
            if able is not None:
                found.abilities[ability] = able
                found.note((*info, name), "model", "capabilities" if able else "", "" if able else f"without {ability}")
        found.ident = self._values.text((*info, "id"))
        if found.ident is not None:
            found.note((*info, "id"), "route", "", "fallbacks that name it mean this route")
        for name in ("mode", "supported_environments"):
            if self._reading.has((*info, name)):
                self._reading.translated((*info, name), "models; one that answers tasks, here")
        tags = (*found.path, "litellm_params", "tags")
        if self._reading.has(tags):
            found.tags = tuple(dict.fromkeys(self._reading.texts(tags)))

    def _longest(self, found: Deployment, path: KeyPath) -> None:
        """Read the older word for how long an answer may be."""
        tokens = self._values.whole(path, least=1, most=1e12)
        if tokens is not None and "max_output_tokens" in found.route:
            self._reading.ignored(path, "max_output_tokens holds in its place")
        elif tokens is not None:
            found.route["max_output_tokens"] = tokens
            found.note(path, "route", "max_output_tokens")

    def _params(self, found: Deployment, params: KeyPath) -> None:
        """Read the parameters of every call; of what else stands there it is said why it goes nowhere."""
        for name in self._reading.mapping(params):
            path = (*params, name)
            if name in PARAMS:
                self._param(found, path, PARAMS[name])
            elif name in SECRETS and self._reading.at(path) is not None:
                self._reading.warned(path, "selector signs in with a key alone; this is not copied")
            elif name in REASONS_OF_ENTRIES:
                self._reading.ignored(path, REASONS_OF_ENTRIES[name])
        extra = (*params, "extra_body")
        for name, value in self._reading.mapping(extra).items():
            if _may_be_secret(name, value):
                self._reading.warned((*extra, name), "it may hold a key, and a key is not copied: left out")
                if isinstance(value, Mapping):
                    self._reading.ignored((*extra, name), "of a value that is left out")
            else:
                found.params[name] = value
                found.note((*extra, name), "model", f"params.{name}")
        info = (*found.path, "model_info")
        for name in self._reading.mapping(info):
            if name in REASONS_OF_ENTRIES:
                self._reading.ignored((*info, name), REASONS_OF_ENTRIES[name])

    def _param(self, found: Deployment, path: KeyPath, name: str) -> None:
        value: Any = self._values.at(path)
        if value is None:
            return
        if name == "max_tokens":
            most = self._values.whole(path, least=1, most=1e12)
            given = found.route.get("max_output_tokens")
            found.route["max_output_tokens"] = most if given is None else min(int(most or given), given)
            found.note(path, "route", "max_output_tokens", "asked for in every call")
            return
        found.params[name] = value
        found.note(path, "model", f"params.{name}")


def _may_be_secret(name: str, value: object) -> bool:
    """Tell whether a value of a call's body is one that signs in, or refers to a variable."""
    if isinstance(value, Mapping):
        return any(_may_be_secret(str(key), each) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return any(_may_be_secret(name, each) for each in value)
    return isinstance(value, str) and (value.startswith(ENVIRON) or _SIGNS_IN.search(name) is not None)


def _key_by_name(found: Deployment) -> tuple[Key, str]:
    """Find the variable that LiteLLM reads where the document names no key; it is not for other addresses."""
    vendor = found.target.vendor
    if vendor is None or found.why:
        return Key(), ""
    if vendor.key is not None and (is_own(vendor, found.url) or vendor.name in _SIGNED):
        return Key(vendor.key), f"the key is in {vendor.key}, as LiteLLM has it"
    return Key(), "no key is sent, since none is written"
