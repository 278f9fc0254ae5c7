"""One stream through a peer, then the same one through the selector, which may spend what the peer did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments._outcomes import default_settings, load
from experiments._stream import Stream, prompts_in
from experiments._sweep import Result
from experiments.peers._routers import NEEDS, PEERS, Peer, is_installed
from selector.replay import Matrix, references

__all__ = ["Config", "run"]

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One peer on one matrix."""

    file: str
    peer: str
    usd: float | None = None
    """Per request, where the peer has a budget."""
    learn: str = "val"
    measure: str = "test"
    seeds: int = 10


def run(config: Config) -> Result:
    """Return reward and cost of both, seed by seed; or why there is nothing to compare with."""
    if not is_installed(config.peer):
        return {"skipped": f"pip install {NEEDS[config.peer][1]}"}
    matrix = load(config.file)
    learnt, measured = (prompts_in(matrix, name) for name in (config.learn, config.measure))
    seeds = list(range(config.seeds))
    orders = Stream(matrix, None, seeds, default_settings(matrix))
    before, after = orders.shuffled(learnt), orders.shuffled(measured)
    theirs = np.array([_theirs(config, matrix, seed, before[:, seed], after[:, seed]) for seed in seeds])
    usd = config.usd or float(theirs[:, 1].mean())
    stream = Stream(matrix, usd, seeds, default_settings(matrix))
    stream.go(before)
    ours = stream.go(after)
    points = {each.name: each.mean_reward for each in references(matrix.in_split(config.measure), [usd])[:3]}
    return {
        "usd": usd,
        "theirs": {"reward": theirs[:, 0].tolist(), "cost_usd": theirs[:, 1].tolist()},
        "ours": {"reward": ours.reward.tolist(), "cost_usd": ours.cost_usd.tolist()},
        "points": points,
    }


def _theirs(config: Config, matrix: Matrix, seed: int, before: Ints, after: Ints) -> tuple[float, float]:
    """Let a peer learn, go on learning, and be measured; return its mean reward and cost."""
    peer: Peer = PEERS[config.peer](matrix, config.usd, seed)
    reward = spent = 0.0
    for part in (before, after):
        reward = spent = 0.0
        for prompt in part.tolist():
            type_ = int(matrix.type[prompt])
            arm = peer.select(type_)
            score, cost = float(matrix.score[prompt, arm]), float(matrix.cost_usd[prompt, arm])
            peer.record(type_, arm, score, cost)
            reward, spent = reward + score, spent + cost
    return reward / len(after), spent / len(after)
