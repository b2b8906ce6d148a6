"""Which backend computes a pattern: the one place of the rule."""

import logging
from functools import cache
from typing import Literal

import torch

from dougong_plugins.attention.kernels.constant import constant_in_graphs
from dougong_plugins.attention.kernels.pattern import Pattern
from dougong_plugins.attention.kernels.tiles import block_of

Backend = Literal["auto", "blocked", "flex", "dense"]
BACKENDS = ("auto", "blocked", "flex", "dense")

SCORE_COST = 1.3
"""What a score of a tile costs, in scores of the dense kernel, whose long rows make better matrix products."""

CALL_COST = 128
"""What cutting and merging tiles costs a query, in the same unit."""

LONGEST = 2048
"""No larger mask is made, so that memory stays linear. Windows as wide have tiles as efficient as the dense kernel."""

CUDA_DENSE_UP_TO = 1024
"""Below this the dense kernels of a GPU are bound by their launch. Not measured: no GPU was at hand."""

logger = logging.getLogger(__name__)


def dense_up_to(pattern: Pattern, causal: bool) -> int:
    """The longest length at which the masked dense kernel is the faster one on CPU.

    A query of a tile computes the scores of its band, block and window, and of its class. A dense one computes as many
    as the sequence is long. The costs are fitted to medians measured on 2 cores; see docs/benchmarks/attention.md.
    """
    for length in range(LONGEST, 0, -32):
        exact = pattern.at(length)
        scores = length / exact.rate if exact.rate else 0.0
        if exact.window is not None:
            scores += block_of(exact.window) + (1 if causal else 2) * exact.window
        if length <= SCORE_COST * scores + CALL_COST:
            return length
    return 0


class Rule:
    """Chooses the backend of a pattern for self-attention.

    On CPU: dense up to a length, then blocked. Full attention is dense, save with both a causal mask and padding: the
    dense kernel takes those as one (B, N, N) mask, and computes the future to throw it away.
    On CUDA: FlexAttention for bands, which leave whole blocks of the score matrix empty. A class of positions leaves
    none empty, so there FlexAttention would compute the full matrix, and tiles are used.
    """

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        # Found once, and whatever the length: a compiled graph then has one guard on it.
        self.dense_up_to = {causal: dense_up_to(pattern, causal) for causal in (False, True)}

    def choose(
        self, device: torch.device, length: int, causal: bool, padded: bool, dropout: float
    ) -> Literal["blocked", "flex", "dense"]:
        """The backend at a length, whether there is a causal mask or padding, and with a share of dropout."""
        full = self.pattern.rate == 1
        if device.type == "cuda":
            if full or length <= CUDA_DENSE_UP_TO:
                return "dense"
            return "flex" if self.pattern.rate is None and not dropout else "blocked"
        if full:
            return "blocked" if causal and padded and not dropout and length > 2 * CALL_COST else "dense"
        return "dense" if length <= self.dense_up_to[causal] else "blocked"


@constant_in_graphs
def announce(name: str, backend: str, device: str) -> bool:
    """Log a choice, once for each name, backend and device."""
    return _announce(name, backend, device)


@cache
def _announce(name: str, backend: str, device: str) -> bool:
    logger.info("%s uses the %s backend on %s", name, backend, device)
    return True
