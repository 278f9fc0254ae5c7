"""What is believed: success, tokens and drift per (seed, task type, model), as numbers and nothing else.

Every array has a leading axis of seeds, so that a live selector (one seed) and a simulation (many) are the same code.
"""

from selector.posteriors._beliefs import Beliefs, Event, Learning
from selector.posteriors._draws import Draws, column_draws
from selector.posteriors._drift import Cusum
from selector.posteriors._evidence import EVERY, Cells, Evidence, Floats, Ints, Seeds
from selector.posteriors._families import Families
from selector.posteriors._joint import Joint
from selector.posteriors._priors import Priors
from selector.posteriors._success import Success
from selector.posteriors._tails import lognormal_quantile
from selector.posteriors._tokens import Tokens, output_token_equivalents, shrunk_ratio

__all__ = [
    "EVERY",
    "Beliefs",
    "Cells",
    "Cusum",
    "Draws",
    "Event",
    "Evidence",
    "Families",
    "Floats",
    "Ints",
    "Joint",
    "Learning",
    "Priors",
    "Seeds",
    "Success",
    "Tokens",
    "column_draws",
    "lognormal_quantile",
    "output_token_equivalents",
    "shrunk_ratio",
]
