"""Dropout with cheap random numbers drops as dropout should."""

import pytest
import torch

from dougong.nn.dropout import Dropout


def dropped(p: float, *shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    torch.manual_seed(seed)
    return Dropout(p)(torch.ones(shape, dtype=dtype))


@pytest.mark.parametrize("p", [0.01, 0.1, 0.25, 0.5, 0.9])
def test_the_share_of_zeros_is_p_and_the_expectation_stays(p):
    count = 1 << 20
    states = dropped(p, count)
    deviation = (p * (1 - p) / count) ** 0.5
    assert (states == 0).double().mean().item() == pytest.approx(p, abs=5 * deviation + 1 / (1 << 17))
    assert states.double().mean().item() == pytest.approx(1, abs=5 * deviation / (1 - p))
    assert len(states.unique()) == 2


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_every_place_in_a_draw_is_dropped_equally_often_and_independently_of_its_neighbours(p):
    """Four elements share one random number: their 16 patterns must be as frequent as if each had its own."""
    zeros = (dropped(p, 1 << 18, 4) == 0).long()
    patterns = (zeros * torch.tensor([8, 4, 2, 1])).sum(1)
    counts = torch.bincount(patterns, minlength=16).double()
    ones = torch.tensor([bin(number).count("1") for number in range(16)])
    expected = (1 << 18) * p ** ones.double() * (1 - p) ** (4 - ones).double()
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    assert chi_square < 45  # 15 degrees of freedom: above it once in ten thousand seeds; the seed is fixed


def test_in_evaluation_nothing_changes():
    states = torch.randn(5, 7)
    assert Dropout(0.5).eval()(states) is states


def test_with_probability_zero_nothing_changes_and_nothing_is_drawn():
    states, generator = torch.randn(5, 7), torch.get_rng_state()
    assert Dropout(0.0)(states) is states
    assert torch.equal(torch.get_rng_state(), generator)


def test_the_gradient_is_the_mask():
    states = torch.randn(33, 17, requires_grad=True)
    result = Dropout(0.3)(states)
    result.sum().backward()
    assert states.grad is not None
    torch.testing.assert_close(result, states * states.grad)
    assert set(states.grad.unique().tolist()) == {0.0, states.grad.max().item()}
    assert states.grad.max().item() == pytest.approx(1 / 0.7, rel=1e-4)


def test_the_same_seed_gives_the_same_mask_and_another_draw_another():
    assert torch.equal(dropped(0.5, 99), dropped(0.5, 99))
    assert not torch.equal(dropped(0.5, 99), dropped(0.5, 99, seed=1))
    torch.manual_seed(0)
    layer = Dropout(0.5)
    assert not torch.equal(layer(torch.ones(99)), layer(torch.ones(99)))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (4, 0, 2), (5, 7, 3), (1, 1, 1)])
def test_any_shape_is_taken(shape):
    assert dropped(0.5, *shape).shape == shape


def test_the_last_elements_of_an_odd_size_are_dropped_too():
    masks = torch.stack([dropped(0.5, 7, seed=seed) == 0 for seed in range(400)])
    assert ((masks.double().mean(0) - 0.5).abs() < 0.125).all()  # five deviations


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_number_format_stays_and_so_does_the_mask(dtype):
    states = dropped(0.25, 4, 9, dtype=dtype)
    assert states.dtype == dtype
    assert torch.equal(states == 0, dropped(0.25, 4, 9) == 0)


def test_memory_that_is_not_contiguous_is_taken():
    torch.manual_seed(0)
    states = torch.randn(6, 8).t()
    result = Dropout(0.5)(states)
    kept = result != 0
    torch.testing.assert_close(result[kept], states[kept] * 2)
