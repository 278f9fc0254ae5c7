"""What a selector was opened with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from selector.config import Config

__all__ = ["Opened"]


class Opened(NamedTuple):
    """A configuration, and the file that it was read from."""

    config: Config
    file: Path | None
