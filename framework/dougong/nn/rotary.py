"""Positions as rotations: queries and keys are turned, so that their product knows their distance."""

# Shapes: B batch, H heads, N length, D head dimension.

import torch
from torch import Tensor

Turns = tuple[Tensor, Tensor]


def turns(positions: Tensor, head_dim: int, dtype: torch.dtype, base: float = 10_000.0) -> Turns:
    """How far each position is turned (arXiv 2104.09864): the i-th pair of numbers by `base`^(-2i/D) a position.

    Args:
        positions: (N) or (B, N).
        head_dim: D, an even number.
        dtype: of the model; 16 bits would not tell far positions apart, and get 32.
        base: how slow the slowest pair turns.

    Returns:
        cosines and sines, (N, D / 2) or (B, 1, N, D / 2)
    """
    pairs = torch.arange(0, head_dim, 2, dtype=torch.float64, device=positions.device)
    angles = positions[..., None] * base ** (-pairs / head_dim)
    angles = angles[:, None] if positions.ndim == 2 else angles
    wide = torch.promote_types(dtype, torch.float32)
    return angles.cos().to(wide), angles.sin().to(wide)


def rotate(states: Tensor, by: Turns) -> Tensor:
    """Turn (B, H, N, D) queries or keys; a pair is a number of the first half of D and its like of the second."""
    cosines, sines = by
    first, second = states.chunk(2, -1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), -1).to(states.dtype)
