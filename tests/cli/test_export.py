"""`selector export`: the log as a file, with filters and a summary, and never over another."""

import json

import pytest

from selector.replay import load, models_of


@pytest.fixture
def served(run, chosen):
    """Serve three tasks of one type and one of another; judge two."""
    ids = chosen("coding", 3) + chosen("chat", 1, "--label", "docs")
    for id_, score in ((ids[0], "1"), (ids[3], "0.5")):
        assert run("record", id_, "--score", score, "--source", "tests", "--cost-usd", "0.25")[0] == 0
    return ids


def test_export_writes_the_log_and_says_what_is_in_it(served, run, shop):
    code, out, err = run("export", "-o", "log.parquet")
    assert (code, err) == (0, "")
    assert "log.parquet: 4 decisions" in out
    assert "2 judged, 4 with a propensity" in out
    table = load(shop / "log.parquet")
    assert sorted(table["id"].to_pylist()) == sorted(served)
    assert (shop / "log.parquet").stat().st_mode & 0o777 == 0o600


def test_the_summary_is_one_json_object(served, run_json):  # noqa: ARG001 - it is served
    found = run_json("export", "-o", "log.csv")
    assert found["schema"] == "selector.export/1"
    assert {name: found[name] for name in ("file", "format", "n_decisions", "n_judged", "n_with_propensity")} == {
        "file": "log.csv", "format": "csv", "n_decisions": 4, "n_judged": 2, "n_with_propensity": 4,
    }  # fmt: skip
    assert (found["task_types"], found["models"], found["cost_usd"]) == ({"coding": 3, "chat": 1}, {"large": 4}, 0.5)
    assert (found["n_without_cost"], found["without_propensity"], found["faults"]) == (2, {}, [])


def test_filters_choose_decisions_and_whose_word_counts(served, run, run_json, shop):
    assert run_json("export", "-o", "a.parquet", "--type", "chat")["n_decisions"] == 1
    assert run_json("export", "-o", "b.parquet", "--model", "large", "--since", "2020-01-01")["n_decisions"] == 4
    assert run_json("export", "-o", "c.parquet", "--label", "docs")["n_decisions"] == 1
    assert run_json("export", "-o", "d.parquet", "--source", "human")["n_judged"] == 0
    assert load(shop / "c.parquet")["id"].to_pylist() == [served[3]]
    assert models_of(load(shop / "c.parquet"))[:2] == ("small", "large")
    for options, said in (
        (("--type", "codign"), "none is of type 'codign'; did you mean 'coding'?"),
        (("--model", "lrge"), "no decision had it on the table; did you mean 'large'?"),
        (("--model", "small"), "no decision fits --model small; nothing was written"),
        (("--label", "x"), "no decision fits --label x"),
        (("--until", "2020-01-01"), "none of its 4 decisions is wanted"),
        (("--since", "soon"), "since is 'soon', which is no time"),
    ):
        code, out, err = run("export", "-o", "none.parquet", *options)
        assert (code, out) == (1, "")
        assert said in err
    assert not (shop / "none.parquet").exists()


def test_a_file_that_is_there_stays_unless_forced(served, run, shop):  # noqa: ARG001 - it is served
    (shop / "log.csv").write_text("mine")
    code, _, err = run("export", "-o", "log.csv", "--json")
    assert code == 1
    assert "log.csv is there already" in err
    assert json.loads(err.splitlines()[1])["error"] == "StateError"
    assert (shop / "log.csv").read_text() == "mine"
    assert run("export", "-o", "log.csv", "--force", "-q") == (0, "log.csv\n", "")
    assert load(shop / "log.csv").num_rows == 4


def test_what_cannot_be_exported_says_so_before_the_log_is_read(run, shop):
    for options, said in (
        (("-o", "log.txt"), "must end in .parquet, .csv, .duckdb"),
        (("-o", "no/log.csv"), "there is no folder no"),
        (("-o", "log.csv"), "there is no state in"),
    ):
        code, out, err = run("export", *options)
        assert (code, out) == (1, "")
        assert said in err
    assert run("export")[0] == 2
    assert not (shop / "log.csv").exists()


def test_duckdb_opens_an_export(served, run_json, shop):
    duckdb = pytest.importorskip("duckdb")
    assert run_json("export", "-o", "log.duckdb")["format"] == "duckdb"
    with duckdb.connect(str(shop / "log.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT id FROM decisions WHERE is_judged").fetchall()
    assert {row[0] for row in found} == {served[0], served[3]}
