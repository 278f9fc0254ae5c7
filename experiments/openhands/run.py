"""Every default on, at one budget of the `openhands_index` matrix."""

from experiments._outcomes import Config, run

__all__ = ["Config", "run"]
