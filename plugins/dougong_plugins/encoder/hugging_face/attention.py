"""Attention plugins in the place of a Hugging Face model's own."""

# Shapes: B batch, H heads, G key heads, N query length, M key length, D head dimension.

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from dougong.contracts.attention import Attention

NAME = "dougong"
"""Of our attention among Transformers' implementations, and of the argument by which models hand it on."""

_MORE_THAN_A_MASK = ("position_bias", "softcap", "s_aux", "sliding_window", "head_mask")


class NotReplaceableError(Exception):
    """The model's attention is more than what an attention plugin computes."""


class Layers:
    """The attentions of one pass through a model, each used once, in order.

    The model hands it from layer to layer. It is counted, since layers that share their weights are one module, and
    not all others know their number.

    Args:
        attentions: one a layer.
        causal: whether tokens see none after them, also where the model would let them.
    """

    def __init__(self, attentions: Sequence[nn.Module], causal: bool) -> None:
        self.attentions, self.causal, self.used = attentions, causal, 0

    def next(self) -> nn.Module:
        """The attention of the next layer."""
        self.used += 1
        return self.attentions[self.used - 1]


def install() -> None:
    """Make Transformers know our attention, and what mask it takes; more than once does no harm."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    AttentionInterface.register(NAME, attend)
    # Without it, models would hand on no mask at all (github.com/huggingface/transformers/issues/45811).
    AttentionMaskInterface.register(NAME, padding_alone)


def padding_alone(*, attention_mask: Tensor | None = None, mask_function: Any = None, **others: Any) -> Tensor | None:
    """Of all that the model would hide, padding: which tokens come later is known to the attention.

    Returns:
        (B, M), False at padding, or None.

    Raises:
        NotReplaceableError: the model would hide more than padding and later tokens.
    """
    from transformers.masking_utils import bidirectional_mask_function, causal_mask_function

    plain = mask_function in (None, causal_mask_function, bidirectional_mask_function)
    # Without a mask a compiled model looks for texts that are packed into one row, and ours are not.
    if not plain and attention_mask is not None:
        raise NotReplaceableError("its layers have patterns of their own")
    return attention_mask


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """The attention of the next layer, as Transformers calls it.

    Args:
        query: (B, H, N, D).
        key, value: (B, G, M, D), where G divides H.
        attention_mask: (B, M), False at padding.

    Returns:
        (B, N, H, D), and no weights.

    Raises:
        NotReplaceableError: the model asks for more than an attention plugin computes.
    """
    layers: Layers | None = others.get(NAME)
    if layers is None:
        raise NotReplaceableError("it does not hand on to its attention what it is called with")
    for name in _MORE_THAN_A_MASK:
        if others.get(name) is not None:
            raise NotReplaceableError(f"its attention has a `{name}`")
    causal = layers.causal or bool(getattr(module, "is_causal", True) if is_causal is None else is_causal)
    mixed = scaled_attention(layers.next(), query, key, value, attention_mask, scaling, causal)
    return mixed.transpose(1, 2).contiguous(), None


def scaled_attention(
    attention: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None,
    causal: bool,
) -> Tensor:
    """An attention plugin's answer under another scale than its own, and with fewer heads of keys than of queries."""
    dim, shared = query.size(-1), query.size(1) // key.size(1)
    if scaling is not None and scaling != dim**-0.5:
        query = query * (scaling * dim**0.5)
    if shared > 1:
        key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
    padding = None if attention_mask is None else ~attention_mask
    mixed: Tensor = attention(query, key, value, key_padding_mask=padding, causal=causal)
    return mixed


def is_causal(model: nn.Module) -> bool:
    """Whether a model's own attention lets no token see those after it."""
    return any(getattr(module, "is_causal", False) for module in model.modules())


def supports_causal(attention: nn.Module) -> bool:
    """Whether an attention plugin can do so."""
    return "causal" in type(attention).supports if isinstance(attention, Attention) else False
