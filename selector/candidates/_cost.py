"""Which models a task may not have for their cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from selector.budgets import nanos, usd, worst_case_nano
from selector.catalog import Route
from selector.records import Exclusion, Reason

__all__ = ["Costs", "cost_exclusions", "worst_of"]

_UNBOUNDED = Exclusion(
    reason=Reason.UNBOUNDED_COST,
    detail="a hard budget needs a price, the input's length and max_output_tokens, or max_usd_per_call",
)
_NO_PRICE = Exclusion(reason=Reason.UNKNOWN_COST, detail="a budget in dollars needs a price")
_NO_PRICE_FOR_THE_TASK = Exclusion(reason=Reason.UNKNOWN_COST, detail="Task.max_cost_usd needs a price")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Costs:
    """What is known of a call's cost, per model in the order of the catalog.

    Examples
    --------
    >>> Costs(priced=[True], free=[False], worst_nano=[33_000_000], expected_usd=[0.012]).worst_nano
    [33000000]
    """

    priced: Sequence[bool] | NDArray[np.bool_]
    """Whether its price is known."""
    free: Sequence[bool] | NDArray[np.bool_]
    """Whether nothing of it ever costs anything."""
    worst_nano: Sequence[int | None]
    """The most that the call can cost, in nano-dollars; None: nothing bounds it."""
    expected_usd: Sequence[float] | NDArray[np.float64]
    """What it is believed to cost; not a number: nobody knows."""


def cost_exclusions(
    costs: Costs, *, dollar_budget: bool, hard_budget: bool, max_cost_usd: float | None
) -> tuple[Exclusion | None, ...]:
    """Say which models a task may not have for their cost, before anybody looks at what is left of a budget.

    What is free is never excluded, and a price may be unknown where the worst case is not (`max_usd_per_call`). A limit
    of the task's own is held against the worst case, and against the believed cost where nothing bounds the worst case.

    Parameters
    ----------
    costs
        What is known of each model's cost.
    dollar_budget
        Whether a budget in dollars applies, be it a limit or an average.
    hard_budget
        Whether a budget in dollars applies that is never exceeded.
    max_cost_usd
        The most that this task may cost; None: no limit of its own.

    Returns
    -------
    tuple of Exclusion or None
        Per model; None: not excluded.

    Raises
    ------
    ValueError
        If the four sequences are not of one length.

    Examples
    --------
    >>> costs = Costs(
    ...     priced=[True, False, True],
    ...     free=[False, False, True],
    ...     worst_nano=[33_000_000, None, 0],
    ...     expected_usd=[0.012, 1.0, 0.0],
    ... )
    >>> for found in cost_exclusions(costs, dollar_budget=False, hard_budget=False, max_cost_usd=0.02):
    ...     print(found)
    over_max_cost (0.033 of 0.02 USD at worst)
    unknown_cost (Task.max_cost_usd needs a price)
    None
    """
    rows = zip(costs.priced, costs.free, costs.worst_nano, costs.expected_usd, strict=True)
    if not dollar_budget and not hard_budget and max_cost_usd is None:
        return tuple(None for _ in rows)
    unpriced = _NO_PRICE if dollar_budget else _NO_PRICE_FOR_THE_TASK if max_cost_usd is not None else None
    found: list[Exclusion | None] = []
    for priced, free, worst, expected in rows:
        if free:
            found.append(None)
        elif not priced and worst is None and unpriced is not None:
            found.append(unpriced)
        elif hard_budget and worst is None:
            found.append(_UNBOUNDED)
        else:
            found.append(_over(worst, float(expected), max_cost_usd))
    return tuple(found)


def worst_of(route: Route, *, at: datetime, input_tokens: int | None, max_output_tokens: int | None) -> int | None:
    """Return the most that a call of a route can cost, in nano-dollars; None where nothing bounds it.

    Parameters
    ----------
    route
        Whose call; where its tokens have no bound, only free ones and `max_usd_per_call` do.
    at
        When; aware.
    input_tokens
        How long its input is; None: unknown.
    max_output_tokens
        The task's own longest answer, which counts before the route's.

    Examples
    --------
    >>> from datetime import UTC
    >>> agent = Route(model="opus", provider="home", id="opus", is_open_ended=True, max_usd_per_call=2.0)
    >>> worst_of(agent, at=datetime(2026, 1, 1, tzinfo=UTC), input_tokens=5, max_output_tokens=5)
    2000000000
    """
    return worst_case_nano(
        route.prices,
        at=at,
        input_tokens=None if route.is_open_ended else input_tokens,
        max_output_tokens=None if route.is_open_ended else max_output_tokens or route.max_output_tokens,
        max_usd_per_call=route.max_usd_per_call,
    )


def _over(worst_nano: int | None, expected_usd: float, max_cost_usd: float | None) -> Exclusion | None:
    if max_cost_usd is None:
        return None
    if worst_nano is not None:
        if worst_nano <= nanos(max_cost_usd):
            return None
        said = f"{usd(worst_nano):.9g} of {max_cost_usd:.9g} USD at worst"
        return Exclusion(reason=Reason.OVER_MAX_COST, detail=said)
    if math.isnan(expected_usd):
        return _NO_PRICE_FOR_THE_TASK
    if expected_usd <= max_cost_usd:
        return None
    said = f"{expected_usd:.9g} of {max_cost_usd:.9g} USD expected"
    return Exclusion(reason=Reason.OVER_MAX_COST, detail=said)
