"""A state folder loaded as a table of decisions: every fact once, as the live loop counts it."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.config import OutcomesConfig
from selector.errors import DataError, StateError
from selector.replay import LOG_FIELDS, load, models_of, notes_of
from selector.replay.logs._state import Wish, table_of_events
from selector.store import State

pa = pytest.importorskip("pyarrow")

MODELS = {
    "small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.4},
    "middle": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 4},
    "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15},
}


class Clock:
    """A clock that goes on by a second each time."""

    def __init__(self):
        self.now = 1.7e9

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def shop(tmp_path):
    """Open a selector in a folder of its own."""

    def build(**config):
        return Selector.open({"models": MODELS, **config}, state=tmp_path / "state", seed=1, clock=Clock())

    build.folder = tmp_path / "state"
    return build


def by_id(table):
    return {row["id"]: row for row in table.to_pylist()}


def events_of(folder):
    with State.open(folder, clock=lambda: 0.0, read_only=True) as state:
        return list(state.events())


def history(selector, n, rng):
    """Decide n times, and report in every way: late, doubled, corrected, retracted, by several, of a chain."""
    made = [selector.select(Task(("a", "b")[i % 2], input_tokens=400 + i)) for i in range(n)]
    for i in rng.permutation(n).tolist():
        one, kind = made[i], i % 9
        if kind == 0:
            continue
        if kind == 1:
            selector.record(one, Outcome(error="rate_limited"))
            selector.record(one, Outcome(route="large", input_tokens=300, output_tokens=40, latency_s=3.0, score=0.8))
            continue
        selector.record(one, Outcome(input_tokens=400, output_tokens=50, latency_s=0.5))
        if kind == 2:
            continue
        selector.record(one, Outcome(score=float(rng.random() < 0.7), source="judge:opus"))
        if kind == 3:
            selector.record(one, Outcome(score=0.25, source="human"))
        if kind == 4:
            selector.record(one, Outcome(retracted=True, source="judge:opus"))
        if kind == 5:
            at = datetime.fromtimestamp(1.69e9, UTC)
            selector.record(one, Outcome(score=0.5, source="tests", at=at))
            selector.record(one, Outcome(score=1.0, source="tests"))
        if kind == 6:
            selector.record(one, Outcome(cost_usd=0.02))
        if kind == 7 and one.model != "large":
            selector.record(one, Outcome(error="invalid_answer"))
            selector.record(one, Outcome(route="large", output_tokens=9, score=1.0, source="tests"))
    return made


def test_scores_sums_and_counts_are_those_of_the_live_beliefs(shop):
    """What first attempts teach, summed over the table, is what the live loop has summed, to 1e-9."""
    with shop(policy={"half_life": None}) as selector:
        history(selector, 270, np.random.default_rng(5))
        live = {(r["task_type"], r["model"]): r for r in selector.beliefs().to_pylist()}
        log = load(shop.folder)
    n, total = {}, {}
    for row in log.to_pylist():
        calls = row["attempts"] or [{"model": row["model"], "failure": row["failure"], "score": row["score"]}]
        for call in calls:
            if call["score"] is not None:
                key = (row["task_type"], call["model"])
                n[key], total[key] = n.get(key, 0) + 1, total.get(key, 0.0) + call["score"]
            if call["score"] is not None or call["failure"] not in {None, "rate_limited"}:
                break
    assert {key: row["n_outcomes"] for key, row in live.items() if row["n_outcomes"]} == n
    for key, value in total.items():
        assert live[key]["score_sum"] == pytest.approx(value, abs=1e-9)


def test_plain_decisions_worked_out_all_at_once_are_the_same_one_by_one(shop):
    with shop() as selector:
        history(selector, 180, np.random.default_rng(2))
    wish = Wish(-np.inf, np.inf, None, OutcomesConfig().rank)
    fast, _ = table_of_events(events_of(shop.folder), wish)
    slow, _ = table_of_events(events_of(shop.folder), wish, fast=False)
    assert fast.to_pylist() == slow.to_pylist()
    assert notes_of(fast) == notes_of(slow)


def test_reports_mean_the_same_in_whatever_order_writers_told_them(shop):
    """Three ways to shuffle which of two writers told a report: scores, costs and attempts stay."""
    with shop() as selector:
        history(selector, 90, np.random.default_rng(3))
    events = events_of(shop.folder)
    wish = Wish(-np.inf, np.inf, None, OutcomesConfig().rank)
    wanted = table_of_events(events, wish)[0].to_pylist()
    rng = np.random.default_rng(0)
    for _ in range(3):
        single = [e for e in events if e["kind"] in {"usage", "judgement"} and e.get("attempt") == 1]
        doubled = [{**e, "w": f"x{rng.integers(9)}", "s": k} for k, e in enumerate(single)]
        found = table_of_events([*events, *doubled], wish)[0]
        assert notes_of(found).n_repeated > 0
        assert found.to_pylist() == wanted


def test_a_decision_costs_what_all_its_attempts_cost(shop):
    with shop() as selector:
        one = selector.select(Task("a"))
        selector.record(one, Outcome(cost_usd=0.5, error="invalid_answer"))
        selector.record(one, Outcome(route="large", cost_usd=0.25, score=1, source="tests"))
    (row,) = load(shop.folder).to_pylist()
    assert (row["cost_usd"], row["n_attempts"], row["score"], row["status"]) == (0.75, 2, 1.0, "answered")
    assert [call["cost_usd"] for call in row["attempts"]] == [0.5, 0.25]
    assert row["failure"] == "invalid_answer"


def test_what_is_not_known_is_null_and_never_zero(shop):
    with shop() as selector:
        bare, judged, failed = (selector.select(Task("a")) for _ in range(3))
        selector.record(judged, Outcome(score=1, source="tests"))
        selector.record(failed, Outcome(error="connection"))
    rows = by_id(load(shop.folder))
    assert [rows[bare.id][name] for name in ("cost_usd", "score", "judged_by", "is_judged")] == [
        None,
        None,
        None,
        False,
    ]
    assert (rows[bare.id]["status"], rows[bare.id]["n_attempts"]) == ("unreported", 0)
    assert (rows[judged.id]["cost_usd"], rows[judged.id]["is_judged"]) == (None, True)
    assert (rows[failed.id]["status"], rows[failed.id]["cost_usd"], rows[failed.id]["score"]) == ("failed", 0.0, None)


def test_the_most_believed_source_counts_and_all_are_kept(shop):
    with shop() as selector:
        one = selector.select(Task("a"))
        for source, score in (("judge:opus", 0.9), ("human", 0.2), ("tests", 1.0)):
            selector.record(one, Outcome(score=score, source=source))
    (row,) = load(shop.folder).to_pylist()
    assert (row["score"], row["judged_by"]) == (0.2, "human")
    assert dict(row["scores"]) == {"judge:opus": 0.9, "human": 0.2, "tests": 1.0}
    for source, wanted in (("tests", 1.0), ("judge", 0.9), (["git", "judge"], 0.9), ("git", None)):
        (row,) = load(shop.folder, source=source).to_pylist()
        assert (row["score"], row["is_judged"]) == (wanted, wanted is not None)
    (row,) = load(shop.folder, source=OutcomesConfig(precedence=["tests"])).to_pylist()
    assert row["score"] == 1.0


def test_probabilities_means_and_costs_are_those_the_decision_shows(shop):
    """For tasks of usual length they are published ones: to the four digits that the log keeps."""
    with shop() as selector:
        made = []
        for i in range(40):
            one = selector.select(Task("a"))
            made.append((one.id, one.probabilities, one.propensity, {c.model: c.mean for c in one.candidates}))
            selector.record(one, Outcome(input_tokens=100, output_tokens=20, score=float(i % 3 > 0), source="tests"))
    table = load(shop.folder)
    models, rows = models_of(table), by_id(table)
    for id_, probabilities, propensity, means in made:
        row = rows[id_]
        assert row["propensity"] == pytest.approx(propensity, rel=1e-9)
        assert row["probabilities_exact"]
        assert dict(zip(models, row["probabilities"], strict=True)) == pytest.approx(probabilities, rel=2e-3, abs=1e-6)
        assert dict(zip(models, row["means"], strict=True)) == pytest.approx(means, rel=1e-3)
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-12)
        own = row["expected_costs_usd"][models.index(row["model"])]
        assert own == pytest.approx(row["expected_cost_usd"], rel=2e-3)


def test_rules_experiments_and_wishes_are_told(shop):
    rules = [
        {"name": "docs", "condition": "task_type == 'docs'", "model": "small"},
        {"name": "trial", "condition": "task_type == 'code'", "share": 0.5, "model": "large"},
    ]
    with shop(rules=rules) as selector:
        selector.select(Task("docs", labels=["x", "y"], metadata={"user": "ada"}, id="t1"))
        for k in range(30):
            selector.select(Task("code", id=str(k)))
    first, *rest = load(shop.folder).to_pylist()
    assert (first["reason"], first["propensity"], first["rules"], first["task_id"]) == ("rule", 1.0, ["docs"], "t1")
    assert (first["labels"], json.loads(first["metadata"])) == (["x", "y"], {"user": "ada"})
    assert sorted(p or 0 for p in first["probabilities"]) == [0, 0, 1]
    assert {row["experiment_arm"] for row in rest} == {"treatment", "control"}
    assert all(row["experiment"] == "trial" and row["experiment_share"] == 0.5 for row in rest)
    assert all(0.5 < row["propensity"] < 1 for row in rest if row["experiment_arm"] == "treatment")


def test_who_did_not_choose_has_no_propensity():
    """A choice drawn twice and a session that kept its model are none to judge by; the model of today had no rival."""
    base = {"kind": "decision", "n": 0, "at": 1.0, "task_type": "a", "model": "m", "route": "m", "w": "w"}
    events = [
        {**base, "id": "session", "s": 1, "reason": "session", "propensity": 1.0},
        {**base, "id": "redrawn", "s": 2, "reason": "policy", "propensity": 0.5, "redrawn": True},
        {**base, "id": "today", "s": 3, "reason": "incumbent", "propensity": 1.0},
        {**base, "id": "late", "s": 4, "reason": "policy", "propensity": None},
        {"kind": "explained", "decision_id": "late", "propensity": 0.25, "w": "w", "s": 5, "at": 1.0},
    ]
    table, _ = table_of_events(events, Wish(-np.inf, np.inf, None, OutcomesConfig().rank))
    found = {row["id"]: (row["propensity"], row["propensity_from"]) for row in table.to_pylist()}
    assert found == {
        "session": (None, None), "redrawn": (None, None), "today": (1.0, "logged"), "late": (0.25, "logged"),
    }  # fmt: skip


def test_a_decision_whose_line_was_never_written_counts_by_what_was_said_of_it():
    of = {"n": 7, "at": 5.0, "task_type": "a", "model": "m", "route": "m@x"}
    usage = {
        "kind": "usage",
        "decision_id": "d",
        "attempt": 1,
        "nano": 5 * 10**8,
        "w": "w",
        "s": 1,
        "at": 6.0,
        "of": of,
    }
    other = {"kind": "usage", "decision_id": "gone", "attempt": 1, "nano": 1, "w": "w", "s": 2, "at": 6.0}
    table, seen = table_of_events([usage, other], Wish(-np.inf, np.inf, None, OutcomesConfig().rank))
    (row,) = table.to_pylist()
    assert (row["id"], row["n"], row["route"], row["cost_usd"], row["propensity"]) == ("d", 7, "m@x", 0.5, None)
    assert (seen.n, notes_of(table).n_orphans) == (1, 1)


def test_ranges_and_types_are_chosen_and_an_empty_choice_says_what_there_is(shop):
    with shop() as selector:
        made = [selector.select(Task("ab"[i % 2])) for i in range(6)]
    cut = made[3].at_s
    assert [row["id"] for row in load(shop.folder, since=cut).to_pylist()] == [one.id for one in made[3:]]
    iso = datetime.fromtimestamp(cut, UTC).isoformat()
    assert load(shop.folder, until=iso).num_rows == 3
    assert set(load(shop.folder, task_type="b")["task_type"].to_pylist()) == {"b"}
    with pytest.raises(DataError, match=r"none of its 6 decisions is wanted.*none is of type 'c'; valid: a, b"):
        load(shop.folder, task_type="c")
    with pytest.raises(DataError, match=r"none of its 6 decisions.*from 2023-11-14 .* widen since and until"):
        load(shop.folder, since="2030-01-01")
    with pytest.raises(DataError, match=r"since \('2030-01-01'\) is not before until"):
        load(shop.folder, since="2030-01-01", until="2029-01-01")
    with pytest.raises(DataError, match=r"since is 'soon', which is no time"):
        load(shop.folder, since="soon")


def test_an_empty_log_and_a_folder_that_is_none_say_so(shop, tmp_path):
    shop().close()
    with pytest.raises(DataError, match="the log is empty"):
        load(shop.folder)
    with pytest.raises(StateError):
        load(tmp_path / "nowhere")


def test_reading_changes_no_byte_and_names_what_is_damaged(shop, caplog):
    with shop() as selector:
        history(selector, 50, np.random.default_rng(1))
    path = next((shop.folder / "log" / "outcomes").glob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    before = {p: p.read_bytes() for p in shop.folder.rglob("*") if p.is_file()}
    table = load(shop.folder)
    assert {p: p.read_bytes() for p in shop.folder.rglob("*") if p.is_file()} == before
    assert len(notes_of(table).faults) == 1
    assert path.name in notes_of(table).faults[0]
    assert "could not be read" in caplog.text


def test_a_log_is_loaded_while_a_process_writes_it(tmp_path):
    """Ten readings beside a writer: each has at least what the one before had, and what both have agrees."""
    code = (
        "import sys; from selector import *\n"
        f"with Selector.open({{'models': {MODELS!r}}}, state=sys.argv[1], seed=1) as s:\n"
        "    print('open', flush=True)\n"
        "    while True: s.record(s.select(Task('a')), Outcome(input_tokens=1, output_tokens=1, score=1, source='t'))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s")], stdout=subprocess.PIPE) as writer:  # noqa: S603
        try:
            writer.stdout.readline()
            last = {}
            for _ in range(10):
                try:
                    table = load(tmp_path / "s")
                except DataError:
                    time.sleep(0.1)
                    continue
                rows = {row["id"]: row["model"] for row in table.select(["id", "model"]).to_pylist()}
                assert rows.items() >= last.items()
                last = rows
        finally:
            os.kill(writer.pid, signal.SIGKILL)
    assert last
    assert load(tmp_path / "s").num_rows >= len(last)


def test_every_field_has_a_type_and_a_meaning_and_carries_it(shop):
    with shop() as selector:
        selector.select(Task("a"))
    table = load(shop.folder)
    assert table.column_names == [field.name for field in LOG_FIELDS]
    assert all(table.schema.field(f.name).metadata[b"doc"].decode() == f.doc for f in LOG_FIELDS)
    assert table.schema.field("means").type == pa.list_(pa.float64(), 3)
    assert models_of(table) == ("small", "middle", "large")


def test_an_open_state_is_read_with_what_waits_in_it_and_goes_on_hearing_the_others(tmp_path):
    decision = {"kind": "decision", "n": 0, "at": 1.0, "task_type": "a", "model": "m", "route": "m"}
    with State.open(tmp_path / "s", clock=lambda: 1.0) as mine, State.open(tmp_path / "s", clock=lambda: 1.0) as other:
        mine.buffer(decision | {"id": "d1"})
        other.append(decision | {"id": "d2"})
        assert set(load(mine)["id"].to_pylist()) == {"d1", "d2"}
        assert [event["id"] for event in mine.tail()] == ["d2"]


def test_a_model_without_a_price_is_on_the_table_at_no_known_cost():
    """What is not a number is null in the log."""
    deal = {
        "kind": "explained",
        "decision_id": "d",
        "w": "w",
        "s": 1,
        "at": 1.0,
        "models": ["m", "k"],
        "usual_input": 0.0,
    }
    deal |= {"alpha": [3.0, 1.0], "beta": [1.0, 1.0], "probability": [0.75, 0.25]}
    deal |= {"answer_usd": [None, 0.5], "input_usd": [0.0, 0.0]}
    decision = {"kind": "decision", "id": "d", "deal": "d", "n": 0, "at": 1.0, "task_type": "a", "model": "m", "w": "w"}
    decision |= {"route": "m", "s": 2, "reason": "policy", "propensity": 0.75}
    table, _ = table_of_events([deal, decision], Wish(-np.inf, np.inf, None, OutcomesConfig().rank))
    (row,) = table.to_pylist()
    assert (row["expected_costs_usd"], row["means"]) == ([None, 0.5], [0.75, 0.5])
    assert (row["probabilities"], row["probabilities_exact"]) == ([0.75, 0.25], True)
