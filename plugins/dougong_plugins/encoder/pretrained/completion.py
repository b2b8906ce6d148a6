"""The configuration of an encoder that starts with pretrained weights: what nobody gave comes from these."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dougong.compose.check import Config
from dougong.compose.complete import Said, prefer, settle
from dougong.compose.config_source import defaults_of
from dougong.errors import UserError
from dougong.pretrained.source import CONFIG, find
from dougong.pretrained.vocabulary import model_type, read_json, vocabulary_file
from dougong.registry.catalogue import Catalogue
from dougong_plugins.encoder.pretrained.families import dropout_of, positions_of, shape_of, shares_layers

FREE = ("name", "pretrained", "dropout", "pooling", "vectors")
"""Settings that the weights of an encoder do not depend on, or that may differ from those of the pretraining."""
TOKENIZERS = {"WordPiece": "wordpiece", "Unigram": "sentencepiece"}
"""What reads which model of a `tokenizer.json`."""


def complete(config: Config, slot: str, said: Said, catalogue: Catalogue) -> Config:
    """The configuration with the settings, and the tokenizer, of the weights that `encoder.pretrained` names.

    Raises:
        UserError: there are no such weights, or what was said contradicts them.
    """
    if config[slot]["pretrained"] is None:
        return config
    source = find(config[slot]["pretrained"], f"{slot}.pretrained")
    if source.ours:
        _of_ours(config, source.path, said)
    else:
        _of_hugging_face(config, source.path, said, catalogue)
    return config


def _of_hugging_face(config: Config, folder: Path, said: Said, catalogue: Catalogue) -> None:
    where = str(folder / CONFIG)
    theirs = read_json(folder / CONFIG, "encoder.pretrained")
    shape = shape_of(theirs, where)
    _same_plugin(config, "embedding", "token", where)
    for key, value in shape.items():
        settle(config, key, value, said, where)
    _positions(config, positions_of(theirs, where), said, where)
    _share(config, shares_layers(theirs, where), said, where)
    prefer(config, "encoder.pooling", "pooler", said)
    for key in ("encoder.dropout", "embedding.dropout"):
        prefer(config, key, dropout_of(theirs, where), said)
    vocabulary(config, folder, int(theirs.get("vocab_size", 0)), said, catalogue)


def _positions(config: Config, learned: int, said: Said, where: str) -> None:
    """As many positions as were learned, fewer where that was said, or more that are composed of them."""
    if config["embedding"]["positions"] == "hierarchical":
        settle(config, "embedding.learned_positions", learned, said, where)
        prefer(config, "embedding.max_length", learned, said)
        return
    settle(config, "embedding.positions", "learned", said, where)
    longest = config["embedding"]["max_length"]
    if said("embedding.max_length") and isinstance(longest, int) and longest > learned:
        raise UserError(
            f"embedding.max_length: is {longest} here and {learned} in {where}; "
            "embedding.positions=hierarchical goes beyond."
        )
    prefer(config, "embedding.max_length", learned, said)


def vocabulary(config: Config, folder: Path, size: int, said: Said, catalogue: Catalogue) -> None:
    """The vocabulary of the folder, unless a tokenizer was chosen; loading compares that."""
    here = vocabulary_file(folder)
    name = "wordpiece" if here is None else TOKENIZERS.get(model_type(here, "encoder.pretrained"), "wordpiece")
    if said("tokenizer") and (config["tokenizer"]["name"] != name or said("tokenizer.pretrained")):
        return
    if here is None:
        if said("tokenizer.vocab"):
            return
        raise UserError(
            f"tokenizer: {folder} has no vocabulary file; say tokenizer.vocab=FILE, of its {size:,} tokens, with "
            "tokenizer=wordpiece."
        )
    given = {key: value for key, value in config["tokenizer"].items() if said(f"tokenizer.{key}")}
    defaults = defaults_of(catalogue.get("tokenizer", name).schema)
    config["tokenizer"] = {"name": name, **defaults, "vocab": str(folder.absolute()), **given}


def _of_ours(config: Config, path: Path, said: Said) -> None:
    from dougong.pretrained.ours import description  # torch comes with it

    where = str(path)
    theirs = dict(description(path)["config"])
    _same_plugin(config, "encoder", theirs["encoder"]["name"], where)
    if said("embedding"):
        _same_plugin(config, "embedding", theirs["embedding"]["name"], where)
    elif config["embedding"]["name"] != theirs["embedding"]["name"]:
        config["embedding"] = dict(theirs["embedding"])
    _settle_all(config, "encoder", _but(theirs["encoder"], "share_layers"), said, where)
    _share(config, bool(theirs["encoder"].get("share_layers")), said, where)
    if theirs["embedding"].get("positions") == "learned":
        _positions(config, theirs["embedding"]["max_length"], said, where)
        theirs["embedding"] = _but(
            theirs["embedding"], "positions", "max_length", "learned_positions", "position_alpha"
        )
    _settle_all(config, "embedding", theirs["embedding"], said, where)
    if not said("tokenizer"):
        given = {key: value for key, value in config["tokenizer"].items() if said(f"tokenizer.{key}")}
        config["tokenizer"] = {**given, **theirs["tokenizer"], "pretrained": where}
        for key, value in given.items():
            if value != config["tokenizer"][key]:
                raise UserError(
                    f"tokenizer.{key}: is {value} here and {config['tokenizer'][key]} in {where}; leave it out."
                )


def _share(config: Config, shared: bool, said: Said, where: str) -> None:
    """Weights that were shared may go on apart; those that were not can't become one."""
    if shared:
        prefer(config, "encoder.share_layers", True, said)
    else:
        settle(config, "encoder.share_layers", False, said, where)


def _settle_all(config: Config, slot: str, theirs: Mapping[str, Any], said: Said, where: str) -> None:
    for name, value in theirs.items():
        if name in FREE:
            if name in ("dropout", "pooling"):
                prefer(config, f"{slot}.{name}", value, said)
        elif name in config[slot]:
            settle(config, f"{slot}.{name}", value, said, where)


def _same_plugin(config: Config, slot: str, name: str, where: str) -> None:
    found = config[slot]["name"]
    if found != name:
        raise UserError(f"{slot}: is {found} here and {name} in {where}; choose {slot}={name}.")


def _but(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}
