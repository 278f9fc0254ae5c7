"""The condition language, and what follows where a condition holds.

A condition is small, total and free of side effects: it is read and checked when a configuration is loaded, and cannot
fail afterwards. `Condition.of` reads one, `Facts.of` gathers what it asks for, `Rules.apply` says what follows.

::

    condition   either                    and, or, not, brackets; `not` binds closest, then `and`, then `or`
    comparison  value SIGN value          == != < <= > >= contains starts_with ends_with matches in, not in
    value       12, .5, 'text', "text", ['a', 'b'], true, false, null, or a name
    name        hour weekday priority labels task_type retry_count input_tokens purpose
                metadata.NAME metadata['any name'] task.NAME
                session.id session.turn session.phase session.n_failures session.model session.provider session.route
                provider_status['NAME'] quota['NAME'].remaining budget['NAME'].remaining

Texts differ in upper and lower case, and are ordered letter by letter. `contains` asks a list for a member and a text
for a part. `matches` looks for a pattern of RE2 anywhere in a text. `hour` and `weekday` (mon to sun) are those of
the configured zone, `remaining` is a share from 0 to 1. Of a session, `turn` is the one being chosen for, from 1 on,
`phase` the purpose that serves it, `n_failures` how many turns failed in a row, and `model`, `provider`, `route` are
those of the turn before; `metadata` holds what else its owner says. A comparison with a value that is missing, or of
another kind, does not hold; `!=` holds for a value that is there and differs.
"""

from selector.rules._applied import Applied, Arm, Fired, Limit, Trial
from selector.rules._condition import Condition, Explanation, Leaf
from selector.rules._facts import Facts, Surroundings
from selector.rules._names import STATUSES, WEEKDAYS, Vocabulary
from selector.rules._place import Place
from selector.rules._rule import EFFECTS, Rule
from selector.rules._rules import Considered, Match, Rules

__all__ = [
    "EFFECTS",
    "STATUSES",
    "WEEKDAYS",
    "Applied",
    "Arm",
    "Condition",
    "Considered",
    "Explanation",
    "Facts",
    "Fired",
    "Leaf",
    "Limit",
    "Match",
    "Place",
    "Rule",
    "Rules",
    "Surroundings",
    "Trial",
    "Vocabulary",
]
