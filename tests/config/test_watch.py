"""A configuration that is edited while it is used: real files, a clock of our own, and never half a configuration."""

import os
import threading
from itertools import count
from pathlib import Path

import pytest

from selector.config import Config, Watch, environment
from selector.errors import ConfigError

ONE, TWO = "models: {a: }\n", "models: {a: , b: }\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "selector.yaml"
    path.write_text(ONE, encoding="utf-8")
    return path


@pytest.fixture
def looks(file):
    """Return a watch, a way to look at it a second later each time, and how often it was loaded."""
    loads = []

    def load(path):
        loads.append(path)
        return Config.load(path)

    watch, seconds = Watch(file, load), count(start=10)
    return watch, lambda: watch.look(float(next(seconds))), loads


def models(found):
    return None if found is None else list(found.models)


def test_a_first_configuration_that_is_wrong_is_raised(file):
    file.write_text("models: {a: {usd_per_call: -1}}", encoding="utf-8")
    with pytest.raises(ConfigError, match="at least 0"):
        Watch(file, Config.load)
    with pytest.raises(ConfigError, match="no such file"):
        Watch(file.with_name("other.yaml"), Config.load)


def test_a_file_that_stays_is_loaded_once_and_read_only_to_be_sure(looks, file, monkeypatch):
    watch, look, loads = looks
    reads = []
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path) or original(path))
    assert [look() for _ in range(20)] == [None] * 20
    assert (loads, reads) == ([file], [file])
    assert (watch.version, watch.error, models(watch.config)) == (1, None, ["a"])


def test_an_edit_is_handed_out_once(looks, file):
    watch, look, _ = looks
    look()
    file.write_text(TWO, encoding="utf-8")
    assert [models(look()) for _ in range(3)] == [["a", "b"], None, None]
    assert (watch.version, models(watch.config)) == (2, ["a", "b"])


def test_within_a_second_it_does_not_look_again(file, monkeypatch):
    watch = Watch(file, Config.load)
    assert watch.look(100.0) is None
    stats = []
    original = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **more: stats.append(path) or original(path, **more))
    file.write_text(TWO, encoding="utf-8")
    assert [watch.look(now) for now in (100.0, 100.5, 100.999)] == [None] * 3
    assert stats == []
    assert models(watch.look(101.0)) == ["a", "b"]


def test_a_clock_that_is_set_back_does_not_stop_it(file):
    watch = Watch(file, Config.load)
    assert watch.look(1_000_000.0) is None
    file.write_text(TWO, encoding="utf-8")
    assert models(watch.look(5.0)) == ["a", "b"]


def test_a_file_put_in_its_place_is_noticed(looks, file):
    _, look, _ = looks
    look()
    other = file.with_name("new.yaml")
    other.write_text(TWO, encoding="utf-8")
    other.replace(file)
    assert models(look()) == ["a", "b"]


def test_a_link_that_points_elsewhere_is_noticed(tmp_path):
    for name, text in (("one.yaml", ONE), ("two.yaml", TWO)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    link = tmp_path / "selector.yaml"
    link.symlink_to("one.yaml")
    watch = Watch(link, Config.load)
    watch.look(10.0)
    (tmp_path / "next.yaml").symlink_to("two.yaml")
    (tmp_path / "next.yaml").replace(link)
    assert models(watch.look(11.0)) == ["a", "b"]


def test_a_mistake_keeps_the_last_good_one_and_is_told_until_it_is_mended(looks, file):
    watch, look, loads = looks
    look()
    file.write_text("models: {a: , b: {usd_per_call: -1}}", encoding="utf-8")
    assert [look() for _ in range(4)] == [None] * 4
    assert len(loads) == 2  # a mistake is not read again as long as it stays
    assert watch.error == f"{file}:1: models.b.usd_per_call: must be at least 0, not -1"
    assert (watch.version, models(watch.config)) == (1, ["a"])
    file.write_text(TWO, encoding="utf-8")
    assert models(look()) == ["a", "b"]
    assert (watch.version, watch.error) == (2, None)


def test_what_is_restored_as_it_was_is_nothing_new(looks, file):
    watch, look, _ = looks
    look()
    for broken in ("models: [", "x: 1"):
        file.write_text(broken, encoding="utf-8")
        assert look() is None
        assert watch.error is not None
        file.write_text(ONE, encoding="utf-8")
        assert look() is None
        assert (watch.error, watch.version) == (None, 1)


def test_a_file_that_is_gone_keeps_the_last_good_one(looks, file):
    watch, look, _ = looks
    look()
    file.unlink()
    assert [look() for _ in range(3)] == [None] * 3
    assert watch.error == f"{file}: there is no such file"
    file.write_text(TWO, encoding="utf-8")
    assert models(look()) == ["a", "b"]
    assert watch.error is None


def test_a_folder_in_its_place_keeps_the_last_good_one(looks, file):
    watch, look, _ = looks
    look()
    file.unlink()
    file.mkdir()
    assert look() is None
    assert "cannot be read" in watch.error


def test_another_size_is_noticed_though_the_time_stays(looks, file):
    _, look, _ = looks
    look()
    entry = file.stat()
    file.write_text(TWO, encoding="utf-8")
    os.utime(file, ns=(entry.st_atime_ns, entry.st_mtime_ns))
    assert file.stat().st_mtime_ns == entry.st_mtime_ns
    assert models(look()) == ["a", "b"]


def test_the_same_size_at_the_same_time_is_noticed_right_after_a_load(file):
    """A file system's clock ticks every few milliseconds: two edits within one tick leave the same entry."""
    watch = Watch(file, Config.load)
    file.write_text(ONE.replace("a", "c"), encoding="utf-8")
    watch._seen = {path: seen._replace(stamp=watch_stamp(path)) for path, seen in watch._seen.items()}
    assert models(watch.look(10.0)) == ["c"]


def watch_stamp(path):
    entry = path.stat()
    return entry.st_mtime_ns, entry.st_ctime_ns, entry.st_size, entry.st_ino


def test_a_comment_or_a_touch_is_nothing_new(looks, file):
    watch, look, loads = looks
    look()
    file.write_text(f"# the same\n{ONE}", encoding="utf-8")
    assert [look(), look()] == [None, None]
    n = len(loads)
    os.utime(file)
    assert look() is None
    assert (len(loads), watch.version) == (n, 1)


def test_what_is_written_to_while_it_is_read_is_not_handed_out(file):
    """Half a file may be a whole configuration: here the budgets are still to come."""
    half, whole = TWO, TWO + "budgets: [{usd: 1, per: day}]\n"
    writes = iter([whole])

    def load(path):
        found = Config.load(path)
        if len(found.models) == 2 and (rest := next(writes, None)) is not None:
            path.write_text(rest, encoding="utf-8")
        return found

    watch = Watch(file, load)
    file.write_text(half, encoding="utf-8")
    assert watch.look(10.0) is None
    found = watch.look(11.0)
    assert [budget.usd for budget in found.budgets] == [1]
    assert watch.version == 2


def test_whatever_else_is_built_of_it_is_checked_before_it_is_handed_out(file):
    def load(path):
        found = Config.load(path)
        if "b" in found.models:
            raise ConfigError("cannot be used", key="models.b")
        return found

    watch = Watch(file, load)
    file.write_text(TWO, encoding="utf-8")
    assert watch.look(10.0) is None
    assert watch.error == "models.b: cannot be used"


class TestEnvironmentFile:
    @pytest.fixture
    def watch(self, file):
        file.write_text(f"env_file: keys.env\n{ONE}", encoding="utf-8")
        file.with_name("keys.env").write_text("WORK_KEY=one\n", encoding="utf-8")

        def load(path):
            found = Config.load(path)
            environment(found, path, {})
            return found

        return Watch(file, load)

    def test_an_edit_of_it_hands_the_configuration_out_again(self, watch, file):
        assert watch.look(10.0) is None
        file.with_name("keys.env").write_text("WORK_KEY=two\n", encoding="utf-8")
        found = watch.look(11.0)
        assert environment(found, file, {}) == {"WORK_KEY": "two"}
        assert (watch.look(12.0), watch.version) == (None, 2)

    def test_a_mistake_in_it_is_told_and_its_restoring_is_nothing_new(self, watch, file):
        file.with_name("keys.env").write_text("secret\n", encoding="utf-8")
        assert watch.look(10.0) is None
        assert "keys.env:1: is no line of an environment" in watch.error
        assert "secret" not in watch.error
        file.with_name("keys.env").write_text("WORK_KEY=one\n", encoding="utf-8")
        assert (watch.look(11.0), watch.error) == (None, None)

    def test_another_file_that_is_named_is_watched_from_then_on(self, watch, file):
        file.with_name("more.env").write_text("A=1\n", encoding="utf-8")
        file.write_text(f"env_file: more.env\n{ONE}", encoding="utf-8")
        assert watch.look(10.0).env_file == "more.env"
        file.with_name("keys.env").write_text("WORK_KEY=three\n", encoding="utf-8")
        assert watch.look(11.0) is None
        file.with_name("more.env").write_text("A=2\n", encoding="utf-8")
        assert watch.look(12.0).env_file == "more.env"


def test_a_writer_that_never_rests_leaves_only_whole_configurations(file):
    """Files are put in place whole, as editors do; each that is handed out is one of those that were written."""
    done = threading.Event()

    def write():
        for n in count():
            if done.is_set():
                return
            other = file.with_name("new.yaml")
            names = ", ".join(f"m{k}: " for k in range(n % 7 + 1))
            other.write_text(f"models: {{{names}}}\n", encoding="utf-8")
            other.replace(file)

    watch, writer = Watch(file, Config.load), threading.Thread(target=write)
    writer.start()
    try:
        found = [watch.look(float(now)) for now in range(200)]
    finally:
        done.set()
        writer.join()
    assert watch.error is None
    assert all(list(each.models) == [f"m{k}" for k in range(len(each.models))] for each in found if each is not None)
    last = [watch.look(1_000.0 + n) for n in range(3)]
    assert models(watch.config) == models(Config.load(file))
    assert last[-1] is None
