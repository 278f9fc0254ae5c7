"""Ids of a log get the numbers that a dictionary gives them, whether they count or not."""

import numpy as np
import pytest

from selector.replay.logs._ids import _counted, numbered

HEAD = "018bcfe568007249bf920124ce1aa197-"


def column(*pieces):
    """Give an Arrow column of strings."""
    import pyarrow as pa

    return pa.chunked_array([pa.array(each, pa.string()) for each in pieces], pa.string())


def by_dictionary(ids):
    return [-1 if each is None else [*dict.fromkeys(x for x in ids if x is not None)].index(each) for each in ids]


def counting(rng, n=200):
    """Give ids of three processes, each decision's up to three times, in any order."""
    heads = [HEAD, HEAD.replace("0", "f"), "short-"]
    return [f"{heads[rng.integers(3)]}{rng.integers(1, 90):08x}" for _ in range(n)]


@pytest.mark.parametrize("seed", range(5))
def test_ids_that_count_are_numbered_without_a_dictionary_as_it_would(seed):
    rng = np.random.default_rng(seed)
    ids = sorted(counting(rng), key=len)
    cut = sum(len(each) < 20 for each in ids)  # of one length in each piece
    pieces = column(ids[:cut], [], ids[cut:])
    assert _counted(pieces) is not None
    assert numbered(pieces).tolist() == by_dictionary(ids)
    assert numbered(pieces.slice(7)).tolist() == by_dictionary(ids[7:])


@pytest.mark.parametrize(
    "other",
    [None, "", "task-1", HEAD, f"{HEAD}0000000A", f"{HEAD}0000000g", f"{HEAD}000000é", "00000001", f"{HEAD}ffffffff"],
)
def test_one_id_that_does_not_count_is_told_apart_from_all_others(other):
    ids = [f"{HEAD}{i:08x}" for i in (1, 2, 10, 1)]
    mixed = [*ids, other, *ids]
    assert _counted(column(mixed)) is None
    assert numbered(column(mixed)).tolist() == by_dictionary(mixed)


def test_no_ids_have_no_numbers():
    assert numbered(column()).tolist() == []
    assert numbered(column([])).tolist() == []
