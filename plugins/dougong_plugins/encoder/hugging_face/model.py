"""A model of Transformers: made, filled with weights that were trained, and asked what it can do."""

from pathlib import Path
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


def load_weights(model: nn.Module, pretrained: str, config: Any) -> list[str]:
    """Take the weights of a folder or of the hub.

    Returns:
        The names of those that the model has no use for, such as a head's.

    Raises:
        ValueError: some are missing, or do not have the shapes that the configuration says.
    """
    from transformers import AutoModel

    place = Path(pretrained).expanduser()
    source = str(place) if place.exists() else pretrained
    asked = {"config": config, "dtype": "float32", "output_loading_info": True, "ignore_mismatched_sizes": True}
    try:
        with quiet():
            found, report = AutoModel.from_pretrained(source, trust_remote_code=False, **asked)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"pretrained: {pretrained} can't be loaded ({in_a_line(error)}).") from error
    own = model.state_dict()
    missing = sorted(set(report["missing_keys"]) & own.keys())
    reshaped = sorted({item[0] for item in report["mismatched_keys"]} & own.keys())
    for names, what in ((missing, "has no"), (reshaped, "has another shape of")):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ValueError(f"pretrained: {pretrained} {what} {', '.join(names[:3])}{more}.")
    weights = found.state_dict()
    model.load_state_dict({name: weights[name] for name in own})
    return sorted({*report["unexpected_keys"], *(weights.keys() - own.keys())})


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
