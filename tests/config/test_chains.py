"""Chains name who is there, never lead back to themselves, and hold nobody who could not serve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config import ChainsConfig, Config, Effective
from selector.errors import ConfigError, UnknownModelError
from selector.records import Failure

SHOP = {
    "providers": {"work": {"kind": "anthropic", "data": ["eu"]}, "far": {"kind": "openai"}},
    "models": {
        "haiku": {"provider": "work", "capabilities": ["tools"], "context_tokens": 1000},
        "sonnet": {"routes": {"work": {}, "far": {"context_tokens": 500}}, "context_tokens": 2000, "tags": ["big"]},
        "sonnet-high": {"of": "sonnet", "capabilities": ["tools"]},
        "grok": {"provider": "far", "context_tokens": 500, "capabilities": ["tools"]},
        "idle": {"provider": "far", "enabled": False, "tags": ["off"], "context_tokens": 5},
    },
    "purposes": {"worker": ["haiku", "sonnet"], "nobody": ["idle"]},
    "task_types": {"coding": {"needs": ["tools"]}, "email": {"only": ["sonnet"]}, "law": {"data": ["eu"]}},
}


def load(chains):
    return Config.load({**SHOP, "chains": chains})


GOOD = [
    {"by_reason": {"context_too_long": ["sonnet"], "quota_exhausted": ["purpose:worker"]}},
    {"by_model": {"haiku": ["sonnet", "grok"], "grok": ["sonnet@work", "sonnet-high"]}},
    {"coding": ["sonnet-high", "haiku"], "default": ["tag:big", "*@far"]},
    {"email": ["sonnet@far"], "law": ["sonnet"], "coding/python": ["grok"]},
    {"poetry": ["sonnet@work", "sonnet"], "default": []},
    {"default": ["idle", "haiku"]},
    {"by_model": {"haiku": ["purpose:worker"], "sonnet": ["grok"]}},
    {"default": None},
]


@pytest.mark.parametrize("chains", GOOD)
def test_what_can_serve_is_taken_and_written_back(chains):
    config = load(chains)
    again = Effective.of(config, {}).plain()
    assert Config.load(again) == config
    assert Config.load(again).digest == config.digest
    plain = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert Config.load(plain).chains == config.chains


WRONG = [
    ({"coding": ["hiaku"]}, "coding[0]", "unknown model 'hiaku'; did you mean 'haiku'"),
    ({"coding": ["haiku@wrok"]}, "coding[0]", "no route at 'wrok'; did you mean 'work'"),
    ({"coding": ["purpose:wroker"]}, "coding[0]", "unknown purpose 'wroker'; did you mean 'worker'"),
    ({"coding": ["tag:bigg"]}, "coding[0]", "no model has the tag 'bigg'; did you mean 'big'"),
    ({"coding": ["*@fra"]}, "coding[0]", "did you mean 'far'"),
    ({"coding": "haiku"}, "coding", "must be a list, not 'haiku'; write it in [brackets]"),
    ({"by_reason": {"timeot": ["haiku"]}}, "by_reason.timeot", "did you mean 'timeout'"),
    ({"by_reason": {"cancelled": ["haiku"]}}, "by_reason.cancelled", "ends the run"),
    ({"by_model": {"hiaku": ["sonnet"]}}, "by_model.hiaku", "did you mean 'haiku'"),
    ({"by_modell": {"haiku": ["sonnet"]}}, "by_modell", "unknown key 'by_modell'"),
    ({"by_modell": ["haiku"]}, "by_modell", "did you mean 'by_model'"),
    ({"defualt": ["haiku"]}, "defualt", "did you mean 'default'"),
    ({"Coding": ["haiku"]}, "Coding", "did you mean 'coding'?; a task type of its own"),
    ({"codign": ["haiku"]}, "codign", "did you mean 'coding'"),
    ({"cod/": ["haiku"]}, "cod/", "path of task types"),
    ({"default": ["haiku", "haiku"]}, "default[1]", "'haiku' twice"),
    ({"default": ["sonnet", "haiku", "sonnet@work"]}, "default[2]", "names 'sonnet@work' again"),
    ({"by_model": {"haiku": ["haiku"]}}, "by_model.haiku[0]", "in its own chain"),
    ({"by_model": {"sonnet": ["haiku", "sonnet@far"]}}, "by_model.sonnet[1]", "in its own chain"),
    (
        {"by_model": {"haiku": ["sonnet"], "sonnet": ["haiku"]}},
        "by_model.haiku[0]",
        "haiku -> sonnet -> haiku; write a common list under `default`",
    ),
    (
        {"by_model": {"haiku": ["grok", "sonnet"], "sonnet": ["sonnet-high"], "sonnet-high": ["haiku@work"]}},
        "by_model.haiku[1]",
        "haiku -> sonnet -> sonnet-high -> haiku",
    ),
    ({"default": ["purpose:nobody", "haiku"]}, "default[0]", "no model that is enabled"),
    ({"default": ["haiku", "tag:off"]}, "default[1]", "no model that is enabled"),
    ({"default": ["idle"]}, "default", "no model that is enabled"),
    ({"coding": ["haiku", "sonnet"]}, "coding[1]", "'sonnet' can never serve 'coding', which needs tools"),
    ({"coding/python": ["sonnet@work"]}, "coding/python[0]", "needs tools"),
    ({"email": ["haiku"]}, "email[0]", "only sonnet may serve"),
    ({"law": ["grok"]}, "law[0]", "asks for data: eu"),
    ({"law": ["sonnet@far"]}, "law[0]", "asks for data: eu"),
    ({"by_reason": {"context_too_long": ["grok"]}}, "by_reason.context_too_long[0]", "takes at most 500 tokens"),
]


@pytest.mark.parametrize(("chains", "key", "said"), WRONG, ids=[f"{entry[1]}-{entry[2]}" for entry in WRONG])
def test_what_cannot_work_is_refused_with_its_key_and_remedy(chains, key, said):
    with pytest.raises(ConfigError) as caught:
        load(chains)
    assert caught.value.key == f"chains.{key}"
    assert said in str(caught.value)


def test_a_model_that_nobody_knows_is_its_own_kind_of_error():
    with pytest.raises(UnknownModelError):
        load({"default": ["hiaku"]})
    with pytest.raises(UnknownModelError):
        load({"by_model": {"hiaku": ["haiku"]}})


def test_a_shorter_model_may_follow_where_a_length_is_not_known():
    plain = {"models": {"a": {"context_tokens": 10}, "b": {}, "c": {"context_tokens": 20}}}
    chains = {"by_reason": {"context_too_long": ["a"]}}
    assert Config.load({**plain, "chains": chains}).chains.by_reason == {Failure.CONTEXT_TOO_LONG: ("a",)}
    plain["models"]["b"]["context_tokens"] = 20
    with pytest.raises(ConfigError, match="cannot help"):
        Config.load({**plain, "chains": chains})


def test_a_word_close_to_a_task_type_may_be_one_of_its_own_where_it_is_declared():
    types = {**SHOP["task_types"], "codings": {}, "by_hand": {}}
    config = Config.load({**SHOP, "task_types": types, "chains": {"codings": ["haiku"], "by_hand": ["haiku"]}})
    assert sorted(config.chains.by_type) == ["by_hand", "codings"]


def test_the_first_list_that_there_is_counts_from_the_failure_to_the_default():
    chains = ChainsConfig.model_validate(
        {
            "by_reason": {"timeout": ["a"]},
            "by_model": {"haiku": ["b"]},
            "coding": ["c"],
            "coding/python": [],
            "default": ["d"],
        }
    )
    found = [
        chains.after(failure, model=model, task_type=task_type)
        for failure, model, task_type in [
            (Failure.TIMEOUT, "haiku", "coding"),
            (Failure.AUTH, "haiku", "coding"),
            (Failure.AUTH, "opus", "coding/go"),
            (Failure.AUTH, "opus", "coding/python/tests"),
            (Failure.AUTH, "opus", "email"),
        ]
    ]
    assert found == [("a",), ("b",), ("c",), (), ("d",)]


_MODELS = ("a", "b", "c", "d")


@given(
    st.dictionaries(
        st.sampled_from(_MODELS), st.lists(st.sampled_from(_MODELS), unique=True, max_size=3), min_size=1, max_size=4
    )
)
def test_exactly_the_chains_that_lead_back_are_refused(by_model):
    """Told by taking away, again and again, each model whose chain leads to none that is left."""
    left = dict(by_model)
    while free := [name for name, chain in left.items() if not any(each in left for each in chain)]:
        for name in free:
            del left[name]
    plain = {"models": dict.fromkeys(_MODELS), "chains": {"by_model": by_model}}
    if left:
        with pytest.raises(ConfigError, match=r"leads back to itself: (\w) -> .*\1;|in its own chain"):
            Config.load(plain)
    else:
        assert Config.load(plain).chains.by_model == {name: tuple(chain) for name, chain in by_model.items()}
