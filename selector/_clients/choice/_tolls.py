"""What calls take of resources that are limited beside the dollars of all work, model by model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.budgets import Meter
from selector.catalog import Catalog, Model
from selector.config import ScopeConfig
from selector.decision import Limited, Toll

__all__ = ["Lengths", "Tolls"]

_USUAL_OUTPUT = 500.0  # tokens of an answer of a model whose answers are believed in dollars
_OUTPUT = frozenset({None, "output", "reasoning"})
_INPUT = frozenset({None, "input"})

Floats = NDArray[np.float64]


class Lengths(NamedTuple):
    """What is known of calls: tokens of their answers, what these and their input cost, tokens per unit of length."""

    output_tokens: Floats
    """Shape (n_models,), or (n_types, n_models); nan where answers are believed in dollars."""
    fixed_usd: Floats
    """What calls cost beside their input, likewise."""
    usd_in: Floats
    """What a unit of the input's length costs, shape (n_models,)."""
    tokens_in: Floats
    """How many tokens a unit of the input's length is, shape (n_models,): 1 where it is counted in tokens."""


class Tolls:
    """Knows what each model's calls take of every meter, and what that takes off their utility at the meters' prices.

    Of a model with several routes the first says whether it is in a scope; what was really taken is charged as it is.

    Parameters
    ----------
    meters
        What is limited.
    catalog
        The models.
    """

    __slots__ = ("_parts", "meters")

    def __init__(self, meters: Iterable[Meter], catalog: Catalog) -> None:
        self.meters = tuple(meters)
        self._parts: tuple[Floats, ...] = tuple(
            np.array([_counts(meter.scope, model) for model in catalog], float) for meter in self.meters
        )

    def limited(self, shape: tuple[int, int, int]) -> tuple[Limited, ...]:
        """Give the meters as a decider knows them."""
        return tuple(Limited(meter.key, meter, shape) for meter in self.meters)

    def charge(self, limited: Sequence[Limited], types: Sequence[str], usd_per_token: Floats, own: Lengths) -> None:
        """Tell a decider what calls take today of each meter.

        Parameters
        ----------
        limited
            As `limited` gave them.
        types
            The task types.
        usd_per_token
            What a token of an answer costs, shape (n_models,).
        own
            Of a call of each type, with an answer of nothing and an input of the type's length: ``fixed_usd`` and
            ``tokens_in`` are of the whole input, shape (n_types, n_models).
        """
        for each, meter, part in zip(limited, self.meters, self._parts, strict=True):
            scope = part * np.array([[_is_of(meter.scope, type_)] for type_ in types], float)
            if meter.resource == "usd":
                per_token, fixed = usd_per_token, own.fixed_usd
            elif meter.resource == "tokens":
                known = ~np.isnan(own.output_tokens)
                guessed = np.where(known, 0.0, _USUAL_OUTPUT)
                out, read = meter.token_class in _OUTPUT, meter.token_class in _INPUT
                per_token, fixed = known * float(out), guessed * out + own.tokens_in * read
            else:
                per_token, fixed = np.zeros(len(part)), np.ones(1)
            each.charge(per_token * scope, fixed * scope)

    def toll(self, prices: Sequence[float], type_: str, own: Lengths) -> Toll:
        """Return what a task takes off each model's utility, as it grows with the length of its input.

        Parameters
        ----------
        prices
            Of a unit of each meter.
        type_
            The task's type.
        own
            Of its call.
        """
        fixed, each = np.zeros(len(own.usd_in)), np.zeros(len(own.usd_in))
        answer = np.nan_to_num(own.output_tokens, nan=_USUAL_OUTPUT)
        for price, meter, part in zip(prices, self.meters, self._parts, strict=True):
            if not price or not _is_of(meter.scope, type_):
                continue
            if meter.resource == "usd":
                fixed += price * part * own.fixed_usd
                each += price * part * own.usd_in
            elif meter.resource == "tokens":
                fixed += price * part * answer * (meter.token_class in _OUTPUT)
                each += price * part * own.tokens_in * (meter.token_class in _INPUT)
            else:
                fixed += price * part
        return Toll(fixed, each)

    def words(self, prices: Sequence[float]) -> tuple[str, ...]:
        """Say what one more unit of every meter that binds is worth."""
        return tuple(meter.words(price) for meter, price in zip(self.meters, prices, strict=True) if price > 0)


def _counts(scope: ScopeConfig | None, model: Model) -> bool:
    """Tell whether a model's calls are within a scope, as far as the model decides."""
    if scope is None or scope.kind == "task_type":
        return True
    if scope.kind == "tag":
        return scope.value in model.tags
    return {"model": model.name, "provider": model.route.provider, "route": model.route.name}[scope.kind] == scope.value


def _is_of(scope: ScopeConfig | None, type_: str) -> bool:
    """Tell whether a task type is within a scope, as far as the type decides."""
    if scope is None or scope.kind != "task_type":
        return True
    return type_ == scope.value or type_.startswith(f"{scope.value}/")
