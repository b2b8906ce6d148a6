"""One tile by batched matrix products in buffers that stay in the caches: the fastest on CPU where rows are short."""

# Shapes: G groups, H heads, Q queries, K keys, D head dimension; h heads at once in S = H / h stacks, n = G * h.

from collections.abc import Iterator

import torch
from torch import Tensor

LONGEST_ROW = 512
"""How many keys a query may have: beyond that the flash kernel is as fast, and holds fewer scores."""


NARROWEST_WINDOW = 64
"""Narrower windows make products too small to gain: at 32 the flash kernel is the faster one."""

SCORES_A_THREAD = 1 << 18
"""How many scores are held at a time for each thread."""


class ProductTile:
    """What `FlashTile` does, where each query sees a key. That kernel multiplies but 32 queries at once.

    Results lie in buffers that the next call writes over.
    """

    def __init__(self, alone: bool) -> None:
        """Take the tiles of one pass.

        Args:
            alone: whether a tile holds all that its queries see.
        """
        self.alone = alone
        self._buffers: dict[str, Tensor] = {}

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, causal: bool, scale: float
    ) -> tuple[Tensor, Tensor]:
        """As `FlashTile.forward`; a causal mask must be part of the bias."""
        at_once = _heads_at_once(query, key, value)
        output = self._result("output", query, at_once)
        lse = self._result("lse", query[..., :1], at_once)
        for groups, heads, (for_output, for_lse) in _stacks(at_once, key.shape[2], output, lse):
            queries, keys, values = (tensor[groups, heads].flatten(0, 1) for tensor in (query, key, value))
            scores = self._scores(queries, keys, bias, scale)
            weights = torch.softmax(scores, -1, out=self._buffer("weights", scores, scores.shape))
            torch.bmm(weights, values, out=for_output)
            # The largest weight is exp(largest score - lse): cheaper than another exponential of each score.
            torch.sub(scores.amax(-1, keepdim=True), weights.amax(-1, keepdim=True).log_(), out=for_lse)
        return _joined(output), _joined(lse).squeeze(-1)

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
        at_once = _heads_at_once(grad, query, key, value)
        results = [
            self._result(name, like, at_once)
            for name, like in (("grad_query", query), ("grad_key", key), ("grad_value", value))
        ]
        for groups, heads, (for_query, for_key, for_value) in _stacks(at_once, key.shape[2], *results):
            grads, queries, keys, values = (tensor[groups, heads].flatten(0, 1) for tensor in (grad, query, key, value))
            if self.alone:
                scores = self._scores(queries, keys, bias, scale)
                weights = torch.softmax(scores, -1, out=self._buffer("weights", scores, scores.shape))
                grad_weights = torch.bmm(grads, values.transpose(1, 2), out=scores)
                grad_scores = torch._softmax_backward_data(
                    grad_weights, weights, -1, weights.dtype, grad_input=grad_weights
                )
            else:
                weights = self._merged_weights(queries, keys, lse[groups, heads].flatten(0, 1), bias, scale)
                mean = (grad[groups, heads] * output[groups, heads]).sum(-1, keepdim=True).flatten(0, 1)
                grad_scores = self._buffer("scores", weights, weights.shape).copy_(mean)
                grad_scores.baddbmm_(grads, values.transpose(1, 2), beta=-1).mul_(weights)
            torch.bmm(weights.transpose(1, 2), grads, out=for_value)
            for_query.baddbmm_(grad_scores, keys, beta=0, alpha=scale)
            for_key.baddbmm_(grad_scores.transpose(1, 2), queries, beta=0, alpha=scale)
        grad_query, grad_key, grad_value = map(_joined, results)
        return grad_query, grad_key, grad_value

    def _scores(self, queries: Tensor, keys: Tensor, bias: Tensor | None, scale: float) -> Tensor:
        """(n, Q, K)."""
        scores = self._buffer("scores", queries, (*queries.shape[:2], keys.shape[1]))
        if bias is not None:
            scores.copy_(bias[0])
        return scores.baddbmm_(queries, keys.transpose(1, 2), beta=0 if bias is None else 1, alpha=scale)

    def _merged_weights(self, queries: Tensor, keys: Tensor, lse: Tensor, bias: Tensor | None, scale: float) -> Tensor:
        """(n, Q, K): the weights in the softmax over all tiles, of which `lse` (n, Q) is."""
        weights = self._buffer("weights", queries, (*queries.shape[:2], keys.shape[1]))
        if bias is None:
            weights.copy_(lse[..., None]).neg_()
        else:
            torch.sub(bias[0], lse[..., None], out=weights)
        return weights.baddbmm_(queries, keys.transpose(1, 2), alpha=scale).exp_()

    def _buffer(self, name: str, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        size = torch.Size(shape).numel()
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size:
            buffer = self._buffers[name] = like.new_empty(size)
        return buffer[:size].view(shape)

    def _result(self, name: str, like: Tensor, at_once: int) -> Tensor:
        """(S, G, h, ...) for a result of the shape of `like`, (G, H, ...)."""
        groups, heads, *rest = like.shape
        return self._buffer(name, like, (heads // at_once, groups, at_once, *rest))


def _heads_at_once(*tensors: Tensor) -> int:
    """All heads, where groups and heads lie at even steps, as the product takes them; else 1. Each is (G, H, ...)."""
    even = all(len(tensor) == 1 or tensor.stride(0) == tensor.shape[1] * tensor.stride(1) for tensor in tensors)
    return tensors[0].shape[1] if even else 1


def _stacks(at_once: int, keys: int, *results: Tensor) -> Iterator[tuple[slice, slice, list[Tensor]]]:
    """Which groups and heads come at once, and the (n, ...) of each (S, G, h, ...) that are theirs."""
    _, groups, _, queries = results[0].shape[:4]
    step = max(1, torch.get_num_threads() * SCORES_A_THREAD // (at_once * queries * keys))
    for number, parts in enumerate(zip(*results, strict=True)):
        heads = slice(number * at_once, (number + 1) * at_once)
        for first in range(0, groups, step):
            some = slice(first, first + step)
            yield some, heads, [part[some].flatten(0, 1) for part in parts]


def _joined(result: Tensor) -> Tensor:
    """(G, H, ...) of (S, G, h, ...), in place: S or h is 1."""
    return result.transpose(0, 1).flatten(1, 2)
