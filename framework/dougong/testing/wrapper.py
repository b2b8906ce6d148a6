"""What a wrapper promises, around the default optimizer, around every other, and with other wrappers."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from dougong.compose.fit import Part, refusal
from dougong.registry.discovery import BUILT_IN
from dougong.registry.plugin import Plugin
from dougong.testing.check import check, skip
from dougong.testing.configuration import default_plugin
from dougong.testing.descending import descend, optimizer_of, parameters_of, saved_state
from dougong.testing.optimizer import (
    FLAGS,
    closure,
    descent,
    fast_paths,
    groups,
    layouts,
    no_gradient,
    resumed_run,
    state_round_trip,
    state_types,
    zero_gradient,
)
from dougong.testing.reference import difference
from dougong.testing.subject import Subject

__all__ = [
    "any_optimizer",
    "closure",
    "copies",
    "descent",
    "evaluation",
    "fast_paths",
    "groups",
    "layouts",
    "model",
    "no_gradient",
    "other_wrappers",
    "resumed_run",
    "sparse_gradients",
    "state_round_trip",
    "state_types",
    "zero_gradient",
]


@check
def any_optimizer(subject: Subject) -> None:
    """Around every optimizer that goes with it, it moves the weights, and its state survives a file."""
    for plugin in _partners(subject, "optimizer"):
        whole, parameters = parameters_of(), parameters_of()
        before = [parameter.detach().clone() for parameter in parameters]
        try:
            descend(_around(subject, plugin, whole), whole, range(6))
            optimizer = _around(subject, plugin, parameters)
            descend(optimizer, parameters, range(3))
            state = saved_state(optimizer)
            optimizer = _around(subject, plugin, parameters)
            optimizer.load_state_dict(state)
            descend(optimizer, parameters, range(3, 6))
        except Exception as error:
            raise AssertionError(f"optimizer={plugin.name}: {type(error).__name__}: {error}") from error
        assert difference(parameters, before) > 0, f"optimizer={plugin.name}: nothing moves"
        gap = difference(parameters, whole)
        assert gap == 0, f"optimizer={plugin.name}: saved and loaded, it is off by {gap:.1e}"


@check
def other_wrappers(subject: Subject) -> None:
    """With each other wrapper it makes a stack that moves the weights, the same in either order."""
    others = [plugin for plugin in _partners(subject, "wrapper") if plugin.name != subject.plugin.name]
    if not others:
        skip("there is no other wrapper")
    core = _core(subject)
    for other in others:
        if refusal(Part("wrapper", other), Part("optimizer", core), subject.catalogue):
            continue
        results = []
        for turned in (False, True):
            parameters = parameters_of()
            stages = [subject.make(), subject.with_plugin(other).make()]
            inner = subject.with_plugin(core).make({"params": parameters})
            stack = type(subject.make().wrap(inner))(inner, stages[::-1] if turned else stages)
            descend(stack, parameters, range(8))
            results.append(parameters)
        gap = difference(*results)
        assert gap == 0, f"with wrapper={other.name} the order makes a difference of {gap:.1e}"


@check
def sparse_gradients(subject: Subject) -> None:
    """Sparse gradients move around an optimizer what they move by itself, or are refused in words."""
    for plugin in _partners(subject, "optimizer"):
        alone, around = (nn.Parameter(torch.ones(6, 2)) for _ in range(2))
        try:
            _sparse_update(subject.with_plugin(plugin).make({"params": [alone]}), alone)
        except Exception:  # what the optimizer does not take is no matter of the wrapper
            continue
        try:
            _sparse_update(_around(subject, plugin, [around]), around)
        except Exception as error:
            if "sparse" in str(error).lower():
                continue
            raise AssertionError(f"optimizer={plugin.name}: {type(error).__name__}: {error}") from error
        assert bool(around.isfinite().all()), f"optimizer={plugin.name}: numbers are not finite after sparse gradients"
        assert not bool((around[[1, 4]] == 1).any()), f"optimizer={plugin.name}: rows that have a gradient do not move"


def _sparse_update(optimizer: Any, weight: nn.Parameter) -> None:
    """One update of two rows that differ, in two columns that differ, by the plain loop: fused kernels take no such."""
    if hasattr(optimizer, "train"):
        optimizer.train()
    for group in optimizer.param_groups:
        group.update({flag: False for flag in FLAGS if flag in group})
    values = torch.tensor([[1.0, 2.0], [4.0, 3.0]])
    weight.grad = torch.sparse_coo_tensor(torch.tensor([[1, 4]]), values, (6, 2), check_invariants=True)
    optimizer.step()


@check
def evaluation(subject: Subject) -> None:
    """After an evaluation the weights are those that were trained, and the training goes on as without one."""
    plain, parameters = parameters_of(), parameters_of()
    untouched, optimizer = optimizer_of(subject, plain), optimizer_of(subject, parameters)
    if not hasattr(optimizer, "eval"):
        skip("it has no weights of its own for evaluation")
    for update in range(12):
        descend(untouched, plain, range(update, update + 1))
        descend(optimizer, parameters, range(update, update + 1))
        optimizer.eval()
        optimizer.train()  # type: ignore[attr-defined]
        gap = difference(parameters, plain)
        assert gap == 0, f"after the evaluation at update {update} the weights are off by {gap:.1e}"


@check
def copies(subject: Subject) -> None:
    """A deep copy of it, with the weights that it moves, goes on as the original does."""
    parameters = parameters_of()
    optimizer = optimizer_of(subject, parameters)
    descend(optimizer, parameters, range(4))
    copied, its_own = copy.deepcopy((optimizer, parameters))
    descend(copied, its_own, range(4, 12))
    descend(optimizer, parameters, range(4, 12))
    gap = difference(its_own, parameters)
    assert gap == 0, f"off by {gap:.1e}"


@check
def model(subject: Subject) -> None:
    """Told of the model, it trains embeddings and matrices, and its state survives a file, bit for bit."""
    whole = _model()
    _train(_of_model(subject, whole), whole, range(12))
    other = _model()
    optimizer = _of_model(subject, other)
    for begin in (0, 4, 8):
        _train(optimizer, other, range(begin, begin + 4))
        state = saved_state(optimizer)
        optimizer = _of_model(subject, other)
        optimizer.load_state_dict(state)
    gap = difference(list(other.parameters()), list(whole.parameters()))
    assert gap == 0, f"off by {gap:.1e}: not all that it needs is in `state_dict()`"
    moved = difference(list(whole.parameters()), list(_model().parameters()))
    assert moved > 0, "nothing moves"


def _partners(subject: Subject, kind: str) -> Iterator[Plugin]:
    """The built-in plugins of a kind that go with it, by their facts: a fault of anybody else's is not its own."""
    for plugin in subject.catalogue:
        if plugin.kind == kind and plugin.origin == BUILT_IN:
            reason = refusal(Part("wrapper", subject.plugin), Part(kind, plugin), subject.catalogue)
            if reason is None:
                yield plugin


def _core(subject: Subject) -> Plugin:
    """The default optimizer, or else the first that goes with it."""
    partners = {plugin.name: plugin for plugin in _partners(subject, "optimizer")}
    return partners.get(default_plugin("optimizer", subject.catalogue).name, next(iter(partners.values())))


def _around(subject: Subject, plugin: Plugin, parameters: list[nn.Parameter]) -> Optimizer:
    made: Any = subject.make().wrap(subject.with_plugin(plugin).make({"params": parameters}))
    made.train()
    return made  # type: ignore[no-any-return]


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(20, 4), nn.Flatten(), nn.Linear(12, 3)).double()


def _of_model(subject: Subject, network: nn.Module) -> Optimizer:
    core = subject.with_plugin(_core(subject)).make({"params": list(network.parameters())})
    made: Any = subject.make().wrap(core, network)
    made.train()
    return made  # type: ignore[no-any-return]


def _train(optimizer: Optimizer, network: nn.Module, updates: range) -> None:
    for update in updates:
        generator = torch.Generator().manual_seed(update)
        tokens = torch.randint(20, (2, 3), generator=generator)
        optimizer.zero_grad()
        network(tokens).pow(2).sum().backward()
        optimizer.step()
