"""LiteLLM's routing by tags, as rules on a task's labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._litellm_deployment import is_usable

if TYPE_CHECKING:
    from selector.config.formats._litellm_deployment import Deployment
    from selector.config.formats._litellm_layout import Layout
    from selector.config.formats._litellm_values import Values

_SWITCH: Final = ("router_settings", "enable_tag_filtering")
_ANY: Final = ("router_settings", "tag_filtering_match_any")
_DEFAULT: Final = "default"
_LONGEST: Final = 4_000  # characters of a condition
FORCING: Final = "default_model"
"""The rule that forces the default, where rules filter deployments."""


def tag_rules(values: Values, layout: Layout, default: str) -> list[dict[str, Any]]:
    """Write rules that keep deployments from tasks by their tags, and one that forces the default.

    A task's labels are its tags, as far as some deployment has them. A task with tags goes to deployments that have
    one of them (all of them, if the document says so), else to those of the tag ``default``; a task without goes to
    those of the tag ``default`` where its group has some.

    Parameters
    ----------
    values
        The document.
    layout
        The models.
    default
        The model of tasks that name none.

    Returns
    -------
    list of dict
        The section `rules`, all of which hold together; empty where nothing is filtered.
    """
    reading, is_on, any_of = values.reading, values.flag(_SWITCH), values.flag(_ANY)
    groups = {name: {each: _usable(each) for each in members} for name, members in layout.members.items() if members}
    every = list(dict.fromkeys(tag for members in groups.values() for tags in members.values() for tag in tags))
    filters = bool(is_on and every)
    _tell(layout, filters=filters)
    for path in (_SWITCH, _ANY):
        if reading.has(path) and filters:
            reading.translated(path, "rules; a task's labels are its tags")
        elif reading.has(path):
            reading.ignored(path, "no deployment is kept from any task by its tags")
    if not filters:
        return []
    forbidden: dict[str, list[str]] = {}
    for name, members in groups.items():
        for each, condition in _conditions(members, every, needs_all=any_of is False).items():
            if len(condition) > _LONGEST:
                raise reading.error(_SWITCH, "has more tags than a rule can name; import each group of them apart")
            forbidden.setdefault(condition, []).append(f"{name}@{each.provider}" if len(members) > 1 else name)
    why = "deployments are filtered by tags"
    rules: list[dict[str, Any]] = [{"condition": key, "forbid": them, "reason": why} for key, them in forbidden.items()]
    return [*rules, {"name": FORCING, "condition": "true", "model": default, "reason": "no other group is chosen"}]


def _conditions(
    members: dict[Deployment, tuple[str, ...]], every: list[str], *, needs_all: bool
) -> dict[Deployment, str]:
    """Say of each deployment of a group which tasks it does not serve."""
    found = {}
    fits = {each: _fits(tags, every, needs_all=needs_all) for each, tags in members.items()}
    has_default = any(_DEFAULT in tags for tags in members.values())
    for each, tags in members.items():
        own = fits[each]
        if has_default and _DEFAULT not in tags:
            found[each] = f"not ({own})" if own else "true"
            continue
        others = [fit for other, fit in fits.items() if fit and fit != own and other is not each]
        asked = _or(others) if has_default else _said(every)
        if asked:
            found[each] = f"({asked}) and not ({own})" if own else asked
    return found


def _fits(tags: tuple[str, ...], every: list[str], *, needs_all: bool) -> str:
    """Say which tasks ask for a deployment by its tags; empty: none does."""
    others = [tag for tag in every if tag not in tags]
    if not tags or not needs_all or not others:
        return _said(tags)
    return f"({_said(tags)}) and not ({_said(others)})"


def _said(tags: tuple[str, ...] | list[str]) -> str:
    return _or([f"labels contains '{tag}'" for tag in tags])


def _or(conditions: list[str]) -> str:
    return " or ".join(dict.fromkeys(f"({each})" if " and " in each else each for each in conditions))


def _usable(deployment: Deployment) -> tuple[str, ...]:
    return tuple(filter(is_usable, deployment.tags))


def _tell(layout: Layout, *, filters: bool) -> None:
    """Say what became of the tags of each deployment."""
    for name, members in layout.members.items():
        for each in members:
            path = (*each.path, "litellm_params", "tags")
            if not each.tags or not layout.reading.has(path):
                continue
            if len(_usable(each)) < len(each.tags):
                layout.reading.warned(
                    path, "a tag is a short word without quotes, backslashes and '@': others are left out"
                )
            elif filters:
                layout.reading.translated(path, "rules")
            elif "tags" in layout.draft.models[name]:
                layout.reading.translated(path, f"models.{name}.tags")
            else:
                layout.reading.ignored(path, "only some routes of its model have them, and a model's tags are of all")
