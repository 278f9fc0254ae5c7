"""What each model did, counted over the whole log: completions, success, quality, time, tokens, money, escalations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from selector._clients.learning._book import TOKENS, Facts
from selector.budgets import NANO
from selector.catalog import Catalog
from selector.records import Failure

__all__ = ["summarised"]

_GOOD = 0.5  # a score that is at least this is a success, as for a check
_KEPT = frozenset({*TOKENS, "cost_usd", "latency_s", "nano", "known", "w", "s"})
_READ, _WRITTEN = TOKENS[:3], TOKENS[3:]

Event = Mapping[str, Any]


def summarised(events: Iterable[Event], catalog: Catalog, rank: Callable[[str], int]) -> dict[str, Any]:
    """Count what a log says of each model, and of each on every task type; what was dropped from it is not counted.

    Every attempt counts, also those that were made because another model had failed: these are counts of what
    happened, where beliefs are about what to expect. A fact that was reported twice counts once, a corrected judgement
    as it was corrected.

    Parameters
    ----------
    events
        The log, in any order.
    catalog
        The models that are configured; what was done under an old name (`was`) counts for the new one.
    rank
        How far behind the most believed source another stands.

    Returns
    -------
    dict
        ``summary`` of all, and ``models`` by name; a number without any evidence is None.

    Examples
    --------
    >>> from selector.config import Config
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> log = [{"kind": "decision", "id": "a", "n": 0, "at": 0.0, "task_type": "coding", "model": "m", "route": "m"},
    ...        {"kind": "judgement", "decision_id": "a", "source": "tests", "score": 1.0, "at": 1.0, "w": "w", "s": 2}]
    >>> found = summarised(log, Catalog.of(Config.load({"models": {"m": free}})), lambda source: 0)
    >>> found["models"]["m"]["success_rate"], found["models"]["m"]["quality"], found["summary"]["n_completions"]
    (1.0, 10.0, 1)
    """
    seen: dict[str, _Seen] = {}
    for event in events:
        _take(seen, event)
    names = {old: model.name for model in catalog for old in model.was}
    whole, by_type, by_model = _Tally(), dict[str, _Tally](), dict[str, dict[str, _Tally]]()
    moved = _moved_on(seen.values())
    known = [each for each in seen.values() if each.type is not None]
    for each in known:
        assert each.type is not None  # noqa: S101 - just asked
        for place, facts in enumerate(each.attempts):
            model = names.get(facts.model, facts.model)
            of_model = by_model.setdefault(model, {}).setdefault(each.type, _Tally())
            done = _Done(facts, _believed(facts, rank), (id(each), place) in moved)
            for tally in (whole, by_type.setdefault(each.type, _Tally()), of_model):
                tally.add(done)
    return {
        "summary": _over(known) | whole.told() | {"task_types": _by_name(by_type)},
        "models": {
            name: {"configured": name in catalog.models, **_together(of.values()).told(), "task_types": _by_name(of)}
            for name, of in _in_order(by_model, catalog)
        },
    }


class _Seen:
    """A decision, and what was reported of it."""

    __slots__ = ("at_s", "attempts", "of_task", "type")

    def __init__(self) -> None:
        self.type: str | None = None
        self.at_s = 0.0
        self.attempts = [Facts("", "")]
        self.of_task: tuple[str, int] | None = None

    def begin(self, event: Event) -> None:
        """Take in what was decided."""
        self.type, self.at_s = str(event["task_type"]), float(event["at"])
        for facts in self.attempts:
            if facts.model == "":
                facts.model, facts.route = str(event["model"]), str(event["route"])
        if "task_id" in event:
            self.of_task = (str(event["task_id"]), int(event.get("retry_count") or 0))

    def attempt(self, event: Event) -> Facts:
        """Find an attempt, or make room for it."""
        number = int(event.get("attempt", 1))
        while len(self.attempts) < number:
            self.attempts.append(Facts(self.attempts[-1].model, self.attempts[-1].route))
        facts = self.attempts[number - 1]
        if number > 1 and "model" in event:
            facts.model, facts.route = str(event["model"]), str(event.get("route", event["model"]))
        return facts


def _take(seen: dict[str, _Seen], event: Event) -> None:
    """Take in one event; those that say nothing of outcomes are passed over."""
    kind = event["kind"]
    if kind == "decision":
        seen.setdefault(event["id"], _Seen()).begin(event)
        return
    if kind not in {"usage", "judgement", "attempt"}:
        return
    each = seen.setdefault(event["decision_id"], _Seen())
    if "of" in event and each.type is None:
        each.begin(event["of"])
    facts = each.attempt(event)
    if kind == "usage":
        facts.use({name: value for name, value in event.items() if name in _KEPT})
    elif kind == "attempt":
        facts.failure = event.get("failure") or facts.failure
        facts.made = facts.made or bool(event.get("made"))
    else:
        facts.judged = facts.judged or {}
        word = (float(event["at"]), str(event["w"]), int(event["s"]), event.get("score"))
        last = facts.judged.get(event["source"])
        if last is None or word[:3] > last[:3]:
            facts.judged[str(event["source"])] = word


def _believed(facts: Facts, rank: Callable[[str], int]) -> float | None:
    """Return the score of the most believed source; None: nobody judged, or the route failed."""
    if facts.failure is not None and Failure(facts.failure).of_route:
        return None
    words = [(rank(source), source, word[3]) for source, word in (facts.judged or {}).items() if word[3] is not None]
    return float(min(words)[2]) if words else None


def _moved_on(seen: Iterable[_Seen]) -> set[tuple[int, int]]:
    """Name the attempts after which another model was asked, though their route had not failed."""
    found, by_task = set(), dict[str, list[_Seen]]()
    for each in seen:
        if each.of_task is not None:
            by_task.setdefault(each.of_task[0], []).append(each)
        for place, (one, other) in enumerate(pairwise(each.attempts)):
            if other.model != one.model and not _of_route(one):
                found.add((id(each), place))
    for several in by_task.values():
        for before, after in pairwise(sorted(several, key=_turn)):
            last, again = before.attempts[-1], _turn(after)[0] > _turn(before)[0]
            if again and after.attempts[0].model != last.model and not _of_route(last):
                found.add((id(before), len(before.attempts) - 1))
    return found


def _turn(each: _Seen) -> tuple[int, float]:
    return (0 if each.of_task is None else each.of_task[1]), each.at_s


def _of_route(facts: Facts) -> bool:
    return facts.failure is not None and Failure(facts.failure).of_route


class _Done:
    """What is counted of one attempt."""

    __slots__ = ("failure", "is_complete", "nano", "read", "score", "seconds", "was_left", "written")

    def __init__(self, facts: Facts, score: float | None, was_left: bool) -> None:  # noqa: FBT001 - one private caller
        usage = facts.usage
        self.failure, self.score, self.was_left = facts.failure, score, was_left
        self.is_complete = facts.failure is None and bool(facts.made or facts.uses or facts.judged)
        self.nano = facts.nano
        self.seconds: float | None = usage.get("latency_s") if facts.failure is None else None
        self.read = _sum(usage, _READ)
        self.written = _sum(usage, _WRITTEN)


def _sum(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = [int(usage[name]) for name in names if usage.get(name) is not None]
    return sum(found) if found else None


class _Mean:
    """A sum, and of how many."""

    __slots__ = ("n", "total")

    def __init__(self) -> None:
        self.n, self.total = 0, 0.0

    def add(self, value: float | None) -> None:
        """Take in a number, where there is one."""
        if value is not None:
            self.n += 1
            self.total += value

    @property
    def mean(self) -> float | None:
        """The mean; None: of nothing."""
        return self.total / self.n if self.n else None

    @property
    def sum(self) -> float | None:
        """The sum; None: of nothing."""
        return self.total if self.n else None


_MEANS = ("success", "score", "seconds", "read", "written", "usd")


class _Tally:
    """Counts and sums over attempts."""

    def __init__(self) -> None:
        self.n_attempts = self.n_completions = self.n_escalations = 0
        self.failures: Counter[str] = Counter()
        self.means = {name: _Mean() for name in _MEANS}

    def add(self, done: _Done) -> None:
        """Count an attempt."""
        self.n_attempts += 1
        self.n_completions += done.is_complete
        self.n_escalations += done.was_left
        if done.failure is not None:
            self.failures[done.failure] += 1
        means = self.means
        means["success"].add(None if done.score is None else float(done.score >= _GOOD))
        means["score"].add(done.score)
        means["seconds"].add(done.seconds)
        means["read"].add(done.read)
        means["written"].add(done.written)
        means["usd"].add(None if done.nano is None else done.nano / NANO)

    def told(self) -> dict[str, Any]:
        """Lay out what was counted."""
        means, n = self.means, self.n_attempts
        score = means["score"].mean
        read, written = means["read"].sum, means["written"].sum
        return {
            "n_attempts": n,
            "n_completions": self.n_completions,
            "n_judged": means["score"].n,
            "success_rate": means["success"].mean,
            "quality": None if score is None else 1 + 9 * score,
            "mean_latency_s": means["seconds"].mean,
            "total_latency_s": means["seconds"].sum,
            "mean_input_tokens": means["read"].mean,
            "mean_output_tokens": means["written"].mean,
            "total_input_tokens": None if read is None else round(read),
            "total_output_tokens": None if written is None else round(written),
            "n_escalations": self.n_escalations,
            "escalation_rate": self.n_escalations / n if n else None,
            "mean_cost_usd": means["usd"].mean,
            "total_cost_usd": means["usd"].sum,
            "failures": dict(sorted(self.failures.items())),
        }


def _together(tallies: Iterable[_Tally]) -> _Tally:
    """Add tallies up."""
    found = _Tally()
    for each in tallies:
        found.n_attempts += each.n_attempts
        found.n_completions += each.n_completions
        found.n_escalations += each.n_escalations
        found.failures.update(each.failures)
        for name in _MEANS:
            found.means[name].n += each.means[name].n
            found.means[name].total += each.means[name].total
    return found


def _over(seen: list[_Seen]) -> dict[str, Any]:
    """Count decisions, and say of which time they are."""
    times = [each.at_s for each in seen]
    return {
        "n_decisions": len(seen),
        "n_pending": sum(_is_pending(each) for each in seen),
        "first_at": _moment(min(times)) if times else None,
        "last_at": _moment(max(times)) if times else None,
    }


def _is_pending(each: _Seen) -> bool:
    return not any(facts.failure or facts.made or facts.uses or facts.judged for facts in each.attempts)


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")


def _by_name(tallies: Mapping[str, _Tally]) -> dict[str, dict[str, Any]]:
    return {name: tallies[name].told() for name in sorted(tallies)}


def _in_order(found: dict[str, dict[str, _Tally]], catalog: Catalog) -> list[tuple[str, dict[str, _Tally]]]:
    """Give the configured models in their order, then those that once were."""
    own = [(name, found.get(name, {})) for name in catalog.models]
    return own + sorted((name, of) for name, of in found.items() if name not in catalog.models)
