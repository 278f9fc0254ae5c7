"""The only writer of state: a journal per writer, sealed into Parquet, read by anyone in one order.

`State.open` is the door. An event is a plain mapping with a ``kind``; the room stamps it with its writer ``w`` and
number ``s``, and knows nothing of what it means. What was acknowledged survives the death of any process; what is
damaged is named and kept aside, never silently skipped.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from selector.store._dropped import Position
from selector.store._fields import Fields, events_in
from selector.store._files import Files
from selector.store._folder import State
from selector.store._forget import FORGETTABLE
from selector.store._frame import Fault, decode, encode
from selector.store._journal import Journal
from selector.store._learnt import (
    Evaluated,
    LearntFile,
    LearntPriors,
    forget_evaluations,
    learn_evaluations,
    learnt_files,
    learnt_priors,
)
from selector.store._limits import Durability, Limits
from selector.store._names import new_writer
from selector.store._reader import LogPart
from selector.store._snapshots import Snapshot
from selector.store._tables import TABLES, Column, columns_of, events_of, table_of

if TYPE_CHECKING:
    from selector.store._lease import Hold, Lease
    from selector.store._leases import Leases
    from selector.store._ledger import Ledger
    from selector.store._ledger_rows import Account, LeaseRow
    from selector.store._ledger_terms import Entry, Known, Lack, Others, Reclaimed, Taken, Want

_LEDGERS = {  # SQLite is loaded where there is a hard budget
    **dict.fromkeys(("Hold", "Lease"), "_lease"),
    "Leases": "_leases",
    "Ledger": "_ledger",
    **dict.fromkeys(("Account", "LeaseRow"), "_ledger_rows"),
    **dict.fromkeys(("Entry", "Known", "Lack", "Others", "Reclaimed", "Taken", "Want"), "_ledger_terms"),
}

__all__ = [
    "FORGETTABLE",
    "TABLES",
    "Account",
    "Column",
    "Durability",
    "Entry",
    "Evaluated",
    "Fault",
    "Fields",
    "Files",
    "Hold",
    "Journal",
    "Known",
    "Lack",
    "LearntFile",
    "LearntPriors",
    "Lease",
    "LeaseRow",
    "Leases",
    "Ledger",
    "Limits",
    "LogPart",
    "Others",
    "Position",
    "Reclaimed",
    "Snapshot",
    "State",
    "Taken",
    "Want",
    "columns_of",
    "decode",
    "encode",
    "events_in",
    "events_of",
    "forget_evaluations",
    "learn_evaluations",
    "learnt_files",
    "learnt_priors",
    "new_writer",
    "table_of",
]


def __getattr__(name: str) -> object:
    if name not in _LEDGERS:
        raise AttributeError(f"module 'selector.store' has no attribute {name!r}")
    found: object = getattr(import_module(f"selector.store.{_LEDGERS[name]}"), name)
    globals()[name] = found
    return found
