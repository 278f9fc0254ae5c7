"""A demonstration's state folder: realistic, the same for the same seed, and a log like any other."""

import time
from itertools import count

import numpy as np
import pytest

from selector import Selector
from selector.errors import DataError
from selector.replay import load
from selector.testing import HandClock, demo_state


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "state"
    return demo_state(folder, n_tasks=300, days=20, seed=3)


def test_the_log_holds_what_it_says(left):
    table = load(left.path)
    assert left.n_tasks == 300
    assert len(table) == 300 - left.n_refused
    assert 0 < sum(table["is_judged"].to_pylist()) <= left.n_judged
    assert (table["n_attempts"].to_numpy() > 1).sum() == left.n_fallbacks > 0
    assert 17 < np.ptp(table["at"].cast("int64").to_numpy()) / 8.64e10 <= 20


def test_judgements_come_late_and_from_several_sources(left):
    table = load(left.path)
    table = table.filter(table["is_judged"])
    assert set(table["judged_by"].cast("string").unique().to_pylist()) == {"tests", "human", "judge:gpt-5.4"}
    judged, made = (table[name].cast("int64").to_numpy() for name in ("judged_at", "at"))
    late = (judged - made) / 3.6e9
    assert late.min() > 0
    assert late.max() > 10  # hours


def test_the_same_seed_leaves_the_same_log_but_for_its_ids(left, tmp_path):
    again = demo_state(tmp_path / "state", n_tasks=300, days=20, seed=3)
    assert load(again.path).drop_columns("id").equals(load(left.path).drop_columns("id"))
    assert again.n_refused == left.n_refused


@pytest.mark.parametrize("passes", [lambda: 0.0, count().__next__], ids=["stands still", "leaps"])
def test_how_long_it_takes_in_real_time_changes_nothing(left, passes, tmp_path, monkeypatch):
    """What is leased of the hard budget would otherwise be asked for again after some milliseconds."""
    monkeypatch.setattr(time, "monotonic", passes)
    again = demo_state(tmp_path / "state", n_tasks=300, days=20, seed=3)
    monkeypatch.undo()
    assert load(again.path).drop_columns("id").equals(load(left.path).drop_columns("id"))


def test_another_seed_leaves_another_log(left, tmp_path):
    other = demo_state(tmp_path / "state", n_tasks=300, days=20, seed=4)
    assert load(other.path)["model"].to_pylist() != load(left.path)["model"].to_pylist()


def test_its_configuration_opens_it(left):
    with Selector.open(left.path / "selector.yaml", clock=HandClock(1.8e9)) as selector:
        assert selector.status().n_decisions == 300 - left.n_refused


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="is not empty; name a new folder"):
        demo_state(tmp_path)


@pytest.mark.parametrize("wrong", [{"n_tasks": 0}, {"days": 0.0}])
def test_numbers_that_cannot_be_are_refused(wrong, tmp_path):
    with pytest.raises(DataError, match="at least one task and some time"):
        demo_state(tmp_path / "state", **wrong)
