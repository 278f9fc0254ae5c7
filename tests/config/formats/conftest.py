"""What the tests of several readers share."""

import pytest

from tests.config.formats.fragments import FRAGMENTS


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a document to a file that only its owner reads; the user's own folder is empty."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))

    def write(name, text=None):
        file = tmp_path / name
        file.write_text(FRAGMENTS[name] if text is None else text, encoding="utf-8")
        file.chmod(0o600)
        return file

    write.home = home
    return write


@pytest.fixture(params=sorted(FRAGMENTS))
def fragment(request, written):
    """Give each of the documents in turn, in its file."""
    return written(request.param)
