"""How a selector stands, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from selector._clients._core import Core
from selector._clients.sessions._session_log import last_lines

__all__ = ["Status", "status_of"]

_RECENT = 1_000  # decisions among whose events sessions are looked for
_SURE_AFTER = 50  # judgements that all said success, after which a source is suspected of always doing so


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a selector stands: attributes, which can also be read like those of a mapping.

    Examples
    --------
    >>> status = Status(n_decisions=3, n_outcomes=1, n_pending=2)
    >>> status.n_pending, status["n_pending"], dict(status)["n_decisions"]
    (2, 2, 3)
    """

    n_decisions: int = 0
    """Decisions that were made in this folder."""
    n_outcomes: int = 0
    """Of these, how many anything was reported of."""
    n_pending: int = 0
    """Of how many nothing was reported."""
    oldest_pending_s: float | None = None
    """How long the oldest of these waits, in seconds, as far as recent decisions go; None: none waits."""
    n_judged: int = 0
    """Attempts whose judgement taught what is believed: none that followed a wrong answer is among them."""
    n_doubled: int = 0
    """Reports of what was known already: they count once."""
    n_orphans: int = 0
    """Outcomes in the log whose decision nobody knows."""
    n_unlogged: int = 0
    """Decisions that the disk did not take."""
    quarantined: int = 0
    """Pieces of the log that could not be read; `faults` names them."""
    faults: tuple[str, ...] = ()
    """What could not be read, where, and why."""
    drift_alarms: int = 0
    """How often a model no longer did what it had done; `alarms` names them."""
    alarms: tuple[str, ...] = ()
    """Model and decision number of each alarm."""
    n_overruns: int = 0
    """Calls that took more of a hard budget than was held."""
    budgets: tuple[str, ...] = ()
    """How each budget stands."""
    shadow_price: float = 0.0
    """What one more dollar is worth now, in successes."""
    prices: tuple[str, ...] = ()
    """What one more unit of each other resource is worth, where its budget binds: tokens, a provider's dollars."""
    below_cheapest: bool = False
    """Whether the budget is below what the cheapest models cost."""
    health: tuple[str, ...] = ()
    """Routes that cannot serve just now, until when and why."""
    routes: tuple[str, ...] = ()
    """Routes that serve better or worse than their model does, as far as that is clear."""
    quotas: tuple[str, ...] = ()
    """How the providers' own limits stand, declared and learnt."""
    flagged_sources: tuple[str, ...] = ()
    """Sources that judged 50 times or more and never found fault."""
    n_repaired: int = 0
    """Beliefs that were not finite and fell back to their prior."""
    writer: str | None = None
    """The name under which this process writes."""
    trouble: str | None = None
    """What the disk last refused in the background."""
    config_digest: str = ""
    """Which configuration is in force."""
    config_version: int = 1
    """How many were in force so far."""
    config_error: str | None = None
    """Why the configuration's file, as it is now, is not in force; the last good one is."""
    sessions: tuple[str, ...] = ()
    """How the latest sessions stand, in words: the last change of each one's model, with its reason."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any of the fields
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def keys(self) -> tuple[str, ...]:
        """Name the fields, as a mapping would."""
        return tuple(field.name for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def as_dict(self) -> Mapping[str, Any]:
        """Give all fields as a dictionary."""
        return asdict(self)


def status_of(
    core: Core,
    trouble: str | None,
    config_error: str | None = None,
    config_version: int = 1,
    sessions: tuple[str, ...] | None = None,
) -> Status:
    """Take stock of a core; sessions that live nowhere here are read from the newest part of the log."""
    if sessions is None:
        sessions = last_lines(core.state.recent(_RECENT))
    with core.engine.lock:
        fold, mind = core.fold, core.mind
        now = core.engine.clock()
        waiting = [entry.at_s for entry in fold.entries.values() if not entry.is_reported]
        waiting += [decision.at_s for id_, decision in core.scribe.unwritten.items() if id_ not in fold.entries]
        models = mind.plan.models
        alarms = [e for e in mind.beliefs.events if e.kind == "drift"]
        faults = core.state.faults
        return Status(
            n_decisions=fold.n_decisions,
            n_outcomes=fold.n_reported,
            n_pending=fold.n_decisions - fold.n_reported,
            oldest_pending_s=max(0.0, now - min(waiting)) if waiting else None,
            n_judged=fold.n_judgements,
            n_doubled=fold.n_doubled,
            n_orphans=fold.n_orphans,
            n_unlogged=core.scribe.n_unlogged,
            quarantined=sum(fault.kind != "torn" for fault in faults),
            faults=tuple(f"{fault.file}, byte {fault.offset:,}: {fault.reason}" for fault in faults),
            drift_alarms=len(alarms),
            alarms=tuple(f"{models[e.index]} at decision {e.at:,.0f}" for e in alarms),
            n_overruns=core.budget.n_overruns,
            budgets=core.budget.words(),
            shadow_price=float(mind.decider.price[0]),
            prices=mind.price_words,
            below_cheapest=bool(mind.decider.below_cheapest[0]),
            health=core.engine.health.words(datetime.fromtimestamp(max(now, 0.0), UTC)),
            routes=core.engine.roads.beliefs.said(now),
            quotas=core.engine.roads.quotas.words(datetime.fromtimestamp(max(now, 0.0), UTC)),
            flagged_sources=tuple(name for name, counted in sorted(fold.sources.items()) if _is_flagged(counted)),
            n_repaired=mind.beliefs.success.n_repaired,
            writer=core.state.writer,
            trouble=trouble or core.state.trouble,
            config_digest=mind.plan.digest,
            config_version=config_version,
            config_error=config_error,
            sessions=sessions,
        )


def _is_flagged(counts_: list[int]) -> bool:
    """Tell whether a source never found fault with anything."""
    return counts_[0] >= _SURE_AFTER and counts_[1] == 0
