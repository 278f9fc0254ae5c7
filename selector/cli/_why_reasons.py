"""Every reason why a model is not used: what holds always, and what holds on one kind of task."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from selector.catalog import Model
from selector.cli._changes import remedy
from selector.cli._judging import Judged
from selector.cli._reading import Reading
from selector.config import environment, secret
from selector.errors import ConfigError

__all__ = ["always", "chain_of", "is_thin", "others", "remedy_of", "thin"]

_ENOUGH = 8  # outcomes below which evidence is thin: as many as before drift is listened to
_WAIT = "wait until then, or name another route of it"
_REMEDIES = {
    "no_credentials": "set the key that is named",
    "unhealthy": "it is tried again by itself; `selector status` says what its provider answered",
    "over_quota": f"{_WAIT}; where the provider allows more, correct its quotas",
    "too_slow": "raise task_types.TYPE.max_latency_s or the task's deadline_s",
    "forbidden_by_rule": "change the rule that forbids it, or what it reads of the task",
    "already_tried": "it failed on this very task; it may serve others",
}

Entry = dict[str, Any]


def always(found: Reading, model: Model) -> list[Entry]:
    """List the reasons that hold whatever the task is.

    Parameters
    ----------
    found
        The configuration, and what was learnt.
    model
        The model that is asked about.
    """
    entries = []
    if not model.enabled:
        entries.append(_entry("disabled", "", None, remedy("disabled", model.name, "")))
    dollars = [b.label for b in found.config.budgets if b.resource in {"usd", "usd_per_request"}]
    for route in model.routes:
        if dollars and route.prices is None:
            said = f"no price is known, and budget {', '.join(dollars)} is in dollars"
            entries.append(_entry("unknown_cost", said, route.name, remedy("unknown_cost", model.name, "")))
    entries += _without_key(found, model)
    return entries + _in_charge(found, model)


def _without_key(found: Reading, model: Model) -> list[Entry]:
    """List the routes whose provider's key is not there."""
    entries, folder = [], Path() if found.file is None else found.file.parent
    for route in model.routes:
        own = found.config.providers.get(str(route.provider))
        if own is None or own.api_key is None:
            continue
        place = f"providers.{route.provider}.api_key"
        try:
            secret(own.api_key, environment(found.config, found.file, os.environ), folder, key=place)
        except ConfigError as error:
            entries.append(_entry("no_credentials", str(error), route.name, _REMEDIES["no_credentials"]))
    return entries


def _in_charge(found: Reading, model: Model) -> list[Entry]:
    """Tell where somebody else than the policy says who serves."""
    config, plan = found.config, found.core.mind.plan
    entries = []
    if config.mode.name in {"off", "shadow"} and plan.incumbent is not None and found.baseline != model.name:
        serves = plan.models[plan.incumbent]
        if serves != model.name:
            said = f"under mode: {config.mode.name} the model of today, {serves}, serves all"
            entries.append(_entry("mode", said, None, "set mode to on, or to a share"))
    if config.policy.name == "fixed" and config.policy.model not in {None, model.name}:
        said = f"the policy is fixed to {config.policy.model}"
        entries.append(_entry("policy", said, None, "choose another policy, such as thompson"))
    return entries


def others(judged: Judged, model: str, probability: float) -> list[Entry]:
    """List what else keeps a model that might serve from being chosen on one kind of task."""
    entries = []
    forced = judged.forced()
    if forced is not None and "not done" not in forced and probability == 0 and judged.excluded(model) is None:
        said = f"a rule forces {forced}"
        entries.append(_entry("forced", said, None, "change the rule, or default_model, that forces it"))
    return entries


def remedy_of(reason: str, model: str, task_type: str) -> str:
    """Say what would have to change for an exclusion to fall.

    Examples
    --------
    >>> remedy_of("unhealthy (open until 12:00)", "opus", "coding")
    'it is tried again by itself; `selector status` says what its provider answered'
    """
    found = remedy(reason, model, task_type)
    word = reason.partition(" (")[0]
    return _REMEDIES[word].replace("TYPE", task_type) if found == f"see {word}" and word in _REMEDIES else found


def is_thin(belief: Entry | None) -> bool:
    """Tell whether next to nothing is known."""
    return belief is not None and belief["n"] < _ENOUGH


def thin(belief: Entry) -> str:
    """Say how little is known.

    Examples
    --------
    >>> thin({"n": 2, "prior_share": 0.8})
    'the evidence is thin: 2 outcomes of 8, and 80 % of what is believed is prior'
    """
    share = (
        ""
        if belief["prior_share"] is None
        else f", and {100 * belief['prior_share']:.0f} % of what is believed is prior"
    )
    return f"the evidence is thin: {belief['n']:.0f} outcomes of {_ENOUGH}{share}"


def chain_of(judged: Judged, model: str) -> Entry | None:
    """Say which place a model has in the chain of a kind of task, as configured and as learnt."""
    decision = judged.decision
    offer = judged.found.core.mind.offers.get(judged.task.type)
    if decision is None or offer is None:
        return None
    written = offer.written_chain(decision.model)
    if written is None:
        return None
    in_force = [route.name for route in offer.in_order(written)]
    return {
        "after": decision.model,
        "configured": [route.name for route in written],
        "in_force": in_force,
        "learnt": judged.found.config.learnt_chains,
        "place": next((n for n, name in enumerate(in_force, 1) if name.partition("@")[0] == model), None),
        "words": list(offer.chain_words(decision.model)),
    }


def _entry(reason: str, detail: str, route: str | None, remedy_: str) -> Entry:
    return {"reason": reason, "detail": detail, "route": route, "remedy": remedy_}
