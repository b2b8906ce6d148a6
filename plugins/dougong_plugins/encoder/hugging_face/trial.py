"""Whether an attention plugin can stand in for a model's own: tried on a few tokens, before anything is trained."""

from typing import Any

import torch
from torch import Tensor

from dougong_plugins.attention.full import FullAttention
from dougong_plugins.encoder.hugging_face.attention import NAME, Layers, NotReplaceableError

_TOKENS = 7
_MOST_LAYERS = 1000
_GAP = 1e-3


@torch.no_grad()
def count_attentions(model: Any) -> int:
    """How many times a token is attended to on its way through the model, which from now on takes our attention.

    Full attention of ours has to give what the model's own does, with padding and causality.

    Raises:
        NotReplaceableError: it does not, or the model does not let its attention be replaced.
    """
    if not getattr(model, "_supports_attention_backend", False):
        raise NotReplaceableError("it computes its attention itself")
    mode = model.training
    tokens = torch.arange(2 * _TOKENS).view(2, -1) * 7 % model.config.vocab_size
    mask = torch.ones_like(tokens)
    mask[1, -3:] = 0
    layers = Layers([FullAttention()] * _MOST_LAYERS, causal=False)
    expected, found = _states(model, "eager", tokens, mask), _states(model, NAME, tokens, mask, **{NAME: layers})
    model.train(mode)
    gap = (expected - found)[mask.bool()].abs().max() / expected.abs().max().clamp_min(1e-6)
    if not layers.used:
        raise NotReplaceableError("it computes its attention itself")
    if not gap < _GAP:
        raise NotReplaceableError(f"with full attention of ours its states are off by {float(gap):.1g}")
    return layers.used


def _states(model: Any, implementation: str, tokens: Tensor, mask: Tensor, **others: Any) -> Tensor:
    model.eval().set_attn_implementation(implementation)
    try:
        states: Tensor = model(input_ids=tokens, attention_mask=mask, **others).last_hidden_state
    except NotReplaceableError:
        raise
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise NotReplaceableError(f"it does not run on tokens alone ({' '.join(str(error).split())[:100]})") from error
    return states
