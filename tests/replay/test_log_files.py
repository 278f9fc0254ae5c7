"""Tables of decisions in files: back as they were, whole or not at all, several together, read by others."""

import builtins
from pathlib import Path

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.errors import DataError, SchemaVersionError, StateError
from selector.replay import LOG_FIELDS, load, models_of, notes_of, save_log
from selector.replay.logs._save import FORMATS

FREE = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}


def served(folder, types=("a", "b"), models=("x", "y"), n=24):
    """Let a selector serve some tasks, with judgements by two sources and a chain; seal what it wrote."""
    config = {"models": dict.fromkeys(models, FREE), "state": {"path": str(folder)}}
    with Selector.open(config, seed=len(types)) as selector:
        for i in range(n):
            task = Task(types[i % len(types)], labels=["l", 'q"'], metadata={"user": "ada, b"}, id=f"t{i}")
            one = selector.select(task)
            if i % 4 == 1:
                selector.record(one, Outcome(error="invalid_answer", cost_usd=0.125, score=0, source="check"))
                selector.record(one, Outcome(route=models[0], cost_usd=0.25, score=1, source="tests"))
            elif i % 4:
                selector.record(one, Outcome(input_tokens=9, output_tokens=3, score=0.5, source="judge:m"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return served(tmp_path_factory.mktemp("log") / "state")


@pytest.fixture(scope="module")
def table(folder):
    return load(folder)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_table_comes_back_from_its_file_as_it_was(table, tmp_path, ending):
    """From Parquet to the bit; from CSV but for what it cannot hold: fractions of a second are kept there, too."""
    path = tmp_path / f"log.{ending}"
    size = save_log(table, path)
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (size, 0o600)
    found = load(path)
    assert found.to_pylist() == table.to_pylist()
    assert found.schema.names == table.schema.names
    assert models_of(found) == models_of(table)
    assert [path] == [*tmp_path.iterdir()]


def test_a_file_can_be_chosen_from_and_judged_by_others(table, tmp_path):
    save_log(table, tmp_path / "log.parquet")
    found = load(tmp_path / "log.parquet", task_type="b", source="tests")
    assert set(found["task_type"].to_pylist()) == {"b"}
    assert set(found["judged_by"].to_pylist()) == {"tests", None}
    with pytest.raises(DataError, match="none is of type 'c'"):
        load(tmp_path / "log.parquet", task_type="c")


def test_a_duckdb_file_has_decisions_models_and_meanings(table, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "log.duckdb"
    save_log(table, path)
    assert path.stat().st_mode & 0o777 == 0o600
    with duckdb.connect(str(path), read_only=True) as connection:
        n, cost = connection.execute("SELECT count(*), sum(cost_usd) FROM decisions").fetchone()
        own = (
            "SELECT max(abs(probabilities[m.place] - propensity)) FROM decisions d JOIN models m USING (model) "
            "WHERE probabilities_exact"
        )
        assert connection.execute(own).fetchone()[0] < 0.01
        assert connection.execute("SELECT count(*) FROM fields").fetchone() == (len(LOG_FIELDS),)
    assert n == table.num_rows
    assert cost == pytest.approx(np.nansum(table["cost_usd"].to_numpy()))


def test_duckdb_that_is_not_installed_is_asked_for_by_name(table, tmp_path, monkeypatch):
    original = builtins.__import__
    monkeypatch.setattr("selector.replay.logs._save.import_module", lambda name: original("no_such_" + name))
    with pytest.raises(DataError, match=r"pip install 'adaptive-selector\[duckdb\]'"):
        save_log(table, tmp_path / "log.duckdb")
    assert [*tmp_path.iterdir()] == []


def test_nothing_is_written_over_a_file_unless_it_is_said(table, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("mine")
    with pytest.raises(StateError, match=r"is there already; .*--force"):
        save_log(table, path)
    assert path.read_text() == "mine"
    save_log(table, path, force=True)
    assert load(path).num_rows == table.num_rows
    with pytest.raises(DataError, match=r"must end in .parquet, .csv, .duckdb"):
        save_log(table, tmp_path / "log.xlsx")
    with pytest.raises(StateError, match="there is no folder"):
        save_log(table, tmp_path / "no" / "log.csv")


def test_a_write_that_fails_leaves_what_was_there(table, tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    path.write_text("mine")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, ".csv", full)
    with pytest.raises(StateError, match="was not written: No space left on device"):
        save_log(table, path, force=True)
    assert ([*tmp_path.iterdir()], path.read_text()) == ([path], "mine")


def test_a_file_that_came_meanwhile_is_not_replaced(table, tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    write = FORMATS[".csv"]

    def slow(rows, draft):
        write(rows, draft)
        path.write_text("another's")

    monkeypatch.setitem(FORMATS, ".csv", slow)
    with pytest.raises(StateError, match="is there by now"):
        save_log(table, path)
    assert path.read_text() == "another's"


def test_logs_are_put_together_over_all_models_of_any(table, tmp_path):
    other = served(tmp_path / "other", models=("y", "z"), n=8)
    save_log(table, tmp_path / "one.parquet")
    found = load([tmp_path / "one.parquet", other])
    assert models_of(found) == ("x", "y", "z")
    assert found.num_rows == table.num_rows + 8
    by_id = {row["id"]: row for row in found.to_pylist()}
    for row in table.to_pylist():
        wanted = [*row["probabilities"], None] if row["probabilities"] else None
        assert by_id[row["id"]]["probabilities"] == wanted
    assert len(notes_of(found).sources) == 2
    save_log(table, tmp_path / "two.parquet")
    with pytest.raises(DataError, match=r"decision '.*' is in .*one.parquet and in .*two.parquet"):
        load([tmp_path / "one.parquet", tmp_path / "two.parquet"])


def test_two_logs_with_different_task_types_say_which_and_what_to_do(folder, tmp_path):
    other = served(tmp_path / "other", types=("b", "c"), n=8)
    with pytest.raises(DataError, match=r"different task types: 'c' is in .*other.* task_type=\['b'\].*mixed=True"):
        load([folder, other])
    assert load([folder, other], task_type="b").num_rows == 12 + 4
    assert load([folder, other], mixed=True).num_rows == 24 + 8
    alone = served(tmp_path / "alone", types=("z",), n=2)
    with pytest.raises(DataError, match="they share none: load them apart"):
        load([folder, alone])


def test_a_plain_csv_with_the_same_names_is_a_log(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,at,task_type,model,propensity,score,cost_usd\nd1,2026-03-10,a,x,0.5,1,0.1\nd2,2026-03-10T12:00:00+02:00,a,y,0.5,,\n"
    )
    rows = load(path).to_pylist()
    assert [(row["model"], row["propensity_from"], row["score"], row["is_judged"]) for row in rows] == [
        ("x", "logged", 1.0, True),
        ("y", "logged", None, False),
    ]
    assert rows[1]["at"].isoformat() == "2026-03-10T10:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,at,task_type\n", r"no column 'model'; found: id, at, task_type; .*load_foreign"),
        ("id,at,task_type,model,scroe\nd,2026-03-10,a,x,1\n", "column 'scroe' .*did you mean 'score'"),
        ("id,at,task_type,model,propensity\nd,2026-03-10,a,x,1.2\n", "propensity is 1.2; a probability is at most 1"),
        ("id,at,task_type,model\nd,soon,a,x\n", "at is 'soon', which is no time"),
        ("id,at,task_type,model,scores\nd,2026-03-10,a,x,{\n", "row 0, column 'scores': '{' is not JSON"),
        ("id,at,task_type,model,score\nd,2026-03-10,a,x,high\n", "cannot be read as CSV"),
    ],
)
def test_a_csv_that_is_no_log_says_which_column(tmp_path, text, said):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        load(path)


def test_one_file_of_a_state_and_a_later_version_are_refused_with_the_remedy(folder, table, tmp_path):
    part = next((folder / "log" / "decisions").glob("*.parquet"))
    with pytest.raises(DataError, match="is one file of a state folder; load the folder itself"):
        load(part)
    later = table.replace_schema_metadata({b"selector": b'{"schema":"selector.log/2"}'})
    with pytest.raises(SchemaVersionError, match=r"selector.log/2.*use a newer one"):
        notes_of(later)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(DataError, match=r"none that can be loaded; give a state folder, or a .parquet or .csv file"):
        load(tmp_path / "x.txt")
    with pytest.raises(DataError, match=r"there is no file .*none.parquet; give a state folder, or a .parquet or .csv"):
        load(tmp_path / "none.parquet")


def per_model(folder):
    """Count decisions and add up scores by model, as `load` has them."""
    found = {}
    for row in load(folder).to_pylist():
        first = row["attempts"][0]["score"] if row["attempts"] else row["score"]
        n, total = found.get(row["model"], (0, 0.0))
        found[row["model"]] = n + 1, total + (first or 0.0)
    return found


DUCKDB = """
    SELECT d.model, count(DISTINCT d.id) AS decisions, sum(o.score) AS score
    FROM read_parquet('{state}/log/decisions/*.parquet', union_by_name = true) d
    LEFT JOIN read_parquet('{state}/log/outcomes/*.parquet', union_by_name = true) o
      ON o.decision_id = d.id AND o.kind = 'judgement' AND o.attempt = 1
    GROUP BY d.model ORDER BY d.model
"""


def test_duckdb_reads_the_files_of_a_state_themselves(folder):
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.sql(DUCKDB.format(state=folder)).fetchall()
    assert {model: (n, score or 0.0) for model, n, score in rows} == per_model(folder)


def test_polars_reads_the_files_of_a_state_themselves(folder):
    pl = pytest.importorskip("polars")
    decisions = pl.scan_parquet(Path(folder) / "log/decisions/*.parquet")
    judged = pl.scan_parquet(Path(folder) / "log/outcomes/*.parquet").filter(kind="judgement", attempt=1)
    found = (
        decisions.join(judged, left_on="id", right_on="decision_id", how="left")
        .group_by("model")
        .agg(pl.col("id").n_unique().alias("decisions"), pl.col("score").sum())
        .collect()
    )
    assert {model: (n, score) for model, n, score in found.rows()} == per_model(folder)
