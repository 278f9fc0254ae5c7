"""Who may serve a task, and why others may not.

`Screen` knows what the configuration, the rules and the task say, `cost_exclusions` what it may cost, `count_tokens`
how long its input is. Each answers with one exclusion or None per model, in the order of the catalog. An
`Availability` is what knowledge of quotas and health comes in by, and `Health` is what knows them.
"""

from selector.candidates._availability import Availability
from selector.candidates._cost import Costs, cost_exclusions
from selector.candidates._forced import Forced
from selector.candidates._health import Health
from selector.candidates._pools import Pool, QuotaTerms, pools_of
from selector.candidates._quota_words import QuotaState
from selector.candidates._quotas import Quotas
from selector.candidates._screen import Screen
from selector.candidates._tokens import count_tokens

__all__ = [
    "Availability",
    "Costs",
    "Forced",
    "Health",
    "Pool",
    "QuotaState",
    "QuotaTerms",
    "Quotas",
    "Screen",
    "cost_exclusions",
    "count_tokens",
    "pools_of",
]
