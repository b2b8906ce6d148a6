"""Pretrained weights into an encoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from torch import Tensor

from dougong.contracts.encoder import Encoder
from dougong.contracts.tokenizer import Tokenizer
from dougong.errors import UserError
from dougong.pretrained.load import fits, listed, place
from dougong.pretrained.ours import description, encoder_tensors
from dougong.pretrained.source import CONFIG, find
from dougong.pretrained.tensors import read_tensors
from dougong.pretrained.vocabulary import read_json, read_vocabulary, vocabulary_file
from dougong_plugins.encoder.pretrained.families import family_of, shares_layers
from dougong_plugins.encoder.pretrained.names import names_of, without_prefix

KEY = "encoder.pretrained"
POOLER = "pooler."
POSITIONS = "embedding.position.weight"
TOKENS = "embedding.token.weight"


def load_pretrained(encoder: Any, named: str) -> list[str]:
    """Let a transformer encoder take the weights that a word names.

    Returns:
        Lines for the user.

    Raises:
        UserError: they can't be read, or are of another shape, or for another vocabulary.
    """
    source = find(named, KEY)
    load = _load_ours if source.ours else _load_hugging_face
    lines, shared = load(encoder, source.path)
    if shared and not encoder.share_layers:
        lines.append(f"each of the {len(encoder.layers)} layers begins as a copy of the one that was shared")
    return [f"{named}: {lines[0]}", *lines[1:]]


def _load_hugging_face(encoder: Any, folder: Path) -> tuple[list[str], bool]:
    """Lines for the user, and whether the layers were shared."""
    config = read_json(folder / CONFIG, KEY)
    family = family_of(config, str(folder / CONFIG))
    tensors, heads = without_prefix(read_tensors(folder, KEY), family)
    shared = shares_layers(config, str(folder / CONFIG))
    names = names_of(family, len(encoder.layers), shared)
    file = vocabulary_file(folder)
    if file is not None:
        same_vocabulary(encoder.tokenizer, read_vocabulary(file, KEY), str(file))
    # Tables may have been lengthened for speed; rows beyond the vocabulary stand for nothing.
    return _place(encoder, tensors, names, heads, [TOKENS] if file is not None else [], str(folder)), shared


def _load_ours(encoder: Any, path: Path) -> tuple[list[str], bool]:
    """As for a folder of Hugging Face."""
    said = description(path)
    state, shared = said["tokenizer"], bool(said["config"]["encoder"].get("share_layers"))
    if state is not None:
        same_vocabulary(encoder.tokenizer, tokenizers.Tokenizer.from_str(state).get_vocab(), str(path))
    tensors = encoder_tensors(path)
    names = {name: (name,) for name in encoder.state_dict() if not _is_attention(name)}
    others = [name for name in tensors if _is_attention(name)]
    own = {name: tensor for name, tensor in tensors.items() if name not in others}
    return _place(encoder, own, names, others, [], str(path)), shared


def _place(
    encoder: Encoder,
    tensors: Mapping[str, Tensor],
    names: Mapping[str, tuple[str, ...]],
    others: Sequence[str],
    may_cut: Sequence[str],
    where: str,
) -> list[str]:
    """Copy, and say what was copied.

    Args:
        others: names of tensors that are not of the encoder.
        may_cut: tables of which rows may be left out, beside that of positions.
    """
    state = encoder.state_dict()
    pooler = [source for name in names if name.startswith(POOLER) for source in names[name]]
    has_pooler = f"{POOLER}weight" in state
    if has_pooler and not all(name in tensors for name in pooler):
        raise UserError(f"encoder.pooling: {where} has no pooler; say encoder.pooling=cls or encoder.pooling=mean.")
    wanted = {name: names.get(name, (name,)) for name in state if name in names or not _is_attention(name)}
    left = [*others, *(() if has_pooler else (name for name in tensors if name.startswith(POOLER)))]
    composed = getattr(encoder.embedding, "alpha", None) is not None
    account = fits(
        place(encoder, tensors, wanted, left, [*may_cut, *(() if composed else (POSITIONS,))]), f"{KEY}: {where}"
    )
    fresh = sorted(set(state) - set(wanted))
    return [*account.lines(), *([f"{len(fresh)} new: {listed(fresh)}"] if fresh else [])]


def _is_attention(name: str) -> bool:
    """Whether a tensor is one of a plugin that mixes tokens, which is chosen anew."""
    return name.startswith("layers.") and ".attention." in name


def same_vocabulary(tokenizer: Tokenizer, theirs: Mapping[str, int], where: str) -> None:
    """Whether every token has the number that it had in the pretraining.

    Raises:
        UserError: one has not.
    """
    ours = tokenizer.core.get_vocab()
    wrong = [token for token in {**theirs, **ours} if ours.get(token) != theirs.get(token)]
    if wrong:
        token = min(wrong, key=lambda item: (item not in ours or item not in theirs, theirs.get(item, 0)))
        here, there = ours.get(token, "none"), theirs.get(token, "none")
        raise UserError(
            f"tokenizer: {len(wrong):,} tokens have another number than in {where} (`{token}`: {here} here, {there} "
            f"there); leave tokenizer out to have the one that belongs to {KEY}."
        )
