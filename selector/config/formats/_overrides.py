"""What an orchestrator overrides to save money, as rules and budgets; and what it never overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from selector.config._places import KeyPath
    from selector.config.formats._draft import Draft

DEAR: Final = "expensive"
"""The tag of the models that routine work is kept off."""
TEXT_ONLY: Final = "text-only"
"""The tag of the models that cannot call tools, which research goes to."""

_STRATEGY: Final = "cost_aware"
_SECTION: Final = "cost_optimization"
_NEVER: Final = "retry_count == 0 and not (labels contains 'escalation')"
_OF_TYPE: Final = "(task_type == '{0}' or task_type starts_with '{0}/')"
_SUGGESTED: Final = "metadata.suggested_model"


def thrift(draft: Draft) -> list[dict[str, Any]]:
    """Read how costs are kept down: the rules that follow; their purposes and the budgets go into the draft.

    Parameters
    ----------
    draft
        The native document, with its workers.

    Returns
    -------
    list of dict
        Native rules: research first, then routine work.
    """
    reading, path = draft.reading, (_SECTION,)
    section = reading.mapping(path)
    why = _why_not(draft)
    strategy: KeyPath = ("model_selection_strategy",)
    if reading.has(strategy):
        if reading.text(strategy) != _STRATEGY:
            reading.ignored(strategy, f"only {_STRATEGY} is known: nothing is overridden under another")
        elif why:
            reading.ignored(strategy, why)
        else:
            reading.translated(strategy, "rules")
    if why:
        for key in section:
            reading.ignored((*path, key), why)
        return []
    if "enabled" in section:
        reading.translated((*path, "enabled"), "rules")
    _budgets(draft)
    return [*_research(draft), *_routine(draft)]


def _why_not(draft: Draft) -> str:
    """Say why nothing is overridden; empty: it is."""
    reading = draft.reading
    if not reading.flag((_SECTION, "enabled"), default=reading.has((_SECTION,))):
        return f"{_SECTION}.enabled is false"
    strategy = reading.text(("model_selection_strategy",))
    return "" if strategy in {None, _STRATEGY} else f"model_selection_strategy is not {_STRATEGY}"


def _tagged(draft: Draft, tag: str) -> list[str]:
    return [name for name, model in draft.models.items() if tag in model.get("tags", ()) and model.get("enabled", True)]


def _research(draft: Draft) -> list[dict[str, Any]]:
    """Send research to models that only read and write text, but for complex work on the strongest."""
    able = _tagged(draft, TEXT_ONLY)
    if not able:
        return []
    condition = (
        f"{_OF_TYPE.format('research')} and not (metadata.complexity == 'complex' and not ({_SUGGESTED} != 'opus'))"
        f" and not ({_SUGGESTED} in {_quoted(able)}) and {_NEVER}"
    )
    reason = "research needs no tools: models that only read and write text do it for less"
    return [_kept(draft, "cost-aware-research", condition, able, reason)]


def _routine(draft: Draft) -> list[dict[str, Any]]:
    """Keep simple and moderate work off the dear models; never email, nor what failed before."""
    reading = draft.reading
    wishes = {key: (_SECTION, key) for key in ("prefer_external_for_routine", "preserve_claude_tokens")}
    wanted = any(reading.flag(path, default=True) for path in wishes.values())
    dear = _tagged(draft, DEAR)
    others = [name for name, model in draft.models.items() if model.get("enabled", True) and name not in dear]
    why = "" if dear and others else "there are no two kinds of workers to choose between"
    for path in wishes.values():
        if reading.has(path) and why:
            reading.ignored(path, why)
        elif reading.has(path) and not reading.flag(path, default=True):
            reading.translated(path, "rules; it is off" + ("" if wanted else ": routine work goes anywhere"))
        elif reading.has(path):
            reading.translated(path, "rules; as cost-aware-routine")
    if why or not wanted:
        return []
    condition = (
        f"metadata.complexity in ['simple', 'moderate'] and not {_OF_TYPE.format('email')}"
        f" and not ({_SUGGESTED} in {_quoted(others)}) and {_NEVER}"
    )
    reason = "simple and moderate work is kept off expensive models"
    return [_kept(draft, "cost-aware-routine", condition, others, reason)]


def _kept(draft: Draft, name: str, condition: str, models: list[str], reason: str) -> dict[str, Any]:
    """Choose among some models: as a purpose, which a chain may lead out of, since an escalation is not overridden."""
    draft.rest.setdefault("purposes", {})[name] = models
    return {"name": name, "condition": condition, "purpose": name, "reason": reason}


def suggestions(draft: Draft) -> list[dict[str, Any]]:
    """Let the model that a classification suggests serve, where nothing overrides it.

    Parameters
    ----------
    draft
        The native document, with its workers.

    Returns
    -------
    list of dict
        One native rule for each model that is enabled; none where there is one model.
    """
    enabled = [name for name, model in draft.models.items() if model.get("enabled", True)]
    if len(enabled) < 2:
        return []
    reason = "the classification suggests it"
    return [{"condition": f"{_SUGGESTED} == {_quote(name)}", "model": name, "reason": reason} for name in enabled]


def _budgets(draft: Draft) -> None:
    """Read the tokens per day of each group: soft, since nobody knows beforehand what a command uses."""
    reading = draft.reading
    budgets: list[dict[str, Any]] = []
    for group in reading.mapping((_SECTION, "token_budget_per_day")):
        path: KeyPath = (_SECTION, "token_budget_per_day", group)
        tokens = reading.number(path)
        tag = draft.name_of(group, path)
        if tokens is None:
            reading.ignored(path, "it is empty: no limit")
        elif not any(tag in model.get("tags", ()) for model in draft.models.values()):
            reading.ignored(path, f"no worker is in the group {group!r}")
        else:
            word = f"budgets[{len(budgets)}]"
            reading.translated(path, f"{word}.tokens; {word}.scope; soft: nobody knows beforehand what a command uses")
            budgets.append(
                {"name": f"{tag}-tokens", "tokens": int(tokens), "per": "day", "scope": {"tag": tag}, "hard": False}
            )
    if budgets:
        draft.rest["budgets"] = budgets


def _quote(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _quoted(words: list[str]) -> str:
    return f"[{', '.join(map(_quote, words))}]"
