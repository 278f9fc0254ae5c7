"""What became of a rule that forces a model."""

from __future__ import annotations

from dataclasses import dataclass

from selector.catalog import Route
from selector.records import Exclusion

__all__ = ["Forced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """Which model and route a rule forces, or why it does not.

    A rule forces among those who may serve. Where its model may not, the policy chooses among the others, as if no
    model were forced.

    Examples
    --------
    >>> print(Forced(reference="opus", by="critical", why="disabled (rule critical would force it)"))
    opus by critical, not done: disabled (rule critical would force it)
    """

    reference: str
    """What the rule says, such as ``opus`` or ``opus@work``."""
    by: str
    """The rule's name, or ``default_model``."""
    model: int | None = None
    """The model's place in the catalog; None: the reference names no model."""
    route: Route | None = None
    """Where it serves; None: it may not, and is not forced."""
    exclusion: Exclusion | None = None
    """Why the model, or the one route that the reference names, may not serve."""
    why: str = ""
    """The same in words, also where there is no such model; empty: it is forced."""

    @property
    def is_of_route(self) -> bool:
        """Whether the reference names one route, and not a model with all of its routes.

        Examples
        --------
        >>> Forced(reference="opus@work", by="critical").is_of_route
        True
        """
        return "@" in self.reference

    def __str__(self) -> str:
        where = f"{self.reference} by {self.by}"
        return f"{where}, not done: {self.why}" if self.why else where
