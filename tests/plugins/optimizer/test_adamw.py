"""adamw is PyTorch's AdamW, and decays matrices alone unless told otherwise."""

import pytest
import torch
from torch import nn

import dougong
from dougong.training.module import parameter_groups


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64)) for shape in ((5, 3), (7,), ())]


def descend(optimizer: torch.optim.Optimizer, tensors: list[nn.Parameter]) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        for tensor in tensors:
            tensor.grad = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
        optimizer.step()


def test_it_equals_pytorchs_own_in_float64():
    settings = {"lr": 3e-3, "betas": (0.8, 0.95), "eps": 1e-7, "weight_decay": 0.2}
    ours, theirs = parameters(), parameters()
    descend(dougong.create("optimizer", "adamw", params=ours, **settings), ours)
    descend(torch.optim.AdamW(theirs, **settings, foreach=False, fused=False), theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_the_fused_kernel_is_taken_where_there_is_one():
    assert dougong.create("optimizer", "adamw", params=parameters()).defaults["fused"] is True
    complex_numbers = [nn.Parameter(torch.zeros(2, dtype=torch.complex64))]
    assert not dougong.create("optimizer", "adamw", params=complex_numbers).defaults["fused"]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(9, 4)
        self.dense = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.tied = nn.Linear(4, 9, bias=False)
        self.tied.weight = self.token.weight
        self.scale = nn.Parameter(torch.ones(()))


def names(model: nn.Module, tensors) -> set[str]:
    known = {id(parameter): name for name, parameter in model.named_parameters()}
    return {known[id(tensor)] for tensor in tensors}


def test_biases_norms_and_embeddings_are_spared_from_decay_also_where_tied():
    model = Model()
    decayed, spared = parameter_groups(model)
    assert names(model, decayed["params"]) == {"dense.weight"}
    assert "weight_decay" not in decayed
    assert spared["weight_decay"] == 0
    assert names(model, spared["params"]) == {"token.weight", "dense.bias", "norm.weight", "norm.bias", "scale"}


def test_all_are_decayed_when_told_so():
    model = Model()
    (group,) = parameter_groups(model, "all")
    assert "weight_decay" not in group
    assert len(group["params"]) == len(set(map(id, group["params"]))) == 6


def test_decay_acts_on_what_it_should_and_on_nothing_else():
    model = Model()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = dougong.create("optimizer", "adamw", params=parameter_groups(model), lr=0.1, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        expected = before[name] * (1 - 0.1 * 0.5) if name == "dense.weight" else before[name]
        torch.testing.assert_close(parameter, expected)


def test_a_learning_rate_of_zero_is_refused():
    with pytest.raises(dougong.UserError, match="lr"):
        dougong.create("optimizer", "adamw", params=parameters(), lr=0.0)
