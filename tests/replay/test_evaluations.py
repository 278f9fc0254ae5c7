"""Tables of one's own evaluations: every row counts once, and what cannot be is named."""

import numpy as np
import pytest

from selector.errors import DataError
from selector.replay import load_evaluations

HEAD = "prompt_id,task_type,model,score,cost_usd,output_tokens\n"


@pytest.fixture
def written(tmp_path):
    """Write a table as text."""

    def write(text, name="evals.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def cells(path):
    learnt = load_evaluations(path, weight=0.3, at_s=1.0)
    return {(each.model, each.task_type): each for each in learnt.cells}


def test_rows_are_counted_per_model_and_task_type(written):
    text = "1,chat,a,1,.5,10\n2,chat,a,.5,,30\n3,chat,a,,.1,\n1,chat,4.10,0,,\n1,007,a,1,,\n1,chat,a,1,,\n"
    found = cells(written(HEAD + text))
    assert set(found) == {("a", "chat"), ("4.10", "chat"), ("a", "007")}
    one = found["a", "chat"]
    assert (one.n, one.score_sum, one.score_squares) == (3, 2.5, 2.25)
    assert (one.n_tokens, one.output_tokens, one.n_costs) == (2, 40.0, 2)
    assert one.cost_usd == pytest.approx(0.6)
    assert found["4.10", "chat"].n_tokens == 0


def test_only_type_model_and_score_are_needed(written):
    found = cells(written("task_type,model,score\nchat,a,1\n"))
    assert found["a", "chat"].mean == 1
    assert found["a", "chat"].n_costs == 0


def test_parquet_and_csv_say_the_same(written, tmp_path):
    import pyarrow.csv
    import pyarrow.parquet as pq

    path = written(HEAD + "1,chat,a,1,.5,10\n2,code,b,.5,,30\n")
    pq.write_table(pyarrow.csv.read_csv(path), tmp_path / "evals.parquet")
    one, other = (load_evaluations(each, weight=0.3, at_s=1.0) for each in (path, tmp_path / "evals.parquet"))
    assert one.cells == other.cells
    assert one.digest != other.digest
    assert (other.name, other.place) == ("evals.parquet", str((tmp_path / "evals.parquet").resolve()))


def test_true_and_false_are_one_and_nought(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = {"task_type": ["x"] * 3, "model": ["a"] * 3, "score": [True, False, True]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert cells(tmp_path / "t.parquet")["a", "x"].score_sum == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task_type,model,scor\nchat,a,1\n", "lacks the column score; did you mean 'scor'"),
        ("model\na\n", "lacks the columns task_type, score"),
        ("task_type,model,score\n", "is empty"),
        ("task_type,model,score\nchat,a,1.5\n", r"'score' must be in \[0, 1\].*row 1 with 1.5 \(model 'a'\)"),
        ("task_type,model,score\nchat,a,good\n", "'score' must hold numbers"),
        ("task_type,model,score,cost_usd\nchat,a,1,-3\n", "'cost_usd' must be finite, 0 or more"),
        ("task_type,model,score\n,a,1\n", "1 rows have no task_type"),
        ("task_type,model,score\nchat,,1\n", "1 rows have no model"),
        ("a,b\n1,2,3\n", "is not a CSV file"),
    ],
)
def test_what_cannot_be_is_named(written, text, said):
    with pytest.raises(DataError, match=said):
        cells(written(text))


def test_a_file_that_is_not_there_or_no_table_is_named(tmp_path, written):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        cells(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        cells(tmp_path)
    with pytest.raises(DataError, match="is not a Parquet file"):
        cells(written("no table", "x.parquet"))


@pytest.mark.shared
def test_a_real_table_adds_up(shared_data):
    import pyarrow.parquet as pq

    path = shared_data / "coderouterbench.parquet"
    score = pq.read_table(path, columns=["score"])["score"].to_numpy()
    found = cells(path)
    assert sum(each.n for each in found.values()) == np.isfinite(score).sum()
    assert sum(each.score_sum for each in found.values()) == pytest.approx(np.nansum(score))
    assert sum(each.score_squares for each in found.values()) == pytest.approx(np.nansum(score**2))
