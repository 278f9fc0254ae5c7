"""Zero configuration: what the keys in the environment allow, as a `Config` and as the text of a first file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selector.config._commands import command_presets, installed
from selector.config._known import MODELS, VENDORS, Known, Offer, Vendor
from selector.config._schema import Config
from selector.errors import ConfigError, UnknownModelError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def found_in(environ: Mapping[str, str], *, baseline: str | None = None) -> Config:
    """Build the configuration that an environment allows: by its keys, and by the command lines on its path.

    Each provider whose key is set comes with a few models. A model that several of them serve has a route at
    each. A key's value is never kept: the configuration says where to find it. A known command line, such as
    ``claude``, comes with those of its models that no key serves; none is run to find out.

    Parameters
    ----------
    environ
        The environment, such as `os.environ`; a key that is set but empty counts as absent. ``PATH`` says where
        command lines are.
    baseline
        The model used today: wanted is the cheapest that is at most .02 worse. None: no objective is set.

    Returns
    -------
    Config
        The same as `starter` writes.

    Raises
    ------
    ConfigError
        If neither is found; it names those looked for.
    UnknownModelError
        If the baseline is no model of the providers found; it names the nearest, and the key to set.

    Examples
    --------
    >>> config = found_in({"ANTHROPIC_API_KEY": "never kept"}, baseline="opus")
    >>> list(config.models), config.providers["anthropic"].api_key
    (['haiku', 'sonnet', 'opus'], 'env:ANTHROPIC_API_KEY')
    >>> found_in({}, baseline="opus")
    Traceback (most recent call last):
    selector.errors.ConfigError: no provider's key is set in the environment: set one of ANTHROPIC_API_KEY, ...
    """
    keys, commands = _keys(environ), _commands(environ)
    if not keys and not commands:
        raise ConfigError(_nothing_found(environ))
    return Config.load(_values(keys, baseline, commands))


def starter(environ: Mapping[str, str], *, baseline: str | None = None) -> str:
    """Write the text of a first ``selector.yaml``, with comments, from the keys and command lines of an environment.

    It holds what `found_in` finds, and shows commented out what may be added. Where nothing is found it holds one
    provider as an example, that of the baseline if given, and the others commented out.

    Parameters
    ----------
    environ
        The environment, such as `os.environ`; no key's value is written.
    baseline
        The model used today: wanted is the cheapest that is at most .02 worse. None: no objective is set.

    Returns
    -------
    str
        YAML that `Config.load` reads.

    Raises
    ------
    UnknownModelError
        If the baseline is no model of the providers written; it names the nearest.

    Examples
    --------
    >>> text = starter({"OPENAI_API_KEY": "sk-secret"})
    >>> "api_key: env:OPENAI_API_KEY" in text, "sk-secret" in text
    (True, False)
    """
    found, commands = _keys(environ), _commands(environ)
    there = bool(found or commands)
    keys = found if there else _example(baseline)
    values = _values(keys, baseline, commands)
    others = {} if there else {vendor.name: vendor.keys[0] for vendor in VENDORS if vendor.name not in keys}
    idle = [name for name in installed(environ.get("PATH", "")) if name not in values["providers"]]
    shown = [model for model in MODELS if model.name not in values["models"]]
    return _TEXT.format(
        intro=_FOUND[bool(found), bool(commands)],
        objective=_objective(values, baseline),
        providers=_lines(values["providers"])
        + _lines({**_providers(others), **{name: _command(name) for name in idle}}, off=True),
        models=_lines(values["models"]) + (_lines(_models(shown, others, most=1), off=True) if others else ""),
    )


def _keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Name the key of each provider that has one, without its value."""
    keys: dict[str, str] = {}
    for vendor in VENDORS:
        for key in vendor.keys:
            if environ.get(key, "").strip():
                keys.setdefault(vendor.name, key)
    return keys


def _commands(environ: Mapping[str, str]) -> dict[str, Any]:
    """Give the models, by command line, that no key serves: a command line that then has none is left out."""
    served = _models(MODELS, _keys(environ))
    found: dict[str, Any] = {}
    for name in installed(environ.get("PATH", "")):
        own = [model for model in command_presets()[name].models if model.name not in served]
        served |= {model.name: model for model in own}
        if own:
            found[name] = own
    return found


def _command(name: str) -> dict[str, str]:
    return {"kind": "command", "preset": name}


def _nothing_found(environ: Mapping[str, str]) -> str:
    names = [key for vendor in VENDORS for key in vendor.keys]
    empty = [key for key in names if key in environ]
    programs = [preset.argv[0] for preset in command_presets().values() if preset.models]
    return (
        f"no provider's key is set in the environment: set one of {', '.join(names)}"
        + (f" ({', '.join(empty)}: set, but empty)" if empty else "")
        + f"; or have one of {', '.join(programs)} on PATH"
        + "; or write a selector.yaml, for which `selector init` makes a start"
    )


def _example(baseline: str | None) -> dict[str, str]:
    """Take the provider that makes the baseline, else the first."""
    makers = {model.name: model.offers[0].vendor for model in MODELS}
    if baseline is not None and baseline not in makers:
        raise UnknownModelError.of(baseline, makers, key="baseline")
    wanted = VENDORS[0].name if baseline is None else makers[baseline]
    return {vendor.name: vendor.keys[0] for vendor in VENDORS if vendor.name == wanted}


def _values(keys: Mapping[str, str], baseline: str | None, commands: Mapping[str, Any]) -> dict[str, Any]:
    """Give the plain values of a configuration with these providers, by the name of their key, and command lines."""
    providers: dict[str, Any] = {**_providers(keys), **{name: _command(name) for name in commands}}
    models = _models(MODELS, keys)
    for name, served in commands.items():
        models |= {each.name: {"provider": name, "id": each.id, "family": each.family} for each in served}
    values: dict[str, Any] = {"version": 1, "providers": providers, "models": models}
    if baseline is None:
        return values
    if baseline not in values["models"]:
        raise UnknownModelError(_unknown(baseline, values["models"]), key="baseline")
    return {**values, "objective": {"no_worse_than": {"model": baseline, "by": 0.02}}}


def _unknown(baseline: str, models: Iterable[str]) -> str:
    vendors = {offer.vendor for model in MODELS if model.name == baseline for offer in model.offers}
    needed = [vendor.keys[0] for vendor in VENDORS if vendor.name in vendors]
    remedy = f"; to have it, set {' or '.join(needed)}" if needed else ""
    return f"unknown model {baseline!r}{nearest(baseline, models)}{remedy}"


def _providers(keys: Mapping[str, str]) -> dict[str, Any]:
    return {vendor.name: _provider(vendor, keys[vendor.name]) for vendor in VENDORS if vendor.name in keys}


def _provider(vendor: Vendor, key: str) -> dict[str, str]:
    address = {} if vendor.base_url is None else {"base_url": vendor.base_url}
    return {"kind": vendor.kind, **address, "api_key": f"env:{key}"}


def _models(models: Iterable[Known], keys: Mapping[str, str], most: int | None = None) -> dict[str, Any]:
    """Give the models that these providers serve, at the first few of them."""
    found: dict[str, Any] = {}
    for model in models:
        routes = {
            offer.vendor: {"id": offer.id, **_lengths(offer)}
            for offer in [offer for offer in model.offers if offer.vendor in keys][:most]
        }
        if not routes:
            continue
        common = {"family": model.family, "capabilities": list(model.capabilities)}
        if len(routes) == 1:
            provider, route = routes.popitem()
            found[model.name] = {"provider": provider, "id": route["id"], **common, **route}
        else:
            found[model.name] = {**common, "routes": routes}
    return found


def _lengths(offer: Offer) -> dict[str, int]:
    return {"context_tokens": offer.context_tokens, "max_output_tokens": offer.max_output_tokens}


def _objective(values: Mapping[str, Any], baseline: str | None) -> str:
    off = "#" if baseline is None else ""
    written = values.get("objective", {"no_worse_than": {"model": list(values["models"])[-1], "by": 0.02}})
    return f"{off}objective: {_flow(written)}"


def _lines(entries: Mapping[str, Mapping[str, Any]], *, off: bool = False) -> str:
    """Write one entry a line, and each of several routes on a line of its own."""
    lines: list[str] = []
    for name, entry in entries.items():
        routes = entry.get("routes")
        if routes is None:
            lines.append(f"  {name}: {_flow(entry)}")
            continue
        lines.append(f"  {name}:")
        lines += [f"    {key}: {_flow(value)}" for key, value in entry.items() if key != "routes"]
        lines.append("    routes:")
        lines += [f"      {provider}: {_flow(route)}" for provider, route in routes.items()]
    return "".join(f"{'#' if off else ''}{line}\n" for line in lines)


def _flow(value: object) -> str:
    """Write a value of words and numbers in YAML's short form; no word of ours needs quotes."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(member)}' for key, member in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(member) for member in value)}]"
    return str(value)


_FOUND = {
    (True, True): "Written from the keys found in the environment, and the command lines on its path.",
    (True, False): "Written from the keys found in the environment.",
    (False, True): "Written from the command lines found on the path.",
    (False, False): (
        "No provider's key was found in the environment: one provider stands here as an example; set its key."
    ),
}

_TEXT = """\
# Which model should do each task, at which provider, within which budget.
# {intro}
# What is commented out without a space, such as #budgets and the lines below it, may be used: remove the #.
version: 1
#timezone: Europe/Berlin               # of the calendar's windows; UTC when left out
#policy: {{name: thompson, floor: .02}}  # how the choice is made; this is what holds when left out

# What is wanted: the cheapest model that is at most this much worse than the one used today. Left out: the most
# success within the budgets, or, without a budget, the same as this with the dearest model.
{objective}

# Who serves: one account each. A key is named and never written: env:NAME or file:PATH#NAME.
providers:
{providers}\
#  local: {{kind: openai, base_url: http://localhost:11434/v1}}

# What may be chosen. Prices are looked up; give usd_per_mtok_in and usd_per_mtok_out where yours differ.
# Models of one family learn from each other. What a task needs is compared with capabilities.
# A model that several providers serve has a route at each: routes: {{PROVIDER: {{id: ...}}, PROVIDER: {{id: ...}}}}.
# A hard budget holds the price of the longest answer, max_output_tokens, until a call is over; of a command line,
# whose calls may be many, it holds max_usd_per_call, without which none is made.
models:
{models}\
#  llama: {{provider: local, id: llama3.3, usd_per_mtok_in: 0, usd_per_mtok_out: 0}}

# What is known of each task type; others are learnt as they come.
#task_types:
#  coding: {{needs: [tools]}}
#  research: {{max_latency_s: 60}}

# What may be spent. A word is the calendar's window, such as month; a span of time, such as 5h, rolls.
#budgets:
#  - {{name: pace, usd_per_request: .02}}                         # an average to steer to, never a refusal
#  - {{name: month, usd: 50, per: month, warn_at: [50%, 80%]}}    # hard: never exceeded

# What serves when no budget admits anything: best a model of one's own, which costs nothing.
#last_resort: llama
"""
