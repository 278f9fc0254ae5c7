"""The clients: the one place where what is executed, stored and learnt meets."""

from selector._clients._async import AsyncSelector
from selector._clients._billed import Cause
from selector._clients._bills import Bill, Bills, check_bills
from selector._clients._conduct import Flow
from selector._clients._core import Core, Randomness
from selector._clients._drive import Stream, drive
from selector._clients._drive_async import AsyncStream
from selector._clients._effects import Call, Called, Effect, Pause, Say
from selector._clients._history import told
from selector._clients._open import configured, open_core, state_path
from selector._clients._price_list import ListedPrices, price_list
from selector._clients._rebuild import Rebuilt, rebuild
from selector._clients._selector import Selector
from selector._clients._status import Status, status_of

__all__ = [
    "AsyncSelector",
    "AsyncStream",
    "Bill",
    "Bills",
    "Call",
    "Called",
    "Cause",
    "Core",
    "Effect",
    "Flow",
    "ListedPrices",
    "Pause",
    "Randomness",
    "Rebuilt",
    "Say",
    "Selector",
    "Status",
    "Stream",
    "check_bills",
    "configured",
    "drive",
    "open_core",
    "price_list",
    "rebuild",
    "state_path",
    "status_of",
    "told",
]
