"""A key is found where the configuration says, and nothing that is said ever holds it."""

import os
import traceback
from pathlib import Path

import pytest

from selector.config import secret
from selector.errors import ConfigError

CANARY = "sk-canary-8d1f0c"
KEY = "providers.work.api_key"


def keep(folder, name, text, mode=0o600):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def refused(reference, environ=None, folder=Path()):
    with pytest.raises(ConfigError) as caught:
        secret(reference, environ or {}, folder, key=KEY)
    assert caught.value.key == KEY
    return caught.value


def test_a_variable_of_the_environment_is_read():
    assert secret("env:WORK_KEY", {"WORK_KEY": CANARY}, Path()) == CANARY


@pytest.mark.parametrize(
    ("environ", "said"),
    [({}, "WORK_KEY is not set"), ({"WORK_KEY": " "}, "WORK_KEY is set, but empty"), ({"WORK_KEY": ""}, "but empty")],
)
def test_a_variable_that_is_missing_or_empty_is_named(environ, said):
    assert said in str(refused("env:WORK_KEY", environ))


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (f"  {CANARY}\n", "file:keys"),
        (f"OTHER=x\nexport WORK='{CANARY}'  # mine\n", "file:keys#WORK"),
        (f'{{"WORK": "{CANARY}"}}', "file:keys#WORK"),
        (f'{{"accounts": {{"work": "{CANARY}"}}}}', "file:keys#accounts.work"),
    ],
)
def test_a_file_is_read_whole_or_by_name(tmp_path, text, reference):
    keep(tmp_path, "keys", text)
    assert secret(reference, {}, tmp_path) == CANARY


def test_a_path_is_found_from_the_folder_from_the_root_or_from_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    keep(tmp_path / "home", "keys", "own")
    absolute = keep(tmp_path, "keys", "absolute")
    assert secret("file:~/keys", {}, Path("elsewhere")) == "own"
    assert secret(f"file:{absolute}", {}, Path("elsewhere")) == "absolute"


@pytest.mark.skipif(os.name != "posix", reason="rights of groups and others are POSIX's")
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o622, 0o644])
def test_a_file_that_others_may_touch_is_refused_with_the_remedy(tmp_path, mode):
    file = keep(tmp_path, "keys", CANARY, mode)
    assert f"chmod 600 {file}" in str(refused("file:keys", folder=tmp_path))


@pytest.mark.parametrize(
    ("text", "reference", "said"),
    [
        ("", "file:keys", "is empty"),
        ("WORK=\n", "file:keys#WORK", "is empty"),
        (f"WORK={CANARY}\n", "file:keys#WROK", "did you mean 'WORK'"),
        (f"WORK={CANARY}\nOTHER={CANARY}", "file:keys", "more than one line"),
        (f'{{"a": "{CANARY}"}}', "file:keys#b", "has no key b"),
        (f'{{"a": {{"b": "{CANARY}"}}}}', "file:keys#a", "is no text"),
        (f'{{"a": "{CANARY}"', "file:keys#a", "is no JSON"),
        (f"{CANARY} and more\n", "file:keys#WORK", "no line of an environment"),
    ],
)
def test_what_does_not_hold_the_key_is_refused_and_never_repeated(tmp_path, text, reference, said):
    keep(tmp_path, "keys", text)
    with pytest.raises(ConfigError) as caught:
        secret(reference, {"X": CANARY}, tmp_path, key=KEY)
    assert said in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value, chain=True))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    assert "is not there" in str(refused("file:nowhere", folder=tmp_path))
    (tmp_path / "folder").mkdir(mode=0o700)
    assert "cannot be read" in str(refused("file:folder", folder=tmp_path))
    keep(tmp_path, "latin", "").write_bytes("schlüssel".encode("latin-1"))
    assert "not UTF-8" in str(refused("file:latin", folder=tmp_path))


def test_what_is_no_reference_is_not_repeated():
    assert CANARY not in str(refused(CANARY))
