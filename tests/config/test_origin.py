"""Which variable counts before which file, where each value comes from, and what is seen without a restart."""

import json
import logging
from pathlib import Path

import pytest

from selector.config import Sources, effective, in_force
from selector.errors import ConfigError

FILE = """\
policy: {floor: .01}
models:
  opus: {provider: work, id: claude-opus-4-8, family: claude}
  gpt-4o: {provider: lab, id: gpt-4o-2024-11-20, family: gpt}
  haiku:
providers:
  work: {kind: anthropic}
  lab: {kind: openai}
budgets: [{usd: 5, per: day}]
state: ./here
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "selector.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def told(file):
    """Read the file under some variables, and give values and origins by dotted key."""

    def read(environ, text=None):
        if text is not None:
            file.write_text(text)
        found = in_force(file, environ)
        laid = effective(found)
        return found.config, laid.origins()

    return read


class TestVariables:
    @pytest.mark.parametrize(
        ("name", "value", "key", "found"),
        [
            ("SELECTOR_POLICY__FLOOR", ".05", "policy.floor", 0.05),
            ("SELECTOR_TIMEZONE", "Europe/Berlin", "timezone", "Europe/Berlin"),
            ("SELECTOR_MODELS__GPT_4O__ENABLED", "false", "models.gpt-4o.enabled", False),
            ("SELECTOR_MODELS__HAIKU__USD_PER_MTOK_IN", "1", "models.haiku.usd_per_mtok_in", 1.0),
            ("SELECTOR_BUDGETS__0__USD", "7", "budgets[0].usd", 7.0),
            ("SELECTOR_STATE__KEEP", "30d", "state.keep", "30d"),
            ("SELECTOR_DEFAULT_MODEL", "opus", "default_model", "opus"),
            ("SELECTOR_PURPOSES", "{lead: [opus]}", "purposes.lead.models", ["opus"]),
        ],
    )
    def test_ours_count_before_the_file_and_are_named_as_the_origin(self, file, name, value, key, found):
        laid = effective(in_force(file, {name: value}))
        assert laid.origins()[key] == f"environment {name}"
        node = laid.plain()
        for part in key.replace("[", ".").replace("]", "").split("."):
            node = node[int(part)] if isinstance(node, list) else node[part]
        assert node == found

    def test_what_no_variable_says_keeps_its_line(self, told):
        _, origins = told({"SELECTOR_POLICY__FLOOR": ".05"})
        assert origins["policy.name"] == "default"
        assert origins["models.opus.id"].endswith("selector.yaml:3")
        assert origins["state.path"].endswith("selector.yaml:10")

    def test_a_whole_section_may_be_replaced_and_then_a_key_of_it(self, told):
        said = {"SELECTOR_POLICY": "{name: epsilon_greedy, floor: .2}", "SELECTOR_POLICY__FLOOR": ".3"}
        said["SELECTOR_POLICY"] = "{name: thompson, concentration: 2}"
        config, origins = told(said)
        assert (config.policy.concentration, config.policy.floor) == (2, 0.3)
        assert origins["policy.concentration"] == "environment SELECTOR_POLICY"
        assert origins["policy.floor"] == "environment SELECTOR_POLICY__FLOOR"

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("SELECTOR_POLICY__FLOOR", "5", "environment SELECTOR_POLICY__FLOOR: policy.floor: must be at most 1"),
            ("SELECTOR_POLICY__FLOR", ".1", "environment SELECTOR_POLICY__FLOR: policy.flor: unknown key 'flor'"),
            ("SELECTOR_MODELS__OPSU__ENABLED", "false", "models: unknown entry 'opsu'; did you mean 'opus'?"),
            ("SELECTOR_BUDGETS__1__USD", "7", "budgets: '1' is no place in a list of 1"),
            ("SELECTOR_TIMEZONE__X", "7", "environment SELECTOR_TIMEZONE__X: timezone"),
            ("SELECTOR_POLICY", "{", "environment SELECTOR_POLICY"),
            ("SELECTOR_DEFAULT_MODEL", "opsu", "unknown model 'opsu'; did you mean 'opus'?"),
        ],
    )
    def test_a_wrong_one_is_refused_by_its_name(self, told, name, value, said):
        text = FILE.replace("state:", "timezone: UTC\nstate:")
        with pytest.raises(ConfigError) as error:
            told({name: value}, text)
        assert said in str(error.value)
        assert name in str(error.value)

    def test_one_that_is_empty_counts_as_absent(self, told):
        assert told({"SELECTOR_POLICY__FLOOR": " ", "CTO_MODEL": ""})[0].policy.floor == 0.01

    def test_a_typing_error_is_told_and_another_programs_variable_is_not_in_the_way(self, told, caplog):
        caplog.set_level(logging.WARNING, "selector")
        told({"SELECTOR_POLCY__FLOOR": ".1", "SELECTOR_ROOT_PASSPHRASE": "x"})
        assert [record.getMessage() for record in caplog.records] == [
            "SELECTOR_POLCY__FLOOR has no effect: no key is called 'polcy'; did you mean 'policy'?"
        ]

    def test_a_mapping_that_a_program_passes_is_the_whole_configuration(self):
        config = in_force({"models": {"opus": {}}}, {"SELECTOR_MODE": "off", "CTO_MODEL": "nobody"}).config
        assert (config.mode.name, config.purposes) == ("on", {})


class TestForeign:
    def test_the_cto_is_named_by_name_or_by_id_and_counts_before_the_file(self, told):
        text = FILE + "purposes: {cto: [haiku]}\n"
        for said in ("gpt-4o", "gpt-4o-2024-11-20"):
            config, origins = told({"CTO_MODEL": said, "MODEL_PROVIDER": "claude"}, text)
            assert config.purposes["cto"].models == ("gpt-4o",)
            assert origins["purposes.cto.models"] == "environment CTO_MODEL"

    @pytest.mark.parametrize(("said", "models"), [("claude", ("opus",)), ("openai", ("gpt-4o",)), ("work", ("opus",))])
    def test_a_provider_is_one_by_name_by_kind_or_a_family(self, told, said, models):
        text = FILE + "purposes: {cto: [haiku]}\n"
        assert told({"MODEL_PROVIDER": said}, text)[0].purposes["cto"].models == models

    def test_a_provider_alone_adds_no_purpose(self, told):
        assert told({"MODEL_PROVIDER": "openai"})[0].purposes == {}

    @pytest.mark.parametrize(
        ("environ", "said"),
        [
            ({"CTO_MODEL": "opsu"}, "environment CTO_MODEL: purposes.cto: unknown model 'opsu'; did you mean 'opus'?"),
            ({"MODEL_PROVIDER": "wrok"}, "no model is of provider or family 'wrok'; did you mean 'work'?"),
        ],
    )
    def test_nobody_of_that_name_is_an_error(self, told, environ, said):
        with pytest.raises(ConfigError) as error:
            told(environ, FILE + "purposes: {cto: [haiku]}\n")
        assert said in str(error.value)

    def test_the_default_model_goes_along_where_it_was_the_cto(self, told):
        text = FILE + "purposes: {cto: {models: [haiku]}}\ndefault_model: haiku\n"
        config, origins = told({"CTO_MODEL": "opus"}, text)
        assert (config.default_model, origins["default_model"]) == ("opus", "environment CTO_MODEL")
        assert told({"MODEL_PROVIDER": "gpt"}, text)[0].default_model == "gpt-4o"
        assert (
            told({"CTO_MODEL": "gpt-4o"}, text.replace("default_model: haiku", "default_model: opus"))[0].default_model
            == "opus"
        )

    @pytest.mark.parametrize(
        ("said", "model"), [("opus", "opus"), ("claude-3-opus", "opus"), ("gpt-4", "gpt-4"), ("minimax", "minimax")]
    )
    def test_an_orchestrators_own_document_reads_the_cto_as_if_it_stood_there(self, tmp_path, said, model):
        file = tmp_path / "orchestrator.json"
        workers = {"claude": {"opus": {}}, "external": {"deepseek": {}, "minimax": {"has_tools": True}}}
        file.write_text(json.dumps({"cto_model": "deepseek", "worker_models": workers}))
        assert in_force(file, {}).config.default_model == "deepseek"
        found = in_force(None, {"ORCHESTRATOR_CONFIG": str(file), "CTO_MODEL": said})
        assert (found.config.default_model, found.config.purposes["cto"].models) == (model, (model,))
        assert found.config.models[model].enabled
        assert effective(found).origins()["default_model"] == "environment CTO_MODEL"
        file.write_text(json.dumps({"cto_model": said, "worker_models": workers}))
        assert found.config.digest == in_force(file, {}).config.digest

    def test_gooses_turns_alone_count_for_a_files_own_lead_and_worker(self, told, caplog):
        text = FILE + "purposes: {lead: [opus], worker: [haiku]}\n"
        config, origins = told({"GOOSE_LEAD_TURNS": "5"}, text)
        assert (config.sessions.turns, origins["sessions.turns"]) == (5, "environment GOOSE_LEAD_TURNS")
        assert told({"GOOSE_LEAD_TURNS": "5"}, FILE)[0].sessions is None
        assert "GOOSE_LEAD_TURNS has no effect" in caplog.text

    def test_gooses_fill_in_what_the_file_leaves_open(self, told):
        said = {"GOOSE_LEAD_MODEL": "claude-opus-4-8", "GOOSE_MODEL": "haiku", "GOOSE_LEAD_TURNS": "5"}
        config, origins = told(said)
        assert {name: each.models for name, each in config.purposes.items()} == {
            "lead": ("opus",),
            "worker": ("haiku",),
        }
        assert (config.sessions.turns, config.sessions.after_failures, config.sessions.back_for) == (5, 2, 2)
        assert origins["sessions.turns"] == "environment GOOSE_LEAD_TURNS"
        assert origins["purposes.worker.models"] == "environment GOOSE_MODEL"
        config, origins = told(said, FILE + "purposes: {lead: [haiku], worker: [opus]}\nsessions: {start: worker}\n")
        assert config.purposes["lead"].models == ("haiku",)
        assert config.sessions.start == "worker"
        assert not any("GOOSE" in origin for origin in origins.values())

    def test_gooses_models_that_the_file_does_not_have_are_passed_over_aloud(self, told, caplog):
        caplog.set_level(logging.WARNING, "selector")
        assert told({"GOOSE_LEAD_MODEL": "gpt-9", "GOOSE_MODEL": "haiku"})[0].purposes == {}
        assert "'gpt-9' is no model of the configuration" in caplog.text


class TestWithoutAFile:
    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path, monkeypatch):
        (tmp_path / "empty").mkdir()
        monkeypatch.chdir(tmp_path / "empty")

    def test_gooses_alone_are_a_configuration(self):
        said = {
            "GOOSE_PROVIDER": "anthropic",
            "GOOSE_MODEL": "claude-sonnet-4-6",
            "GOOSE_LEAD_PROVIDER": "openai",
            "GOOSE_LEAD_MODEL": "gpt-9",
            "GOOSE_LEAD_FAILURE_THRESHOLD": "4",
            "GOOSE_LEAD_FALLBACK_TURNS": "1",
            "ANTHROPIC_API_KEY": "never kept",
            "XAI_API_KEY": "not asked for",
        }
        found = in_force(None, said)
        config, origins = found.config, effective(found).origins()
        assert list(config.models) == ["claude-sonnet-4-6", "gpt-9"]
        assert config.providers["openai"].api_key == "env:OPENAI_API_KEY"
        assert {name: each.models for name, each in config.purposes.items()} == {
            "lead": ("gpt-9",),
            "worker": ("claude-sonnet-4-6",),
        }
        sessions = config.sessions
        assert (sessions.start, sessions.turns, sessions.then) == ("lead", 3, "worker")
        assert (sessions.after_failures, sessions.back_for) == (4, 1)
        assert origins["providers.openai.kind"] == "environment GOOSE_LEAD_PROVIDER"
        assert origins["models.gpt-9.id"] == "environment GOOSE_LEAD_MODEL"
        assert (origins["sessions.turns"], origins["sessions.back_for"]) == (
            "default",
            "environment GOOSE_LEAD_FALLBACK_TURNS",
        )
        assert "never kept" not in effective(found).yaml()

    def test_one_model_has_no_ceremony(self):
        config = in_force(None, {"GOOSE_PROVIDER": "ollama", "GOOSE_MODEL": "qwen3", "OLLAMA_HOST": "box:11434"}).config
        assert (list(config.models), config.purposes, config.sessions) == (["qwen3"], {}, None)
        assert config.providers["ollama"].base_url == "http://box:11434/v1"
        assert config.models["qwen3"].usd_per_mtok_out == 0

    @pytest.mark.parametrize(
        ("provider", "name", "keys"),
        [
            ("google", "gemini", {"kind": "openai", "api_key": "env:GEMINI_API_KEY"}),
            ("claude-code", "claude-code", {"kind": "command", "preset": "claude-code"}),
            ("openrouter", "openrouter", {"base_url": "https://openrouter.ai/api/v1"}),
            ("litellm", "litellm", {"base_url": "http://localhost:4000/v1", "api_key": "env:LITELLM_API_KEY"}),
        ],
    )
    def test_gooses_providers_are_known_by_their_names_there(self, provider, name, keys):
        own = in_force(None, {"GOOSE_PROVIDER": provider, "GOOSE_MODEL": "m"}).config.providers[name]
        assert {key: getattr(own, key) for key in keys} == keys

    @pytest.mark.parametrize(
        ("environ", "said"),
        [
            ({"GOOSE_MODEL": "m"}, "environment GOOSE_MODEL: nothing says who serves 'm'; set GOOSE_PROVIDER"),
            ({"GOOSE_PROVIDER": "antropic", "GOOSE_MODEL": "m"}, "did you mean 'anthropic'?"),
            (
                {"GOOSE_PROVIDER": "xai", "GOOSE_MODEL": "a", "GOOSE_LEAD_MODEL": "b", "GOOSE_LEAD_TURNS": "no"},
                "environment GOOSE_LEAD_TURNS: must be a whole number of at least 1, not 'no'",
            ),
        ],
    )
    def test_what_is_wrong_with_gooses_is_told_by_their_names(self, environ, said):
        with pytest.raises(ConfigError) as error:
            in_force(None, environ)
        assert said in str(error.value)

    def test_the_keys_come_last_and_ours_count_before_them(self):
        found = in_force(None, {"OPENAI_API_KEY": "x", "SELECTOR_MODE": "on", "SELECTOR_POLICY": "greedy"})
        assert found.config.policy.name == "greedy"
        assert effective(found).origins()["models.gpt-luna.id"] == "environment OPENAI_API_KEY"


class TestFile:
    def test_what_a_call_names_counts_before_variables_and_these_before_what_lies_here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in ("selector", "ours", "theirs", "called"):
            (tmp_path / f"{name}.yaml").write_text(f"models: {{{name}: }}")
        environ = {"SELECTOR_CONFIG": "ours.yaml", "ORCHESTRATOR_CONFIG": "theirs.yaml"}
        assert list(in_force("called.yaml", environ).config.models) == ["called"]
        for by in ("SELECTOR_CONFIG", "ORCHESTRATOR_CONFIG", ""):
            found = in_force(None, environ)
            assert found.by == by
            assert list(found.config.models) == [
                {"SELECTOR_CONFIG": "ours", "ORCHESTRATOR_CONFIG": "theirs"}.get(by, "selector")
            ]
            environ.pop(by, None)

    @pytest.mark.parametrize("name", ["SELECTOR_CONFIG", "ORCHESTRATOR_CONFIG"])
    def test_a_file_that_is_not_there_is_told_with_the_variable_that_names_it(self, name):
        with pytest.raises(ConfigError, match=rf"environment {name}: nowhere\.json: there is no such file"):
            in_force(None, {name: "nowhere.json"})

    def test_the_environment_file_speaks_too_and_the_process_counts_before_it(self, tmp_path, file, caplog):
        file.write_text(FILE + "env_file: .env\n")
        (tmp_path / ".env").write_text("SELECTOR_POLICY__FLOOR=.03\nCTO_MODEL=opus\nSELECTOR_CONFIG=other.yaml\n")
        found = in_force(file, {"CTO_MODEL": "haiku"})
        origins = effective(found).origins()
        assert (found.config.policy.floor, found.config.purposes["cto"].models) == (0.03, ("haiku",))
        assert origins["policy.floor"] == f"{tmp_path / '.env'}: SELECTOR_POLICY__FLOOR"
        assert origins["purposes.cto.models"] == "environment CTO_MODEL"
        assert "SELECTOR_CONFIG has no effect there" in caplog.text

    def test_a_variable_may_name_the_environment_file(self, tmp_path, file):
        (tmp_path / "mine.env").write_text("SELECTOR_POLICY__FLOOR=.03\n")
        found = in_force(file, {"SELECTOR_ENV_FILE": str(tmp_path / "mine.env")})
        assert found.config.policy.floor == 0.03
        assert found.config.env_file == str(tmp_path / "mine.env")


class TestSources:
    def test_variables_files_and_which_file_counts_are_seen_while_it_runs(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in ("one", "two"):
            (tmp_path / f"{name}.yaml").write_text(f"models: {{{name}: }}")
        environ = {"ORCHESTRATOR_CONFIG": "one.yaml"}
        found = in_force(None, environ)
        sources = Sources(found.file, lambda file: in_force(file, environ).config, environ, follows=True)
        assert sources.look(now=1) is None
        environ["SELECTOR_MODE"] = "shadow"
        assert sources.look(now=1.5) is None, "within a second nothing is looked at"
        assert sources.look(now=3).mode.name == "shadow"
        environ["ORCHESTRATOR_CONFIG"] = "two.yaml"
        assert list(sources.look(now=5).models) == ["two"]
        (tmp_path / "two.yaml").write_text("models: {two: , three: }")
        found = [sources.look(now=now) for now in (7, 9)]
        assert [list(each.models) for each in found if each is not None] == [["two", "three"]]
        assert (sources.version, sources.error) == (4, None)

    def test_what_lay_here_at_the_beginning_stays_whatever_comes_and_goes(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        file = tmp_path / "selector.yaml"
        file.write_text("models: {here: }")
        environ = {"OPENAI_API_KEY": "never kept"}
        sources = Sources(Path("selector.yaml"), lambda f: in_force(f, environ).config, environ, follows=True)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        environ["SELECTOR_MODE"] = "shadow"
        found = sources.look(now=1)
        assert (list(found.models), found.mode.name) == (["here"], "shadow")
        file.rename(tmp_path / "gone")
        environ["SELECTOR_MODE"] = "off"
        assert sources.look(now=3) is None
        assert "there is no such file" in sources.error
        (tmp_path / "gone").rename(file)
        assert (sources.look(now=5).mode.name, sources.error) == ("off", None)

    def test_a_wrong_variable_keeps_the_last_good_one_until_it_is_right(self, file):
        environ = {}
        sources = Sources(file, lambda path: in_force(path, environ).config, environ)
        environ["CTO_MODEL"] = "nobody"
        assert sources.look(now=1) is None
        assert "environment CTO_MODEL" in sources.error
        assert sources.config.purposes == {}
        file.write_text(FILE.replace("haiku:", "nobody:"))
        assert sources.look(now=3).purposes["cto"].models == ("nobody",)
        assert sources.error is None
