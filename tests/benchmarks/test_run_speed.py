"""What a run adds to the call that it makes: beside httpx with the same body, to the same server, in turns, as ratios.

The server is a process of its own. Of one round each contender makes one call, so that all see the same machine;
medians of blocks of rounds. A run chooses, calls, reads the answer, prices it, and has it on disk when it returns; its
state lies on the disk of the temporary folder, and its background thread runs. LiteLLM's Router, where it is installed,
calls through its own path for OpenAI's API, and writes nothing down.
"""

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack
from importlib import import_module
from unittest.mock import patch

import pytest

from selector import AsyncSelector, Selector, Task
from selector.execution import Answer
from selector.records import Message, Part, Usage
from tests.benchmarks._peers import QUIET, available, refuse_malicious

N_BLOCKS, N_ROUNDS, N_WARM = 7, 150, 100
PROMPT = "The capital of France? " * 20
SERVER = """
import sys
from selector.testing import FakeOpenAI
with FakeOpenAI("Paris, as far as is known. " * 20) as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""
MODELS = {
    name: {"provider": "here", "id": name, "usd_per_mtok_in": k, "usd_per_mtok_out": 5 * k, "max_output_tokens": 1_000}
    for k, name in enumerate(("haiku", "sonnet", "opus"), 1)
}
BUDGETS = {"run": [{"usd_per_request": 0.01}], "run, hard budget": [{"usd": 100_000, "per": "day"}]}
BARE, RUN, ROUTER = "httpx", "run", "LiteLLM's Router"
STREAM = "httpx, stream"
httpx = pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def url():
    """Serve from another process."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=-1, stdout=-1, text=True) as process:  # noqa: S603
        yield process.stdout.readline().strip()
        process.stdin.close()


class InMemory:
    """A provider that answers at once."""

    answer = Answer(
        message=Message(role="assistant", parts=(Part(kind="text", text="Paris"),)),
        usage=Usage(input_tokens=115, output_tokens=135),
    )

    def call(self, _request, _patience):
        return self.answer

    async def acall(self, _request, _patience):
        return self.answer

    def close(self):
        """Close nothing."""

    async def aclose(self):
        """Close nothing."""


def config(url, budgets):
    return {"providers": {"here": {"kind": "openai", "base_url": url}}, "models": MODELS, "budgets": budgets}


def body(model="haiku"):
    return {"model": model, "messages": [{"role": "user", "content": PROMPT}], "max_completion_tokens": 1_000}


def router(url):
    """Make LiteLLM's Router of one model at the same server, with nothing switched on."""
    refuse_malicious()
    with warnings.catch_warnings(), patch.dict(os.environ, QUIET):
        warnings.simplefilter("ignore")
        litellm = import_module("litellm")
        params = {"model": "openai/haiku", "api_base": url, "api_key": "none"}
        return litellm.Router([{"model_name": "haiku", "litellm_params": params}], num_retries=1)


def medians(found):
    """Give the median over blocks of each block's median, in microseconds."""
    return {name: statistics.median(map(statistics.median, blocks)) / 1e3 for name, blocks in found.items()}


def side_by_side(contenders):
    """Time one call of each in turn."""
    found = {name: [[] for _ in range(N_BLOCKS)] for name in contenders}
    for _ in range(N_WARM):
        for call in contenders.values():
            call()
    gc.collect()
    for block in range(N_BLOCKS):
        for _ in range(N_ROUNDS):
            for name, call in contenders.items():
                begin = time.perf_counter_ns()
                call()
                found[name][block].append(time.perf_counter_ns() - begin)
    return medians(found)


async def aside_by_side(contenders):
    """Time one call of each in turn, on an event loop."""
    found = {name: [[] for _ in range(N_BLOCKS)] for name in contenders}
    for _ in range(N_WARM):
        for call in contenders.values():
            await call()
    gc.collect()
    for block in range(N_BLOCKS):
        for _ in range(N_ROUNDS):
            for name, call in contenders.items():
                begin = time.perf_counter_ns()
                await call()
                found[name][block].append(time.perf_counter_ns() - begin)
    return medians(found)


def show(title, found):
    print(f"\n{title:<28}{'p50 us':>10}{'added us':>10}{'x httpx':>9}")  # noqa: T201 - a benchmark prints its table
    for name, us in found.items():
        bare = found[STREAM if "stream" in name else BARE]
        added, ratio = ("", "") if us == bare else (f"{us - bare:>10.0f}", f"{us / bare:>9.2f}")
        print(f"  {name:<26}{us:>10.0f}{added}{ratio}")  # noqa: T201 - likewise


def opened(stack, folder, url, **more):
    """Open a selector for each kind of budget."""
    return {
        name: stack.enter_context(Selector.open(config(url, budgets), state=folder / name, seed=0, **more))
        for name, budgets in BUDGETS.items()
    }


def test_a_run_adds_less_than_the_call_itself_takes(url, tmp_path):
    task, where = Task("coding", prompt=PROMPT), f"{url}/chat/completions"
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client())

        def streamed():
            with client.stream("POST", where, json=body() | {"stream": True}) as response:
                return [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: {")]

        contenders = {BARE: lambda: client.post(where, json=body()).json()["choices"][0]["message"]["content"]}
        contenders[STREAM] = streamed
        for name, selector in opened(stack, tmp_path, url).items():
            contenders[name] = lambda each=selector: each.run(task).text
            contenders[name.replace("run", "stream")] = lambda each=selector: [*each.stream(task)]
        if "litellm" in available():
            made = router(url)
            asked = {"model": "haiku", "messages": body()["messages"], "max_completion_tokens": 1_000}
            contenders[ROUTER] = lambda: made.completion(**asked).choices[0].message.content
        found = side_by_side(contenders)
    show("in a thread", found)
    assert found[RUN] < 2 * found[BARE]
    assert found["stream"] < 2 * found[STREAM]
    if ROUTER in found:
        assert found[RUN] < found[ROUTER]


def test_an_async_run_adds_less_than_the_call_itself_takes(url, tmp_path):
    task, where = Task("coding", prompt=PROMPT), f"{url}/chat/completions"

    async def measured():
        selector = AsyncSelector.open(config(url, BUDGETS[RUN]), state=tmp_path, seed=0)
        async with httpx.AsyncClient() as client, selector:

            async def bare():
                return (await client.post(where, json=body())).json()["choices"][0]["message"]["content"]

            async def run():
                return (await selector.run(task)).text

            contenders = {BARE: bare, RUN: run}
            if "litellm" in available():
                made = router(url)
                asked = {"model": "haiku", "messages": body()["messages"], "max_completion_tokens": 1_000}
                contenders[ROUTER] = lambda: made.acompletion(**asked)
            return await aside_by_side(contenders)

    found = asyncio.run(measured())
    show("on an event loop", found)
    assert found[RUN] < 2 * found[BARE]


def test_what_a_run_does_beside_the_call_takes_less_than_a_call(url, tmp_path):
    """With a provider in memory that answers at once, all that is left is the selector's own."""
    task, where = Task("coding", prompt=PROMPT), f"{url}/chat/completions"
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client())
        contenders = {BARE: lambda: client.post(where, json=body()).json()["choices"][0]["message"]["content"]}
        for name, selector in opened(stack, tmp_path, url, providers={"here": InMemory()}).items():
            contenders[name] = lambda each=selector: each.run(task).text
        found = side_by_side(contenders)
    show("provider in memory", found)
    assert found[RUN] < found[BARE]
