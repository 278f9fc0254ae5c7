"""Models, routes, providers and families, and what they cost.

`Catalog.of` resolves a configuration: variants take over what they do not say, routes override their model, and
prices that nobody wrote are looked up among the published ones. Money is whole nano-dollars inside; names that end
in ``_usd`` are floats for people. `figures` are what is published of how often models succeed at which kind of work,
`published_scores` what follows for the models and task types that one has.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from selector.catalog._catalog import Catalog, UnknownPriceWarning
from selector.catalog._entries import Family, Model, Prior, Provider, Route
from selector.catalog._money import NANO, nano, usd
from selector.catalog._prices import Prices, Rates

if TYPE_CHECKING:
    from selector.catalog._figures import Benchmark, Figure, Figures, Source, figures
    from selector.catalog._kinds import NO_KIND, configured_kinds, kind_of
    from selector.catalog._matching import Match, Register, match_model
    from selector.catalog._scores import PublishedScore, PublishedScores, published_scores

_FIGURES = {  # numpy is loaded where figures are asked for
    **dict.fromkeys(("Benchmark", "Figure", "Figures", "Source", "figures"), "_figures"),
    **dict.fromkeys(("NO_KIND", "configured_kinds", "kind_of"), "_kinds"),
    **dict.fromkeys(("Match", "Register", "match_model"), "_matching"),
    **dict.fromkeys(("PublishedScore", "PublishedScores", "published_scores"), "_scores"),
}

__all__ = [
    "NANO",
    "NO_KIND",
    "Benchmark",
    "Catalog",
    "Family",
    "Figure",
    "Figures",
    "Match",
    "Model",
    "Prices",
    "Prior",
    "Provider",
    "PublishedScore",
    "PublishedScores",
    "Rates",
    "Register",
    "Route",
    "Source",
    "UnknownPriceWarning",
    "configured_kinds",
    "figures",
    "kind_of",
    "match_model",
    "nano",
    "published_scores",
    "usd",
]


def __getattr__(name: str) -> object:
    if name not in _FIGURES:
        raise AttributeError(f"module 'selector.catalog' has no attribute {name!r}")
    found: object = getattr(import_module(f"selector.catalog.{_FIGURES[name]}"), name)
    globals()[name] = found
    return found
