"""A task goes to nobody whose context it does not fit, whatever it says of its length."""

import pytest

from selector import Selector, Task

PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 500}
MODELS = {"short": {**PRICED, "context_tokens": 1_000}, "long": {**PRICED, "context_tokens": 100_000}}


@pytest.mark.parametrize("budgets", [[], [{"usd": 100, "per": "day"}], [{"usd_per_request": 0.1}]])
@pytest.mark.parametrize(
    "asked",
    [
        {"input_tokens": 5_000},
        {"input_tokens": 900, "max_output_tokens": 200},
        {"max_output_tokens": 2_000},
        {"prompt": "x" * 20_000},
        {"messages": [{"role": "user", "content": "x" * 20_000}]},
        {"prompt": "x" * 3_600, "max_output_tokens": 200},
    ],
)
def test_a_task_that_is_too_long_for_a_model_is_never_sent_there(tmp_path, budgets, asked):
    with Selector.open({"models": MODELS, "budgets": budgets}, state=tmp_path, seed=1) as selector:
        assert {selector.select(Task("coding", **asked)).model for _ in range(30)} == {"long"}


def test_a_task_that_fits_goes_to_either(tmp_path):
    config = {"models": MODELS, "budgets": [{"usd_per_request": 0.1}]}
    with Selector.open(config, state=tmp_path, seed=1) as selector:
        for asked in ({"input_tokens": 900}, {"prompt": "x" * 400}):
            assert {selector.select(Task("coding", **asked)).model for _ in range(60)} == {"short", "long"}
