"""A chain in the order of what was learnt: the most success per dollar first, where enough is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selector._clients.choice._offer import Offer, Terms
    from selector.catalog import Route

__all__ = ["ENOUGH", "Link", "in_order", "links", "words_of"]

ENOUGH: Final = 8.0
"""Judged outcomes on a task type from which on a belief moves a chain: as many as before drift is listened to."""


class Link(NamedTuple):
    """A member of a chain, and what is known of it on a task type."""

    route: Route
    n: float
    """Judged outcomes that still count."""
    success: float
    cost_usd: float | None
    """What a call is expected to cost; None: not known."""

    @property
    def worth(self) -> float | None:
        """Expected successes per dollar; None: too little is known, and it stays where it was written."""
        if self.n < ENOUGH or self.cost_usd is None:
            return None
        return self.success / self.cost_usd if self.cost_usd > 0 else math.inf


def links(routes: Sequence[Route], offer: Offer, terms: Terms | None = None) -> list[Link]:
    """Look up what is known of the members of a chain.

    Parameters
    ----------
    routes
        The chain as configured.
    offer
        What was published of the task type.
    terms
        What one task asked: its length says what calls cost; None: a task of usual length.
    """
    board, places = offer.board, {name: k for k, name in enumerate(offer.models)}
    found = []
    for route in routes:
        k = places[route.model]
        strength = float(board.alpha[k] + board.beta[k])
        counts = max(0.0, strength - float(board.prior_strength[k]))  # aged, and less after an alarm
        found.append(
            Link(route, min(float(board.n[k]), counts), float(board.alpha[k]) / strength, _usd(k, offer, terms))
        )
    return found


def _usd(k: int, offer: Offer, terms: Terms | None) -> float | None:
    if not offer.tariff.known[k]:
        return None
    if terms is not None and terms.cost is not None:
        return float(terms.cost.usd[k])
    return float(offer.expected_usd(k, None if terms is None else terms.input_tokens))


def in_order(chain: Sequence[Link]) -> tuple[Route, ...]:
    """Put those first that are expected to succeed most per dollar.

    Trying one after the other until one succeeds is cheapest in this order. Who is little known keeps the place at
    which it was written, and the others change places among themselves; equals keep their order. Of what costs
    nothing, the better goes first.

    Parameters
    ----------
    chain
        The members as configured.

    Returns
    -------
    tuple
        All of them, each once.
    """
    known = [place for place, link in enumerate(chain) if link.worth is not None]
    ranked = sorted(known, key=lambda place: _rank(chain[place]))
    found = [link.route for link in chain]
    for place, taken in zip(known, ranked, strict=True):
        found[place] = chain[taken].route
    return tuple(found)


def _rank(link: Link) -> tuple[float, float]:
    assert link.worth is not None  # noqa: S101 - only such are ranked
    return -link.worth, -link.success if math.isinf(link.worth) else 0.0


def words_of(chain: Sequence[Link]) -> str:
    """Say why a chain stands as it does.

    Parameters
    ----------
    chain
        The members as configured.
    """
    by_route = {link.route.name: link for link in chain}
    return "chain in learnt order: " + ", ".join(_told(by_route[route.name]) for route in in_order(chain))


def _told(link: Link) -> str:
    if link.n < ENOUGH:
        return f"{link.route.name} (where it was written: {link.n:.3g} outcomes of {ENOUGH:.0f})"
    if link.cost_usd is None:
        return f"{link.route.name} (where it was written: its price is not known)"
    if not link.cost_usd:
        return f"{link.route.name} (success {link.success:.2f}, free)"
    return f"{link.route.name} (success {link.success:.2f} at {link.cost_usd:.3g} USD: {link.worth:,.3g} per USD)"
