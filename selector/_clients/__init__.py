"""The clients: the one place where what is executed, stored and learnt meets."""

from selector._clients._async import AsyncSelector
from selector._clients._core import Core
from selector._clients._open import configured, open_core, state_path
from selector._clients._randomness import Randomness
from selector._clients._selector import Selector
from selector._clients.bills._billed import Cause
from selector._clients.bills._bills import Bill, Bills, check_bills
from selector._clients.bills._price_list import ListedPrices, price_list
from selector._clients.calls._conduct import Flow
from selector._clients.calls._drive import Stream, drive
from selector._clients.calls._drive_async import AsyncStream
from selector._clients.calls._effects import Call, Called, Effect, Pause, Say
from selector._clients.learning._rebuild import Rebuilt, rebuild
from selector._clients.learning._relearn import Forgotten, TakenOver, import_beliefs, reset_beliefs
from selector._clients.money._by_hand import Change, change_budget
from selector._clients.openai_client import (
    AsyncClient,
    AsyncCompletionStream,
    ChatCompletion,
    ChatCompletionChunk,
    Client,
    CompletionStream,
    create_async_client,
    create_client,
)
from selector._clients.sessions._session import AsyncSession, Session
from selector._clients.telling._history import told
from selector._clients.telling._status import Status, status_of
from selector._clients.telling._summary import summarised

__all__ = [
    "AsyncClient",
    "AsyncCompletionStream",
    "AsyncSelector",
    "AsyncSession",
    "AsyncStream",
    "Bill",
    "Bills",
    "Call",
    "Called",
    "Cause",
    "Change",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Client",
    "CompletionStream",
    "Core",
    "Effect",
    "Flow",
    "Forgotten",
    "ListedPrices",
    "Pause",
    "Randomness",
    "Rebuilt",
    "Say",
    "Selector",
    "Session",
    "Status",
    "Stream",
    "TakenOver",
    "change_budget",
    "check_bills",
    "configured",
    "create_async_client",
    "create_client",
    "drive",
    "import_beliefs",
    "open_core",
    "price_list",
    "rebuild",
    "reset_beliefs",
    "state_path",
    "status_of",
    "summarised",
    "told",
]
