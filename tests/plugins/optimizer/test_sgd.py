"""Gradient descent with momentum."""

import pytest
import torch

import dougong


@pytest.mark.parametrize("dampening", [0.0, 0.3])
def test_a_parameter_may_have_its_first_gradient_later_than_others(dampening):
    def descend(make) -> list[torch.Tensor]:
        weights = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2))]
        optimizer = make(weights)
        for step in range(4):
            weights[0].grad = torch.full((3,), 1.0 + step)
            weights[1].grad = torch.full((2,), 2.0 + step) if step >= 2 else None
            optimizer.step()
        return weights

    settings = {"lr": 0.1, "momentum": 0.9, "dampening": dampening}
    ours = descend(lambda params: dougong.create("optimizer", "sgd", params=params, **settings))
    right = descend(lambda params: torch.optim.SGD(params, foreach=False, **settings))
    for one, other in zip(ours, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=0)
