"""A pattern through FlexAttention, on CUDA: it skips the blocks of the score matrix in which nothing is seen."""

# Shapes: B batch, H heads, N length, D head dimension; S = ceil(N / 128) blocks a side.

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from dougong_plugins.attention.kernels.pattern import Pattern

BLOCK = 128

MaskFunction = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
ScoreFunction = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def mask_function(pattern: Pattern, length: int, causal: bool) -> MaskFunction:
    """What FlexAttention asks of a batch, head, query and key index: whether the query sees the key."""
    exact = pattern.at(length)

    def sees(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = exact.sees(query - key, length)
        return seen & (query >= key) if causal else seen

    return sees


def padding_function(key_padding_mask: Tensor) -> ScoreFunction:
    """What FlexAttention does to a score. Padding is here and not in the mask, so that block masks can be cached."""

    def hide(score: Tensor, batch: Tensor, _head: Tensor, _query: Tensor, key: Tensor) -> Tensor:
        return torch.where(key_padding_mask[batch, key], -torch.inf, score)

    return hide


@lru_cache(maxsize=64)
def block_mask(pattern: Pattern, length: int, causal: bool, device: torch.device) -> BlockMask:
    """Which blocks of the score matrix are computed, and which of those need no mask.

    It follows from the distances between two blocks alone, so no (N, N) mask is ever made.
    """
    size = -(-length // BLOCK)
    # Row s of this table: all distances between a query and a key whose blocks are s - size + 1 apart.
    table = torch.arange(1 - size, size)[:, None] * BLOCK + torch.arange(1 - BLOCK, BLOCK)
    seen = pattern.at(length).sees(table, length)
    if causal:
        seen &= table >= 0
    apart = torch.arange(size)[:, None] - torch.arange(size) + size - 1
    some, every = seen.any(-1)[apart], seen.all(-1)[apart]
    if length % BLOCK:  # the last blocks stick out of the matrix
        every[-1] = every[:, -1] = False
    partial, full = _listed(some & ~every, device), _listed(every, device)
    function = mask_function(pattern, length, causal)
    return BlockMask.from_kv_blocks(*partial, *full, BLOCK_SIZE=BLOCK, mask_mod=function, seq_lengths=(length, length))


def _listed(blocks: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of (S, S) bool, per row how many blocks are chosen (1, 1, S), and which, the chosen ones first (1, 1, S, S)."""
    chosen = blocks.int()
    order = chosen.argsort(dim=-1, descending=True, stable=True)
    count = chosen.sum(-1, dtype=torch.int32)
    return count[None, None].to(device), order.int()[None, None].to(device)


@cache
def _compiled() -> Any:
    return torch.compile(flex_attention)


def flex_pattern_attention(
    pattern: Pattern,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    key_padding_mask: Tensor | None = None,
    causal: bool = False,
) -> Tensor:
    """Softmax attention over `pattern`, of (B, H, N, D). Fused on CUDA; elsewhere a slow form without gradients."""
    kernel = _compiled() if query.is_cuda else flex_attention
    score_function = None if key_padding_mask is None else padding_function(key_padding_mask)
    blocks = block_mask(pattern, query.shape[-2], causal, query.device)
    output: Tensor = kernel(query, key, value, score_mod=score_function, block_mask=blocks)
    return output
