"""Snapshots of the fold: whole or the one before, with what else belongs to them."""

import pytest

from selector.errors import SchemaVersionError, StateError
from selector.store import Files


@pytest.fixture
def table():
    import pyarrow as pa

    return pa.table({"n": [1]})


def test_a_snapshot_gives_back_what_else_was_written_with_it(open_state, table):
    state = open_state()
    extra = {"rows": [[1, 2.5, None]], "é": {"deep": True}}
    assert state.write_snapshot("posteriors", table, {"ann": (1, 2)}, extra=extra)
    found = state.read_snapshot("posteriors")
    assert (found.extra, found.folded, found.table) == (extra, {"ann": (1, 2)}, table)
    assert state.write_snapshot("posteriors", table, {})
    assert state.read_snapshot("posteriors").extra == {}


def test_what_is_not_json_is_refused_and_the_snapshot_before_stays(open_state, table):
    state = open_state()
    state.write_snapshot("posteriors", table, {}, extra={"n": 1})
    with pytest.raises(StateError, match="extra of the snapshot 'posteriors' is not JSON"):
        state.write_snapshot("posteriors", table, {}, extra={"n": object()})
    assert state.read_snapshot("posteriors").extra == {"n": 1}


def test_a_snapshot_comes_back_with_what_is_folded_and_falls_back_when_damaged(open_state):
    import pyarrow as pa

    state = open_state()
    assert state.read_snapshot("posteriors") is None
    tables = [pa.table({"model": ["opus"], "n": [float(i)]}) for i in range(3)]
    for i, table in enumerate(tables):
        assert state.write_snapshot("posteriors", table, {"ann": (1, i)}, fold_version=4)
    found = state.read_snapshot("posteriors", fold_version=4)
    assert (found.table, found.folded, found.fold_version) == (tables[2], {"ann": (1, 2)}, 4)
    assert state.read_snapshot("posteriors", fold_version=5) is None
    with pytest.raises(SchemaVersionError, match=r"version 4.*version 3"):
        state.read_snapshot("posteriors", fold_version=3)
    path = state.path / "posteriors.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    found = state.read_snapshot("posteriors", fold_version=4)
    assert (found.table, found.folded) == (tables[1], {"ann": (1, 1)})
    assert [fault.file for fault in state.faults] == ["posteriors.parquet"]
    assert state.write_snapshot("posteriors", tables[0], {}, fold_version=4)
    assert state.path.joinpath("posteriors.parquet.prev").read_bytes() != b""
    for each in (path, path.with_name("posteriors.parquet.prev")):
        each.write_bytes(b"")
    assert state.read_snapshot("posteriors", fold_version=4) is None
    with pytest.raises(StateError, match="small letters"):
        state.write_snapshot("../x", tables[0], {})


def test_a_crash_at_any_step_leaves_a_whole_snapshot(open_state, crashing):
    """Law 10, for snapshots: the new one or the one before, never none."""
    import pyarrow as pa

    old, new = pa.table({"n": [1]}), pa.table({"n": [2]})
    state = open_state()
    state.append({"kind": "audit"})
    assert state.write_snapshot("posteriors", old, {})
    state.write_snapshot("posteriors", old, {})
    seen, k, done = set(), 0, False
    while not done:
        files = state._snapshots._files = crashing(at=k)
        try:
            state.write_snapshot("posteriors", new, {})
            done = files.n <= k
        except BaseException as error:
            if type(error).__name__ != "CrashError":
                raise
        state._snapshots._files = Files()
        seen.add(state.read_snapshot("posteriors").table["n"][0].as_py())
        state.write_snapshot("posteriors", old, {})
        k += 1
    assert seen == {1, 2}
    assert k > 8
