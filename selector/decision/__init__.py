"""One choice, and what is learnt from it: beliefs, draws, price and exploration in step, for every seed at once."""

from selector.decision._board import Board
from selector.decision._decider import Decider
from selector.decision._explain import candidates
from selector.decision._limited import Limited, Target
from selector.decision._odds import COIN, Cost, Odds, Toll, propensities
from selector.decision._route_beliefs import Deviation, RouteBeliefs, Speed
from selector.decision._route_choice import Considered, RouteAsk, RouteChoice
from selector.decision._routing import STRATEGIES, Routing, Strategy
from selector.decision._setup import Setup
from selector.decision._uniform import split

__all__ = [
    "COIN",
    "STRATEGIES",
    "Board",
    "Considered",
    "Cost",
    "Decider",
    "Deviation",
    "Limited",
    "Odds",
    "RouteAsk",
    "RouteBeliefs",
    "RouteChoice",
    "Routing",
    "Setup",
    "Speed",
    "Strategy",
    "Target",
    "Toll",
    "candidates",
    "propensities",
    "split",
]
