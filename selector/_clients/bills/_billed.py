"""What was billed against what the list says: the ratio with its interval, and which prices would explain it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEYS", "Calls", "Cause", "Ratio", "causes_of", "ratio_of"]

KEYS = (
    "usd_per_mtok_in",
    "usd_per_mtok_cache_read",
    "usd_per_mtok_cache_write",
    "usd_per_mtok_out",
    "usd_per_mtok_reasoning",
    "usd_per_call",
)
"""The prices of a call, in the order of the columns of `Calls`."""

_IN, _READ, _WRITE, _OUT, _THOUGHT, _CALL = range(6)
_CHANGE = -1
_WORDS = ("input", "cache reads", "cache writes", "output", "reasoning", "calls")
_AS = ((_READ, _IN), (_WRITE, _IN), (_THOUGHT, _OUT))
_FREE = (_READ, _WRITE, _THOUGHT)
_MTOK = 1_000_000
_ROUNDING = 0.002  # bills are rounded: what differs by less, relative to the list, is the same
_CLOSE = 6.0  # of two explanations whose criterion differs by less, neither is believed more
_FEWEST_APART = 5  # calls on each side of a change of prices

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one route that were billed, in dollars.

    Examples
    --------
    >>> tokens = np.array([[1_000, 0, 0, 100, 0, 1]])
    >>> rates = np.array([[3e-6, 3e-7, 3e-6, 15e-6, 15e-6, 0]])
    >>> Calls(np.array([0.0]), np.array([0.0045]), tokens, rates).listed.round(6).tolist()
    [0.0045]
    """

    at_s: Floats
    """When each was made, in seconds since 1970."""
    billed: Floats
    """What the provider said it cost."""
    tokens: Floats
    """Tokens by class, and 1 for the call itself, shape (n, 6)."""
    rates: Floats
    """What one of each costs by the list, shape (n, 6)."""

    @property
    def parts(self) -> Floats:
        """What each class costs by the list, shape (n, 6)."""
        return self.tokens * self.rates

    @property
    def listed(self) -> Floats:
        """What each call costs by the list."""
        total: Floats = self.parts.sum(axis=1)
        return total


class Ratio(NamedTuple):
    """What was billed over what the list says, summed over calls, with the interval that holds it with 95 %."""

    n: int
    billed_usd: float
    list_usd: float
    value: float | None
    """None: the list says that it is free."""
    low: float | None
    high: float | None

    def is_off(self, tolerance: float) -> bool:
        """Tell whether all of the interval is further from 1 than a tolerance; of what is free, whether it is billed.

        Examples
        --------
        >>> ratio_of(np.full(20, 1.2), np.ones(20)).is_off(0.05)
        True
        """
        if self.value is None:
            return self.billed_usd > 0
        return (
            self.low is not None and self.high is not None and (self.low > 1 + tolerance or self.high < 1 - tolerance)
        )

    def is_right(self, tolerance: float) -> bool:
        """Tell whether all of the interval is within a tolerance of 1.

        Examples
        --------
        >>> ratio_of(np.full(20, 1.02), np.ones(20)).is_right(0.05)
        True
        """
        if self.value is None:
            return self.billed_usd == 0
        return (
            self.low is not None and self.high is not None and self.low >= 1 - tolerance and self.high <= 1 + tolerance
        )


def ratio_of(billed: Floats, listed: Floats) -> Ratio:
    """Compare sums over calls.

    The interval is the normal approximation for a ratio of sums, with Student's quantile: calls are taken to be
    independent, so bills that all have the same error, such as a currency's, are not seen in it.

    Parameters
    ----------
    billed, listed
        Dollars of each call.

    Returns
    -------
    Ratio
        Without an interval where there are fewer than two calls.

    Examples
    --------
    >>> found = ratio_of(np.array([2.0, 4.1, 5.9]), np.array([1.0, 2.0, 3.0]))
    >>> round(found.value, 3), round(found.low, 2), round(found.high, 2)
    (2.0, 1.88, 2.12)
    """
    n, above, below = len(billed), float(billed.sum()), float(listed.sum())
    if not below:
        return Ratio(n, above, below, None, None, None)
    value = above / below
    if n < 2:
        return Ratio(n, above, below, value, None, None)
    from scipy.special import stdtrit

    spread = math.sqrt(n / (n - 1) * float(((billed - value * listed) ** 2).sum())) / below
    half = float(stdtrit(n - 1, 0.975)) * spread
    return Ratio(n, above, below, value, value - half, value + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One explanation of bills that are not what the list says.

    Examples
    --------
    >>> Cause(name="all", keys=("usd_per_mtok_in",), explained=0.99, said="every price is twice the list's").usd
    {}
    """

    name: str
    """From a closed list: ``all``, ``price``, ``KEY_as_KEY``, ``KEY_not_billed``, ``cache_read_in_input``, ``several``,
    ``since``, ``until``."""
    keys: tuple[str, ...]
    """Which prices of the configuration it is about."""
    explained: float
    """Which share of the squared differences between bills and list it explains, 0 to 1."""
    said: str
    """The same in words."""
    usd: dict[str, float] = field(default_factory=dict)
    """What these prices would have to be now, as the configuration writes them."""
    changed_at_s: float | None = None
    """When the prices changed, in seconds since 1970; None: they did not."""


class _Guess(NamedTuple):
    """An explanation that is tried."""

    name: str
    columns: tuple[int, ...]
    n_free: int
    """How many numbers were fitted."""
    predicted: Floats
    said: str
    rates: dict[int, float]
    changed_at_s: float | None = None


def causes_of(calls: Calls, tolerance: float) -> tuple[Cause, ...]:
    """Find the prices that would explain what was billed, by least squares on the tokens of each class.

    Each call counts by the inverse of its list price, for the errors of dear calls are larger. Explanations that fit
    more numbers must explain more (Schwarz's criterion); one that leaves more than a tolerance of the bill unexplained,
    or that freeing every price at once would beat, is none.

    Parameters
    ----------
    calls
        Of one route.
    tolerance
        How far the bill may be from what is explained, relative to it.

    Returns
    -------
    tuple of Cause
        The best first, then those that explain as much by other prices: which of them is true cannot be told from these
        calls. Empty: nothing that was tried explains it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tokens = np.column_stack([rng.integers(1, 9_999, (60, 5)), np.ones(60)]).astype(float)
    >>> rates = np.tile([3e-6, 3e-7, 3.75e-6, 15e-6, 15e-6, 0], (60, 1))
    >>> as_input = rates[:, [0, 0, 2, 3, 4, 5]]
    >>> [c.said for c in causes_of(Calls(np.arange(60.0), (tokens * as_input).sum(1), tokens, rates), 0.05)]
    ['cache reads are billed as input']
    """
    order = np.argsort(calls.at_s, kind="stable")
    calls = Calls(calls.at_s[order], calls.billed[order], calls.tokens[order], calls.rates[order])
    weights = _weights(calls)
    several, is_told = _several(calls, weights)
    guesses = [*_plain(calls), *_fitted(calls, weights), *_changed(calls, weights), *([several] if is_told else [])]
    wrong = _error(calls, weights, calls.listed)
    if not wrong:
        return ()

    def criterion(guess: _Guess) -> float:
        n, rounding = len(calls.billed), float((weights * (_ROUNDING * calls.listed) ** 2).sum())
        left = _error(calls, weights, guess.predicted) + rounding
        return n * math.log(max(left, 1e-300) / n) + guess.n_free * math.log(n)

    worst = criterion(several) + _CLOSE / 3
    marks = [
        (mark, guess)
        for guess in guesses
        if (mark := criterion(guess)) <= worst and _is_explained(calls, weights, guess, tolerance)
    ]
    marks.sort(key=lambda each: each[0])
    found: dict[tuple[int, ...], Cause] = {}
    for mark, guess in marks:
        is_first = guess is marks[0][1]
        if is_first or (mark <= marks[0][0] + _CLOSE and guess.columns not in found and guess is not several):
            explained = 1 - _error(calls, weights, guess.predicted) / wrong
            found[guess.columns] = _cause(guess, calls, explained)
    return tuple(found.values())


def _weights(calls: Calls) -> Floats:
    listed = calls.listed
    least = 0.01 * float((listed + calls.billed).mean())
    weights: Floats = 1 / np.maximum(listed, least or 1.0)
    return weights


def _error(calls: Calls, weights: Floats, predicted: Floats) -> float:
    return float((weights * (calls.billed - predicted) ** 2).sum())


def _is_explained(calls: Calls, weights: Floats, guess: _Guess, tolerance: float) -> bool:
    """Tell whether a guess is closer to the bills than the list by half, and right in sum."""
    before, after = (_error(calls, weights, each) for each in (calls.listed, guess.predicted))
    billed, predicted = float(calls.billed.sum()), float(guess.predicted.sum())
    return after <= before / 2 and abs(billed - predicted) <= tolerance * max(billed, predicted)


def _plain(calls: Calls) -> Iterator[_Guess]:
    """Try what fits no number: a class billed as another, or not at all."""
    listed, tokens, rates, parts = calls.listed, calls.tokens, calls.rates, calls.parts
    for own, other in _AS:
        if tokens[:, own].any():
            predicted = listed + tokens[:, own] * (rates[:, other] - rates[:, own])
            said = (
                f"{_WORDS[own]} are billed as {_WORDS[other]}" if own != _THOUGHT else "reasoning is billed as output"
            )
            yield _Guess(
                f"{_short(own)}_as_{_short(other)}", (own,), 0, predicted, said, {own: float(rates[-1, other])}
            )
    if tokens[:, _READ].any() and tokens[:, _WRITE].any():
        more = tokens[:, [_READ, _WRITE]] * (rates[:, [_IN]] - rates[:, [_READ, _WRITE]])
        dear = float(rates[-1, _IN])
        said = "cache reads and writes are billed as input"
        yield _Guess("cache_as_input", (_READ, _WRITE), 0, listed + more.sum(axis=1), said, {_READ: dear, _WRITE: dear})
    for own in _FREE:
        if parts[:, own].any():
            said = f"{_WORDS[own]} {'is' if own == _THOUGHT else 'are'} not billed"
            said += ", or counted in the output already" if own == _THOUGHT else ""
            yield _Guess(f"{_short(own)}_not_billed", (own,), 0, listed - parts[:, own], said, {own: 0.0})
    if tokens[:, _READ].any():
        predicted = listed - tokens[:, _READ] * rates[:, _IN]
        said = "cache reads are counted in the input tokens too: report input without what was read from the cache"
        yield _Guess("cache_read_in_input", (_IN, _READ), 0, predicted, said, {})


def _fitted(calls: Calls, weights: Floats) -> Iterator[_Guess]:
    """Try what fits one number: every price times a factor, or one price."""
    billed, listed, parts = calls.billed, calls.listed, calls.parts
    if listed.any():
        used = tuple(c for c in range(6) if parts[:, c].any())
        factor = float((weights * listed * billed).sum() / (weights * listed**2).sum())
        said = f"every price is {factor:.3g} times the list's" if factor > _ROUNDING else "nothing is billed"
        rates = {c: factor * float(calls.rates[-1, c]) for c in used}
        yield _Guess("all", used, 1, factor * listed, said, rates)
    for own in range(6):
        column, unit = _column(calls, own)
        if not column.any():
            continue
        rest = listed - parts[:, own]
        factor = max(0.0, float((weights * column * (billed - rest)).sum() / (weights * column**2).sum()))
        said = f"{KEYS[own]} is {factor * unit * _per(own):.4g}, and {calls.rates[-1, own] * _per(own):.4g} in the list"
        yield _Guess("price", (own,), 1, rest + factor * column, said, {own: factor * unit})


def _column(calls: Calls, own: int) -> tuple[Floats, float]:
    """Return what is multiplied to fit a price, and the price that a factor of 1 stands for."""
    part = calls.parts[:, own]
    return (part, float(calls.rates[-1, own])) if part.any() else (calls.tokens[:, own], 1.0)


def _several(calls: Calls, weights: Floats) -> tuple[_Guess, bool]:
    """Fit every price at once; tell whether each of them can be told from these calls, and makes sense."""
    used = tuple(own for own in range(6) if calls.tokens[:, own].any() and (own != _CALL or calls.rates[:, own].any()))
    columns = [_column(calls, own) for own in used]
    design = np.column_stack([column for column, _ in columns])
    root = np.sqrt(weights)
    sizes = np.sqrt(((design * root[:, None]) ** 2).sum(axis=0))
    scaled, _, rank, _ = np.linalg.lstsq(design * root[:, None] / sizes, calls.billed * root, rcond=1e-6)
    factors = scaled / sizes
    rates = {own: float(k) * unit for own, k, (_, unit) in zip(used, factors, columns, strict=True)}
    said = ", ".join(f"{KEYS[own]} is {rate * _per(own):.4g}" for own, rate in rates.items())
    is_told = bool(rank == len(used) and min(rates.values()) >= 0 and len(used) > 1)
    return _Guess("several", used, int(rank), design @ factors, f"several prices differ: {said}", rates), is_told


def _changed(calls: Calls, weights: Floats) -> Iterator[_Guess]:
    """Try a change of all prices at some time, before or after which the list is right."""
    n, listed = len(calls.billed), calls.listed
    places = np.arange(_FEWEST_APART, n - _FEWEST_APART + 1)
    places = places[calls.at_s[places] > calls.at_s[places - 1]] if len(places) else places
    if not len(places) or not listed.any():
        return
    used = tuple(own for own in range(6) if calls.parts[:, own].any())
    for name in ("since", "until"):
        begin, factor = _split(calls, weights, places, after=name == "since")
        side = (np.arange(n) >= begin) == (name == "since")
        moment = float(calls.at_s[begin])
        day = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
        said = f"as listed until {day}, {factor:.3g} times the list since"
        if name == "until":
            said = f"{factor:.3g} times the list until {day}, as listed since"
        rates = {own: factor * float(calls.rates[-1, own]) for own in used} if name == "since" else {}
        predicted = np.where(side, factor * listed, listed)
        yield _Guess(name, (*used, _CHANGE), 3, predicted, f"the prices changed: {said}", rates, moment)


def _split(calls: Calls, weights: Floats, places: NDArray[np.intp], *, after: bool) -> tuple[int, float]:
    """Find where to part the calls, and by which factor one side of them differs from the list."""
    billed, listed = calls.billed, calls.listed
    sums = np.zeros((len(billed) + 1, 4))
    terms = np.column_stack([(billed - listed) ** 2, billed**2, billed * listed, listed**2])
    np.cumsum(weights[:, None] * terms, axis=0, out=sums[1:])
    left, right = sums[places], sums[-1] - sums[places]
    inside, outside = (right, left) if after else (left, right)
    size = np.maximum(inside[:, 3], 1e-300)
    place = int(np.argmin(outside[:, 0] + inside[:, 1] - inside[:, 2] ** 2 / size))
    return int(places[place]), float(inside[place, 2] / size[place])


def _cause(guess: _Guess, calls: Calls, explained: float) -> Cause:
    columns = [own for own in guess.columns if own >= 0 and (calls.tokens[:, own].any())]
    return Cause(
        name=guess.name,
        keys=tuple(KEYS[own] for own in columns),
        explained=max(0.0, min(1.0, explained)),
        said=guess.said,
        usd={KEYS[own]: float(f"{rate * _per(own):.6g}") for own, rate in guess.rates.items()},
        changed_at_s=guess.changed_at_s,
    )


def _short(own: int) -> str:
    return {_IN: "input", _OUT: "output"}.get(own, KEYS[own].removeprefix("usd_per_mtok_"))


def _per(own: int) -> int:
    return 1 if own == _CALL else _MTOK
