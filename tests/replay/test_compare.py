"""Policies compared on a log: against the truth, against what was done, and never said more than is known."""

import json
import math
import re
from functools import cache

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.errors import ConfigError, DataError, UnknownModelError, UnknownTaskTypeError
from selector.replay import Columns, CompareOptions, compare, load, load_foreign, narrowed, policy_of, repriced

pa = pytest.importorskip("pyarrow")

RATES = {"chat": (0.70, 0.80, 0.90), "coding": (0.20, 0.50, 0.80)}
CHANCES = (0.4, 0.3, 0.3)
DOLLARS = (0.001, 0.002, 0.004)
NAMES = np.array(["small", "middle", "large"])
WHICH = Columns(at="when", model="llm", task_type="kind", propensity="p", score="good", cost_usd="usd")


@cache
def plainly(n, seed):
    return made(n, seed, {})


def drawn(n=4000, seed=0, **columns):
    """Draw calls whose success rates are known, 60 % of them chats; other columns replace these."""
    return made(n, seed, columns) if columns else plainly(n, seed)


def made(n, seed, columns):
    rng = np.random.default_rng(seed)
    arm, kind = rng.choice(3, n, p=CHANCES), (rng.random(n) < 0.4).astype(int)
    rate = np.array([*RATES.values()])
    rows = {
        "when": 1.77e9 + 60.0 * np.arange(n),
        "llm": NAMES[arm],
        "kind": np.array([*RATES])[kind],
        "p": np.array(CHANCES)[arm],
        "good": (rng.random(n) < rate[kind, arm]).astype(float),
        "usd": np.array(DOLLARS)[arm] * rng.uniform(0.9, 1.1, n),
    }
    return load_foreign(pa.table(rows | columns), WHICH)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve tasks of two types by a selector without a budget, whose floor keeps all models tried."""
    folder = tmp_path_factory.mktemp("served") / "state"
    models = {name: {"usd_per_mtok_in": 1.0, "usd_per_mtok_out": 4.0 * 3**k} for k, name in enumerate(NAMES.tolist())}
    config = {"models": models, "objective": {"name": "most_success"}, "policy": {"floor": 0.3}}
    rng, moments = np.random.default_rng(1), iter(range(1_770_000_000, 1_780_000_000, 7))
    with Selector.open(config, state=folder, seed=1, clock=lambda: float(next(moments))) as selector:
        for _ in range(1200):
            kind = "coding" if rng.random() < 0.4 else "chat"
            decision = selector.select(Task(kind, input_tokens=300))
            good = rng.random() < RATES[kind][NAMES.tolist().index(decision.model)]
            selector.record(decision, Outcome(success=bool(good), output_tokens=int(rng.integers(200, 400))))
    return load(folder)


@pytest.mark.parametrize(
    ("word", "name", "models", "at"),
    [
        ("logging", "logging", (), None),
        ("qwen:7b", "fixed:qwen:7b", ("qwen:7b",), None),
        ("fixed:qwen:7b", "fixed:qwen:7b", ("qwen:7b",), None),
        ("fixed:ours", "fixed:ours", ("ours",), None),
        ("ours", "ours", (), None),
        (" without:small , qwen:7b,small ", "without:small,qwen:7b", ("small", "qwen:7b"), None),
        ("frozen", "frozen", (), None),
        ("greedy:2026-03-10T12:00", "greedy:2026-03-10T12:00", (), "2026-03-10T12:00"),
    ],
)
def test_a_word_is_read_as_the_policy_it_means(word, name, models, at):
    found = policy_of(word, ["small", "qwen:7b", "ours", "large"])
    assert (found.name, found.models, found.at) == (name, models, at)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("unifrom", "policy: there is no policy 'unifrom'; did you mean 'uniform'?"),
        ("lrge", "policy: there is no policy 'lrge'; did you mean 'large'?"),
        ("fixed:lrge", "policy: unknown model 'lrge'; did you mean 'large'?"),
        ("without:small,midle", "policy: unknown model 'midle'; did you mean 'middle'?"),
        ("fixed", "policy: 'fixed' must be written fixed:small"),
        ("without: ,", "policy: 'without:,' must be written without:small"),
        ("without:small,middle,large", "policy: 'without:small,middle,large' leaves no model to choose"),
        ("ours:now", "policy: 'ours:now' must be written ours, without a colon"),
        ("frozen:", "policy: 'frozen:' must be written frozen:2026-03-10 or without a colon"),
    ],
)
def test_a_word_that_is_no_policy_is_answered_with_the_nearest(word, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        policy_of(word, NAMES.tolist())


def test_values_costs_and_differences_are_the_true_ones():
    """All of 24 z-scores over 4 logs stay below 4; by chance one does not with probability .0016."""
    share, rate = np.array([0.6, 0.4]), np.array([*RATES.values()])
    logged = float(share @ rate @ np.array(CHANCES))
    worst = 0.0
    for seed in range(4):
        found = compare(drawn(seed=seed))
        for k, name in enumerate(NAMES.tolist()):
            d, row = found.difference(f"fixed:{name}"), found.row(f"fixed:{name}")
            truth = float(share @ rate[:, k])
            worst = max(worst, abs(row.value.value - truth) / row.value.se, abs(d.value - (truth - logged)) / d.se)
            assert row.cost.value == pytest.approx(DOLLARS[k], rel=0.02)
    assert worst < 4


def test_what_task_types_add_is_the_whole_difference_and_the_largest_stands_first():
    found = compare(drawn(), ["large", "small"])
    for name in ("fixed:large", "fixed:small"):
        for outcome in ("success", "cost"):
            own = [d for d in found.drivers if (d.policy, d.outcome) == (name, outcome)]
            whole = found.difference(name, outcome).value
            assert sum(d.contribution for d in own) == pytest.approx(whole, abs=1e-12)
            assert all(d.low <= d.contribution <= d.high for d in own)
            assert [abs(d.contribution) for d in own] == sorted((abs(d.contribution) for d in own), reverse=True)
    assert found.drivers[0].task_type == "coding"


def test_the_answer_is_the_best_supported_policy_that_costs_no_more():
    found = compare(drawn(), ["small", "middle", "large"], budgets=())
    assert found.best is not None
    assert found.best.policy == "fixed:middle"  # .69 for 0.002: the log had .62 for 0.0022
    assert re.match(
        r"fixed:middle would have succeeded \.\d{3} \[\.\d{3}, \.\d{3}\] at 0\.002\d* USD; "
        r"as logged \.\d{3} at 0\.002\d*: \+\.\d{3} \[-\.\d{3}, \+\.\d{3}\], no difference shown$",
        found.answer,
    )
    alone = compare(drawn(), ["large"])
    assert "fixed:large would have succeeded" in alone.answer
    assert alone.answer.endswith("], higher")
    assert compare(drawn(), ["large", "small"], price=200.0).best.policy == "fixed:small"


def test_without_support_the_answer_has_a_reason_and_no_estimate():
    found = compare(drawn(n=60), ["large", "small"])
    assert found.best is None
    assert found.answer.startswith("the log cannot tell of fixed:large (nor of 1 other): its ")
    assert not re.search(r"would have", found.answer)
    assert found.as_dict()["supported"] is False


def test_the_logging_policy_alone_has_a_row_and_nothing_to_be_compared_with():
    found = compare(drawn(), ["logging"])
    assert ([row.policy for row in found.rows], found.differences, found.drivers) == (["logging"], (), ())
    assert found.answer == "there is no other policy to compare with what was done; name one"


def test_all_of_it_is_plain_values_and_a_file(tmp_path):
    found = compare(drawn(n=500), options=CompareOptions(estimators=("snips", "aw_dr")))
    text = json.dumps(found.as_dict())
    assert json.loads(text)["schema"] == "selector.replay/1"
    assert {each["estimator"] for each in json.loads(text)["others"]} == {"snips", "aw_dr"}
    found.write_parquet(tmp_path / "rows.parquet")
    rows = pa.parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["policy"] for row in rows] == [row.policy for row in found.rows]
    assert rows[0]["difference_value"] is None
    assert rows[1]["difference_value"] == found.difference(rows[1]["policy"]).value


def test_ours_keeps_to_a_budget_and_says_that_the_price_path_is_held(served):
    free, half = compare(served, ["ours"]), compare(served, ["ours"], budgets=["70%", 0.002])
    spent = free.row("logging").cost.value
    assert any(note.startswith("price path held") for note in free.notes)
    assert [row.policy for row in half.rows] == ["logging", "ours at 70%", "ours at 0.002 USD"]
    assert half.rows[1].budget_usd == pytest.approx(0.7 * spent, rel=0.03)
    assert half.rows[1].utilisation == pytest.approx(1.0, abs=0.1)
    assert half.rows[2].cost.value < spent
    assert half.rows[1].cost.value < spent
    assert any("a budget moves the price" in note for note in half.notes)


def test_a_removed_model_is_never_chosen(served):
    found = compare(served, ["without:large"])
    assert found.row("without:large").cost.value < found.row("logging").cost.value
    assert found.difference("without:large").value < 0


def test_policies_that_stop_learning_are_held_against_later_decisions_alone(served):
    found = compare(served, ["frozen", "greedy", "large"], budgets=["90%"])
    assert (found.n, found.n_before) == (600, 600)
    assert found.span[0] == served["at"][600].as_py()
    assert [row.policy for row in found.rows[1:]] == ["frozen at 90%", "greedy at 90%", "fixed:large"]
    assert any("on the 600 decisions after that" in note for note in found.notes)
    when = served["at"][900].as_py().isoformat()
    assert compare(served, [f"greedy:{when}"]).n == 300
    with pytest.raises(DataError, match="2020"):
        compare(served, ["frozen:2020-01-01"])


def test_a_log_without_propensities_is_never_supported():
    table = drawn(p=[None] * 4000)
    found = compare(table, ["large", "uniform"])
    assert {row.verdict.word for row in found.rows} <= {"weak", "none"}
    assert (found.best, found.propensities) == (None, "estimated")
    assert {each["task_type"] for each in found.overlap} == {"chat", "coding"}
    assert all("model-based" in " ".join(each.verdict.reasons) for each in found.others if each.estimator == "dm")
    assert any("nobody logged propensities" in note for note in found.notes)
    with pytest.raises(DataError, match="these were estimated"):
        compare(table, ["large"], options=CompareOptions(anytime=True))


def test_decisions_that_nobody_drew_are_left_out_and_counted():
    p = np.full(4000, 0.3)
    p[::4] = math.nan
    found = compare(drawn(p=pa.array(p, from_pandas=True)), ["large"])
    assert (found.n, dict(found.without_propensity)) == (3000, {"unknown": 1000})


def test_an_answer_that_unjudged_outcomes_could_turn_is_weak():
    plain = drawn()
    good, middle = plain["score"].to_numpy().copy(), plain["model"].cast("string").to_numpy() == "middle"
    good[middle & (np.random.default_rng(5).random(4000) < 0.4)] = math.nan
    found = compare(drawn(good=pa.array(good, from_pandas=True)), ["middle"])
    row = found.row("fixed:middle")
    assert row.value.if_failed < row.value.low < row.value.high < row.value.if_succeeded
    assert found.n_judged == int(np.count_nonzero(~np.isnan(good)))
    assert found.difference("fixed:middle").verdict.word == "weak"
    assert "not to be relied on" in found.answer
    assert any("were not judged" in note for note in found.notes)


def test_intervals_for_all_times_are_wider_and_draw_their_own_conclusions():
    once = compare(drawn(), ["large", "small"])
    always = compare(drawn(), ["large", "small"], options=CompareOptions(anytime=True))
    for one, other in zip(once.rows, always.rows, strict=True):
        assert other.value.low < one.value.low < one.value.high < other.value.high
        assert other.value.value == one.value.value
    for name in ("fixed:large", "fixed:small"):
        d = always.difference(name)
        assert d.low < once.difference(name).low < once.difference(name).high < d.high
        assert math.isnan(d.p_holm)
        assert d.verdict.word == ("supported" if d.high - d.low <= 0.1 else "weak")
    assert always.difference("fixed:large").conclusion == "higher"
    assert always.difference("fixed:large", "cost").p_holm < 0.05


def test_utility_weighs_dollars_by_a_price_or_successes_by_a_worth():
    found = compare(drawn(), ["large"], price=100.0)
    row = found.row("fixed:large")
    assert row.value.value == pytest.approx(row.success.value - 100 * row.cost.value, abs=1e-12)
    found = compare(drawn(), ["large"], worth={"chat": 0.01, "coding": 0.05})
    assert found.row("fixed:large").value.value < 0.05
    assert " USD net at " in found.answer


def test_repriced_logs_cost_what_other_prices_make_of_them(served):
    dear = compare(repriced(served, {"small": 1.0, "middle": 1.0, "large": 10.0}), ["large"])
    plain = compare(served, ["large"])
    assert dear.row("fixed:large").cost.value == pytest.approx(10 * plain.row("fixed:large").cost.value, rel=1e-6)
    assert dear.row("fixed:large").value.value == plain.row("fixed:large").value.value


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"price": -1.0}, DataError, "price: -1.0 is no number"),
        ({"price": 1.0, "worth": 1.0}, DataError, "not both"),
        ({"worth": {"chat": 0.1}}, DataError, "worth: task type 'coding' has none"),
        ({"worth": {"chta": 0.1}}, UnknownTaskTypeError, "did you mean 'chat'?"),
        ({"worth": 0.0}, DataError, "no number of dollars above 0"),
        ({"budgets": [0]}, DataError, "budget: 0 is not above 0; give mean dollars"),
        ({"budgets": ["half"]}, DataError, "budget: 'half' is not above 0"),
        ({"budgets": ["50%"]}, DataError, "none of the policies heeds one"),
        ({"policies": ["lrge"]}, ConfigError, "did you mean 'large'?"),
        ({"policies": ["fixed:x"]}, UnknownModelError, "unknown model 'x'"),
        ({"policies": ["ours"]}, DataError, "strong"),
        ({"options": CompareOptions(estimators=("snip",))}, DataError, "did you mean 'snips'?"),
        ({"options": CompareOptions(level=1.5)}, DataError, "level: 1.5 is not between 0 and 1"),
        ({"options": CompareOptions(anytime=True), "price": 1.0}, DataError, "anytime: only success"),
        ({"options": CompareOptions(failed=2.0)}, DataError, "failed is 2.0"),
    ],
)
def test_what_cannot_be_is_refused_with_its_remedy(arguments, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        compare(drawn(n=100), **({"policies": ["large"]} | arguments))


def test_a_part_of_a_table_is_kept_as_loading_keeps_it():
    table = drawn(n=100)
    assert set(narrowed(table, task_type=["chat"])["task_type"].to_pylist()) == {"chat"}
    assert len(narrowed(table, since=1.77e9 + 600, until=1.77e9 + 1200)) == 10
    with pytest.raises(DataError, match="of type 'cht'; did you mean"):
        narrowed(table, task_type=["cht"])
    with pytest.raises(DataError, match="they are from 2026-02-02"):
        narrowed(table, since="2030-01-01")
    assert narrowed(table, source="nobody")["score"].null_count == 100
