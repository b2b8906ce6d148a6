"""Weights that were trained into a model of Transformers, and out of it."""

from pathlib import Path
from typing import Any

import tokenizers

from dougong.contracts.encoder import HuggingFaceModel
from dougong.errors import UserError
from dougong.pretrained.load import fits, listed, place
from dougong.pretrained.ours import description, encoder_tensors
from dougong.pretrained.source import find
from dougong.pretrained.vocabulary import read_vocabulary, vocabulary_file
from dougong_plugins.encoder.hugging_face.quiet import in_a_line, quiet
from dougong_plugins.encoder.pretrained.weights import KEY, same_vocabulary


def load_pretrained(encoder: Any, named: str) -> list[str]:
    """Let the encoder take the weights that a word names.

    Returns:
        Lines for the user.

    Raises:
        UserError: they can't be read, or are of another shape, or for another vocabulary.
    """
    source = find(named, KEY)
    if source.ours:
        return [f"{named}: {line}" for line in _load_ours(encoder, source.path)]
    file = vocabulary_file(source.path)
    if file is not None:
        same_vocabulary(encoder.tokenizer, read_vocabulary(file, KEY), str(file))
    elif encoder.tokenizer.size != encoder.model.config.vocab_size:
        count = encoder.model.config.vocab_size
        raise UserError(
            f"tokenizer: has {encoder.tokenizer.size:,} tokens, and {named} knows {count:,} and comes without a "
            "vocabulary; say tokenizer=wordpiece tokenizer.vocab=FILE."
        )
    return [f"{named}: {line}" for line in _load_hugging_face(encoder.model, source.path)]


def _load_hugging_face(model: Any, folder: Path) -> list[str]:
    """By Transformers, which knows what the tensors of each model are called, and were called before."""
    from transformers import AutoModel

    given = {"config": model.config, "dtype": "float32", "output_loading_info": True, "ignore_mismatched_sizes": True}
    try:
        with quiet():
            found, report = AutoModel.from_pretrained(str(folder), trust_remote_code=False, **given)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{KEY}: {folder} can't be loaded ({in_a_line(error)}).") from error
    own = model.state_dict()
    missing = sorted(set(report["missing_keys"]) & own.keys())
    reshaped = sorted({item[0] for item in report["mismatched_keys"]} & own.keys())
    for names, what in ((missing, "missing"), (reshaped, "of another shape")):
        if names:
            raise UserError(f"{KEY}: {folder} does not fit this encoder: {len(names)} {what} ({listed(names)}).")
    weights = found.state_dict()
    model.load_state_dict({name: weights[name] for name in own})
    left = sorted({*report["unexpected_keys"], *(weights.keys() - own.keys())})
    return [f"{len(own):,} tensors taken; none missing", *([f"{len(left)} left out: {listed(left)}"] if left else [])]


def _load_ours(encoder: Any, path: Path) -> list[str]:
    state = description(path)["tokenizer"]
    if state is not None:
        same_vocabulary(encoder.tokenizer, tokenizers.Tokenizer.from_str(state).get_vocab(), str(path))
    tensors = encoder_tensors(path)
    names = {name: (name,) for name in encoder.state_dict() if name.startswith("model.")}
    left = [name for name in tensors if not name.startswith("model.") or name.startswith("model.pooler.")]
    return fits(place(encoder, tensors, names, [name for name in left if name not in names]), f"{KEY}: {path}").lines()


def as_hugging_face(encoder: Any) -> HuggingFaceModel:
    """The model as it is; an attention that hides anything Transformers would not know of.

    Raises:
        UserError: the attention does.
    """
    length = encoder.max_length or 512
    for attention in encoder.attentions:
        mask = attention.mask(length, length)
        if mask is None or not mask.all():
            raise UserError(
                f"to=huggingface: {encoder.model.config.model_type} has no attention like {type(attention).__name__}, "
                "by which a token does not see every other."
            )
    config = {**encoder.model.config.to_dict(), "architectures": [type(encoder.model).__name__]}
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in encoder.model.state_dict().items()}
    left_out = encoder.pooling != "pooler" and hasattr(encoder.model, "pooler")
    remark = "it has no pooler; Transformers makes one up unless told add_pooling_layer=False"
    return HuggingFaceModel(config, tensors, [remark] if left_out else [])
