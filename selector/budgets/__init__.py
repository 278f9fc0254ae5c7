"""What may be spent: money, holds, and the target per request."""

from selector.budgets._holds import worst_case_nano
from selector.budgets._ledger import Account, Ledger, MemoryLedger, Purse
from selector.budgets._meters import Meter, Meters
from selector.budgets._money import NANO, ceil_nanos, nanos, usd
from selector.budgets._pace import Pace
from selector.budgets._pacing import Horizon, InFlight, Pacer, PerRequest, Traffic, Window, capped_target, window_target
from selector.budgets._till import Till
from selector.budgets._windows import Calendar, RollingWindow, calendar_window, window_phase

__all__ = [
    "NANO",
    "Account",
    "Calendar",
    "Horizon",
    "InFlight",
    "Ledger",
    "MemoryLedger",
    "Meter",
    "Meters",
    "Pace",
    "Pacer",
    "PerRequest",
    "Purse",
    "RollingWindow",
    "Till",
    "Traffic",
    "Window",
    "calendar_window",
    "capped_target",
    "ceil_nanos",
    "nanos",
    "usd",
    "window_phase",
    "window_target",
    "worst_case_nano",
]
