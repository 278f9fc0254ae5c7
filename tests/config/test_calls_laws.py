"""Whatever is written of calls: it is refused with a `ConfigError`, or it is printed so that it loads again."""

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # noqa: TID253 - what a schema means is asked of another reader

from selector.config import CheckConfig, Config, Effective, FallbackConfig, ProviderConfig, json_schema
from selector.errors import ConfigError
from selector.records import Failure

CHECK = Draft202012Validator(json_schema())

_WORDS = st.sampled_from(
    [
        "a",
        "b",
        "a@w",
        "purpose:p",
        "json",
        "file",
        "stdin",
        "text",
        "raise",
        "command",
        "openai",
        "env:X",
        "x.y",
        "(",
        "",
    ]
)
_PLAIN = st.none() | st.booleans() | st.integers(-1, 12) | st.sampled_from([0.5, 1e-3]) | _WORDS
_LISTS = st.lists(_WORDS, max_size=3)
_FAILURES = st.sampled_from([*(each.value for each in Failure), "quota"])


def _section(section, **known):
    """Draw some keys of a section, each with a value of its own kind or with any."""
    keys = {key: _PLAIN | _LISTS | known.get(key, _PLAIN) for key in section.valid_keys()}
    return st.fixed_dictionaries({}, optional=keys) | st.fixed_dictionaries({}, optional=known)


_OUTPUT = st.fixed_dictionaries({}, optional={"from": _WORDS, "format": _WORDS, "text": _WORDS, "cost_usd": _WORDS})
_PROVIDER = _section(
    ProviderConfig,
    kind=st.sampled_from(["openai", "anthropic", "openai-responses", "command"]),
    argv=st.just(["agent", "{model}", "{output_file}"]),
    output=_OUTPUT,
    timeout_s=st.dictionaries(st.sampled_from(["connect", "read", "total"]), _PLAIN, max_size=2),
    breaker=st.dictionaries(st.sampled_from(["failures", "within_s"]), _PLAIN, max_size=2),
    failures=st.lists(st.fixed_dictionaries({"match": _WORDS, "reason": _FAILURES}), max_size=2),
    env=st.lists(st.sampled_from(["HOME", "A B"]), max_size=2),
)
_CHECKS = _section(CheckConfig, command=st.just(["pytest"]), json_schema=st.just({"type": "object", "items": {}}))
_CHAINS = st.fixed_dictionaries(
    {},
    optional={
        "by_reason": st.dictionaries(_FAILURES, _LISTS, max_size=2),
        "by_model": st.dictionaries(st.sampled_from(["a", "b", "c"]), _LISTS, max_size=2),
        "default": _LISTS | st.none(),
        "coding": _LISTS,
        "codign": _LISTS,
    },
)
_FALLBACK = _section(FallbackConfig, retries=st.dictionaries(_FAILURES, st.integers(-1, 11), max_size=2))


@given(_PROVIDER, _CHECKS | _PLAIN, _CHAINS, _FALLBACK)
def test_what_is_written_of_calls_is_refused_or_loads_again(provider, check, chains, fallback):
    whole = {
        "providers": {"w": {"kind": "openai"}},
        "models": {"a": {"provider": "w"}, "b": {}},
        "purposes": {"p": ["b"]},
    }
    for part in (
        {"providers": {"w": {"kind": "openai", **provider}}},
        {"task_types": {"coding": {"check": check}}},
        {"chains": chains, "task_types": ["coding"]},
        {"fallback": fallback},
    ):
        try:
            config = Config.load({**whole, **part})
        except ConfigError:
            continue
        plain = Effective.of({**whole, **part}, {}).plain()
        assert Config.load(plain).digest == config.digest
        for each in ({**whole, **part}, plain):
            assert [error.message for error in CHECK.iter_errors(each)] == []
