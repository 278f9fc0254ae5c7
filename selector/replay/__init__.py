"""What another policy would have earned."""

from selector.replay._simulate import PassResult, Protocol, simulate
from selector.replay._table import Matrix, load_matrix

__all__ = ["Matrix", "PassResult", "Protocol", "load_matrix", "simulate"]
