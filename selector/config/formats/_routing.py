"""Rules over a catalogue of models behind command templates; also one model and its command alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from selector.config.formats._commands import command_of
from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._report import Imported, Reading, kind_of

if TYPE_CHECKING:
    from selector.config._places import KeyPath

NAME: Final = "routing-toml"
_COSTS: Final = {"cost_per_million_input": "usd_per_mtok_in", "cost_per_million_output": "usd_per_mtok_out"}
_MAKERS: Final = {"anthropic": "claude-cli"}
"""Claude is called by its command line, where nothing else is said."""
_LATER: Final = "workflows are not supported yet"
_STATUS: Final = re.compile(r"provider_status\[\s*(?:'([^']*)'|\"([^\"]*)\")\s*\]")
_BY_ID: Final = re.compile(r"\bid\s+ends_with\s+(?:'[0-9]'|\"[0-9]\")")
_LOCAL: Final = Path("/etc/localtime")
_HOUR: Final = re.compile(r"\b(?:hour|weekday)\b")
_ONE_IN_TEN: Final = (
    "holds for one id in ten where ids are decimal numbers, for one in sixteen where they are hexadecimal; "
    "`share: 10%` in place of it is one in ten of any ids"
)
_LEARNT: Final = "no default_model is given: where no rule fires, the choice is learnt already"


class Routing:
    """The reader.

    Examples
    --------
    >>> Routing().recognises({"routing": {"default_model": "opus"}})
    True
    """

    name = NAME

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by rules under ``routing``, a list of named models, or a command template."""
        routing, models = document.get("routing"), document.get("models")
        if isinstance(routing, Mapping) and ("rules" in routing or "default_model" in routing):
            return True
        if isinstance(models, (list, tuple)) and any(isinstance(each, Mapping) and "name" in each for each in models):
            return True
        providers = document.get("providers")
        entries = providers.values() if isinstance(providers, Mapping) else ()
        if any(isinstance(each, Mapping) and {"command_template", "api_key_env"} & set(each) for each in entries):
            return True
        return _section_of_today(document) is not None or _is_workflows_alone(document)

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:
        """Translate providers, models and rules in their order."""
        reading = Reading(document, source)
        draft = Draft(reading, _MAKERS)
        off = _providers(draft)
        _of_today(draft)
        _models(draft, off)
        default = _routing(draft)
        _workflows(draft)
        _clock(draft, environ)
        if default is None and "default_model" in draft.rest:
            default = str(draft.rest["default_model"])
        if default is None:
            return draft.finished(NAME, _LEARNT if draft.models else "")
        return draft.finished(NAME, "delete default_model" if len(draft.models) > 1 else ONE_MODEL)


ROUTING = Routing()


def _section_of_today(document: Mapping[str, Any]) -> KeyPath | None:
    """Find where one model and its command stand: at the top, or in a section of their own."""
    if "command_template" in document:
        return ()
    for key, value in document.items():
        if key != "providers" and isinstance(value, Mapping) and "command_template" in value and "kind" not in value:
            return (key,)
    return None


def _is_workflows_alone(document: Mapping[str, Any]) -> bool:
    """Tell whether there are stages with models, and nobody lists a model."""
    workflows = document.get("workflows")
    if set(document) != {"workflows"} or not isinstance(workflows, Mapping):
        return False
    stages = [each.get("stages") for each in workflows.values() if isinstance(each, Mapping)]
    return any(isinstance(each, (list, tuple)) and each for each in stages)


def _providers(draft: Draft) -> set[str]:
    """Declare the providers; those that are switched off are given back, and not declared."""
    reading, off = draft.reading, set()
    for name in reading.mapping(("providers",)):
        path: KeyPath = ("providers", name)
        entry = reading.mapping(path)
        native = draft.name_of(name, path)
        if not reading.flag((*path, "enabled"), default=True):
            off.add(name)
            reading.translated((*path, "enabled"), f"its models are not enabled: {native!r} is switched off")
        elif "enabled" in entry:
            reading.translated((*path, "enabled"), f"providers.{native}")
        draft.providers[native] = command_of(draft, path, name)
    return off


def _of_today(draft: Draft) -> None:
    """Read one model and its command, as a configuration of one model has them."""
    reading = draft.reading
    path = _section_of_today(reading.document)
    if path is None:
        return
    model = reading.text((*path, "model")) or reading.text((*path, "default_model"))
    words = reading.texts((*path, "command_template"))
    program = (words[0].split() or [""])[0].rsplit("/", 1)[-1] if words else ""
    native = draft.name_of("claude-cli" if program == "claude" else program or "command", path, draft.providers)
    draft.providers[native] = command_of(draft, path, native)
    if model is None:
        return
    key = (*path, "model" if reading.has((*path, "model")) else "default_model")
    name = draft.listed(model, key, {"provider": native})
    reading.translated(key, f"models.{name}")
    draft.rest["default_model"] = name


def _models(draft: Draft, off: set[str]) -> None:
    reading = draft.reading
    for place, entry in enumerate(reading.entries(("models",))):
        path: KeyPath = ("models", place)
        if not isinstance(entry, Mapping):
            raise reading.error(path, f"must be a mapping with a name, not {kind_of(entry)}")
        name = reading.text((*path, "name"))
        if name is None:
            raise reading.error((*path, "name"), "is required: what the model is called")
        if draft.has(name):
            reading.warned(path, f"{name!r} is listed twice: the later values hold")
        native = draft.listed(name, (*path, "name"), {})
        reading.translated((*path, "name"), f"models.{native}")
        draft.models[native].update(_model(draft, path, native, off))


def _model(draft: Draft, path: KeyPath, native: str, off: set[str]) -> dict[str, Any]:
    reading = draft.reading
    found: dict[str, Any] = {}
    for key, ours in _COSTS.items():
        cost = reading.number((*path, key), most=1e9)
        if reading.has((*path, key)):
            reading.translated((*path, key), f"models.{native}.{ours}")
        if cost is not None:
            found[ours] = float(cost)
    provider = reading.text((*path, "provider"))
    if provider is not None:
        server = draft.name_of(provider, (*path, "provider"))
        reading.translated((*path, "provider"), f"models.{native}.provider")
        if draft.provider(server):
            found["provider"] = server
        else:
            reading.warned((*path, "provider"), f"no provider {provider!r} is declared: you make its calls yourself")
        if provider in off:
            found["enabled"] = False
    return found | _plain(draft, path, native)


def _plain(draft: Draft, path: KeyPath, native: str) -> dict[str, Any]:
    """Read what both formats have."""
    reading = draft.reading
    found: dict[str, Any] = {}
    if reading.has((*path, "capabilities")):
        found["capabilities"] = list(dict.fromkeys(reading.texts((*path, "capabilities"))))
        reading.kept((*path, "capabilities"), f"models.{native}.capabilities")
    if reading.has((*path, "enabled")):
        found["enabled"] = reading.flag((*path, "enabled"), default=True)
        reading.kept((*path, "enabled"), f"models.{native}.enabled")
    for key, ours in (("context_window", "context_tokens"), ("max_tokens", "max_output_tokens")):
        length = reading.number((*path, key), least=1, most=1e12)
        if length is not None:
            found[ours] = int(length)
            reading.translated((*path, key), f"models.{native}.{ours}")
    return found


def _routing(draft: Draft) -> str | None:
    """Read the rules in their order, and the default that holds where none of them fires."""
    reading = draft.reading
    reading.mapping(("routing",))
    rules = [_rule(draft, place) for place in range(len(reading.entries(("routing", "rules"))))]
    if rules:
        draft.rest["rules"] = rules
    default = reading.text(("routing", "default_model"))
    if default is None:
        return None
    reading.translated(("routing", "default_model"), "default_model")
    draft.rest["default_model"] = draft.named(default, ("routing", "default_model"))
    return str(draft.rest["default_model"])


def _rule(draft: Draft, place: int) -> dict[str, Any]:
    reading, path = draft.reading, ("routing", "rules", place)
    entry = reading.at(path)
    if not isinstance(entry, Mapping):
        raise reading.error(path, f"must be a mapping with a condition and a model, not {kind_of(entry)}")
    condition, model = reading.text((*path, "condition")), reading.text((*path, "model"))
    for key, value in (("condition", condition), ("model", model)):
        if value is None:
            raise reading.error((*path, key), "is required of a rule")
    native = f"rules[{place}]"
    reading.kept((*path, "condition"), f"{native}.condition")
    reading.kept((*path, "model"), f"{native}.model")
    if _BY_ID.search(str(condition)):
        reading.translated((*path, "condition"), _ONE_IN_TEN)
    for match in _STATUS.finditer(str(condition)):
        _status(draft, match[1] or match[2] or "", (*path, "condition"))
    rule = {"condition": condition, "model": draft.named(str(model), (*path, "model"))}
    reason = reading.text((*path, "reason"))
    if reason is not None:
        rule["reason"] = reason
        reading.kept((*path, "reason"), f"{native}.reason")
    return rule


def _status(draft: Draft, name: str, path: KeyPath) -> None:
    """Declare a provider whose status a condition reads, where nobody else does and it is known."""
    if name and name not in draft.providers and draft.provider(name):
        draft.reading.warned(path, f"no provider {name!r} is declared: added as it is known here")


def _workflows(draft: Draft) -> None:
    reading = draft.reading
    for name in reading.mapping(("workflows",)):
        path: KeyPath = ("workflows", name)
        for place, stage in enumerate(reading.entries((*path, "stages")) if reading.mapping(path) else ()):
            here = (*path, "stages", place)
            model = reading.text((*here, "model")) if isinstance(stage, Mapping) else None
            if reading.has((*here, "model")):
                reading.ignored((*here, "model"), _LATER)
            if model is not None and model != "auto" and ":" not in model:
                draft.named(model, (*here, "model"))
        reading.ignored(path, _LATER)


def _clock(draft: Draft, environ: Mapping[str, str]) -> None:
    """Read hours as the document means them, in the machine's own time zone, where that has a name."""
    if not any(_HOUR.search(str(rule["condition"])) for rule in draft.rest.get("rules", ())):
        return
    zone = _zone(environ)
    if zone is not None:
        draft.rest["timezone"] = zone
        draft.reading.note("hour", "translated", "timezone; the machine's own, as the document means it")
    else:
        draft.reading.note("hour", "warned", "is read in UTC, not in the machine's own time zone: give timezone")


def _zone(environ: Mapping[str, str]) -> str | None:
    """Name the machine's time zone: by the variable TZ, else by the file that it links to; None: it has no name."""
    linked = str(_LOCAL.resolve()).partition("zoneinfo/")[2] if _LOCAL.is_symlink() else ""
    name = environ.get("TZ", "").removeprefix(":") or linked
    try:
        return ZoneInfo(name).key if name else None
    except (KeyError, ValueError, OSError):
        return None
