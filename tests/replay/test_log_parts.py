"""A sealed log is read as tables: what is in them is what its events say, one by one."""

import math
import shutil

import numpy as np
import pytest

from selector.config import OutcomesConfig
from selector.errors import DataError
from selector.replay import load, notes_of
from selector.replay.logs import _state, _unwritten
from selector.replay.logs._state import Wish, table_of_events, table_of_parts
from selector.store import Fields, Limits, State, columns_of, events_of

pa = pytest.importorskip("pyarrow")

MODELS = ("small", "large", "curly{brace}")
ALL = Wish(-math.inf, math.inf, None, OutcomesConfig().rank)
DECISION = {"kind": "decision", "id": "d", "n": 0, "at": 1.5, "task_type": "a", "model": "small", "route": "small"}


def opened(folder, **given):
    return State.open(folder, clock=lambda: 1.0, **given)


def both(folder, wish=ALL):
    """Read a log both ways, and compare all that is said of it."""
    with opened(folder, read_only=True) as one, opened(folder, read_only=True) as other:
        by_event, seen = table_of_events(one.events(), wish)
        by_part, also_seen = table_of_parts(other.parts(), wish)
        assert (one.faults, one.positions, seen) == (other.faults, other.positions, also_seen)
    assert by_part.equals(by_event, check_metadata=True)
    return by_part


class Teller:
    """Says all that may stand in a log, in strange orders and in types that its columns cannot hold."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)
        self._n = 0

    def _any(self, *choices):
        return choices[self._rng.integers(len(choices))]

    def _some(self, **fields):
        return {name: value for name, value in fields.items() if self._rng.random() < 0.5}

    def _at(self):
        at = 1.7e9 + self._rng.random() * 100
        return self._any(at, round(at, 6), round(at), int(at), 0.0, at)

    def decision(self):
        rng, self._n = self._rng, self._n + 1
        found = {"kind": "decision", "id": f"d{self._any(self._n, rng.integers(self._n))}", "at": self._at()}
        found |= {"task_type": self._any("a", "b", 7), "model": self._any(*MODELS), "route": self._any(*MODELS)}
        found |= {"deal": f"d{rng.integers(1, 9)}", "reason": self._any("policy", "policy", "session", "rule")}
        return found | self._some(
            n=self._any(self._n, 3.0, None),
            propensity=self._any(rng.random(), 1, 1.0, None),
            expected_cost_usd=self._any(rng.random(), 0),
            shadow_price=rng.random(),
            input_tokens=self._any(9, 12.0, None),
            policy=self._any("thompson", 5),
            labels=["x", self._any("y", "z")],
            metadata={"user": self._any("ada", "{"), "n": int(rng.integers(3))},
            task_id=self._any("t", 8),
            exclusions=[self._any(*MODELS)],
            costs=[0.5, 1, 0.25],
            redrawn=bool(rng.integers(2)),
            experiment="trial",
            share=self._any(0.5, 1),
            priority=2,
            candidates=[{"model": "small"}],
        )

    def report(self):
        rng = self._rng
        found = {
            "decision_id": f"d{rng.integers(1, self._n + 4)}",
            "at": self._at(),
            "attempt": int(rng.integers(1, 3)),
        }
        found |= self._some(attempt=self._any(1, 1, 1.0))
        if rng.random() < 0.4:
            of = {"n": 1, "at": self._at(), "task_type": "a", "model": self._any(*MODELS), "route": "small"}
            found["of"] = of | self._some(input_tokens=4, guessed=True)
        kind = self._any("usage", "usage", "judgement", "judgement", "attempt")
        if kind == "usage":
            cost = self._any(rng.random(), 0, 2)
            more = self._some(output_tokens=self._any(5, 6.0), cost_usd=cost, nano=7, latency_s=1, known=3)
        elif kind == "judgement":
            more = {"source": self._any("tests", "human", "judge:m"), "score": self._any(1, 0.25, 0, None)}
            more |= self._some(retracted=True)
        else:
            more = {"model": self._any(*MODELS), "failure": self._any(None, "timeout", "invalid_answer"), "made": True}
            more |= self._some(waited_s=2, propensity=0.5, selected_by="chain", status=500)
        return {"kind": kind, **found, **more}

    def deal(self):
        names = [*MODELS][: self._any(3, 3, 2)]
        found = {"kind": "explained", "decision_id": f"d{self._rng.integers(1, 9)}", "at": 1.0, "models": names}
        found |= {name: self._rng.random(len(names)).tolist() for name in ("alpha", "beta", "probability", "input_usd")}
        return found | {"answer_usd": [self._any(None, 1, 0.5) for _ in names], "usual_input": self._any(0, 3.5)}

    def event(self):
        late = {"kind": "explained", "decision_id": f"d{self._n}", "propensity": self._any(0.5, None, 1)}
        other = self._any({"kind": "drift", "model": "small"}, late, self.deal())
        return self._any(self.decision, self.report, self.report, self.report, lambda: other)()


@pytest.mark.parametrize("seed", range(5))
def test_tables_say_what_events_say(tmp_path, monkeypatch, seed):
    """Three writers, some parts of whom are sealed; whole, in a range, and of one type; to the last bit."""
    monkeypatch.setattr(_unwritten, "_FEW", 8)
    teller, rng, folder = Teller(seed), np.random.default_rng(seed), tmp_path / "s"
    writers = [opened(folder, limits=Limits(n_bytes=6_000)) for _ in range(3)]
    for _ in range(240):
        writers[rng.integers(3)].append(teller.event())
    for writer in writers[: seed % 3 + 1]:
        writer.seal(current=True)
    table = both(folder)
    assert len(table) > 20
    some = both(folder, Wish(1.7e9 + 20, 1.7e9 + 70, None, ALL.rank))
    assert 0 < len(some) < len(table)
    assert len(both(folder, Wish(-math.inf, math.inf, ["7", "b"], ALL.rank))) < len(table)
    for writer in writers:
        writer.close()


def test_parts_that_follow_each_other_are_taken_in_together(tmp_path, monkeypatch):
    """Those of one writer with the same tables, up to some rows; a journal stays by itself."""
    monkeypatch.setattr(_state, "_ROWS", 12)
    with opened(tmp_path / "s") as one, opened(tmp_path / "s") as other:
        for i in range(9):
            for writer in (one, other):
                writer.append_all([{**DECISION, "id": f"{writer is one}{i}{k}", "model": f"m{i}"} for k in range(5)])
                assert i == 8 or writer.seal(current=True) > 0
    with opened(tmp_path / "s", read_only=True) as state:
        taken = [*_state._gathered(state.parts())]
    sizes = [len(part.tables["decisions"]) if part.tables else -len(part.events) for part in taken]
    assert sizes == 2 * [15, 15, 10, -5]
    assert len({part.writer for part in taken[:4]}) == len({part.writer for part in taken[4:]}) == 1
    assert len(both(tmp_path / "s")) == 90


def test_sealing_changes_nothing_of_what_is_read(tmp_path):
    teller = Teller(99)
    with opened(tmp_path / "s") as state:
        for _ in range(200):
            state.append(teller.event())
        state.flush()
        shutil.copytree(tmp_path / "s", tmp_path / "before")
        before = both(tmp_path / "before")
        assert state.seal(current=True) > 0
        assert [*(tmp_path / "s" / "journal").glob("*.jnl")] == []
        assert both(tmp_path / "s").equals(before, check_metadata=True)


@pytest.mark.parametrize("table", ["decisions", "outcomes", "attempts"])
def test_a_damaged_file_costs_its_rows_alone_and_is_named(tmp_path, table):
    teller, folder = Teller(7), tmp_path / "s"
    with opened(folder, limits=Limits(n_bytes=6_000)) as state:
        for _ in range(200):
            state.append(teller.event())
        state.seal(current=True)
    path = sorted((folder / "log" / table).glob("*.parquet"))[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    both(folder)
    (fault,) = notes_of(load(folder)).faults
    assert f"{table}/{path.name}" in fault


def test_a_part_may_be_longer_than_a_block(tmp_path):
    with opened(tmp_path / "s", limits=Limits(n_bytes=2**26)) as state:
        state.append_all([DECISION | {"id": f"d{i}", "n": i} for i in range(9_000)])
        state.append_all([{"kind": "usage", "decision_id": f"d{i}", "nano": i} for i in range(9_000)])
        assert state.seal(current=True) == 1
    assert both(tmp_path / "s")["cost_usd"][8_999].as_py() == 8_999 / 1e9


@pytest.mark.parametrize("sealed", [False, True])
def test_what_a_report_says_of_a_decision_counts_only_where_its_line_is_missing(tmp_path, sealed):
    of = {"n": 5, "at": 9.0, "task_type": "z", "model": "large", "route": "large"}
    with opened(tmp_path / "s") as state:
        state.append(DECISION)
        state.append({"kind": "usage", "decision_id": "d", "nano": 5, "of": of})
        state.append({"kind": "usage", "decision_id": "gone", "nano": 5})
        if sealed:
            state.seal(current=True)
    table = both(tmp_path / "s")
    assert (table["model"].to_pylist(), notes_of(table).n_orphans) == (["small"], 1)
    with pytest.raises(DataError, match="none of its 1 decisions is wanted"):
        load(tmp_path / "s", since=8.0)


@pytest.mark.parametrize("sealed", [False, True])
def test_of_several_reports_the_first_says_what_an_unwritten_decision_was(tmp_path, sealed):
    """By number, also where they are of different kinds, which lie in different files."""
    of = {"n": 5, "at": 9.0, "task_type": "z", "model": "large", "route": "large"}
    with opened(tmp_path / "s") as state:
        state.append({"kind": "attempt", "decision_id": "d", "of": of | {"route": "large@one"}})
        state.append({"kind": "usage", "decision_id": "d", "nano": 5, "of": of | {"route": "large@two"}})
        state.append({"kind": "usage", "decision_id": "e", "nano": 5, "of": of | {"route": "large@three"}})
        state.append({"kind": "attempt", "decision_id": "e", "of": of | {"route": "large@four"}})
        if sealed:
            state.seal(current=True)
    routes = {row["id"]: row["route"] for row in both(tmp_path / "s").to_pylist()}
    assert routes == {"d": "large@one", "e": "large@three"}


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("name", ["at", "task_type", "model"])
def test_a_decision_that_lacks_what_every_one_has_is_named(tmp_path, name, sealed):
    with opened(tmp_path / "s") as state:
        state.append({key: value for key, value in DECISION.items() if key != name})
        if sealed:
            state.seal(current=True)
    with pytest.raises(DataError, match=f"decision 'd' has no '{name}'.*load_foreign"):
        load(tmp_path / "s")


@pytest.mark.parametrize("sealed", [False, True])
def test_a_table_of_models_with_a_value_too_few_is_named(tmp_path, sealed):
    values = {key: [1.0, 1.0] for key in ("alpha", "beta", "probability", "answer_usd")}
    with opened(tmp_path / "s") as state:
        state.append(DECISION)
        deal = {"kind": "explained", "decision_id": "d", "models": ["small", "large"], **values, "input_usd": [1.0]}
        state.append(deal)
        if sealed:
            state.seal(current=True)
    with pytest.raises(DataError, match="at decision 'd' has 1 values of 'input_usd' for 2 models"):
        load(tmp_path / "s")


def test_only_what_comes_after_a_position_is_read(tmp_path):
    with opened(tmp_path / "s", limits=Limits(n_bytes=2_000)) as state:
        for i in range(60):
            state.append(DECISION | {"id": f"d{i}"})
        after = dict(state.positions)
        for i in range(60, 90):
            state.append(DECISION | {"id": f"d{i}"})
        state.seal(current=True)
        ids = [id_ for part in state.parts(after) for id_ in part.tables["decisions"]["id"].to_pylist()]
        assert ids == [event["id"] for event in state.events(after)] == [f"d{i}" for i in range(60, 90)]


def test_a_moment_is_read_as_it_was_written_to_the_last_bit():
    """Of 2,000 moments: with and without fractions of a microsecond, before 1970, and after the year 2255."""
    rng = np.random.default_rng(3)
    moments = [float(x) for scale in (1.0, 1e3, 1.7e9, 2e10) for x in rng.normal(scale, scale, 250)]
    moments += [round(each, 6) for each in moments]
    columns = columns_of("decisions", [{"kind": "decision", "at": at, "s": s} for s, at in enumerate(moments)])
    read = [event["at"] for event in events_of("decisions", columns)]
    given = {name: pa.array(columns[name]) for name in ("at_step", "s")} | {
        "extra": pa.array(columns["extra"], pa.string())
    }
    table = pa.table({"at": pa.array(columns["at"], pa.timestamp("us", tz="UTC")), **given})
    assert Fields(table).in_extra("at") is None
    assert Fields(table).column("at").to_pylist() == read == moments
