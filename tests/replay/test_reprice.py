"""A log at another price list: the same decisions, and what they would have cost."""

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.catalog import Prices
from selector.config import Config
from selector.errors import DataError, UnknownModelError
from selector.records import Usage
from selector.replay import Columns, arrays, load, load_foreign, models_of, repriced, repricing_of
from selector.replay.logs._published import per_model

pa = pytest.importorskip("pyarrow")

OLD = {
    "small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.4},
    "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "usd_per_mtok_cache_read": 0.3},
}
NEW = {
    "small": {"usd_per_mtok_in": 0.2, "usd_per_mtok_out": 0.2, "usd_per_call": 0.001},
    "large": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 20, "usd_per_mtok_cache_read": 0.1},
}
MINE = Columns(
    at="at",
    task_type="kind",
    model="llm",
    cost_usd="usd",
    input_tokens="into",
    output_tokens="out",
    status="how",
)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Load the log of a selector: single calls with and without tokens, chains, failures, and what nobody reported."""
    folder, rng = tmp_path_factory.mktemp("log") / "state", np.random.default_rng(2)
    with Selector.open({"models": OLD, "budgets": [{"usd_per_request": 0.005}]}, state=folder, seed=1) as selector:
        for i in range(120):
            one = selector.select(Task("ab"[i % 2], input_tokens=1000))
            other = "large" if one.model == "small" else "small"
            read = int(rng.integers(0, 400)) if one.model == "large" else 0
            used = {"input_tokens": 1000 - read, "cache_read_tokens": read, "output_tokens": int(rng.integers(50, 500))}
            if i % 10 == 1:
                selector.record(one, Outcome(error="rate_limited"))
                selector.record(one, Outcome(route=other, input_tokens=1000, output_tokens=100, score=1.0))
            elif i % 10 == 2:
                selector.record(one, Outcome(error="invalid_answer", cost_usd=0.002, **used))
                selector.record(one, Outcome(route=other, input_tokens=1000, output_tokens=100, score=1.0))
            elif i % 10 == 3:
                selector.record(one, Outcome(error="rate_limited"))
            elif i % 10 == 4:
                selector.record(one, Outcome(cost_usd=0.003, score=1.0))
            elif i % 10 != 5:
                selector.record(one, Outcome(**used, score=float(rng.random() < 0.7)))
    return load(folder)


def rows(expect=(0.1, 0.2), **columns):
    """Give a foreign table of four calls of two models."""
    base = {
        "at": [f"2026-03-0{i + 1}T12:00:00" for i in range(4)],
        "kind": ["a"] * 4,
        "llm": ["x", "x", "y", "y"],
        "usd": [0.1, 0.2, 0.3, 0.4],
        "into": [1000, 1000, 1000, 300_000],
        "out": [100, 200, 300, 400],
        "how": ["ok"] * 4,
    }
    table = load_foreign(pa.table(base | columns), MINE)
    place = table.schema.get_field_index("expected_costs_usd")
    return table.set_column(place, table.schema.field(place), per_model(np.tile(expect, (4, 1))))


def priced(keys, row):
    usage = Usage(**{name: row[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens")})
    return Prices.of(keys).cost_usd(usage, at=row["at"])


def test_a_call_with_tokens_costs_what_the_list_says_of_them(logged):
    new = repriced(logged, NEW).to_pylist()
    some = [(a, b) for a, b in zip(logged.to_pylist(), new, strict=True) if not a["attempts"] and a["output_tokens"]]
    assert len(some) == 60
    for before, after in some:
        assert after["cost_usd"] == pytest.approx(priced(NEW[before["model"]], before), abs=2e-9)


def test_at_the_prices_it_was_made_at_a_log_costs_what_it_did(logged):
    """To two nano-dollars, since a cost is rounded up; the bill that was no price of tokens is scaled by 1."""
    for prices in (OLD, Config.load({"models": OLD}), dict.fromkeys(OLD, 1.0)):
        same = repriced(logged, prices)
        old, new = logged["cost_usd"].to_numpy(), same["cost_usd"].to_numpy()
        np.testing.assert_allclose(new, old, atol=2e-9, rtol=1e-4)
        for a, b in zip(logged["expected_costs_usd"].to_pylist(), same["expected_costs_usd"].to_pylist(), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4)


def test_a_factor_is_exact_for_every_attempt_of_its_model(logged):
    factors = {"small": 2.0, "large": 0.5}
    new = repriced(logged, factors)
    models = models_of(logged)
    for before, after in zip(logged.to_pylist(), new.to_pylist(), strict=True):
        calls = before["attempts"] or [{"model": before["model"], "cost_usd": before["cost_usd"]}]
        if before["cost_usd"] is None:
            assert after["cost_usd"] is None
            continue
        wanted = [factors[call["model"]] * (call["cost_usd"] or 0.0) for call in calls]
        assert after["cost_usd"] == pytest.approx(sum(wanted), rel=1e-12, abs=1e-15)
        if before["attempts"]:
            assert [call["cost_usd"] or 0.0 for call in after["attempts"]] == pytest.approx(wanted, rel=1e-12)
        factor = [factors[name] for name in models]
        assert after["expected_costs_usd"] == pytest.approx(np.multiply(before["expected_costs_usd"], factor))
        assert after["expected_cost_usd"] == pytest.approx(factors[before["model"]] * before["expected_cost_usd"])
    assert repricing_of(new).n_scaled == 0
    assert repricing_of(logged) is None


def test_a_chain_is_priced_call_by_call_each_by_its_own_model(logged):
    """After a refused call one model did all: its tokens are priced; where two were paid, each is scaled by its own."""
    new = repriced(logged, NEW)
    pairs = [(a, b) for a, b in zip(logged.to_pylist(), new.to_pylist(), strict=True) if a["attempts"]]
    exact = [(a, b) for a, b in pairs if a["failure"] == "rate_limited"]
    mixed = [(a, b) for a, b in pairs if a["failure"] == "invalid_answer"]
    assert len(exact) >= 10
    assert len(mixed) >= 10
    for before, after in exact:
        answered = before["attempts"][1]["model"]
        assert after["cost_usd"] == pytest.approx(priced(NEW[answered], before), abs=2e-9)
        assert after["attempts"][1]["cost_usd"] == after["cost_usd"]
    alone = [row for row in logged.to_pylist() if not row["attempts"] and row["output_tokens"]]
    change = {
        model: sum(priced(NEW[model], row) for row in alone if row["model"] == model)
        / sum(row["cost_usd"] for row in alone if row["model"] == model)
        for model in NEW
    }
    for before, after in mixed:
        wanted = [change[call["model"]] * call["cost_usd"] for call in before["attempts"]]
        assert [call["cost_usd"] for call in after["attempts"]] == pytest.approx(wanted, rel=1e-4)
        assert after["cost_usd"] == pytest.approx(sum(wanted), rel=1e-4)
    said = repricing_of(new)
    bills = sum(not row["output_tokens"] and row["score"] is not None for row in logged.to_pylist())
    assert said.n_scaled >= len(mixed) + bills
    assert sum(said) == 120


def test_what_cost_nothing_for_it_failed_costs_nothing_and_the_unknown_stays_unknown(logged):
    for before, after in zip(logged.to_pylist(), repriced(logged, NEW).to_pylist(), strict=True):
        if before["status"] == "failed":
            assert after["cost_usd"] == 0
        if before["status"] == "unreported":
            assert after["cost_usd"] is None


def test_only_costs_change(logged):
    new = repriced(logged, NEW)
    changed = {"cost_usd", "attempts", "expected_costs_usd", "expected_cost_usd"}
    kept = [name for name in logged.column_names if name not in changed]
    assert new.select(kept).equals(logged.select(kept))
    assert new.schema.equals(logged.schema)
    log = arrays(new).checked()
    np.testing.assert_array_equal(log.cost_usd, new["cost_usd"].to_numpy())


def test_expected_costs_change_as_earlier_calls_did_and_nothing_later_is_in_them(logged):
    """Other tokens from row 60 on change no expected cost up to row 60."""
    before = np.array(repriced(logged, NEW)["expected_costs_usd"].to_pylist())
    place = logged.schema.get_field_index("output_tokens")
    out = logged["output_tokens"].to_pylist()
    out[60:] = [value and value * 9 for value in out[60:]]
    late = logged.set_column(place, logged.schema.field(place), pa.array(out))
    after = np.array(repriced(late, NEW)["expected_costs_usd"].to_pylist())
    np.testing.assert_array_equal(after[:61], before[:61])
    assert (after[61:] != before[61:]).any()
    assert (before != np.array(logged["expected_costs_usd"].to_pylist())).all()


def test_prices_by_length_and_by_date_hold_for_the_calls_they_are_of():
    list_ = {
        "usd_per_mtok_in": 1,
        "usd_per_mtok_out": 10,
        "tiers": [{"above_tokens": 200_000, "usd_per_mtok_in": 2}],
        "prices": [{"from": "2026-03-02", "usd_per_mtok_out": 20}],
    }
    table = rows()
    new = repriced(table, {"x": list_, "y": list_})
    for row, cost in zip(table.to_pylist(), new["cost_usd"].to_pylist(), strict=True):
        assert cost == pytest.approx(priced(list_, row), abs=2e-9)


def test_a_model_that_was_free_is_expected_to_cost_what_its_calls_would_have():
    table = rows(usd=[0.0, 0.0, 0.3, 0.4], expect=(0.0, 0.2), into=[0] * 4)
    new = repriced(table, {"x": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 1000}, "y": 1})
    assert new["cost_usd"].to_pylist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    x = [row[models_of(new).index("x")] for row in new["expected_costs_usd"].to_pylist()]
    assert x == pytest.approx([0.1, 0.1, 0.15, 0.15])


def test_a_call_without_tokens_is_scaled_and_one_that_was_free_then_is_not_known():
    gap = {"into": [1000, None, None, 0], "out": [100, None, None, 400]}
    keys = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 2000}
    assert repriced(rows(**gap), {"x": keys, "y": 1})["cost_usd"].to_pylist() == pytest.approx([0.2, 0.4, 0.3, 0.4])
    free = repriced(rows(**gap, usd=[0.0, 0.0, 0.3, 0.4]), {"x": keys, "y": 1})
    assert free["cost_usd"].to_pylist() == [pytest.approx(0.2), None, pytest.approx(0.3), pytest.approx(0.4)]
    assert repricing_of(free) == (3, 0, 1)


@pytest.mark.parametrize(
    ("prices", "error", "said"),
    [
        ({"x": 1.0}, DataError, "nothing is said of 'y'"),
        ({"x": 1.0, "y": 1.0, "z": 2.0}, UnknownModelError, "'z'"),
        ({"x": 1.0, "y": -1.0}, DataError, r"prices\['y'\] is -1.0; give a factor of at least 0"),
        ({"x": 1.0, "y": {"usd_per_mtok_in": 1}}, DataError, r"prices\['y'\]: .*usd_per_mtok_out"),
        (Config.load({"models": {"x": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 1}}}), DataError, "said of 'y'"),
    ],
)
def test_a_list_that_does_not_fit_the_log_says_where(prices, error, said):
    with pytest.raises(error, match=said):
        repriced(rows(), prices)


def test_where_no_call_has_tokens_a_list_of_prices_cannot_be_applied_and_a_factor_can():
    bare = rows(into=[None] * 4, out=[None] * 4)
    keys = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}
    with pytest.raises(DataError, match=r"'x'.*give a factor"):
        repriced(bare, {"x": keys, "y": keys})
    assert repriced(bare, {"x": 2, "y": 0.5})["cost_usd"].to_pylist() == pytest.approx([0.2, 0.4, 0.15, 0.2])


def test_a_model_that_was_never_called_has_unknown_expected_costs_at_prices_and_known_ones_by_a_factor():
    keys = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2}
    never = rows().slice(0, 2)  # both of x
    assert models_of(never) == ("x", "y")
    listed = repriced(never, {"x": 1, "y": keys})
    assert listed["cost_usd"].to_pylist() == never["cost_usd"].to_pylist()
    assert listed["expected_costs_usd"].to_pylist() == [[pytest.approx(0.1), None]] * 2
    assert repriced(never, {"x": 1, "y": 3})["expected_costs_usd"][0].as_py() == pytest.approx([0.1, 0.6])


def test_input_that_nobody_reported_is_as_long_as_the_task_said(tmp_path):
    """The live cost went by it, and so does the new one: twice the price costs twice as much."""
    double = {name: {key: 2 * usd for key, usd in prices.items()} for name, prices in OLD.items()}
    with Selector.open({"models": OLD}, state=tmp_path / "state", seed=1) as selector:
        for name in OLD:
            task = Task("a", input_tokens=300, only=[name])
            selector.record(selector.select(task), Outcome(output_tokens=228))
    table = load(tmp_path / "state")
    np.testing.assert_allclose(repriced(table, double)["cost_usd"], 2 * table["cost_usd"].to_numpy())
