"""The colours of every figure: a hue per model family, shades within it, and each for light and for dark paper."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal, NamedTuple

from selector.errors import DataError

__all__ = ["ALONE", "HEAT", "MARKS", "Colour", "Look", "family_of", "palette"]

Theme = Literal["light", "dark"]

WIDTHS = (320, 1600)  # pixels a figure may be wide
ALONE = "neutral"  # the colour of what belongs to no model
HEAT = 6  # steps of the scale of counts
MARKS = ("o", "s", "D", "^", "v", "p", "h", "P")  # a shape per hue: colour is never the only sign

_ROLES = {
    "ink": ("#1f2328", "#e6edf3"),
    "muted": ("#59636e", "#a3adb8"),
    "paper": ("#ffffff", "#0d1117"),
    "grid": ("#e6e9ed", "#262c36"),
    "edge": ("#c4cad1", "#4a525c"),
    "faint": ("#838c96", "#7d8590"),
    "alarm": ("#b3261e", "#ff8a80"),
    ALONE: ("#4f6475", "#93a9bb"),
}
# Hue in degrees and chroma of OKLCH, lightness on light and on dark paper: so that any two are told apart by people
# who do not see red and green apart too, and stand out from the paper (3 to 1)
_HUES = (
    (252, 0.130, 0.49, 0.62),  # blue
    (45, 0.150, 0.52, 0.60),  # vermilion
    (163, 0.100, 0.635, 0.88),  # green
    (350, 0.140, 0.47, 0.60),  # pink
    (85, 0.115, 0.63, 0.73),  # ochre
    (300, 0.150, 0.635, 0.77),  # violet
    (205, 0.085, 0.56, 0.81),  # cyan
    (60, 0.030, 0.40, 0.68),  # brown grey
)
_SHADES = (0.0, 0.085, 0.155, 0.04, 0.12)  # towards the middle of what can be seen on the paper
_HEAT = {"light": (0.965, 0.91, 0.82, 0.71, 0.55, 0.42), "dark": (0.25, 0.32, 0.41, 0.52, 0.68, 0.82)}
_HEAT_HUE, _HEAT_CHROMA = 245, (0.012, 0.035, 0.07, 0.10, 0.12, 0.10)
_MAKERS = {  # how a model's name begins, whose it is, the hue it would have
    r"claude|opus|sonnet|haiku|fable": ("anthropic", 1),
    r"gpt|chatgpt|codex|o[1345](?!\d)": ("openai", 2),
    r"gemini|gemma|palm": ("google", 0),
    r"deepseek": ("deepseek", 5),
    r"qwen|qwq": ("alibaba", 3),
    r"mi[sx]tral|codestral|magistral|devstral|ministral": ("mistral", 4),
    r"llama": ("meta", 6),
    r"grok": ("xai", 7),
    r"kimi": ("moonshotai", 6),
    r"glm": ("zhipu", 4),
    r"minimax": ("minimax", 7),
    r"phi": ("microsoft", 6),
    r"command|aya": ("cohere", 3),
    r"nemotron": ("nvidia", 2),
}
_PREFERRED = {maker: hue for maker, hue in _MAKERS.values()}  # noqa: C416 - the pairs are values

_RANK = {maker: rank for rank, (maker, _) in enumerate(_MAKERS.values())}


class Colour(NamedTuple):
    """A colour on light and on dark paper, and its name in a stylesheet."""

    name: str
    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Look:
    """How a figure is to look: on which paper, how wide, and which models there are to tell apart by colour.

    Give every figure of a page the same one: then a model has the same colour in all of them, whichever of the
    models a figure shows. A family's hue depends on the families alone; a maker that is known by its models' names
    keeps its hue as long as no other one of the page has it first.

    Attributes
    ----------
    theme
        ``light`` or ``dark``; `svg` makes one picture for both from a light one.
    width
        In pixels, 320 to 1600. Text is as large at any width, so that a narrow page takes a narrow figure.
    families
        The family of each model, such as `Facts.families`; a model that is missing gets one by its name.

    Raises
    ------
    DataError
        The theme or the width is none of these.

    Examples
    --------
    >>> look = Look(families={"claude-opus-4-8": "anthropic", "gpt-5.5": "openai"})
    >>> look.of("gpt-5.5") == Look(theme="light", width=400).of("gpt-5.5")
    True
    >>> look.of("gpt-5.5") == Look(theme="dark").of("gpt-5.5")
    False
    """

    theme: Theme = "light"
    width: int = 760
    families: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.theme not in ("light", "dark"):
            raise DataError(f"theme must be 'light' or 'dark', not {self.theme!r}")
        if not WIDTHS[0] <= self.width <= WIDTHS[1]:
            raise DataError(f"width must be {WIDTHS[0]} to {WIDTHS[1]} pixels, not {self.width!r}")

    def with_models(self, models: Iterable[str]) -> Look:
        """Return the look with families by name for the models that have none."""
        more = {model: family_of(model) for model in models if model not in self.families}
        return replace(self, families={**self.families, **more}) if more else self

    def of(self, name: str) -> str:
        """Return the colour of a role, such as ``ink``, or of a model, as ``#rrggbb``."""
        found = palette().get(name) or self._of_model(name)
        return found.light if self.theme == "light" else found.dark

    def mark(self, model: str) -> str:
        """Return the shape of a model's marks: one per hue."""
        return MARKS[_assigned(self._key(model))[model][0]]

    def others(self, n: int) -> list[str]:
        """Return colours for what is no model: ink, hues that no family has, greys; from the first again after that."""
        assigned = _assigned(tuple(self.families.items()))
        used = {assigned[model][0] for model in self.families}
        free = [f"hue-{hue}-0" for hue in range(len(_HUES)) if hue not in used]
        every = ["ink", *free, ALONE, "faint"]
        return [every[i % len(every)] for i in range(n)]

    def _of_model(self, model: str) -> Colour:
        hue, shade = _assigned(self._key(model))[model]
        return palette()[f"hue-{hue}-{shade}"]

    def _key(self, model: str) -> tuple[tuple[str, str], ...]:
        return tuple(self.with_models([model]).families.items())


def family_of(model: str, family: str | None = None) -> str:
    """Return whose a model is: by the start of its name, else the family it is said to be of, else its first word.

    Examples
    --------
    >>> family_of("claude-sonnet-4-6"), family_of("openrouter/qwen3.6-plus"), family_of("acme-large")
    ('anthropic', 'alibaba', 'acme')
    """
    path = model.lower().split("/")
    for beginning, (maker, _) in _MAKERS.items():
        if re.match(beginning, path[-1]):
            return maker
    if family:
        return family.lower()
    return path[-2] if len(path) > 1 else re.split(r"[-_:.@\s\d]", path[-1])[0] or path[-1]


@cache
def _assigned(families: tuple[tuple[str, str], ...]) -> dict[str, tuple[int, int]]:
    """Return hue and shade of each model: hues by family, the wanted one where it is free; shades by name."""
    members: dict[str, list[str]] = {}
    for model, family in families:
        members.setdefault(family_of(model, family), []).append(model)
    hues = _hues(sorted(members, key=lambda name: (_RANK.get(name, len(_RANK)), name)))
    order = {hue: [f for f in sorted(members) if hues[f] == hue] for hue in hues.values()}
    return {
        model: (hue, i % len(_SHADES))
        for hue, names in order.items()
        for i, model in enumerate(model for name in names for model in sorted(members[name]))
    }


def _hues(families: Sequence[str]) -> dict[str, int]:
    """Return a hue per family, known makers first: the wanted one where it is free, then those that are left."""
    found: dict[str, int] = {}
    for family in families:
        if _PREFERRED.get(family, -1) not in (-1, *found.values()):
            found[family] = _PREFERRED[family]
    for family in families:
        used = list(found.values())
        found.setdefault(family, min(range(len(_HUES)), key=lambda hue: (used.count(hue), hue)))
    return found


@cache
def palette() -> Mapping[str, Colour]:
    """Return every colour by its name, no two of them the same on light paper: that is how `svg` knows them."""
    pairs = dict(_ROLES)
    for hue, (angle, chroma, base, top) in enumerate(_HUES):
        for shade, step in enumerate(_SHADES):
            on_light, on_dark = (base + math.copysign(step, 0.51 - base), top + math.copysign(step, 0.74 - top))
            pairs[f"hue-{hue}-{shade}"] = (_hex(on_light, chroma, angle), _hex(on_dark, 0.9 * chroma, angle))
    for step, chroma in enumerate(_HEAT_CHROMA):
        pairs[f"heat-{step}"] = (
            _hex(_HEAT["light"][step], chroma, _HEAT_HUE),
            _hex(_HEAT["dark"][step], chroma, _HEAT_HUE),
        )
        pairs[f"on-heat-{step}"] = ("#1f2328" if step < 4 else "#ffffff", "#e6edf3" if step < 4 else "#0d1117")
    found: dict[str, Colour] = {}
    taken: set[str] = set()
    for name, (light, dark) in pairs.items():
        own = next(near for near in _near(light) if near not in taken)
        taken.add(own)
        found[name] = Colour(name, own, dark)
    return found


def _near(colour: str) -> Iterator[str]:
    """Yield a colour, then others that no eye tells from it."""
    red = int(colour[1:3], 16)
    for step in range(16):
        yield f"#{red + step if red < 128 else red - step:02x}{colour[3:]}"


def _hex(lightness: float, chroma: float, angle: float) -> str:
    """Return a colour of OKLCH as ``#rrggbb``, what a screen cannot show cut off."""
    a, b = chroma * math.cos(math.radians(angle)), chroma * math.sin(math.radians(angle))
    cone = (
        (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3,
        (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3,
        (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3,
    )
    rows = (
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    )
    linear = [min(max(sum(w * c for w, c in zip(row, cone, strict=True)), 0.0), 1.0) for row in rows]
    channels = [12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in linear]
    return "#" + "".join(f"{round(255 * value):02x}" for value in channels)
