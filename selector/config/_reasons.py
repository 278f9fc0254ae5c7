"""Failures as a configuration names them: words from the closed list."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from selector.config._section import expected
from selector.errors import nearest
from selector.records import Failure

ENDINGS = frozenset({Failure.CANCELLED, Failure.DEADLINE, Failure.BUDGET})
"""What ends a run: nothing is tried after it."""


def a_reason(value: object) -> object:
    """Read the name of a failure.

    Examples
    --------
    >>> a_reason("rate_limited")
    <Failure.RATE_LIMITED: 'rate_limited'>
    """
    if isinstance(value, Failure):
        return value
    if not isinstance(value, str) or value not in set(Failure):
        remedy = nearest(value, (each.value for each in Failure)) if isinstance(value, str) else ""
        raise expected("must be a failure", remedy)
    return Failure(value)


Reason = Annotated[Failure, BeforeValidator(a_reason), WithJsonSchema({"enum": [each.value for each in Failure]})]
"""Why a call failed."""
