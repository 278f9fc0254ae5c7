"""The environment as a configuration sees it: the process's own, and under it a file of NAME=VALUE lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from selector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selector.config._schema import Config

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*\Z")
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*')\s*(?:#.*)?\Z""")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def env_path(config: Config, file: Path | None) -> Path | None:
    """Find the environment file that a configuration names.

    Parameters
    ----------
    config
        The configuration.
    file
        Where it was read from; None: nowhere, and the current folder counts.

    Returns
    -------
    Path or None
        From where the configuration lies; None: it names none.

    Examples
    --------
    >>> from selector.config import Config
    >>> env_path(Config.load({"env_file": ".env"}), Path("shop/selector.yaml")).as_posix()
    'shop/.env'
    """
    if config.env_file is None:
        return None
    return (Path() if file is None else file.parent) / Path(config.env_file).expanduser()


def environment(config: Config, file: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Read the environment that holds under a configuration.

    Parameters
    ----------
    config
        The configuration, which may name an `env_file`.
    file
        Where it was read from.
    environ
        The process's own environment, such as `os.environ`: what it sets counts before the file.

    Returns
    -------
    dict
        Values by name: never to be printed, for they hold keys.

    Raises
    ------
    ConfigError
        If the file is not there or a line is none; it names file and line and never what stands there.

    Examples
    --------
    >>> from selector.config import Config
    >>> environment(Config.load({}), None, {"WORK_KEY": "..."})
    {'WORK_KEY': '...'}
    """
    path = env_path(config, file)
    return {**({} if path is None else read_env(path)), **environ}


def read_env(path: Path) -> dict[str, str]:
    """Read a file of ``NAME=VALUE`` lines: ``export`` before them, quotes and comments as shells have them.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict
        Values by name; of a name that stands twice the last counts.

    Raises
    ------
    ConfigError
        If it cannot be read, or a line is neither empty, a comment nor a pair.

    Examples
    --------
    >>> read_env(Path("nowhere.env"))
    Traceback (most recent call last):
    selector.errors.ConfigError: nowhere.env: there is no such file
    """
    problem, text = "", ""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = "there is no such file"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    if problem:
        raise ConfigError(problem, file=str(path))
    return dict(_pairs(text, str(path)))


def _pairs(text: str, file: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.match(line)
        value = None if found is None else _value(found[2])
        if found is None or value is None:
            raise ConfigError("is no line of an environment; write NAME=VALUE", file=file, line=number)
        yield found[1], value


def _value(written: str) -> str | None:
    """Take quotes and comments off; None: a quote is open."""
    if not written.startswith(("'", '"')):
        return re.split(r"(?:\A|\s)#", written, maxsplit=1)[0].rstrip()
    found = _QUOTED.match(written)
    if found is None:
        return None
    inner = found[1][1:-1]
    if written.startswith("'"):
        return inner
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), inner)
