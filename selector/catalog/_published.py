"""Published prices, from the genai-prices package; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from selector.catalog._layers import Sheet, Tiers, running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selector.config import ProviderConfig

_KEYS = {
    "input_mtok": "usd_per_mtok_in",
    "output_mtok": "usd_per_mtok_out",
    "cache_read_mtok": "usd_per_mtok_cache_read",
    "cache_write_mtok": "usd_per_mtok_cache_write",
    "output_reasoning_mtok": "usd_per_mtok_reasoning",
    "requests_kcount": "usd_per_call",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What is published of a model at a provider.

    Examples
    --------
    >>> Published(sheets=(), context_tokens=200_000).context_tokens
    200000
    """

    sheets: tuple[Sheet, ...]
    """Its prices, oldest first; the last that holds counts."""
    context_tokens: int | None
    """The longest input, or None where nobody says."""


def published(model_id: str, provider: ProviderConfig | None) -> Published | None:
    """Look a model up.

    The provider is known by its address, else by its kind; without a provider, and behind a command line, the model's
    name alone must say whose it is: what a subscription costs nobody publishes, so its calls count as much as the same
    calls at the maker's API. An address that nobody publishes prices for, such as one's own machine, has none.

    Parameters
    ----------
    model_id
        What the provider calls the model.
    provider
        Who serves it, or None.

    Returns
    -------
    Published | None
        None if it is not known.

    Examples
    --------
    >>> from selector.config import ProviderConfig
    >>> found = published("claude-haiku-4-5", ProviderConfig(kind="anthropic"))
    >>> found.sheets[0].keys["usd_per_mtok_in"], found.sheets[0].keys["usd_per_mtok_out"]
    (1.0, 5.0)
    >>> published("llama3.3", ProviderConfig(kind="openai", base_url="http://localhost:11434/v1")) is None
    True
    """
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    for place in _whereabouts(provider):
        try:
            _, model = snapshot.find_provider_model(
                model_id, None, place.get("provider_id"), place.get("provider_api_url")
            )
        except LookupError:
            continue
        sheets = _sheets(model)
        return Published(sheets=sheets, context_tokens=model.context_window or None)
    return None


def _whereabouts(provider: ProviderConfig | None) -> tuple[Mapping[str, str], ...]:
    if provider is None or provider.kind == "command":
        return ({},)
    if provider.base_url is None:
        return ({"provider_id": provider.kind.removesuffix("-responses")},)
    address = {"provider_api_url": provider.base_url}
    # Claude behind somebody's gateway is most likely sold at Anthropic's prices; OpenAI's API is spoken by everyone.
    return (address, {"provider_id": "anthropic"}) if provider.kind == "anthropic" else (address,)


def _sheets(model: Any) -> tuple[Sheet, ...]:  # noqa: ANN401  # genai-prices is loaded lazily
    entries = model.prices if isinstance(model.prices, list) else [model]
    sheets = []
    for entry in entries:
        constraint = getattr(entry, "constraint", None)
        begin, end = getattr(constraint, "start_time", None), getattr(constraint, "end_time", None)
        keys, tiers = _prices(entry.prices)
        if not keys and model.id.endswith(":free"):
            keys = {"usd_per_mtok_in": 0.0, "usd_per_mtok_out": 0.0}
        sheets.append(
            Sheet(
                keys=keys,
                tiers=tiers,
                start=getattr(constraint, "start_date", None),
                hours=(_in_utc(begin), _in_utc(end)) if begin is not None and end is not None else None,
            )
        )
    return tuple(sheets)


def _in_utc(hour: time) -> time:
    if hour.tzinfo is None:
        return hour
    return datetime.combine(date(1970, 1, 1), hour).astimezone(UTC).time()


def _prices(entry: Any) -> tuple[dict[str, float], Tiers]:  # noqa: ANN401  # likewise
    keys: dict[str, float] = {}
    tiers: dict[int, dict[str, float]] = {}
    for theirs, ours in _KEYS.items():
        price = getattr(entry, theirs, None)
        if price is None:
            continue
        share = 1_000 if theirs == "requests_kcount" else 1
        keys[ours] = float(getattr(price, "base", price)) / share
        for tier in getattr(price, "tiers", ()):
            tiers.setdefault(tier.start, {})[ours] = float(tier.price) / share
    return keys, running(tiers)
