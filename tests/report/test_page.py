"""A report is one page that needs nothing else, that can be read by machines and people, and that tells no secrets."""

import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from selector.report import (
    Advice,
    Baseline,
    Believed,
    Block,
    Day,
    DriftAlarm,
    Facts,
    FailedCalls,
    Fallback,
    Judging,
    Measured,
    Saving,
    SourceOfJudgement,
    ThinCell,
    Totals,
    Work,
    html_page,
)
from selector.report.page._earned import savings_part
from selector.report.page._top import short_part

NAN = math.nan
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
UNKNOWN = Measured(NAN, NAN, NAN, 0)
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
EVIL = ("<script>alert(1)</script>", "</title><b>", 'a" onload="x', "a&b", "$x^{", "line\nbreak", "bell\x07")


def made(models, kinds, *, verdict="none"):
    """Make facts of some models on some task types."""
    rng = np.random.default_rng(5)
    n, m = len(models), len(kinds)
    seen, cost = Measured(0.8, 0.72, 0.86, 90), Measured(0.012, 0.010, 0.014, 100)
    pairs = [(kind, model) for kind in kinds for model in models]
    days = [FIRST.date() + timedelta(i) for i in range(20)]
    reasons = () if verdict == "supported" else ("its effective sample size is 2, and 30 is the least",)

    def saving(model, place):
        ends = (0.02 - 0.001 * place, 0.01 - 0.001 * place, 0.03 - 0.001 * place, verdict, "saved")
        gained = (0.01, -0.02, 0.04, verdict, "no difference shown")
        return Saving(model, place == 0, *ends, *gained, 0.7, 0.03, 900, 1_000, verdict, reasons)

    return Facts(
        state="/srv/secret-client/state",
        models=models,
        task_types=kinds,
        families={model: f"maker-{i % 7}" for i, model in enumerate(models)},
        totals=Totals(FIRST, FIRST + timedelta(20), 1_000, 990, 900, 3, 40, 10, 12.0, cost, seen),
        days=tuple(Day(day, 50, 45, 0.6, 0.7, 0.4, seen, 0.05, 0.02, (50 // n,) * n) for day in days),
        learning=tuple(
            Block(50 * i, FIRST + timedelta(i), FIRST + timedelta(i + 1), 50, seen, cost, 0.1, (50 // n,) * n)
            for i in range(20)
        ),
        work=tuple(Work(kind, model, 10, 1 / n, 0.1, cost, seen) for kind, model in pairs),
        beliefs=tuple(
            Believed(kind, model, mean, mean / 2, (1 + mean) / 2, 9.0, 0.3, 6.0, 6, 0.01 * (1 + i % n))
            for i, ((kind, model), mean) in enumerate(zip(pairs, rng.uniform(0.2, 0.9, n * m).tolist(), strict=True))
        ),
        beliefs_at=FIRST + timedelta(20),
        baseline=Baseline(models[0], "as asked for"),
        savings=tuple(saving(model, place) for place, model in enumerate(models)),
        no_savings="",
        savings_notes=("the others: estimated from 900 of 1,000 decisions, spread evenly",),
        fallbacks=(Fallback("timeout", models[0], models[-1], 40, 82, 0.5, 0.4, 0.1, 30.0, seen),),
        failures=(FailedCalls(models[0], "timeout", 40, 300, 3, FIRST, FIRST + timedelta(3), date(2026, 3, 3), 12),),
        drift=(DriftAlarm(FIRST + timedelta(9), 450, models[0], 0.05, "worse", seen, 0.9, seen, ((kinds[0], 30),)),),
        thin_below=10.0,
        thin=tuple(ThinCell(kind, model, 6.0, 6, 0.6, 0.9, models[0], 0.8, 100) for kind, model in pairs),
        judging=tuple(Judging(kind, 100, 90, 95, 5, 1, 60.0, 3_600.0) for kind in kinds),
        judging_takes_s=7_200.0,
        sources=(SourceOfJudgement("tests", 900, 900, 0.8, 180, never_fails=False),),
        shadow_price=0.4,
        advice=(
            Advice("thin", f"{models[0]} has 6 outcomes: try it", {}),
            Advice("no_verdict", "no verdict: `selector replay plan` says what it takes", {}),
        ),
        faults=("/srv/secret-client/state/log/x.parquet: cut off",),
    )


@pytest.fixture(scope="module")
def few():
    """Make facts of three models on two task types."""
    return made(("small", "middle", "large"), ("coding", "writing"))


@pytest.fixture(scope="module")
def page(few):
    """Write the page of them."""
    return html_page(few)


@pytest.fixture(scope="module")
def empty(few):
    """Make facts of one decision that nothing is known of."""
    bare = Totals(FIRST, FIRST, 1, 0, 0, 0, 0, 0, 0.0, UNKNOWN, UNKNOWN)
    gone = ("beliefs", "savings", "savings_notes", "fallbacks", "failures", "drift", "thin", "sources", "advice")
    day = Day(FIRST.date(), 1, 0, 0.0, NAN, NAN, UNKNOWN, 0.0, 0.0, (1,))
    return replace(
        few,
        models=("only",),
        task_types=("chat",),
        families={"only": "only"},
        totals=bare,
        days=(day,),
        learning=(Block(0, FIRST, FIRST, 1, UNKNOWN, UNKNOWN, 0.0, (1,)),),
        work=(Work("chat", "only", 1, 1.0, 0.0, UNKNOWN, UNKNOWN),),
        beliefs_at=None,
        baseline=Baseline("only", "the one chosen most often; what models cost is not known"),
        no_savings="there is only one model",
        judging=(Judging("chat", 1, 0, 0, 0, 1, NAN, NAN),),
        judging_takes_s=NAN,
        shadow_price=NAN,
        faults=(),
        **dict.fromkeys(gone, ()),
    )


class Outline(HTMLParser):
    """Reads a page, and complains where its elements do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.ids, self.tags, self.attributes, self.text = [], [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self._seen(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._seen(tag, attrs)

    def _seen(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def check(text):
    """Check what must be true of every page."""
    seen = Outline(text)
    assert seen.headings[0] == 1
    assert seen.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(seen.headings, seen.headings[1:], strict=False))
    assert len(seen.ids) == len(set(seen.ids))
    assert [seen.tags.count(tag) for tag in ("header", "nav", "main", "footer", "title")][:4] == [1, 1, 1, 1]
    named = {value for _, name, value in seen.attributes if name == "aria-labelledby"}
    jumps = {value[1:] for _, name, value in seen.attributes if name == "href" and value.startswith("#")}
    drawn = {value[1:] for _, name, value in seen.attributes if name == "xlink:href"}
    assert named | jumps | drawn <= set(seen.ids)
    assert seen.tags.count("table") == seen.tags.count("caption")
    assert not {"script", "iframe", "object", "embed", "form"} & set(seen.tags)
    assert not [name for _, name, _ in seen.attributes if name.startswith("on")]
    assert len(text.encode()) < 2_000_000
    return seen


def test_a_page_nests_and_its_headings_go_down_by_one(page):
    check(page)


def test_a_page_asks_for_nothing_outside_itself(page):
    seen = check(page)
    loads = {value for _, name, value in seen.attributes if name in {"href", "src", "srcset", "xlink:href", "data"}}
    assert {value for value in loads if not value.startswith("#")} == {"data:,"}
    assert re.findall(r"https?:|//[a-z]|@import|url\((?!#)", page) == []


def test_every_header_of_a_table_says_what_it_is_of(page):
    heads = re.findall(r"<th( [^>]*)?>", page)
    assert heads
    assert [each for each in heads if 'scope="col"' not in each and 'scope="row"' not in each] == []


def test_a_picture_is_drawn_for_narrow_and_for_wide_pages_and_has_a_name_and_a_table(page):
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(figures) == 10
    for figure in figures:
        assert re.findall(r'<svg class="(\w+)"', figure) == ["narrow", "wide"]
        assert len(re.findall(r'<svg[^>]*role="img"[^>]*aria-label="[A-Z][^"]+"', figure)) == 2
    for section in re.findall(r"<section.*?</section>", page, re.DOTALL):
        assert "<figure" not in section or "<table" in section


def test_sections_come_in_the_order_of_what_is_asked_first(page):
    anchors = re.findall(r'<h2 id="([\w-]+)"', page)
    assert anchors[:6] == ["in-short", "next", "savings", "work", "learning", "spend"]
    assert anchors[6:] == ["beliefs", "fallbacks", "drift", "failures", "thin", "judging", "method"]
    assert re.findall(r'<li><a href="#([\w-]+)"', page) == anchors


def test_no_folder_above_the_state_is_named(page):
    assert "secret-client" not in page
    assert "1 place of the log could not be read" in page


def test_names_are_text_wherever_they_stand():
    bad = made(EVIL, ("<img src=x onerror=y>", "`<i>`"))
    bad = replace(bad, advice=(Advice("thin", "ask `<b>` of <i>", {}),))
    text = html_page(bad)
    seen = check(text)
    assert {"b", "i", "img", "script"} & set(seen.tags) == set()
    assert "<code>&lt;b&gt;</code> of &lt;i&gt;" in text
    assert "alert(1)" in "".join(seen.text)
    assert "\x07" not in text
    assert "bell\N{REPLACEMENT CHARACTER}" in text


def test_the_same_facts_make_the_same_bytes(empty):
    assert html_page(empty) == html_page(empty)


def test_a_saving_without_support_is_never_a_bare_number(few, page):
    row = page[page.index(">small (baseline)</th>") :].split("</tr>")[0]
    cells = re.findall(r"<td.*?</td>", row)
    assert len(cells) == 3
    assert all("no verdict" in cell and " to " in cell for cell in cells)
    tile = re.search(r"<dt>Saved against always <span[^>]*>small</span></dt><dd[^>]*>(.*?)</dd>", page)[1]
    assert tile == "No verdict"
    sure = made(few.models, few.task_types, verdict="supported")
    text = short_part(sure).body + savings_part(sure).body
    row = text[text.index(">small (baseline)</th>") :].split("</tr>")[0]
    assert row.count("saved: supported") == 2
    assert re.search(
        r"<dt>Saved against always <span[^>]*>small</span></dt><dd[^>]*>20.00\xa0USD</dd>.*10.00 to 30.00\xa0USD", text
    )


def test_a_page_of_one_decision_says_what_is_not_known(empty):
    text = html_page(empty)
    check(text)
    said = re.sub(r"<[^>]+>", "", text)
    assert "1 decision cost 0\xa0USD: what one costs is not known." in said
    assert "Nothing can be said: there is only one model." in said
    assert "Nothing calls for attention." in said
    assert "nan" not in said.lower()


def test_a_page_of_30_models_and_12_task_types_stays_small_and_shows_the_types_with_most_work():
    kinds = tuple(f"kind-{i:02}" for i in range(12))
    found = made(tuple(f"maker-{i % 7}-model-{i}" for i in range(30)), kinds)
    found = replace(found, beliefs=found.beliefs[-60:])  # drawing all of them takes seconds
    work = tuple(row._replace(n=5) if row.task_type in kinds[:6] else row for row in found.work)
    text = html_page(replace(found, work=work))
    check(text)
    assert "The picture shows the 6 task types with most decisions; the table has all." in text
    assert "60 more rows are not shown; <code>selector report --json</code> has them all." in text
    shown = re.findall(r'<svg class="wide".*?</svg>', text, re.DOTALL)[1]
    assert [kind for kind in kinds if f">{kind}<" not in shown] == list(kinds[:6])
