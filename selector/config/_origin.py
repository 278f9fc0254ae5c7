"""Which configuration is in force: the file that counts, and the variables of the environment over and under it.

What is said nearer to the moment counts before what was written down for always. From strong to weak:

1. an option of the command line, such as ``--state``;
2. what a program says in its call: a mapping or a `Config` that it passes is the whole configuration, and no variable
   changes it; a path that it passes names the file;
3. ``SELECTOR_...``: a key of the file, with ``__`` between levels, such as ``SELECTOR_POLICY__FLOOR=.05``, its value
   written as in YAML;
4. ``CTO_MODEL`` and ``MODEL_PROVIDER``, which their system, too, puts before its file: they are there to be changed
   while a program runs, and say which model has the purpose ``cto``; where `default_model` was that one, it goes along;
5. the file: the one that the call, ``--config``, ``SELECTOR_CONFIG`` or ``ORCHESTRATOR_CONFIG`` names, in this order,
   else ``selector.yaml`` here, else, for commands that call no model, the one in the state folder that ``--state`` or
   ``SELECTOR_STATE`` names; a program, and a command that calls models, never take one from there, since a
   configuration says which programs are run and where keys are sent;
6. goose's variables, which are meant for where no configuration says the same: they fill in purposes and sessions;
7. without a file, the keys of providers, such as ``OPENAI_API_KEY``; then defaults.

A variable may also stand in the `env_file`; what the process itself sets counts before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.config._effective import Effective, _key_of, _Walk
from selector.config._environment import found_in
from selector.config._load import document
from selector.config._origin_foreign import CTO, cto_of, goose_alone, goose_beside, over_file
from selector.config._origin_variables import PREFIX, Surroundings, overridden
from selector.config._places import Places
from selector.config._schema import Config
from selector.config._writing import Leaf
from selector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selector.config._places import KeyPath

_FILES = ("selector.yaml", "selector.yml", "selector.toml", "selector.json")
_NAMING = (f"{PREFIX}CONFIG", "ORCHESTRATOR_CONFIG")


@dataclass(frozen=True, slots=True)
class Origins(Places):
    """Where each value comes from: lines of a file, and variables that put others in their place.

    Examples
    --------
    >>> found = Origins(file="selector.yaml", lines={("mode",): 2}, named={("policy",): "environment SELECTOR_POLICY"})
    >>> found.origin(("mode",)), found.origin(("policy", "floor"))
    ('selector.yaml:2', 'environment SELECTOR_POLICY')
    >>> print(found.error("must be at most 1, not 2", ("policy", "floor")))
    environment SELECTOR_POLICY: policy.floor: must be at most 1, not 2
    """

    named: Mapping[KeyPath, str] = field(default_factory=dict)
    """The origin of each value that stands in no file, and of all below it."""

    def origin(self, path: KeyPath) -> str:
        """Say where a value comes from.

        Examples
        --------
        >>> Origins().origin(("mode",))
        'given'
        """
        named = self._named(path)
        if named is not None:
            return named
        if self.file is None:
            return "given"
        line = self.line(path)
        return self.file if line is None else f"{self.file}:{line}"

    def error(self, message: str, path: KeyPath = (), kind: type[ConfigError] = ConfigError) -> ConfigError:
        """Build the error for a key, which names the variable that it comes from.

        Examples
        --------
        >>> Origins(named={("mode",): "environment SELECTOR_MODE"}).error("is wrong", ("mode",))
        ConfigError('environment SELECTOR_MODE: mode: is wrong')
        """
        named = self._named(path)
        if named is None:
            return Places(self.file, self.lines).error(message, path, kind)
        return Places(named).error(message, path, kind)

    def _named(self, path: KeyPath) -> str | None:
        """Find the variable that a value, or what it is a part of, comes from."""
        return next((self.named[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.named), None)


@dataclass(frozen=True, slots=True)
class InForce:
    """A configuration, and where it comes from.

    Examples
    --------
    >>> found = in_force({"models": {"opus": {}}}, {"SELECTOR_MODE": "off"})
    >>> found.config.mode.name, found.file
    ('on', None)
    """

    config: Config
    """As it is used."""
    file: Path | None
    """The file that it was read from; None: there is none."""
    origins: Origins
    """Where each value comes from."""
    by: str = ""
    """Who named the file: a variable; empty where a call did, or where it lay here."""


def in_force(source: object, environ: Mapping[str, str]) -> InForce:
    """Read the configuration that is in force, in the order of precedence of this file.

    Parameters
    ----------
    source
        The path of a file; None: the one that the environment names, or that lies here, else what the environment
        allows. A mapping or a `Config` is taken as it is.
    environ
        The environment, such as `os.environ`.

    Returns
    -------
    InForce
        The configuration, with its file and the origin of each value.

    Raises
    ------
    ConfigError
        If it is wrong; the error names file and line, or the variable.

    Examples
    --------
    >>> found = in_force(None, {"OPENAI_API_KEY": "never kept", "SELECTOR_POLICY__FLOOR": ".05"})
    >>> found.config.policy.floor, found.origins.origin(("policy", "floor"))
    (0.05, 'environment SELECTOR_POLICY__FLOOR')
    >>> in_force(None, {"OPENAI_API_KEY": "never kept", "SELECTOR_POLICY__FLOOR": "5"})
    Traceback (most recent call last):
    selector.errors.ConfigError: environment SELECTOR_POLICY__FLOOR: policy.floor: must be at most 1, not 5
    """
    if source is not None and not isinstance(source, (str, PathLike)):
        return InForce(Config.load(source), None, Origins())
    file, by = named_file(environ) if source is None else (Path(fspath(source)), "")
    if file is None:
        return without_file(environ)
    if by and not file.exists():
        raise ConfigError(f"{file}: there is no such file", file=f"environment {by}")
    over = cto_of(Surroundings.of(None, file, environ))
    document_ = document(str(file) if source is None else source, over=over)
    around = Surroundings.of(document_.value, file, environ)
    if not isinstance(document_.value, dict):
        return InForce(Config.read(document_.value, document_.places), file, Origins(), by)
    values: dict[str, Any] = document_.value
    named: dict[KeyPath, str] = {}
    if document_.format in over:  # it said so in the document's own words
        named = dict.fromkeys([("purposes", CTO), ("default_model",)], around.places["CTO_MODEL"])
    for layer in (goose_beside, *(() if named else (over_file,)), overridden):
        values, more = layer(values, around)
        named |= more
    origins = Origins(document_.places.file, document_.places.lines, named)
    return InForce(Config.read(values, origins), file, origins, by)


def named_file(environ: Mapping[str, str], folder: Path = Path()) -> tuple[Path | None, str]:
    """Find the file that counts where no call names one, and the variable that names it.

    Parameters
    ----------
    environ
        The environment, such as `os.environ`; in an `env_file` such a variable would come too late.
    folder
        Where a program stands.

    Returns
    -------
    tuple
        The file, None where there is none; and the variable, empty where the file lies here.

    Examples
    --------
    >>> named_file({"ORCHESTRATOR_CONFIG": "custom.json"})
    (PosixPath('custom.json'), 'ORCHESTRATOR_CONFIG')
    """
    for name in _NAMING:
        if environ.get(name, "").strip():
            return folder / Path(environ[name]).expanduser(), name
    return next((folder / name for name in _FILES if (folder / name).is_file()), None), ""


def effective(found: InForce, *, state: tuple[str, str] | None = None) -> Effective:
    """Lay out a configuration in full, with where each value comes from.

    Parameters
    ----------
    found
        What `in_force` gave.
    state
        The state folder that is given in place of the configured one, and by whom.

    Returns
    -------
    Effective
        Its origins are ``default``, ``FILE:LINE``, ``environment NAME``, ``ENV_FILE: NAME``, ``preset NAME`` or, of a
        value that a program gave, ``given``.

    Examples
    --------
    >>> found = in_force(None, {"OPENAI_API_KEY": "never shown", "SELECTOR_MODE": "shadow"})
    >>> origins = effective(found).origins()
    >>> origins["mode"], origins["providers.openai.api_key"], origins["timezone"]
    ('environment SELECTOR_MODE', 'environment OPENAI_API_KEY', 'default')
    """
    tree = dict(_Origin(found.origins).section(found.config, (), given=True))
    if state is not None:
        folder = tree["state"]
        tree["state"] = {**(folder if isinstance(folder, dict) else {}), "path": Leaf(*state)}
    return Effective(found.config, tree)


class _Origin(_Walk):
    """A walk over a configuration some of whose values come from variables."""

    def __init__(self, origins: Origins) -> None:
        super().__init__(origins, None)
        self._origins = origins

    def _origin(self, path: KeyPath, *, given: bool) -> str:
        return self._origins.origin(path) if given else "default"


def without_file(environ: Mapping[str, str]) -> InForce:
    """Take what the environment allows: goose's own models where it names some, else those of the keys.

    Parameters
    ----------
    environ
        The environment, such as `os.environ`.

    Returns
    -------
    InForce
        Without a file.

    Raises
    ------
    ConfigError
        If it allows nothing, or a variable is wrong.

    Examples
    --------
    >>> without_file({"OPENAI_API_KEY": "never kept", "CTO_MODEL": "gpt-luna"}).config.purposes["cto"].models
    ('gpt-luna',)
    """
    around = Surroundings.of({}, None, environ)
    found = goose_alone(around)
    if found is None:
        config = found_in(around.values)
        values: dict[str, Any] = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
        named = {path: _told(around, key) for path, key in _keys(config)} | {("version",): "default"}
    else:
        values, named = found
    for layer in (over_file, overridden):
        values, more = layer(values, around)
        named |= more
    origins = Origins(named=named)
    return InForce(Config.read(values, origins), None, origins)


def _told(around: Surroundings, key: str) -> str:
    return around.places.get(key, f"environment {key}")


def _keys(config: Config) -> Iterator[tuple[KeyPath, str]]:
    """Name the variable for which each provider and model is there."""
    paths: list[KeyPath] = [("providers", name) for name in config.providers]
    paths += [("models", name) for name in config.models]
    paths += [("models", name, "routes", r) for name, model in config.models.items() for r in model.routes or {}]
    for path in paths:
        key = _key_of(path, config)
        if key is not None:
            yield path, key
