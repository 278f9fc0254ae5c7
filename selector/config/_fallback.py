"""The sections on what is tried when a call fails: how often, for how long, and in which order."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from selector.config._reasons import ENDINGS, Reason, a_reason
from selector.config._section import Name, Section, Words, expected, fault
from selector.config._waiting import Seconds
from selector.errors import nearest
from selector.records import Failure

RETRIED: dict[Failure, int] = {
    Failure.RATE_LIMITED: 1,
    Failure.OVERLOADED: 1,
    Failure.SERVER_ERROR: 1,
    Failure.CONNECTION: 1,
}
"""How often the same route is tried again, where nothing else is said."""

_MOST = 10


def _all_retries(value: object) -> object:
    """Complete what is given with the defaults; a number is meant for all of these."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return dict.fromkeys(RETRIED, value)
    if not isinstance(value, Mapping):
        raise expected("must be a number, or a number per failure")
    for key in value:
        if key in set(ENDINGS):
            raise fault("ends the run: nothing is tried after it", (str(key),))
    found: dict[Any, Any] = {**RETRIED}
    for key, number in value.items():
        found[a_reason(key) if key in set(Failure) else key] = number
    return found


def _no_ending(value: object) -> object:
    if isinstance(value, Mapping):
        for key in value:
            if key in set(ENDINGS):
                raise fault("ends the run: no chain follows it", (str(key),))
    return value


_COUNT = {"type": "integer", "minimum": 0, "maximum": _MOST}
FAILING = {"enum": [each.value for each in Failure if each not in ENDINGS]}
"""Failures that something may follow, as editors know them."""
Retries = Annotated[
    dict[Reason, Annotated[int, Field(ge=0, le=_MOST)]],
    BeforeValidator(_all_retries),
    WithJsonSchema(
        {"anyOf": [_COUNT, {"type": "object", "propertyNames": FAILING, "additionalProperties": _COUNT}]},
    ),
]
"""How often, by failure."""


class FallbackConfig(Section):
    """How far a run goes on when a call fails.

    Examples
    --------
    >>> FallbackConfig().retries_after("overloaded"), FallbackConfig(retries=0).retries_after("overloaded")
    (1, 0)
    """

    adaptive: bool | None = None
    """Whether the policy's next best is tried after the chain; when not given, true where no chain is configured for
    the task."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """After how many routes a run is blocked; calls of the same route again are not counted."""
    escalate_on_failure: bool = True
    """Whether the chain goes on where the answer was judged a failure."""
    deadline_s: Seconds | None = None
    """How long a whole run may take; no limit but the task's own when not given."""
    on_midstream_failure: Literal["raise", "restart", "continue"] = "raise"
    """What follows where a stream breaks off after its first token."""
    retries: Retries = Field(default_factory=lambda: dict(RETRIED))
    """How often the same route is called again after a failure, by failure: once after `rate_limited`, `overloaded`,
    `server_error` and `connection`, but for what is given. Short form: one number for these four."""

    def retries_after(self, failure: Failure | str) -> int:
        """Tell how often the same route is called again after a failure.

        Examples
        --------
        >>> FallbackConfig(retries={"timeout": 2}).retries_after("timeout")
        2
        """
        return self.retries.get(Failure(failure), 0)


References = Annotated[Words, Field(max_length=100)]
"""What is tried, in order."""


class ChainsConfig(Section):
    """What is tried in which order after the other routes of the same model. Any other key is a task type.

    The first list that there is counts: of the failure, of the model that failed, of the task type, the default. An
    empty list says that nothing else is tried.

    Examples
    --------
    >>> chains = ChainsConfig.model_validate({"by_model": {"haiku": ["opus"]}, "coding": ["sonnet"]})
    >>> chains.by_type, chains.after(Failure.TIMEOUT, model="haiku", task_type="coding")
    ({'coding': ('sonnet',)}, ('opus',))
    """

    model_config = ConfigDict(extra="allow")
    any_key: ClassVar[bool] = True
    __pydantic_extra__: dict[str, References]

    by_reason: Annotated[dict[Reason, References], BeforeValidator(_no_ending)] = Field(default_factory=dict)
    """After a failure of a kind, such as ``context_too_long``."""
    by_model: dict[Name, References] = Field(default_factory=dict)
    """After a failure of a model."""
    default: References | None = None
    """Where no other list holds."""

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        for key, chain in value.items() if isinstance(value, Mapping) else ():
            if isinstance(chain, Mapping) and isinstance(key, str) and key not in cls.valid_keys():
                raise fault(f"unknown key {key!r}{nearest(key, cls.valid_keys())}", (key,))
        return value

    @property
    def by_type(self) -> dict[str, tuple[str, ...]]:
        """By task type, as it is written."""
        found: dict[str, Any] = self.model_extra or {}
        return dict(found)

    def of_type(self, task_type: str) -> tuple[str, ...] | None:
        """Find the list of a task type: its own, else that of the type above it; None: there is none.

        Examples
        --------
        >>> ChainsConfig.model_validate({"coding": ["sonnet"]}).of_type("coding/python")
        ('sonnet',)
        """
        parts = task_type.split("/")
        by_type = self.by_type
        for end in range(len(parts), 0, -1):
            found = by_type.get("/".join(parts[:end]))
            if found is not None:
                return found
        return None

    def after(self, failure: Failure | None, *, model: str, task_type: str) -> tuple[str, ...] | None:
        """Find the list that holds after a failure.

        Parameters
        ----------
        failure
            Why the call failed; None: for any reason that has no list of its own.
        model
            The model that was chosen, and failed.
        task_type
            The task's.

        Returns
        -------
        tuple of str or None
            References in order; empty: nothing else is tried; None: no list holds.

        Examples
        --------
        >>> ChainsConfig().after(Failure.TIMEOUT, model="haiku", task_type="coding") is None
        True
        """
        by_reason = None if failure is None else self.by_reason.get(failure)
        for found in (by_reason, self.by_model.get(model), self.of_type(task_type)):
            if found is not None:
                return found
        return self.default
