"""A state folder is read by anything that reads Parquet, also while programs write to it."""

import duckdb
import pandas as pd
import polars as pl
import pytest

from selector import Outcome, Task


@pytest.fixture
def state(folder, open_selector):
    """Leave a folder that is open, with sealed decisions and a snapshot."""
    selector = open_selector()
    for i in range(30):
        decision = selector.select(Task(("coding", "chat")[i % 2], input_tokens=100 + i))
        selector.record(decision, Outcome(output_tokens=50 + i, score=i % 3 / 2, source="tests"))
    selector.flush()
    selector._core.snapshot()
    selector._core.state.seal(current=True)
    selector.select(Task("coding"))
    return folder


def test_duckdb_reads_what_the_readme_says(state, monkeypatch):
    monkeypatch.chdir(state)
    beliefs = duckdb.sql(
        "SELECT model, task_type, n_outcomes, round(success, 2), expected_cost_usd FROM 'posteriors.parquet'"
    ).fetchall()
    assert sum(row[2] for row in beliefs) == 30
    assert {row[:2] for row in beliefs} == {(m, t) for m in ("small", "large") for t in ("coding", "chat")}
    decided = duckdb.sql(
        "SELECT task_type, model, count(*), avg(propensity) FROM 'log/decisions/*.parquet' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert sum(row[2] for row in decided) == 30
    assert all(0 < row[3] <= 1 for row in decided)


def test_pandas_reads_it(state):
    frame = pd.read_parquet(state / "posteriors.parquet")
    assert frame["n_outcomes"].sum() == 30
    assert frame["updated_at"].dt.tz is not None
    outcomes = pd.concat(pd.read_parquet(path) for path in (state / "log/outcomes").iterdir())
    assert sorted(outcomes["kind"].unique()) == ["judgement", "usage"]
    assert outcomes["score"].dropna().between(0, 1).all()


def test_polars_reads_it(state):
    frame = pl.read_parquet(state / "log/decisions/*.parquet")
    assert frame.height == 30
    assert frame["propensity"].is_between(0, 1, closed="right").all()
    assert pl.read_parquet(state / "posteriors.parquet")["n_outcomes"].sum() == 30
