"""Models, routes, providers and families, and what they cost.

`Catalog.of` resolves a configuration: variants take over what they do not say, routes override their model, and
prices that nobody wrote are looked up among the published ones. Money is whole nano-dollars inside; names that end
in ``_usd`` are floats for people.
"""

from selector.catalog._catalog import Catalog, UnknownPriceWarning
from selector.catalog._entries import Family, Model, Prior, Provider, Route
from selector.catalog._money import NANO, nano, usd
from selector.catalog._prices import Prices, Rates

__all__ = [
    "NANO",
    "Catalog",
    "Family",
    "Model",
    "Prices",
    "Prior",
    "Provider",
    "Rates",
    "Route",
    "UnknownPriceWarning",
    "nano",
    "usd",
]
