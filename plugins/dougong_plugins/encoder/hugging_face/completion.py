"""The configuration of an encoder `huggingface`: what is in the files that it names is recorded with it."""

from typing import Any

from dougong.compose.check import Config
from dougong.compose.complete import Said
from dougong.errors import UserError
from dougong.pretrained.source import CONFIG, find
from dougong.pretrained.vocabulary import read_json
from dougong.registry.catalogue import Catalogue
from dougong_plugins.encoder.hugging_face.settings import all_of, file_settings
from dougong_plugins.encoder.pretrained.completion import vocabulary


def complete(config: Config, slot: str, said: Said, catalogue: Catalogue) -> Config:
    """The configuration with all settings of the model, and with its tokenizer where nobody chose one.

    Raises:
        UserError: a file is not there, or contradicts what was said.
    """
    node = config[slot]
    try:
        if node["pretrained"] is None:
            if isinstance(node["config"], str):
                node["config"] = file_settings(node["config"])
            return config
        theirs = pretrained_settings(node["pretrained"])
        node["config"] = all_of(theirs, node["config"])
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{slot}.{error}") from error
    source = find(node["pretrained"], f"{slot}.pretrained")
    if not source.ours:
        vocabulary(config, source.path, int(theirs.get("vocab_size", 0)), said, catalogue)
    elif not said("tokenizer"):
        from dougong.pretrained.ours import description  # torch comes with it

        config["tokenizer"] = {**description(source.path)["config"]["tokenizer"], "pretrained": str(source.path)}
    return config


def pretrained_settings(named: str) -> dict[str, Any]:
    """The settings of the model that `encoder.pretrained` names.

    Raises:
        UserError: there is none.
    """
    source = find(named, "encoder.pretrained")
    if not source.ours:
        return read_json(source.path / CONFIG, "encoder.pretrained")
    from dougong.pretrained.ours import description  # torch comes with it

    theirs = description(source.path)["config"]["encoder"]
    if theirs["name"] != "huggingface":
        raise UserError(f"encoder: is huggingface here and {theirs['name']} in {named}; choose that one.")
    found: dict[str, Any] = theirs["config"]
    return found
