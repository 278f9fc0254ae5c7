"""Every sentence of advice is called for by a fact, says its numbers, and is true of the log."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from selector.config import Config
from selector.report import Measured, ThinCell
from selector.report.counted._advice import RULES, advice_of

BEGIN, DAY, HOUR = 1_772_409_600.0, 86_400.0, 3_600.0
NOTHING = Measured(float("nan"), float("nan"), float("nan"), 0)


def said(facts, rule):
    """Return the sentences of one rule."""
    return [advice.text for advice in facts.advice if advice.rule == rule]


@pytest.fixture
def calm(log):
    """Write twenty decisions of which there is little to say."""
    for i in range(20):
        log.decide("large" if i % 2 else "small", usd=0.1, score=float(i % 3 > 0), propensity=0.5)
    return log


def test_a_calm_log_calls_for_evidence_alone(calm):
    assert [advice.rule for advice in calm.facts().advice] == ["no_verdict"]


def test_what_is_not_judged_is_said_by_type_with_its_share(calm):
    for i in range(26):
        calm.decide("small", "maths", usd=0.1, at=BEGIN + i * HOUR, **({"score": 1} if i < 16 else {}))
    calm.decide("small", "maths", usd=0.1, score=1, at=BEGIN + 3 * DAY)
    (text,) = said(calm.facts(), "never_judged")
    assert text.startswith("37 % of the outcomes of maths are not judged (10 of 27 that are old enough): report them")
    assert "since what is believed of it rests on the others alone; `selector record ID --score S`" in text


def test_a_quarter_that_is_not_judged_is_said_and_a_fifth_is_not(log):
    for kind, n in (("quarter", 10), ("fifth", 8)):
        for i in range(39):
            log.decide("small", kind, at=BEGIN + i * HOUR, usd=0.1, **({} if i < n else {"score": 1}))
        log.decide("small", kind, at=BEGIN + 9 * DAY, usd=0.1, score=1)
    (text,) = said(log.facts(), "never_judged")
    assert "quarter" in text


def test_a_type_that_nobody_ever_judged_teaches_nothing(log):
    for _ in range(20):
        log.decide(usd=0.1)
    (text,) = said(log.facts(), "never_judged")
    assert text.startswith(
        "100 % of the outcomes of coding are not judged (20 of 20 that are old enough): report them, since nothing is "
        "learnt; "
    )


def test_decisions_of_which_nothing_was_reported_are_counted(log):
    for _ in range(5):
        log.decide()
    for _ in range(15):
        log.decide(usd=0.1)
    (text,) = said(log.facts(), "nothing_reported")
    assert text.startswith("of 25 % of all decisions (5 of 20) nothing was reported")


def test_a_cost_that_is_not_known_is_missed(log):
    for i in range(20):
        id_ = log.decide(**({"usd": 0.5} if i > 1 else {}))
        log.judge(id_, 1, at=BEGIN + DAY)
    (text,) = said(log.facts(), "cost_unknown")
    assert text.startswith("what 10 % of the reported decisions cost is not known (2 of 20), and 9.00 USD is without")


def test_calls_that_fail_name_the_day_on_which_most_did(log):
    for i in range(100):
        id_ = log.decide("kimi", at=BEGIN + 7 * DAY + i)
        if i < 12:
            log.attempt(id_, 1, "kimi", "overloaded")
            log.attempt(id_, 2, "small")
        else:
            log.use(id_, 0.1)
    (text,) = said(log.facts(), "failing_calls")
    assert text.startswith(
        "12 % of the calls of kimi failed (12 of 100), 12 times as overloaded, of which 12 on 9 March 2026"
    )


def test_tasks_that_nobody_answered_are_counted(log):
    for i in range(20):
        id_ = log.decide(usd=0.1)
        if not i:
            log.attempt(id_, 1, "small", "timeout")
    (text,) = said(log.facts(), "unanswered")
    assert text.startswith("nobody answered 1 task (5 % of all)")


def test_a_judge_that_passes_everything_is_named(log):
    for _ in range(50):
        log.decide(usd=0.1, score=1, source="judge:opus")
    (text,) = said(log.facts(), "never_fails")
    assert text.startswith("judge:opus judged 50 answers and never found fault")


def test_late_judgements_are_said_by_the_slowest_type(log):
    for kind, hours in (("fast", 23), ("slow", 30), ("slower", 49)):
        for _ in range(20):
            log.decide("small", kind, usd=0.1, score=1, after_s=hours * HOUR)
    (text,) = said(log.facts(), "judged_late")
    assert text.startswith("half of the judgements of slower come more than 2 days after the decision")


def test_what_one_more_dollar_would_bring_is_that_of_the_last_block(log):
    for i in range(50):
        log.decide(usd=0.1, score=1, shadow_price=9.0 if i < 25 else 0.25)
    (text,) = said(log.facts(), "one_more_dollar")
    assert text == (
        "one more dollar would bring about 0.25 successes (mean over the last 25 decisions): raise the budget if a "
        "success is worth more than 4.00 USD to you, and lower it if less (`usd` or `usd_per_request` under `budgets:`)"
    )


def test_no_number_of_successes_has_an_exponent_and_few_judgements_call_for_none(log):
    for i in range(50):
        log.decide(usd=0.1, shadow_price=263.7, **({"score": 1} if i < 20 else {}))
    found = log.facts()
    (text,) = said(found, "one_more_dollar")
    assert text.startswith("one more dollar would bring about 260 successes")
    few = replace(found, totals=found.totals._replace(n_judged=19))
    assert "one_more_dollar" not in [advice.rule for advice in advice_of(few)]


def test_a_budget_that_pays_for_the_cheapest_alone_is_called_small_and_has_no_price(log):
    for _ in range(50):
        log.decide(usd=0.1, score=1, shadow_price=1e18)
    (text,) = said(log.facts(), "one_more_dollar")
    assert text.startswith("the budget is so small that only the cheapest models are chosen")


@pytest.mark.parametrize(
    ("later", "ends"), [(0.0, "ask its provider what changed; `enabled: false`"), (1.0, "unless it comes back")]
)
def test_a_model_that_got_worse_is_said_with_what_was_believed_and_what_came_after(log, later, ends):
    for i in range(52):
        log.decide(score=1.0 if i < 20 else 0.0 if i < 40 else later)
    log.events.append({"kind": "drift", "at": BEGIN + 39 * HOUR + 61, "n": 39.0, "model": "small", "keep": 0.05})
    found = log.facts()
    assert said(found, "drift") == []  # what was believed is not known
    (row,) = found.drift
    row = row._replace(believed=0.8, direction="worse")
    (text,) = said(replace(found, advice=advice_of(replace(found, drift=(row,)))), "drift")
    assert text.startswith(
        "small got worse: an alarm on 3 March 2026, when its last 30 judged tasks had a success of 33 % where 80 % was "
        f"believed; 12 judged tasks since then had {100 * later:.0f} %"
    )
    assert ends in text


def test_a_thin_cell_is_worth_a_sentence_only_where_it_may_be_best(calm):
    found = calm.facts()
    may = ThinCell("maths", "opus", 3.2, 3, 0.7, 0.9, "small", 0.8, 50)
    not_ = may._replace(model="haiku", high=0.75)
    best = may._replace(task_type="chat", model="small", mean=0.8, evidence=1.0, n_outcomes=40)
    found = replace(found, thin=(may, not_, best, may._replace(task_type="rare", n_type=19)))
    texts = [advice.text for advice in advice_of(found) if advice.rule == "thin"]
    assert len(texts) == 2
    opus, small = sorted(texts)
    rule = "`{condition: \"task_type == 'maths'\", share: 5%, model: opus}` under `rules:`"
    assert opus == (
        "opus has 3 outcomes for maths, and may be better there than small (up to 90 %, against 80 %): try it there, "
        f"with {rule}, or leave it out, with `{{condition: \"task_type == 'maths'\", forbid: [opus]}}`"
    )
    start = "small is believed best for chat (80 %) on 1 outcome that still counts: try it there before you rely on it"
    assert small.startswith(f"{start}, with `{{condition:")


@pytest.mark.parametrize("effect", ["share: 5%, model: opus", "forbid: [opus]"])
def test_the_rules_that_are_advised_are_rules(tmp_path, effect):
    file = tmp_path / "selector.yaml"
    rule = f"{{condition: \"task_type == 'maths'\", {effect}}}"
    file.write_text(f"models: {{opus: {{}}, small: {{}}}}\nrules:\n  - {rule}\n", encoding="utf-8")
    assert len(Config.load(file).rules) == 1


def test_a_model_that_is_shown_to_be_better_alone_is_named_and_one_that_is_only_cheaper_is_not(drawn):
    found = drawn(1500).facts()
    large, small = found.savings
    assert (large.verdict, small.verdict) == ("supported", "supported")
    assert said(found, "better_alone") == []  # large is better and dearer, small cheaper and worse
    assert said(found, "no_verdict") == []
    bargain = large._replace(saved_usd=-0.002, saved_usd_low=-0.003, saved_usd_high=-0.001)
    (text,) = [a.text for a in advice_of(replace(found, savings=(bargain, small))) if a.rule == "better_alone"]
    assert text.startswith(
        f"always large would have had {-100 * large.gained:.0f} % more success, and cost 0.00200 USD less"
    )
    weak = bargain._replace(verdict="weak", reasons=("wide",))
    assert [a.rule for a in advice_of(replace(found, savings=(weak, small)))].count("better_alone") == 0


def test_no_verdict_says_why_and_what_tells_more(calm):
    found = calm.facts()
    (text,) = said(found, "no_verdict")
    assert text.startswith("no verdict on small always (nor on 1 other model): its effective sample size is 10, and 30")
    assert text.endswith("`selector replay plan --policy fixed:small` says what it takes")


def test_a_log_that_cannot_tell_of_savings_says_so(log):
    log.decide(usd=0.1, score=1)
    (text,) = said(log.facts(), "no_verdict")
    assert text.startswith("nothing can be said of savings: ")


def test_a_log_that_is_damaged_comes_first(calm):
    found = replace(calm.facts(), faults=("journal/x: torn",))
    first = advice_of(found)[0]
    assert (first.rule, first.text[:42]) == ("damaged_log", "1 place of the log could not be read, and ")


def test_every_rule_is_named_once_and_advice_keeps_their_order(drawn):
    found = drawn(60).facts()
    order = [*RULES]
    places = [order.index(advice.rule) for advice in found.advice]
    assert places == sorted(places)
    assert found.totals.first_at == datetime.fromtimestamp(BEGIN, UTC)
