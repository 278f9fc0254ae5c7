"""What may be spent: money, holds, and the target per request."""

from selector.budgets._ledger import Account, Ledger, MemoryLedger, Purse
from selector.budgets._money import NANO, ceil_nanos, nanos, usd
from selector.budgets._pacing import Horizon, Pacer, PerRequest, Traffic, Window, window_target

__all__ = [
    "NANO",
    "Account",
    "Horizon",
    "Ledger",
    "MemoryLedger",
    "Pacer",
    "PerRequest",
    "Purse",
    "Traffic",
    "Window",
    "ceil_nanos",
    "nanos",
    "usd",
    "window_target",
]
