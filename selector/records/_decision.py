"""A decision: the choice with everything that led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from selector.records._basis import Basis
from selector.records._story import story

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selector.records._candidate import Candidate, Exclusion

__all__ = ["Deal", "Decision", "Layout"]

_NANO = 1_000_000_000


class Layout(NamedTuple):
    """A choice laid out: what costs time to work out, and is worked out when somebody looks."""

    candidates: tuple[Candidate, ...]
    """Who might have served, the best first."""
    exclusions: Mapping[str, Exclusion]
    """Why each of the others could not, by model."""
    chain: tuple[str, ...]
    """Routes to try when the call fails, in order."""
    budgets: tuple[str, ...] = ()
    """The state of each budget, in words."""
    rules: tuple[str, ...] = ()
    """The rules that fired, and what followed from them, in words."""
    baseline: tuple[str, float | None] | None = None
    """The model to compare with, and what it would be expected to cost."""


Chosen = tuple[int, Basis, str, float | None, int]
"""What was taken: its index, why, its route, what it is expected to cost in USD, what is held in nano-dollars."""


class Deal(Protocol):
    """What was on the table when a choice was made; decisions of one moment share it."""

    @property
    def task_type(self) -> str:
        """The task type."""

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, by index."""

    @property
    def shadow_price(self) -> float:
        """What one more dollar was worth."""

    @property
    def config_digest(self) -> str:
        """The configuration."""

    def laid_out(self, decision: Decision) -> Layout:
        """Work out the rest."""


class Decision:
    """The choice with everything that led to it; it prints as its explanation.

    What costs time, such as probabilities, is worked out when it is first read, from what was published when the
    choice was made: it does not change with what was learnt since.

    Attributes
    ----------
    id
        Its name, by which outcomes are reported.
    n
        How many decisions were made before it.
    at_s
        When it was made, in seconds since 1970.
    route
        The model at its provider, such as ``sonnet@work``.
    reason
        Why this model, from a closed list.
    held_nano
        What is held of hard budgets, in nano-dollars.
    deal, arm, terms
        What was on the table, the index of what was taken, and what the task asked: for whoever made the decision.
    expected_cost_usd
        What the task is expected to cost there; None: nobody knows.
    """

    __slots__ = (
        "_layout",
        "arm",
        "at_s",
        "deal",
        "expected_cost_usd",
        "held_nano",
        "id",
        "n",
        "reason",
        "route",
        "terms",
    )

    def __init__(self, id_: str, n: int, at_s: float, deal: Deal, chosen: Chosen, terms: object) -> None:
        self.id, self.n, self.at_s = id_, n, at_s
        self.deal, self.terms = deal, terms
        self.arm, self.reason, self.route, self.expected_cost_usd, self.held_nano = chosen
        self._layout: Layout | None = None

    @property
    def task_type(self) -> str:
        """The task type."""
        return self.deal.task_type

    @property
    def model(self) -> str:
        """The chosen model's name."""
        return self.deal.models[self.arm]

    @property
    def provider(self) -> str | None:
        """Who serves it; None: the caller makes the call."""
        return self.route[len(self.model) + 1 :] or None

    @property
    def held_usd(self) -> float:
        """What is held of hard budgets until its usage is known: the most that the call can cost; 0 without one."""
        return self.held_nano / _NANO

    @property
    def shadow_price(self) -> float:
        """What one more dollar was worth, in successes."""
        return self.deal.shadow_price

    @property
    def config_digest(self) -> str:
        """The digest of the configuration that it was made under."""
        return self.deal.config_digest

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Who might have served, the best utility first: what was believed, what it costs, how likely it was."""
        return self._laid_out().candidates

    @property
    def exclusions(self) -> dict[str, Exclusion]:
        """Why each of the other models could not serve."""
        return dict(self._laid_out().exclusions)

    @property
    def probabilities(self) -> dict[str, float]:
        """With which probability each model was chosen, by name; those that could not serve have none."""
        return {c.model: c.probability for c in self.candidates}

    @property
    def propensity(self) -> float | None:
        """The probability of the model that was chosen; None where it is not known, which is never 1."""
        found = [c.probability for c in self.candidates if c.model == self.model]
        return found[0] if found else None

    @property
    def chain(self) -> tuple[str, ...]:
        """The routes to try when the call fails, in order."""
        return self._laid_out().chain

    @property
    def laid_out(self) -> Layout:
        """All of what led to it."""
        return self._laid_out()

    def _laid_out(self) -> Layout:
        if self._layout is None:
            self._layout = self.deal.laid_out(self)
        return self._layout

    def __repr__(self) -> str:
        return (
            f"Decision({self.id!r}, task_type={self.task_type!r}, route={self.route!r}, reason={self.reason.value!r})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Decision) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return story(self)
