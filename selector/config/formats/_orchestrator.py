"""An orchestrator's workers by group: chains by model, routine work kept off dear models, token budgets by group."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._endpoints import serve
from selector.config.formats._overrides import DEAR, TEXT_ONLY, suggestions, thrift
from selector.config.formats._report import Imported, Reading, kind_of

if TYPE_CHECKING:
    from selector.config._places import KeyPath

NAME: Final = "orchestrator"
_MARKS: Final = ("worker_models", "cto_model", "provider_endpoints", "cost_optimization", "model_selection_strategy")
_USUAL: Final[dict[str, dict[str, dict[str, bool]]]] = {
    "claude": {"haiku": {}, "sonnet": {}, "opus": {}},
    "external": {
        "deepseek": {"has_tools": True},
        "minimax": {"has_tools": True},
        "kimi": {"has_tools": False},
        "glm": {"has_tools": False},
        "gemini": {"enabled": False, "has_tools": False},
    },
}
"""The workers of a document that lists none."""
_USUAL_CTO: Final = "deepseek"
CLAUDE: Final = ("haiku", "sonnet", "opus")
_LEGACY: Final = (
    (re.compile(r"(?:anthropic/)?claude.*(haiku|sonnet|opus)"), None),
    (re.compile(r"deepseek[-/_ ]"), "deepseek"),
    (re.compile(r"(?:kimi|moonshot)"), "kimi"),
    (re.compile(r"(?:chatglm|zhipu|glm)"), "glm"),
    (re.compile(r"(?:minimax|abab)"), "minimax"),
    (re.compile(r"gemini"), "gemini"),
    (re.compile(r"gpt4\Z"), "gpt-4"),
)


class Orchestrator:
    """The reader.

    Examples
    --------
    >>> Orchestrator().recognises({"cto_model": "deepseek"})
    True
    """

    name = NAME

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by workers, the model that hands out work, or how its costs are kept down."""
        return any(mark in document for mark in _MARKS) or set(document) == {"fallback_chain"}

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:
        """Translate groups to tags, chains to `chains.by_model`, overrides to rules, budgets to scopes."""
        reading = Reading(document, source)
        draft = Draft(reading)
        listed = _workers(draft)
        serve(draft, environ)
        default = _cto(draft, listed=listed)
        chains = _chains(draft)
        rules = [*thrift(draft), *suggestions(draft)]
        if rules:
            draft.rest["rules"] = rules
        draft.rest["chains"] = {"by_model": chains} if chains else {}
        draft.rest["fallback"] = {"max_attempts": 3, "escalate_on_failure": True, "retries": 0}
        if default is None:
            return draft.finished(NAME, "cto_model is not given: where no rule fires, the choice is learnt already")
        return draft.finished(NAME, "delete default_model" if len(draft.models) > 1 else ONE_MODEL)


ORCHESTRATOR = Orchestrator()


def _workers(draft: Draft) -> bool:
    """List the workers of each group; False: the document lists none, and those that the format has are listed."""
    reading = draft.reading
    groups = reading.mapping(("worker_models",))
    for group in groups:
        path: KeyPath = ("worker_models", group)
        if isinstance(reading.at(path), (list, tuple, str)):
            for name in reading.texts(path):
                _add(draft, group, name, {})
            reading.translated(path, "models")
            continue
        for name in reading.mapping(path):
            _worker(draft, (*path, name), group, name)
    if not draft.models and "worker_models" not in reading.document:
        for group, workers in _USUAL.items():
            for name, values in workers.items():
                _add(draft, group, name, values)
        reading.note("worker_models", "translated", "models; not given: the format's own workers")
        return False
    return True


def _worker(draft: Draft, path: KeyPath, group: str, name: str) -> None:
    reading = draft.reading
    said = reading.at(path)
    if isinstance(said, bool):
        native = _add(draft, group, name, {"enabled": said})
        reading.translated(path, f"models.{native}.enabled")
        return
    if said is not None and not isinstance(said, Mapping):
        raise reading.error(path, f"must be a mapping such as {{enabled: true}}, not {kind_of(said)}")
    values = {
        key: reading.flag((*path, key), default=True)
        for key in ("enabled", "has_tools", "supports_tools")
        if reading.at((*path, key)) is not None
    }
    native = _add(draft, group, name, values)
    for key in reading.mapping(path):
        if key == "enabled":
            reading.kept((*path, key), f"models.{native}.enabled")
        elif key in {"has_tools", "supports_tools"}:
            text_only = TEXT_ONLY in draft.models[native]["tags"]
            word = f"tags; {TEXT_ONLY}: it calls no tools" if text_only else "capabilities"
            reading.translated((*path, key), f"models.{native}.{word}")
        elif key == "description":
            reading.ignored((*path, key), "a description changes no choice")
    if not reading.mapping(path):
        reading.translated(path, f"models.{native}")


def _add(draft: Draft, group: str, name: str, values: Mapping[str, bool]) -> str:
    """Add a worker under the tags of its group."""
    native = draft.listed(name, ("worker_models", group, name), {})
    entry = draft.models[native]
    tag = draft.name_of(group, ("worker_models", group))
    tags = [*entry.get("tags", []), tag]
    has_tools = values.get("has_tools", values.get("supports_tools", group == "claude"))
    if group == "claude":
        tags.append(DEAR)
        entry["family"] = "claude"
    elif not has_tools:
        tags.append(TEXT_ONLY)
    entry["tags"] = list(dict.fromkeys(tags))
    entry["capabilities"] = ["tools"] if has_tools else []
    if "enabled" in values:
        entry["enabled"] = values["enabled"]
    return native


def _named(draft: Draft, text: str, path: KeyPath) -> str:
    """Give the native name of a model; an old name means the worker of today, an unknown one is taken as enabled."""
    if draft.has(text):
        return draft.named(text, path)
    word = text.strip().lower()
    for pattern, name in _LEGACY:
        found = pattern.match(word)
        today = (name or found[1]) if found else None
        if today is not None and today != text and (draft.has(today) or today in CLAUDE):
            draft.reading.warned(path, f"{text!r} is an old name of {today!r}")
            return _named(draft, today, path)
    if text in CLAUDE:
        _add(draft, "claude", text, {})
        serve_one(draft, text, path)
        return text
    return draft.named(text, path)


def serve_one(draft: Draft, name: str, path: KeyPath) -> None:
    """Let one of Claude's models, which is named and not listed, be served as those are that are listed."""
    draft.provider("claude-code")
    draft.models[name] |= {"provider": "claude-code"}
    draft.reading.warned(path, f"{name!r} is not listed in this document: added, enabled, served by its command line")


def _cto(draft: Draft, *, listed: bool) -> str | None:
    reading, path = draft.reading, ("cto_model",)
    cto = reading.text(path)
    if cto is not None:
        reading.translated(path, "default_model; purposes.cto")
        name = _named(draft, cto, path)
    elif not listed and not reading.has(path):
        name = _USUAL_CTO
        reading.note("cto_model", "translated", "default_model; not given: the format's own")
    else:
        return None
    draft.rest |= {"default_model": name, "purposes": {"cto": [name]}}
    return name


def _chains(draft: Draft) -> dict[str, list[str]]:
    """Read the chains; who has none is followed as the format says: the weaker by the stronger, others by Claude's."""
    reading, found = draft.reading, {}
    for key in reading.mapping(("fallback_chain",)):
        path: KeyPath = ("fallback_chain", key)
        said = reading.texts(path)
        reading.translated(path, f"chains.by_model.{draft.name_of(key, path)}")
        name = _named(draft, key, path)
        lone = isinstance(reading.at(path), str)
        after = [_named(draft, each, path if lone else (*path, place)) for place, each in enumerate(said)]
        after = list(dict.fromkeys(after))
        if name in after:
            reading.warned(path, f"{name!r} follows itself there: left out")
        after = [each for each in after if each != name]
        if after and not any(draft.models[each].get("enabled", True) for each in after):
            reading.warned(path, "nobody in it is enabled: nothing follows")
            after = []
        found[name] = after
    usual = {name: _usual(draft, name) for name in draft.models if name not in found}
    given = {name: after for name, after in usual.items() if after is not None and not _leads_to(found, after, name)}
    if given:
        names = ", ".join(given)
        reading.note(
            "fallback_chain", "translated", f"chains.by_model; not given for {names}: the format's own escalation"
        )
    return found | given


def _usual(draft: Draft, name: str) -> list[str] | None:
    """Say who follows a model where the document does not; None: none of Claude's is there to follow."""
    stronger = CLAUDE[CLAUDE.index(name) + 1 :] if name in CLAUDE else CLAUDE[1:]
    after = [each for each in stronger if draft.models.get(each, {"enabled": False}).get("enabled", True)]
    return after if after or name in CLAUDE else None


def _leads_to(chains: dict[str, list[str]], start: list[str], goal: str) -> bool:
    """Tell whether a chain of the document leads back to a model."""
    waiting, seen = list(start), set(start)
    for name in waiting:
        waiting += [each for each in chains.get(name, ()) if each not in seen]
        seen |= set(chains.get(name, ()))
    return goal in seen
