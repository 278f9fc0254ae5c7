"""References: how one part of the configuration names models that another part declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selector.errors import ConfigError

_LATER = ("auto", "ensemble")
_FORMS = "NAME, NAME@PROVIDER, *@PROVIDER, tag:NAME or purpose:NAME"


@dataclass(frozen=True, slots=True)
class Reference:
    """Models by name, at one provider, by tag or by purpose.

    Examples
    --------
    >>> Reference.parse("sonnet@work")
    Reference(name='sonnet', provider='work', kind='model')
    >>> Reference.parse("tag:external").kind
    'tag'
    >>> Reference.parse("*@home")
    Reference(name='*', provider='home', kind='provider')
    >>> print(Reference.parse("qwen:7b@local"))
    qwen:7b@local
    """

    name: str
    """The name of the model, the tag or the purpose; ``*`` where all models of a provider are meant."""
    provider: str | None = None
    """The provider's name, or None for all of the model's routes."""
    kind: Literal["model", "provider", "tag", "purpose"] = "model"
    """What the name names."""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``NAME``, ``NAME@PROVIDER`` (split at the last @), ``*@PROVIDER``, ``tag:NAME`` or ``purpose:NAME``.

        Parameters
        ----------
        text
            The reference; a colon after any other word than a reserved one is part of the name.

        Returns
        -------
        Reference
            What it names; whether that exists is for the catalog to say.

        Raises
        ------
        ConfigError
            If a part is missing, or the kind of reference is not supported yet.

        Examples
        --------
        >>> Reference.parse("purpose:lead").kind
        'purpose'
        >>> Reference.parse("ensemble:safety")
        Traceback (most recent call last):
        selector.errors.ConfigError: the reference 'ensemble:safety' is not supported yet
        >>> Reference.parse("@home")
        Traceback (most recent call last):
        selector.errors.ConfigError: '@home' is not a reference; write NAME, NAME@PROVIDER, *@PROVIDER, ...
        """
        head, colon, tail = text.partition(":")
        if head in _LATER and (colon or head == "auto"):
            raise ConfigError(f"the reference {text!r} is not supported yet")
        if head in {"tag", "purpose"} and colon:
            name, at, provider = tail, "", ""
        else:
            name, at, provider = text.rpartition("@") if "@" in text else (text, "", "")
        if not name.strip() or "@" in name or (at and not provider.strip()) or text == "*":
            raise ConfigError(f"{text!r} is not a reference; write {_FORMS}")
        if colon and head == "tag":
            return cls(name, kind="tag")
        if colon and head == "purpose":
            return cls(name, kind="purpose")
        return cls(name, provider or None, "provider" if name == "*" else "model")

    def __str__(self) -> str:
        if self.kind in {"tag", "purpose"}:
            return f"{self.kind}:{self.name}"
        return f"{self.name}@{self.provider}" if self.provider else self.name
