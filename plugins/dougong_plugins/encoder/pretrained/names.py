"""Names of the tensors of `encoder=transformer` with `embedding=token`, and of the same ones in BERT and ALBERT."""

from collections.abc import Mapping

from torch import Tensor

Names = dict[str, tuple[str, ...]]
"""For each tensor of ours, those that it is of, one after the other."""

_EMBEDDING = {
    "embedding.token.weight": "embeddings.word_embeddings.weight",
    "embedding.position.weight": "embeddings.position_embeddings.weight",
    "embedding.segment.weight": "embeddings.token_type_embeddings.weight",
    "embedding.norm.weight": "embeddings.LayerNorm.weight",
    "embedding.norm.bias": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "bert": {
        "project_in": tuple(f"attention.self.{part}" for part in ("query", "key", "value")),
        "project_out": ("attention.output.dense",),
        "attention_norm": ("attention.output.LayerNorm",),
        "feedforward.0": ("intermediate.dense",),
        "feedforward.2": ("output.dense",),
        "feedforward_norm": ("output.LayerNorm",),
    },
    "albert": {
        "project_in": tuple(f"attention.{part}" for part in ("query", "key", "value")),
        "project_out": ("attention.dense",),
        "attention_norm": ("attention.LayerNorm",),
        "feedforward.0": ("ffn",),
        "feedforward.2": ("ffn_output",),
        "feedforward_norm": ("full_layer_layer_norm",),
    },
}
_POOLER = {"bert": "pooler.dense", "albert": "pooler"}
_BEGINNINGS = ("embeddings.", "encoder.", "pooler.")
_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")


def names_of(family: str, layers: int, shared: bool) -> Names:
    """The tensors of an encoder with so many layers.

    Args:
        shared: whether ALBERT has one layer, which is that of all; it may have as many groups of one as layers.
    """
    names: Names = {ours: (theirs,) for ours, theirs in _EMBEDDING.items()}
    stems: Names = {
        f"layers.{number}.{ours}": tuple(f"{_layer(family, 0 if shared else number)}.{part}" for part in theirs)
        for number in range(layers)
        for ours, theirs in _LAYER[family].items()
    }
    stems["pooler"] = (_POOLER[family],)
    if family == "albert":
        stems["widen"] = ("encoder.embedding_hidden_mapping_in",)
    for ours, theirs in stems.items():
        for part in ("weight", "bias"):
            names[f"{ours}.{part}"] = tuple(f"{stem}.{part}" for stem in theirs)
    return names


def _layer(family: str, number: int) -> str:
    return f"encoder.layer.{number}" if family == "bert" else f"encoder.albert_layer_groups.{number}.albert_layers.0"


def without_prefix(tensors: Mapping[str, Tensor], family: str) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of the encoder by their names in it, and the names of those that are not of it: the heads'.

    Models with a head have `bert.` or `albert.` before each name. Files of long ago call weight and bias of a
    normalisation gamma and beta, and hold numbers of positions, which are no weights.
    """
    prefix = f"{family}."
    headed = any(name.startswith(prefix) for name in tensors)
    own: dict[str, Tensor] = {}
    others = []
    for name, tensor in tensors.items():
        bare = name.removeprefix(prefix)
        inside = name.startswith(prefix) if headed else bare.startswith(_BEGINNINGS)
        if not inside or bare in _BUFFERS:
            others.append(name)
        else:
            own[bare.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")] = (
                tensor
            )
    return own, others
