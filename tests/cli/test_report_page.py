"""`selector report -o` writes one page of a real state, for its owner alone, and never over what is there unasked."""

import gc
import re
import stat
import sys

import pytest

from selector.cli._report import _in_haste
from selector.testing import demo_state

THREE = ("deepseek-v4-pro", "minimax-m3", "claude-fable-5")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Leave a small realistic state behind."""
    folder = tmp_path_factory.mktemp("client-of-mine") / "state"
    demo_state(folder, n_tasks=40, days=2, models=THREE)
    return folder


def test_a_page_is_written_for_its_owner_alone(run, shop, demo):
    code, out, err = run("report", "-o", "report.html", "--config", str(demo / "selector.yaml"))
    page = shop / "report.html"
    assert (code, err) == (0, "")
    assert re.fullmatch(r"report\.html: \d+ decisions on one page\n", out)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert all(f'<h2 id="{anchor}">' in text for anchor in ("in-short", "next", "savings", "method"))
    assert "client-of-mine" not in text
    assert "://" not in text
    assert text.count("<figure") == text.count("</figure>") >= 8


def test_garbage_is_looked_for_again_afterwards_and_memory_comes_from_where_it_came():
    import pyarrow as pa

    def now():
        return gc.isenabled(), pa.default_memory_pool().backend_name

    def fail():
        with _in_haste():
            within.append(now())
            raise KeyError

    before, within = now(), []
    with pytest.raises(KeyError):
        fail()
    best = "jemalloc" if "jemalloc" in pa.supported_memory_backends() else before[1]
    assert within == [(False, best)]
    assert now() == before == (True, before[1])


def test_what_is_there_is_replaced_only_if_that_is_wanted(run, shop, demo):
    page = shop / "report.html"
    page.write_text("mine", encoding="utf-8")
    code, out, err = run("report", "-o", "report.html", "--state", str(demo), "-q")
    assert (code, out) == (2, "")
    assert "report.html: is there already; give --force" in err
    assert page.read_text(encoding="utf-8") == "mine"
    code, out, _ = run("report", "-o", "report.html", "--state", str(demo), "-q", "--force")
    assert (code, out) == (0, "report.html\n")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [each.name for each in shop.iterdir() if "new" in each.name] == []


def test_a_page_is_named_html(run, shop, demo):
    code, _, err = run("report", "-o", "report.txt", "--state", str(demo))
    assert code == 2
    assert "--output report.txt: what is written is HTML; name it .html" in err
    assert not (shop / "report.txt").exists()


def test_without_the_drawing_library_it_says_what_to_install(run, shop, demo, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = run("report", "-o", "report.html", "--state", str(demo))
    assert (code, out) == (1, "")
    assert "pip install 'adaptive-selector[report]'" in err
    assert not (shop / "report.html").exists()
