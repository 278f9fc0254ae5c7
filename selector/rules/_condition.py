"""A condition: read and checked once, then asked for every task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from selector.rules._check import checked
from selector.rules._compile import compiled, folded, names_of
from selector.rules._facts import Facts
from selector.rules._grammar import parse
from selector.rules._names import Vocabulary
from selector.rules._place import Fault, Place
from selector.rules._tree import Literal, Node, Value, leaves, written

__all__ = ["Condition", "Explanation", "Leaf"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of a condition, and what came of it.

    Examples
    --------
    >>> print(Leaf("priority == 0", holds=False, values={"priority": 1}))
    priority == 0: no (priority is 1)
    """

    text: str
    """The comparison, as the language writes it."""
    holds: bool
    """Whether it holds."""
    values: dict[str, Value]
    """What its names stood for; None: missing."""

    def __str__(self) -> str:
        found = ", ".join(f"{name} is {_cut(value)}" for name, value in self.values.items())
        return f"{self.text}: {'yes' if self.holds else 'no'}" + (f" ({found})" if found else "")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a condition held or did not.

    Examples
    --------
    >>> print(Condition.of("priority == 0 or labels contains 'urgent'").explain(Facts({"priority": 1})))
    does not hold: priority == 0 or labels contains 'urgent'
      priority == 0: no (priority is 1)
      labels contains 'urgent': no (labels is missing)
    """

    text: str
    """The condition, as the language writes it."""
    holds: bool
    """Whether it holds."""
    leaves: tuple[Leaf, ...]
    """Each comparison, in the order in which they were written, even where one alone decided."""

    def __str__(self) -> str:
        head = f"{'holds' if self.holds else 'does not hold'}: {self.text}"
        return "\n".join([head, *(f"  {leaf}" for leaf in self.leaves)])


@dataclass(frozen=True, slots=True, repr=False)
class Condition:
    """What must hold of a task, and of the moment, for a rule to fire.

    A condition reads facts and nothing else, changes nothing, and ends for every task: it has no loops, no arithmetic
    and no functions, and its size is bounded. It prints as the language writes it, which reads back as the same.

    A comparison holds only if the values are there and of kinds that can be compared: where a value is missing, each
    one is false, `!=` and `not in` too. `not` turns that around as it does any other: `not (metadata.user == 'ada')`
    also holds where there is no user, `metadata.user != 'ada'` only where there is another. `metadata.user == null`
    asks whether it is missing.

    Examples
    --------
    >>> night = Condition.of("hour >= 22 or hour <= 6")
    >>> night.holds(Facts({"hour": 23})), night.holds(Facts({"hour": 12})), sorted(night.names)
    (True, False, ['hour'])
    >>> Condition.of("hour == 'x'")
    Traceback (most recent call last):
    selector.errors.ConfigError: column 9 of the condition: hour is a number, and 'x': they are never equal
    """

    tree: Node
    """What it says, checked."""
    text: str = field(compare=False)
    """What was written."""
    where: Place = field(compare=False)
    """Where it was written."""
    names: frozenset[str] = field(compare=False)
    """The names that it reads, such as ``quota['home'].remaining``."""
    always: bool | None = field(compare=False)
    """What it comes to for every task, or None if that depends on the task."""
    test: Callable[[Facts], bool] = field(compare=False)
    """The condition as one function, for a caller that asks often."""

    @classmethod
    def of(cls, text: str, *, where: Place | str | None = None, vocabulary: Vocabulary | None = None) -> Condition:
        r"""Read a condition.

        Parameters
        ----------
        text
            The condition.
        where
            Where it was written, for errors: a place, or the dotted path of its key.
        vocabulary
            Which providers, quotas and budgets there are; None: any.

        Returns
        -------
        Condition
            The condition, checked and compiled.

        Raises
        ------
        ConfigError
            If it is no condition, reads an unknown name, compares what cannot meet, or is too large; it names the
            file, the line, the column and the nearest valid name.

        Examples
        --------
        >>> print(Condition.of("(priority==0)and labels   contains \"documentation\""))
        priority == 0 and labels contains 'documentation'
        """
        place = where if isinstance(where, Place) else Place(key=where or None)
        if not isinstance(text, str):
            raise place.error(f"a condition is a text, not {text!r}; write it in quotes")
        try:
            tree = checked(parse(text), vocabulary)
        except Fault as fault:
            raise place.error(fault.message, text, fault.at) from None
        rest = folded(tree)
        always = rest.value is True if isinstance(rest, Literal) else None
        return cls(tree, text, place, frozenset(names_of(rest)), always, compiled(rest))

    @property
    def is_constant(self) -> bool:
        """Whether no fact can change it."""
        return self.always is not None

    def holds(self, facts: Facts) -> bool:
        """Tell whether it holds for a task.

        Parameters
        ----------
        facts
            What is known of the task and of the moment.

        Returns
        -------
        bool
            Whether it holds; there is no task for which it raises.

        Examples
        --------
        >>> Condition.of("retry_count >= 2").holds(Facts({"retry_count": 3}))
        True
        """
        return self.test(facts)

    def explain(self, facts: Facts) -> Explanation:
        """Tell why it holds or does not.

        Parameters
        ----------
        facts
            What is known of the task and of the moment.

        Returns
        -------
        Explanation
            Each comparison with what was found.

        Examples
        --------
        >>> Condition.of("hour < 6").explain(Facts({"hour": 12})).leaves
        (Leaf(text='hour < 6', holds=False, values={'hour': 12}),)
        """
        found = tuple(
            Leaf(str(leaf), compiled(folded(leaf))(facts), {name: facts[name] for name in names_of(leaf)})
            for leaf in leaves(self.tree)
        )
        return Explanation(str(self), self.test(facts), found)

    def __str__(self) -> str:
        return str(self.tree)

    def __repr__(self) -> str:
        return f"Condition.of({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Travel as its text: what was compiled from it does not."""
        return _again, (self.text, self.where)


def _again(text: str, where: Place) -> Condition:
    return Condition.of(text, where=where)


def _cut(value: Value) -> str:
    text = "missing" if value is None else written(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
