"""What holds for a provider behind a command line: its own keys, over those of its preset."""

from __future__ import annotations

from typing import NamedTuple

from selector.config import CommandPreset, OutputConfig, ProviderConfig, command_presets
from selector.errors import ConfigError, nearest
from selector.execution._argv import named
from selector.execution._command_failures import Patterns

__all__ = ["USUAL", "Settings", "settings_of"]

USUAL = ("HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TERM", "TZ", "TMPDIR")
"""The variables that a command sees where neither the user nor a preset names any: none that holds a key."""


class Settings(NamedTuple):
    """What holds."""

    argv: tuple[str, ...]
    """The program and its arguments, with placeholders."""
    env: tuple[str, ...]
    """The names of all variables that it sees."""
    workdir: str | None
    """The folder it works in; None: one of its own for each call."""
    in_file: bool
    """Whether the prompt comes in a file instead of on the standard input."""
    output: OutputConfig
    """Where its answer is found."""
    patterns: Patterns
    """Which of its words mean a failure."""
    max_concurrent: int | None
    """How many calls may run at once."""
    max_output_bytes: int | None
    """How much it may print; None: the usual 16 MiB."""


def settings_of(name: str, config: ProviderConfig) -> Settings:
    """Put a provider's keys over those of its preset.

    Of ``output`` each key counts apart, the provider's ``failures`` come before the preset's, and a prompt comes in a
    file wherever ``{prompt_file}`` stands in the arguments.

    Parameters
    ----------
    name
        The provider's name, for messages.
    config
        Its section of the configuration.

    Returns
    -------
    Settings
        What holds.

    Raises
    ------
    ConfigError
        If the preset is not known, or the arguments do not say where a file is.

    Examples
    --------
    >>> settings_of("home", ProviderConfig(kind="command", preset="ollama", env=["HOME", "PATH"])).env
    ('HOME', 'PATH')
    """
    preset = _preset(name, config.preset)
    if preset is None and config.argv is None:
        raise ConfigError(f"providers.{name}.argv is required of a command: the program and its arguments")
    argv = config.argv if config.argv is not None or preset is None else preset.argv
    output = config.output if preset is None else preset.output.model_copy(update=config.output.given())
    settings = Settings(
        argv=argv or (),
        env=config.env or (USUAL if preset is None else preset.env),
        workdir=config.workdir,
        in_file=config.prompt == "file" or "prompt_file" in named(argv or ()),
        output=output,
        patterns=Patterns(
            config.failures,
            () if preset is None else preset.failures,
            {} if preset is None else preset.exit_codes,
        ),
        max_concurrent=config.max_concurrent,
        max_output_bytes=config.max_output_bytes,
    )
    _files_are_named(name, settings)
    return settings


def _preset(name: str, preset: str | None) -> CommandPreset | None:
    if preset is None:
        return None
    known = command_presets()
    if preset not in known:
        raise ConfigError(f"providers.{name}.preset: unknown preset {preset!r}{nearest(preset, known)}")
    return known[preset]


def _files_are_named(name: str, settings: Settings) -> None:
    for key, wanted, place in (
        ("prompt", settings.in_file, "prompt_file"),
        ("output.from", settings.output.source == "file", "output_file"),
    ):
        if wanted and place not in named(settings.argv):
            raise ConfigError(
                f"providers.{name}.{key} is 'file', and argv does not say which: put {{{place}}} into argv"
            )
