"""The check that a configuration asks for."""

from __future__ import annotations

from selector.config import CheckConfig
from selector.outcomes._command import CommandCheck
from selector.outcomes._judge import JudgeCheck
from selector.outcomes._text import TextCheck, json_check, not_empty_check, regex_check, schema_check
from selector.outcomes._verdict import UserCheck

__all__ = ["Check", "checks_of"]

Check = TextCheck | CommandCheck | JudgeCheck | UserCheck
"""A check of answers. All but a judge's have `verdict(answer)` and, for the same, `averdict(answer)`; `needs` tells
them apart."""


def checks_of(config: CheckConfig) -> Check:
    """Make the check that a task type's configuration asks for.

    Parameters
    ----------
    config
        One way to check, as the key ``check`` has it.

    Returns
    -------
    Check
        It may be kept and used from several threads.

    Examples
    --------
    >>> checks_of(CheckConfig(judge="opus")).needs, checks_of(CheckConfig(not_empty=True)).needs
    ('judge', 'nothing')
    """
    if config.command is not None:
        return CommandCheck(config.command, config.timeout_s)
    if config.judge is not None:
        return JudgeCheck(config.judge, config.rubric)
    if config.json_schema is not None:
        return schema_check(config.json_schema)
    if config.regex is not None:
        return regex_check(config.regex)
    return json_check() if config.kind == "json" else not_empty_check()
