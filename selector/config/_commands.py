"""Command lines that come with the library: how they are called, read and understood, as data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, model_validator

from selector.config._output import FailurePatternConfig, OutputConfig
from selector.config._providers import Argv, Variables
from selector.config._reasons import Reason
from selector.config._section import Section, Word, a_list
from selector.config._yaml import read_yaml

_FILE = "_commands.yaml"


class CommandModel(Section):
    """A model that a command line serves.

    Examples
    --------
    >>> CommandModel(name="opus", id="opus", family="claude").id
    'opus'
    """

    name: Word
    """What a first configuration calls it."""
    id: Word
    """What the command line calls it."""
    family: Word
    """Whom it pools beliefs with."""


class CommandPreset(Section):
    """A command line, with the keys that a provider of the kind ``command`` has.

    Examples
    --------
    >>> command_presets()["ollama"].argv
    ('ollama', 'run', '--hidethinking', '{model}')
    """

    argv: Argv
    """The program and its arguments."""
    env: Variables
    """The names of all variables of the environment that it sees."""
    output: OutputConfig = OutputConfig.model_construct()
    """Where its answer is found."""
    failures: Annotated[tuple[FailurePatternConfig, ...], BeforeValidator(a_list)] = ()
    """Which of its words mean a failure."""
    exit_codes: dict[int, Reason] = Field(default_factory=dict)
    """What an exit code means where no words say it."""
    models: Annotated[tuple[CommandModel, ...], BeforeValidator(a_list)] = ()
    """Its usual models, roughly of all the cheaper first; none: it serves what is installed."""

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(codes := value.get("exit_codes"), dict):
            return {**value, "exit_codes": {int(code): reason for code, reason in codes.items()}}
        return value


@cache
def command_presets() -> Mapping[str, CommandPreset]:
    """Give the command lines that are known, by their names.

    Returns
    -------
    Mapping
        In the order in which a first configuration lists them.

    Examples
    --------
    >>> list(command_presets())
    ['claude-code', 'codex', 'gemini-cli', 'llm', 'ollama']
    """
    text = files("selector.config").joinpath(_FILE).read_text(encoding="utf-8")
    presets = cast("dict[str, Any]", read_yaml(text, _FILE).value)
    return {name: CommandPreset.model_validate(values) for name, values in presets.items()}


def installed(path: str) -> tuple[str, ...]:
    """Tell which known command lines are on a path; none of them is run.

    Parameters
    ----------
    path
        Folders, as in the variable ``PATH``.

    Returns
    -------
    tuple
        The names of their presets.

    Examples
    --------
    >>> installed("/no/such/folder")
    ()
    """
    return tuple(name for name, preset in command_presets().items() if shutil.which(preset.argv[0], path=path))
