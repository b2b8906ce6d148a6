"""What a model of Transformers is to be like: its configuration, as settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dougong.contracts.tokenizer import END, START, Tokenizer
from dougong.errors import UserError, nearest, suggestion
from dougong.pretrained.vocabulary import read_json
from dougong_plugins.encoder.hugging_face.quiet import in_a_line, quiet

_FROM_TOKENIZER = ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id")


def all_of(theirs: Mapping[str, Any], changes: Mapping[str, Any] | str) -> dict[str, Any]:
    """All settings of a pretrained model, with changes.

    Raises:
        ValueError: a change is of a setting that it has not.
    """
    if isinstance(changes, str):
        raise ValueError("config: beside pretrained give what is to be changed, as {hidden_dropout_prob: 0.2}.")
    if "model_type" not in theirs:
        raise ValueError("pretrained: its config.json lacks a model_type; add one there, as bert.")
    return {**theirs, **_known(theirs["model_type"], changes)}


def new_settings(config: Mapping[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:
    """All settings of a model that is to learn from nothing: as many tokens as the tokenizer has.

    Raises:
        ValueError: there is no such model, or a setting is not one of its.
    """
    model_type = config.get("model_type")
    if config.get("vocab_size", tokenizer.size) < tokenizer.size:
        raise ValueError(f"config.vocab_size: must be at least the tokenizer's {tokenizer.size}; leave it out.")
    known = _class_of(model_type)().to_dict()
    numbers = (tokenizer.size, tokenizer.padding_id, tokenizer.identity(START), tokenizer.identity(END))
    tokens = {name: value for name, value in zip(_FROM_TOKENIZER, numbers, strict=True) if name in known}
    return {**tokens, **_known(model_type, config)}


def file_settings(path: str) -> dict[str, Any]:
    """The settings of a config.json, or of the folder that holds one, but those that follow from the tokenizer.

    Raises:
        ValueError: there is none, or it names no model.
    """
    file = Path(path).expanduser()
    file = file / "config.json" if file.is_dir() else file
    if not file.is_file():
        raise UserError(f"encoder.config: {file} does not exist.")
    found = read_json(file, "encoder.config")
    known = {**_class_of(found.get("model_type"))().to_dict(), "model_type": None}
    return {name: value for name, value in found.items() if name in known and name not in _FROM_TOKENIZER}


def configuration(settings: Mapping[str, Any]) -> Any:
    """The configuration, as Transformers has it.

    Raises:
        ValueError: it can't have such a value.
    """
    from huggingface_hub.errors import StrictDataclassError

    try:
        with quiet():
            return _class_of(settings.get("model_type")).from_dict(dict(settings))
    except (StrictDataclassError, TypeError) as error:
        raise ValueError(f"config: {in_a_line(error)}") from error


def _class_of(model_type: Any) -> Any:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if model_type is None:
        raise ValueError("config: lacks a model_type, as {model_type: bert, hidden_size: 128}.")
    if model_type not in CONFIG_MAPPING:
        close = nearest(str(model_type), CONFIG_MAPPING)
        hint = f" Did you mean `{close}`?" if close else ""
        raise ValueError(f"config.model_type: Transformers has no {model_type}.{hint}")
    return CONFIG_MAPPING[model_type]


def _known(model_type: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their own names, all of which the model has: Transformers would take any, and use none of them."""
    made = _class_of(model_type)
    known, aliases = {**made().to_dict(), "model_type": None}, dict(made.attribute_map)
    for name in given:
        if name not in known and name not in aliases:
            raise ValueError(f"config.{name}: {model_type} has no such setting. {suggestion(name, known)}")
    return {aliases.get(name, name): value for name, value in given.items()}
