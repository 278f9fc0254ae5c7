"""The sections on how the choice is made: policy and objective."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from selector.config._section import Amount, Section, Share, Word, expected, fault
from selector.config._units import HALF_LIFE, HalfLife
from selector.errors import nearest

PolicyName = Literal["thompson", "top_two", "epsilon_greedy", "ucb1", "kl_ucb", "greedy", "uniform", "fixed"]
"""The policies there are."""

OWNERS: dict[str, tuple[PolicyName, ...]] = {
    "concentration": ("thompson", "top_two"),
    "leader": ("top_two",),
    "epsilon": ("epsilon_greedy",),
    "c": ("ucb1", "kl_ucb"),
    "model": ("fixed",),
}
"""Which policies a parameter belongs to."""


def _a_policy(value: object) -> object:
    if isinstance(value, str) and value not in get_args(PolicyName):
        raise expected("must be the name of a policy", nearest(value, get_args(PolicyName)))
    return value


class PolicyConfig(Section):
    """How models are chosen from what is believed of them. Short form: the name alone.

    Parameters of one policy are refused under another.

    Examples
    --------
    >>> PolicyConfig.model_validate("greedy").name
    'greedy'
    >>> PolicyConfig().least, PolicyConfig(floor=0).least
    (0.02, 0.0)
    """

    name: Annotated[PolicyName, BeforeValidator(_a_policy)] = "thompson"
    """Which policy."""
    floor: Share | None = None
    """The least probability that is kept for every eligible model; when not given, .02 for ``thompson`` and
    ``top_two``, else 0."""
    concentration: Annotated[float, Field(gt=0, le=1e4)] | None = None
    """By how much sampling narrows the posterior; 1 is textbook Thompson. When not given, 2 without a floor, where more
    would lock the best of ten models out in a quarter of cold starts, else 4 and a fifth of the number of models."""
    half_life: Annotated[
        HalfLife | None,
        BeforeValidator(lambda value: None if value is None else HalfLife.of(value)),
        WithJsonSchema({"anyOf": [HALF_LIFE, {"type": "null"}]}),
    ] = HalfLife(7000.0, "decisions")
    """After how many decisions, or how long, an outcome counts half; null: it never counts less."""
    draws: Annotated[int, Field(ge=1, le=65_536)] = 256
    """How many posterior draws a choice is taken from."""
    leader: Share | None = None
    """``top_two``: how often the better of the two is taken; the policy's own default when not given."""
    epsilon: Share | None = None
    """``epsilon_greedy``: how often any model is taken; the policy's own default when not given."""
    c: Annotated[float, Field(ge=0, le=1e4)] | None = None
    """``ucb1``, ``kl_ucb``: how wide the bound is; the policy's own default when not given."""
    model: Word | None = None
    """``fixed``: which model is always taken."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _own_parameters(self) -> Self:
        for parameter, owners in OWNERS.items():
            if getattr(self, parameter) is not None and self.name not in owners:
                raise fault(f"is a parameter of {' and '.join(owners)}, not of {self.name}", (parameter,))
        if self.name == "fixed" and self.model is None:
            raise fault("is required: which model the policy 'fixed' takes", ("model",))
        return self

    @property
    def least(self) -> float:
        """The floor that holds.

        Examples
        --------
        >>> PolicyConfig().least, PolicyConfig(name="fixed", model="opus").least
        (0.02, 0.0)
        """
        if self.floor is not None:
            return self.floor
        return 0.02 if self.name in {"thompson", "top_two"} else 0.0


class NoWorseThanConfig(Section):
    """The bar that another model sets.

    Examples
    --------
    >>> NoWorseThanConfig(model="opus").by
    0.02
    """

    model: Word
    """The model to compare with: the one used today."""
    by: Share = 0.02
    """By how much success may be lower."""


ObjectiveName = Literal["most_success", "worth_usd", "min_success", "no_worse_than"]
"""The objectives there are."""

BARS = ("min_success", "no_worse_than")
"""The objectives that set a bar, and their keys."""


def _an_objective(value: object) -> object:
    if isinstance(value, str) and value not in get_args(ObjectiveName):
        raise expected("must be an objective", nearest(value, get_args(ObjectiveName)))
    return value


class ObjectiveConfig(Section):
    """What is wanted of the choice. Short forms: ``most_success``, ``worth_usd``.

    The name may be left out where a key says it: `min_success`, `no_worse_than`, `default_worth_usd`.

    Examples
    --------
    >>> ObjectiveConfig.model_validate("most_success").name
    'most_success'
    >>> ObjectiveConfig.model_validate({"no_worse_than": {"model": "opus", "by": 0.02}}).name
    'no_worse_than'
    """

    name: Annotated[ObjectiveName, BeforeValidator(_an_objective)] = "most_success"
    """Which objective."""
    min_success: Share | None = None
    """The cheapest model whose success is at least this."""
    no_worse_than: NoWorseThanConfig | None = None
    """The cheapest model that is no worse than this one."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """With which belief a model must stand above the bar."""
    default_worth_usd: Amount | None = None
    """What a success is worth where its task type does not say."""
    usd_per_second: Amount | None = None
    """What a second of waiting costs whoever waits; no budget pays for it. Under `most_success` a dollar of it counts
    what a dollar is worth at the shadow price."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping) or "name" in value:
            return value
        said = [key for key in BARS if value.get(key) is not None]
        if not said and value.get("default_worth_usd") is not None:
            said = ["worth_usd"]
        return {**value, "name": said[0]} if said else value

    @model_validator(mode="after")
    def _one_bar(self) -> Self:
        for bar in BARS:
            given = getattr(self, bar) is not None
            if given and self.name != bar:
                raise fault(f"belongs to the objective {bar}, and the objective is {self.name}", (bar,))
            if self.name == bar and not given:
                raise fault(f"is required by the objective {bar}", (bar,))
        if self.default_worth_usd is not None and self.name != "worth_usd":
            raise fault(f"belongs to the objective worth_usd, and the objective is {self.name}", ("default_worth_usd",))
        if "confidence" in self.model_fields_set and self.name not in BARS:
            raise fault(f"belongs to min_success and no_worse_than, and the objective is {self.name}", ("confidence",))
        return self
