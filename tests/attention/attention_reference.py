"""What the tests of attention compare with: masked softmax attention, written out."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dougong.contracts.attention import Attention
from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.full import FullAttention
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention

EACH: dict[str, Callable[..., Attention]] = {
    "full": FullAttention,
    "local": lambda **settings: LocalAttention(window=9, **settings),
    "atrous": lambda **settings: AtrousAttention(rate=5, **settings),
    "sparse": lambda **settings: SparseAttention(rate=5, **settings),
}


def masked_dense(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """Softmax attention where `seen`, which spreads to (B, H, N, M); zeros where a query sees no key."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
    return torch.where(seen, weights, 0.0) @ value


def seen_by(attention: Attention, length: int, causal: bool, key_padding_mask: Tensor | None) -> Tensor:
    """(1, 1, N, N) or (B, 1, N, N): the pattern's own dense mask, less the padding."""
    seen = attention.mask(length, length, causal=causal)[None, None]
    return seen if key_padding_mask is None else seen & ~key_padding_mask[:, None, None]


def projected(shape: tuple[int, int, int, int], seed: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Query, key, value and an output gradient (B, H, N, D), as the transposed views that a projection gives."""
    batch, heads, length, head_dim = shape
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(4, batch, length, heads, head_dim, dtype=torch.float64, generator=generator)
    return [tensor.transpose(1, 2) for tensor in drawn.to(dtype)]


def padding(batch: int, length: int, share: float, seed: int) -> Tensor:
    """(B, N), True at padding: each item has its own places, about `share` of them."""
    return torch.rand(batch, length, generator=torch.Generator().manual_seed(seed)) < share


@dataclass
class Result:
    """An output and the gradients of query, key and value."""

    output: Tensor
    gradients: tuple[Tensor, ...]

    def distance(self, other: "Result") -> float:
        """The greatest difference, relative to the greatest number of the tensor it is in."""
        pairs = zip((self.output, *self.gradients), (other.output, *other.gradients), strict=True)
        return max(relative(ours, theirs) for ours, theirs in pairs)


def relative(ours: Tensor, theirs: Tensor) -> float:
    """The greatest difference, in units of the greatest number, or of 1 where all are smaller than that."""
    ours, theirs = ours.detach().double(), theirs.detach().double()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1))


def run(attend: Callable[[Tensor, Tensor, Tensor], Tensor], inputs: list[Tensor]) -> Result:
    """Forward and backward of (query, key, value, output gradient)."""
    *leaves, grad = [tensor.detach() for tensor in inputs]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    output = attend(*leaves)
    return Result(output.detach(), torch.autograd.grad(output, leaves, grad))
