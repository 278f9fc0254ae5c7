"""A report's page, opened in a browser: it asks for nothing, fits its window and its paper, and can be read by ear."""

import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from selector.report import facts, html_page
from selector.testing import demo_state

AXE = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
NARROW, WIDE = 400, 1_600
A4 = (680, 1_009)  # pixels of the paper within its margins
WINDOWS = [(width, theme) for width in (NARROW, WIDE) for theme in ("light", "dark")]

WIDER = """width => [...document.querySelectorAll('body *')]
  .filter(e => !e.closest('.scroll') && !e.closest('svg') && !e.classList.contains('skip'))
  .filter(e => e.getBoundingClientRect().right > width + 1)
  .map(e => `wider than the page: ${e.tagName} ${e.textContent.slice(0, 40)}`)"""
ORDER = """() => {
  const found = []
  let last = 0
  for (const each of document.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
    const level = +each.tagName[1]
    if (level > last + 1 || (level === 1) !== (last === 0)) found.push(`heading out of order: ${each.textContent}`)
    last = level
  }
  for (const each of document.querySelectorAll('figure')) {
    let next = each.nextElementSibling
    while (next && next.tagName === 'FIGURE') next = next.nextElementSibling
    if (!next || !(next.matches('.scroll') || next.matches('details')) || !next.querySelector('table'))
      found.push(`no table after the picture ${each.querySelector('title').textContent}`)
  }
  return found
}"""
FOCUSED = """() => {
  const at = document.activeElement
  if (!at || at === document.body) return null
  const box = at.getBoundingClientRect()
  const far = at.closest('main,footer')
  return [far ? 1 : 0, Math.round(box.top + scrollY), Math.round(box.left), at.textContent.slice(0, 40)]
}"""
PAPER = """([width, height]) => [...document.querySelectorAll('h1,h2,h3,p,li,dd,figure,tr,td,th')]
  .filter(e => e.checkVisibility())
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([e, box]) => box.right > width + 1 || box.left < -1 || box.height > height
    || e.scrollWidth > e.clientWidth + 1)
  .map(([e, box]) => `cut on paper: ${e.tagName} ${e.textContent.slice(0, 40)}`)"""


def lacking(what):
    """Skip, unless it was asked for that nothing be missing."""
    said = f"{what} is not installed; `make browser` says how"
    if os.environ.get("SELECTOR_BROWSER"):
        pytest.fail(said)
    pytest.skip(said)


@pytest.fixture(scope="module")
def chromium():
    """Start a browser that reaches nothing."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - it need not be there
    except ModuleNotFoundError:
        lacking("playwright")
    program = shutil.which("chromium") or lacking("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def html(tmp_path_factory, chromium):  # noqa: ARG001 - no page without a browser
    """Write the page of a demonstration's state."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    demo_state(folder, n_tasks=300, models=("claude-opus-4-8", "gpt-5.5", "kimi-k2.6", "minimax-m3"))
    return html_page(facts(folder))


@pytest.fixture
def opened(chromium, tmp_path):
    """Open pages, each in a window of its own, and note what they ask for and say."""
    windows = []

    @contextmanager
    def open_(html, width=WIDE, theme="light", **more):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **more)
        windows.append(context)
        page, asked, said = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        yield SimpleNamespace(page=page, asked=[url for url in asked if url != path.as_uri()], said=said)
        context.close()

    yield open_
    for each in windows:
        each.close()


def alone(opened, html):
    """Name what the page asks for and what it says to the console."""
    with opened(html) as window:
        window.page.wait_for_load_state("load")
        asked = [f"asks for {url}" for url in window.asked if not url.startswith("data:")]
        return [*asked, *(f"says {text}" for text in window.said)]


def fits(opened, html, width=NARROW, theme="light"):
    """Name what makes the page scroll sideways."""
    with opened(html, width, theme) as window:
        root = window.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        scrolls = [f"scrolls sideways: {root[0]} of {root[1]} pixels"] if root[0] > root[1] else []
        return [*scrolls, *window.page.evaluate(WIDER, root[1])]


def accessible(opened, html, width=NARROW, theme="light"):
    """Name what axe finds serious or critical, with all that is folded opened."""
    if not AXE.exists():
        lacking("axe-core")
    with opened(html, width, theme, bypass_csp=True) as window:
        window.page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true })")
        window.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = window.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        bad = [each for each in found["violations"] if each["impact"] in {"serious", "critical"}]
        assert found["passes"]
        return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in bad]


def ordered(opened, html, width=NARROW):
    """Name headings, pictures and stops of the Tab key that come in another order than they are seen."""
    with opened(html, width) as window:
        found, stops = window.page.evaluate(ORDER), []
        for _ in range(500):
            window.page.keyboard.press("Tab")
            stop = window.page.evaluate(FOCUSED)
            if stop is None or stop in stops:
                break
            stops.append(stop)
        assert len(stops) > 10
        places = [stop[:3] for stop in stops[1:]]  # the first leads past the contents, and is seen only then
        late = [stops[i + 2][3] for i in range(len(places) - 1) if places[i + 1] < places[i]]
        return [*found, *(f"comes too late: {each}" for each in late)]


def on_paper(opened, html):
    """Name what does not fit on a sheet."""
    with opened(html, A4[0]) as window:
        window.page.emulate_media(media="print")
        return window.page.evaluate(PAPER, list(A4))


def test_the_page_asks_for_nothing_and_nothing_is_wrong_with_it(opened, html):
    assert alone(opened, html) == []


@pytest.mark.parametrize(("width", "theme"), WINDOWS)
def test_the_page_fits_its_window(opened, html, width, theme):
    assert fits(opened, html, width, theme) == []


@pytest.mark.parametrize(("width", "theme"), WINDOWS)
def test_those_who_see_little_or_nothing_can_read_it(opened, html, width, theme):
    assert accessible(opened, html, width, theme) == []


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_it_is_read_in_the_order_it_is_seen(opened, html, width):
    assert ordered(opened, html, width) == []


def test_it_prints_on_sheets_of_a4_and_nothing_is_cut(opened, html):
    assert on_paper(opened, html) == []
    with opened(html) as window:
        printed = window.page.pdf(prefer_css_page_size=True)
    sheets = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert 3 <= len(sheets) <= 25
    assert {(round(float(wide)), round(float(high))) for wide, high in sheets} == {(595, 842)}


def test_dark_is_dark_on_screen_and_light_on_paper(opened, html):
    colour = "() => getComputedStyle(document.body).backgroundColor"
    with opened(html, theme="dark") as window:
        assert window.page.evaluate(colour) == "rgb(13, 17, 23)"
        window.page.emulate_media(media="print")
        assert window.page.evaluate(colour) == "rgb(255, 255, 255)"


WRONG = {
    "a script": (alone, "says", "</main>", "<script>1</script></main>"),
    "a picture from elsewhere": (alone, "says", "</main>", '<img alt="" src="http://elsewhere.invalid/x.png"></main>'),
    "a picture, and no policy": (alone, "asks for", "default-src 'none'", "default-src *"),
    "a line without end": (
        fits,
        "scrolls",
        "</main>",
        '<p style="white-space:nowrap">' + "no end " * 99 + "</p></main>",
    ),
    "grey on grey": (accessible, "color-contrast", "</main>", '<p style="color:#aaa;background:#bbb">grey</p></main>'),
    "a picture without words": (accessible, "image-alt", "</main>", '<img src="data:,"></main>'),
    "a heading too low": (ordered, "heading", "</main>", "<h4>low</h4></main>"),
    "a picture without its table": (
        ordered,
        "no table",
        "</main>",
        "<section><figure><svg><title>bare</title></svg></figure></section></main>",
    ),
    "a stop out of turn": (
        ordered,
        "too late",
        "<section",
        '<a href="#next" style="position:absolute;top:9999px">x</a><section',
    ),
    "a table wider than paper": (
        on_paper,
        "cut",
        "</main>",
        "<table><tr>" + "<td>much to say</td>" * 40 + "</tr></table></main>",
    ),
    "a picture higher than paper": (on_paper, "cut", "</main>", '<figure style="height:3000px"></figure></main>'),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_would_be_found(opened, html, name):
    check, word, old, new = WRONG[name]
    wrong = html.replace(old, new, 1)
    if check is accessible:
        wrong = re.sub("<figure>.*?</figure>", "", wrong, flags=re.DOTALL)  # whose every letter axe looks at
    if "no policy" in name:
        wrong = wrong.replace("img-src data:", "img-src *").replace(
            "</main>", '<img alt="" src="http://elsewhere.invalid/x.png"></main>'
        )
    assert any(word in each for each in check(opened, wrong))
