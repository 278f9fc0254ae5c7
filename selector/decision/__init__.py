"""One choice, and what is learnt from it: beliefs, draws, price and exploration in step, for every seed at once."""

from selector.decision._board import Board, Odds
from selector.decision._decider import Decider
from selector.decision._explain import candidates
from selector.decision._setup import Setup

__all__ = ["Board", "Decider", "Odds", "Setup", "candidates"]
