"""All rules together: which fire for a task, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from selector.errors import ConfigError
from selector.rules._applied import Applied, Arm
from selector.rules._condition import Explanation
from selector.rules._facts import Facts
from selector.rules._merge import Hit, merged
from selector.rules._rule import Rule

__all__ = ["Considered", "Match", "Rules"]

Match = Literal["first", "all"]

_MOST_KEPT = 1_024


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule, looked at for one task.

    Examples
    --------
    >>> from selector.rules import Condition
    >>> [one] = Rules([Rule(condition=Condition.of("priority == 0"), model="opus")]).trace(Facts({"priority": 1}), "a")
    >>> print(one)
    rules[0]: does not hold: priority == 0
      priority == 0: no (priority is 1)
    """

    rule: str
    """Its name, or its place."""
    why: Explanation
    """Why its condition holds or does not."""
    reached: bool
    """Whether it was its turn: with the first match, none is looked at after the one that fired."""
    arm: Arm | None = None
    """Of a share: the side on which the task falls."""

    def __str__(self) -> str:
        arm = f" [{self.arm}]" if self.arm else ""
        return f"{self.rule}{arm}: {'' if self.reached else 'not reached; '}{self.why}"


class Rules:
    """Rules in order, and how they are put together.

    With the *first* match the first rule whose condition holds fires alone. With *all*, each whose condition holds
    does: every `only` must allow a model, every `forbid` counts, the points of `prefer` are summed, the last word on
    `purpose`, `explore` and `min_success` stands, and the first `model` is the one that serves.

    A rule with a share fires for the ids that its hash puts there; for the others it is as if it were not there, and
    the task carries its name as an experiment's control.

    Parameters
    ----------
    rules
        The rules.
    match
        How many fire.
    default_model
        What is forced where none fired; None: the policy chooses.

    Raises
    ------
    ConfigError
        If two rules have the same name, or an argument is none of those above.

    Examples
    --------
    >>> from selector.rules import Condition
    >>> rules = Rules([
    ...     Rule(name="critical", condition=Condition.of("priority == 0"), model="opus", reason="gets the best"),
    ...     Rule(name="night", condition=Condition.of("hour >= 22 or hour <= 6"), prefer={"deepseek": 0.05}),
    ... ])
    >>> print(rules.apply(Facts({"priority": 0, "hour": 23}), "task-1"))
    model opus by critical
    >>> print(rules.apply(Facts({"priority": 1, "hour": 23}), "task-2"))
    deepseek +0.05
    """

    def __init__(self, rules: Iterable[Rule] = (), match: Match = "first", default_model: str | None = None) -> None:
        self.rules: tuple[Rule, ...] = tuple(rules)
        if match not in {"first", "all"}:
            raise ConfigError(f"match must be 'first' or 'all', not {match!r}")
        if default_model is not None and not _is_reference(default_model):
            raise ConfigError(f"default_model must be a reference, not {default_model!r}")
        self.match: Match = match
        self.default_model = default_model
        self.labels: tuple[str, ...] = tuple(rule.name or f"rules[{n}]" for n, rule in enumerate(self.rules))
        _refuse_twins(self.labels, self.rules)
        self._steps = tuple(self._live())
        self._kept: dict[tuple[int, ...], Applied] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names that the conditions read: what a caller must know, and what an answer depends on."""
        return frozenset().union(*(rule.condition.names for rule in self.rules))

    def apply(self, facts: Facts, unit_id: str) -> Applied:
        """Find out what follows for a task.

        Parameters
        ----------
        facts
            What is known of the task and of the moment.
        unit_id
            What shares are taken of: the task's id, or the decision's where it has none.

        Returns
        -------
        Applied
            What follows; the same object where the same rules fired.

        Examples
        --------
        >>> Rules(default_model="sonnet").apply(Facts(), "task-1").by
        'default_model'
        """
        hits = self._hits(facts, unit_id)
        found = self._kept.get(hits)
        if found is None:
            found = self._merged(hits)
            if len(self._kept) < _MOST_KEPT:
                self._kept[hits] = found
        return found

    def trace(self, facts: Facts, unit_id: str) -> tuple[Considered, ...]:
        """Tell of each rule why it fired or did not.

        Parameters
        ----------
        facts
            What is known of the task and of the moment.
        unit_id
            What shares are taken of.

        Returns
        -------
        tuple[Considered, ...]
            One for each rule, in order.

        Examples
        --------
        >>> Rules().trace(Facts(), "task-1")
        ()
        """
        found, over = [], False
        for label, rule in zip(self.labels, self.rules, strict=True):
            why = rule.condition.explain(facts)
            inside = rule.share is None or rule.unit(unit_id) < rule.share
            arm = None if rule.share is None or not why.holds else Arm.TREATMENT if inside else Arm.CONTROL
            found.append(Considered(label, why, not over, arm))
            over = over or (self.match == "first" and why.holds and inside)
        return tuple(found)

    def _live(self) -> Iterator[tuple[int, Callable[[Facts], bool], Rule]]:
        """Leave out the rules that can never fire, and those behind one that always does."""
        for n, rule in enumerate(self.rules):
            if rule.condition.always is not False:
                yield n, rule.condition.test, rule
            if self.match == "first" and rule.condition.always and rule.share is None:
                return

    def _hits(self, facts: Facts, unit_id: str) -> tuple[int, ...]:
        """List n for a rule that holds, and -n - 1 for a share that holds and is not taken.

        With the first match it goes on behind a share that was taken, since what lies outside of it is part of the
        answer, and ends at the first rule without one.
        """
        first, hits = self.match == "first", []
        for n, test, rule in self._steps:
            if not test(facts):
                continue
            if rule.share is None:
                hits.append(n)
                if first:
                    break
            else:
                hits.append(n if rule.unit(unit_id) < rule.share else -n - 1)
        return tuple(hits)

    def _merged(self, hits: Sequence[int]) -> Applied:
        found = [Hit(self.labels[max(n, -n - 1)], self.rules[max(n, -n - 1)], taken=n >= 0) for n in hits]
        return merged(found, first=self.match == "first", default_model=self.default_model)


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _refuse_twins(labels: Sequence[str], rules: Sequence[Rule]) -> None:
    for n, label in enumerate(labels):
        if label in labels[:n]:
            where = rules[n].condition.where
            raise ConfigError(
                f"two rules are called {label!r}; give each a name of its own, since shares and logs go by it",
                file=where.file,
                line=where.line,
            )
