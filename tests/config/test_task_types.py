"""Task types are paths: what a child does not say, its parent says, key by key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config import Config, TaskTypeConfig, settings_of
from selector.errors import ConfigError

PLAIN = {
    "models": {"a": {"capabilities": ["tools"]}, "b": {}},
    "task_types": {
        "coding": {"needs": ["tools"], "worth_usd": 0.5, "explore": False, "min_success": 0.7},
        "coding/python": {"worth_usd": 1, "explore": True},
        "coding/python/tests": {"needs": [], "min_success": None},
        "email": {"only": ["b"]},
    },
}
CONFIG = Config.load(PLAIN)


@pytest.mark.parametrize(
    ("name", "given_"),
    [
        ("coding", {"needs": ("tools",), "worth_usd": 0.5, "explore": False, "min_success": 0.7}),
        ("coding/java", {"needs": ("tools",), "worth_usd": 0.5, "explore": False, "min_success": 0.7}),
        ("coding/python", {"needs": ("tools",), "worth_usd": 1.0, "explore": True, "min_success": 0.7}),
        ("coding/python/tests", {"needs": (), "worth_usd": 1.0, "explore": True, "min_success": None}),
        ("coding/python/tests/slow", {"needs": (), "worth_usd": 1.0, "explore": True, "min_success": None}),
        ("email/reply", {"only": ("b",)}),
        ("codingx", {}),
        ("cod", {}),
        ("other/coding", {}),
    ],
)
def test_a_child_has_what_its_parents_say_but_for_its_own_keys(name, given_):
    assert settings_of(CONFIG, name).given() == given_


def test_what_is_configured_alone_is_what_it_says():
    assert settings_of(CONFIG, "email") == CONFIG.task_types["email"]
    assert settings_of(CONFIG, "unheard-of") == TaskTypeConfig()


@given(st.text(max_size=12))
def test_any_name_has_settings(name):
    assert isinstance(settings_of(CONFIG, name), TaskTypeConfig)


def test_a_parents_worth_is_a_childs():
    objective = {"objective": "worth_usd", "models": {"a": {}}}
    child = {"coding": {"worth_usd": 1}, "coding/python": {}}
    assert settings_of(Config.load({**objective, "task_types": child}), "coding/python").worth_usd == 1
    with pytest.raises(ConfigError, match=r"task_types\.email/reply\.worth_usd: is required"):
        Config.load({**objective, "task_types": {**child, "email/reply": {}}})


@pytest.mark.parametrize("name", ["/", "/coding", "coding/", "coding//python", "coding/ /python"])
def test_a_path_with_an_empty_part_is_refused(name):
    with pytest.raises(ConfigError, match="must be a task type or a path of task types"):
        Config.load({"models": {"a": {}}, "task_types": {name: {}}})


def test_a_kind_of_work_is_a_word_that_children_have_too():
    config = Config.load({"models": {"a": {}}, "task_types": {"review": {"kind": "coding"}, "review/deep": {}}})
    assert settings_of(config, "review/deep").kind == "coding"
    assert settings_of(config, "other").kind is None
    with pytest.raises(ConfigError, match=r"task_types\.review\.kind"):
        Config.load({"models": {"a": {}}, "task_types": {"review": {"kind": " "}}})


def test_priors_are_published_or_none_and_change_what_the_digest_stands_for():
    plain = {"models": {"a": {}}}
    assert Config.load(plain).priors == "published"
    none = Config.load(plain | {"priors": "none"})
    assert none.priors == "none"
    assert none.digest != Config.load(plain).digest == Config.load(plain | {"priors": "published"}).digest
    kinds = [Config.load(plain | {"task_types": {"x": entry}}) for entry in ({}, {"kind": None}, {"kind": "coding"})]
    assert kinds[0].digest == kinds[1].digest != kinds[2].digest
