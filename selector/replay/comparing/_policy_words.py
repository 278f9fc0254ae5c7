"""Words for policies: `logging`, `uniform`, `fixed:MODEL`, `ours`, `without:MODEL`, `frozen:TIME`, `greedy:TIME`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from selector.errors import ConfigError, UnknownModelError, nearest

__all__ = ["POLICY_WORDS", "Policy", "policy_of"]

Kind = Literal["logging", "uniform", "fixed", "ours", "without", "frozen", "greedy"]

POLICY_WORDS: dict[Kind, str] = {
    "logging": "as it was chosen",
    "uniform": "any eligible model, all with the same probability",
    "fixed": "one model always: fixed:MODEL, or its bare name",
    "ours": "Thompson sampling by the beliefs, and at the price, that were logged at each decision",
    "without": "the same without some models: without:MODEL,MODEL",
    "frozen": "the same by beliefs that stay as they were at a time: frozen:2026-03-10, by default half-way",
    "greedy": "the best by such beliefs, never another: greedy:2026-03-10",
}
"""What each word means."""
_FIXED_IN_TIME = ("frozen", "greedy")
_BUDGETED = ("ours", "without", *_FIXED_IN_TIME)


class Policy(NamedTuple):
    """A policy as somebody wrote it, read."""

    name: str
    """As it is shown; two words that mean the same have the same name."""
    kind: Kind
    models: tuple[str, ...] = ()
    """The one that is always chosen, or those that never are."""
    at: str | None = None
    """The time up to which it learns; None: half-way through the log."""

    @property
    def takes_budget(self) -> bool:
        """Whether a budget changes what it does."""
        return self.kind in _BUDGETED

    @property
    def is_frozen(self) -> bool:
        """Whether it stops learning at a time, so that only later decisions can say how good it is."""
        return self.kind in _FIXED_IN_TIME


def policy_of(word: str, models: Sequence[str]) -> Policy:
    """Read the word for a policy.

    A bare name of a model is that model always; of one that is called like a policy, write ``fixed:NAME``.

    Parameters
    ----------
    word
        As in `POLICY_WORDS`.
    models
        Those of the log.

    Returns
    -------
    Policy
        What it means.

    Raises
    ------
    ConfigError
        There is no such policy, or it lacks what comes after its colon; the nearest valid word is named.
    UnknownModelError
        The log has no such model.

    Examples
    --------
    >>> policy_of("qwen:7b", ["small", "qwen:7b"])
    Policy(name='fixed:qwen:7b', kind='fixed', models=('qwen:7b',), at=None)
    >>> policy_of("without:small, qwen:7b", ["small", "qwen:7b", "large"]).models
    ('small', 'qwen:7b')
    """
    word = word.strip()
    if word in models and word not in POLICY_WORDS:
        return Policy(f"fixed:{word}", "fixed", (word,))
    head, colon, rest = word.partition(":")
    if head not in POLICY_WORDS:
        written = [kind if kind not in {"fixed", "without"} else f"{kind}:" for kind in POLICY_WORDS]
        raise ConfigError(f"there is no policy {word!r}{nearest(word, [*written, *models])}", key="policy")
    kind: Kind = next(each for each in POLICY_WORDS if each == head)
    rest = rest.strip()
    if kind in _FIXED_IN_TIME and (rest or not colon):
        return Policy(f"{kind}:{rest}" if rest else kind, kind, at=rest or None)
    if kind == "fixed" and rest:
        return Policy(f"fixed:{rest}", kind, _known((rest,), models))
    if kind == "without" and rest:
        return _without(rest, models)
    if kind in {"logging", "uniform", "ours"} and not colon:
        return Policy(kind, kind)
    raise ConfigError(f"{word!r} must be written {_how(kind, models)}", key="policy")


def _without(rest: str, models: Sequence[str]) -> Policy:
    found = _known(tuple(dict.fromkeys(each.strip() for each in rest.split(",") if each.strip())), models)
    if not found:
        raise ConfigError(f"'without:{rest}' must be written {_how('without', models)}", key="policy")
    if not set(models) - set(found):
        raise ConfigError(f"'without:{rest}' leaves no model to choose; leave out fewer", key="policy")
    return Policy(f"without:{','.join(found)}", "without", found)


def _known(names: tuple[str, ...], models: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in models:
            raise UnknownModelError.of(name, models, key="policy")
    return names


def _how(kind: Kind, models: Sequence[str]) -> str:
    """Show how a word is written."""
    one = models[0] if models else "MODEL"
    after = {"fixed": f":{one}", "without": f":{one}"} | dict.fromkeys(_FIXED_IN_TIME, ":2026-03-10 or without a colon")
    return kind + after.get(kind, ", without a colon")
