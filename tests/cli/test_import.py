"""`selector import`: what is written loads, the report names every key, and nothing is overwritten by accident."""

import stat

import pytest

from selector.config import Config
from tests.config.formats.fragments import FRAGMENTS, SECRET
from tests.config.formats.litellm_documents import DOCUMENTS, ENVIRON

FOREIGN = """\
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY, rpm: 60}
  - model_name: "12e3"
    litellm_params: {model: anthropic/claude-3-haiku-20240307, api_key: sk-live-0123456789abcdefghij}
  - model_name: "0o17"
    litellm_params: {model: groq/llama, temperature: 0.2}
litellm_settings: {fallbacks: [{gpt: ["12e3"]}], drop_params: true, colour: red}
"""


@pytest.fixture
def foreign(shop):
    """Put a configuration of another tool into the shop."""
    file = shop / "config.yaml"
    file.write_text(FOREIGN, encoding="utf-8")
    return file


def test_without_an_output_the_yaml_is_all_of_standard_output_and_the_report_is_beside_it(run, foreign, shop):
    code, out, err = run("import", "config.yaml")
    assert code == 0
    (shop / "copy.yaml").write_text(out, encoding="utf-8")
    assert Config.load(shop / "copy.yaml").digest == Config.load(foreign).digest
    assert "config.yaml is of the format litellm: " in err
    assert "ignored     litellm_settings.colour: not known to this format" in err
    assert err.rstrip().endswith("for a choice by what is learnt: delete default_model")


def test_what_is_written_is_readable_by_its_owner_alone_and_the_report_says_what_is_next(run, foreign, shop):
    code, out, err = run("import", "config.yaml", "-o", "new.yaml")
    assert (code, err) == (0, "")
    written = shop / "new.yaml"
    assert list(Config.load(written).models) == ["gpt", "12e3", "0o17"] == list(Config.load(foreign).models)
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert out.splitlines()[0] == "wrote new.yaml"
    assert "translated  model_list[0].litellm_params.rpm: models.gpt.quotas[0]" in out
    assert "next: selector validate --config new.yaml" in out


@pytest.mark.parametrize("name", [*FRAGMENTS, *(f"{name}.litellm.yaml" for name in DOCUMENTS)])
def test_what_is_written_says_the_same_as_the_foreign_file_loaded_directly_and_holds_no_key(
    run, shop, monkeypatch, name
):
    monkeypatch.setenv("HOME", str(shop))
    for variable, value in ENVIRON.items():
        monkeypatch.setenv(variable, value)
    foreign, written = shop / name, shop / "written.yaml"
    foreign.write_text({**FRAGMENTS, **DOCUMENTS}[name.removesuffix(".litellm.yaml")], encoding="utf-8")
    foreign.chmod(0o600)
    assert run("import", name, "-o", written.name)[0] == 0
    direct, native = Config.load(foreign), Config.load(written)
    assert (native.model_dump(), native.digest) == (direct.model_dump(), direct.digest)
    assert SECRET not in written.read_text(encoding="utf-8")


@pytest.mark.usefixtures("foreign")
def test_the_report_names_every_key_once(run):
    _, _, err = run("import", "config.yaml")
    places = [line.split()[1].rstrip(":") for line in err.splitlines() if line.startswith("  ")]
    assert len(set(places)) == len(places)
    assert {"model_list[1].litellm_params.api_key", "litellm_settings.fallbacks[0].gpt"} <= set(places)


def test_json_is_one_object_with_every_line(run_json, foreign, shop):
    found = run_json("import", str(foreign), "-o", "new.yaml")
    assert (found["schema"], found["format"], found["file"]) == ("selector.import/1", "litellm", "new.yaml")
    assert found["adaptive"] == "delete default_model"
    assert sum(found["counts"].values()) == len(found["lines"])
    assert {"place", "what", "word"} == set(found["lines"][0])
    assert Config.load(found["config"]).digest == Config.load(shop / "new.yaml").digest


@pytest.mark.usefixtures("foreign")
def test_quiet_prints_the_bare_result(run):
    code, out, err = run("import", "config.yaml", "-q")
    assert (code, err, out.startswith("# Translated")) == (0, "", True)
    assert run("import", "config.yaml", "-q", "-o", "new.yaml") == (0, "new.yaml\n", "")


@pytest.mark.usefixtures("foreign")
def test_no_secret_is_printed_or_written(run, shop):
    for arguments in ((), ("-o", "new.yaml"), ("--json",)):
        code, out, err = run("import", "config.yaml", *arguments)
        assert code == 0
        assert "0123456789abcdefghij" not in out + err
    assert "0123456789abcdefghij" not in (shop / "new.yaml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("foreign")
def test_what_is_there_is_overwritten_by_force_alone_and_then_whole(run, shop):
    before = (shop / "selector.yaml").read_text(encoding="utf-8")
    code, out, err = run("import", "config.yaml", "-o", "selector.yaml")
    assert (code, out) == (2, "")
    assert err == "selector: selector.yaml: is there already; give --force to overwrite it, or another --output\n"
    assert (shop / "selector.yaml").read_text(encoding="utf-8") == before
    assert run("import", "config.yaml", "-o", "selector.yaml", "--force", "-q")[0] == 0
    assert "gpt" in Config.load(shop / "selector.yaml").models
    assert not list(shop.glob(".*"))


@pytest.mark.parametrize(
    ("text", "arguments", "told"),
    [
        (FOREIGN, ("import",), "Missing argument 'FILE'"),
        (FOREIGN, ("import", "none.yaml"), "none.yaml: there is no such file"),
        (FOREIGN, ("import", "config.yaml", "-o", "new.toml"), "what is written is YAML; name it .yaml"),
        (FOREIGN, ("import", "selector.yaml"), "no known format has these keys"),
        (FOREIGN, ("imprt", "config.yaml"), "no command 'imprt'; did you mean 'import'?"),
        ("model_list:\n  - {}\n", ("import", "config.yaml"), "config.yaml:2: model_list[0]: must be a mapping"),
        ("model_list: [\n", ("import", "config.yaml"), "config.yaml"),
        (
            "model_list:\n  - model_name: a\n    litellm_params: {model: openai/x, api_base: os.environ/a b}\n",
            ("import", "config.yaml"),
            "config.yaml:3: model_list[0].litellm_params.api_base: names no variable",
        ),
    ],
)
def test_what_cannot_be_done_exits_with_2_says_where_and_writes_nothing(run, foreign, shop, text, arguments, told):
    foreign.write_text(text, encoding="utf-8")
    before = set(shop.iterdir())
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert set(shop.iterdir()) == before


def test_a_key_that_would_command_the_terminal_is_printed_harmlessly(run, foreign):
    entry = "model_list: [{model_name: a, litellm_params: {model: openai/x}}]\n"
    foreign.write_text(f'{entry}"\\e[31mred": 1\n', encoding="utf-8")
    _, out, err = run("import", "config.yaml")
    assert "\x1b" not in out + err
    assert "\\x1b[31mred" in err


def test_the_command_is_in_the_help(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "Translate a configuration of another tool." in out
