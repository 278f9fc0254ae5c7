"""The only writer of state: a journal per writer, sealed into Parquet, read by anyone in one order.

`State.open` is the door. An event is a plain mapping with a ``kind``; the room stamps it with its writer ``w`` and
number ``s``, and knows nothing of what it means. What was acknowledged survives the death of any process; what is
damaged is named and kept aside, never silently skipped.
"""

from selector.store._dropped import Position
from selector.store._files import Files
from selector.store._folder import State
from selector.store._forget import FORGETTABLE
from selector.store._frame import Fault, decode, encode
from selector.store._journal import Journal
from selector.store._lease import Hold, Lease
from selector.store._leases import Leases
from selector.store._ledger import Ledger
from selector.store._ledger_rows import Account, LeaseRow
from selector.store._ledger_terms import Entry, Known, Lack, Others, Reclaimed, Taken, Want
from selector.store._limits import Durability, Limits
from selector.store._names import new_writer
from selector.store._snapshots import Snapshot
from selector.store._tables import TABLES, Column, columns_of, events_of, table_of

__all__ = [
    "FORGETTABLE",
    "TABLES",
    "Account",
    "Column",
    "Durability",
    "Entry",
    "Fault",
    "Files",
    "Hold",
    "Journal",
    "Known",
    "Lack",
    "Lease",
    "LeaseRow",
    "Leases",
    "Ledger",
    "Limits",
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
    "events_of",
    "new_writer",
    "table_of",
]
