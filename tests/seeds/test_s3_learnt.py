"""S3.9 and S3.10: what is tracked per model and task type and what for; and one command that says why not."""

import json

import pytest

from selector import Outcome, Selector, Task
from selector.cli import main
from selector.testing import FakeProvider, Reply

PRICES = {"haiku": 1, "deepseek": 0.5, "sonnet": 3, "opus": 15}
MODELS = "".join(
    f"  {name}: {{provider: work, usd_per_mtok_in: {usd}, usd_per_mtok_out: {5 * usd}, max_output_tokens: 1000}}\n"
    for name, usd in PRICES.items()
)
FILE = f"""\
providers: {{work: {{kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: env:WORK_KEY}}}}
models:
{MODELS}chains: {{by_model: {{haiku: [opus, sonnet]}}}}
fallback: {{retries: 0}}
rules: [{{condition: labels contains 'first', model: haiku}}]
"""


def is_good(text):
    return text == "good"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Stand in a folder with the orchestrator's models."""
    for name in ("SELECTOR_CONFIG", "SELECTOR_STATE", "ORCHESTRATOR_CONFIG", "CTO_MODEL", "MODEL_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORK_KEY", "never-shown")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "selector.yaml").write_text(FILE)
    return tmp_path


@pytest.fixture
def told(capsys):
    """Run a command that must succeed; give its output, or with --json its object."""

    def command(*arguments):
        assert main(list(arguments)) == 0
        out = capsys.readouterr().out
        return json.loads(out) if "--json" in arguments else out

    return command


@pytest.fixture
def work(home):
    """Do tasks that only haiku's successors can do, and report on others by hand."""
    script = {"haiku": Reply("bad"), "opus": Reply("good"), "sonnet": Reply("good"), "deepseek": Reply("good")}
    with Selector.open(seed=1, providers={"work": FakeProvider(script)}) as selector:
        for _ in range(9):
            selector.run(Task("coding", prompt="Sort.", labels=["first"]), check=is_good)
        for model in ("sonnet", "opus"):
            for _ in range(9):
                decision = selector.select(Task("coding", input_tokens=100, only=[model]))
                selector.record(decision, Outcome(quality=9, output_tokens=300, latency_s=3, source="cto"))
        decision = selector.select(Task("research", input_tokens=100, only=["deepseek"]))
        selector.record(decision, Outcome(quality=7, output_tokens=300, latency_s=6, source="cto"))
    return home


@pytest.mark.usefixtures("work")
def test_s3_9_completions_success_quality_time_tokens_and_escalations_per_model_and_type(told):
    found = told("summary", "--json")
    assert found["schema"] == "selector.summary/1"
    haiku, sonnet, deepseek = (found["models"][name] for name in ("haiku", "sonnet", "deepseek"))
    assert (haiku["n_completions"] + sum(haiku["failures"].values()), haiku["success_rate"]) == (9, 0.0)
    assert (haiku["n_escalations"], haiku["escalation_rate"]) == (9, 1.0)
    assert (sonnet["n_completions"], sonnet["success_rate"], sonnet["n_escalations"]) == (9, 1.0, 0)
    assert sonnet["quality"] == pytest.approx(9)
    research = deepseek["task_types"]["research"]
    assert (research["n_completions"], research["mean_latency_s"], research["mean_output_tokens"]) == (1, 6, 300)
    assert research["quality"] == pytest.approx(7)
    assert research["total_cost_usd"] > 0
    assert list(deepseek["task_types"]) == ["research"]
    assert found["summary"]["n_decisions"] == 28
    assert found["summary"]["n_escalations"] == 9
    assert "sonnet" in told("summary")


def test_s3_9_it_puts_the_fallback_chain_in_order(work, told):
    task = '{"type": "coding", "labels": ["first"], "input_tokens": 100}'
    with Selector.open() as selector:
        assert selector.select(Task("coding", labels=["first"])).chain == ("opus@work", "sonnet@work")
    (work / "selector.yaml").write_text(f"{FILE}learnt_chains: true\n")
    with Selector.open() as selector:
        decision = selector.select(Task("coding", labels=["first"]))
        assert decision.chain == ("sonnet@work", "opus@work")
        assert "chain in learnt order: sonnet@work (success" in selector.explain(decision)
    (entry,) = told("why", "opus", "--task", task, "--json")["types"]
    assert entry["chain"]["configured"] == ["opus@work", "sonnet@work"]
    assert (entry["chain"]["in_force"], entry["chain"]["place"]) == (["sonnet@work", "opus@work"], 2)


@pytest.mark.usefixtures("work")
def test_s3_9_it_is_used_for_selection(told):
    rows = {row["model"]: row for row in told("beliefs", "--type", "coding", "--json")["beliefs"]}
    assert rows["haiku"]["success"] < rows["sonnet"]["success"] - 0.4
    decision = told("select", "coding", "--input-tokens", "100", "--json")
    likely = {each["model"]: each["probability"] for each in decision["candidates"]}
    assert likely["haiku"] < 0.1 < sum(likely.values())


def test_s3_9_evidence_is_forgotten_taken_over_and_kept_under_a_new_name(work, told, tmp_path):
    assert told("beliefs", "reset", "haiku", "--json")["n_outcomes"] == 9
    assert told("rebuild", "--json")["is_equal"]
    rows = {row["model"]: row for row in told("beliefs", "--type", "coding", "--json")["beliefs"]}
    assert (rows["haiku"]["n_outcomes"], rows["sonnet"]["n_outcomes"]) == (0, 9)
    (work / "selector.yaml").write_text(FILE.replace("  sonnet:", "  sonnet-5:").replace("sonnet]", "sonnet-5]"))
    new = ["--state", str(tmp_path / "second")]
    found = told("beliefs", "import", "selector-state", "--weight", "1", "--name", "sonnet=sonnet-5", "--json", *new)
    assert {row["model"] for row in found["rows"]} == {"sonnet-5", "opus", "deepseek"}
    rows = {row["model"]: row for row in told("beliefs", "--type", "coding", "--json", *new)["beliefs"]}
    assert (rows["sonnet-5"]["n_outcomes"], rows["opus"]["n_outcomes"]) == (9, 9)
    assert told("rebuild", "--json", *new)["is_equal"]


@pytest.mark.usefixtures("work")
def test_s3_10_the_configuration_is_checked_shown_and_the_state_told(told):
    assert "nothing is wrong" in told("validate")
    assert "api_key: env:WORK_KEY" in told("config", "--origin")
    assert told("status", "--json", "--verbose")["n_decisions"] == 28


def test_s3_10_one_command_says_why_a_model_is_not_used(work, told, monkeypatch):
    monkeypatch.delenv("WORK_KEY")
    disabled = FILE.replace("  opus: {", "  opus: {enabled: false, ")
    (work / "selector.yaml").write_text(f"{disabled}task_types: {{email: {{needs: [agentmail]}}}}\n")
    found = told("why", "opus", "--type", "email", "--json")
    assert [each["reason"] for each in found["always"]] == ["disabled", "no_credentials"]
    (entry,) = found["types"]
    said = [reason for route in entry["against"] for reason in route["reasons"]]
    assert said == ["disabled", "missing_capability (agentmail)"]
    out = told("why", "opus")
    assert "on every task: disabled" in out
    assert "never-shown" not in out
