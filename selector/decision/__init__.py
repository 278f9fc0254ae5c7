"""One choice, and what is learnt from it: beliefs, draws, price and exploration in step, for every seed at once."""

from selector.decision._decider import Decider
from selector.decision._explain import candidates
from selector.decision._setup import Setup

__all__ = ["Decider", "Setup", "candidates"]
