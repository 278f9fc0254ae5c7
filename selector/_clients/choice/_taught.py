"""What a user's own evaluations say before the first outcome: of success, and of how long answers are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector._clients.choice._tariff import Tariff
from selector.catalog import Model
from selector.posteriors import output_token_equivalents
from selector.store import LearntFile, learnt_priors

__all__ = ["Taught"]

Floats = NDArray[np.float64]


class _Bills(NamedTuple):
    """What was paid for answers whose tokens nobody counted."""

    n: Floats
    usd: Floats
    tariff: Tariff


class Taught:
    """Learnt files of evaluations, as priors of given models on given task types.

    An answer's output tokens say how long answers are. Where a file counts none of a model on a type, what was paid
    says it: less the call itself and an input of the type's usual length, at the prices of the day on which the file
    was learnt, so that a later price acts at once here too. Costs of a model that has no prices stay dollars.

    Parameters
    ----------
    files
        What was learnt.
    models
        The configured models.
    types
        The task types.

    Attributes
    ----------
    success
        Number, sum and sum of squares of scores, shape (3, n_types, n_models).
    types
        The task types.
    """

    __slots__ = ("_bills", "_counted", "success", "types")

    def __init__(self, files: Sequence[LearntFile], models: Sequence[Model], types: Sequence[str]) -> None:
        self.types = tuple(types)
        shape = len(types), len(models)
        self.success: Floats = np.zeros((3, *shape))
        self._counted: Floats = np.zeros((2, *shape))
        self._bills: list[_Bills] = []
        for file in files:
            found, tariff = learnt_priors([file], models, types), _tariff_of(models, file.at_s)
            self.success += found.success
            self._counted += np.where(tariff.known, found.tokens, found.cost_usd)
            billed = tariff.known & (tariff.usd_per_token > 0) & (found.tokens[0] == 0)
            n, usd = np.where(billed, found.cost_usd, 0.0)
            if n.any():
                self._bills.append(_Bills(n, usd, tariff))

    def tokens(self, usual_inputs: Floats) -> Floats:
        """Return how many answers there are, and their output tokens (dollars, without prices) together.

        Parameters
        ----------
        usual_inputs
            How long inputs usually are, shape (n_types,); 0 where nobody said: then all that was paid is an answer's.
        """
        found = self._counted.copy()
        for n, usd, tariff in self._bills:
            input_usd = n * (usual_inputs[:, None] * tariff.usd_in + tariff.call_usd)
            found += n, output_token_equivalents(usd, input_usd, tariff.usd_per_token)
        return found


def _tariff_of(models: Sequence[Model], at_s: float) -> Tariff:
    """Look up what short calls cost on each model's first route at a time."""
    at, routes = datetime.fromtimestamp(max(at_s, 0.0), UTC), tuple(model.route for model in models)
    return Tariff([None if route.prices is None else route.prices.rates(at=at) for route in routes], routes)
