"""Where all randomness of a selector comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Randomness"]


@dataclass(frozen=True, slots=True)
class Randomness:
    """Where all randomness comes from: a seed, or nothing that can be repeated."""

    seed: int | None

    def choices(self, *fork: int) -> np.random.Generator:
        """Give the generator of uniform numbers."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(1, *fork)))

    def waits(self) -> np.random.Generator:
        """Give the generator of how long to wait before another try."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(3,)))

    def key(self, *fork: int) -> int:
        """Give the key of posterior draws."""
        words = np.random.SeedSequence(self.seed, spawn_key=(2, *fork)).generate_state(4)
        return int.from_bytes(words.tobytes())
