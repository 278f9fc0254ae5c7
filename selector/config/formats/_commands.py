"""Providers behind command templates: a program with placeholders becomes a native command."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from selector.config._commands import command_presets
from selector.config._providers import _LIKE_A_KEY, PLACEHOLDERS
from selector.config.formats._vendors import SEEN_BY_COMMANDS, keys_of, known_provider

if TYPE_CHECKING:
    from selector.config._places import KeyPath
    from selector.config.formats._draft import Draft

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_]+)\}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OFF: Final = "the program sees these variables of the environment alone: add others to"


def command_of(draft: Draft, path: KeyPath, name: str) -> dict[str, Any]:
    """Read the entry of a provider: its command template, else how it is known by its name.

    Parameters
    ----------
    draft
        The native document.
    path
        Where the entry stands.
    name
        What the foreign document calls the provider.

    Returns
    -------
    dict
        A native provider.

    Raises
    ------
    ConfigError
        If it has no command and is not known by its name, or its template is none.
    """
    reading = draft.reading
    key = reading.text((*path, "api_key_env"))
    if key is not None and not _VARIABLE.match(key):
        # It is not repeated: it may be the key itself.
        raise reading.error((*path, "api_key_env"), "must be the name of a variable, and never the key itself")
    native = f"providers.{draft.name_of(name, path)}"
    if not reading.has((*path, "command_template")):
        return _known(draft, path, name, key)
    argv = _argv(draft, (*path, "command_template"))
    found: dict[str, Any] = {"kind": "command", "argv": argv}
    word = f"{native}.argv"
    if any("{prompt_file}" in each for each in argv):
        found["prompt"] = "file"
    if any("{output_file}" in each for each in argv):
        found["output"] = {"from": "file"}
    found["env"] = list(dict.fromkeys([*_seen(argv[0]), *([key] if key else keys_of(name))]))
    reading.translated((*path, "command_template"), f"{word}; {_OFF} {native}.env")
    strange = sorted({each for part in argv for each in _PLACEHOLDER.findall(part)} - {*PLACEHOLDERS, "prompt"})
    if strange:
        said = ", ".join(f"{{{each}}}" for each in strange)
        reading.warned((*path, "command_template"), f"nothing is put in place of {said}: it is handed on as it stands")
    if key is not None:
        reading.translated((*path, "api_key_env"), f"{native}.env")
    return found


def _argv(draft: Draft, path: KeyPath) -> list[str]:
    reading = draft.reading
    said = reading.at(path)
    if isinstance(said, str):
        try:
            argv = shlex.split(said)
        except ValueError:
            argv = []
    else:
        argv = list(reading.texts(path))
    for place, each in enumerate(argv):
        if _LIKE_A_KEY.search(each):
            raise reading.error((*path, place), "looks like a key, and arguments can be read by all: give api_key_env")
    if not argv:
        raise reading.error(path, "must be a program with its arguments, as a list of texts")
    return argv


def _known(draft: Draft, path: KeyPath, name: str, key: str | None) -> dict[str, Any]:
    reading = draft.reading
    found = known_provider(name)
    if found is None:
        raise reading.error((*path, "command_template"), f"is required: nobody knows how to call {name!r}")
    if key is None:
        return found
    native = f"providers.{draft.name_of(name, path)}"
    if found["kind"] == "command":
        found["env"] = [*command_presets()[found["preset"]].env, key]
        reading.translated((*path, "api_key_env"), f"{native}.env")
    else:
        found["api_key"] = f"env:{key}"
        reading.translated((*path, "api_key_env"), f"{native}.api_key")
    return found


def _seen(program: str) -> tuple[str, ...]:
    """Say what a program sees of the environment: what its preset lets it, else what any program needs."""
    word = program.rsplit("/", 1)[-1]
    preset = next((each for each in command_presets().values() if each.argv[0] == word), None)
    return SEEN_BY_COMMANDS if preset is None else preset.env
