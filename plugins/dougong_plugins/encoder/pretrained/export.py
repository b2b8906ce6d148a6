"""An encoder as BERT or ALBERT of Transformers."""

from typing import Any

import torch
from torch import Tensor, nn

from dougong.contracts.encoder import HuggingFaceModel
from dougong.errors import UserError
from dougong.nn.hierarchical_positions import hierarchical_positions
from dougong_plugins.encoder.pretrained.families import ACTIVATIONS
from dougong_plugins.encoder.pretrained.names import names_of

POSITIONS = "embedding.position.weight"
SEGMENTS = "embedding.segment.weight"


def as_hugging_face(encoder: Any) -> HuggingFaceModel:
    """The configuration and the tensors of the model that computes what a transformer encoder does.

    Raises:
        UserError: none does; the message names a setting.
    """
    if problem := _problem(encoder):
        raise UserError(f"to=huggingface: BERT and ALBERT have no {problem}.")
    family = "albert" if isinstance(encoder.widen, nn.Linear) else "bert"
    # BERT's layers can't share; as copies they compute the same.
    names = names_of(family, len(encoder.layers), family == "albert" and encoder.share_layers)
    tensors: dict[str, Tensor] = {}
    for ours, tensor in _state(encoder).items():
        theirs = names[ours]
        for name, part in zip(theirs, tensor.chunk(len(theirs)), strict=True):
            tensors[name] = part.detach().cpu().clone()
    remarks = []
    if encoder.pooler is None:
        remarks.append("it has no pooler; Transformers makes one up unless told add_pooling_layer=False")
    return HuggingFaceModel(_config(encoder, family, tensors), tensors, remarks)


def _problem(encoder: Any) -> str | None:
    """What there is no counterpart for."""
    embedding = encoder.embedding
    # Another embedding may have tables of other names; what is asked here is what the tensors are made of.
    if not hasattr(embedding, "alpha"):
        return f"{type(embedding).__name__}; embedding=token is what they have"
    if isinstance(encoder.leave, nn.LayerNorm):
        return "encoder.norm=pre"
    if not embedding.normalised:
        return "embedding.norm=false"
    if encoder.turned is not None:
        return "encoder.rotary=true"
    if embedding.position is None:
        return "embedding.positions=none"
    longest = embedding.max_length
    for layer in encoder.layers:
        mask = layer.attention.mask(longest, longest)
        if mask is None or not mask.all():
            return f"attention like {type(layer.attention).__name__}, by which a token does not see every other"
    return None


def _state(encoder: Any) -> dict[str, Tensor]:
    """The encoder's tensors, with as many positions and as many kinds of segments as there is to be a row for."""
    state: dict[str, Tensor] = dict(encoder.state_dict())
    embedding = encoder.embedding
    if embedding.alpha is not None:
        numbers = torch.arange(embedding.max_length, device=embedding.position.weight.device)
        state[POSITIONS] = hierarchical_positions(embedding.position, numbers, embedding.alpha)
    state.setdefault(SEGMENTS, state[POSITIONS].new_zeros(2, embedding.dim))
    return state


def _config(encoder: Any, family: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    embedding, layer = encoder.embedding, encoder.layers[0]
    theirs = {ours: name for name, ours in reversed(ACTIVATIONS.items())}
    config = {
        "architectures": [f"{family.capitalize()}Model"],
        "model_type": family,
        "vocab_size": embedding.tokenizer.size,
        "hidden_size": encoder.dim,
        "num_hidden_layers": len(encoder.layers),
        "num_attention_heads": layer.heads,
        "intermediate_size": layer.feedforward[0].out_features,
        "hidden_act": theirs[encoder.activation],
        "hidden_dropout_prob": layer.dropout.p,
        "attention_probs_dropout_prob": float(getattr(layer.attention, "dropout", 0.0)),
        "max_position_embeddings": embedding.max_length,
        "type_vocab_size": len(tensors["embeddings.token_type_embeddings.weight"]),
        "layer_norm_eps": layer.attention_norm.eps,
        "pad_token_id": embedding.tokenizer.padding_id,
    }
    if family == "albert":
        groups = 1 if encoder.share_layers else len(encoder.layers)
        config |= {"embedding_size": embedding.dim, "num_hidden_groups": groups, "inner_group_num": 1}
    return config
