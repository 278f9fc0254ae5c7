"""Providers by intent: the file loads as it stands, intents and calls with tools go where it says."""

import pytest

from selector import Task
from selector.config import Config
from selector.config.formats import imported
from selector.errors import ConfigError
from tests.config.formats.fragments import INTENTS, plain

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")

TOOLS = [{"type": "function", "function": {"name": "grep", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
def document():
    return plain("intents.yaml")


@pytest.mark.parametrize(
    ("intent", "model"), [("tool_use", "gpt-4o"), ("planning", "claude-3-opus"), ("code_gen", "claude-3-opus")]
)
def test_s2_1_an_intent_goes_to_its_provider_as_task_type_and_as_purpose(opened, document, intent, model):
    selector = opened(document)
    assert {selector.select(Task(intent)).model for _ in range(20)} == {model}
    assert {selector.select(Task(f"{intent}/of/a/kind")).model for _ in range(20)} == {model}
    assert {selector.select(Task("anything", purpose=intent)).model for _ in range(20)} == {model}


def test_s2_1_any_other_intent_goes_to_the_default(opened, document):
    selector = opened(document)
    assert {selector.select(Task("poetry")).model for _ in range(50)} == {"gpt-4o"}
    assert imported(document).adaptive.startswith("delete default_model")


def test_s2_3_calls_with_tools_go_to_the_model_for_tools_alone(opened, document):
    document["providers"]["models"]["openai"]["tool_model"] = "gpt-4.1"
    selector = opened(document)
    assert selector.select(Task("poetry")).model == "gpt-4o"
    for task_type in ("poetry", "planning", "code_gen", "tool_use"):
        assert {selector.select(Task(task_type, tools=TOOLS)).model for _ in range(20)} == {"gpt-4.1"}


def test_s2_3_a_model_for_an_intent_is_honoured_at_its_provider(opened, document):
    document["providers"]["models"]["anthropic"] |= {"planning_model": "claude-3-haiku", "code_gen_model": "claude-x"}
    selector = opened(document)
    assert selector.select(Task("planning")).model == "claude-3-haiku"
    assert selector.select(Task("code_gen")).model == "claude-x"


def test_s2_3_a_model_for_an_intent_that_is_not_routed_makes_one_at_the_default_provider(opened, document):
    document["providers"]["models"]["openai"]["summary_model"] = "gpt-4o-mini"
    selector = opened(document)
    assert selector.select(Task("summary")).model == "gpt-4o-mini"
    assert selector.select(Task("poetry", purpose="summary")).model == "gpt-4o-mini"


def test_s2_3_a_model_for_an_intent_of_another_provider_is_there_to_be_asked(opened, document):
    document["providers"]["models"]["openai"]["planning_model"] = "gpt-4-turbo-plan"
    selector = opened(document)
    assert selector.select(Task("planning")).model == "claude-3-opus"
    lines = {line.place: line.word for line in imported(document).lines}
    assert "planning itself is routed to 'anthropic'" in lines["providers.models.openai.planning_model"]


def test_s2_2_one_call_can_name_its_provider(opened, document):
    selector = opened(document)
    assert selector.select(Task("poetry", only=["*@anthropic"])).provider == "anthropic"


def test_s2_4_ensembles_are_kept_for_later_and_say_so(document):
    result = imported(document)
    later = [line for line in result.lines if "ensembles are not supported yet" in line.word]
    assert {line.what for line in later} == {"ignored"}
    assert {line.place for line in later} == {
        "providers.routing.safety_check",
        "ensembles.safety.models",
        "ensembles.safety.strategy",
        "ensembles.quality.models",
        "ensembles.quality.strategy",
    }
    assert "safety_check" not in result.config["purposes"]


def test_s2_4_members_that_are_not_listed_are_added_with_one_warning_each(document):
    warned = [line.word.split("'")[1] for line in imported(document).lines if line.what == "warned"]
    assert warned == ["claude-3-sonnet", "gpt-4-turbo"]
    models = Config.load(document).models
    assert (models["claude-3-sonnet"].provider, models["gpt-4-turbo"].provider) == ("anthropic", "openai")


def test_s2_5_the_file_loads_in_every_way_it_can_be_written(tmp_path, document):
    file = tmp_path / "config.yaml"
    file.write_text(INTENTS, encoding="utf-8")
    assert Config.load(file).digest == Config.load(document).digest


def test_an_ensemble_by_default_is_refused_with_a_remedy(document):
    document["providers"]["default"] = "ensemble"
    with pytest.raises(ConfigError, match=r"providers\.default: ensembles are not supported yet; name the provider"):
        Config.load(document)


def test_a_provider_without_a_model_is_refused_with_the_key_to_write(document):
    document["providers"]["routing"]["planning"] = "mistral"
    with pytest.raises(ConfigError, match=r"say its model as providers\.models\.mistral\.default"):
        Config.load(document)


def test_a_default_alone_is_enough(opened):
    selector = opened({"providers": {"default": "openai"}})
    assert selector.select(Task("anything")).model == "gpt-4o"
    assert selector.select(Task("anything", tools=TOOLS)).model == "gpt-4o"


def test_s2_1_a_document_without_a_default_has_openai(opened):
    document = {"providers": {"routing": {"planning": "anthropic:claude-3-opus", "code_gen": "openai"}}}
    selector = opened(document)
    assert selector.select(Task("poetry")).model == "gpt-4o"
    assert selector.select(Task("planning")).model == "claude-3-opus"
    assert selector.select(Task("planning", tools=TOOLS)).model == "gpt-4o"
