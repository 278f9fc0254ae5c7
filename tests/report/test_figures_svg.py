"""A figure's SVG is text with titles, the same each time, and one picture for light and dark."""

import re
from xml.etree import ElementTree as ET

import pytest

from selector.report.counted import _facts as rows
from selector.report.figures import Look, belief_ridges, evidence_heat_map, stylesheet, svg
from selector.report.figures._colours import palette

ONE = rows.Believed("coding", "gpt-5.5", 0.8, 0.7, 0.88, 60.0, 0.1, 54.0, 54, 0.02)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def beliefs():
    return [ONE, ONE._replace(model="<b>&", mean=0.5, low=0.4, high=0.6), ONE._replace(task_type="$x$ writing")]


def test_words_are_words(beliefs):
    root = ET.fromstring(svg(belief_ridges(beliefs)))  # noqa: S314 - drawn here
    told = [element.text for element in root.iter(f"{SVG}text")]
    assert {"gpt-5.5", "<b>&", "coding", "$x$ writing"} <= set(told)


def test_the_whole_and_every_mark_have_titles(beliefs):
    root = ET.fromstring(svg(belief_ridges(beliefs, title="Beliefs")))  # noqa: S314 - drawn here
    titles = [element.text for element in root.iter(f"{SVG}title")]
    assert titles == [
        "Beliefs",
        "gpt-5.5 on coding: 80 % (70 to 88); 54 outcomes; prior 10 %",
        "<b>& on coding: 50 % (40 to 60); 54 outcomes; prior 10 %",
        "gpt-5.5 on $x$ writing: 80 % (70 to 88); 54 outcomes; prior 10 %",
    ]
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Beliefs"
    assert "Believed success" in root.find(f"{SVG}desc").text


def test_its_size_is_that_of_its_place(beliefs):
    root = ET.fromstring(svg(belief_ridges(beliefs, Look(width=400))))  # noqa: S314 - drawn here
    assert root.get("viewBox").split()[2] == "300"  # points of 400 pixels
    assert root.get("width") is root.get("height") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_same_figure_is_the_same_bytes(beliefs, theme):
    first, second = (svg(belief_ridges(beliefs, Look(theme))) for _ in range(2))
    assert first == second


def test_every_colour_of_a_light_figure_follows_the_stylesheet(beliefs):
    drawn = svg(evidence_heat_map(beliefs))
    fixed = re.sub(r"var\(--selector-[a-z0-9-]+,#[0-9a-f]{6}\)", "", drawn)
    assert not re.findall(r"#[0-9a-f]{6}\b", fixed)
    for name in set(re.findall(r"var\((--selector-[a-z0-9-]+),", drawn)):
        assert stylesheet().count(f"{name}:") == 3  # light, dark by preference, dark by the page


def test_a_dark_figure_has_the_dark_colours_of_the_stylesheet(beliefs):
    drawn = svg(evidence_heat_map(beliefs, Look("dark")))
    assert "var(" not in drawn
    dark = {colour.dark for colour in palette().values()}
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn)) <= dark


def test_no_name_is_given_twice_on_a_page_and_none_is_missing(beliefs):
    drawn = svg(belief_ridges(beliefs)) + svg(evidence_heat_map(beliefs))
    names = re.findall(r'\bid="([^"]+)"', drawn)
    assert len(names) == len(set(names)) > 0
    assert set(re.findall(r'href="#([^"]+)"', drawn)) <= set(names)


def test_a_file_of_its_own_brings_the_stylesheet_and_a_page_says_it_once(beliefs):
    figure = belief_ridges(beliefs)
    assert "prefers-color-scheme:dark" in svg(figure, alone=True)
    assert "<style" not in svg(figure)
    assert "http" not in svg(figure, alone=True).replace("http://www.w3.org/", "")
