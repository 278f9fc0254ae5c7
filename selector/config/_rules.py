"""The sections on who may serve which task: rules, purposes, and how far the selector is in charge."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    PrivateAttr,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from selector.config._limits import Portion
from selector.config._models import plain_json
from selector.config._section import WORD, Name, Section, Share, Word, Words, expected, fault
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from selector.rules import Condition, Rules, Vocabulary

_EFFECTS = ("model", "only", "forbid", "prefer", "purpose", "explore", "min_success", "share")

_MODES = ("off", "shadow", "on")
_LONGEST = 4_000


class _Ruled(Protocol):
    """What has rules."""

    @property
    def rules(self) -> "tuple[RuleConfig, ...]": ...
    @property
    def rules_match(self) -> Literal["first", "all"]: ...
    @property
    def default_model(self) -> str | None: ...


def rules_of(config: _Ruled) -> "Rules":
    """Build the rules of a configuration, those of presets included.

    Parameters
    ----------
    config
        The whole configuration.

    Returns
    -------
    Rules
        To be asked for every task; without a rule there is none that fires.

    Examples
    --------
    >>> from selector.config import Config
    >>> rules = rules_of(Config.load({"models": {"a": {}}, "rules": [{"condition": "priority == 0", "model": "a"}]}))
    >>> print(*rules.rules)
    if priority == 0: model a
    """
    from selector.rules import Condition, Place, Rule, Rules  # noqa: PLC0415 - a configuration without rules loads no language

    return Rules(
        [
            Rule(
                condition=Condition.of(rule.condition, where=Place(key=f"rules[{place}].condition")),
                name=rule.name or "",
                reason=rule.reason or "",
                **{name: getattr(rule, name) for name in _EFFECTS if getattr(rule, name) is not None},
            )
            for place, rule in enumerate(config.rules)
        ],
        config.rules_match,
        config.default_model,
    )


def condition_of(text: str, *, vocabulary: "Vocabulary | None" = None) -> "Condition":
    """Read a condition in the language of rules.

    Parameters
    ----------
    text
        The condition, such as ``priority == 0``.
    vocabulary
        Which providers, quotas and budgets there are; None: any.

    Returns
    -------
    Condition
        What can be asked of a task.

    Raises
    ------
    ConfigError
        If it is no condition; it names the column and the nearest valid word.

    Examples
    --------
    >>> print(condition_of("priority==0"))
    priority == 0
    """
    from selector.rules import Condition  # noqa: PLC0415 - likewise

    return Condition.of(text, vocabulary=vocabulary)


def _a_text(value: str) -> str:
    if not value.strip() or len(value) > _LONGEST:
        raise expected(f"must be a text of 1 to {_LONGEST:,} characters")
    return value


def _a_condition(value: str) -> str:
    problem = ""
    try:
        condition_of(value)
    except ConfigError as error:
        problem = str(error)
    if problem:
        raise fault(problem)
    return value


def _some(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is not None and not names:
        raise expected("must name at least one")
    return names


Text = Annotated[
    str, AfterValidator(_a_text), WithJsonSchema({"type": "string", "maxLength": _LONGEST, "pattern": r"\S"})
]
"""A text that is not empty."""
References = Annotated[
    Words,
    AfterValidator(_some),
    WithJsonSchema({"type": "array", "items": WORD, "minItems": 1, "uniqueItems": True}),
]
"""References, at least one."""
Points = Annotated[float, Field(ge=-1, le=1)]
"""What is added to a success: .05 is five points."""


class RuleConfig(Section):
    """What holds for the tasks that a condition matches.

    Examples
    --------
    >>> rule = RuleConfig(condition="priority == 0", model="opus", reason="critical work gets the best model")
    >>> rule.model, rule.only
    ('opus', None)
    >>> RuleConfig(name="trial", condition="task_type == 'coding'", share="10%", model="grok").share
    0.1
    """

    name: Word | None = None
    """What it is called, in explanations and in the log; a share is drawn anew under another name."""
    condition: Annotated[Text, AfterValidator(_a_condition)]
    """Which tasks it holds for."""
    model: Word | None = None
    """Force this model, or model at a provider."""
    only: References | None = None
    """References of the only models that may serve."""
    forbid: References | None = None
    """References of models that may not serve."""
    prefer: Annotated[dict[Word, Points], Field(min_length=1)] | None = None
    """Points of success to add to models, such as ``{deepseek: .05}``."""
    purpose: Name | None = None
    """The purpose whose models may serve."""
    explore: bool | None = None
    """False: the model believed best is taken."""
    min_success: Share | None = None
    """The least success for a model to be taken."""
    share: Portion | None = None
    """Which share of the tasks gets `model`; the others are chosen for as without the rule."""
    reason: Text | None = None
    """Why, as explanations say it."""

    _preset: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _one_effect_at_least(self) -> Self:
        given = [name for name in _EFFECTS if getattr(self, name) is not None]
        if not given:
            raise fault(f"does nothing; give it one of {', '.join(_EFFECTS)}")
        if self.share is not None and self.model is None:
            raise fault("is required beside share: the model that gets it", ("model",))
        beside = [name for name in given if name not in {"model", "share"}]
        if self.model is not None and beside:
            raise fault("has no meaning beside model, which is forced; write it in a rule of its own", (beside[0],))
        return self

    @property
    def preset(self) -> str:
        """The preset that it comes from; empty where the user wrote it.

        Examples
        --------
        >>> RuleConfig(condition="priority == 0", explore=False).preset
        ''
        """
        return self._preset

    def of_preset(self, name: str) -> Self:
        """Note which preset the rule comes from.

        Examples
        --------
        >>> RuleConfig(condition="priority == 0", explore=False).of_preset("cost-aware").preset
        'cost-aware'
        """
        self._preset = name
        return self


class PurposeConfig(Section):
    """The models that serve a purpose; the choice among them is learnt. Short form: their references alone.

    Examples
    --------
    >>> PurposeConfig.model_validate(["opus", "sonnet"]).models
    ('opus', 'sonnet')
    """

    models: References
    """References of the models."""
    metadata: Annotated[dict[str, JsonValue], BeforeValidator(plain_json)] = Field(default_factory=dict)
    """Facts about the purpose, for whoever reads them: they change no choice."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"models": value} if isinstance(value, (list, tuple)) else value


class ModeConfig(Section):
    """How far the selector is in charge. Short forms: ``off``, ``shadow``, ``on`` and ``{share: 10%}``.

    Examples
    --------
    >>> ModeConfig.model_validate("shadow").name, ModeConfig.model_validate({"share": "10%"}).share
    ('shadow', 0.1)
    """

    name: Literal["off", "shadow", "share", "on"] = "on"
    """``off``: it decides nothing; ``shadow``: it decides and writes down, and the model of today serves; ``share``:
    it serves a share of the tasks; ``on``: it serves all."""
    share: Portion | None = None
    """Which share of the tasks it serves."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return {"name": "share", **value} if set(value) == {"share"} else value
        if not isinstance(value, str) or value not in _MODES:
            remedy = nearest(value, _MODES) if isinstance(value, str) else ""
            raise expected("must be off, shadow, on or a share such as {share: 10%}", remedy)
        return {"name": value}

    @model_validator(mode="after")
    def _share_where_it_belongs(self) -> Self:
        if (self.name == "share") != (self.share is not None):
            raise fault("belongs to {share: ...} alone, such as {share: 10%}", ("share",))
        return self

    @model_serializer
    def _written(self) -> object:
        return {"share": self.share} if self.name == "share" else self.name
