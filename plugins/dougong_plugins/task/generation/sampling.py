"""Choosing the next token."""

# Shapes: B batch, V vocabulary.

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from torch import Tensor


def probabilities(logits: Tensor, temperature: float, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    """What the next token is drawn from.

    Args:
        logits: (B, V).
        temperature: above 0; below 1 favours the likely, above 1 the unlikely.
        top_k: only the `top_k` likeliest are kept.
        top_p: only the likeliest that together make up `top_p` are kept, one at least (arXiv 1904.09751).

    Returns:
        (B, V), each row of sum 1.
    """
    scaled = logits.double() / temperature
    if top_k is not None and top_k < scaled.size(-1):
        kept = torch.zeros_like(scaled, dtype=torch.bool).scatter(-1, scaled.topk(top_k).indices, True)
        scaled = scaled.masked_fill(~kept, -torch.inf)
    shares = scaled.softmax(-1)
    if top_p is not None:
        ordered, places = shares.sort(-1, descending=True)
        kept = torch.zeros_like(shares, dtype=torch.bool).scatter(-1, places, ordered.cumsum(-1) - ordered < top_p)
        shares = shares.masked_fill(~kept, 0.0)
        shares = shares / shares.sum(-1, keepdim=True)
    return shares


@dataclass(frozen=True)
class Sampling:
    """How to choose; `temperature` 0 takes the likeliest. What is drawn is a function of `seed` and the prompt."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def dice(self, prompt: Sequence[int]) -> np.random.Generator:
        """The random numbers of one text, whatever else is in its batch."""
        key = np.array([self.seed, crc32(np.asarray(prompt, np.int64).tobytes())], np.uint64)
        return np.random.Generator(np.random.Philox(key=key))

    def pick(self, logits: Tensor, dice: Sequence[np.random.Generator]) -> list[int]:
        """One token a row of (B, V) logits."""
        if self.temperature == 0:
            return logits.argmax(-1).tolist()
        sums = probabilities(logits, self.temperature, self.top_k, self.top_p).cumsum(-1)
        drawn = torch.tensor([item.random() for item in dice], dtype=torch.float64, device=sums.device)[:, None]
        # To the right: a token of probability 0 ends where the one before it does, and is never hit.
        places = torch.searchsorted(sums, drawn * sums[:, -1:], right=True)
        return places[:, 0].clamp_max(sums.size(-1) - 1).tolist()
