"""Learnt evaluations: kept once each, whole or not at all, for nobody else to read, and summed for given models."""

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Catalog
from selector.config import Config
from selector.errors import SchemaVersionError, StateError
from selector.store import (
    Evaluated,
    Files,
    LearntFile,
    forget_evaluations,
    learn_evaluations,
    learnt_files,
    learnt_priors,
)
from selector.store._parquet import read_checked, to_bytes

FREE = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
MODELS = [
    *Catalog.of(
        Config.load(
            {
                "models": {
                    "sonnet": {"id": "claude-sonnet-4-6", "was": "old", **FREE},
                    "one": {"id": "gpt-5.4", **FREE},
                    "two": {"id": "gpt-5.4", **FREE},
                }
            }
        )
    )
]


def cell(model="sonnet", task_type="coding", n=4, mean=0.5, **more):
    return Evaluated(model=model, task_type=task_type, n=n, score_sum=n * mean, score_squares=n * mean, **more)


def file(name="a.parquet", *cells, weight=0.3, digest=None):
    place, digest = f"/data/{name}", digest or f"digest of {name}"
    return LearntFile(name=name, place=place, digest=digest, weight=weight, at_s=1.7e9, cells=cells or (cell(),))


class Broken(Files):
    """Refuses to give a file its final name, as where the process dies before."""

    def rename(self, source, target):
        raise OSError(5, f"{source} is not renamed to {target}")


def test_what_is_learnt_comes_back_and_is_for_its_owner_alone(tmp_path):
    learnt = file("a.parquet", cell(n_tokens=2, output_tokens=30.0, n_costs=1, cost_usd=0.5), cell("one", "chat", 7, 1))
    assert not learn_evaluations(tmp_path, learnt)
    assert learnt_files(tmp_path) == (learnt,)
    assert stat.S_IMODE((tmp_path / "priors.parquet").stat().st_mode) == 0o600


def test_anyone_can_open_it_as_parquet(tmp_path):
    import pyarrow.parquet as pq

    learn_evaluations(tmp_path, file())
    table = pq.read_table(tmp_path / "priors.parquet")
    assert table.column_names[:5] == ["file", "model", "task_type", "n", "score_sum"]
    assert all(field.metadata[b"doc"] for field in table.schema)


def test_the_same_file_by_place_or_bytes_is_replaced_and_others_add_up(tmp_path):
    learn_evaluations(tmp_path, file("a.parquet"))
    assert not learn_evaluations(tmp_path, file("b.parquet"))
    changed = file("a.parquet", cell(n=9), digest="other bytes")
    assert learn_evaluations(tmp_path, changed)
    moved = replace(file("c.parquet", weight=1.0), digest="digest of b.parquet")
    assert learn_evaluations(tmp_path, moved)
    assert learnt_files(tmp_path) == (changed, moved)


def test_where_writing_fails_what_was_there_stays(tmp_path):
    learn_evaluations(tmp_path, file("a.parquet"))
    with pytest.raises(OSError, match="is not renamed"):
        learn_evaluations(tmp_path, file("b.parquet"), Broken())
    assert [each.name for each in learnt_files(tmp_path)] == ["a.parquet"]
    assert learn_evaluations(tmp_path, file("a.parquet", weight=1.0))


@pytest.mark.parametrize("which", ["a.parquet", "/data/a.parquet", "digest of a.parquet"])
def test_one_file_is_forgotten_by_name_place_or_digest(tmp_path, which):
    for name in ("a.parquet", "b.parquet"):
        learn_evaluations(tmp_path, file(name))
    assert forget_evaluations(tmp_path, ["nothing"]) == ()
    assert forget_evaluations(tmp_path, [which]) == ("a.parquet",)
    assert [each.name for each in learnt_files(tmp_path)] == ["b.parquet"]
    assert forget_evaluations(tmp_path, ["b.parquet"]) == ("b.parquet",)
    assert not (tmp_path / "priors.parquet").exists()


def test_all_are_forgotten_also_what_is_damaged(tmp_path):
    learn_evaluations(tmp_path, file())
    path = tmp_path / "priors.parquet"
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    with pytest.raises(StateError, match=r"priors\.parquet is damaged.*learn --forget"):
        learnt_files(tmp_path)
    with pytest.raises(StateError, match="is damaged"):
        learn_evaluations(tmp_path, file("b.parquet"))
    assert forget_evaluations(tmp_path) == ("priors.parquet",)
    assert learnt_files(tmp_path) == ()
    assert forget_evaluations(tmp_path) == ()


def test_what_a_newer_version_wrote_is_refused(tmp_path):
    learn_evaluations(tmp_path, file())
    path = tmp_path / "priors.parquet"
    table, note = read_checked(path)
    path.write_bytes(to_bytes(table, note | {"version": 2}))
    with pytest.raises(SchemaVersionError, match="version 2, and this is version 1"):
        learnt_files(tmp_path)


def test_sums_are_weighted_and_go_to_the_models_that_are_meant(tmp_path):
    told = [
        cell("sonnet", "coding", 4, 0.5, n_tokens=2, output_tokens=100.0),
        cell("Claude Sonnet 4.6", "coding", 6, 1.0, n_costs=1, cost_usd=0.2),
        cell("old", "chat", 10, 0.0),
        cell("GPT-5.4", "chat", 10, 0.0),
        cell("gpt-9", "chat", 10, 0.0),
        cell("sonnet", "poems", 10, 0.0),
    ]
    learn_evaluations(tmp_path, file("a.parquet", *told, weight=0.5))
    learn_evaluations(tmp_path, file("b.parquet", cell("two", "chat", 3, 1.0), weight=1.0))
    found = learnt_priors(learnt_files(tmp_path), MODELS, ["chat", "coding"])
    assert found.success.shape == (3, 2, 3)
    assert found.success[:, 1, 0].tolist() == [5.0, 4.0, 4.0]
    assert found.success[:, 0, 0].tolist() == [5.0, 0.0, 0.0]
    assert found.success[:, 0, 2].tolist() == [3.0, 3.0, 3.0]
    assert found.success[:, :, 1].tolist() == np.zeros((3, 2)).tolist()
    assert found.tokens[:, 1, 0].tolist() == [1.0, 50.0]
    assert found.cost_usd[:, 1, 0].tolist() == [0.5, 0.1]
    assert found.unknown_models == {"GPT-5.4": ("one", "two"), "gpt-9": ()}
    assert found.unknown_types == ("poems",)


CELLS = st.builds(
    cell,
    st.sampled_from(["sonnet", "one", "two", "strange"]),
    st.sampled_from(["chat", "coding", "poems"]),
    st.integers(0, 50),
    st.floats(0, 1),
)


@given(
    st.lists(st.tuples(st.lists(CELLS, min_size=1, max_size=4), st.floats(0.01, 1)), max_size=4),
    st.permutations(range(4)),
)
def test_the_order_of_files_changes_nothing_but_rounding(tmp_path_factory, told, order):
    files = [file(f"{i}.parquet", *cells, weight=weight) for i, (cells, weight) in enumerate(told)]
    sums = []
    for each in (files, [files[i] for i in order if i < len(files)]):
        root = tmp_path_factory.mktemp("state")
        for one in each:
            learn_evaluations(root, one)
        sums.append(learnt_priors(learnt_files(root), MODELS, ["coding", "chat"]).success)
    assert np.allclose(sums[0], sums[1])
    assert (sums[0] >= 0).all()


def test_nothing_is_learnt_where_there_is_no_folder():
    found = learnt_priors(learnt_files(Path("nowhere")), MODELS, ["chat"])
    assert (found.success.sum(), found.tokens.shape, found.unknown_types) == (0, (2, 1, 3), ())
