"""Who is told of budgets: the log at once, and a program's own function from a thread that may wait."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from selector.records import BudgetWarning

__all__ = ["Herald"]

_logger = logging.getLogger("selector")
_MOST = 1_000  # that wait; of more the oldest are dropped, which the log has


class Herald:
    """Logs warnings, and keeps them for a function that is called outside of every lock.

    Parameters
    ----------
    listener
        Is called with each; None: nobody listens.
    """

    def __init__(self, listener: Callable[[BudgetWarning], object] | None) -> None:
        self._listener = listener
        self._waiting: deque[BudgetWarning] = deque(maxlen=_MOST)

    def __call__(self, warning: BudgetWarning) -> None:
        """Log a warning, and keep it for the listener."""
        _logger.warning("%s", warning)
        if self._listener is not None:
            self._waiting.append(warning)

    def tell(self) -> None:
        """Call the listener with what waits; what it raises is logged, and stops nothing."""
        while self._waiting and self._listener is not None:
            warning = self._waiting.popleft()
            try:
                self._listener(warning)
            except Exception:  # the program's own function: whatever it raises must not end the thread that writes
                _logger.exception("on_warning raised at %s", warning)
