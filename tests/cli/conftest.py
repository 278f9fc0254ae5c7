"""A folder with a configuration, and the command line run in it."""

import json
import os
import re
from pathlib import Path

import pytest

from selector import Outcome, Selector, Task
from selector.cli import main

CONFIG = """\
version: 1
policy: {name: fixed, model: large}
models:
  small: {usd_per_mtok_in: 0.1, usd_per_mtok_out: 0.4, max_output_tokens: 1000, context_tokens: 8000}
  large: {usd_per_mtok_in: 3, usd_per_mtok_out: 15, max_output_tokens: 1000, capabilities: [tools], tags: [dear]}
  old: {usd_per_mtok_in: 3, usd_per_mtok_out: 15, enabled: false}
task_types: {agent: {needs: [tools]}}
budgets:
  - {name: mean, usd_per_request: 0.02}
  - {name: month, usd: 50, per: month, hard: false}
state: ./selector-state
"""
KEYS = ("ANTHROPIC", "OPENAI", "GEMINI", "GOOGLE", "MISTRAL", "XAI", "DEEPSEEK", "MOONSHOT", "ZAI")
MORE_KEYS = ("GROQ", "CEREBRAS", "FIREWORKS", "TOGETHER", "OPENROUTER")
ID = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)")
UNSTABLE = {"oldest_pending_s", "config_digest", "file", "state", "n_events"}
UNSTABLE |= {"forecast_requests", "target_usd_per_request"}


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Stand in a folder with a configuration, and without keys or variables of this machine's."""
    for name in ("SELECTOR_CONFIG", "SELECTOR_STATE", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name in (*KEYS, *MORE_KEYS):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "selector.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(shop, capsys):  # noqa: ARG001 - it stands there
    """Run a command in the shop; return its exit code, its output and its complaints."""

    def command(*arguments):
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def run_json(run):
    """Run a command that must succeed, with --json, and return its object."""

    def command(*arguments):
        code, out, err = run(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return command


@pytest.fixture
def taught(shop):  # noqa: ARG001 - it stands there
    """Let models serve a type of task so often each, as a program does, and be judged."""

    def teach(n, task_type="coding", **judged):
        with Selector.open() as selector:
            for _ in range(n):
                for model, good in judged.items():
                    decision = selector.select(Task(task_type, only=[model], input_tokens=9))
                    selector.record(decision, Outcome(success=good, output_tokens=300))

    return teach


@pytest.fixture
def chosen(run):
    """Choose for tasks of a type; return the ids."""

    def choose(task_type="coding", n=1, *arguments):
        found = [run("select", task_type, "--input-tokens", "1000", "--id", *arguments) for _ in range(n)]
        assert [(code, err) for code, _, err in found] == [(0, "")] * n
        return [out.strip() for _, out, _ in found]

    return choose


@pytest.fixture
def golden():
    """Compare with an entry of the golden file; ``SELECTOR_GOLDEN=write`` writes it."""

    def compare(name, found):
        path = Path(__file__).parent / "golden_commands.json"
        entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found = scrubbed(found)
        if os.environ.get("SELECTOR_GOLDEN") == "write":
            entries[name] = found
            path.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        same(found, entries[name])

    return compare


def scrubbed(value, name=""):
    """Take out what differs from run to run: ids, times, places."""
    if isinstance(value, dict):
        return {key: scrubbed(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [scrubbed(member) for member in value]
    if name in UNSTABLE and value is not None:
        return f"<{name}>"
    if isinstance(value, str):
        value = re.sub(r"until \d{4}-\d\d-\d\d \d\d:\d\d", "until <time>", value)
        return TIME.sub("<time>", ID.sub("<id>", value))
    return value


def same(one, other):
    """Compare fractions to nine digits, and everything else exactly."""
    if isinstance(other, dict):
        assert list(one) == list(other) or set(one) == set(other)
        for key in other:
            same(one[key], other[key])
    elif isinstance(other, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-9)
    else:
        assert one == other
