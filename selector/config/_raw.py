"""From a path or a mapping to plain values with their places, whatever format they are of."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path

from selector.config._json import read_json
from selector.config._places import Document, Places
from selector.config._toml import read_toml
from selector.config._yaml import read_yaml
from selector.errors import ConfigError, nearest

_READERS = {".yaml": read_yaml, ".yml": read_yaml, ".toml": read_toml, ".json": read_json}


def raw(source: object) -> Document:
    """Read plain values with their places, and nothing into them.

    Parameters
    ----------
    source
        A path, as text or `pathlib.Path`, or a mapping.

    Returns
    -------
    Document
        A mapping's values have no places; an empty file is an empty mapping.

    Raises
    ------
    ConfigError
        If there is no such file, it is not text, or its suffix is none that can be read.

    Examples
    --------
    >>> raw({"model_list": []}).value
    {'model_list': []}
    >>> raw("selector.jsn")
    Traceback (most recent call last):
    selector.errors.ConfigError: selector.jsn: has the suffix '.jsn'; did you mean '.json'?
    """
    if isinstance(source, Mapping):
        return Document(value=source, places=Places())
    if not isinstance(source, (str, PathLike)):
        raise ConfigError(
            f"a configuration is a path, a mapping or a Config, not an object of type {type(source).__name__}"
        )
    name = fspath(source)
    if isinstance(name, bytes):
        raise ConfigError("a configuration's path is text, not bytes")
    suffix = Path(name).suffix.lower()
    if suffix not in _READERS:
        raise ConfigError(f"has the suffix {suffix!r}{nearest(suffix, _READERS)}", file=name)
    found = _READERS[suffix](_text(name), name)
    return found if found.value is not None else Document(value={}, places=found.places)


def _text(name: str) -> str:
    problem = ""
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = "there is no such file"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {error.strerror if isinstance(error, OSError) else error}"
    raise ConfigError(problem, file=name)
