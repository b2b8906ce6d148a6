"""Numbers to check with, and what to compare with."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def drawn(batch: int, heads: int, length: int, head_dim: int, seed: int = 0) -> list[Tensor]:
    """A query, a key and a value (B, H, N, D) in float64, of a standard normal distribution."""
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randn(3, batch, heads, length, head_dim, dtype=torch.float64, generator=generator).unbind(0))


def scattered(batch: int, length: int) -> Tensor:
    """(B, N), True at about a third of the places, others in each item; each keeps its first."""
    mask = torch.rand(batch, length, generator=torch.Generator().manual_seed(length)) < 0.3
    mask[:, 0] = False
    return mask


def masked_softmax(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """Softmax attention where `seen`, which spreads to (B, H, N, M); zeros where a query sees no key."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
    return torch.where(seen, weights, 0.0) @ value


def with_gradients(attend: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """The output, and the gradients of a weighted sum of it with respect to the inputs."""
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    output = attend(*leaves)
    weights = torch.linspace(-1, 1, output.numel(), dtype=torch.float64).view(output.shape)
    gradients = torch.autograd.grad((output * weights.to(output.dtype)).sum(), leaves, allow_unused=True)
    pairs = zip(leaves, gradients, strict=True)
    return [output.detach(), *(torch.zeros_like(leaf) if item is None else item for leaf, item in pairs)]


def difference(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """The greatest difference, in units of the greatest number of its tensor, or of 1 where all are smaller."""
    worst = 0.0
    for one, other in zip(ours, theirs, strict=True):
        one, other = one.detach().double(), other.detach().double()
        if one.shape != other.shape:
            return float("inf")
        if one.numel():
            gap = float((one - other).abs().max() / other.abs().max().clamp_min(1))
            worst = max(worst, gap if gap == gap else float("inf"))
    return worst
