"""`selector config` and `selector schema`: what is in force, where it comes from, and what may be written."""

import json

import pytest

from selector.config import Config

RULES = """\
presets: [cost-aware]
rules:
  - {condition: priority == 0, model: large}
"""


@pytest.fixture
def ruled(shop):
    file = shop / "selector.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("max_output_tokens: 1000, context_tokens: 8000}", "tags: [text-only]}")
    file.write_text(text.replace("tags: [dear]", "tags: [expensive]") + RULES, encoding="utf-8")
    return file


def test_it_prints_all_that_holds_as_a_configuration_that_decides_the_same(run, ruled, shop):
    code, out, err = run("config")
    assert code == 0
    assert err == f"selector: note: this is selector.yaml; digest {Config.load(ruled).digest}\n"
    (shop / "printed.yaml").write_text(out, encoding="utf-8")
    assert Config.load(shop / "printed.yaml").digest == Config.load(ruled).digest
    assert "name: cost-aware-routine\n" in out
    assert "  draws: 256\n" in out


def test_origin_says_where_each_value_comes_from(run, ruled):
    code, out, err = run("config", "--origin", "-q")
    assert (code, err) == (0, "")
    found = {line.split(" # ")[0].strip(): line.rsplit(" # ", 1)[1] for line in out.splitlines() if " # " in line}
    number = ruled.read_text(encoding="utf-8").splitlines().index("  - {condition: priority == 0, model: large}") + 1
    assert found['- condition: "priority == 0"'] == f"selector.yaml:{number}"
    assert found["- name: cost-aware-research"] == "preset cost-aware"
    assert found["timezone: UTC"] == "default"


def test_a_state_folder_given_elsewhere_is_told_with_its_origin(run, shop, monkeypatch):
    monkeypatch.setenv("SELECTOR_STATE", str(shop / "other"))
    assert "# environment SELECTOR_STATE" in run("config", "--origin")[1]
    assert "# option --state" in run("config", "--origin", "--state", "third")[1]


def test_the_file_may_be_named_by_the_environment(run, shop, monkeypatch):
    (shop / "selector.yaml").rename(shop / "mine.yaml")
    monkeypatch.setenv("SELECTOR_CONFIG", "mine.yaml")
    _, out, err = run("config", "--origin")
    assert "mine.yaml, which SELECTOR_CONFIG names" in err
    assert "# mine.yaml:1" in out


def test_without_a_file_it_prints_what_the_keys_allow_and_never_a_key(run, shop, monkeypatch):
    (shop / "selector.yaml").unlink()
    monkeypatch.setenv("MISTRAL_API_KEY", "never printed")
    for arguments in (("config", "--origin"), ("config", "--json")):
        code, out, err = run(*arguments)
        assert code == 0
        assert "environment MISTRAL_API_KEY" in out
        assert "never printed" not in out + err


def test_json_has_values_and_origins(run_json, ruled):
    found = run_json("config")
    assert (found["schema"], found["file"]) == ("selector.config/1", "selector.yaml")
    assert found["config_digest"] == Config.load(ruled).digest
    assert Config.load(found["config"]).digest == found["config_digest"]
    assert found["origins"]["policy.name"] == "selector.yaml:2"
    assert found["origins"]["rules[1].only"] == "preset cost-aware"


def test_a_wrong_configuration_is_a_usage_error(run, shop):
    (shop / "selector.yaml").write_text("models: {a: }\nmode: shado\n", encoding="utf-8")
    code, out, err = run("config")
    assert (code, out) == (2, "")
    assert err.startswith("selector: selector.yaml:2: mode: must be off, shadow, on or a share")
    assert err.endswith("not 'shado'; did you mean 'shadow'?\n")


def test_two_names_for_the_file_are_a_usage_error(run):
    assert run("config", "selector.yaml", "--config", "selector.yaml")[0] == 2


def test_the_schema_is_printed_bare_and_takes_what_is_printed(run, run_json):
    from jsonschema import Draft202012Validator

    code, out, err = run("schema")
    assert (code, err) == (0, "")
    bare = json.loads(out)
    assert run_json("schema") == {"schema": "selector.schema/1", "json_schema": bare}
    assert Draft202012Validator(bare).is_valid(run_json("config")["config"])
    assert not Draft202012Validator(bare).is_valid({"models": {"a": {}}, "mode": "shado"})
