"""What another policy would have earned: full matrices replayed exactly, beside what could have been had."""

from selector.replay._references import Reference, references
from selector.replay._settings import Settings, settings_of
from selector.replay._simulate import PassResult, Protocol, simulate
from selector.replay._study import Difference, Row, Study, run_study
from selector.replay._table import Matrix, load_matrix
from selector.replay._world import World, published_world, world_citations

__all__ = [
    "Difference",
    "Matrix",
    "PassResult",
    "Protocol",
    "Reference",
    "Row",
    "Settings",
    "Study",
    "World",
    "load_matrix",
    "published_world",
    "references",
    "run_study",
    "settings_of",
    "simulate",
    "world_citations",
]
