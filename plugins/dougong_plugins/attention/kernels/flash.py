"""One tile by the CPU flash kernel of PyTorch, which gives the log-sum-exp beside the output."""

# Shapes: G groups, H heads, Q queries, K keys, D head dimension.

from functools import cache

import torch
from torch import Tensor

from dougong_plugins.attention.kernels.bias import sees_any
from dougong_plugins.attention.kernels.matmul import MatmulTile


class FlashTile:
    """Softmax attention of each group of queries to its own keys, and its gradients."""

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, causal: bool, scale: float
    ) -> tuple[Tensor, Tensor]:
        """The output (G, H, Q, D) and the log-sum-exp of the scores (G, H, Q), minus infinity where no key is seen.

        Args:
            query: (G, H, Q, D).
            key, value: (G, H, K, D).
            bias: (G or 1, 1, Q or 1, K), 0 or minus infinity.
            causal: whether query i sees only keys 0 to i of its group.
            scale: what the scores are multiplied by.
        """
        output, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, attn_mask=bias, scale=scale
        )
        if bias is not None:
            # The kernel reports 0 for a row with no key, which would weigh like a key in a merge.
            lse = lse.masked_fill(~sees_any(bias, causal), -torch.inf)
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
        """The gradients of query, key and value. `output` and `lse` are those of all tiles merged, `lse` finite."""
        gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            grad, query, key, value, output, lse, 0.0, causal, attn_mask=bias, scale=scale
        )
        return gradients


@cache
def flash_works() -> bool:
    """Whether this PyTorch has the private operators and they mean what `FlashTile` takes them to mean.

    They may change between releases, so a tiny case is compared with plain matrix products, once: a bias, a causal
    mask, a row with no key, and a log-sum-exp that counts keys of another tile.
    """
    try:
        return all(_agrees(causal) for causal in (False, True))
    except (AttributeError, RuntimeError, TypeError):
        return False


def _agrees(causal: bool) -> bool:
    generator = torch.Generator().manual_seed(0)
    grad, query, key, value = (torch.randn(2, 1, 3, 4, generator=generator) for _ in range(4))
    bias = torch.zeros(2, 1, 1, 3)
    bias[0, ..., 0] = bias[1] = -torch.inf
    results = []
    for tile in (FlashTile(), MatmulTile()):
        output, lse = tile.forward(query, key, value, bias, causal, 0.5)
        merged = torch.logaddexp(lse, torch.ones(()))
        results.append((output, lse, *tile.backward(grad, query, key, value, output, merged, bias, causal, 0.5)))
    return all(torch.allclose(ours, plain, atol=1e-5) for ours, plain in zip(*results, strict=True))
