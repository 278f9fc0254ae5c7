"""The environment file: lines as shells write them, under the process's own environment, and nothing ever repeated."""

from pathlib import Path

import pytest

from selector.config import Config, env_path, environment
from selector.errors import ConfigError

LINES = [
    ("A=1", "1"),
    ("A = 1 ", "1"),
    ("export A=1", "1"),
    ("A=", ""),
    ("A='one # two'", "one # two"),
    ('A="one\\n\\"two\\"" # three', 'one\n"two"'),
    ("A=one two # three", "one two"),
    ("A=one#two", "one#two"),
    ("A=#x", ""),
    ("A='it''s'x", None),
    ("A=b=c", "b=c"),
    ("A='open", None),
    ("1A=x", None),
    ("just words", None),
    ("TOKEN", None),
]


@pytest.fixture
def read(tmp_path):
    def environment_of(text, environ=()):
        (tmp_path / ".env").write_text(text, encoding="utf-8")
        return environment(Config.load({"env_file": ".env"}), tmp_path / "selector.yaml", dict(environ))

    return environment_of


@pytest.mark.parametrize(("line", "value"), LINES)
def test_a_line_is_read_as_a_shell_would_or_refused(read, line, value):
    if value is not None:
        assert read(f"\n# a comment\n  \n{line}\n") == {"A": value}
        return
    with pytest.raises(ConfigError) as caught:
        read(f"OK=1\n{line}\n")
    assert caught.value.line == 2
    assert line not in str(caught.value)


def test_what_the_process_sets_counts_before_the_file(read):
    assert read("A=file\nB=file\n", {"A": "process"}) == {"A": "process", "B": "file"}


def test_without_an_environment_file_there_is_the_process_alone():
    assert environment(Config.load({}), None, {"A": "1"}) == {"A": "1"}


def test_it_is_found_from_where_the_configuration_lies():
    config = Config.load({"env_file": "keys/.env"})
    assert env_path(config, Path("shop/selector.yaml")) == Path("shop/keys/.env")
    assert env_path(config, None) == Path("keys/.env")
    assert env_path(Config.load({"env_file": "/etc/keys"}), Path("shop/selector.yaml")) == Path("/etc/keys")
    assert env_path(Config.load({}), None) is None


def test_a_file_that_is_not_there_or_no_text_is_said(tmp_path):
    config = Config.load({"env_file": ".env"})
    with pytest.raises(ConfigError, match="no such file"):
        environment(config, tmp_path / "selector.yaml", {})
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        environment(config, tmp_path / "selector.yaml", {})
