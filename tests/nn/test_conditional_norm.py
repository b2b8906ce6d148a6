"""Layer normalisation under a condition equals what its formula says."""

import torch
from torch.nn import functional

from dougong.nn.conditional_norm import ConditionalNorm


def test_at_first_it_is_plain_layer_normalisation_whatever_the_condition():
    norm = ConditionalNorm(6, 4).double()
    states = torch.randn(3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(
        norm(states, torch.randn(3, 4, dtype=torch.float64)), functional.layer_norm(states, (6,))
    )


def test_gain_and_bias_are_linear_in_the_condition_of_each_item():
    torch.manual_seed(0)
    norm = ConditionalNorm(6, 4).double()
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter)
    states, conditions = torch.randn(3, 5, 6, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    found = norm(states, conditions)
    for item in range(3):
        for place in range(5):
            state = states[item, place]
            normal = (state - state.mean()) / (state.var(unbiased=False) + 1e-5).sqrt()
            gain = norm.gain + norm.shift_gain.weight @ conditions[item]
            bias = norm.bias + norm.shift_bias.weight @ conditions[item]
            torch.testing.assert_close(found[item, place], normal * gain + bias)


def test_its_gradients_agree_with_finite_differences_and_reach_all_parameters():
    norm = ConditionalNorm(4, 3).double()
    states, conditions = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    states.requires_grad_()
    assert torch.autograd.gradcheck(norm, (states, conditions.requires_grad_()))
    norm(states, conditions).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in norm.parameters())
