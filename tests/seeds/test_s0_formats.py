"""Models and providers by purpose: the list loads as it stands, and each purpose is served by those who have it."""

import pytest

from selector import Outcome, Task
from selector.config import Config
from selector.config.formats import imported
from selector.errors import ConfigError
from tests.config.formats.fragments import SECRET, plain

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")

LEAD, WORKER = "claude-opus-4-20250514", "claude-sonnet-4-20250514"


@pytest.fixture
def document():
    return plain("purposes.yaml")


def test_s0_1_each_purpose_is_served_by_its_model(opened, document):
    selector = opened(document)
    served = {"lead": LEAD, "worker": WORKER, "oracle": "grok4", "second-opinion": "gpt-5"}
    for purpose, model in served.items():
        assert selector.select(Task("coding", purpose=purpose)).model == model


def test_s0_1_the_choice_within_a_purpose_is_learnt(opened, document):
    document["models"].append({"provider": "openai", "model": "gpt-5-mini", "purpose": "worker"})
    selector = opened(document)
    models = {selector.select(Task("coding", purpose="worker")).model for _ in range(100)}
    assert models == {WORKER, "gpt-5-mini"}
    assert {selector.select(Task("coding")).model for _ in range(100)} == models
    assert {selector.select(Task("coding", purpose="lead")).model for _ in range(5)} == {LEAD}


def test_s0_1_any_other_word_is_a_purpose(opened, document):
    document["models"].append({"provider": "openai", "model": "gpt-5-nano", "purpose": "naming of things"})
    assert opened(document).select(Task("coding", purpose="naming of things")).model == "gpt-5-nano"


def test_s0_1_one_model_with_two_purposes_serves_both(opened, document):
    document["models"].append({"provider": "anthropic", "model": LEAD, "purpose": "reviewer"})
    selector = opened(document)
    assert {selector.select(Task("coding", purpose=each)).model for each in ("lead", "reviewer")} == {LEAD}


def test_s0_1_a_model_at_two_providers_has_a_route_at_each(document):
    document["models"].append({"provider": "openrouter", "model": LEAD, "purpose": "spare"})
    config = Config.load(document)
    assert list(config.models[LEAD].routes) == ["anthropic", "openrouter"]
    assert config.purposes["spare"].models == (f"{LEAD}@openrouter",)
    assert config.purposes["lead"].models == (f"{LEAD}@anthropic",)


def test_s0_1_every_provider_is_called_as_it_is_known():
    providers = Config.load(plain("purposes.yaml")).providers
    assert {name: (each.kind, each.api_key) for name, each in providers.items()} == {
        "grok": ("openai", "env:XAI_API_KEY"),
        "openai": ("openai", "env:OPENAI_API_KEY"),
        "anthropic": ("anthropic", "env:ANTHROPIC_API_KEY"),
    }


def test_s0_2_lead_and_worker_are_the_phases_of_a_session(document):
    sessions = Config.load(document).sessions
    assert (sessions.start, sessions.turns, sessions.then) == ("lead", 3, "worker")
    assert (sessions.after_failures, sessions.back_for) == (2, 2)


def test_s0_2_the_lead_begins_the_worker_goes_on_and_the_lead_is_back_after_failures(opened, document):
    selector = opened(document)
    session = selector.session("talk")
    served = []
    for n in range(9):
        decision = session.select(Task("coding"))
        served.append(decision.model)
        selector.record(decision, Outcome(score=0 if n in {4, 5} else 1))
    assert served == [LEAD] * 3 + [WORKER] * 3 + [LEAD] * 2 + [WORKER]


def test_s0_2_without_a_lead_a_session_has_no_phases(document):
    document["models"] = [each for each in document["models"] if each["purpose"] != "lead"]
    assert Config.load(document).sessions is None


def test_s0_2_tasks_that_name_no_purpose_go_to_the_worker(opened, document):
    selector = opened(document)
    assert {selector.select(Task("coding")).model for _ in range(50)} == {WORKER}
    assert imported(document).adaptive == "delete default_model"


def test_s0_3_one_model_needs_no_ceremony(opened):
    one = {"models": [{"provider": "anthropic", "model": "claude-sonnet-4-20250514"}]}
    selector = opened(one)
    assert selector.select(Task("coding")).model == "claude-sonnet-4-20250514"
    assert set(imported(one).config) == {"version", "providers", "models"}
    assert imported(one).adaptive == "add another model under models"


def test_s0_4_extra_metadata_can_be_selected_by(opened, document):
    document["models"][3] |= {"tier": "premium", "vetted": True, "notes": ["one", "two"]}
    config = Config.load(document)
    assert config.models[LEAD].tags == ("tier=premium", "vetted=true")
    assert config.purposes["lead"].metadata == {"tier": "premium", "vetted": True, "notes": ["one", "two"]}
    assert opened(document).select(Task("coding", only=["tag:tier=premium"])).model == LEAD


def test_s0_4_metadata_of_several_stand_under_their_models(document):
    document["models"][2] |= {"tier": "plain"}
    document["models"].append({"provider": "openai", "model": "gpt-5-mini", "purpose": "worker", "tier": "cheap"})
    assert Config.load(document).purposes["worker"].metadata == {
        WORKER: {"tier": "plain"},
        "gpt-5-mini": {"tier": "cheap"},
    }


def test_s0_4_an_oracle_serves_who_asks_for_it(document):
    purposes = Config.load(document).purposes
    assert purposes["oracle"].metadata == purposes["second-opinion"].metadata == {"on": "request"}
    assert not purposes["worker"].metadata


def test_s0_6_every_key_of_the_document_is_in_the_report(document):
    lines = {line.place: line for line in imported(document).lines}
    for n, entry in enumerate(document["models"]):
        assert {lines[f"models[{n}].{key}"].what for key in entry} == {"translated"}


def test_a_secret_in_an_entry_is_not_copied(document):
    document["models"][0] |= {"api_key": SECRET, "more": {"token": "hush"}}
    result = imported(document)
    assert SECRET not in repr(result)
    assert "hush" not in repr(result)
    assert {line.what for line in result.lines if line.place in {"models[0].api_key", "models[0].more.token"}} == {
        "ignored"
    }


def test_an_unknown_provider_is_warned_of(document):
    document["models"][0]["provider"] = "homemade"
    [line] = [line for line in imported(document).lines if line.place == "models[0].provider"]
    assert line.what == "warned"
    assert "nobody knows how to call 'homemade'" in line.word
    assert Config.load(document).models["grok4"].provider is None


def test_an_entry_without_a_model_is_refused_with_its_place(document):
    del document["models"][1]["model"]
    with pytest.raises(ConfigError, match=r"models\[1\]\.model: is required"):
        Config.load(document)


def test_s0_6_a_lead_and_a_worker_as_variables_in_a_file_are_two_purposes(opened):
    document = plain("lead.yaml")
    config = Config.load(document)
    assert (config.sessions.start, config.sessions.turns, config.sessions.then) == ("lead", 5, "worker")
    assert (config.models["gpt-5"].provider, config.models[WORKER].provider) == ("openai", "anthropic")
    selector = opened(document)
    assert selector.select(Task("coding")).model == WORKER
    assert selector.select(Task("coding", purpose="lead")).model == "gpt-5"


def test_s0_6_turns_without_a_lead_are_ignored_with_the_reason(opened):
    document = {"GOOSE_PROVIDER": "anthropic", "GOOSE_MODEL": WORKER, "GOOSE_LEAD_TURNS": 2}
    assert ("GOOSE_LEAD_TURNS", "ignored") in [(line.place, line.what) for line in imported(document).lines]
    assert opened(document).select(Task("coding")).model == WORKER


@pytest.mark.parametrize("turns", [0, -1, True, "many", 2.5])
def test_s0_6_a_number_of_turns_that_is_none_is_refused(turns):
    document = plain("lead.yaml") | {"GOOSE_LEAD_TURNS": turns}
    with pytest.raises(ConfigError, match="GOOSE_LEAD_TURNS: must be a whole number from 1"):
        Config.load(document)
