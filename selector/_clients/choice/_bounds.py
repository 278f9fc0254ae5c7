"""What a call can come to: how long an input can be that nobody counted, and which routes budgets still admit."""

from __future__ import annotations

from collections.abc import Callable

from selector._clients.money._budget import Budget
from selector._clients.money._parts import Worst
from selector.budgets import NANO, Till
from selector.catalog import Route
from selector.records import Task

__all__ = ["affordable", "lacking", "most_tokens"]

_BYTES_A_PART = 64  # what a provider adds to a message of its own, at most, in tokens


def most_tokens(task: Task) -> int:
    """Return the most tokens that an input can have: as many as were counted, else as many as it has bytes."""
    return _bytes(task) if task.input_tokens is None else task.input_tokens


def affordable(
    routes: tuple[Route, ...],
    task: Task,
    budget: Budget,
    worst_of: Callable[[Route, Task], Worst],
    at: float,
) -> tuple[Route, ...]:
    """Keep the routes on which a call fits the hard budgets; all of them where it fits on none, for who says why.

    Parameters
    ----------
    routes
        Those of one model that may serve.
    task
        What is to be done.
    budget
        What may be spent.
    worst_of
        The most that a call at a route can take.
    at
        Seconds since 1970.
    """
    if len(routes) < 2 or not budget.is_hard or not budget.scoped.any:
        return routes
    on = budget.scoped.of_task(task)

    def fits(route: Route) -> bool:
        worst = worst_of(route, task)
        if worst.nano is None and budget.in_usd:
            return False
        return budget.fits(worst.amounts, budget.scoped.keys(on, route), at) is None

    return tuple(filter(fits, routes)) or routes


def lacking(till: Till, worst: Worst) -> str:
    """Say what a call may take of a budget, and what is left of it."""
    amount, room = till.amount(*worst.amounts), max(till.free, 0)
    if till.resource == "usd":
        return f"{till.label}: may cost {amount / NANO:.6g} USD, and {room / NANO:.6g} are left"
    return f"{till.label}: may take {amount:,} {till.resource}, and {room:,} are left"


def _bytes(task: Task) -> int:
    """Bound the tokens of an input that nobody counted: no token is shorter than a byte."""
    texts = [task.prompt or "", task.system or ""]
    n_parts = 2
    for part in (*(task.messages or ()), *(task.tools or ())):
        texts.append(repr(part))
        n_parts += 1
    if task.response_schema is not None:
        texts.append(repr(task.response_schema))
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) + _BYTES_A_PART * n_parts
