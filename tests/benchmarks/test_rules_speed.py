"""What ten rules add to a choice: with and without, in turn, beside bare draws."""

import statistics
import time
from contextlib import ExitStack

import numpy as np

from selector import Selector, Task

PRICED = {"usd_per_mtok_in": 1, "max_output_tokens": 1_000, "context_tokens": 50_000}
MODELS = {
    f"m{k}": {**PRICED, "usd_per_mtok_out": 2 * (k + 1), "tags": ["external"] if k % 2 else []} for k in range(10)
}
RULES = [
    {"condition": "priority == 0", "model": "m9"},
    {"condition": "labels contains 'documentation'", "only": ["m1", "tag:external"]},
    {"condition": "hour >= 22 or hour <= 6", "prefer": {"m3": 0.05}},
    {"condition": "task_type == 'coding' and retry_count > 2", "only": ["m8", "m9"]},
    {"condition": "metadata.user starts_with 'x'", "forbid": ["m0"]},
    {"condition": "input_tokens > 20000", "only": ["m5", "m6"]},
    {"condition": "weekday in ['sat', 'sun']", "prefer": {"m2": 0.02}},
    {"condition": "metadata.path matches '^src/'", "only": ["m7", "m8"]},
    {"condition": "purpose == 'lead'", "only": ["m9"]},
    {"name": "t", "condition": "task_type == 'review'", "share": "10%", "model": "m4"},
]
TASKS = {
    "nothing fires": lambda _: Task("coding"),
    "one narrows": lambda i: Task("coding", id=f"t{i}", labels=["documentation"], metadata={"user": "ada"}),
    "a share": lambda i: Task("review", id=f"t{i}", input_tokens=400),
}
BLOCK, N_BLOCKS = 200, 15


def us(work, arguments):
    begin = time.perf_counter_ns()
    for each in arguments:
        work(each)
    return (time.perf_counter_ns() - begin) / 1e3 / len(arguments)


def test_ten_rules_add_little_to_a_choice(tmp_path):
    """Printed in microseconds; what is asserted is a ratio: what they add is less than two times ten bare draws."""
    bare, ones = np.random.default_rng(0), np.ones(10)
    with ExitStack() as stack:
        plain, first, every = (
            stack.enter_context(
                Selector.open(
                    {"models": MODELS, "budgets": [{"usd_per_request": 0.01}], "rules": rules, "rules_match": match},
                    state=tmp_path / f"state{place}",
                    seed=1,
                )
            )
            for place, (rules, match) in enumerate([([], "first"), (RULES, "first"), (RULES, "all")])
        )
        works = {"bare": lambda _: bare.beta(ones, ones), "without": plain.select, "first": first.select}
        works["all"] = every.select
        for name, make in TASKS.items():
            tasks = [make(i) for i in range(BLOCK)]
            found = {kind: [] for kind in works}
            for _ in range(N_BLOCKS):
                for kind, work in works.items():
                    found[kind].append(us(work, tasks))
            took = {kind: statistics.median(times) for kind, times in found.items()}
            print(f"{name:<16}" + "  ".join(f"{kind} {time_us:.1f} us" for kind, time_us in took.items()))  # noqa: T201
            assert max(took["first"], took["all"]) - took["without"] < 2 * took["bare"]
