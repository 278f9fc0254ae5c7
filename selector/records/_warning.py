"""What is told of a budget while work goes on."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BudgetWarning"]


class BudgetWarning(NamedTuple):
    """A share of a budget is spent, or a call took more of it than was held.

    Examples
    --------
    >>> print(BudgetWarning("day", "usd", 0.8, 0.85, 1.0))
    budget 'day': 85% is spent (80% was to be told)
    """

    budget: str
    """Its name, or its account's, as in ``user/ada``."""
    resource: str
    """What it limits: ``usd``, ``tokens``, ``requests``."""
    share: float | None
    """Which of its ``warn_at`` was reached; None: a call took more than was held for it."""
    spent: float
    """In the window, in dollars, tokens or requests; of a call that took more, what it took."""
    limit: float
    """Likewise; of a call that took more, what was held."""

    @property
    def _unit(self) -> str:
        return "USD" if self.resource == "usd" else self.resource

    def __str__(self) -> str:
        if self.share is None:
            took = f"a call took {self.spent:,.9g} {self._unit} of the budget {self.budget!r}"
            return f"overrun: {took}, and {self.limit:,.9g} was held for it"
        done = self.spent / self.limit
        return f"budget {self.budget!r}: {done:.0%} is spent ({self.share:.0%} was to be told)"
