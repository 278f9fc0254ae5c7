"""The whole configuration in force, with where each of its values comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from selector.config._checks import CheckConfig
from selector.config._environment import found_in
from selector.config._explain import sounds_secret
from selector.config._limits import BudgetConfig
from selector.config._load import document
from selector.config._places import Document, KeyPath, Places, dotted
from selector.config._policy import BARS, ObjectiveConfig, PolicyConfig
from selector.config._providers import OF_COMMANDS, ProviderConfig
from selector.config._rules import ModeConfig, RuleConfig
from selector.config._schema import Config
from selector.config._section import Section
from selector.config._units import HalfLife
from selector.config._writing import Leaf, Tree, plain_of, written

if TYPE_CHECKING:
    from typing import Final

HIDDEN: Final = "<hidden>"
"""What stands in place of what may be a secret."""

_DEFAULT = "default"
_FREE = ("params", "metadata")  # keys below which anything may stand


@dataclass(frozen=True, slots=True)
class Effective:
    """A configuration in full, defaults included, with nothing secret in it.

    Examples
    --------
    >>> found = Effective.of({"models": {"opus": {}}, "policy": "greedy"}, {})
    >>> found.origins()["policy.name"], found.origins()["timezone"]
    ('given', 'default')
    >>> print(found.yaml(origin=True).splitlines()[0])
    version: 1                                                                # default
    """

    config: Config
    """As it is used."""
    tree: dict[str, Tree]
    """All values by key, each with its origin."""

    @classmethod
    def of(cls, source: object, environ: Mapping[str, str], *, state: tuple[str, str] | None = None) -> Effective:
        """Read a configuration, and note where its values come from.

        Parameters
        ----------
        source
            As for `Config.load`; None: what the keys in the environment allow.
        environ
            The environment, such as `os.environ`.
        state
            The state folder that is given in place of the configured one, and by whom.

        Returns
        -------
        Effective
            Origins are ``default``, ``FILE:LINE``, ``environment NAME``, ``preset NAME``, and ``given`` where a
            value came from no file.

        Raises
        ------
        ConfigError
            If the configuration is wrong.

        Examples
        --------
        >>> found = Effective.of(None, {"OPENAI_API_KEY": "never shown"})
        >>> found.origins()["providers.openai.api_key"]
        'environment OPENAI_API_KEY'
        """
        if source is None:
            config = found_in(environ)
            walk = _Walk(Places(), config)
        else:
            found = _document(source)
            config = source if isinstance(source, Config) else Config.read(found.value, found.places)
            walk = _Walk(found.places, None)
        tree = dict(walk.section(config, (), given=True))
        if state is not None:
            folder = tree["state"]
            tree["state"] = {**(folder if isinstance(folder, dict) else {}), "path": Leaf(*state)}
        return cls(config, tree)

    def plain(self) -> dict[str, Any]:
        """Give the values alone; `Config.load` reads them.

        Examples
        --------
        >>> Effective.of({"models": {"opus": {}}}, {}).plain()["policy"]["half_life"]
        '7000 decisions'
        """
        return {key: plain_of(value) for key, value in self.tree.items()}

    def origins(self) -> dict[str, str]:
        """Give where each value comes from, by its dotted key.

        Examples
        --------
        >>> Effective.of({"models": {"opus": {"id": "claude-opus-4-8"}}}, {}).origins()["models.opus.id"]
        'given'
        """
        return {dotted(path): leaf.origin for path, leaf in _leaves(self.tree, ())}

    def yaml(self, *, origin: bool = False) -> str:
        """Write it as YAML that `Config.load` reads.

        Parameters
        ----------
        origin
            Whether to write behind each value where it comes from.

        Returns
        -------
        str
            Keys that hold nothing are left out; what holds in place of some is written as a comment.

        Examples
        --------
        >>> print(Effective.of({"models": {"opus": {}}}, {}).yaml())
        version: 1
        timezone: UTC
        mode: on
        policy:
          name: thompson
          # floor: 0.02
        ...
        """
        return "\n".join(written(self.tree, origin=origin)) + "\n"


def _document(source: object) -> Document:
    if isinstance(source, Config):
        return Document(value={}, places=Places())
    return document(fspath(source) if isinstance(source, PathLike) else source)


class _Walk:
    """One walk over typed values, which know what the user wrote."""

    def __init__(self, places: Places, found: Config | None) -> None:
        self._places, self._found = places, found

    def section(self, section: Section, path: KeyPath, *, given: bool) -> Iterator[tuple[str, Tree]]:
        """Give the keys of a section that hold something."""
        keys = {name: field.alias or name for name, field in type(section).model_fields.items()}
        keys |= {name: name for name in section.model_extra or ()}
        for name, key in keys.items():
            value, here = getattr(section, name), (*path, key)
            said = given and name in section.model_fields_set
            if (not path and key == "presets") or key in section.later or (not said and _is_idle(section, key)):
                continue  # the rules of presets are written out
            if said or (value is not None and value not in ("", (), {})):
                yield key, self._tree(value, here, given=said)
            elif (holds := _holds(section, key)) is not None:
                yield key, Leaf(holds, _DEFAULT, holds=False)

    def _tree(self, value: object, path: KeyPath, *, given: bool) -> Tree:
        if isinstance(value, RuleConfig) and value.preset:
            return dict(_Preset(value.preset).section(value, path, given=True))
        if isinstance(value, Section) and not isinstance(value, ModeConfig):
            return dict(self.section(value, path, given=given)) or Leaf({}, self._origin(path, given=given))
        if isinstance(value, dict) and value and path[-1] not in _FREE:
            return {str(key): self._tree(each, (*path, str(key)), given=given) for key, each in value.items()}
        if isinstance(value, tuple) and any(isinstance(each, Section) for each in value):
            return [self._tree(each, (*path, place), given=given) for place, each in enumerate(value)]
        return Leaf(_plain(value, path), self._origin(path, given=given))

    def _origin(self, path: KeyPath, *, given: bool) -> str:
        if not given:
            return _DEFAULT
        if self._found is not None:
            key = _key_of(path, self._found)
            return _DEFAULT if key is None else f"environment {key}"
        if self._places.file is None:
            return "given"
        line = self._places.line(path)
        return self._places.file if line is None else f"{self._places.file}:{line}"


class _Preset(_Walk):
    """A walk over a rule that nobody wrote."""

    def __init__(self, name: str) -> None:
        super().__init__(Places(), None)
        self._name = name

    def _origin(self, path: KeyPath, *, given: bool) -> str:  # noqa: ARG002  # as it is called
        return f"preset {self._name}"


def _leaves(tree: Tree, path: KeyPath) -> Iterator[tuple[KeyPath, Leaf]]:
    if isinstance(tree, Leaf):
        yield path, tree
    else:
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _leaves(value, (*path, key))


def _key_of(path: KeyPath, config: Config) -> str | None:
    """Name the variable for which a value that the environment allows is there."""
    provider = path[1] if path[0] == "providers" else None
    if path[0] == "models":
        model = config.models[str(path[1])]
        routes = model.routes or {}
        provider = path[3] if len(path) > 3 and path[2] == "routes" else model.provider or next(iter(routes), None)
    entry = config.providers.get(str(provider))
    if entry is not None and entry.kind == "command":
        return "PATH"
    return None if entry is None or entry.api_key is None else entry.api_key.removeprefix("env:")


def _is_idle(section: Section, key: str) -> bool:
    """Say whether a default has no meaning beside what is given, and would be refused there."""
    if isinstance(section, ProviderConfig):
        return key in OF_COMMANDS and (section.kind != "command" or section.preset is not None)
    if isinstance(section, CheckConfig):
        return key != "timeout_s" or section.kind != "command"
    if isinstance(section, Config):
        return key == "chains"
    return isinstance(section, ObjectiveConfig) and key == "confidence" and section.name not in BARS


def _holds(section: Section, key: str) -> str | float | bool | None:
    """Say what holds in place of a key that is not given."""
    found: dict[str, str | float | bool | None] = {}
    if isinstance(section, BudgetConfig):
        found = {"name": section.label, "hard": section.is_hard}
    elif isinstance(section, PolicyConfig):
        found = {"floor": section.least}
    return found.get(key)


def _plain(value: Any, path: KeyPath) -> Any:  # noqa: ANN401  # anything that a section may hold
    if isinstance(value, (list, tuple)):
        return [_plain(each, path) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each, (*path, key)) for key, each in value.items()}
    if isinstance(value, str):
        return _shown(str(value), path)
    if isinstance(value, ModeConfig):
        return value.model_dump()
    return _written(value) if isinstance(value, (HalfLife, timedelta, date)) else value


def _written(value: HalfLife | timedelta | date) -> str:
    if isinstance(value, HalfLife):
        return _half_life(value)
    return _seconds(value.total_seconds()) if isinstance(value, timedelta) else value.isoformat()


def _shown(text: str, path: KeyPath) -> str:
    """Hide what may be a secret, where anything may stand."""
    if path[-1] == "base_url":
        return _without_tokens(text)
    if "json_schema" in path:
        return text
    return HIDDEN if any(key in path for key in _FREE) and sounds_secret(text, path) else text


def _without_tokens(url: str) -> str:
    """Hide what may be a token in the path of an address."""
    start, slashes, rest = url.partition("://")
    host, *parts = rest.split("/")
    return start + slashes + "/".join([host, *(HIDDEN.strip("<>") if sounds_secret(p, ()) else p for p in parts)])


def _half_life(value: HalfLife) -> str:
    if value.unit == "decisions":
        return f"{_short(value.amount)} decisions"
    return f"{value.amount:.0f} days" if value.amount == int(value.amount) else _seconds(value.amount * 86_400)


def _seconds(seconds: float) -> str:
    """Write a span of time in the longest unit of which it is a whole number."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{_short(seconds)}s"


def _short(number: float) -> str:
    """Write a number of at most nine digits behind the point, none of them for nothing."""
    text = f"{number:.9f}".rstrip("0").rstrip(".")
    return text if float(text) else "0"
