"""The reader of LiteLLM's ``config.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._draft import ONE_MODEL, Draft
from selector.config.formats._litellm_chains import Chains
from selector.config.formats._litellm_entry import Entries
from selector.config.formats._litellm_layout import Layout
from selector.config.formats._litellm_names import Names, is_wildcard
from selector.config.formats._litellm_reasons import REASONS
from selector.config.formats._litellm_settings import ROUTER, Settings
from selector.config.formats._litellm_tags import FORCING, tag_rules
from selector.config.formats._litellm_values import Values
from selector.config.formats._report import Reading

if TYPE_CHECKING:
    from selector.config.formats._report import Imported

_SAID: Final = ("general_settings", "completion_model")
_ABILITIES: Final = ("tools", "vision", "json_schema")


class LiteLLM:
    """Reads LiteLLM's ``config.yaml``: deployments by name, fallbacks, limits, prices, budgets.

    A group of deployments of one name becomes a model with a route for each; a task that names the model goes there.
    LiteLLM chooses no group by itself, so tasks that name none go to the first.

    Examples
    --------
    >>> document = {"model_list": [{"model_name": "gpt", "litellm_params": {"model": "openai/gpt-4o", "rpm": 60}}]}
    >>> found = LiteLLM().read(document, source="config.yaml", environ={})
    >>> found.config["models"]["gpt"]["quotas"], found.config["default_model"]
    ([{'requests': 60, 'per': '1m'}], 'gpt')
    """

    name = "litellm"

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by `model_list`, or by the settings that LiteLLM alone has.

        Examples
        --------
        >>> LiteLLM().recognises({"model_list": []}), LiteLLM().recognises({"models": {}})
        (True, False)
        """
        return "model_list" in document or "litellm_settings" in document

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:
        """Translate a document.

        Parameters
        ----------
        document
            As the file holds it.
        source
            The file's name, for errors.
        environ
            Where addresses and numbers are looked up that are variables; keys stay references.

        Returns
        -------
        Imported
            With a line on each key.

        Raises
        ------
        ConfigError
            If it cannot be translated; it names the place, and never what may be a secret.

        Examples
        --------
        >>> LiteLLM().read({"model_list": []}, source="", environ={})
        Traceback (most recent call last):
        selector.errors.ConfigError: model_list: names no model that answers tasks; list one ...
        """
        reading = Reading(document, source)
        values = Values(reading, environ)
        settings, entries = Settings(values), Entries(values).read()
        common = settings.common()
        draft = Draft(reading)
        layout = Layout(draft, common)
        layout.add([each for each in entries if not is_wildcard(each)])
        names = Names(values, layout, [each for each in entries if is_wildcard(each)])
        names.expand()
        names.aliases()
        if not draft.models:
            raise reading.error(("model_list",), "names no model that answers tasks; list one with its litellm_params")
        chains = Chains(layout, settings, names.resolve)
        default = _default(values, layout, names)
        found = chains.written()
        fallback = settings.fallback(layout)
        attempts = chains.most_attempts(found)
        if attempts > 3:
            fallback["max_attempts"] = attempts
        _abilities(layout)
        rules = tag_rules(values, layout, default)
        forced = {"rules": rules, "rules_match": "all"} if rules else {"default_model": default}
        _tell_default(values, draft, default, f"rules[{len(rules) - 1}].model" if rules else "default_model")
        draft.rest = {"budgets": settings.budgets(layout), **forced}
        draft.rest |= {"purposes": {name: list(chain) for name, chain in chains.purposes.items()}}
        draft.rest |= {"chains": found, "fallback": fallback}
        settings.tell_strategy(layout, common.strategy)
        _reasons(reading)
        return draft.finished(self.name, _adaptive(draft, by_rule=bool(rules)))


def _default(values: Values, layout: Layout, names: Names) -> str:
    """Find the model of tasks that name none: what the document says, else the first that can be called."""
    said = values.text(_SAID)
    if said is not None:
        return names.resolve(said, _SAID)
    first = next(iter(layout.draft.models))
    return next((name for name, members in layout.members.items() if members), first)


def _tell_default(values: Values, draft: Draft, default: str, to: str) -> None:
    """Say what the model of tasks that name none is, and why."""
    if values.text(_SAID) is not None:
        values.reading.translated(_SAID, to)
        return
    able = "" if default == next(iter(draft.models)) else " that can be called"
    word = f"{to}; {default}, the first of model_list{able}: LiteLLM chooses no model for a task that names none"
    values.reading.note(f"({'.'.join(_SAID)})", "translated", word)


def _adaptive(draft: Draft, *, by_rule: bool) -> str:
    several = sum("of" not in model for model in draft.models.values()) > 1
    if not several:
        return ONE_MODEL
    return f"delete the rule {FORCING!r}" if by_rule else "delete default_model"


def _abilities(layout: Layout) -> None:
    """Say what models can do: LiteLLM keeps no task from a model but for what the document denies."""
    every = [each for members in layout.members.values() for each in members]
    if any("tools" not in each.abilities for each in every):
        word = "models.*.capabilities; tools, where nothing denies it: LiteLLM keeps no task with tools from a model"
        layout.reading.note("(model_info.supports_function_calling)", "translated", word)
    for word in _ABILITIES:
        if word != "tools" and not any(word in each.abilities for each in every):
            continue
        for name, model in layout.draft.models.items():
            members = layout.members.get(name, [])
            if "of" not in model and all(each.abilities.get(word, True) for each in members):
                model.setdefault("capabilities", []).append(word)


def _reasons(reading: Reading) -> None:
    """Say why the rest goes nowhere."""
    for name in ("enable_pre_call_checks", "enable_pre_call_check"):
        if reading.has((ROUTER, name)):
            reading.translated((ROUTER, name), "models.*.context_tokens; always checked, where it is known")
    for path, reason in REASONS.items():
        if reading.has(path):
            reading.ignored(path, reason)


LITELLM: Final = LiteLLM()
"""The one reader of this format."""
