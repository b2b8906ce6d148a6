"""Dropout whose random numbers are cheap on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 1 << 16


class Dropout(nn.Module):
    """Zeroes each number with probability `p` in training and scales the rest, so that the expectation stays.

    On a CPU PyTorch draws a random number for every element, one after the other. Here one 64-bit draw decides four
    elements: `p` is rounded to 1/65,536 and the scale follows the rounded value, so the expectation stays exact. The
    numbers come from PyTorch's own generator: seeding and resuming work as ever. On other devices it is PyTorch's.

    Args:
        p: probability of a zero.
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p
        self._dropped = round(p * _LEVELS)

    def forward(self, states: Tensor) -> Tensor:
        """Drop; any shape."""
        if not self.training or self._dropped == 0:
            return states
        if states.device.type != "cpu" or torch.compiler.is_compiling():
            return functional.dropout(states, self.p, True)
        return states * self._factors(states)

    def _factors(self, states: Tensor) -> Tensor:
        """0 or 1 / (1 - p) for each element."""
        count = states.numel()
        bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        # As signed 16-bit numbers they are uniform over [-2**15, 2**15).
        kept = bits.view(torch.int16)[:count] >= self._dropped - _LEVELS // 2
        scale = _LEVELS / (_LEVELS - self._dropped) if self._dropped < _LEVELS else 0.0
        return kept.view(states.shape).to(states.dtype).mul_(scale)

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"p={self.p}"
