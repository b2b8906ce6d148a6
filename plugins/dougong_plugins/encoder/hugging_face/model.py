"""A model of Transformers: made, and asked what it can do."""

from typing import Any

from torch import Tensor, nn

from dougong_plugins.encoder.hugging_face.quiet import in_a_line, quiet


def new_model(config: Any) -> Any:
    """A model with fresh weights.

    Raises:
        ValueError: the configuration is not one of a model that can be.
    """
    from transformers import AutoModel

    automatic: Any = AutoModel
    try:
        with quiet():
            # In the mode for training: Lightning leaves a model in the one that it has.
            return automatic.from_config(config, attn_implementation="eager").float().train()
    except ValueError as error:
        raise ValueError(f"config: {in_a_line(error)}") from error


def without_pooler(model: Any) -> None:
    """Leave out what makes one vector of a text, where it is not asked for: it would never be trained."""
    if isinstance(getattr(model, "pooler", None), nn.Module):
        model.pooler = None


def pooled(model: Any, states: Tensor) -> Tensor:
    """(B, N, D) states to the (B, D) that the model's own pooler makes of them."""
    if isinstance(model.pooler, nn.Linear):  # ALBERT
        return model.pooler_activation(model.pooler(states[:, 0]))  # type: ignore[no-any-return]
    return model.pooler(states)  # type: ignore[no-any-return]


def longest_input(model: Any) -> int | None:
    """How many tokens a model can place, None for any."""
    for name, part in model.named_modules():
        # RoBERTa numbers positions from the number of the padding token on.
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding) and part.padding_idx is not None:
            return part.num_embeddings - part.padding_idx - 1
    return getattr(model.config, "max_position_embeddings", None)
