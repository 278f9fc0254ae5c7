"""One choice, and what is learnt from it: beliefs, draws, price and exploration in step, for every seed at once."""

from selector.decision._board import Board
from selector.decision._decider import Decider
from selector.decision._explain import candidates
from selector.decision._odds import COIN, Cost, Odds, propensities
from selector.decision._setup import Setup
from selector.decision._uniform import split

__all__ = ["COIN", "Board", "Cost", "Decider", "Odds", "Setup", "candidates", "propensities", "split"]
