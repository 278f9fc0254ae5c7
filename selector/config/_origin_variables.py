"""Variables that put a value in place of the file's: `SELECTOR_POLICY__FLOOR=.05` is `policy: {floor: .05}`."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selector.config._env_file import read_env
from selector.config._places import dotted
from selector.config._schema import Config
from selector.config._yaml import read_yaml
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from selector.config._places import KeyPath

PREFIX: Final = "SELECTOR_"
"""What our own variables begin with."""

FOREIGN: Final = ("CTO_MODEL", "MODEL_PROVIDER", "ORCHESTRATOR_CONFIG")
"""Variables of another system that are read."""

_PLACES: Final = {f"{PREFIX}CONFIG", f"{PREFIX}STATE", f"{PREFIX}ENV_FILE"}
"""Say where something lies, and are read before any file."""

_SHORT: Final = {"state": "path", "policy": "name"}
"""The key that a section's short form, a lone word, stands for."""

_NAMED: Final = ("models", "providers", "purposes", "task_types")
"""Sections of entries by name: a variable changes an entry that is there, or gives a whole one."""

_LIKE: Final = 0.8
"""How alike two words are of which one may be a typing error."""

_logger = logging.getLogger("selector")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The environment that holds, and where each of its variables stands.

    Examples
    --------
    >>> Surroundings.of({}, None, {"CTO_MODEL": "opus"}).places["CTO_MODEL"]
    'environment CTO_MODEL'
    """

    values: dict[str, str]
    """By name; never to be printed, for some are keys."""
    places: dict[str, str]
    """By name, in words."""

    @classmethod
    def of(cls, document: object, file: Path | None, environ: Mapping[str, str]) -> Surroundings:
        """Read the environment under a document, with the environment file that it, or a variable, names.

        Parameters
        ----------
        document
            Plain values.
        file
            Where they were read from.
        environ
            The process's own, which counts first.

        Examples
        --------
        >>> Surroundings.of({"env_file": "nowhere.env"}, None, {})
        Traceback (most recent call last):
        selector.errors.ConfigError: nowhere.env: there is no such file
        """
        beside = _env_file(document, file, environ)
        inner = {} if beside is None else read_env(beside)
        for name in sorted(_PLACES & inner.keys()):
            _logger.warning("%s: %s has no effect there; set it in the process's environment", beside, name)
            del inner[name]
        places = {name: f"{beside}: {name}" for name in inner}
        return cls({**inner, **environ}, {**places, **{name: f"environment {name}" for name in environ}})

    def said(self, name: str) -> str | None:
        """Read a variable; one that is empty counts as absent.

        Examples
        --------
        >>> Surroundings.of({}, None, {"CTO_MODEL": " "}).said("CTO_MODEL") is None
        True
        """
        return self.values.get(name, "").strip() or None

    def error(self, name: str, message: str, *, key: str | None = None) -> ConfigError:
        """Build the error for a variable.

        Examples
        --------
        >>> Surroundings.of({}, None, {"CTO_MODEL": "x"}).error("CTO_MODEL", "is wrong")
        ConfigError('environment CTO_MODEL: is wrong')
        """
        return ConfigError(message, file=self.places.get(name, f"environment {name}"), key=key)


def fingerprint(environ: Mapping[str, str]) -> bytes:
    """Sum up the variables that a configuration may depend on: another sum, and it is read again.

    Examples
    --------
    >>> fingerprint({"CTO_MODEL": "opus", "HOME": "/"}) == fingerprint({"CTO_MODEL": "opus"})
    True
    >>> fingerprint({"CTO_MODEL": "opus"}) == fingerprint({"CTO_MODEL": "haiku"})
    False
    """
    told = sorted(item for item in environ.items() if item[0] in FOREIGN or item[0].startswith((PREFIX, "GOOSE_")))
    return blake2b(repr(told).encode("utf-8", "surrogateescape"), digest_size=16).digest()


def overridden(values: dict[str, Any], around: Surroundings) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    """Put the values of our own variables in place of those of a document.

    Parameters
    ----------
    values
        The document; it is not changed.
    around
        The environment.

    Returns
    -------
    tuple
        The values, and the origin of each that was put there.

    Raises
    ------
    ConfigError
        If a variable is no YAML, or names an entry that is not there.

    Examples
    --------
    >>> around = Surroundings.of({}, None, {"SELECTOR_MODELS__GPT_4O__ENABLED": "false"})
    >>> overridden({"models": {"gpt-4o": None}}, around)[0]
    {'models': {'gpt-4o': {'enabled': False}}}
    """
    found, named = values, {}
    valid = {_plain(key): key for key in Config.valid_keys()}
    later = {_plain(key): key for key in Config.later}
    own = {name: name.removeprefix(PREFIX).lower().split("__") for name in around.values if name.startswith(PREFIX)}
    for name, parts in sorted(own.items(), key=lambda item: (len(item[1]), item[0])):
        if name in _PLACES or around.said(name) is None:
            continue
        if parts[0] not in valid and parts[0] not in later:
            close = get_close_matches(parts[0], [*valid, "config"], 1, _LIKE)
            if close:  # one that is nobody's typing error may be another program's own
                _logger.warning("%s has no effect: no key is called %r; did you mean %r?", name, parts[0], close[0])
            continue
        if found is values:
            found = deepcopy(values)
        path = _put(found, parts, _value(name, around), around, name)
        named[path] = around.places[name]
    beside = around.said(f"{PREFIX}ENV_FILE")
    if beside is not None:
        found = {**found, "env_file": str(Path(beside).expanduser().absolute())}
        named["env_file",] = around.places[f"{PREFIX}ENV_FILE"]
    return found, named


def _env_file(document: object, file: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Find the environment file: a variable names it from where the process stands, a document from where it lies."""
    named = environ.get(f"{PREFIX}ENV_FILE", "").strip()
    if named:
        return Path(named).expanduser()
    written = document.get("env_file") if isinstance(document, Mapping) else None
    if not isinstance(written, str) or not written.strip():
        return None
    return (Path() if file is None else file.parent) / Path(written).expanduser()


def _value(name: str, around: Surroundings) -> Any:  # noqa: ANN401 - a plain value
    return read_yaml(around.values[name], around.places[name]).value


def _put(values: dict[str, Any], parts: list[str], value: object, around: Surroundings, name: str) -> KeyPath:
    """Put a value where a variable's name says, and tell where that is."""
    node: Any = values
    path: KeyPath = ()
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        key = _key(node, part, path, around, name)
        if not last and path and path[0] in _NAMED and len(path) == 1 and key not in node:
            entries = {_plain(str(each)): each for each in node}
            raise around.error(name, f"unknown entry {part!r}{nearest(part, entries)}", key=dotted(path))
        if last:
            node[key] = value
        else:
            node[key] = node = _opened(node[key] if isinstance(node, list) else node.get(key), (*path, key))
            if not isinstance(node, (dict, list)):
                raise around.error(
                    name,
                    "is written in a short form there; give the whole of it in one variable",
                    key=dotted((*path, key)),
                )
        path = (*path, key)
    return path


def _opened(node: object, path: KeyPath) -> object:
    """Make room below a key that holds nothing, or a short form."""
    if node is None:
        return {}
    if isinstance(node, str) and len(path) == 1 and path[0] in _SHORT:
        return {_SHORT[path[0]]: node}
    return node


def _key(node: dict[str, Any] | list[Any], part: str, path: KeyPath, around: Surroundings, name: str) -> Any:  # noqa: ANN401 - a name or a place
    """Find the key that a part of a variable's name means: case and signs do not count."""
    if isinstance(node, list):
        if not part.isdecimal() or int(part) >= len(node):
            raise around.error(
                name, f"{part!r} is no place in a list of {len(node)}; they count from 0", key=dotted(path)
            )
        return int(part)
    keys = [*node, *(Config.valid_keys() - node.keys() if not path else ())]
    found = [key for key in keys if _plain(str(key)) == _plain(part)]
    if len(found) > 1:
        raise around.error(name, f"may mean {' or '.join(map(str, found))}; change the file instead", key=dotted(path))
    return found[0] if found else part


def _plain(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", key.lower())
