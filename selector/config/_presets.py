"""Rules that come with the library, as a user would write them: to be read, and changed under the same name."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from selector.config._rules import RuleConfig
from selector.config._section import Words, fault
from selector.errors import nearest

PRESETS: dict[str, tuple[dict[str, Any], ...]] = {
    # Routine work is kept off models tagged `expensive`, and research goes to models tagged `text-only`. Never touched:
    # complex work, email, and whatever failed before or is labelled an escalation.
    "cost-aware": (
        {
            "name": "cost-aware-research",
            "condition": "(task_type == 'research' or task_type starts_with 'research/')"
            " and not (metadata.complexity == 'complex')"
            " and retry_count == 0 and not (labels contains 'escalation')",
            "only": ["tag:text-only"],
            "reason": "research needs no tools: models that only read and write text do it for less",
        },
        {
            "name": "cost-aware-routine",
            "condition": "metadata.complexity in ['simple', 'moderate']"
            " and not (task_type == 'email' or task_type starts_with 'email/')"
            " and retry_count == 0 and not (labels contains 'escalation')",
            "forbid": ["tag:expensive"],
            "reason": "simple and moderate work is kept off expensive models",
        },
    ),
}
"""The presets there are, and their rules."""


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(names):
        if name not in PRESETS:
            raise fault(f"unknown preset {name!r}{nearest(name, PRESETS)}", (place,))
    return names


Presets = Annotated[
    Words,
    AfterValidator(_known),
    WithJsonSchema({"type": "array", "items": {"enum": list(PRESETS)}, "uniqueItems": True}),
]
"""Names of presets."""


def with_presets(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the rules of the presets that are named, behind those that the user wrote.

    A rule that the user wrote under the same name stands in place of the preset's.

    Parameters
    ----------
    values
        The plain values of a whole configuration; what is not right in them is left to be refused later.

    Returns
    -------
    Mapping
        The same where no preset is named.

    Examples
    --------
    >>> rules = with_presets({"presets": ["cost-aware"], "rules": [{"name": "cost-aware-research"}]})["rules"]
    >>> [rule["name"] if isinstance(rule, dict) else rule.name for rule in rules]
    ['cost-aware-research', 'cost-aware-routine']
    """
    presets, rules = values.get("presets"), values.get("rules", ())
    if not isinstance(presets, (list, tuple)) or not isinstance(rules, (list, tuple)):
        return values
    taken = {_name(rule) for rule in rules}
    added = [
        RuleConfig.model_validate(rule).of_preset(preset)
        for preset in dict.fromkeys(name for name in presets if isinstance(name, str))
        for rule in PRESETS.get(preset, ())
        if rule["name"] not in taken
    ]
    return {**values, "rules": [*rules, *added]} if added else values


def _name(rule: object) -> object:
    if isinstance(rule, RuleConfig):
        return rule.name
    name = rule.get("name") if isinstance(rule, Mapping) else None
    return name if isinstance(name, str) else None
