"""gradient_centralization takes the mean off each output's gradient, and nothing else."""

import pytest
import torch
from descents import CORES, Tagger, batch, descend, weights
from torch import nn
from torch.optim import SGD

from dougong_plugins.wrapper.gradient_centralization import GradientCentralization


def centralized(gradient):
    """Equation 1 of arXiv 2004.01461, one weight vector at a time."""
    if gradient.ndim < 2:
        return gradient
    return torch.stack([vector - vector.sum() / vector.numel() for vector in gradient])


@pytest.mark.parametrize("name", CORES)
def test_it_equals_the_papers_formula_around_every_optimizer(name):
    ours, theirs = Tagger(), Tagger()
    descend(ours, GradientCentralization().wrap(CORES[name](ours.parameters())), range(10))
    optimizer = CORES[name](theirs.parameters())
    for number in range(10):
        found = torch.autograd.grad(theirs(batch(number)).square().mean(), list(theirs.parameters()))
        for parameter, gradient in zip(theirs.parameters(), found, strict=True):
            parameter.grad = centralized(gradient)
        optimizer.step()
    for one, other in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


def test_the_sum_of_a_weight_vector_does_not_change_under_descent():
    layer = nn.Linear(7, 5, dtype=torch.float64)
    before = layer.weight.detach().sum(1)
    optimizer = GradientCentralization().wrap(SGD(layer.parameters(), lr=0.3, momentum=0.9))
    for number in range(5):
        optimizer.zero_grad()
        layer(torch.full((2, 7), float(number + 1), dtype=torch.float64)).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(layer.weight.detach().sum(1), before)


def test_convolutions_alone_are_changed_when_told_so():
    shapes = [(4, 3), (4, 3, 5), (4, 3, 2, 2), (4,)]
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.rand(parameter.shape) + 1
    GradientCentralization(convolutions_only=True).wrap(SGD(parameters, lr=1.0)).step()
    means = [parameter.detach().mean().abs().item() for parameter in parameters]
    assert [mean > 0.5 for mean in means] == [True, False, False, True]


def test_sparse_gradients_are_centralized_by_rows():
    dense, sparse = nn.Embedding(6, 4), nn.Embedding(6, 4, sparse=True)
    sparse.load_state_dict(dense.state_dict())
    for table in (dense, sparse):
        optimizer = GradientCentralization().wrap(SGD(table.parameters(), lr=1.0))
        table(torch.tensor([1, 1, 3])).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(dense.weight, sparse.weight)
