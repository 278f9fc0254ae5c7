"""As what the models of known command lines are sold at their makers' APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.config._commands import command_presets
from selector.config._known import MODELS, VENDORS
from selector.config._providers import ProviderConfig

if TYPE_CHECKING:
    from typing import Final

_MAKERS: Final = {vendor.name: vendor for vendor in VENDORS}


def sold_as(preset: str | None, model_id: str) -> tuple[str, ProviderConfig] | None:
    """Find what a model behind a known command line is called at its maker's API.

    A subscription has no price per call; what the same call costs at the API is what it counts, so that models can
    be compared.

    Parameters
    ----------
    preset
        The command line's; None: it is not known.
    model_id
        What it calls the model.

    Returns
    -------
    tuple of str and ProviderConfig, or None
        The model's name there, and who sells it; None: nobody knows.

    Examples
    --------
    >>> model, maker = sold_as("claude-code", "haiku")
    >>> model.startswith("claude-haiku"), maker.kind
    (True, 'anthropic')
    >>> sold_as("ollama", "llama3.3") is None
    True
    """
    known = command_presets().get(preset or "")
    names = () if known is None else tuple(model.name for model in known.models if model.id == model_id)
    for model in MODELS:
        if model.name in names:
            maker = _MAKERS[model.offers[0].vendor]
            return model.offers[0].id, ProviderConfig(kind=maker.kind, base_url=maker.base_url)
    return None
