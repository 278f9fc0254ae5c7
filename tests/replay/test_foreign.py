"""Tables of other programs: LiteLLM's spend logs, OpenAI's answers, and anybody's columns."""

import json
from dataclasses import replace

import pytest

from selector.errors import DataError
from selector.replay import LITELLM_SPEND_LOGS, OPENAI_JSONL, Columns, load_foreign, models_of, notes_of

pa = pytest.importorskip("pyarrow")


def spend(number, **columns):
    """Give a row of LiteLLM_SpendLogs as its database has it."""
    usage = {"cache_read_input_tokens": 60, "prompt_tokens_details": {"cached_tokens": 60}}
    return {
        "request_id": f"chatcmpl-{number}",
        "call_type": "acompletion",
        "api_key": "88dc28d0",
        "spend": 0.002,
        "total_tokens": 150,
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "startTime": f"2026-03-10 12:00:0{number}.250",
        "endTime": f"2026-03-10 12:00:0{number}.750",
        "model": "gpt-4o",
        "model_id": "e1",
        "model_group": "smart",
        "custom_llm_provider": "openai",
        "metadata": json.dumps({"additional_usage_values": usage, "status": "success"}),
        "cache_hit": "False",
        "request_tags": '["coding", "team-a"]',
        "status": "success",
    } | columns


def answer(number, model="gpt-4o-2024-08-06", **usage):
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000 + number,
        "model": model,
        "usage": {"prompt_tokens": 10, "completion_tokens": 4} | usage,
    }


@pytest.fixture
def lines(tmp_path):
    def write(*rows):
        path = tmp_path / "calls.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
        return path

    return write


def test_litellms_spend_logs_load_as_they_are(tmp_path):
    """From Parquet, CSV and JSON lines alike; a cached answer and a call without a model are no decisions."""
    from pyarrow import csv, parquet

    rows = [
        spend(1),
        spend(2, model="claude", status="failure", spend=0.0),
        spend(3, cache_hit="True"),
        spend(4, model=""),
    ]
    table = pa.Table.from_pylist(rows)
    parquet.write_table(table, tmp_path / "s.parquet")
    csv.write_csv(table, tmp_path / "s.csv")
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = [load_foreign(tmp_path / name, LITELLM_SPEND_LOGS) for name in ("s.parquet", "s.csv", "s.jsonl")]
    assert found[0].to_pylist() == found[1].to_pylist() == found[2].to_pylist()
    first, second = found[0].to_pylist()
    wanted = {
        "id": "chatcmpl-1",
        "task_type": "coding",
        "model": "gpt-4o",
        "provider": "openai",
        "cost_usd": 0.002,
        "input_tokens": 40,
        "cache_read_tokens": 60,
        "output_tokens": 50,
        "latency_s": 0.5,
        "status": "answered",
        "labels": ["coding", "team-a"],
        "propensity": None,
        "score": None,
        "is_judged": False,
    }
    assert {name: first[name] for name in wanted} == wanted
    assert first["at"].isoformat() == "2026-03-10T12:00:01.250000+00:00"
    assert (second["status"], second["failure"]) == ("failed", "unknown")
    assert notes_of(found[0]).left_out == {"with cache_hit true": 1, "without a model": 1}
    assert notes_of(found[0]).propensities == "none"


def test_another_column_of_litellm_can_be_the_task_type_or_the_score():
    table = pa.Table.from_pylist([spend(1, team_id="red", good=0.75), spend(2, team_id="blue", good=None)])
    found = load_foreign(table, replace(LITELLM_SPEND_LOGS, task_type="team_id", score="good"))
    assert found["task_type"].to_pylist() == ["red", "blue"]
    assert found["score"].to_pylist() == [0.75, None]
    assert found["judged_by"].to_pylist() == ["caller", None]


def test_openai_answers_load_bare_beside_their_request_and_from_a_batch(lines):
    details = {"prompt_tokens_details": {"cached_tokens": 6}, "completion_tokens_details": {"reasoning_tokens": 3}}
    path = lines(
        answer(1, **details),
        {"request": {"model": "gpt-4o"}, "response": answer(2), "score": True, "task_type": "chat"},
        {"id": "batch_req_1", "custom_id": "t3", "response": {"status_code": 200, "body": answer(3)}, "error": None},
        {
            "id": "resp_4", "object": "response", "created_at": 1_700_000_004, "model": "o4", "status": "failed",
            "usage": {"input_tokens": 9, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 2}},
        },
    )  # fmt: skip
    rows = load_foreign(path, replace(OPENAI_JSONL, default_task_type="other")).to_pylist()
    assert [row["id"] for row in rows] == ["chatcmpl-1", "chatcmpl-2", "chatcmpl-3", "resp_4"]
    assert [row["model"] for row in rows] == ["gpt-4o-2024-08-06", "gpt-4o", "gpt-4o-2024-08-06", "o4"]
    assert [row["task_type"] for row in rows] == ["other", "chat", "other", "other"]
    tokens = [[row[f"{name}_tokens"] for name in ("input", "cache_read", "output", "reasoning")] for row in rows]
    assert tokens == [[4, 6, 1, 3], [10, None, 4, None], [10, None, 4, None], [9, None, 0, 2]]
    assert [row["score"] for row in rows] == [None, 1.0, None, None]
    assert [row["status"] for row in rows] == ["answered", "answered", "answered", "failed"]
    assert (rows[2]["task_id"], rows[0]["cost_usd"]) == ("t3", None)


def test_a_column_that_is_missing_is_named_with_those_found_and_the_remedy(lines):
    table = pa.table({"when": [1.0], "llm": ["x"]})
    with pytest.raises(DataError, match=r"no column is mapped as task_type.*default_task_type='...'"):
        load_foreign(table, Columns(at="when", model="llm"))
    with pytest.raises(
        DataError, match=r"no value for model \(looked for 'model'\); found: when, llm; say .* Columns\(model='...'\)"
    ):
        load_foreign(table, Columns(at="when", model="model", default_task_type="a"))
    with pytest.raises(DataError, match=r"no value for score \(looked for 'good'\); found: when, llm"):
        load_foreign(table, Columns(at="when", model="llm", score="good", default_task_type="a"))
    with pytest.raises(DataError, match=r"no value for task_type \(looked for 'task_type', .*default_task_type='...'"):
        load_foreign(lines(answer(1)), OPENAI_JSONL)
    with pytest.raises(DataError, match=r"no value for at \(looked for 'startTime'\); found: when, llm"):
        load_foreign(table, LITELLM_SPEND_LOGS)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"when": ["soon"]}, "row 1: at is 'soon', which is no time"),
        ({"when": [None]}, "no value for at"),
        ({"usd": ["cheap"]}, "row 1: cost_usd is 'cheap'; it must be a number"),
        ({"ok": ["maybe"]}, "row 1: score is 'maybe'; it must be a number"),
        ({"tokens": [1.5]}, "row 1: input_tokens is 1.5; it must be a whole number"),
        ({"cached": [9]}, "row 1: input_tokens is 5; its parts are more; give inclusive=False"),
        ({"every": ["x"]}, "row 1: probabilities is 'x'; they must be a record by model"),
        ({"llm": [None]}, "no value for model"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_row(columns, said):
    base = {"when": [1.0], "llm": ["x"], "usd": [0.1], "ok": [1], "tokens": [5], "cached": [0], "every": ['{"x": 1}']}
    mapping = Columns(
        at="when", model="llm", cost_usd="usd", score="ok", input_tokens="tokens", cache_read_tokens="cached",
        probabilities="every", default_task_type="a",
    )  # fmt: skip
    assert load_foreign(pa.table(base), mapping).num_rows == 1
    with pytest.raises(DataError, match=said):
        load_foreign(pa.table(base | columns), mapping)


def test_an_id_counts_once_and_rows_without_one_are_numbered():
    table = pa.table({"when": [2.0, 1.0], "llm": ["x", "y"], "name": ["a", "a"]})
    mapping = Columns(at="when", model="llm", default_task_type="a")
    assert load_foreign(table, mapping)["id"].to_pylist() == ["2", "1"]
    with pytest.raises(DataError, match="id 'a' stands on 2 rows, and a decision counts once"):
        load_foreign(table, replace(mapping, id="name"))


def test_logged_probabilities_of_another_program_are_kept_by_model():
    table = pa.table({"when": [1], "llm": ["y"], "p": [0.25], "every": [{"z": 0.75, "y": 0.25}]})
    mapping = Columns(at="when", model="llm", propensity="p", probabilities="every", default_task_type="a")
    found = load_foreign(table, mapping)
    assert models_of(found) == ("y", "z")
    (row,) = found.to_pylist()
    assert (row["probabilities"], row["propensity_from"]) == ([0.25, 0.75], "logged")


def test_files_that_cannot_be_read_say_why(tmp_path):
    broken = tmp_path / "b.jsonl"
    broken.write_text('{"a": 1}\nnot json\n')
    with pytest.raises(DataError, match=r"line 2: it is not JSON"):
        load_foreign(broken, OPENAI_JSONL)
    broken.write_text("[1]\n")
    with pytest.raises(DataError, match="line 1: it is list, and an object is needed"):
        load_foreign(broken, OPENAI_JSONL)
    with pytest.raises(DataError, match="is empty: it has no row"):
        load_foreign(pa.table({"a": []}), OPENAI_JSONL)
    with pytest.raises(DataError, match=r"must be one of .parquet, .csv, .jsonl"):
        load_foreign(tmp_path / "x.xlsx", OPENAI_JSONL)
    other = tmp_path / "o.csv"
    other.write_text("a,b\n1\n")
    with pytest.raises(DataError, match="row 1: it has not as many cells"):
        load_foreign(other, OPENAI_JSONL)
    (tmp_path / "p.parquet").write_bytes(b"PAR1nonsense")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        load_foreign(tmp_path / "p.parquet", OPENAI_JSONL)
