"""Models and providers by purpose, over two vendors' servers: lead and worker as one case, oracles, what is seen."""

import asyncio
import logging
from contextlib import ExitStack

import pytest

from selector import AsyncSelector, Config, Outcome, Selector, Task, TextEvent, Usage
from selector.records import Basis
from selector.testing import FakeOpenAI, FakeProvider, Fault, Reply
from tests.config.formats.fragments import PURPOSES

USED = Usage(input_tokens=100, output_tokens=20)
PRICED = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "max_output_tokens": 1_000}


class Vendor:
    """A server's script: each model answers with its name, but for those that are down."""

    def __init__(self):
        self.down = set()

    def __call__(self, body, _headers):
        if body["model"] in self.down:
            return Fault(500, message="out of order")
        return Reply(chunks=[f"{body['model']} ", "says ", "so"], usage=USED)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Serve two vendors, and open selectors of one folder over them."""
    monkeypatch.setenv("ANTHROPIC", "none")
    monkeypatch.setenv("OPENAI", "none")
    script = Vendor()
    with ExitStack() as stack:
        servers = {name: stack.enter_context(FakeOpenAI(script)) for name in ("anthropic", "openai")}
        config = {
            "providers": {
                name: {"kind": name, "base_url": server.base_url, "api_key": f"env:{name.upper()}"}
                for name, server in servers.items()
            },
            "models": {
                "opus": {"provider": "anthropic", **PRICED},
                "sonnet": {"provider": "anthropic", **PRICED},
                "mini": {"provider": "openai", **PRICED},
                "grok": {"provider": "openai", **PRICED},
                "gpt": {"provider": "openai", **PRICED},
            },
            "purposes": {
                "lead": ["opus"],
                "worker": ["sonnet", "mini"],
                "oracle": {"models": ["grok"], "metadata": {"on": "request", "effort": "high"}},
                "second-opinion": {"models": ["gpt"], "metadata": {"on": "request"}},
            },
            "sessions": {"start": "lead", "turns": 3, "then": "worker", "after_failures": 2, "back_for": 2},
            "fallback": {"retries": 0},
        }

        def open_(**sections):
            return stack.enter_context(Selector.open({**config, **sections}, state=tmp_path / "state", seed=1))

        open_.script, open_.servers, open_.config, open_.folder = script, servers, config, tmp_path / "state"
        yield open_


def say(session, n, *, stream=False):
    """Have some turns; return who answered each, by its own word."""
    answers = []
    for _ in range(n):
        if stream:
            text = "".join(event.text for event in session.stream("go on") if isinstance(event, TextEvent))
        else:
            text = session.run("go on").text
        answers.append(text.split()[0])
    return answers


def test_s0_1_a_list_of_models_by_purpose_loads_as_it_is_written(tmp_path):
    file = tmp_path / "selector.yaml"
    file.write_text(PURPOSES, encoding="utf-8")
    config = Config.load(file)
    assert set(config.purposes) == {"oracle", "second-opinion", "worker", "lead"}
    fakes = {name: FakeProvider(Reply(name, usage=USED)) for name in config.providers}
    with ExitStack() as stack:
        with pytest.warns(UserWarning, match="no price is known of grok4"):
            selector = stack.enter_context(Selector.open(config, state=tmp_path / "s", seed=1, providers=fakes))
        session = selector.session()
        served = [session.run("x").decision.model for _ in range(5)]
        assert ["opus" in model for model in served] == [True] * 3 + [False] * 2
        assert all("sonnet" in model for model in served[3:])
        assert "grok" in session.consult("oracle", "x").decision.model
        assert "gpt-5" in session.consult("second-opinion", "x").decision.model


def test_s0_1_several_models_share_a_purpose_and_the_choice_among_them_is_learnt(world):
    """One of two workers does badly: sessions that begin later get the other."""
    selector, chosen = world(objective="most_success"), []
    for _ in range(50):
        session = selector.session(purpose="worker", task_type="coding")
        for _ in range(3):
            decision = session.select(Task("coding"))
            selector.record(decision, Outcome(score=float(decision.model == "mini"), output_tokens=20))
        chosen.append(session.model)
    assert chosen[25:].count("mini") > 20


@pytest.mark.parametrize("stream", [False, True])
def test_s0_2_lead_then_worker_and_back_to_lead_after_failures(world, stream):
    session = world().session()
    assert say(session, 3, stream=stream) == ["opus"] * 3
    worker = say(session, 4, stream=stream)
    assert len(set(worker)) == 1
    assert worker[0] in {"sonnet", "mini"}
    world.script.down |= {"sonnet", "mini"}
    for _ in range(2):
        with pytest.raises(Exception, match="server_error"):
            say(session, 1, stream=stream)
    assert say(session, 2, stream=stream) == ["opus"] * 2
    world.script.down.clear()
    assert say(session, 1, stream=stream)[0] in {"sonnet", "mini"}
    assert [event.reason for event in session.events if "failures" in event.reason] == [
        "2 failures in a row",
        "2 turns of lead after failures",
    ]


def test_s0_2_any_words_will_do(world):
    found = {
        "purposes": {"architect": ["gpt"], "the crowd": ["mini"]},
        "sessions": {"start": "architect", "turns": 1, "then": "the crowd"},
    }
    assert say(world(**found).session(), 3) == ["gpt", "mini", "mini"]


def test_s0_2_the_same_on_an_event_loop(world):
    async def answers():
        async with AsyncSelector.open(world.config, state=world.folder, seed=1) as selector:
            session = selector.session()
            streams = [[event async for event in session.stream("go on")] for _ in range(4)]
            return [events[-1].run.text.split()[0] for events in streams]

    said = asyncio.run(answers())
    assert said[:3] == ["opus"] * 3
    assert said[3] in {"sonnet", "mini"}


def test_s0_3_one_model_works_without_ceremony(world):
    one = {"models": {"opus": {"provider": "anthropic", **PRICED}}, "purposes": {}, "sessions": None}
    session = world(**one).session()
    assert say(session, 2) == ["opus"] * 2
    assert say(session, 2, stream=True) == ["opus"] * 2
    assert (session.phase, session.turn, len(session.events)) == (None, 4, 1)


def test_s0_4_oracle_and_second_opinion_are_consulted_and_never_chosen(world):
    session = world().session()
    say(session, 1)
    assert session.consult("oracle", "is it so?").text == "grok says so"
    assert session.consult("second-opinion", "and you?").text == "gpt says so"
    assert (session.turn, session.model) == (1, "opus")
    assert not {"grok", "gpt"} & set(say(session, 12))


def test_s0_4_metadata_of_a_purpose_takes_part_in_routing(world):
    """A rule reads the purpose's metadata: high effort goes to another model of the oracle's."""
    found = {
        "purposes": {
            **world.config["purposes"],
            "oracle": {"models": ["grok", "gpt"], "metadata": {"on": "request", "effort": "high"}},
        },
        "rules": [{"condition": "metadata.effort == 'high'", "forbid": ["grok"]}],
    }
    session = world(**found).session()
    assert {session.consult("oracle", "?").text for _ in range(8)} == {"gpt says so"}


def test_s0_5_who_is_in_use_and_each_switch_with_its_reason_can_be_seen_while_it_runs(world, caplog):
    selector = world()
    session, seen = selector.session("repair-7"), []
    with caplog.at_level(logging.INFO, "selector"):
        for _ in range(4):
            texts = (event for event in session.stream("go on") if isinstance(event, TextEvent))
            seen += [(session.model, session.provider, session.phase) for _ in texts]
    worker = session.model
    home = {"sonnet": "anthropic", "mini": "openai"}[worker]
    assert seen == [("opus", "anthropic", "lead")] * 9 + [(worker, home, "worker")] * 3
    told = [
        "turn 1, lead: nobody -> opus@anthropic (the session began)",
        f"turn 4, worker: opus@anthropic -> {worker}@{home} (3 turns of lead)",
    ]
    assert [str(event) for event in session.events] == told
    assert [m for m in caplog.messages if m.startswith("session ")] == [f"session repair-7: {line}" for line in told]
    assert selector.status().sessions == (f"repair-7: {told[-1]}",)


def test_s0_5_after_a_restart_the_session_goes_on_and_says_what_it_said(world):
    with world() as selector:
        session = selector.session("repair-7")
        say(session, 4)
        before = session.events
    with world() as selector:
        session = selector.session("repair-7")
        assert (session.turn, session.phase, session.events) == (4, "worker", before)
        assert session.run("go on").decision.reason is Basis.SESSION


def test_s0_6_gooses_variables_make_the_same_session(tmp_path, monkeypatch):
    said = {
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": "gpt-5-mini",
        "GOOSE_LEAD_PROVIDER": "anthropic",
        "GOOSE_LEAD_MODEL": "claude-opus-4-20250514",
        "GOOSE_LEAD_TURNS": "1",
        "GOOSE_LEAD_FAILURE_THRESHOLD": "1",
        "GOOSE_LEAD_FALLBACK_TURNS": "3",
        "OPENAI_API_KEY": "none",
        "ANTHROPIC_API_KEY": "none",
    }
    monkeypatch.chdir(tmp_path)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    fakes = {name: FakeProvider(Reply(name, usage=USED)) for name in ("openai", "anthropic")}
    with Selector.open(state=tmp_path / "state", seed=1, providers=fakes) as selector:
        session = selector.session()
        runs = [session.run("x") for _ in range(2)]
        session.record(runs[-1].id, Outcome(success=False))
        runs += [session.run("x") for _ in range(4)]
    assert [run.text for run in runs] == ["anthropic", "openai", *["anthropic"] * 3, "openai"]
