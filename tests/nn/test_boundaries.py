"""Starts and ends: their loss is that of its formula, and spans pair them as a search by hand does."""

import math
import random

import pytest
import torch

from dougong.nn.boundaries import least_logit, nearest_spans, power_loss

POWERS = pytest.mark.parametrize("power", [1, 2, 4])


@POWERS
def test_the_loss_is_the_cross_entropy_of_the_sigmoid_to_a_power(power):
    logits = torch.linspace(-8, 8, 41, dtype=torch.float64)
    probability = logits.sigmoid() ** power
    for targets in (torch.ones(41, dtype=torch.bool), torch.zeros(41, dtype=torch.bool)):
        expected = torch.nn.functional.binary_cross_entropy(probability, targets.double(), reduction="none")
        torch.testing.assert_close(power_loss(logits, targets, power), expected)


@POWERS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_and_gradient_are_exact_where_the_probability_is_rounded_to_0_or_1(power, dtype):
    logits = torch.tensor([-300.0, -90, 30, 90, 300], dtype=dtype, requires_grad=True)
    absent = power_loss(logits, torch.zeros(5, dtype=torch.bool), power)
    present = power_loss(logits, torch.ones(5, dtype=torch.bool), power)
    # Of a large logit x, 1 - p is about k e^-x; of a small one, p is e^kx.
    expected = torch.tensor([0, 0, *(x - math.log(power) for x in (30, 90, 300))], dtype=dtype)
    torch.testing.assert_close(absent, expected)
    torch.testing.assert_close(present, power * torch.tensor([300.0, 90, math.exp(-30), math.exp(-90), 0], dtype=dtype))
    (absent.sum() + present.sum()).backward()
    torch.testing.assert_close(logits.grad, torch.tensor([-power, -power, 1, 1, 1], dtype=dtype))


@POWERS
def test_the_gradient_agrees_with_finite_differences(power):
    logits = torch.randn(9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: power_loss(given, torch.arange(9) % 2 == 0, power), (logits,))


@POWERS
@pytest.mark.parametrize("probability", [0.01, 0.5, 0.6, 0.999])
def test_the_least_logit_is_where_the_probability_is_reached(power, probability):
    logit = torch.tensor(least_logit(probability, power), dtype=torch.float64)
    assert logit.sigmoid() ** power == pytest.approx(probability)


def by_hand(starts, ends, nested):
    """Each start with the first end that follows, if there is no other start between, or spans may be nested."""
    found = []
    texts, length, classes = starts.shape
    for text in range(texts):
        for kind in range(classes):
            for first in range(length):
                after = [last for last in range(first, length) if ends[text, last, kind]]
                others = after and any(starts[text, place, kind] for place in range(first + 1, after[0] + 1))
                if starts[text, first, kind] and after and (nested or not others):
                    found.append([text, kind, first, after[0]])
    return found


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("nested", [True, False])
def test_each_start_is_paired_with_the_nearest_end_of_its_text_and_class(share, nested):
    torch.manual_seed(0)
    for _ in range(20):
        shape = (random.randint(1, 4), random.randint(1, 9), random.randint(1, 5))
        starts, ends = (torch.rand(shape) < share for _ in range(2))
        assert nearest_spans(starts, ends, nested).tolist() == by_hand(starts, ends, nested)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2), (2, 3, 0), (2, 3, 2)])
def test_nothing_to_pair_gives_no_spans(shape):
    nothing = torch.zeros(shape, dtype=torch.bool)
    assert nearest_spans(nothing, nothing).shape == (0, 4)
    assert nearest_spans(~nothing, nothing).shape == (0, 4)
    assert nearest_spans(nothing, ~nothing).shape == (0, 4)
