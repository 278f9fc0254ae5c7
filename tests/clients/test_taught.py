"""A user's own evaluations as priors of tokens: as they were counted, else from what was paid, at the prices then."""

from datetime import UTC, datetime

import numpy as np
import pytest

from selector._clients.choice._taught import Taught
from selector.catalog import Catalog
from selector.config import Config
from selector.store import Evaluated, LearntFile

MODELS = {
    "cheap": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 4},
    "dear": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "usd_per_call": 0.001},
    "falls": {"prices": [
        {"from": "2025-01-01", "usd_per_mtok_in": 1, "usd_per_mtok_out": 10},
        {"from": "2026-01-01", "usd_per_mtok_in": 1, "usd_per_mtok_out": 5},
    ]},
    "free": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0},
    "home": {},
}  # fmt: skip
CHEAP, DEAR, FALLS, FREE, HOME = range(5)


@pytest.fixture(scope="module")
def models():
    with pytest.warns(match="no price is known of home"):
        return list(Catalog.of(Config.load({"models": MODELS})))


def file(*cells, weight=1.0, day=datetime(2026, 6, 1, tzinfo=UTC)):
    found = tuple(
        Evaluated(model=model, task_type=type_, n=0, score_sum=0.0, score_squares=0.0, **of)
        for model, type_, of in cells
    )
    return LearntFile(name="a", place=f"/{weight}{day}", digest="d", weight=weight, at_s=day.timestamp(), cells=found)


def tokens(n, total):
    return {"n_tokens": n, "output_tokens": total}


def paid(n, total):
    return {"n_costs": n, "cost_usd": total}


def taught(models, *files, usual=0.0):
    """Return the sums of all models on coding."""
    found = Taught(files, models, ["chat", "coding"]).tokens(np.array([0.0, usual]))
    assert not found[:, 0].any()
    return found[:, 1].T.round(9).tolist()


def test_tokens_that_were_counted_are_taken_and_not_what_they_cost(models):
    found = taught(models, file(("cheap", "coding", {**tokens(10, 5000.0), **paid(10, 9.0)}), weight=0.3))
    assert found[CHEAP] == [3.0, 1500.0]
    assert found[DEAR] == [0.0, 0.0]


@pytest.mark.parametrize(("usual", "total"), [(0, 9000.0), (1000, 7000.0), (10**6, 0.0)])
def test_what_was_paid_is_output_tokens_less_the_call_and_a_usual_input_by_hand(models, usual, total):
    """(.145 - 10 (.001 + usual 3e-6)) / 15e-6, and none where the input alone costs more."""
    assert taught(models, file(("dear", "coding", paid(10, 0.145))), usual=usual)[DEAR] == [10.0, total]


def test_what_was_paid_counts_by_its_weight(models):
    assert taught(models, file(("cheap", "coding", paid(10, 0.04)), weight=0.3))[CHEAP] == [3.0, 3000.0]


@pytest.mark.parametrize(("year", "total"), [(2025, 4000.0), (2026, 8000.0)])
def test_it_is_priced_as_on_the_day_it_was_learnt_on(models, year, total):
    day = datetime(year, 6, 1, tzinfo=UTC)
    assert taught(models, file(("falls", "coding", paid(10, 0.04)), day=day))[FALLS] == [10.0, total]


def test_a_model_without_prices_learns_dollars_and_no_tokens(models):
    found = taught(models, file(("home", "coding", {**tokens(10, 5000.0), **paid(4, 0.5)})), usual=700)
    assert found[HOME] == [4.0, 0.5]


def test_what_was_paid_for_a_model_that_costs_nothing_says_nothing_of_its_tokens(models):
    assert taught(models, file(("free", "coding", paid(4, 0.5))))[FREE] == [0.0, 0.0]
    assert taught(models, file(("free", "coding", tokens(4, 50.0))))[FREE] == [4.0, 50.0]


def test_files_add_up_whether_they_counted_tokens_or_dollars(models):
    files = [file(("cheap", "coding", tokens(2, 600.0))), file(("cheap", "coding", paid(3, 0.012)), weight=0.5)]
    assert taught(models, *files)[CHEAP] == [3.5, 2100.0]


def test_without_a_file_there_is_nothing(models):
    assert not Taught([], models, ["coding"]).tokens(np.array([90.0])).any()
