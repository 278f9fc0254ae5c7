"""The sections on patience with a provider: how long a call may take, and when a route is left alone."""

from typing import Annotated

from pydantic import Field, model_validator

from selector.config._section import Section

AtOnce = Annotated[int, Field(ge=1, le=1_000_000)]
"""A number of calls that run at once."""
Seconds = Annotated[float, Field(gt=0, le=1e9)]
"""A length of time."""


class TimeoutConfig(Section):
    """How long one call may take, in seconds. Short form: a number, which is the `total`.

    Examples
    --------
    >>> TimeoutConfig.model_validate(120)
    TimeoutConfig(connect=None, read_s=None, total=120.0, first_token=None)
    """

    connect: Seconds | None = None
    """Until the connection stands; 10 when not given."""
    read_s: Seconds | None = Field(default=None, alias="read")
    """From one piece of the answer to the next; as long as it likes when not given."""
    total: Seconds | None = None
    """From the call to the whole answer; 600 when not given."""
    first_token: Seconds | None = None
    """Until the first piece of a streamed answer; as long as it likes when not given."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"total": value} if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    @property
    def read(self) -> float | None:  # type: ignore[override]  # of a section that stands within others
        """How long from one piece of the answer to the next.

        Examples
        --------
        >>> TimeoutConfig(read=5).read
        5.0
        """
        return self.read_s


class BreakerConfig(Section):
    """When a route that fails is left alone, and for how long.

    Examples
    --------
    >>> BreakerConfig(open_s=5)
    BreakerConfig(failures=5, within_s=60.0, open_s=5.0)
    """

    failures: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    """After how many failures of the route itself."""
    within_s: Seconds = 60.0
    """Within how many seconds."""
    open_s: Seconds = 30.0
    """For how many seconds; then one call is let through to see."""
