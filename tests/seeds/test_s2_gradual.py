"""S2.7: it is opted into, by degrees: it watches first, then serves a share of the tasks, and then all of them."""

from contextlib import ExitStack

import pytest

from selector import Selector, Task
from selector.records import Basis
from selector.testing import FakeOpenAI

PRICED = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "max_output_tokens": 1_000}
N = 200


@pytest.fixture
def served(tmp_path):
    """Serve the model of today and another; open a selector that is as far in charge as is said."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(FakeOpenAI(f"by {name}")) for name in ("today", "other")}

        def open_(mode):
            kinds = {name: {"kind": "openai", "base_url": server.base_url} for name, server in servers.items()}
            config = {
                "providers": kinds,
                "models": {name: {"provider": name, **PRICED} for name in kinds},
                "objective": {"no_worse_than": {"model": "today", "by": 0.02}},
                "mode": mode,
            }
            return stack.enter_context(Selector.open(config, state=tmp_path / "state", seed=1))

        open_.servers = servers
        yield open_


def test_s2_7_a_shadow_decides_and_logs_and_does_not_act(served):
    selector = served("shadow")
    runs = [selector.run(Task("chat", prompt="hi")) for _ in range(20)]
    assert {run.text for run in runs} == {"by today"}
    assert served.servers["other"].requests == []
    selector.flush()
    told = [selector.explain(run.id) for run in runs]
    assert all("shadow: would have chosen" in text for text in told)
    assert any("would have chosen other" in text for text in told)


def test_s2_7_a_share_of_the_tasks_is_served_by_id_and_the_rest_as_today(served):
    """A task stays on its side; of 200 tasks 40 are expected, and 4.5 standard deviations are 26."""
    selector = served({"share": "20%"})
    sides = [selector.select(Task("chat", id=f"task-{n}")).reason is not Basis.RULE for n in range(N)]
    assert abs(sum(sides) - N // 5) < 26
    again = [selector.select(Task("chat", id=f"task-{n}")) for n in range(N)]
    assert [decision.reason is not Basis.RULE for decision in again] == sides
    assert {decision.model for decision, ours in zip(again, sides, strict=True) if not ours} == {"today"}


@pytest.mark.parametrize(("mode", "models"), [("off", {"today"}), ("on", {"today", "other"})])
def test_s2_7_off_is_as_before_and_on_is_all_of_it(served, mode, models):
    selector = served(mode)
    assert {selector.select(Task("chat")).model for _ in range(N)} == models
