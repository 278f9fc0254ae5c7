"""Where labels go: each beside one of its points, over no other label, over as little else as can be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Label", "Place", "place"]

Floats = NDArray[np.float64]
Bounds = tuple[float, float, float, float]  # left, lower, right, upper

_RADII = (7.0, 10.0, 16.0, 26.0, 40.0, 60.0, 85.0, 120.0)  # pixels between a point and its label
_WAYS = 24  # directions that are tried
_SWEEPS = 6
_GAP = 2.0  # pixels kept free around a label
_AIR = 9.0  # pixels in which a label would rather not have what is another's
_KEPT = 600  # of a label's options, the best by themselves: others are not looked at again
_STEPS = np.linspace(0, 1, 9)  # where a leader is checked against other labels


class Label(NamedTuple):
    """A text to place."""

    width: float
    """In pixels."""
    height: float
    """In pixels."""
    anchors: Floats
    """The points it may stand beside, the first preferred, shape (n_anchors, 2), pixels."""


class Place(NamedTuple):
    """Where a label went."""

    x: float
    """Its left edge, in pixels."""
    y: float
    """Its lower edge."""
    leader: tuple[float, float, float, float] | None
    """A thin line from its point to its edge, x0 y0 x1 y1, where it stands away from it."""


def place(labels: list[Label], obstacles: Floats, bounds: Bounds) -> list[Place]:
    """Place labels one after the other at the least cost, then again, seeing the others, until nothing moves.

    Parameters
    ----------
    labels
        The most important first.
    obstacles
        Points not to be covered and what covering one costs, shape (n, 3): x, y in pixels, weight > 0; a line is many
        light points.
    bounds
        Left, lower, right and upper edge of where labels may be.

    Returns
    -------
    list
        One place per label, in order.

    Examples
    --------
    >>> points = np.array([[50.0, 50.0, 10.0], [50.0, 51.0, 10.0]])
    >>> labels = [Label(30, 10, points[i : i + 1, :2]) for i in range(2)]
    >>> one, two = place(labels, points, (0, 0, 100, 100))
    >>> abs(one.y - two.y) >= 10 or abs(one.x - two.x) >= 30
    True
    """
    tally = _tally(obstacles, bounds)
    ranked = [_ranked(label, tally, bounds) for label in labels]
    options, own = [(boxes, anchors) for boxes, anchors, _ in ranked], [cost for _, _, cost in ranked]
    chosen = np.full(len(labels), -1)
    for _ in range(_SWEEPS):
        before = chosen.copy()
        for i, (boxes, anchors) in enumerate(options):
            others = [j for j in range(len(labels)) if j != i and chosen[j] >= 0]
            taken = np.array([options[j][0][chosen[j]] for j in others]).reshape(-1, 4)
            leaders = np.array([_leader(options[j][0][chosen[j]], options[j][1][chosen[j]]) for j in others])
            chosen[i] = (own[i] + _clash(boxes, anchors, taken, leaders.reshape(-1, len(_STEPS), 2))).argmin()
        if (chosen == before).all():
            break
    return [_placed(boxes[k], anchors[k]) for (boxes, anchors), k in zip(options, chosen.tolist(), strict=True)]


def _options(label: Label) -> tuple[Floats, Floats]:
    """Return boxes (x0, y0, x1, y1) to choose from, and the anchor of each."""
    angle = np.arange(_WAYS) * 2 * np.pi / _WAYS
    way = np.stack([np.cos(angle), np.sin(angle)], -1)
    half = np.array([label.width, label.height]) / 2
    reach = np.maximum(np.abs(way).max(-1, keepdims=True), 1e-9)  # the box's own edge lies on the way's square
    offset = (way[None] * np.array(_RADII)[:, None, None] + way / reach * half).reshape(-1, 2)
    centre = (label.anchors[:, None] + offset).reshape(-1, 2)
    anchors = np.repeat(label.anchors, len(offset), axis=0)
    return np.concatenate([centre - half, centre + half], -1), anchors


def _ranked(label: Label, tally: Floats, bounds: Bounds) -> tuple[Floats, Floats, Floats]:
    """Return the options that are best by themselves, with their cost: over points, out of bounds, far, later."""
    boxes, anchors = _options(label)
    low, high = boxes[:, :2], boxes[:, 2:]
    outside = np.maximum(np.array(bounds[:2]) - low, 0).sum(1) + np.maximum(high - np.array(bounds[2:]), 0).sum(1)
    over, near = (_over(boxes - np.array(bounds[:2] * 2), tally, gap) for gap in (_GAP, _AIR))
    distance = np.hypot(*(anchors - np.clip(anchors, low, high)).T)
    later = np.repeat(np.arange(len(label.anchors)), len(boxes) // len(label.anchors))
    cost = 1e4 * outside + over + 0.04 * near + 0.8 * distance + 0.5 * later
    best = np.argsort(cost, kind="stable")[:_KEPT]
    return boxes[best], anchors[best], cost[best]


def _tally(obstacles: Floats, bounds: Bounds) -> Floats:
    """Sum the weights of obstacles below and left of each pixel: then the sum in any box is four readings."""
    x0, y0, x1, y1 = bounds
    size = (max(int(x1 - x0), 1) + 1, max(int(y1 - y0), 1) + 1)
    at = np.floor(obstacles[:, :2] - [x0, y0]).astype(int)
    within = ((at >= 0) & (at < size)).all(1)
    table = np.zeros((size[0] + 1, size[1] + 1))
    np.add.at(table, tuple(at[within].T + 1), obstacles[within, 2])
    summed: Floats = table.cumsum(0).cumsum(1)
    return summed


def _over(boxes: Floats, tally: Floats, gap: float) -> Floats:
    """Return the weight of what lies within a gap of each box, boxes relative to the tally's corner."""
    most = np.array(tally.shape) - 1
    (x0, y0), (x1, y1) = (
        np.clip(np.round(edge), 0, most).astype(int).T for edge in (boxes[:, :2] - gap, boxes[:, 2:] + gap)
    )
    weight: Floats = tally[x1, y1] - tally[x0, y1] - tally[x1, y0] + tally[x0, y0]
    return weight


def _clash(boxes: Floats, anchors: Floats, taken: Floats, leaders: Floats) -> Floats:
    """Cost of the other labels being where they are: overlaps, and leaders through texts."""
    if not len(taken):
        return np.zeros(len(boxes))
    low, high = boxes[:, None, :2] - _GAP, boxes[:, None, 2:] + _GAP
    overlap = np.maximum(np.minimum(high, taken[:, 2:]) - np.maximum(low, taken[:, :2]), 0).prod(-1)
    mine = _leader(boxes, anchors)[:, :, None]
    through = _within(mine, taken).sum((1, 2))
    under = _within(leaders.reshape(-1, 2), boxes[:, None]).sum(1)
    cost: Floats = 1e3 * (overlap > 0).sum(1) + 10 * overlap.sum(1) + 30.0 * (through + under)
    return cost


def _within(points: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Tell which points lie inside of boxes."""
    x, y = points[..., 0], points[..., 1]
    found: NDArray[np.bool_] = (x > boxes[..., 0]) & (x < boxes[..., 2]) & (y > boxes[..., 1]) & (y < boxes[..., 3])
    return found


def _leader(box: Floats, anchor: Floats) -> Floats:
    """Return points on the way from an anchor to the nearest point of its box."""
    end = np.clip(anchor, box[..., :2], box[..., 2:])
    points: Floats = anchor[..., None, :] + _STEPS[:, None] * (end - anchor)[..., None, :]
    return points


def _placed(box: Floats, anchor: Floats) -> Place:
    end = np.clip(anchor, box[:2], box[2:])
    away = float(np.hypot(*(end - anchor))) > _RADII[1] + 1
    leader = (float(anchor[0]), float(anchor[1]), float(end[0]), float(end[1])) if away else None
    return Place(float(box[0]), float(box[1]), leader)
