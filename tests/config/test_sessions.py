"""The section on sessions: what it may say, its defaults, and every mistake with its place and remedy."""

import pytest

from selector.config import Config
from selector.errors import ConfigError

BASE = {
    "models": {"opus": {}, "haiku": {}, "grok": {}},
    "purposes": {"lead": ["opus"], "worker": ["haiku"], "oracle": {"models": ["grok"], "metadata": {"on": "request"}}},
}


def test_what_is_left_out_has_defaults():
    sessions = Config.load(BASE | {"sessions": {"start": "lead", "then": "worker"}}).sessions
    assert (sessions.turns, sessions.after_failures, sessions.back_for) == (3, 2, 2)


def test_without_the_section_there_is_none_and_the_digest_is_what_it_was():
    assert Config.load(BASE).sessions is None
    assert Config.load(BASE).digest == Config.load(BASE | {"sessions": None}).digest
    assert Config.load(BASE).digest != Config.load(BASE | {"sessions": {"start": "lead"}}).digest


@pytest.mark.parametrize("sessions", [{"start": "lead"}, {"start": "worker", "then": "lead", "after_failures": None}])
def test_what_is_dumped_loads_again(sessions):
    config = Config.load(BASE | {"sessions": sessions})
    assert Config.load(BASE | {"sessions": config.sessions.model_dump()}).sessions == config.sessions


@pytest.mark.parametrize(
    ("sessions", "key", "said"),
    [
        ({"then": "worker"}, "sessions.start", "required"),
        ({"start": "leed", "then": "worker"}, "sessions.start", "did you mean 'lead'"),
        ({"start": "lead", "then": "wroker"}, "sessions.then", "did you mean 'worker'"),
        ({"start": "quux"}, "sessions.start", "unknown purpose 'quux'"),
        ({"start": "lead", "then": "lead"}, "sessions.then", "as start is"),
        ({"start": "oracle", "then": "worker"}, "sessions.start", "on request alone"),
        ({"start": "lead", "then": "oracle"}, "sessions.then", "on request alone"),
        ({"start": "lead", "turns": 2}, "sessions.turns", "write then"),
        ({"start": "lead", "then": "worker", "turns": 0}, "sessions.turns", "at least 1"),
        ({"start": "lead", "then": "worker", "back_for": 1.5}, "sessions.back_for", "1.5"),
        ({"start": "lead", "then": "worker", "after_failures": 51}, "sessions.after_failures", "at most 50"),
        ({"start": "lead", "then": "worker", "after_failures": True}, "sessions.after_failures", "True"),
        ({"start": "lead", "then": "worker", "turn": 2}, "sessions.turn", "did you mean 'turns'"),
        ("lead", "sessions", "must be a mapping"),
        (["lead"], "sessions", "must be a mapping"),
    ],
)
def test_every_mistake_is_named_with_its_key_and_remedy(sessions, key, said):
    with pytest.raises(ConfigError) as caught:
        Config.load(BASE | {"sessions": sessions})
    assert str(caught.value).startswith(f"{key}: ")
    assert said in str(caught.value)
