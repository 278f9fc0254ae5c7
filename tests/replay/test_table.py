"""A tidy table becomes a full matrix, or an error that says which row or column is wrong."""

import numpy as np
import pytest

from selector.errors import DataError, UnknownModelError
from selector.replay import load_matrix

ROWS = [
    ("p2", "chat", "small", 0.5, 0.01),
    ("p2", "chat", "large", 1.0, 0.05),
    ("p1", "code", "small", 0.0, 0.02),
    ("p1", "code", "large", 0.25, 0.06),
    ("p3", "code", "small", 1.0, 0.0),
    ("p3", "code", "large", 1.0, 0.07),
]
NAMES = ("prompt_id", "task_type", "model", "score", "cost_usd")


def table(rows=tuple(ROWS), names=NAMES, **columns):
    import pyarrow as pa

    found = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {n: [] for n in names}
    return pa.table({**found, **columns})


def changed(row, **values):
    rows = [dict(zip(NAMES, r, strict=True)) for r in ROWS]
    rows[row].update(values)
    return table([tuple(r.values()) for r in rows])


def test_every_cell_stands_at_its_prompt_and_model():
    matrix = load_matrix(table())
    assert matrix.models == ("large", "small")
    assert matrix.task_types == ("chat", "code")
    assert matrix.type.tolist() == [1, 0, 1]
    assert matrix.score.tolist() == [[0.25, 0.0], [1.0, 0.5], [1.0, 1.0]]
    assert matrix.cost_usd.tolist() == [[0.06, 0.02], [0.05, 0.01], [0.07, 0.0]]
    assert (matrix.n_prompts, matrix.dropped, matrix.split) == (3, 0, None)


def test_the_order_of_rows_does_not_matter():
    straight, shuffled = load_matrix(table()), load_matrix(table(ROWS[::-1]))
    assert (straight.score == shuffled.score).all()
    assert (straight.cost_usd == shuffled.cost_usd).all()
    assert (straight.type == shuffled.type).all()


def test_models_stand_in_the_order_that_was_asked_for():
    matrix = load_matrix(table(), ("small", "large"))
    assert matrix.models == ("small", "large")
    assert matrix.score[:, 0].tolist() == [0.0, 0.5, 1.0]
    assert load_matrix(table(), ("large",)).score.tolist() == [[0.25], [1.0], [1.0]]


def test_without_types_all_prompts_are_of_one():
    matrix = load_matrix(table(), types=False)
    assert (matrix.task_types, matrix.type.tolist()) == (("all",), [0, 0, 0])


def test_a_file_reads_as_the_table_that_it_holds(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(table(), tmp_path / "t.parquet")
    for path in (tmp_path / "t.parquet", str(tmp_path / "t.parquet")):
        assert (load_matrix(path).score == load_matrix(table()).score).all()


def test_numbers_may_be_whole_and_identities_may_be_numbers():
    rows = [(1, "chat", "a", 1, 2), (2, "chat", "a", 0, 3)]
    matrix = load_matrix(table(rows))
    assert (matrix.score.tolist(), matrix.cost_usd.tolist()) == ([[1.0], [0.0]], [[2.0], [3.0]])


@pytest.mark.parametrize("column", ["score", "cost_usd"])
def test_a_prompt_without_a_score_or_a_cost_is_dropped_and_counted(column):
    matrix = load_matrix(changed(1, **{column: None}))
    assert (matrix.n_prompts, matrix.dropped) == (2, 1)
    assert matrix.task_types == ("code",)  # a type of which nothing is left is left out
    assert matrix.type.tolist() == [0, 0]


def test_a_prompt_that_a_model_never_answered_is_dropped_and_counted():
    matrix = load_matrix(table(ROWS[:-1]))
    assert (matrix.n_prompts, matrix.dropped) == (2, 1)
    assert load_matrix(table(ROWS[:-1]), ("small",)).dropped == 0  # where that model is not asked for, it stays


def test_splits_are_kept_by_prompt_and_survive_dropping():
    found = load_matrix(table(ROWS[:-1], split=["val", "val", "test", "test", "val"]))
    assert found.split.tolist() == ["test", "val"]
    assert found.in_split("val").score.tolist() == [[1.0, 0.5]]
    assert found.in_split("val").dropped == 1


@pytest.mark.parametrize(("lacking", "told"), [(1, "column score;"), (2, "columns score, cost_usd;")])
def test_a_missing_column_is_named_beside_those_there_are(lacking, told):
    kept = table().select(NAMES[:3] if lacking == 2 else ("prompt_id", "task_type", "model", "cost_usd"))
    with pytest.raises(DataError, match=rf"lacks the {told} it has prompt_id, task_type, model"):
        load_matrix(kept)


def test_an_empty_table_is_refused():
    with pytest.raises(DataError, match="the table is empty"):
        load_matrix(table(()))


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("score", 1.5, r"'score' must be in \[0, 1\] or null; 1 rows are not, the first has 1.5"),
        ("score", -0.1, r"'score' must be in \[0, 1\].*-0.1"),
        ("score", np.nan, r"'score' must be in \[0, 1\].*nan"),
        ("score", np.inf, r"'score' must be in \[0, 1\].*inf"),
        ("cost_usd", -1.0, "'cost_usd' must be a finite number of dollars, 0 or more.*-1.0"),
        ("cost_usd", np.inf, "'cost_usd' must be a finite number of dollars.*inf"),
        ("cost_usd", np.nan, "'cost_usd' must be a finite number of dollars.*nan"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_its_prompt_and_model(column, value, told):
    with pytest.raises(DataError, match=told + r".*prompt_id 'p1', model 'small'"):
        load_matrix(changed(2, **{column: value}))


@pytest.mark.parametrize("column", ["score", "cost_usd"])
def test_text_where_numbers_belong_is_refused(column):
    rows = [tuple("good" if n == column else v for n, v in zip(NAMES, row, strict=True)) for row in ROWS]
    with pytest.raises(DataError, match=f"column '{column}' must hold numbers"):
        load_matrix(table(rows))


@pytest.mark.parametrize("column", ["prompt_id", "task_type", "model"])
def test_a_row_without_its_prompt_type_or_model_is_refused(column):
    with pytest.raises(DataError, match=f"1 rows have no {column}"):
        load_matrix(changed(3, **{column: None}))


def test_an_unknown_model_is_told_with_the_nearest():
    with pytest.raises(UnknownModelError, match="unknown model 'smal'; did you mean 'small'"):
        load_matrix(table(), ("large", "smal"))


def test_a_model_named_twice_is_refused():
    with pytest.raises(DataError, match="a model is named twice: small, large, small"):
        load_matrix(table(), ("small", "large", "small"))


def test_a_doubled_row_is_told_with_its_prompt_and_model():
    with pytest.raises(DataError, match=r"1 \(prompt_id, model\) pairs occur more than once.*\('p1', 'large'\)"):
        load_matrix(table([*ROWS, ROWS[3]]))


def test_an_agent_column_tells_rows_apart_that_are_otherwise_doubled():
    rows = [*ROWS, *((p, t, m, 0.0, 9.0) for p, t, m, _, _ in ROWS)]
    matrix = load_matrix(table(rows, agent=["swift"] * 6 + ["thorough"] * 6))
    assert matrix.models == ("swift/large", "swift/small", "thorough/large", "thorough/small")
    assert matrix.score[0].tolist() == [0.25, 0.0, 0.0, 0.0]
    assert matrix.cost_usd[0].tolist() == [0.06, 0.02, 9.0, 9.0]
    assert load_matrix(table(rows, agent=["swift"] * 6 + ["thorough"] * 6), ("thorough/small",)).n_prompts == 3


def test_an_agent_column_that_is_not_needed_changes_no_name():
    assert load_matrix(table(agent=["swift"] * 6)).models == ("large", "small")


def test_rows_that_even_an_agent_column_does_not_tell_apart_are_refused():
    with pytest.raises(DataError, match="occur more than once"):
        load_matrix(table([*ROWS, ROWS[3]], agent=["swift"] * 7))


def test_a_prompt_of_two_task_types_is_refused():
    with pytest.raises(DataError, match="prompt_id 'p2' has more than one task_type"):
        load_matrix(changed(1, task_type="code"))


def test_where_nothing_is_left_the_models_that_lack_most_are_told():
    rows = [("p1", "chat", "a", 1.0, 1.0), ("p2", "chat", "b", 1.0, 1.0), ("p3", "chat", "b", 1.0, 1.0)]
    with pytest.raises(DataError, match="no prompt has a score and a cost from every model; lacking most: a on 67%"):
        load_matrix(table(rows))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none\.parquet"):
        load_matrix(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="there is no file"):
        load_matrix(tmp_path)


def test_a_file_that_is_not_parquet_is_told(tmp_path):
    (tmp_path / "t.parquet").write_text("prompt_id,score\n")
    with pytest.raises(DataError, match=r"t\.parquet is not a Parquet file"):
        load_matrix(tmp_path / "t.parquet")


def test_an_unknown_split_is_told_with_the_nearest_and_a_table_without_splits_says_so():
    found = load_matrix(table(split=["val"] * 4 + ["test"] * 2))
    with pytest.raises(DataError, match="no prompt is in split 'tset'; did you mean 'test'"):
        found.in_split("tset")
    with pytest.raises(DataError, match="there is no column 'split', so no split 'val'"):
        load_matrix(table()).in_split("val")
