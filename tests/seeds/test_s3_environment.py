"""S3.1, S0.6, S2.5: what the environment says, in which order it counts, and that no restart is needed."""

import json

import pytest

from selector import Selector, Task
from selector.cli import main
from selector.testing import FakeOpenAI
from tests.clients.conftest import Clock

PRICED = "usd_per_mtok_in: 1, usd_per_mtok_out: 2, max_output_tokens: 1000"
FILE = f"""\
env_file: .env
models:
  deepseek: {{{PRICED}, tags: [external]}}
  sonnet: {{{PRICED}, family: claude}}
  opus: {{{PRICED}, family: claude}}
purposes: {{cto: [deepseek]}}
"""
OURS = ("SELECTOR_CONFIG", "SELECTOR_STATE", "SELECTOR_ENV_FILE", "ORCHESTRATOR_CONFIG", "CTO_MODEL", "MODEL_PROVIDER")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Stand in a folder of one's own, in an environment that says nothing."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("")
    (tmp_path / "selector.yaml").write_text(FILE)
    return tmp_path


@pytest.fixture
def looks(clock):
    """Let seconds pass, and look, as the background thread does."""

    def look(selector):
        for _ in range(2):
            clock.now += 2
            selector._reload.look()

    return look


def cto(selector):
    return {selector.select(Task("anything", purpose="cto")).model for _ in range(12)}


def test_s3_1_the_cto_is_changed_while_it_runs_by_env_file_process_and_file(home, clock, looks, monkeypatch):
    with Selector.open(state=home / "state", seed=1, clock=clock) as selector:
        assert cto(selector) == {"deepseek"}
        (home / ".env").write_text("CTO_MODEL=opus\n")
        looks(selector)
        assert cto(selector) == {"opus"}, "a line of the env_file"
        monkeypatch.setenv("CTO_MODEL", "sonnet")
        looks(selector)
        assert cto(selector) == {"sonnet"}, "the process's own environment counts before its env_file"
        monkeypatch.delenv("CTO_MODEL")
        (home / ".env").write_text("MODEL_PROVIDER=claude\n")
        looks(selector)
        assert cto(selector) == {"sonnet", "opus"}, "a provider or a family stands for all of its models"
        (home / ".env").write_text("")
        (home / "selector.yaml").write_text(FILE.replace("cto: [deepseek]", "cto: [sonnet]"))
        looks(selector)
        assert cto(selector) == {"sonnet"}, "an edit of the file"


def test_s3_1_what_is_wrong_is_told_and_the_last_good_one_goes_on(home, clock, looks, monkeypatch):
    with Selector.open(state=home / "state", seed=1, clock=clock) as selector:
        monkeypatch.setenv("CTO_MODEL", "opsu")
        looks(selector)
        assert "environment CTO_MODEL: purposes.cto: unknown model 'opsu'" in selector.status().config_error
        assert cto(selector) == {"deepseek"}
        monkeypatch.setenv("CTO_MODEL", "opus")
        looks(selector)
        assert (selector.status().config_error, cto(selector)) == (None, {"opus"})


def test_s3_1_another_file_is_named_while_it_runs(home, clock, looks, monkeypatch):
    (home / "custom.json").write_text(json.dumps({"models": {"mini": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}}))
    with Selector.open(state=home / "state", seed=1, clock=clock) as selector:
        monkeypatch.setenv("ORCHESTRATOR_CONFIG", str(home / "custom.json"))
        looks(selector)
        assert selector.select(Task("anything")).model == "mini"
    with Selector.open("selector.yaml", state=home / "state", seed=1, clock=clock) as selector:
        assert "mini" not in selector.config.models, "what a call names counts before a variable"


@pytest.mark.filterwarnings("ignore:no price is known of small")
def test_s0_6_gooses_variables_alone_make_calls_to_lead_and_worker(home, clock, looks, monkeypatch):
    (home / "selector.yaml").unlink()
    with FakeOpenAI("from the lead") as lead, FakeOpenAI("from the worker") as worker:
        for name, value in {
            "GOOSE_PROVIDER": "litellm",
            "GOOSE_MODEL": "small",
            "GOOSE_LEAD_PROVIDER": "ollama",
            "GOOSE_LEAD_MODEL": "large",
            "GOOSE_LEAD_TURNS": "2",
            "LITELLM_HOST": worker.base_url,
            "LITELLM_API_KEY": "key",
            "OLLAMA_HOST": lead.base_url,
        }.items():
            monkeypatch.setenv(name, value)
        with Selector.open(state=home / "state", seed=1, clock=clock) as selector:
            said = {p: selector.run(Task("chat", prompt="Hello.", purpose=p)).text for p in ("lead", "worker")}
            assert said == {"lead": "from the lead", "worker": "from the worker"}
            sessions = selector.config.sessions
            assert (sessions.start, sessions.turns, sessions.then) == ("lead", 2, "worker")
            assert (sessions.after_failures, sessions.back_for) == (2, 2)
            monkeypatch.setenv("GOOSE_LEAD_TURNS", "4")
            looks(selector)
            assert selector.config.sessions.turns == 4


def test_s0_6_a_file_counts_before_goose_and_goose_before_nothing(home, clock, monkeypatch):
    monkeypatch.setenv("GOOSE_LEAD_MODEL", "opus")
    monkeypatch.setenv("GOOSE_MODEL", "sonnet")
    with Selector.open(state=home / "state", seed=1, clock=clock) as selector:
        assert selector.select(Task("chat", purpose="worker")).model == "sonnet"
    (home / "selector.yaml").write_text(FILE.replace("cto: [deepseek]", "worker: [deepseek]"))
    with Selector.open(state=home / "state", seed=1, clock=clock) as selector:
        assert selector.select(Task("chat", purpose="worker")).model == "deepseek"
        assert selector.select(Task("chat", purpose="lead")).model == "opus"


def test_s2_5_variables_override_the_file_and_options_override_variables(home, monkeypatch, capsys):
    (home / "mine.yaml").write_text(
        "models: {haiku: {usd_per_mtok_in: 1, usd_per_mtok_out: 2}}\npolicy: {floor: .01}\n"
    )
    monkeypatch.setenv("SELECTOR_CONFIG", "selector.yaml")
    monkeypatch.setenv("SELECTOR_POLICY__FLOOR", ".07")
    monkeypatch.setenv("SELECTOR_STATE", str(home / "by-variable"))
    assert main(["config", "--origin", "-q", "--config", "mine.yaml", "--state", "by-option"]) == 0
    out = capsys.readouterr().out
    lines = {line.split(" # ")[0].strip(): line.rsplit(" # ", 1)[1] for line in out.splitlines() if " # " in line}
    assert lines["floor: 0.07"] == "environment SELECTOR_POLICY__FLOOR"
    assert lines["path: by-option"] == "option --state"
    assert lines["usd_per_mtok_in: 1.0"] == "mine.yaml:1"
    assert main(["config", "-q", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["file"], found["origins"]["state.path"]) == ("selector.yaml", "environment SELECTOR_STATE")
