"""Learning rates at points computed by hand, and against PyTorch's own where it has the same."""

import math

import pytest
import torch

import dougong
from dougong.registry.catalogue import Catalogue

GIVEN = {"piecewise_linear": {"points": {0: 0.1, 5: 1, 20: 0.1}}}
EVERY = [plugin.name for plugin in Catalogue() if plugin.kind == "schedule"]
WARM = [name for name in EVERY if Catalogue().get("schedule", name).signature.setting("warmup")]
ROOT = math.sqrt


def create(name, **settings):
    return dougong.create("schedule", name, **{**GIVEN.get(name, {}), **settings})


@pytest.mark.parametrize(
    ("name", "settings", "updates", "points"),
    [
        ("linear_warmup", {"warmup": 4}, 12, {0: 1 / 5, 1: 2 / 5, 3: 4 / 5, 4: 1, 8: 1 / 2, 11: 1 / 8, 12: 0}),
        ("linear_warmup", {"warmup": 0.25}, 12, {0: 1 / 4, 2: 3 / 4, 3: 1, 6: 2 / 3, 12: 0}),
        ("linear_warmup", {"warmup": 0}, 10, {0: 1, 5: 1 / 2, 9: 1 / 10, 10: 0, 11: 0}),
        ("linear_warmup", {"warmup": 2, "final": 0.2}, 10, {0: 1 / 3, 2: 1, 6: 0.6, 10: 0.2, 99: 0.2}),
        ("linear_warmup", {"warmup": 5}, 5, {0: 1 / 6, 4: 5 / 6, 5: 0}),
        ("linear_warmup", {"warmup": 9}, 3, {0: 1 / 10, 2: 3 / 10}),
        ("linear_warmup", {}, 1, {0: 1}),
        ("constant", {}, 7, {0: 1, 3: 1, 7: 1, 100: 1}),
        ("constant", {"warmup": 3}, 7, {0: 1 / 4, 2: 3 / 4, 3: 1, 7: 1}),
        (
            "cosine",
            {"warmup": 2},
            10,
            {0: 1 / 3, 2: 1, 4: 0.5 + ROOT(1 / 8), 6: 0.5, 10: 0, 99: 0},
        ),
        ("cosine", {"warmup": 0, "final": 0.2}, 6, {0: 1, 2: 0.2 + 0.8 * 0.75, 3: 0.6, 4: 0.2 + 0.8 * 0.25, 6: 0.2}),
        ("polynomial", {"warmup": 2}, 10, {0: 1 / 3, 2: 1, 4: 9 / 16, 6: 1 / 4, 10: 0, 99: 0}),
        ("polynomial", {"warmup": 0, "power": 0.5, "final": 0.1}, 4, {0: 1, 3: 0.1 + 0.9 * 0.5, 4: 0.1}),
        ("inverse_sqrt", {"warmup": 3}, 100, {0: 1 / 4, 3: 1, 15: 1 / 2, 63: 1 / 4}),
        ("inverse_sqrt", {"warmup": 0}, 100, {0: 1, 3: 1 / 2, 99: 1 / 10}),
        ("piecewise_linear", {"points": {0: 0, 4: 1, 8: 0.5}}, 9, {0: 0, 1: 0.25, 4: 1, 6: 0.75, 8: 0.5, 99: 0.5}),
        ("piecewise_linear", {"points": {4: 2}}, 9, {0: 2, 4: 2, 8: 2}),
        ("piecewise_linear", {"points": {8: 0.5, 2: 1}}, 9, {0: 1, 2: 1, 5: 0.75, 9: 0.5}),
        ("piecewise_linear", {"points": {0: 1, 0.5: 1, 1: 0}, "unit": "share"}, 8, {0: 1, 4: 1, 6: 0.5, 8: 0}),
        ("one_cycle", {"warmup": 4, "start": 0.2}, 8, {0: 0.2, 2: 0.6, 4: 1, 6: 0.5, 8: 0, 99: 0}),
        ("one_cycle", {"warmup": 0.5, "shape": "linear", "final": 0.1}, 8, {0: 0.04, 1: 0.28, 4: 1, 6: 0.55, 8: 0.1}),
    ],
)
def test_factors_computed_by_hand(name, settings, updates, points):
    schedule = dougong.create("schedule", name, **settings)
    assert {at: schedule.factor(at, updates) for at in points} == pytest.approx(points, abs=1e-12)


def rates(scheduler, updates: int) -> list[float]:
    found = []
    for _ in range(updates):
        found.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_is_pytorchs_as_far_as_that_goes(shape):
    """PyTorch reaches its peak and its end one update earlier: its last update is our first after the run."""
    updates, rising = 40, 12
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        torch.optim.SGD([torch.zeros(1)], 1.0),
        max_lr=1.0,
        total_steps=updates + 1,
        pct_start=(rising + 1) / (updates + 1),
        anneal_strategy="cos" if shape == "cosine" else "linear",
        final_div_factor=1e4,
    )
    ours = create("one_cycle", shape=shape, final=0.04 / 1e4)
    assert [ours.factor(update, updates) for update in range(updates + 1)] == pytest.approx(rates(theirs, updates + 1))


def test_cosine_is_pytorchs_once_it_is_warm():
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.zeros(1)], 1.0), 30, eta_min=0.1)
    ours = create("cosine", warmup=5, final=0.1)
    assert [ours.factor(update, 35) for update in range(5, 35)] == pytest.approx(rates(theirs, 30))


@pytest.mark.parametrize("name", EVERY)
def test_no_update_is_lost_to_a_rate_of_zero(name):
    schedule = create(name)
    for updates in range(1, 60):
        assert min(schedule.factor(update, updates) for update in range(updates)) > 0


@pytest.mark.parametrize("name", EVERY)
def test_a_run_of_one_update_and_what_is_asked_after_the_end_are_numbers(name):
    schedule = create(name)
    for updates in (1, 2, 50):
        assert all(0 <= schedule.factor(update, updates) <= 1 for update in range(updates + 3))


@pytest.mark.parametrize("name", WARM)
def test_a_warmup_longer_than_the_run_only_rises(name):
    schedule = create(name, warmup=100)
    factors = [schedule.factor(update, 10) for update in range(10)]
    assert factors == sorted(factors)
    assert 0 < factors[-1] < 1


@pytest.mark.parametrize("name", WARM)
def test_a_warmup_is_given_in_updates_or_as_a_share_and_zero_is_none(name):
    by_share, in_updates, without = (create(name, warmup=warmup) for warmup in (0.25, 10, 0))
    assert [by_share.factor(update, 40) for update in range(41)] == [in_updates.factor(at, 40) for at in range(41)]
    assert without.factor(0, 40) == 1
    assert in_updates.factor(0, 40) < 0.2


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cosine", {"final": 1.5}, "final: must be <= 1"),
        ("polynomial", {"power": 0}, "power: must be > 0"),
        ("piecewise_linear", {"points": {}}, "points: must be longer"),
        ("piecewise_linear", {"points": {-1: 1}}, "points: must be >= 0, got -1"),
        ("piecewise_linear", {"points": {0: -1}}, "points.0: must be >= 0"),
        ("piecewise_linear", {"points": {0: 1, 9: 0}, "unit": "share"}, "points: with unit=share .* got 9"),
    ],
)
def test_what_makes_no_curve_is_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        dougong.create("schedule", name, **settings)
