"""How much of which budget is to be held, or was used."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from selector.budgets import Till

__all__ = [
    "NOTHING",
    "Amounts",
    "Part",
    "Worst",
    "amount_of",
    "amounts_in",
    "beyond",
    "fields_of",
    "held_fields",
    "together",
]

Amounts = tuple[int, ...]
"""Nano-dollars, tokens, and where a budget counts one class of tokens those of each: of usage, in its order."""

NOTHING: Amounts = (0, 0)


class Part(NamedTuple):
    """How much is to be held of one hard budget."""

    key: str | None
    """The account of a scoped budget; None: a budget of everything."""
    till: Till
    amount: int

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return self.key or self.till.label


class Worst(NamedTuple):
    """The most that a call can take."""

    nano: int | None
    """Nano-dollars; None: nothing bounds it."""
    tokens: int | None
    """Likewise."""
    classes: tuple[int, ...] = ()
    """Tokens of each class, where a budget counts one."""

    @property
    def amounts(self) -> Amounts:
        """What is to be held for it."""
        return (self.nano or 0, self.tokens or 0, *self.classes)


def beyond(now: Amounts, before: Amounts) -> Amounts:
    """Say by how much amounts are more than others, which may be negative."""
    return tuple(a - b for a, b in zip_longest(now, before, fillvalue=0))


def together(one: Amounts, other: Amounts) -> Amounts:
    """Add amounts up."""
    return tuple(a + b for a, b in zip_longest(one, other, fillvalue=0))


def fields_of(amounts: Amounts) -> dict[str, object]:
    """Write amounts down, for `amounts_in`."""
    classes: dict[str, object] = {"classes": list(amounts[2:])} if len(amounts) > 2 else {}
    return {"nano": amounts[0], "tokens": amounts[1]} | classes


def held_fields(tokens: tuple[int, ...]) -> dict[str, Any]:
    """Write down the tokens that a decision holds: of all classes, and of each where there are several."""
    found: dict[str, Any] = {"held_tokens": tokens[0]} if tokens[0] else {}
    return found | ({"held_classes": list(tokens[1:])} if len(tokens) > 1 else {})


def amounts_in(event: Mapping[str, Any], *, of_hold: bool = False) -> Amounts:
    """Read amounts of an event, or what a decision holds."""
    nano, tokens, classes = ("held_nano", "held_tokens", "held_classes") if of_hold else ("nano", "tokens", "classes")
    return (int(event.get(nano) or 0), int(event.get(tokens) or 0), *map(int, event.get(classes) or ()))


def amount_of(key: str | None, till: Till, used: Amounts, by: Mapping[str, Amounts]) -> int:
    """Say how much of a budget's resource was used: of everything, or on one account."""
    if key is None:
        return till.amount(*used)
    return till.amount(*by[key]) if key in by else 0
