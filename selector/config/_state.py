"""The sections on what is kept: the state folder, and whose word on an outcome is believed."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, WithJsonSchema, field_serializer, model_validator

from selector.config._section import Section, Word, Words, fault
from selector.config._units import SPAN, window


class StateConfig(Section):
    """Where the state is kept, and what it promises. Short form: the path alone.

    Examples
    --------
    >>> StateConfig.model_validate("./selector-state").durability
    'process'
    >>> StateConfig(keep="400d").keep.days
    400
    """

    path: Word = "./selector-state"
    """The folder; one that is written in a file is found from where that file lies."""
    durability: Literal["process", "power"] = "process"
    """What survives when an outcome was recorded: the death of every process, or also a power cut."""
    keep: Annotated[
        timedelta | None,
        BeforeValidator(lambda value: None if value is None else window(value)),
        WithJsonSchema({"anyOf": [SPAN, {"type": "null"}]}),
    ] = None
    """How long the log is kept; what was learnt from it stays. None: for ever."""
    log_prompts: bool = False
    """Whether prompts are written to the log."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _a_day_at_least(self) -> Self:
        if self.keep is not None and self.keep < timedelta(days=1):
            raise fault("must be at least one day, such as '400d'; leave it out to keep everything", ("keep",))
        return self

    @field_serializer("keep")
    def _written(self, keep: timedelta | None) -> str | None:
        return None if keep is None else f"{keep.total_seconds():.0f}s"


class OutcomesConfig(Section):
    """Whose word is believed when several judged one answer.

    Examples
    --------
    >>> OutcomesConfig().rank("human") < OutcomesConfig().rank("judge:opus") < OutcomesConfig().rank("somebody")
    True
    """

    precedence: Words = ("human", "tests", "check", "git", "caller", "judge", "implicit")
    """Sources, the most believed first; ``judge`` stands for every ``judge:<model>``; others come after them."""

    def rank(self, source: str) -> int:
        """Say how far behind the most believed one a source stands.

        Examples
        --------
        >>> OutcomesConfig(precedence=["tests", "judge"]).rank("judge:opus")
        1
        """
        word = source if source in self.precedence else source.partition(":")[0]
        return self.precedence.index(word) if word in self.precedence else len(self.precedence)
