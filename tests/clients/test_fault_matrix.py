"""Every way in which a call goes wrong, in every format and every way to call: who answers, what is paid and kept."""

import asyncio
import gc
import math
import os
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from selector import AsyncSelector, Selector, Task, errors
from selector._clients import rebuild
from selector.records import Failure, Usage
from selector.testing import FakeOpenAI, Fault, Reply
from tests.clients.faults import CELLS, KINDS

WAYS = ("run", "arun", "stream", "astream")
PROMPT = "What is the capital of France?"
ASKED = math.ceil(len(PROMPT) / 4)
SHOWN = "This answer "
BAD, GOOD = {"in": 5, "out": 25, "cache_read": 0.5}, {"in": 1, "out": 5, "cache_read": 0.1}
USED = Usage(input_tokens=60, cache_read_tokens=40, output_tokens=12, reasoning_tokens=5)


def held_open():
    """Count what this process holds open: sockets, threads, processes."""
    found = Counter(thread.name for thread in threading.enumerate())
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found["sockets"] += "socket:" in str(path.readlink())
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found.update(f"process {child}" for child in path.read_text().split())
    return found


def waits_for(found):
    until = time.monotonic() + 3
    while not found() and time.monotonic() < until:
        time.sleep(0.005)
    return found()


class Ended(NamedTuple):
    """What came of one run."""

    run: object
    error: object
    events: list

    @property
    def texts(self):
        found = [""]
        for event in self.events:
            if event.type == "switched" and event.restarted:
                found.append("")
            elif event.type == "text":
                found[-1] += event.text
        return found


class Client:
    """A selector that is called in one of four ways."""

    def __init__(self, way, config, folder):
        kind = Selector if way in {"run", "stream"} else AsyncSelector
        self.way, self.selector = way, kind.open(config, state=folder, seed=1)
        self._runner = None if kind is Selector else asyncio.Runner()
        self.till = getattr(self.selector, "_selector", self.selector)._core.budget.hard[0]

    def __call__(self, task):
        events = []
        try:
            if self.way == "run":
                found = self.selector.run(task)
            elif self.way == "stream":
                events.extend(self.selector.stream(task))
                found = events[-1].run
            elif self.way == "arun":
                found = self._runner.run(self.selector.run(task))
            else:
                found = self._runner.run(self._astream(task, events))
        except errors.SelectorError as error:
            return Ended(error.run, error, events)
        return Ended(found, None, events)

    async def _astream(self, task, events):
        async for event in self.selector.stream(task):
            events.append(event)
        return events[-1].run

    def close(self):
        if self._runner is None:
            self.selector.close()
        else:
            self._runner.run(self.selector.close())
            self._runner.close()


def price(usage, rates):
    said = {"in": usage.input_tokens, "cache_read": usage.cache_read_tokens}
    written = (usage.output_tokens or 0) + (usage.reasoning_tokens or 0)
    return round(sum((n or 0) * rates[name] * 1_000 for name, n in said.items()) + written * rates["out"] * 1_000)


def config_of(kind, cells, addresses, *, falls_back):
    """Give each cell a model of its own, and a purpose by which it is chosen."""
    model = {"max_output_tokens": 100, "context_tokens": 100_000}
    own = {f"usd_per_mtok_{name}": value for name, value in BAD.items()}
    well = {f"usd_per_mtok_{name}": value for name, value in GOOD.items()}
    return {
        "providers": {
            name: {"kind": kind, "base_url": url, **({"timeout_s": {"read": 0.25}} if name == "slow" else {})}
            for name, url in addresses.items()
        },
        "models": {
            **{f"bad{i}": {"provider": cell.at, "id": f"bad{i}", **model, **own} for i, cell in enumerate(cells)},
            "good": {"provider": "well", "id": "good", **model, **well},
        },
        "purposes": {f"p{i}": [f"bad{i}"] for i in range(len(cells))},
        "budgets": [{"usd": 1, "per": "total"}],
        "chains": {"default": ["good"] if falls_back else []},
        "fallback": {"retries": 0, "on_midstream_failure": "restart" if falls_back else "raise"},
    }


@pytest.fixture
def strangers():
    """Give addresses where nobody, or the wrong one, is met."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    listener = socket.create_server(("127.0.0.1", 0))

    def listen():
        with suppress(OSError):
            while True:
                conn, _ = listener.accept()
                conn.settimeout(2)
                with conn, suppress(OSError):
                    context.wrap_socket(conn, server_side=True).close()

    thread = threading.Thread(target=listen)
    thread.start()
    yield {
        "refused": f"http://127.0.0.1:{taken.getsockname()[1]}/v1",
        "nocert": f"https://127.0.0.1:{listener.getsockname()[1]}/v1",
        "nowhere": "http://no-such-host.invalid/v1",
    }
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    taken.close()
    thread.join()


@pytest.fixture(scope="module")
def table():
    """Gather what came of each cell; SELECTOR_MATRIX names a file for it."""
    rows = {}
    yield rows
    path = os.environ.get("SELECTOR_MATRIX")
    if path:
        heads = [*dict.fromkeys(column for row in rows.values() for column in row)]
        told = [[name, *(", ".join(dict.fromkeys(row.get(h, ["-"]))) for h in heads)] for name, row in rows.items()]
        lines = [["fault", *heads], ["---"] * (len(heads) + 1), *told]
        Path(path).write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))


class Matrix:
    """All cells of one format, called in one way, with a fallback or without."""

    def __init__(self, kind, way, *, falls_back):
        self.kind, self.way, self.falls_back = kind, way, falls_back
        self.cells = {name: cell for name, cell in CELLS.items() if kind in cell.kinds}
        self.streams = way in {"stream", "astream"}
        self.wrong, self.ended = [], {}

    def check(self, name, **found):
        """Note what is not as it must be."""
        self.wrong += [f"{name}: {what} is {is_!r}, not {must!r}" for what, (is_, must) in found.items() if is_ != must]

    def estimate(self, cell):
        """Say what a failed attempt is estimated to have used; None: its provider says it, or it used nothing."""
        if self.streams and cell.shows:
            return Usage(input_tokens=ASKED, output_tokens=len(SHOWN) // 4)
        begun = self.kind == "anthropic" and self.streams and isinstance(cell.step, Fault) and cell.step.after == 0
        return Usage(input_tokens=ASKED, output_tokens=1) if begun else None

    def status(self, cell):
        """Say which HTTP status tells of it: an event in a stream has none."""
        if isinstance(cell.step, Fault) and cell.step.kind == "error_event" and not self.streams:
            return 529 if self.kind == "anthropic" else 503
        return cell.status

    def run(self, client, servers):
        """Make each call, and look at what it is answered and what it costs."""
        bad, good = servers
        for i, (name, cell) in enumerate(self.cells.items()):
            before, paid = client.till.spent, good.billed_by_model.get("good", Usage())
            ended = self.ended[name] = client(Task("coding", prompt=PROMPT, purpose=f"p{i}"))
            spent, billed = client.till.spent - before, bad.billed_by_model.get(f"bad{i}", Usage())
            after = good.billed_by_model.get("good", Usage())
            if ended.run is None or ended.run.decision is None:
                self.wrong.append(f"{name}: {ended.error!r} has no run")
                continue
            first = ended.run.attempts[0]
            self.check(
                name,
                failure=(first.failure, cell.failure),
                status=(first.status, self.status(cell)),
                held=(client.till.held, 0),
                cost=(round((ended.run.cost_usd or 0) * 1e9), spent),
                estimated=(first.estimated, self.estimate(cell) is not None),
            )
            used = self.estimate(cell) or billed
            told = (first.usage.input_tokens, first.usage.output_tokens) if first.estimated else None
            guess = (used.input_tokens, used.output_tokens) if first.estimated else None
            owed = price(used, BAD) + price(after, GOOD) - price(paid, GOOD)
            self.check(name, estimate=(told, guess), spent=(spent, owed))
            (self.look_at_fallback if self.falls_back else self.look_at_error)(name, cell, ended)
            if not waits_for(lambda: bad.n_open == good.n_open == 0):
                self.wrong.append(f"{name}: a request is still under way")

    def look_at_fallback(self, name, cell, ended):
        """See that the fallback answered, but for a request that would fail everywhere."""
        if cell.failure is Failure.BAD_REQUEST:
            return self.look_at_error(name, cell, ended)
        steps = [(each.model, each.selected_by) for each in ended.run.attempts[1:]]
        self.check(name, text=(ended.run.text, "Paris"), steps=(steps, [("good", "chain")]), error=(ended.error, None))
        if self.streams:
            switches = [event.failure for event in ended.events if event.type == "switched"]
            shown = [SHOWN, "Paris"] if cell.shows else ["Paris"]
            last = [event.run.text for event in ended.events[-1:] if event.type == "done"]
            self.check(name, switches=(switches, [cell.failure]), texts=(ended.texts, shown), done=(last, ["Paris"]))
        return None

    def look_at_error(self, name, cell, ended):
        """See that the error is the documented one, with all that was tried."""
        inner = ended.error
        if cell.failure is not Failure.BAD_REQUEST:
            self.check(name, kind=(type(ended.error), errors.AllAttemptsFailedError))
            inner = getattr(ended.error, "exceptions", [None])[0]
        self.check(
            name,
            error=(type(inner), cell.error),
            word=(getattr(inner, "failure", None), cell.failure.value),
            code=(getattr(inner, "status_code", None), self.status(cell)),
            run=(getattr(ended.error, "run", None) is not None and ended.error.run.status, "blocked"),
            attempts=(getattr(ended.error, "attempts", None), ended.run.attempts),
            n_attempts=(len(ended.run.attempts), 1),
        )
        if self.streams:
            self.check(name, texts=(ended.texts, [SHOWN if cell.shows else ""]))

    def look_at_log(self, log, spent):
        """See that the log tells what the caller was told, and that its money is what the budget counts."""
        attempts, costs = {}, {}
        for event in log.events:
            if event["kind"] == "attempt":
                attempts.setdefault(event["decision_id"], []).append((event["model"], event["failure"]))
            elif event["kind"] == "usage":
                key = (event["decision_id"], event["attempt"])
                costs[key] = (event["nano"], bool(event.get("estimated")))
        for name, ended in self.ended.items():
            tried = ended.run.attempts
            told = [(each.model, each.failure and each.failure.value) for each in tried]
            kept = [costs.get((ended.run.id, each.number), (0, False)) for each in tried]
            shown = [(round((each.usage.cost_usd or 0) * 1e9), each.estimated) for each in tried]
            self.check(name, logged=(attempts.get(ended.run.id), told), logged_cost=(kept, shown))
        self.check("the log", cost=(sum(cost for cost, _ in costs.values()), spent))

    def note(self, table):
        """Write down what came of each cell."""
        column = f"{self.kind}, {'stream' if self.streams else 'whole'}"
        for row, ended in ((table.setdefault(name, {}), ended) for name, ended in self.ended.items()):
            if not self.falls_back:
                inner = getattr(ended.error, "exceptions", [ended.error])[0]
                row.setdefault("without a fallback", []).append(type(inner).__name__)
                continue
            first = ended.run.attempts[0]
            cost = f"{(first.usage.cost_usd or 0) * 1e6:g}{'*' if first.estimated else ''}"
            end = ended.run.attempts[-1].model if ended.error is None else type(ended.error).__name__
            row.setdefault(column, []).append(f"{first.failure.value} {cost} > {end}")


@pytest.mark.parametrize("falls_back", [True, False], ids=["falls back", "has no fallback"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_ends_as_documented_and_leaves_nothing_behind(
    kind, way, falls_back, strangers, folder, read_log, table
):
    matrix = Matrix(kind, way, falls_back=falls_back)
    steps = {f"bad{i}": cell.step for i, cell in enumerate(matrix.cells.values())}
    with FakeOpenAI(steps) as bad, FakeOpenAI(Reply("Paris", usage=USED)) as good:
        own = {"bad": bad.base_url, "slow": bad.base_url, "well": good.base_url}
        addresses = strangers | own | {"notls": bad.base_url.replace("http:", "https:")}
        config = config_of(kind, matrix.cells.values(), addresses, falls_back=falls_back)
        before = held_open()
        with closing(Client(way, config, folder)) as client:
            matrix.run(client, (bad, good))
            spent = client.till.spent
        if not waits_for(lambda: bad.n_connections == good.n_connections == 0):
            matrix.wrong.append("a connection stands after close")
        gc.collect()
        matrix.check("close", leaks=(held_open() - before, Counter()))
    matrix.look_at_log(read_log(folder), spent)
    matrix.check("folded anew", is_equal=(rebuild(config, state=folder).is_equal, True))
    with closing(Client("run", config, folder)) as again:
        matrix.check("opened again", budget=((again.till.spent, again.till.held), (spent, 0)))
        for name, ended in matrix.ended.items() if way == "run" else ():
            explained = again.selector.explain(ended.run.id)
            matrix.check(name, explained=(ended.run.attempts[0].failure.value in explained, True))
    matrix.note(table)
    assert not matrix.wrong, "\n".join(matrix.wrong)
