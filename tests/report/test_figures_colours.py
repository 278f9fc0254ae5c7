"""A model has one colour in every figure, and colours are told apart by everybody on both papers."""

from itertools import combinations, permutations

import numpy as np
import pytest

from selector.errors import DataError
from selector.report.figures import Look, family_of
from selector.report.figures._colours import palette

MACHADO = {  # how a screen looks to people who do not see green, or red: linear light in, linear light out
    "all": np.eye(3),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
TO_CONES = np.array([[0.41222, 0.53633, 0.05145], [0.2119, 0.6807, 0.1074], [0.0883, 0.28172, 0.62998]])
TO_LAB = np.array([[0.21045, 0.79362, -0.00407], [1.978, -2.42859, 0.45059], [0.0259, 0.78277, -0.80868]])


def linear(colour):
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_stand_out_from_the_paper_and_words_are_read_on_it(theme):
    """Marks need a contrast of 3 and words one of 4.5, of the guidelines for accessible pages."""
    colours = {name: getattr(colour, theme) for name, colour in palette().items()}
    for name, colour in colours.items():
        if name.startswith("hue-") or name in {"faint", "neutral"}:
            assert contrast(colour, colours["paper"]) >= 3, name
        if name in {"ink", "muted", "alarm"}:
            assert contrast(colour, colours["paper"]) >= 4.5, name
        if name.startswith("on-heat-"):
            assert contrast(colour, colours[name.removeprefix("on-")]) >= 4.5, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eyes", MACHADO)
def test_hues_of_families_are_told_apart_by_everybody(theme, eyes):
    """The distance is that of OKLab, where 0.02 is just seen: the nearest two are four times as far."""
    seen = [
        TO_LAB @ np.cbrt(TO_CONES @ np.clip(MACHADO[eyes] @ linear(getattr(palette()[f"hue-{i}-0"], theme)), 0, 1))
        for i in range(8)
    ]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 0.08 - 0.004


def test_no_two_colours_of_the_light_palette_are_the_same():
    assert len({colour.light for colour in palette().values()}) == len(palette())


def test_a_model_has_its_colour_whatever_the_order_of_models_is():
    names = ("claude-opus-4-8", "gpt-5.5", "acme-large", "kimi-k2.6")
    looks = [Look(families={name: family_of(name) for name in order}) for order in permutations(names)]
    for name in names:
        assert len({look.of(name) for look in looks}) == 1


def test_models_of_a_family_have_shades_of_one_hue_and_one_mark():
    look = Look().with_models(["claude-opus-4-8", "claude-haiku-4-5", "gpt-5.5", "gemini-3.1-pro"])
    assert look.of("claude-opus-4-8") != look.of("claude-haiku-4-5")
    assert look.mark("claude-opus-4-8") == look.mark("claude-haiku-4-5")
    assert len({look.mark(name) for name in ("claude-opus-4-8", "gpt-5.5", "gemini-3.1-pro")}) == 3


def test_eight_families_have_eight_hues():
    names = [f"maker{chr(97 + i)}-large" for i in range(8)]
    look = Look().with_models(names)
    assert len({look.of(name) for name in names}) == 8


def test_the_maker_is_known_by_the_name_of_the_model():
    assert family_of("gpt-5.5", "my-gateway") == "openai"
    assert family_of("acme-large", "Acme Inc") == "acme inc"
    assert family_of("openrouter/x-ai/grok-5") == "xai"
    assert family_of("somebody/else-1") == "somebody"
    assert family_of("o3-mini") == "openai"
    assert family_of("o30b-thing") == "o"


def test_a_theme_or_width_that_is_none_is_refused():
    with pytest.raises(DataError, match="theme must be 'light' or 'dark', not 'sepia'"):
        Look(theme="sepia")
    with pytest.raises(DataError, match="width must be 320 to 1600 pixels, not 100"):
        Look(width=100)
