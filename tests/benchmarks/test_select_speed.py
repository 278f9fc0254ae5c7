"""What a choice and its outcome take beside bare draws and beside the peers: side by side, in one process, as ratios.

Medians of blocks of calls, choices and outcomes in turn. The selector's are whole calls: the lock, the hold, the log.
Its state lies on the disk of the temporary folder, and its background thread runs. Tasks and outcomes are made before.
"""

from contextlib import ExitStack
from itertools import cycle

import pytest

from selector import Outcome, Selector, Task
from tests.benchmarks._peers import NEEDS, PEERS, BareNumpy, LiteLLMBandit, available, side_by_side

SIZES = (3, 10, 30, 200)
N_WARM = 1_200  # outcomes after which beliefs are published after each 64th
N_MADE = 700
BARE = BareNumpy.name
RIVALS = [name for name in PEERS if name != BARE]
MEAN = [{"usd_per_request": 0.0005}]
HARD = [{"usd": 100_000, "per": "day"}]


class Live:
    """A live selector as the peers are: tasks of three types in turn, usage and judgement in one outcome."""

    def __init__(self, folder, n_models, budgets, *, lengths):
        models = {
            f"model-{k:03}": {
                "usd_per_mtok_in": 0.1 * 1.03**k,
                "usd_per_mtok_out": 0.4 * 1.03**k,
                "context_tokens": 100_000,
                "max_output_tokens": 4_000,
            }
            for k in range(n_models)
        }
        self.selector = Selector.open({"models": models, "budgets": budgets}, state=folder, seed=0)
        tasks = [Task(f"type-{i % 3}", input_tokens=100 + i if lengths else None) for i in range(N_MADE)]
        used = {"input_tokens": 400, "latency_s": 1.5, "source": "tests"}
        outcomes = [Outcome(output_tokens=200 + i % 300, score=float(i % 3 > 0), **used) for i in range(N_MADE)]
        self._tasks, self._outcomes = cycle(tasks), cycle(outcomes)
        for _ in range(N_WARM):
            self.record(self.select(), 1.0)

    def select(self):
        return self.selector.select(next(self._tasks))

    def record(self, choice, score):  # noqa: ARG002 - its scores are its outcomes'
        self.selector.record(choice, next(self._outcomes))


LIVE = {
    "mean": (MEAN, False),
    "mean, input tokens": (MEAN, True),
    "hard": (HARD, False),
    "hard, input tokens": (HARD, True),
}


def is_here(name):
    return NEEDS[name] in available()


def show(n_models, found):
    bare = found[BARE].select
    print(f"\n{n_models} models, us{'':<16}{'select':>9}{'record':>9}{'x bare':>9}{'means:':>9} select   record")  # noqa: T201 - a benchmark prints its table
    for name, block in found.items():
        print(  # noqa: T201 - likewise
            f"  {name:<24}{block.select:>9.1f}{block.record:>9.1f}{block.select / bare:>9.2f}"
            f"{'':>9}{block.select_mean:>7.1f}{block.record_mean:>9.1f}"
        )
    for name in RIVALS:
        if not is_here(name):
            print(f"  {name:<24} is not installed: pip install 'adaptive-selector[peers]'")  # noqa: T201 - likewise


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Measure each number of models once, and print what was found."""
    known = {}

    def measure(n_models):
        if n_models not in known:
            with ExitStack() as stack:
                contenders = {BARE: BareNumpy(n_models)}
                for name, (budgets, lengths) in LIVE.items():
                    contenders[name] = Live(tmp_path_factory.mktemp("state"), n_models, budgets, lengths=lengths)
                    stack.enter_context(contenders[name].selector)
                contenders |= {name: PEERS[name](n_models) for name in RIVALS if is_here(name)}
                turns = {name: lambda each=each: each for name, each in contenders.items()}
                if LiteLLMBandit.name in turns:
                    turns[LiteLLMBandit.name] = lambda: LiteLLMBandit(n_models)
                known[n_models] = side_by_side(turns)
            show(n_models, known[n_models])
        return known[n_models]

    return measure


@pytest.mark.parametrize("n_models", SIZES)
def test_a_choice_takes_less_than_bare_draws_for_one_task(measured, n_models):
    found = measured(n_models)
    assert found["mean"].select < found[BARE].select
    assert found["mean, input tokens"].select < found[BARE].select


@pytest.mark.parametrize("n_models", SIZES)
@pytest.mark.parametrize("name", RIVALS)
def test_a_choice_is_ahead_of_each_peer(measured, name, n_models):
    if not is_here(name):
        pytest.skip(f"{NEEDS[name]} is not installed; it is in the optional group 'peers'")
    found = measured(n_models)
    assert found["mean"].select < found[name].select


@pytest.mark.parametrize("name", RIVALS)
def test_among_many_models_a_choice_and_its_outcome_are_ahead_of_each_peer(measured, name):
    """An outcome is written down before it is acknowledged, which no peer does; what they draw anew grows with K."""
    if not is_here(name):
        pytest.skip(f"{NEEDS[name]} is not installed; it is in the optional group 'peers'")
    found = measured(SIZES[-1])
    own, other = found["mean"], found[name]
    assert own.select + own.record < other.select + other.record


def test_the_time_of_a_choice_hardly_grows_with_the_number_of_models(measured):
    few, many = measured(SIZES[0]), measured(SIZES[-1])
    assert many["mean"].select < 2 * few["mean"].select
    assert many["mean, input tokens"].select < 3 * few["mean, input tokens"].select
