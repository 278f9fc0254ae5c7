"""A log loaded without what was published of every model: that is worked out for the decisions that are asked for."""

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.errors import DataError
from selector.replay import LOG_FIELDS, load, load_lean, models_of, notes_of
from selector.replay.logs._pack import Deals
from selector.store import State

pytest.importorskip("pyarrow")

MODELS = ("small", "large")
FREE = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}
PER_MODEL = {"means", "strengths", "probabilities", "probabilities_exact", "expected_costs_usd"}
LISTS = ("alpha", "beta", "probability", "answer_usd", "input_usd")


@pytest.fixture
def folder(tmp_path):
    """Decide forty times, on two types and at all lengths; some tasks may not have every model."""
    rules = [{"name": "docs", "condition": "task_type == 'docs'", "forbid": ["large"]}]
    config = {"models": dict.fromkeys((*MODELS, "other"), FREE), "rules": rules}
    with Selector.open(config, state=tmp_path / "state", seed=1) as selector:
        for i in range(40):
            one = selector.select(Task(("code", "docs")[i % 2], input_tokens=100 * i if i % 3 else None))
            if i % 4:
                selector.record(one, Outcome(score=i % 5 / 4, output_tokens=9, source="tests"))
    return tmp_path / "state"


def test_it_is_the_whole_log_without_the_fields_per_model(folder):
    log, whole = load_lean(folder), load(folder)
    assert log.table.column_names == [field.name for field in LOG_FIELDS if field.name not in PER_MODEL]
    assert log.table.equals(whole.drop_columns([*PER_MODEL]), check_metadata=False)
    assert (models_of(log.table), notes_of(log.table)) == (models_of(whole), notes_of(whole))
    assert log.whole().equals(whole)


@pytest.mark.parametrize("rows", [[7, 3, 3, 39], [], [*range(40)]])
def test_decisions_that_are_taken_have_every_field(folder, rows):
    rows = np.array(rows, np.intp)
    log, whole = load_lean(folder), load(folder)
    assert log.take(rows).to_pylist() == whole.take(rows).to_pylist()
    assert log.take(rows).schema.equals(whole.schema)
    assert log.published.columns(rows)["means"].to_pylist() == whole["means"].take(rows).to_pylist()


def test_it_takes_the_same_wishes_and_says_the_same_where_nothing_is_left(folder):
    middle = load(folder)["at"][20].as_py()
    assert load_lean(folder, since=middle, source="human").whole().equals(load(folder, since=middle, source="human"))
    with pytest.raises(DataError, match="none of its 40 decisions is wanted"):
        load_lean(folder, until=1.0)
    with pytest.raises(DataError, match="is not before until"):
        load_lean(folder, since=2.0, until=1.0)


def told(name, models=MODELS, **other):
    """Tell what was on the table at a decision."""
    values = {each: [0.1 + k + place for k in range(len(models))] for place, each in enumerate(LISTS)}
    return {"kind": "explained", "decision_id": name, "at": 1.0, "models": [*models], **values, **other}


ODD = {
    "as usual": ([told("d1"), told("d2", usual_input=7.5)], True),
    "whole numbers": ([told("d1", alpha=[1, 2], usual_input=3), told("d2")], True),
    "a number that is not known": ([told("d1", answer_usd=[None, 1.0]), told("d2", usual_input=None)], True),
    "other models": ([told("d1"), told("d2", ("large", "other", "small")), told("d3", ())], True),
    "a propensity that came later": ([told("d1", propensity=0.25), told("d2", propensity=None)], True),
    "told twice": ([told("d1"), told("d1", alpha=[9.0, 9.0]), told("d2")], False),
    "a propensity alone": ([told("d1"), {"kind": "explained", "decision_id": "d2", "propensity": 0.5}], False),
    "models that are numbers": ([told("d1", models=(1, 2)), told("d2")], False),
    "a name that is a number": ([told(1), told("d2")], False),
}


@pytest.mark.parametrize(("events", "at_once"), ODD.values(), ids=ODD)
def test_what_was_on_the_table_is_read_from_a_sealed_log_as_event_by_event(tmp_path, monkeypatch, events, at_once):
    """Where columns can say it, it is read at once; where they cannot, one by one."""
    taken = []
    plain = Deals.add_all
    monkeypatch.setattr(Deals, "add_all", lambda self, *a: taken.append(plain(self, *a)) or taken[-1])
    found = []
    for seals in (False, True):
        with State.open(tmp_path / str(seals), clock=lambda: 1.0) as state:
            for i, name in enumerate(("d1", "d2", "d3")):
                line = {"kind": "decision", "id": name, "n": i, "at": 1.0 + i, "task_type": "a", "model": "small"}
                state.append({**line, "route": "small", "reason": "policy", "propensity": None, "deal": name})
            for event in events:
                state.append(event)
            if seals:
                state.seal(current=True)
        found.append(load(tmp_path / str(seals)).to_pylist())
    assert found[0] == found[1]
    assert any(taken) == at_once


def test_a_line_that_stands_twice_counts_once_and_the_first_one_does(tmp_path):
    """Also where lines are not by time, and reports come of decisions that are not there."""
    with State.open(tmp_path, clock=lambda: 1.0) as state:
        for id_, at, model in (("b", 5.0, "small"), ("a", 2.0, "large"), ("b", 1.0, "large"), ("c", 3.0, "small")):
            state.append({"kind": "decision", "id": id_, "n": 0, "at": at, "task_type": "x", "model": model})
        for k, id_ in enumerate(("c", "gone", "a", "b", "gone")):
            base = {"kind": "judgement", "decision_id": id_, "attempt": 1, "at": 9.0}
            state.append({**base, "score": k / 8, "source": "tests"})
        state.seal(current=True)
    table = load(tmp_path)
    found = [(row["id"], row["model"], row["score"]) for row in table.to_pylist()]
    assert found == [("a", "large", 2 / 8), ("c", "small", 0.0), ("b", "small", 3 / 8)]
    assert notes_of(table).n_orphans == 2
