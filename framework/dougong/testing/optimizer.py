"""What an optimizer promises."""

import itertools
from collections.abc import Callable
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dougong.registry.signature import strip
from dougong.testing.check import check, skip
from dougong.testing.descending import SHAPES, descend, optimizer_of, parameters_of, saved_state
from dougong.testing.reference import difference
from dougong.testing.runs import assert_resumes
from dougong.testing.subject import Subject

FLAGS = ("foreach", "fused")


@check
def descent(subject: Subject) -> None:
    """It makes a quadratic smaller, in each type of number."""
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        parameters = parameters_of(dtype)
        optimizer = optimizer_of(subject, parameters)
        losses = []
        for _ in range(100):
            optimizer.zero_grad()
            loss = torch.stack([(parameter.double() ** 2).sum() for parameter in parameters]).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.item())
            optimizer.step()
        assert losses[-1] < losses[0], f"{dtype}: from {losses[0]:.6g} to {losses[-1]:.6g} in 100 updates"


@check
def closure(subject: Subject) -> None:
    """`step(closure)` calls it with gradients on, uses them, and returns its loss."""
    parameters = parameters_of()
    before = [parameter.detach().clone() for parameter in parameters]
    optimizer = optimizer_of(subject, parameters)
    calls = 0

    def evaluate() -> Tensor:
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = torch.stack([(parameter**2).sum() for parameter in parameters]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    returned = optimizer.step(evaluate)  # type: ignore[arg-type]
    assert calls > 0, "it does not call the closure"
    assert returned is not None, "it does not return the loss"
    expected = sum(float((tensor**2).sum()) for tensor in before)
    assert abs(float(torch.as_tensor(returned).detach()) - expected) < 1e-9, "what it returns is not the closure's loss"
    assert any(not one.equal(other) for one, other in zip(parameters, before, strict=True)), "nothing moves"


@check
def state_round_trip(subject: Subject) -> None:
    """Saved to a file, loaded and gone on with, twice, it moves as if it had never stopped, bit for bit."""
    whole, parameters = parameters_of(), parameters_of()
    descend(optimizer_of(subject, whole), whole, range(12))
    optimizer = optimizer_of(subject, parameters)
    for begin in (0, 4, 8):
        descend(optimizer, parameters, range(begin, begin + 4))
        state = saved_state(optimizer)
        optimizer = optimizer_of(subject, parameters)
        optimizer.load_state_dict(state)
    gap = difference(parameters, whole)
    assert gap == 0, f"off by {gap:.1e}: not all that it needs is in `state_dict()`"


@check
def state_types(subject: Subject) -> None:
    """Its state has the same types after loading, also for weights in 16 bits."""
    parameters = parameters_of(torch.bfloat16)
    optimizer = optimizer_of(subject, parameters)
    descend(optimizer, parameters, range(3))
    restored = optimizer_of(subject, parameters)
    restored.load_state_dict(saved_state(optimizer))
    before, after = _types(optimizer), _types(restored)
    changed = [name for name in before if after.get(name) != before[name]]
    assert not changed, f"`{changed[0]}` was {before[changed[0]]}, and is {after.get(changed[0])} after loading"


@check
def groups(subject: Subject) -> None:
    """Each group has a learning rate of its own, which may change between two updates; a group can be added later."""
    still, moving, later = (parameters_of(shapes=SHAPES[:2]) for _ in range(3))
    before = [parameter.detach().clone() for parameter in still]
    optimizer = optimizer_of(subject, [{"params": still}, {"params": moving}])
    # An optimizer may split a group, as Muon does by the shape of the weights.
    for group in optimizer.param_groups:
        if any(parameter is weight for parameter in group["params"] for weight in still):
            group["lr"] = 0.0
    descend(optimizer, [*still, *moving], range(3))
    assert difference(still, before) == 0, "a group whose learning rate is 0 moves"
    assert difference(moving, before) > 0, "a group does not move, since another has a learning rate of 0"
    optimizer.add_param_group({"params": later})
    descend(optimizer, [*still, *moving, *later], range(3, 6))
    assert difference(later, before) > 0, "a group that was added does not move"


@check
def no_gradient(subject: Subject) -> None:
    """A parameter without a gradient stays, and disturbs no other."""
    parameters, alone = parameters_of(), parameters_of()
    idle = nn.Parameter(torch.ones(3, dtype=torch.float64))
    descend(optimizer_of(subject, [idle, *parameters]), parameters, range(4))
    descend(optimizer_of(subject, alone), alone, range(4))
    assert bool((idle == 1).all()), "it moves"
    gap = difference(parameters, alone)
    assert gap < 1e-12, f"the others move otherwise, by {gap:.1e}"


@check
def zero_gradient(subject: Subject) -> None:
    """Gradients of zero, from the first update on, and tiny ones leave all numbers finite."""
    for size in (0.0, 1e-30):
        parameters = parameters_of(torch.float32)
        optimizer = optimizer_of(subject, parameters)
        for _ in range(3):
            for parameter in parameters:
                parameter.grad = torch.full_like(parameter, size)
            optimizer.step()
        finite = all(bool(parameter.isfinite().all()) for parameter in parameters)
        assert finite, f"gradients of {size:g} make numbers that are not finite"


@check
def sparse_gradients(subject: Subject) -> None:
    """Sparse gradients are taken, or refused in words."""
    weight = nn.Parameter(torch.ones(6, 2))
    weight.grad = torch.sparse_coo_tensor(torch.tensor([[1, 4]]), torch.ones(2, 2), (6, 2), check_invariants=True)
    optimizer = optimizer_of(subject, [weight])
    try:
        optimizer.step()
    except Exception as error:
        if "sparse" in str(error).lower():
            return
        raise
    assert bool(weight.isfinite().all()), "numbers are not finite after sparse gradients"
    assert not bool((weight[[1, 4]] == 1).any()), "rows that have a sparse gradient do not move"


@check
def layouts(subject: Subject) -> None:
    """Weights that are not contiguous in memory, with the gradients that they get, move as others do."""
    plain = nn.Parameter(torch.randn(6, 4, dtype=torch.float64))
    turned = nn.Parameter(plain.detach().clone().t().contiguous().t())
    slopes = torch.randn(6, 4, dtype=torch.float64)
    for parameter in (plain, turned):
        optimizer = optimizer_of(subject, [parameter])
        for _ in range(3):
            optimizer.zero_grad()
            (parameter**2 * slopes).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    gap = difference([turned], [plain])
    assert gap < 1e-9, f"off by {gap:.1e}"


@check
def fast_paths(subject: Subject) -> None:
    """Each way to compute it that can be chosen (foreach, fused, a backend) equals the plain loop."""
    ways = list(_ways(subject))
    if len(ways) < 2:
        skip("it has a single way")
    results = []
    for prepare in ways:
        parameters = parameters_of(shapes=SHAPES[:4])
        descend(prepare(parameters), parameters, range(20))
        results.append(parameters)
    for result in results[1:]:
        gap = difference(result, results[0])
        assert gap < 1e-9, f"two ways to compute it differ by {gap:.1e} after 20 updates, in float64"


@check
def maximisation(subject: Subject) -> None:
    """With `maximize` it climbs, as far as it descends without."""
    if subject.plugin.signature.setting("maximize") is None:
        skip("it has no setting `maximize`")
    shapes = SHAPES[:1]
    down, up = parameters_of(shapes=shapes), parameters_of(shapes=shapes)
    descend(optimizer_of(subject, down), down, range(3))
    optimizer = optimizer_of(subject, up, maximize=True)
    for update in range(3):
        generator = torch.Generator().manual_seed(update)
        for parameter in up:
            parameter.grad = -torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        optimizer.step()
    gap = difference(up, down)
    assert gap < 1e-12, f"with the opposite gradients it ends elsewhere, by {gap:.1e}"


@check
def resumed_run(subject: Subject) -> None:
    """A whole run that is stopped twice and resumed ends with the weights of one that never stopped."""
    assert_resumes(subject)


def _types(optimizer: Optimizer) -> dict[str, torch.dtype]:
    tensors = (
        (f"{number}.{name}", value)
        for number, state in enumerate(optimizer.state.values())
        for name, value in state.items()
    )
    return {name: value.dtype for name, value in tensors if isinstance(value, Tensor)}


def _ways(subject: Subject) -> Any:
    """Functions of parameters that make the optimizer, each computing it in another way; the plain loop first."""
    flags = [flag for flag in FLAGS if flag in optimizer_of(subject, parameters_of()).defaults]
    if flags:
        yield _with_flags(subject, dict.fromkeys(flags, False))
        yield lambda parameters: optimizer_of(subject, parameters)
        if "foreach" in flags:
            yield _with_flags(subject, {**dict.fromkeys(flags, False), "foreach": True})
    backend = subject.plugin.signature.setting("backend")
    for choice in get_args(strip(backend.type)[0]) if backend else ():
        yield lambda parameters, choice=choice: optimizer_of(subject, parameters, backend=choice)


def _with_flags(subject: Subject, flags: dict[str, bool]) -> Callable[[list[nn.Parameter]], Optimizer]:
    def make(parameters: list[nn.Parameter]) -> Optimizer:
        optimizer = optimizer_of(subject, parameters)
        for group in itertools.chain([optimizer.defaults], optimizer.param_groups):
            group.update(flags)
        return optimizer

    return make
