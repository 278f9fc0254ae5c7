"""What came of a call: checks of its answer.

A check says of an answer how good it is: a `Verdict`. `checks_of` makes it of what the configuration asks for, and
`user_check` of a function. Most look at the answer alone, or run a program on it. For a judge, which is another
model, `judge_task` writes the task that it is asked; who asks it makes the call.
"""

from selector.outcomes._checks import Check, checks_of
from selector.outcomes._command import CommandCheck
from selector.outcomes._judge import JudgeCheck, judge_for, judge_score, judge_task
from selector.outcomes._text import TextCheck, schema_check
from selector.outcomes._verdict import UserCheck, Verdict, user_check, verdict_of

__all__ = [
    "Check",
    "CommandCheck",
    "JudgeCheck",
    "TextCheck",
    "UserCheck",
    "Verdict",
    "checks_of",
    "judge_for",
    "judge_score",
    "judge_task",
    "schema_check",
    "user_check",
    "verdict_of",
]
