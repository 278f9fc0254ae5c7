"""An experiment by share from a real state folder: its sides, its intervals, its shares, and what makes it doubtful."""

from itertools import pairwise

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.errors import DataError
from selector.replay import ab_test, asymptotic_half_widths, load, sample_ratio
from selector.replay.intervals._sequence import ConfidenceSequence
from selector.replay.trials._effects import _coin, _contrasts, difference_sequence
from selector.replay.trials._shares import share_evidence

MODELS = {
    "small": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5},
    "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15},
}


def rule(name, share, **more):
    return {"name": name, "condition": "true", "share": share, "model": "large", **more}


class Shop:
    """A state folder in which tasks are served and judged."""

    def __init__(self, folder):
        self.folder, self.rng, self.n = folder, np.random.default_rng(7), 0

    def serve(self, n, rules, *, ids=None, good=None, judged=None, task_type="chat"):
        good = good or {"small": 0.6, "large": 0.9}
        policy = {"name": "fixed", "model": "small"}
        config = {"models": MODELS, "policy": policy, "rules": rules}
        with Selector.open(config, state=self.folder, seed=1) as selector:
            for k in range(n):
                self.n += 1
                id_ = None if ids is None else ids(k)
                decision = selector.select(Task(task_type, id=id_, input_tokens=100))
                said = {"output_tokens": 100}
                if judged is None or self.rng.random() < judged[decision.model]:
                    score = float(self.rng.random() < good[decision.model])
                    said |= {"score": score, "source": "tests"}
                selector.record(decision, Outcome(**said))
        return load(self.folder)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "state")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Give a log of 1,000 tasks with an experiment on half of them."""
    return Shop(tmp_path_factory.mktemp("plain") / "state").serve(1000, [rule("try", 0.5)])


def test_a_better_treatment_is_shown_at_every_look_with_what_it_costs(table):
    found = ab_test(table, "try")
    assert found.arms["treatment"].models == {"large": 1.0}
    assert found.arms["control"].models == {"small": 1.0}
    n = found.arms["treatment"].n_tasks, found.arms["control"].n_tasks
    assert sum(n) == 1000
    success, cost, utility = found.effects if len(found.effects) == 3 else (*found.effects, None)
    rows = table.to_pylist()
    means = [np.mean([r["score"] for r in rows if r["model"] == m]) for m in ("large", "small")]
    assert success.value == pytest.approx(means[0] - means[1], abs=1e-12)
    assert success.sequence.low <= success.interval.low <= 0.3 <= success.interval.high <= success.sequence.high
    assert cost.value == pytest.approx((3 - 1) * 1e-4 + (15 - 5) * 1e-4)
    assert cost.sequence.low > 0
    assert utility is None, "no dollar was worth anything"
    assert found.verdict == "better"
    assert "the treatment is better" in found.conclusion
    assert "it costs more" in found.conclusion
    assert (found.sample_ratio.alarm, found.missing.alarm, found.notes) == (False, False, ())


def test_a_price_makes_a_utility(table):
    found = ab_test(table, "try", price=100.0)
    success, cost, utility = found.effects
    assert utility.outcome == "utility"
    assert utility.value == pytest.approx(success.value - 100 * cost.value)


def test_no_difference_is_open_and_says_how_many_more_it_takes(shop):
    table = shop.serve(400, [rule("try", 0.5)], good={"small": 0.7, "large": 0.7})
    found = ab_test(table, "try")
    assert found.verdict == "open"
    assert f"about {found.n_more:,} more decisions to detect 0.02" in found.conclusion
    wider = ab_test(table, "try", detect=0.1)
    assert 10_000 < found.n_more < 200_000
    assert wider.n_more < found.n_more / 10


def test_tasks_that_were_drawn_together_count_once(shop, table):
    """A share is taken of the task's id: thirty tasks of ten decisions each are thirty observations."""
    found = ab_test(shop.serve(300, [rule("try", 0.5)], ids=lambda k: f"user-{k % 30}"), "try")
    tasks = [found.arms[side].n_tasks for side in ("treatment", "control")]
    assert (sum(tasks), found.success.n) == (30, 30)
    assert sum(found.arms[side].n_decisions for side in ("treatment", "control")) == 300
    assert width(found.success.sequence) > 2 * width(ab_test(table, "try").success.sequence)
    assert any("drawn together" in note for note in found.notes)


def shop_of(shop, name):
    return Shop(shop.folder.parent / name)


def width(interval):
    return interval.high - interval.low


def test_shares_that_changed_are_strata(shop):
    """Later tasks are easier and more often treated: compared across times the treatment would look better."""
    hard, easy = {"small": 0.3, "large": 0.3}, {"small": 0.9, "large": 0.9}
    shop.serve(500, [rule("try", 0.1)], good=hard)
    table = shop.serve(500, [rule("try", 0.6)], good=easy)
    found = ab_test(table, "try")
    assert [each.share for each in found.shares] == [pytest.approx(0.1), pytest.approx(0.6)]
    arms = found.arms
    assert arms["treatment"].success - arms["control"].success > 0.15, "as the means stand"
    assert abs(found.success.value) < 3 * found.success.se
    assert found.verdict == "open"
    assert not found.sample_ratio.alarm
    assert any("the share changed" in note for note in found.notes)


def test_differential_missing_judgements_are_a_warning_with_bounds(shop):
    table = shop.serve(500, [rule("try", 0.5)], judged={"small": 0.9, "large": 0.5})
    found = ab_test(table, "try")
    missing = found.missing
    assert missing.alarm
    assert missing.treatment < 0.6 < missing.control
    assert missing.low < found.success.value < missing.high
    assert missing.sequence.low <= missing.low < missing.high <= missing.sequence.high
    assert missing.high - missing.low == pytest.approx((1 - missing.treatment) + (1 - missing.control), abs=1e-9)
    assert any("judged differently often" in note for note in found.notes)


def test_lost_decisions_break_it(table):
    """Treatments that are missing from the log make sides that nobody drew."""
    keep = np.array([arm == "control" or k % 2 > 0 for k, arm in enumerate(table["experiment_arm"].to_pylist())])
    found = ab_test(table.filter(keep), "try")
    assert found.sample_ratio.alarm
    assert found.verdict == "broken"
    assert found.conclusion.startswith("not to be trusted")


def test_another_experiment_may_take_controls_without_an_alarm(shop):
    table = shop.serve(1000, [rule("try", 0.3), rule("rival", 0.4)])
    found = ab_test(table, "try")
    assert found.sample_ratio.found > 0.36, "the controls that the rival treated are not there"
    assert found.sample_ratio.is_bound
    assert not found.sample_ratio.alarm
    assert any("rival" in note for note in found.notes)
    with pytest.raises(DataError, match="there is no control"):
        ab_test(table, "rival")


def test_judges_and_pairs_are_no_part_of_it(shop):
    shop.serve(300, [rule("try", 0.5)])
    table = shop.serve(200, [rule("try", 0.5)], task_type="pair")
    assert sum(arm.n_decisions for arm in ab_test(table, "try").arms.values()) == 300


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("trie", {}, "no experiment 'trie' in the log; found: try"),
        ("try", {"detect": 0}, "detect is 0"),
        ("try", {"level": 1.5}, "level is 1.5"),
        ("try", {"failed": 2}, "failed is 2"),
    ],
)
def test_errors_say_what_to_do(table, name, options, said):
    with pytest.raises(DataError, match=said):
        ab_test(table, name, **options)


def test_a_log_without_experiments_or_judgements_says_so(shop):
    table = shop.serve(20, [])
    with pytest.raises(DataError, match="no other experiment is; a rule with a share"):
        ab_test(table, "try")
    other = shop_of(shop, "unjudged").serve(50, [rule("try", 0.5)], judged={"small": 0, "large": 0})
    with pytest.raises(DataError, match="none of the 50 decisions of 'try' was judged"):
        ab_test(other, "try")


def test_the_interval_that_holds_at_every_look_is_wrong_at_most_one_time_in_twenty():
    """120 experiments without a difference, looked at after each of 1,000 tasks: at alpha .05 at most 12 are wrong.

    Shares of .1 to .5, one that changes, and success from .5 to .97. A sequence that is wrong with probability .05
    gives 13 or more of 120 with probability .007; this one is wrong far more rarely.
    """
    rng, n, wrong, covered = np.random.default_rng(5), 1000, 0, []
    for k in range(120):
        share = np.full(n, (0.1, 0.3, 0.5)[k % 3])
        share[n // 2 :] = (0.2, 0.3, 0.4)[k % 3]
        treated, p = rng.random(n) < share, (0.5, 0.9, 0.97)[k // 3 % 3]
        y = (rng.random(n) < p).astype(float)
        wrong += ConfidenceSequence().excluded(_coin(y, treated, share), np.full((n, 2), 0.5), 0.5).any()
        if k < 20:
            low, high = difference_sequence(y, treated, share).bounds()
            covered.append(2 * low - 1 <= 0 <= 2 * high - 1)
    assert wrong <= 12
    assert all(covered)


def test_the_interval_of_costs_is_wrong_at_most_one_time_in_twenty_once_there_are_enough():
    """400 experiments with skewed costs, looked at from 200 known ones a side on: at .05 at most 31 are wrong.

    32 or more of 400 have probability .007 at .05.
    """
    rng, wrong = np.random.default_rng(6), 0
    for k in range(400):
        share, n = ((0.2, 2500), (0.5, 1500))[k % 2]
        treated, cost = rng.random(n) < share, rng.lognormal(0.0, 0.7, n)
        values = _contrasts(cost, treated, np.full(n, share))
        means, half = np.cumsum(values) / np.arange(1, n + 1), asymptotic_half_widths(values)
        enough = np.minimum(np.cumsum(treated), np.cumsum(~treated)) >= 200
        wrong += (np.abs(means) > half)[enough].any()
    assert wrong <= 31


def test_the_check_of_shares_alarms_falsely_one_time_in_a_thousand_at_most():
    """1,000 experiments as drawn, looked at after each of 3,000 tasks: at .001 at most 6 alarm.

    7 or more of 1,000 have probability .0001 at .001. The share changes on the way.
    """
    rng, alarms = np.random.default_rng(8), 0
    share = np.where(np.arange(3000) < 1000, 0.1, 0.25)
    for _ in range(1000):
        alarms += share_evidence(rng.random(3000) < share, share).max() > np.log(1000)
    assert alarms <= 6
    caught = [sample_ratio(rng.random(4000) < 0.14, np.full(4000, 0.1)).alarm for _ in range(50)]
    assert sum(caught) >= 45, "and one that is off by .04 is found"


def test_what_half_widths_will_be_is_what_they_are():
    """From a quarter of the tasks the width after all of them is foretold to a tenth."""
    rng, n = np.random.default_rng(9), 8000
    treated = rng.random(n) < 0.3
    y, share = (rng.random(n) < 0.8).astype(float), np.full(n, 0.3)
    early = difference_sequence(y[: n // 4], treated[: n // 4], share[: n // 4])
    low, high = difference_sequence(y, treated, share).bounds()
    assert early.half_width_after(n) == pytest.approx((high - low) / 2, rel=0.15)
    widths = [early.half_width_after(k) for k in (1000, 10_000, 100_000)]
    assert all(a > 2 * b for a, b in pairwise(widths))
