"""Learning rates at points computed by hand."""

import pytest

import dougong


@pytest.mark.parametrize(
    ("settings", "updates", "points"),
    [
        ({"warmup": 4}, 12, {0: 1 / 5, 1: 2 / 5, 3: 4 / 5, 4: 1, 8: 1 / 2, 11: 1 / 8, 12: 0}),
        ({"warmup": 0.25}, 12, {0: 1 / 4, 2: 3 / 4, 3: 1, 6: 2 / 3, 12: 0}),
        ({"warmup": 0}, 10, {0: 1, 5: 1 / 2, 9: 1 / 10, 10: 0, 11: 0}),
        ({"warmup": 2, "final": 0.2}, 10, {0: 1 / 3, 2: 1, 6: 0.6, 10: 0.2, 99: 0.2}),
        ({"warmup": 5}, 5, {0: 1 / 6, 4: 5 / 6, 5: 0}),
        ({"warmup": 9}, 3, {0: 1 / 10, 2: 3 / 10}),
        ({}, 1, {0: 1}),
    ],
)
def test_linear_warmup(settings, updates, points):
    schedule = dougong.create("schedule", "linear_warmup", **settings)
    assert {at: schedule.factor(at, updates) for at in points} == pytest.approx(points)


def test_no_update_is_lost_to_a_rate_of_zero():
    schedule = dougong.create("schedule", "linear_warmup")
    for updates in range(1, 60):
        assert min(schedule.factor(update, updates) for update in range(updates)) > 0


def test_constant():
    schedule = dougong.create("schedule", "constant")
    assert [schedule.factor(update, 7) for update in (0, 3, 7, 100)] == [1.0] * 4
