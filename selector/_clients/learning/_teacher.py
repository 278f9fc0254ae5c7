"""What the attempts of a decision teach: once each, taken back when it no longer holds."""

from __future__ import annotations

import math
from collections.abc import Callable

from selector._clients.choice._roads import Roads
from selector._clients.learning._book import Entry, Facts
from selector._clients.learning._mind import Lesson, Mind
from selector.records import Failure

__all__ = ["Teacher"]

_OF_ROUTE = {failure.value for failure in Failure if failure.of_route}
_WHOLE = {Failure.INVALID_ANSWER.value}  # failures that leave a whole answer, whose length is the model's own


class Teacher:
    """Teaches beliefs what is known of attempts.

    Parameters
    ----------
    mind
        What is taught.
    rank
        How far behind the most believed source another stands.
    at
        Says when a decision was made, in the unit in which evidence ages.
    roads
        Told how well a route served beside what was believed of its model.

    Attributes
    ----------
    n_judgements
        How many attempts were taught as judged.
    """

    def __init__(self, mind: Mind, rank: Callable[[str], int], at: Callable[[Entry], float], roads: Roads) -> None:
        self._mind, self._rank, self._at, self._roads = mind, rank, at, roads
        self.n_judgements = 0

    def believed(self, facts: Facts) -> float:
        """Return the score that the most believed source gave; nan: nobody judged."""
        words = facts.judged or {}
        if len(words) == 1:
            (only,) = words.values()
            return math.nan if only[3] is None else float(only[3])
        found = [(self._rank(source), source, word[3]) for source, word in words.items() if word[3] is not None]
        return float(min(found)[2]) if found else math.nan

    def teach(self, entry: Entry, *, taught: bool, heard: bool) -> None:
        """Teach what each attempt says of its model.

        One that followed an answer, or a failure of the task, saw the hard tasks: it says nothing of success in
        general, and is counted apart.

        Parameters
        ----------
        entry
            The decision.
        taught
            Whether beliefs know of it already.
        heard
            Whether it is to be listened to for drift.
        """
        fair = True
        for facts in entry.attempts:
            failed_on_task = facts.failure is not None and facts.failure not in _OF_ROUTE
            believed = math.nan
            if facts.judged and (facts.failure is None or failed_on_task):
                believed = self.believed(facts)
            whole = facts.failure is None or facts.failure in _WHOLE
            was, now = facts.taught, (believed if fair else math.nan, facts.tokens if whole else math.nan)
            if not fair:
                self._rescued(entry, facts, believed, taught=taught)
            if failed_on_task or believed == believed:  # noqa: PLR0124 - nan
                fair = False
            if not (_same(now[0], was[0]) and _same(now[1], was[1])):
                facts.taught = now
                if not taught:
                    self._lesson(entry, facts, was, heard=heard)

    def _rescued(self, entry: Entry, facts: Facts, believed: float, *, taught: bool) -> None:
        """Count how an attempt fared on a task that another had failed."""
        was, facts.rescued = facts.rescued, believed
        if not (taught or _same(was, believed)):
            sums = self._mind.rescues.setdefault((entry.type, facts.model), [0, 0.0])
            for score, sign in ((was, -1), (believed, 1)):
                if score == score:  # noqa: PLR0124 - nan
                    sums[0] += sign
                    sums[1] += sign * score

    def _lesson(self, entry: Entry, facts: Facts, was: tuple[float, float], *, heard: bool) -> None:
        """Teach what is new of an attempt; take back what no longer holds."""
        mind, at = self._mind, self._at(entry)
        score, tokens = facts.taught
        if self._roads.has_others(facts.route) and not _same(score, was[0]):
            self._compare(entry, facts, was[0])
        self.n_judgements += (score == score) - (was[0] == was[0])  # noqa: PLR0124 - nan
        if (was[0] == was[0] and was[0] != score) or (was[1] == was[1] and was[1] != tokens):
            mind.unlearn(Lesson(entry.type, facts.model, at, *was))
            mind.add(Lesson(entry.type, facts.model, at, score, tokens))
            return
        new = Lesson(
            entry.type,
            facts.model,
            at,
            score if was[0] != was[0] else math.nan,
            tokens if was[1] != was[1] else math.nan,
        )
        (mind.hear if heard else mind.add)(new)

    def _compare(self, entry: Entry, facts: Facts, was: float) -> None:
        """Hold an answer against what was believed of the model when it was first judged."""
        if math.isnan(facts.believed):
            facts.believed = self._mind.believed(entry.type, facts.model)
        for score, weight in ((was, -1.0), (facts.taught[0], 1.0)):
            if not (math.isnan(score) or math.isnan(facts.believed)):
                self._roads.judged(facts.route, score, facts.believed, entry.at_s, weight)

    def lessons(self, entry: Entry) -> list[Lesson]:
        """List what a decision's attempts taught."""
        at = self._at(entry)
        return [
            Lesson(entry.type, facts.model, at, *facts.taught)
            for facts in entry.attempts
            if facts.taught[0] == facts.taught[0] or facts.taught[1] == facts.taught[1]
        ]


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)  # noqa: PLR0124 - nan
