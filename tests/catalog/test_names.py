"""Names of models: spellings of one model are one, spellings of two never are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Catalog, Register, figures, match_model
from selector.catalog._names import key_of
from selector.config import Config

KNOWN = figures()
NAMES = st.sampled_from(sorted(KNOWN.models))
FILES = [
    "aider_polyglot_aggregate",
    "banditgpt_golden50",
    "coderouterbench",
    "livebench_aggregate",
    "llmrouter_9m",
    "openhands_index",
    "openhands_index_aggregate",
    "openhands_index_altagents",
    "openllm_v2",
    "paretobandit_k3",
    "paretobandit_k4",
    "routerbench_0shot_1pct",
    "routerbench_mini",
    "swebench_verified_mini",
]

MORE = [
    "mini",
    "nano",
    "codex",
    "pro",
    "lite",
    "flash",
    "max",
    "turbo",
    "2",
    "vision",
    "instruct",
    "high",
    "air",
    "chat",
]


def canonical(spelling):
    found = match_model(spelling)
    return None if found is None else found.model


def test_every_spelling_in_the_file_means_its_own_model():
    for model, spellings in KNOWN.models.items():
        assert {canonical(each) for each in (model, *spellings)} == {model}


@given(NAMES, st.sampled_from(["{}", "openrouter/vendor/{}", "Vendor/{}", "{}:free", "models/{}", " {} "]), st.data())
def test_case_separators_and_prefixes_make_no_difference(name, pattern, data):
    parts = re.split(r"[-.]", name)
    between = [data.draw(st.sampled_from(["-", ".", "_", " "])) for _ in parts[1:]]
    date = re.search(r"20\d\d-\d\d-\d\d", name)
    written = name if date else "".join(f"{part}{sign}" for part, sign in zip(parts, [*between, ""], strict=True))
    cased = data.draw(st.sampled_from([str.upper, str.lower, str.title]))(written)
    assert canonical(pattern.format(cased)) == name


@given(NAMES, st.sampled_from(MORE))
def test_a_word_more_is_another_model_unless_it_is_known(name, word):
    spelling = f"{name}-{word}"
    found = canonical(spelling)
    known = {key_of(each, whole=True): model for model, all_ in KNOWN.models.items() for each in (model, *all_)}
    assert found == known.get(key_of(spelling))


@given(NAMES, st.data())
def test_a_word_less_is_another_model_unless_it_is_known(name, data):
    words = key_of(name).words
    place = data.draw(st.integers(0, len(words) - 1))
    spelling = " ".join((*words[:place], *words[place + 1 :]))
    known = {key_of(each, whole=True): model for model, all_ in KNOWN.models.items() for each in (model, *all_)}
    assert canonical(spelling) == known.get(key_of(spelling))


@given(st.text(max_size=40))
def test_any_text_is_read_and_hardly_any_is_a_model(text):
    found = match_model(text)
    assert found is None or found.model in KNOWN.models


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("gpt-5", "gpt-5"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-5-mini", None),
        ("gpt-5-chat", None),
        ("gpt-5.1", None),
        ("gpt-5.1-codex", None),
        ("gpt-5.2-codex", "gpt-5.2-codex"),
        ("gpt-51", None),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("Claude 4.5 Opus medium (20251101)", "claude-opus-4-5"),
        ("claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-4", "claude-opus-4"),
        ("claude-opus", None),
        ("claude-3-5-sonnet-20240620", None),  # an earlier model of the same name
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
        ("claude-fable-5-20270101", "claude-fable-5"),  # no day of it is known, so none is another
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-11-20", "gpt-4o-2024-11-20"),
        ("gpt-4o-2024-05-13", None),
        ("deepseek/deepseek-chat-v3-0324", "deepseek-v3-0324"),
        ("deepseek/deepseek-r1-0528-qwen3-8b", None),
        ("deepseek/deepseek-r1-0528:free", "deepseek-r1-0528"),
        ("moonshotai/kimi-k2-0905", None),
        ("glm-5", "glm-5"),
        ("kimi-k2.5", "kimi-k2.5"),
        ("Qwen/QwQ-32B-Preview", None),
        ("Qwen3-Coder 480B/A35B Instruct", "qwen3-coder-480b"),
        ("", None),
        ("/", None),
        ("sonnet", None),
    ],
)
def test_known_spellings_and_those_that_are_nearly_one(spelling, model):
    assert canonical(spelling) == model


@pytest.mark.shared
@pytest.mark.parametrize("file", FILES)
def test_no_two_models_of_a_table_are_taken_for_one_but_settings_of_it(shared_data, file):
    import pyarrow.parquet as pq

    spellings = set(pq.read_table(shared_data / f"{file}.parquet", columns=["model"])["model"].to_pylist())
    found = {}
    for each in spellings - {None}:
        match = match_model(each)
        if match is not None:
            assert match.spelling == each
            found.setdefault(match.model, []).append(each)
    twice = {model: sorted(each) for model, each in found.items() if len(each) > 1}
    if file != "aider_polyglot_aggregate":  # which has several runs of a model
        assert twice == {}
    complete = {"livebench_aggregate", "openhands_index", "openhands_index_aggregate", "openhands_index_altagents"}
    if file in complete:
        assert sum(map(len, found.values())) == len(spellings)


MODELS = {
    "sonnet": {"id": "claude-sonnet-4-6", "was": "old-sonnet"},
    "sonnet-high": {"of": "sonnet", "params": {"effort": "high"}},
    "llama": {"id": "meta-llama/llama-3.1-8b-instruct"},
    "one": {"id": "gpt-5.4"},
    "two": {"id": "openai/gpt-5.4"},
}


@pytest.mark.parametrize(
    ("spelling", "names"),
    [
        ("sonnet", ("sonnet",)),
        ("sonnet-high", ("sonnet-high",)),
        ("old-sonnet", ("sonnet",)),
        ("anthropic/claude-sonnet-4.6", ("sonnet",)),
        ("claude-sonnet-4-6-thinking-auto-medium-effort", ("sonnet",)),
        ("Llama 3.1 8B Instruct", ("llama",)),
        ("GPT-5.4", ("one", "two")),
        ("two", ("two",)),
        ("llama-3.1-70b-instruct", ()),
    ],
)
def test_a_table_s_spelling_finds_the_configured_model(spelling, names):
    free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    catalog = Catalog.of(Config.load({"models": {name: {**free, **entry} for name, entry in MODELS.items()}}))
    assert Register(catalog).find(spelling) == names


def test_a_configured_model_is_matched_by_its_ids_then_its_name():
    free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    routes = {"work": {"id": "in-house-3"}, "home": {"id": "anthropic/claude-opus-4.8"}}
    plain = {
        "providers": {name: {"kind": "openai", "base_url": "http://localhost:1/v1"} for name in routes},
        "models": {"a": {"routes": routes, **free}, "gpt-5.5": {"id": "deployment-7", "provider": "work", **free}},
    }
    catalog = Catalog.of(Config.load(plain))
    assert match_model(catalog.model("a")).spelling == "anthropic/claude-opus-4.8"
    assert match_model(catalog.model("gpt-5.5")).model == "gpt-5.5"
