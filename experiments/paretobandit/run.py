"""Every default on, at one budget of the `paretobandit_k3` matrix."""

from experiments._outcomes import Config, run

__all__ = ["Config", "run"]
