"""What a person changes of a budget: what counts as spent, or the limit of a window; the log says so."""

from __future__ import annotations

from typing import Literal

from selector._clients._core import Core
from selector._clients.money._parts import Part
from selector.budgets import NANO, Till
from selector.errors import ConfigError, nearest

__all__ = ["Change", "change_budget"]

Change = Literal["reset", "set", "adjust"]


def change_budget(core: Core, name: str, change: Change, amount: float | None = None) -> Till:
    """Change a budget's present window, in all processes, and write that down.

    Parameters
    ----------
    core
        Under which the budget is configured.
    name
        Which; of one that has many accounts also whose, as in ``user/ada``.
    change
        ``reset``: nothing counts as spent. ``set``: the limit of this window is the amount. ``adjust``: so much more
        counts as spent, or less where it is negative.
    amount
        In dollars, tokens or requests.

    Returns
    -------
    Till
        The account as it is now.

    Raises
    ------
    ConfigError
        If there is no such budget, or no amount where one is needed.
    StateError
        If it could not be written down, or the ledger could not be told.
    """
    core.share()
    with core.engine.lock:
        core.hear()
        now = core.engine.clock()
        core.budget.roll(now)
        key, till = _found(core, name, now)
        more, limit = _deltas(till, change, amount)
        spent = till.spread(more, now)
        event = {"kind": "audit", "what": "budget", "change": change, "at": now, "budget": key}
        core.state.append(event | {"spent": spent, "limit": limit})
        core.budget.change(key, spent, limit, now)
        gate = core.budget.gate
        if gate is not None and till.is_hard:
            part = Part(key if key != till.label else None, till, 0)
            gate.change(part, spent, limit, now)
        return till


def _found(core: Core, name: str, now: float) -> tuple[str, Till]:
    budget = core.budget
    for till in budget.tills:
        if till.label == name:
            return till.label, till
    key, found = budget.scoped.named(name, now)
    if found is None:
        known = [*(till.label for till in budget.tills), *budget.scoped.names]
        raise ConfigError(f"there is no budget {name!r} with an account{nearest(name, known)}; there are {known}")
    return key, found


def _deltas(till: Till, change: Change, amount: float | None) -> tuple[int, int]:
    """Say by how much more counts as spent, and may be."""
    if change == "reset":
        if amount is not None:
            raise ConfigError(f"reset takes no amount, not {amount:g}; write 'adjust' to change what is spent")
        return -till.spent, 0
    if amount is None:
        raise ConfigError(f"{change} needs an amount, in {'dollars' if till.resource == 'usd' else till.resource}")
    whole = round(amount * NANO) if till.resource == "usd" else round(amount)
    if change == "adjust":
        return whole, 0
    if whole < 0:
        raise ConfigError(f"a limit must be at least 0, not {amount:g}")
    return 0, whole - till.limit - till.extra
