"""How calls are made is checked when it is read: providers, patience, commands, fallback and checks."""

import subprocess
import sys

import pytest

from selector.config import (
    BreakerConfig,
    CheckConfig,
    Config,
    Effective,
    FailurePatternConfig,
    FallbackConfig,
    OutputConfig,
    ProviderConfig,
    TaskTypeConfig,
    TimeoutConfig,
    pattern_of,
    settings_of,
)
from selector.errors import ConfigError
from selector.records import Failure

CALLS = """\
providers:
  work: {kind: anthropic, timeout_s: 120, max_concurrent: 8, breaker: {failures: 3, within_s: 10, open_s: 5}}
  slow: {kind: openai-responses, timeout_s: {connect: 5, read: 30, total: 900, first_token: 20}, max_usd_per_call: 1}
  home: {kind: command, preset: claude-code, env: [HOME, PATH], max_usd_per_call: 2, output: {cost_usd: cost}}
  mine:
    kind: command
    argv: [./agent.sh, --model, "{model}", --in, "{prompt_file}", --out, "{output_file}", "{x: 1}"]
    prompt: file
    workdir: ./work
    max_output_bytes: 1000000
    output: {from: file, format: jsonl, text: result.text, output_tokens: usage.output_tokens}
    failures: [{match: "try again at (?P<resets_at>.+)", reason: quota_exhausted}]
models:
  a: {provider: work}
  b: {routes: {home: {id: sonnet, max_usd_per_call: .5}, mine: {}}, max_usd_per_call: 3}
task_types:
  coding: {check: {command: [pytest, -q], timeout_s: 30}}
  coding/go: {check: not_empty}
  data: {check: {json_schema: {type: object, properties: {n: {$ref: "#/$defs/n"}}, $defs: {n: {type: integer}}}}}
  free: {check: null}
  prose: {check: {judge: a@work, rubric: "Is it true?"}}
  code: {check: {regex: "^OK-\\\\d+"}}
  plain: {check: {json: true}}
hold_expires_s: 60
learnt_chains: true
fallback: {adaptive: true, max_attempts: 5, deadline_s: 300, on_midstream_failure: restart, retries: {timeout: 2}}
"""


def load(tmp_path, text):
    file = tmp_path / "selector.yaml"
    file.write_text(text, encoding="utf-8")
    return Config.load(file)


def refused(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return caught.value


def test_every_key_is_read_as_a_typed_value(tmp_path):
    config = load(tmp_path, CALLS)
    work, slow, home, mine = config.providers.values()
    assert (work.timeout_s, work.breaker) == (
        TimeoutConfig(total=120),
        BreakerConfig(failures=3, within_s=10, open_s=5),
    )
    assert (slow.timeout_s.connect, slow.timeout_s.read, slow.timeout_s.first_token) == (5, 30, 20)
    assert (home.preset, home.env, home.argv, home.output.cost_usd) == ("claude-code", ("HOME", "PATH"), None, "cost")
    assert (mine.prompt, mine.workdir, mine.max_output_bytes, mine.argv[-1]) == ("file", "./work", 1_000_000, "{x: 1}")
    assert (mine.output.source, mine.output.read_as, mine.output.text) == ("file", "jsonl", "result.text")
    assert mine.failures == (
        FailurePatternConfig(match="try again at (?P<resets_at>.+)", reason=Failure.QUOTA_EXHAUSTED),
    )
    assert (config.hold_expires_s, config.learnt_chains) == (60, True)
    assert (config.fallback.max_attempts, config.fallback.retries_after(Failure.TIMEOUT)) == (5, 2)
    kinds = {name: entry.check and entry.check.kind for name, entry in config.task_types.items()}
    assert kinds == {
        "coding": "command",
        "coding/go": "not_empty",
        "data": "json_schema",
        "free": None,
        "prose": "judge",
        "code": "regex",
        "plain": "json",
    }
    assert settings_of(config, "coding/python").check.command == ("pytest", "-q")


def test_defaults_are_those_of_the_design():
    provider = ProviderConfig(kind="openai")
    assert (provider.timeout_s, provider.max_concurrent, provider.max_usd_per_call) == (None, None, None)
    assert provider.breaker == BreakerConfig(failures=5, within_s=60.0, open_s=30.0)
    assert (provider.prompt, provider.output, provider.failures) == ("stdin", OutputConfig(), ())
    fallback = Config.load({}).fallback
    assert (fallback.adaptive, fallback.max_attempts, fallback.escalate_on_failure) == (None, 3, True)
    assert (fallback.deadline_s, fallback.on_midstream_failure) == (None, "raise")
    once = {Failure.RATE_LIMITED, Failure.OVERLOADED, Failure.SERVER_ERROR, Failure.CONNECTION}
    assert {failure for failure in Failure if fallback.retries_after(failure)} == once
    assert set(fallback.retries.values()) == {1}
    assert Config.load({}).hold_expires_s == 3600
    assert TaskTypeConfig().check is None


def test_short_forms_are_the_long_ones():
    assert CheckConfig.read("json") == CheckConfig.read({"json": True})
    assert CheckConfig.read("not_empty") == CheckConfig.read({"not_empty": True})
    assert ProviderConfig(kind="openai", timeout_s=5).timeout_s == TimeoutConfig(total=5)
    four = ("rate_limited", "overloaded", "server_error", "connection")
    assert FallbackConfig.read({"retries": 3}) == FallbackConfig.read({"retries": dict.fromkeys(four, 3)})
    assert FallbackConfig.read({"retries": {"rate_limited": 0}}).retries_after("overloaded") == 1


def test_what_is_printed_loads_and_decides_the_same(tmp_path):
    config = load(tmp_path, CALLS)
    found = Effective.of(tmp_path / "selector.yaml", {})
    again = load(tmp_path, found.yaml())
    assert again.digest == config.digest == Config.load(found.plain()).digest
    assert again.providers["mine"] == config.providers["mine"]
    plain = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert Config.load(plain) == config


_P = "models: {a: }\nproviders: {w: {kind: "
_T = "models: {a: , b: }\ntask_types: {x: {check: "
_F = "models: {a: }\nfallback: {"

WRONG = [
    (f"{_P}comand}}}}", "providers.w.kind", "not 'comand'; did you mean 'command'"),
    (f"{_P}command}}}}", "providers.w.argv", "is required of a command"),
    (f"{_P}command, argv: []}}}}", "providers.w.argv", "must begin with the program"),
    (f"{_P}command, argv: agent}}}}", "providers.w.argv", "write it in [brackets]"),
    (f"{_P}command, argv: [a, '{{prompt}}']}}}}", "providers.w.argv[1]", "never stands in arguments"),
    (f"{_P}command, argv: [a, '{{modle}}']}}}}", "providers.w.argv[1]", "unknown placeholder {modle}; did you mean"),
    (f"{_P}command, preset: claude-cod}}}}", "providers.w.preset", "did you mean 'claude-code'"),
    (f"{_P}command, preset: codex, api_key: env:X}}}}", "providers.w.api_key", "name the variable"),
    (f"{_P}command, preset: codex, base_url: http://x}}}}", "providers.w.base_url", "belongs to an HTTP API"),
    (f"{_P}command, preset: codex, env: [A=b]}}}}", "providers.w.env[0]", "never its value"),
    (f"{_P}command, preset: codex, timeout_s: {{connect: 3}}}}}}", "providers.w.timeout_s.connect", "no connection"),
    (f"{_P}command, argv: [a], prompt: file}}}}", "providers.w.prompt", "put {prompt_file} into argv"),
    (f"{_P}command, argv: [a], output: {{from: file}}}}}}", "providers.w.output.from", "put {output_file} into argv"),
    (f"{_P}command, argv: [a], output: {{cost_usd: c}}}}}}", "providers.w.output.text", "is required where"),
    (f"{_P}command, argv: [a], output: {{format: text, text: a.b}}}}}}", "providers.w.output.text", "leads nowhere"),
    (f"{_P}command, argv: [a], output: {{text: a..b}}}}}}", "providers.w.output.text", "path of keys"),
    (f"{_P}openai, argv: [a]}}}}", "providers.w.argv", "belongs to the kind command, not to openai"),
    (f"{_P}anthropic, env: []}}}}", "providers.w.env", "belongs to the kind command, not to anthropic"),
    (f"{_P}openai, output: null}}}}", "providers.w.output", "belongs to the kind command"),
    (f"{_P}openai, timeout_s: 0}}}}", "providers.w.timeout_s.total", "more than 0, not 0"),
    (f"{_P}openai, timeout_s: {{totl: 1}}}}}}", "providers.w.timeout_s.totl", "did you mean 'total'"),
    (f"{_P}openai, max_concurrent: 0}}}}", "providers.w.max_concurrent", "at least 1, not 0"),
    (f"{_P}openai, breaker: {{failures: 0}}}}}}", "providers.w.breaker.failures", "at least 1, not 0"),
    (f"{_P}openai, max_usd_per_call: -1}}}}", "providers.w.max_usd_per_call", "at least 0, not -1"),
    *(
        (f"{_P}command, argv: [a], failures: [{{{text}}}]}}}}", f"providers.w.failures[0].{key}", said)
        for text, key, said in [
            ("match: '(', reason: auth", "match", "is no regular expression"),
            ("match: '(?P<reset_at>x)', reason: auth", "match", "did you mean 'resets_at'"),
            ("match: x, reason: quota", "reason", "must be a failure, not 'quota'"),
            ("match: x", "reason", "is required"),
        ]
    ),
    (f"{_T}jsn}}}}", "task_types.x.check", "not 'jsn'; did you mean 'json'"),
    (f"{_T}{{}}}}}}", "task_types.x.check", "exactly one of"),
    (f"{_T}{{json: false}}}}}}", "task_types.x.check", "none is given"),
    (f"{_T}{{json: true, regex: x}}}}}}", "task_types.x.check.regex", "json and regex are given"),
    (f"{_T}{{regex: '['}}}}}}", "task_types.x.check.regex", "is no regular expression"),
    (f"{_T}{{command: []}}}}}}", "task_types.x.check.command", "must begin with the program"),
    (f"{_T}{{judge: c}}}}}}", "task_types.x.check.judge", "unknown model 'c'"),
    (f"{_T}{{judge: 'tag:c'}}}}}}", "task_types.x.check.judge", "must be one model"),
    (f"{_T}{{judge: a}}, only: [a]}}}}", "task_types.x.check.judge", "no model judges its own"),
    (f"{_T}{{not_empty: true, rubric: x}}}}}}", "task_types.x.check.rubric", "belongs to judge, not to not_empty"),
    (f"{_T}{{judge: a, timeout_s: 3}}}}}}", "task_types.x.check.timeout_s", "belongs to command, not to judge"),
    (f"{_T}{{json_schema: {{type: objct}}}}}}}}", "task_types.x.check.json_schema", "is no JSON schema: type: 'objct'"),
    (f"{_T}{{json_schema: {{$ref: '#/$defs/n'}}}}}}}}", "task_types.x.check.json_schema", "which is not there"),
    (f"{_T}{{json_schema: {{$ref: 'http://x/y'}}}}}}}}", "task_types.x.check.json_schema", "nothing is fetched"),
    (f"{_T}{{json_schema: {{$schema: 'http://x/y'}}}}}}}}", "task_types.x.check.json_schema", "is not known"),
    (f"{_T}{{json_schema: {{const: .inf}}}}}}}}", "task_types.x.check.json_schema", "holds what JSON cannot"),
    (f"{_F}max_attempts: 0}}", "fallback.max_attempts", "at least 1, not 0"),
    (f"{_F}deadline_s: 0}}", "fallback.deadline_s", "more than 0, not 0"),
    (f"{_F}on_midstream_failure: go}}", "fallback.on_midstream_failure", "not 'go'"),
    (f"{_F}retries: 11}}", "fallback.retries", "at most 10, not 11"),
    (f"{_F}retries: {{overload: 1}}}}", "fallback.retries.overload", "did you mean 'overloaded'"),
    (f"{_F}retries: {{budget: 1}}}}", "fallback.retries.budget", "ends the run"),
    (f"{_F}retries: many}}", "fallback.retries", "must be a number"),
    ("models: {a: }\nhold_expires_s: 0", "hold_expires_s", "more than 0, not 0"),
]


@pytest.mark.parametrize(("text", "key", "said"), WRONG, ids=[f"{entry[1]}-{entry[2]}" for entry in WRONG])
def test_every_mistake_is_named_with_its_key_value_and_remedy(tmp_path, text, key, said):
    error = refused(tmp_path, text)
    assert (error.line, said in str(error)) == (2, True), str(error)
    assert error.key == key or error.key.startswith("fallback.retries.")


@pytest.mark.parametrize("canary", ["sk-live-4f9a4f9a4f9a4f9a", "ghp_abcdefghijklmnop0123"])
@pytest.mark.parametrize("keys", ["argv: [a, --key, {}]", "argv: [a, --key={}]", "argv: [a], env: [K={}]"])
def test_a_key_is_refused_where_others_could_read_it_and_is_not_repeated(tmp_path, keys, canary):
    error = refused(tmp_path, f"{_P}command, {keys.format(canary)}}}}}")
    assert canary not in str(error)
    assert error.key.startswith("providers.w.")


PLAIN = {"models": {"a": {"provider": "w"}}, "providers": {"w": {"kind": "openai"}}}


class TestDigest:
    def digest(self, **given):
        return Config.load({**PLAIN, "providers": {"w": {"kind": "openai", **given}}}).digest

    def test_how_long_one_waits_is_no_part_of_how_it_decides(self):
        assert self.digest() == Config.load(PLAIN).digest == self.digest(timeout_s=5, max_concurrent=3)
        assert self.digest() == self.digest(breaker={"failures": 2})

    def test_defaults_that_are_written_out_change_nothing(self):
        written = {"fallback": {"max_attempts": 3}, "chains": {}, "learnt_chains": False, "hold_expires_s": 3600}
        assert Config.load({**PLAIN, **written}).digest == self.digest()

    def test_what_is_tried_and_what_is_held_changes_it(self):
        others = [
            Config.load({**PLAIN, **change}).digest
            for change in (
                {"fallback": {"max_attempts": 2}},
                {"chains": {"default": ["a"]}},
                {"learnt_chains": True},
                {"hold_expires_s": 5},
                {"task_types": {"x": {"check": "json"}}},
                {"task_types": {"x": {}}},
            )
        ]
        assert len({self.digest(), self.digest(max_usd_per_call=1), *others}) == len(others) + 2


def test_patterns_are_found_in_a_time_linear_in_the_text():
    """A pattern with nested repetitions, which takes others for ever, is answered at once."""
    assert pattern_of("(a+)+$").search("a" * 100_000 + "b") is None


def test_neither_patterns_nor_schemas_are_loaded_for_a_configuration_without_them():
    code = (
        "import sys; from selector.config import Config; "
        "Config.load({'models': {'a': {}}, 'fallback': {'max_attempts': 2}, 'chains': {'default': ['a']}}); "
        "print(sorted({'jsonschema', 're2', 'lark', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
