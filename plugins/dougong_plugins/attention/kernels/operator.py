"""Blocked attention as one operator, which torch.compile sees as a single node and does not specialise by length."""

# Shapes: B batch, H heads, N length, D head dimension.

from typing import Any

import torch
from torch import Tensor

from dougong_plugins.attention.kernels import blocked
from dougong_plugins.attention.kernels.pattern import Pattern
from dougong_plugins.attention.kernels.precision import score_dtype


@torch.library.custom_op("dougong::blocked_attention", mutates_args=())
def _forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    seed: Tensor | None,
    window: int | None,
    rate: int | None,
    causal: bool,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
    job = blocked.job(Pattern(window, rate), query, causal, dropout, _number(seed), key_padding_mask)
    output, lse = blocked.attend(job, query, key, value, query.shape[-1] ** -0.5)
    return output.transpose(1, 2), lse


@torch.library.custom_op("dougong::blocked_attention_backward", mutates_args=())
def _backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    lse: Tensor,
    key_padding_mask: Tensor | None,
    seed: Tensor | None,
    window: int | None,
    rate: int | None,
    causal: bool,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor]:
    grad, query, key, value, output = (tensor.transpose(1, 2) for tensor in (grad, query, key, value, output))
    job = blocked.job(Pattern(window, rate), query, causal, dropout, _number(seed), key_padding_mask)
    gradients = blocked.gradients(job, grad, query, key, value, output, lse, query.shape[-1] ** -0.5)
    grad_query, grad_key, grad_value = (gradient.transpose(1, 2) for gradient in gradients)
    return grad_query, grad_key, grad_value


def _number(seed: Tensor | None) -> int:
    return 0 if seed is None else int(seed)


def _empty(like: Tensor) -> Tensor:
    """(B, H, N, D), laid out as (B, N, H, D), as the operators return it."""
    batch, heads, length, head_dim = like.shape
    return like.new_empty(batch, length, heads, head_dim).transpose(1, 2)


@_forward.register_fake
def _(query: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    batch, heads, length, _head_dim = query.shape
    lse = query.new_empty(batch, length, heads, dtype=score_dtype(query.dtype))
    return _empty(query), lse


@_backward.register_fake
def _(_grad: Tensor, query: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _empty(query), _empty(query), _empty(query)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.window, ctx.rate, ctx.causal, ctx.dropout = inputs
    ctx.save_for_backward(*tensors, *output)
    ctx.set_materialize_grads(False)  # else a gradient of zeros is made for the log-sum-exp


def _differentiate(ctx: Any, grad: Tensor | None, _grad_lse: Tensor | None) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 9
    query, key, value, key_padding_mask, seed, output, lse = ctx.saved_tensors
    settings = (key_padding_mask, seed, ctx.window, ctx.rate, ctx.causal, ctx.dropout)
    gradients = _backward(grad, query, key, value, output, lse, *settings)
    return *gradients, None, None, None, None, None, None


_forward.register_autograd(_differentiate, setup_context=_remember)


def blocked_attention(
    pattern: Pattern,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    key_padding_mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Softmax attention over `pattern`; time and memory grow as the pattern does.

    Args:
        query, key, value: (B, H, N, D), of one dtype, in any layout.
        key_padding_mask: (B, N), True where a key is padding.
        dropout: on the normalised weights.

    Returns:
        (B, H, N, D), laid out as (B, N, H, D). It can be differentiated once.
    """
    # Drawn here, where torch.compile and activation checkpointing replay it, and not inside of the operator.
    seed = torch.randint(2**62, ()) if dropout else None
    output, _ = _forward(query, key, value, key_padding_mask, seed, pattern.window, pattern.rate, causal, dropout)
    return output  # type: ignore[no-any-return]
