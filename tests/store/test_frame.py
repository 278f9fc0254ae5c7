"""Lines and what can be read of damaged files."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.store import decode, encode

EVENTS = [{"kind": "audit", "s": i, "text": text} for i, text in enumerate(["", "JJ**", 'a "quoted" line\n', "é", "z"])]
WHOLE = b"".join(encode(event) for event in EVENTS)
ENDS = [sum(len(encode(e)) for e in EVENTS[: i + 1]) for i in range(len(EVENTS))]


def test_a_line_is_checksum_length_json_newline():
    assert re.fullmatch(rb'[0-9a-f]{8} 16 \{"kind":"audit"\}\n', encode({"kind": "audit"}))


def test_what_was_written_is_read():
    assert decode(WHOLE) == (EVENTS, [])
    assert decode(b"") == ([], [])


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_a_file_cut_at_any_byte_gives_its_whole_lines_and_names_the_torn_one(size):
    """Law 7: truncate at every byte."""
    events, faults = decode(WHOLE[:size])
    n_whole = sum(end <= size for end in ENDS)
    assert events == EVENTS[:n_whole]
    if size in {0, *ENDS}:
        assert faults == []
    else:
        (fault,) = faults
        assert (fault.kind, fault.n_lost) == ("torn", 0)
        assert (fault.offset, fault.offset + fault.size) == ([0, *ENDS][n_whole], size)


def test_any_flipped_bit_costs_at_most_its_own_line_and_is_named():
    """Law 7: flip every bit: no exception, no wrong event, every loss counted and named, neighbours survive."""
    for bit in range(len(WHOLE) * 8):
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        events, faults = decode(bytes(data))
        line = sum(end <= bit // 8 for end in ENDS)
        assert [e for e in events if e not in EVENTS] == [], bit
        assert [e for i, e in enumerate(EVENTS) if i != line and e not in events] == [], bit
        assert faults, bit
        assert sum(fault.n_lost for fault in faults) == len(EVENTS) - len(events), bit
        assert all(fault.offset <= bit // 8 < fault.offset + fault.size for fault in faults), bit


def test_a_destroyed_newline_loses_nothing_and_is_named():
    """Law 7: the length field gives both neighbours back."""
    for end in ENDS:
        data = bytearray(WHOLE)
        data[end - 1] ^= 0x20
        events, (fault,) = decode(bytes(data))
        assert events == EVENTS
        assert (fault.kind, fault.n_lost, fault.offset) == ("broken", 0, end - 1)


def test_damage_that_spans_lines_costs_no_neighbour():
    """Law 7: two lines run into each other, and both are damaged."""
    data = bytearray(WHOLE)
    data[ENDS[0] - 3 : ENDS[0] + 3] = b"\xff" * 6
    events, faults = decode(bytes(data))
    assert events == EVENTS[2:]
    assert [fault.kind for fault in faults] == ["broken"]
    assert faults[0].size == ENDS[1]


def test_a_line_within_a_text_is_never_taken_for_a_line():
    """Law 7: no wrong event, whatever a broken line holds."""
    inner = encode({"kind": "forged"}).decode()
    data = bytearray(encode({"kind": "audit", "text": inner}) + encode({"kind": "last"}))
    data[0] ^= 1
    events, faults = decode(bytes(data))
    assert events == [{"kind": "last"}]
    assert [fault.n_lost for fault in faults] == [1]


@given(st.binary(max_size=200))
def test_noise_is_never_an_event_and_never_an_error(noise):
    events, faults = decode(noise)
    assert events == []
    assert bool(faults) == bool(noise)


@given(st.lists(st.integers(0, 4)), st.binary(max_size=30), st.integers(0, 5))
def test_noise_between_lines_costs_no_line(order, noise, place):
    """Law 7: neighbours survive, whatever stands between them."""
    lines = [encode(EVENTS[i]) for i in order]
    data = b"".join(lines[:place]) + noise + b"\n" + b"".join(lines[place:])
    events, _ = decode(data)
    assert events == [EVENTS[i] for i in order]
