"""Rows and events: what is sealed is read back exactly."""

import math
import struct

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.store import TABLES, columns_of, events_of, table_of
from selector.store._parquet import DamagedError, columns_to_table, from_bytes, table_to_columns, to_bytes

NAMES = sorted({column.name for columns in TABLES.values() for column in columns} - {"kind", "w", "s"})
KINDS = ["decision", "attempt", "usage", "judgement", "explained", "drift", "config"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "kind", "é"]), inner, max_size=3),
    max_leaves=4,
)
STAMPS = {"w": st.just("ann"), "s": st.integers(1, 10**6)}
EVENTS = st.builds(
    lambda stamped, rest: rest | stamped,
    st.fixed_dictionaries({"kind": st.sampled_from(KINDS), **STAMPS}),
    st.dictionaries(st.sampled_from([*NAMES, "extra", "other", "at"]), VALUES, max_size=8),
)


def same(one, other):
    """Tell whether two values are the same to the type and the bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(st.lists(EVENTS, max_size=6))
def test_any_event_comes_back_exactly_from_its_row(events):
    """Law 6: fold(journals) = fold(segments), because the events are the same."""
    events = [orjson.loads(orjson.dumps(event)) for event in events]
    for name, described in TABLES.items():
        mine = [event for event in events if table_of(event) == name]
        table, note = from_bytes(
            to_bytes(columns_to_table(columns_of(name, mine), described), {"n": len(mine)}, compact=True)
        )
        assert note == {"n": len(mine)}
        back = events_of(name, table_to_columns(table))
        assert len(back) == len(mine)
        assert all(map(same, back, mine))
        assert table.num_rows == len(mine)


def test_every_column_says_what_it_holds():
    for name, described in TABLES.items():
        table, _ = from_bytes(to_bytes(columns_to_table(columns_of(name, []), described), {}))
        assert [field.metadata[b"doc"].decode() for field in table.schema] == [column.doc for column in described]
        assert table.column_names[-3:] == ["w", "s", "extra"]


def test_whole_numbers_are_numbers_for_the_analyst_and_whole_for_the_fold():
    columns = columns_of("outcomes", [{"kind": "usage", "at": 5, "cost_usd": 1, "w": "a", "s": 1}])
    assert (columns["cost_usd"], columns["at"], columns["at_step"]) == ([1.0], [5_000_000], [None])
    assert columns["extra"] == ['{"at":5,"cost_usd":1}']


@given(st.floats(-4e9, 4e9))
def test_a_time_of_this_age_is_a_timestamp_for_the_analyst_and_exact_for_the_fold(at):
    """Law 6: to the bit; a time of whole microseconds needs nothing beside its timestamp."""
    for exact in (at, round(at, 6)):
        event = {"kind": "drift", "at": exact, "w": "a", "s": 1}
        columns = columns_of("events", [event])
        assert columns["at"] == [round(exact * 10**6)]
        assert same(events_of("events", columns), [event])
    assert columns["at_step"] == [None]
    assert columns["extra"] == [None] or not columns["at"][0]


@pytest.mark.parametrize("at", [math.pi * 1e300, -1e18, "soon", True, None])
def test_a_time_that_no_calendar_has_is_kept_as_it_is(at):
    event = {"kind": "drift", "at": at, "w": "a", "s": 1}
    columns = columns_of("events", [event])
    assert columns["at"] == [None]
    assert events_of("events", columns) == [event]


def test_any_flipped_bit_of_a_file_is_refused():
    """Law 7: verified checksums raise; here for every byte, with one bit each."""
    events = [{"kind": "usage", "at": i / 3, "cost_usd": i / 7, "w": "ann", "s": i} for i in range(30)]
    whole = to_bytes(columns_to_table(columns_of("outcomes", events), TABLES["outcomes"]), {"n": 30})
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        with pytest.raises(DamagedError):
            from_bytes(bytes(data))


def test_a_file_that_others_read_has_page_checksums_too():
    """Law 7: whoever reads it without this library is warned as well."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    events = [{"kind": "usage", "note": "x" * 20 + str(i), "w": "ann", "s": i} for i in range(300)]
    data = bytearray(to_bytes(columns_to_table(columns_of("outcomes", events), TABLES["outcomes"]), {}))
    pq.read_table(pa.BufferReader(bytes(data)), page_checksum_verification=True)
    chunk = pq.ParquetFile(pa.BufferReader(bytes(data))).metadata.row_group(0).column(len(TABLES["outcomes"]) - 1)
    data[chunk.dictionary_page_offset + 150] ^= 4
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(pa.BufferReader(bytes(data)), page_checksum_verification=True)
