"""How far an update moves the weights."""

import pytest
import torch

from dougong.training import movement
from dougong.training.movement import Movement


def moved(groups, change):
    found = Movement()
    found.before(groups)
    with torch.no_grad():
        for group in groups:
            for parameter in group["params"]:
                change(parameter)
    return dict(found.ratios())


def test_it_is_the_norm_of_the_difference_over_the_norm_group_by_group():
    one, two, slow = (torch.randn(size, dtype=torch.float64) for size in ((5, 7), (3,), (4, 4)))
    whole = torch.cat([one.flatten(), two])
    step = torch.randn_like(whole)
    found = Movement()
    found.before([{"params": [one, two]}, {"params": [slow], "lr_scale": 0.1}])
    one += step[:35].view(5, 7)
    two += step[35:]
    slow *= 1.5
    ratios = dict(found.ratios())
    assert ratios == pytest.approx({"": (step.norm() / whole.norm()).item(), "_x0.1": 0.5})
    assert dict(found.ratios()) == {}  # it has forgotten


def test_of_a_large_parameter_a_sample_tells_nearly_the_same(monkeypatch):
    torch.manual_seed(0)
    weight, small = torch.randn(1000, 300), torch.randn(10)
    exact = moved([{"params": [weight.clone(), small.clone()]}], lambda item: item.add_(0.01 * item.abs()))
    monkeypatch.setattr(movement, "SAMPLE", 1000)
    rough = moved([{"params": [weight, small]}], lambda item: item.add_(0.01 * item.abs()))
    assert rough[""] == pytest.approx(exact[""], rel=0.05)


def test_empty_and_zero_weights_have_no_ratio_to_divide_by():
    assert moved([{"params": [torch.zeros(3), torch.zeros(0)]}], lambda item: item.add_(1)) == {"": 0.0}
