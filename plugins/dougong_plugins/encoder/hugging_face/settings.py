"""What a model of Transformers is to be like: its configuration, from a folder, from the hub, or from settings."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dougong.contracts.tokenizer import END, START, Tokenizer
from dougong.errors import nearest, suggestion
from dougong_plugins.encoder.hugging_face.quiet import hub, in_a_line, quiet

_FROM_TOKENIZER = ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id")


def pretrained_settings(pretrained: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a model that there is, with changes; if these name the model's type, they are all of it.

    Raises:
        ValueError: there is no such model, or a change is of a setting that it has not.
    """
    if "model_type" in changes:
        return dict(changes)
    folder = Path(pretrained).expanduser()
    given = _of_folder(folder) if folder.exists() else _of_hub(pretrained)
    if "model_type" not in given:
        raise ValueError(f"pretrained: the config.json of {pretrained} lacks a model_type; add one, as bert, there.")
    return {**given, **_known(given["model_type"], changes)}


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
    found = _read(file / "config.json" if file.is_dir() else file, "config")
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


def _of_folder(folder: Path) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        raise ValueError(f"pretrained: {folder} holds no config.json.")
    return _read(folder / "config.json", "pretrained")


def _of_hub(name: str) -> dict[str, Any]:
    from transformers import PreTrainedConfig

    with hub(name):
        found: dict[str, Any] = PreTrainedConfig.get_config_dict(name)[0]
    return found


def _read(file: Path, key: str) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{key}: {file} does not exist.") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{key}: {file} can't be read ({in_a_line(error)}).") from error
    if not isinstance(found, dict):
        raise ValueError(f"{key}: {file} does not hold settings.")
    return found


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
