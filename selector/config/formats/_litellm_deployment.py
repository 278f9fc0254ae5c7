"""One deployment of LiteLLM's `model_list`, and what was read of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from selector.config._places import KeyPath
    from selector.config.formats._litellm_vendors import Target

NO_KEYS: Final = frozenset((
    "anything", "dummy", "empty", "fake", "fake-key", "fake_key", "ignored", "n/a", "na", "no-key", "no_key", "none",
    "not-needed", "not_needed", "null", "placeholder", "unused", "x", "xxx",
))  # fmt: skip
"""What is written where a server wants no key."""

NOT_COPIED: Final = "a key that is written in a document is not copied"
"""What is said of such a key."""


class Key(NamedTuple):
    """Where a deployment's key is found."""

    variable: str | None = None
    """The variable that holds it."""
    inline: str = ""
    """The key itself, which is told apart from others and goes nowhere."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.variable!r}, inline={'...' if self.inline else ''!r})"


class Went(NamedTuple):
    """Where a value went, until the names of models and providers are settled."""

    path: KeyPath
    to: Literal["route", "provider", "model"]
    key: str
    note: str = ""
    warned: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Deployment:
    """One entry of `model_list`."""

    path: KeyPath
    """Its place."""
    group: str
    """The name that clients call it by, which others may share."""
    target: Target
    """What is called."""
    url: str | None
    """Where; None: the kind's own address."""
    why: str
    """Why it cannot be called; empty: it can."""
    key: Key = field(default_factory=Key)
    patience: dict[str, float] = field(default_factory=dict)
    """Seconds, as `timeout_s` has them."""
    breaker: dict[str, float] = field(default_factory=dict)
    """What it says of its own cooling."""
    route: dict[str, Any] = field(default_factory=dict)
    """What its route says, beside the name there."""
    weights: dict[str, float] = field(default_factory=dict)
    """By what LiteLLM weighs it: `weight`, `rpm`, `tpm`."""
    order: float | None = None
    """Its place in line; None: it has none."""
    params: dict[str, Any] = field(default_factory=dict)
    """Parameters of every call."""
    abilities: dict[str, bool] = field(default_factory=dict)
    """What it says that it can and cannot do."""
    tags: tuple[str, ...] = ()
    budget: dict[str, Any] | None = None
    """What may be spent on it."""
    ident: str | None = None
    """The name of the entry itself, for fallbacks."""
    went: list[Went] = field(default_factory=list)
    """Where its values went."""
    provider: str = ""
    """The provider that it became; empty as long as it did not."""

    def account(self, common: dict[str, float]) -> tuple[object, ...]:
        """Tell accounts apart: who has the same may share a provider.

        Parameters
        ----------
        common
            What holds of cooling where the deployment says nothing.
        """
        cooling = tuple(sorted({**common, **self.breaker}.items()))
        return (self.target.prefix, self.target.kind, self.url, self.key, tuple(sorted(self.patience.items())), cooling)

    def note(self, path: KeyPath, to: Literal["route", "provider", "model"], key: str, note: str = "") -> None:
        """Note where a value goes."""
        self.went.append(Went(path, to, key, note))

    def warn(self, path: KeyPath, to: Literal["route", "provider", "model"], key: str, note: str) -> None:
        """Note where a value goes, and what to look at."""
        self.went.append(Went(path, to, key, note, warned=True))


def is_usable(tag: str) -> bool:
    """Tell whether a tag can be a word of a condition and of a model's tags.

    Examples
    --------
    >>> is_usable("free"), is_usable("it's")
    (True, False)
    """
    return tag.isprintable() and len(tag) <= 100 and not {"'", "\\", "@"} & {*tag}
