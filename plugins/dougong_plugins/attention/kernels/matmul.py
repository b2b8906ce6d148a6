"""One tile by plain matrix products: on any device, in any precision, and with dropout."""

# Shapes: G groups, H heads, Q queries, K keys, D head dimension.

from collections.abc import Iterator

import torch
from torch import Tensor

from dougong_plugins.attention.kernels.precision import score_dtype

SCORES_AT_ONCE = 1 << 22
"""About how many scores are held at a time: 16 MiB in float32."""


class MatmulTile:
    """What `FlashTile` does, with dropout on the weights.

    Both passes must draw from generators in the same state, and take the tiles in the same order: the mask of the
    backward pass is then that of the forward pass, and none is stored.
    """

    def __init__(self, dropout: float = 0.0, generator: torch.Generator | None = None) -> None:
        self.dropout = dropout
        self.generator = generator

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, causal: bool, scale: float
    ) -> tuple[Tensor, Tensor]:
        """As `FlashTile.forward`."""
        output = torch.empty_like(query)
        lse = query.new_empty(query.shape[:-1], dtype=score_dtype(query.dtype))
        keys, values = _upcast(key, value)
        for rows in self._rows(query, key):
            scores = self._scores(query, keys, bias, causal, scale, rows)
            top = scores.amax(-1, keepdim=True).clamp_min_(torch.finfo(scores.dtype).min)
            weights = scores.sub_(top).exp_()
            total = weights.sum(-1, keepdim=True)
            lse[..., rows] = (top + total.log()).squeeze(-1)
            kept = self._kept(weights)
            mixed = (weights if kept is None else weights * kept) @ values
            # Where no key is seen the total is 0; every other total is at least 1, the weight of the top score.
            output[..., rows, :] = (mixed / total.clamp_min(1)).to(output.dtype)
        return output, lse

    def backward(
        self,
        grad: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        output: Tensor,
        lse: Tensor,
        bias: Tensor | None,
        causal: bool,
        scale: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `FlashTile.backward`."""
        keys, values = _upcast(key, value)
        grad_query = torch.empty_like(query, dtype=keys.dtype)
        grad_key, grad_value = torch.zeros_like(keys), torch.zeros_like(values)
        for rows in self._rows(query, key):
            scores = self._scores(query, keys, bias, causal, scale, rows)
            weights = scores.sub_(lse[..., rows, None]).exp_()
            queries, grads, outputs = _upcast(query[..., rows, :], grad[..., rows, :], output[..., rows, :])
            grad_weights = grads @ values.transpose(-1, -2)
            kept = self._kept(weights)
            if kept is not None:
                grad_weights *= kept
            grad_value += (weights if kept is None else weights * kept).transpose(-1, -2) @ grads
            # The normaliser counts what dropout drops, so the mean that softmax takes off is the same with dropout.
            grad_scores = grad_weights.sub_((grads * outputs).sum(-1, keepdim=True)).mul_(weights).mul_(scale)
            grad_query[..., rows, :] = grad_scores @ keys
            grad_key += grad_scores.transpose(-1, -2) @ queries
        return grad_query, grad_key, grad_value

    def _rows(self, query: Tensor, key: Tensor) -> Iterator[slice]:
        groups, heads, length, _ = query.shape
        step = max(1, SCORES_AT_ONCE // (groups * heads * key.shape[-2]))
        for first in range(0, length, step):
            yield slice(first, min(first + step, length))

    def _scores(
        self, query: Tensor, keys: Tensor, bias: Tensor | None, causal: bool, scale: float, rows: slice
    ) -> Tensor:
        scores = (query[..., rows, :].to(keys.dtype) * scale) @ keys.transpose(-1, -2)
        if bias is not None:
            scores += bias if bias.shape[-2] == 1 else bias[..., rows, :]
        if causal:
            position = torch.arange(keys.shape[-2], device=keys.device)
            scores.masked_fill_(position > position[rows, None], -torch.inf)
        return scores

    def _kept(self, weights: Tensor) -> Tensor | None:
        """What dropout multiplies the weights by: 0, or a number that keeps their mean."""
        if not self.dropout:
            return None
        kept = torch.empty_like(weights).bernoulli_(1 - self.dropout, generator=self.generator)
        return kept.div_(1 - self.dropout)


def _upcast(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.to(score_dtype(tensor.dtype)) for tensor in tensors)
