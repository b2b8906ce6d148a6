"""The settings of `encoder=transformer` and `embedding=token` that a `config.json` of BERT or ALBERT stands for."""

from collections.abc import Mapping
from typing import Any

from dougong.errors import UserError

FAMILIES = ("bert", "albert")
ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
"""Ours, by the names of Transformers, of which the first of each is written."""

_DEFAULTS: dict[str, dict[str, Any]] = {
    "bert": {"hidden_act": "gelu", "hidden_dropout_prob": 0.1},
    "albert": {"hidden_act": "gelu_new", "hidden_dropout_prob": 0.0, "embedding_size": 128},
}
_ONLY: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "inner_group_num": (1,),
}
"""What a configuration may say of what there is no setting for."""


def family_of(config: Mapping[str, Any], where: str) -> str:
    """`bert` or `albert`.

    Args:
        where: the file, for messages.

    Raises:
        UserError: it is another.
    """
    found = config.get("model_type")
    if found not in FAMILIES:
        raise UserError(f"{where}: model_type is {found}; encoder=transformer takes {' and '.join(FAMILIES)}.")
    return str(found)


def shape_of(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Settings, by their whole keys, that the tensors depend on, or what is computed with them.

    Raises:
        UserError: the file lacks a size, or says what there is no setting for.
    """
    family = family_of(config, where)
    said = {
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        **_DEFAULTS[family],
        **config,
    }
    for key, allowed in _ONLY.items():
        if key in config and config[key] not in allowed:
            raise UserError(f"{where}: {key} is {config[key]}; encoder=transformer has {allowed[0]} alone.")
    activation = ACTIVATIONS.get(str(said["hidden_act"]))
    if activation is None:
        raise UserError(f"{where}: hidden_act is {said['hidden_act']}; known: {', '.join(ACTIVATIONS)}.")
    width = _size(said, "hidden_size", where)
    narrow = _size(said, "embedding_size", where) if family == "albert" else width
    if family == "albert" and narrow == width:
        raise UserError(f"{where}: embedding_size is hidden_size, {width}; encoder=transformer then has no such layer.")
    return {
        "encoder.layers": _size(said, "num_hidden_layers", where),
        "encoder.dim": width,
        "encoder.heads": _size(said, "num_attention_heads", where),
        "encoder.feedforward_dim": _size(said, "intermediate_size", where),
        "encoder.norm": "post",
        "encoder.norm_eps": float(said["layer_norm_eps"]),
        "encoder.activation": activation,
        "encoder.rotary": False,
        "embedding.dim": narrow,
        "embedding.segments": _size(said, "type_vocab_size", where, 2),
        "embedding.norm": True,
        "embedding.norm_eps": float(said["layer_norm_eps"]),
    }


def shares_layers(config: Mapping[str, Any], where: str) -> bool:
    """Whether all layers have the weights of one: those of ALBERT, unless it has a group for each.

    Raises:
        UserError: it has groups of several.
    """
    if family_of(config, where) != "albert":
        return False
    groups, layers = config.get("num_hidden_groups", 1), config.get("num_hidden_layers")
    if groups not in (1, layers):
        raise UserError(f"{where}: num_hidden_groups is {groups}; encoder=transformer shares all layers or none.")
    return bool(groups == 1)


def positions_of(config: Mapping[str, Any], where: str) -> int:
    """How many positions were learned."""
    return _size({"max_position_embeddings": 512, **config}, "max_position_embeddings", where)


def dropout_of(config: Mapping[str, Any], where: str) -> float:
    """The dropout of the pretraining."""
    return float(config.get("hidden_dropout_prob", _DEFAULTS[family_of(config, where)]["hidden_dropout_prob"]))


def _size(config: Mapping[str, Any], key: str, where: str, least: int = 1) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{where}: {key} must be a whole number >= {least}, got {value}.")
    return value
