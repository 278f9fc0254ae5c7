"""Every default on, at one budget of the `coderouterbench` matrix."""

from experiments._outcomes import Config, run

__all__ = ["Config", "run"]
