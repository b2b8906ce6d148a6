"""What is added to the scores of a tile: 0 where a query sees a key, minus infinity where it does not."""

# Shapes: B batch, N length; I items, C groups, Q queries of a group, K keys of a group.

from functools import lru_cache

import torch
from torch import Tensor

from dougong_plugins.attention.kernels.tiles import Band, Tile, block_of


@lru_cache(maxsize=16)
def band_bias(band: Band, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(Q, K) of a whole block and stretch, of which those at the ends of the sequence are parts."""
    queries = block_of(band.window)
    keys = queries + band.window + band.after
    distance = band.window + torch.arange(queries, device=device)[:, None] - torch.arange(keys, device=device)
    seen = distance.abs() <= band.window
    if band.causal:
        seen &= distance >= 0
    if band.skipped is not None:
        seen &= distance % band.skipped != 0
    return torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill_(~seen, -torch.inf)


def padding_bias(key_padding_mask: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, N), of a (B, N) mask that is True where a key is padding."""
    return torch.zeros(key_padding_mask.shape, dtype=dtype, device=key_padding_mask.device).masked_fill_(
        key_padding_mask, -torch.inf
    )


def tile_bias(tile: Tile, padding: Tensor | None, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    """(I * C or 1, 1, Q or 1, K), to be spread over heads; None where each query sees each key of its group.

    Args:
        padding: (I, N), what `padding_bias` gives of the items of the tile.
    """
    bias = None
    if tile.band is not None:
        whole = band_bias(tile.band, dtype, device)
        bias = whole[None, None, : tile.queries.length, tile.cut : tile.cut + tile.keys.length]
    if padding is None:
        return bias
    stretch = tile.keys.of(padding[..., None]).reshape(-1, 1, 1, tile.keys.length)
    return stretch if bias is None else bias + stretch


def sees_any(bias: Tensor, causal: bool) -> Tensor:
    """(I * C or 1, 1, Q or 1) bool, or (..., K) where `causal`: whether a query sees a key at all."""
    best = bias[..., 0, :].cummax(-1).values if causal else bias.amax(-1)
    return best > -torch.inf
