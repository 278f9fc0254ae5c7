"""The section on sessions: whose models serve the first turns of a conversation, and whose the rest."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import Field, model_validator

from selector.config._named import Problem, Whole, unknown_purpose
from selector.config._section import Name, Section, fault

if TYPE_CHECKING:
    from selector.config._rules import PurposeConfig

Turns = Annotated[int, Field(ge=1, le=1_000_000)]
"""A number of turns."""

_ROW = 50  # failures that are counted in a row


class SessionsConfig(Section):
    """Which purpose's models serve which turns of a session; a purpose is any word under `purposes`.

    Examples
    --------
    >>> sessions = SessionsConfig(start="lead", then="worker")
    >>> sessions.turns, sessions.after_failures, sessions.back_for
    (3, 2, 2)
    >>> SessionsConfig(start="lead", then="worker", after_failures=None).back_for
    2
    """

    start: Name
    """The purpose whose models serve the first turns, and those after failures."""
    turns: Turns = 3
    """How many turns they serve before `then` does."""
    then: Name | None = None
    """The purpose whose models serve from then on; None: those of `start` go on."""
    after_failures: Annotated[int, Field(ge=1, le=_ROW)] | None = 2
    """After how many failures in a row `then` gives way to `start`; null: after none."""
    back_for: Turns = 2
    """For how many turns it does."""

    @model_validator(mode="before")
    @classmethod
    def _needs_then(cls, value: Any) -> Any:  # noqa: ANN401 - whatever was written
        if isinstance(value, dict) and "then" not in value:
            for key in ("turns", "after_failures", "back_for"):
                if key in value:
                    raise fault("says when another purpose serves, and none is named; write then beside it", (key,))
        return value


class _Conversing(Whole, Protocol):
    """A whole configuration that may say something of sessions."""

    @property
    def sessions(self) -> SessionsConfig | None: ...


def is_on_request(purpose: "PurposeConfig") -> bool:
    """Tell whether a purpose's models serve only who asks for them by its name.

    Examples
    --------
    >>> from selector.config import PurposeConfig
    >>> is_on_request(PurposeConfig(models=["grok"], metadata={"on": "request"}))
    True
    >>> is_on_request(PurposeConfig(models=["grok"]))
    False
    """
    return purpose.metadata.get("on") == "request"


def session_problems(config: _Conversing) -> Iterator[Problem]:
    """Find what does not hold between sessions and purposes."""
    sessions = config.sessions
    if sessions is None:
        return
    for key in ("start", "then"):
        name = getattr(sessions, key)
        if name is None:
            continue
        path = ("sessions", key)
        if name not in config.purposes:
            yield Problem(path, unknown_purpose(name, config))
        elif is_on_request(config.purposes[name]):
            said = f"{name!r} serves on request alone, says purposes.{name}.metadata.on"
            yield Problem(path, f"{said}; take that out, or name another purpose")
    if sessions.start == sessions.then:
        yield Problem(("sessions", "then"), f"is {sessions.then!r}, as start is; leave it out, or name another purpose")
