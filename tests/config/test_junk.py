"""Whatever a configuration holds, it is read, or it is refused with a `ConfigError`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config import (
    BudgetConfig,
    ChainsConfig,
    CheckConfig,
    Config,
    FallbackConfig,
    ModeConfig,
    ModelConfig,
    ObjectiveConfig,
    OutputConfig,
    PolicyConfig,
    ProviderConfig,
    PurposeConfig,
    QuotaConfig,
    RuleConfig,
    ScopeConfig,
    TaskTypeConfig,
    TimeoutConfig,
)
from selector.errors import ConfigError

_KEYS = st.sampled_from(
    sorted(
        {"a", "b"}.union(
            Config.valid_keys(), Config.later, ModelConfig.valid_keys(), ProviderConfig.valid_keys()
        ).union(
            TaskTypeConfig.valid_keys(),
            BudgetConfig.valid_keys(),
            PolicyConfig.valid_keys(),
            ObjectiveConfig.valid_keys(),
            RuleConfig.valid_keys(),
            ModeConfig.valid_keys(),
            PurposeConfig.valid_keys(),
            ChainsConfig.valid_keys(),
            FallbackConfig.valid_keys(),
            CheckConfig.valid_keys(),
            TimeoutConfig.valid_keys(),
            OutputConfig.valid_keys(),
            ScopeConfig.valid_keys(),
            QuotaConfig.valid_keys(),
            ProviderConfig.later,
            ModelConfig.later,
        )
    )
)
_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "a",
            "day",
            "request",
            "metadata.user",
            "Mon 09:00",
            "2026-12-31",
            "1h",
            "env:X",
            "priority == 0",
            "purpose:a",
            "*@a",
            "cost-aware",
            "shadow",
            "json",
            "command",
            "auth",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=4) | st.integers(), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(st.sampled_from([BudgetConfig, QuotaConfig, ScopeConfig]), st.data())
def test_junk_in_a_limit_raises_config_error_or_nothing(section, data):
    plain = data.draw(st.dictionaries(st.sampled_from(sorted(section.valid_keys())), _JUNK, max_size=4))
    try:
        found = section.read(plain)
    except ConfigError:
        return
    assert section.read(found.model_dump(mode="json", exclude_unset=True)) == found


@given(st.dictionaries(_KEYS, _JUNK, max_size=5), _JUNK)
def test_junk_raises_config_error_or_nothing(plain, model):
    for source in (plain, {**plain, "models": {"a": model}}, {"models": {"a": {}}, **plain}):
        try:
            config = Config.load(source)
        except ConfigError:
            continue
        assert len(config.digest) == 16


def test_values_that_hold_themselves_or_have_too_many_digits_are_config_errors():
    loop = {}
    loop["x"] = loop
    deep = []
    for _ in range(3000):
        deep = [deep]
    for bad in (loop, {"x": deep}, {"x": 10**5000}, {"x": object()}, {1: 2}):
        with pytest.raises(ConfigError, match=r"models\.a\.params"):
            Config.load({"models": {"a": {"params": bad}}})
    for key in ("usd_per_call", "context_tokens", "enabled", "id", "tags"):
        with pytest.raises(ConfigError, match=rf"models\.a\.{key}"):
            Config.load({"models": {"a": {key: 10**5000}}})
