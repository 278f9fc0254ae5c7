"""Whether another model is worth a prompt cache."""

from __future__ import annotations

__all__ = ["saves"]


def saves(*, per_turn_usd: float, n_turns: int, cached_tokens: int, input_usd: float, cache_read_usd: float) -> bool:
    """Tell whether going elsewhere saves more than the prompt cache that is left behind is worth.

    What is lost is what reading the cached tokens as plain input costs over reading them from the cache, once, at the
    prices of who has them now. Where no discount is known, all of their price as input counts as lost; and where
    nothing is cached that is known of, nothing is known at all, and the model stays.

    Parameters
    ----------
    per_turn_usd
        By how much a turn is expected to be cheaper elsewhere.
    n_turns
        How many turns that is expected to last, >= 1.
    cached_tokens
        How long the conversation is that its model has read so far.
    input_usd, cache_read_usd
        Per million tokens of plain input, and of input read from the cache.

    Returns
    -------
    bool
        Whether to decide again.

    Examples
    --------
    >>> dear = {"input_usd": 3, "cache_read_usd": 0.3}
    >>> saves(per_turn_usd=0.02, n_turns=1, cached_tokens=10_000, **dear)    # 0.02 against 0.027
    False
    >>> saves(per_turn_usd=0.02, n_turns=2, cached_tokens=10_000, **dear)
    True
    >>> saves(per_turn_usd=0.02, n_turns=2, cached_tokens=0, **dear)
    False
    """
    if cached_tokens <= 0:
        return False
    discount = input_usd - cache_read_usd
    lost = cached_tokens * (discount if discount > 0 else input_usd) / 1_000_000
    return per_turn_usd * n_turns > lost
