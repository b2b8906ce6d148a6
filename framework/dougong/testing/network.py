"""Checks that every kind of network shares."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dougong.testing.check import skip
from dougong.testing.reference import difference

Network = TypeVar("Network", bound=nn.Module)


def assert_gradients_reach(network: nn.Module, run: Callable[[], Tensor]) -> None:
    """Each parameter gets a gradient that is finite and not all zero."""
    network.zero_grad()
    output = run()
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if output.requires_grad:
        (output * weights.to(output.dtype)).sum().backward()  # type: ignore[no-untyped-call]
    assert_has_gradients(network)


def assert_has_gradients(network: nn.Module) -> None:
    """Each parameter that is trained has a gradient that is finite and not all zero."""
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        assert parameter.grad is not None, f"no gradient reaches `{name}`"
        assert parameter.grad.isfinite().all(), f"the gradient of `{name}` is not finite"
        assert parameter.grad.any(), f"the gradient of `{name}` is zero"


def assert_restores(make: Callable[[], Network], run: Callable[[Network], Tensor]) -> None:
    """A second network, which starts from other weights, gives what the first does once it has loaded its state."""
    torch.manual_seed(1)
    first = make()
    torch.manual_seed(2)
    second = make()
    second.load_state_dict(first.state_dict())
    gap = difference([run(second)], [run(first)])
    assert gap == 0, f"off by {gap:.1e}: not all of it is in `state_dict()`"


def assert_compiles(network: Network, run: Callable[[Any], Tensor]) -> None:
    """One graph holds all of it, forward and backward, and gives the same numbers.

    Raises:
        SkipCheck: torch.compile does not work here.
    """
    from torch._dynamo.eval_frame import is_dynamo_supported

    if not is_dynamo_supported():
        skip("torch.compile does not work on this platform")
    torch._dynamo.reset()
    plain = run(network)
    compiled = run(torch.compile(network, backend="aot_eager", fullgraph=True))
    gap = difference([compiled], [plain])
    assert gap < 1e-6, f"compiled, it is off by {gap:.1e}"
