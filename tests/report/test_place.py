"""Labels stand beside their points, inside the bounds, and over nothing where there is room."""

import numpy as np
import pytest

from selector.report.figures._place import Label, place

BOUNDS = (0.0, 0.0, 600.0, 400.0)


@pytest.mark.parametrize("seed", range(5))
def test_twelve_labels_on_random_points_cover_neither_each_other_nor_a_point(seed):
    points = np.random.default_rng(seed).uniform((60, 20), (540, 380), (12, 2))
    labels = [Label(70, 12, point[None]) for point in points]
    places = place(labels, np.c_[points, np.full(12, 50.0)], BOUNDS)
    boxes = np.array([(at.x, at.y, at.x + 70, at.y + 12) for at in places])
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (600, 400)).all()
    for i, box in enumerate(boxes):
        assert not ((points > box[:2]) & (points < box[2:])).all(1).any()
        for other in boxes[:i]:
            assert (box[:2] >= other[2:]).any() or (box[2:] <= other[:2]).any()


def test_a_free_label_stands_next_to_its_first_point_without_a_leader():
    (at,) = place([Label(40, 10, np.array([[300.0, 200.0], [100.0, 100.0]]))], np.zeros((0, 3)), BOUNDS)
    assert at.leader is None
    assert abs(at.x + 20 - 300) < 40
    assert abs(at.y + 5 - 200) < 20


def test_a_label_that_had_to_move_away_gets_a_leader_to_its_point():
    grid = np.stack(np.meshgrid(np.arange(270, 331, 3), np.arange(180, 221, 3)), -1).reshape(-1, 2)
    (at,) = place([Label(40, 10, np.array([[300.0, 200.0]]))], np.c_[grid, np.full(len(grid), 50.0)], BOUNDS)
    assert at.leader is not None
    assert at.leader[:2] == (300.0, 200.0)


def test_labels_stay_inside_at_a_corner():
    (at,) = place([Label(90, 12, np.array([[599.0, 399.0]]))], np.array([[599.0, 399.0, 50.0]]), BOUNDS)
    assert at.x + 90 <= 600
    assert at.y + 12 <= 400


def test_no_labels_need_no_place():
    assert place([], np.zeros((0, 3)), BOUNDS) == []
