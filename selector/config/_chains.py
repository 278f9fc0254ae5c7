"""What must hold of chains: whom they name is there, none leads back to itself, and each entry may serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selector.config._limits import settings_of
from selector.config._named import MODEL, Problem, providers_of, reference
from selector.config._references import Reference
from selector.errors import nearest
from selector.records import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selector.config._limits import TaskTypeConfig
    from selector.config._models import ModelConfig, RouteConfig
    from selector.config._named import Whole
    from selector.config._places import KeyPath

    Served = set[tuple[str, str | None]]
    """Models and who serves them."""

_RESERVED: Final = ("by_reason", "by_model", "default")


def chain_problems(config: Whole) -> Iterator[Problem]:
    """Find what does not hold of the chains of a configuration, whose other parts hold.

    Examples
    --------
    >>> from selector.config import Config
    >>> config = Config.load({"models": {"haiku": {}, "opus": {}}, "chains": {"default": ["haiku", "opus"]}})
    >>> list(chain_problems(config))
    []
    """
    yield from _keys(config)
    for path, chain in _chains(config):
        yield from _names(config, chain, path)
    yield from _circles(config)
    for path, chain in _chains(config):
        yield from _nobody(config, chain, path)
    for task_type, chain in config.chains.by_type.items():
        yield from _misfits(config, task_type, chain)
    yield from _no_longer(config)


def _chains(config: Whole) -> Iterator[tuple[KeyPath, tuple[str, ...]]]:
    chains = config.chains
    yield from ((("chains", "by_reason", reason.value), chain) for reason, chain in chains.by_reason.items())
    yield from ((("chains", "by_model", name), chain) for name, chain in chains.by_model.items())
    yield from ((("chains", name), chain) for name, chain in chains.by_type.items())
    if chains.default is not None:
        yield ("chains", "default"), chains.default


def _keys(config: Whole) -> Iterator[Problem]:
    for name in config.chains.by_model:
        if name not in config.models:
            path = ("chains", "by_model", name)
            yield Problem(path, f"unknown model {name!r}{nearest(name, config.models)}", MODEL)
    yield from _task_types(config)


def _task_types(config: Whole) -> Iterator[Problem]:
    for name in config.chains.by_type:
        path = ("chains", name)
        if not name.isprintable() or any(not part or part != part.strip() for part in name.split("/")):
            yield Problem(path, "must be a task type or a path of task types, such as coding/python")
        if name in config.task_types:
            continue
        if name.startswith("by_"):
            yield Problem(path, f"unknown key {name!r}{nearest(name, _RESERVED)}")
        meant = next((each for each in (*_RESERVED, *config.task_types) if _is_slip(name, each)), None)
        if meant is not None:
            remedy = "; a task type of its own that is so close must stand under task_types"
            yield Problem(path, f"unknown task type {name!r}; did you mean {meant!r}?{remedy}")


def _is_slip(written: str, meant: str) -> bool:
    """Tell whether two words differ in one letter, in upper and lower case, or in the order of two letters."""
    one, other = written.casefold().replace("-", "_"), meant.casefold().replace("-", "_")
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])


def _names(config: Whole, chain: tuple[str, ...], path: KeyPath) -> Iterator[Problem]:
    for place, text in enumerate(chain):
        yield from reference(config, text, (*path, place))
        found = Reference.parse(text)
        if found.kind == "model" and found.provider is not None and found.name in chain[:place]:
            said = f"names {text!r} again: {found.name!r} before it means all of that model's routes"
            yield Problem((*path, place), said)


def _circles(config: Whole) -> Iterator[Problem]:
    by_model = config.chains.by_model
    for start in by_model:
        for place, text in enumerate(by_model[start]):
            found = Reference.parse(text)
            path = ("chains", "by_model", start, place)
            if found.kind != "model":
                continue
            if found.name == start:
                yield Problem(path, f"names {start!r} in its own chain; its other routes are tried anyway")
            way = _way(config, found.name, start)
            if way:
                said = " -> ".join((start, *way))
                yield Problem(path, f"leads back to itself: {said}; write a common list under `default`")


def _way(config: Whole, here: str, goal: str) -> tuple[str, ...]:
    """Find the shortest way from one model to another along `by_model`; empty: there is none."""
    ways: dict[str, tuple[str, ...]] = {here: (here,)}
    waiting = [here]
    for name in waiting:
        if name == goal:
            return ways[name]
        for text in config.chains.by_model.get(name, ()):
            found = Reference.parse(text)
            if found.kind == "model" and found.name not in ways:
                ways[found.name] = (*ways[name], found.name)
                waiting.append(found.name)
    return ()


def _nobody(config: Whole, chain: tuple[str, ...], path: KeyPath) -> Iterator[Problem]:
    """Refuse what names nobody that is enabled; a disabled model among others is passed over."""
    for place, text in enumerate(chain):
        if Reference.parse(text).kind != "model" and not _served(config, text):
            yield Problem((*path, place), f"{text!r} names no model that is enabled")
    if chain and not any(_served(config, text) for text in chain):
        yield Problem(path, "names no model that is enabled")


def _served(config: Whole, text: str) -> Served:
    """Give the enabled models, and who serves them, that a reference names."""
    found = Reference.parse(text)
    if found.kind == "purpose":
        return {each for inner in config.purposes[found.name].models for each in _served(config, inner)}
    names = [name for name, model in config.models.items() if model.enabled]
    if found.kind == "tag":
        names = [name for name in names if found.name in inherited(config, name, "tags")]
    elif found.kind == "model":
        names = [name for name in names if name == found.name]
    every: Served = set()
    for name in names:
        every |= {(name, provider) for provider in providers_of(config, name)} or {(name, None)}
    return {each for each in every if found.provider is None or each[1] == found.provider}


def inherited(config: Whole, name: str, key: str) -> Any:  # noqa: ANN401  # what a key of a model may hold
    """Find what holds for a model: what it says itself, else the model it is a variant of.

    Examples
    --------
    >>> from selector.config import Config
    >>> config = Config.load({"models": {"a": {"capabilities": ["tools"]}, "b": {"of": "a"}}})
    >>> inherited(config, "b", "capabilities")
    ('tools',)
    """
    model: ModelConfig = config.models[name]
    while key not in model.model_fields_set and model.of is not None:
        model = config.models[model.of]
    return getattr(model, key)


def _misfits(config: Whole, task_type: str, chain: tuple[str, ...]) -> Iterator[Problem]:
    settings = settings_of(config, task_type)
    for place, text in enumerate(chain):
        served = _served(config, text)
        said = _misfit(config, settings, served) if served else ""
        if said:
            yield Problem(("chains", task_type, place), f"{text!r} can never serve {task_type!r}, which {said}")


def _misfit(config: Whole, settings: TaskTypeConfig, served: Served) -> str:
    """Say what keeps all of some models from a task type; empty: nothing does."""
    able = {each for each in served if set(settings.needs) <= set(inherited(config, each[0], "capabilities"))}
    if not able:
        return f"needs {', '.join(settings.needs)}; see the models' capabilities"
    only = {each for text in settings.only for each in _served(config, text)}
    if settings.only and not able & only:
        return f"only {', '.join(settings.only)} may serve"
    promised = {name: set(provider.data) for name, provider in config.providers.items()}
    if not any(set(settings.data) <= promised.get(provider or "", set()) for _, provider in able):
        return f"asks for data: {', '.join(settings.data)}; see what the providers promise"
    return ""


def _no_longer(config: Whole) -> Iterator[Problem]:
    """Refuse to go on, where a task is too long, with a model that is no longer than any other."""
    every = {each for name in config.models for each in _served(config, name)}
    for place, text in enumerate(config.chains.by_reason.get(Failure.CONTEXT_TOO_LONG, ())):
        served = _served(config, text)
        names = {name for name, _ in served}
        others = [_context(config, *each) for each in every if each[0] not in names]
        mine = [_context(config, *each) for each in served]
        known = [length for length in (*others, *mine) if length is not None]
        if not others or not mine or len(known) < len(others) + len(mine):
            continue
        if max(known[len(others) :]) <= min(known[: len(others)]):
            path = ("chains", "by_reason", Failure.CONTEXT_TOO_LONG.value, place)
            said = f"{text!r} takes at most {max(known[len(others) :]):,} tokens, and no other model takes fewer"
            yield Problem(path, f"{said}: it cannot help where a task is too long")


def _context(config: Whole, name: str, provider: str | None) -> int | None:
    routes: dict[str, RouteConfig] | None = inherited(config, name, "routes")
    route = (routes or {}).get(provider or "")
    own = None if route is None else route.context_tokens
    found: int | None = inherited(config, name, "context_tokens")
    return own or found
