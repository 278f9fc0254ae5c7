"""Where tokens are short, `selector why` weighs a model as the choice does, and people read what a token is worth."""

import pytest

from selector import Outcome, Selector, Task
from selector.cli import _reading
from selector.records import Basis

BEGIN_S, HOUR_S = 1_780_272_000.0, 3_600.0  # midnight, UTC
TYPES = ("chat", "prose", "code")
RATE = {"small": {"chat": 7, "prose": 5, "code": 3}, "big": {"chat": 8, "prose": 8, "code": 9}}  # of ten
CONFIG = """\
policy: greedy
objective: most_success
models:
  small: {usd_per_mtok_in: 0.1, usd_per_mtok_out: 1, context_tokens: 8000, max_output_tokens: 1000}
  big: {usd_per_mtok_in: 1, usd_per_mtok_out: 5, context_tokens: 8000, max_output_tokens: 1000, tags: [external]}
task_types: [chat, prose, code]
budgets:
  - {name: far, tokens: 40000, per: hour, scope: {tag: external}, hard: false}
  - {usd: 5, per: hour, hard: false}
state: ./selector-state
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve 160 tasks of 500 tokens an hour, by both models in turn; what is left is enough for half of them."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "selector.yaml").write_text(CONFIG, encoding="utf-8")
    moment = [BEGIN_S]
    with Selector.open(folder / "selector.yaml", clock=lambda: moment[0], seed=1) as selector:
        for i in range(240):
            moment[0] = BEGIN_S + (i + 0.5) / 160 * HOUR_S
            model, type_ = ("small", "big")[i % 2], TYPES[i // 2 % 3]
            decision = selector.select(Task(type_, only=[model], input_tokens=100))
            score = float(i // 6 % 10 < RATE[model][type_])
            selector.record(decision, Outcome(input_tokens=100, output_tokens=400, score=score, source="tests"))
    with Selector.open(folder / "selector.yaml", clock=lambda: moment[0], seed=1) as selector:
        decisions = [selector.select(Task(type_, input_tokens=100)) for type_ in TYPES]
    assert {decision.reason for decision in decisions} == {Basis.POLICY}
    return folder, moment[0], {decision.task_type: decision.model for decision in decisions}


@pytest.fixture
def stand(served, shop, monkeypatch):  # noqa: ARG001 - without this machine's variables
    """Stand in its folder, at its time."""
    folder, at_s, _ = served
    monkeypatch.chdir(folder)
    monkeypatch.setattr(_reading, "now", lambda: at_s)


@pytest.mark.usefixtures("stand")
def test_what_it_calls_the_best_is_what_is_chosen(run_json, served):
    """By success and dollars alone the big model would be the best for all; of prose both are worth the same."""
    for model in RATE:
        types = {found["task_type"]: found for found in run_json("why", model, "--input-tokens", "100")["types"]}
        for type_, chosen in (("chat", "small"), ("code", "big")):
            assert types[type_]["best"]["model"] == served[2][type_] == chosen
            assert (types[type_]["needed"] is None) == (model == chosen)


@pytest.mark.usefixtures("stand")
def test_people_and_programs_read_what_one_more_token_is_worth(run, run_json):
    (price,) = run_json("status")["prices"]
    assert price.startswith("price far: one more million tokens is worth ")
    assert run_json("why", "big")["prices"] == [price]
    assert f"  {price}\n" in run("why", "big", "--type", "code")[1]
    assert f"\n{price}\n" in run("status")[1]
    assert price not in run("why", "big", "-q", "--type", "code")[1]
