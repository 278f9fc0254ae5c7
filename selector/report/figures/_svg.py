"""A figure as SVG for a page: text as text, a title on every mark, colours that follow the reader's light or dark."""

from __future__ import annotations

import re
from hashlib import blake2b
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from selector.report.figures._canvas import DPI, drawing
from selector.report.figures._colours import palette
from selector.report.figures._page import TITLED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save_svg", "stylesheet", "svg"]

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_NUMBER = re.compile(r"-?\d+\.\d+")
_FAMILY, _SPACE = re.compile(r"font-family: [^;]*;? ?"), re.compile(r"([:;]) ")
_NUMBERS = ("d", "x", "y", "transform", "width", "height")  # attributes whose numbers are pixels


def svg(figure: Figure, *, alone: bool = False) -> str:
    """Return a figure as SVG, the same bytes for the same figure.

    Text is text, every mark has a `<title>`, the whole one a title and a description, and its size is that of where
    it stands (a `viewBox` and no width). Colours of a light figure become variables of `stylesheet`, so that one
    picture serves light and dark; those of a dark one stay. No identifier is used twice on a page.

    Parameters
    ----------
    figure
        One of this package, or any of matplotlib.
    alone
        Bring the stylesheet, for a file of its own; a page says it once for all of its figures.

    Returns
    -------
    str
        An `<svg>` element.

    Examples
    --------
    >>> from selector.report.figures import Look, fallbacks_by_reason
    >>> drawn = svg(fallbacks_by_reason((), Look(width=400)))
    >>> drawn.startswith("<svg"), "No fallback" in drawn, "var(--selector-ink," in drawn
    (True, True, True)
    """
    buffer = StringIO()
    with drawing():
        figure.savefig(buffer, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None, "Creator": None})
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - drawn above
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    _merge(root)
    _slim(root)
    _head(root, figure)
    if alone:
        style = ET.Element(f"{{{_SVG}}}style")
        style.text = stylesheet()
        root.insert(2, style)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _LINK)
    text = ET.tostring(root, encoding="unicode")
    return _own(text, follow=_is_light(figure)) + ("\n" if alone else "")


def save_svg(figure: Figure, path: str | Path) -> None:
    """Write a picture as SVG whose text is text, with the same bytes for the same picture.

    No date and no random identifier is written, so that a picture under version control changes when its numbers do.
    A light picture is dark where its reader prefers that.

    Parameters
    ----------
    figure
        A figure of this room.
    path
        Where to; an existing file is replaced.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from selector.report.figures import spend_by_day
    >>> with TemporaryDirectory() as folder:
    ...     save_svg(spend_by_day([], title="Nothing yet"), Path(folder) / "empty.svg")
    ...     "<title>Nothing yet</title>" in (Path(folder) / "empty.svg").read_text(encoding="utf-8")
    True
    """
    width, height = (round(DPI * float(inches)) for inches in figure.get_size_inches())
    text = svg(figure, alone=True).replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def stylesheet() -> str:
    """Return the CSS variables that figures follow: light, dark where the reader prefers it, light in print.

    A page may hold to one by `data-theme="light"` or `"dark"` on its root element.

    Examples
    --------
    >>> stylesheet().splitlines()[0][:32]
    ':root{--selector-ink:#1f2328;--s'
    """
    light, dark = (
        ";".join(f"--selector-{colour.name}:{hue}" for colour, hue in pairs)
        for pairs in (
            [(colour, colour.light) for colour in palette().values()],
            [(colour, colour.dark) for colour in palette().values()],
        )
    )
    return (
        f":root{{{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}\n"
    )


def _merge(parent: ET.Element) -> None:
    """Put a mark's parts, which follow each other with one title, into one group with that title."""
    merged: list[ET.Element] = []
    for child in parent:
        _merge(child)
        name = child.get("id", "")
        if not name.startswith(TITLED):
            merged.append(child)
            continue
        del child.attrib["id"]
        title = name.removeprefix(TITLED)
        if merged and len(merged[-1]) and merged[-1][0].tag.endswith("title") and merged[-1][0].text == title:
            merged[-1].extend(child)
            continue
        words = ET.Element(f"{{{_SVG}}}title")
        words.text = title
        child.insert(0, words)
        merged.append(child)
    parent[:] = merged


def _slim(root: ET.Element) -> None:
    """Leave out names that nothing refers to, empty space, and digits that nobody sees."""
    for defs in root.findall(f"{{{_SVG}}}defs"):  # a style for every element of the page
        for sheet in defs.findall(f"{{{_SVG}}}style"):
            defs.remove(sheet)
    whole = ET.tostring(root, encoding="unicode")
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', whole))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        for key in _NUMBERS:
            if key in element.attrib:
                value = _NUMBER.sub(_short, element.attrib[key])
                element.set(key, " ".join(value.split()))
        style = element.get("style")
        if style:
            element.set("style", _SPACE.sub(r"\1", _FAMILY.sub("", style)))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        if not (element.text or "").strip():
            element.text = None
        element.tail = None


def _head(root: ET.Element, figure: Figure) -> None:
    """Say what the whole is, and let it be as wide as its place."""
    title = str(figure.get_label()) or figure.get_suptitle() or "figure"
    told = str(figure.axes[0].get_label()) if figure.axes else ""
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib.update({"role": "img", "aria-label": title, "font-family": _FONT, "stroke-linejoin": "round"})
    for i, (tag, text) in enumerate((("title", title), ("desc", told))):
        element = ET.Element(f"{{{_SVG}}}{tag}")
        element.text = text
        root.insert(i, element)


def _short(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}".removesuffix(".0")


def _is_light(figure: Figure) -> bool:
    from matplotlib.colors import to_hex

    return to_hex(figure.get_facecolor()) == palette()["paper"].light


def _own(text: str, *, follow: bool) -> str:
    """Make the colours of a light figure into variables, and identifiers this figure's own."""
    names = {colour.light: colour.name for colour in palette().values()} if follow else {}
    text = _COLOUR.sub(
        lambda found: f"var(--selector-{names[found[0]]},{found[0]})" if found[0] in names else found[0], text
    )
    own = blake2b(text.encode(), digest_size=4).hexdigest()
    text = re.sub(r'(\bid=")', rf"\g<1>s{own}-", text)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>s{own}-", text)
