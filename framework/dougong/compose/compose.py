"""Composing a configuration outside a Hydra job: for the Python API, for checks, for messages."""

from collections.abc import Iterable, Sequence
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from dougong.compose.check import ROOTS, Config, check, check_presets
from dougong.compose.conf_folder import conf_folder
from dougong.compose.config_source import current_catalogue, install, use_plugin_folders
from dougong.compose.hydra_errors import HYDRA_ERRORS, Translator
from dougong.compose.run_folder import register_run_folder
from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS

VERSION_BASE = "1.3"
ROOT = "train"


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> Config:
    """The checked configuration that these command-line words compose.

    Raises:
        UserError: a word is wrong; one line.
    """
    overrides = prepare(overrides)
    try:
        return check(compose_unchecked(overrides, config_dir), current_catalogue())
    except HYDRA_ERRORS as error:
        raise translator(overrides, config_dir).translate(error) from error


def compose_unchecked(overrides: list[str], config_dir: str | None = None) -> Config:
    """What prepared overrides compose, as plain containers, whether it makes sense or not."""
    return to_plain(_compose(overrides, config_dir))


def prepare(overrides: Iterable[str]) -> list[str]:
    """Makes Hydra ready for these overrides: the registry, the plugin folders that they name, presets checked."""
    words = [word.removeprefix("+") if word.startswith("+experiment=") else word for word in overrides]
    install()
    register_run_folder()
    use_plugin_folders(_plugin_path(words))
    check_presets(current_catalogue())
    for word in words:
        key, _, value = word.partition("=")
        if key in ROOTS and not KINDS[key].several and value in ("null", "~", ""):
            raise UserError(f"{word}: a {key} has to be chosen. {suggestion('', current_catalogue().names(key))}")
    return words


def translator(overrides: list[str], config_dir: str | None = None) -> Translator:
    """What turns Hydra's errors about these overrides into ours."""

    def compose_without(word: str) -> dict[str, Any]:
        return compose_unchecked([item for item in overrides if item != word], config_dir)

    return Translator(current_catalogue(), overrides, compose_without)


def to_plain(config: DictConfig) -> Config:
    """A composed configuration as plain containers, without Hydra's own part."""
    container = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items() if key not in ("hydra", "defaults")}


def _compose(overrides: list[str], config_dir: str | None) -> DictConfig:
    # A job that is running under Hydra has its own instance, which must be there again afterwards.
    holder = GlobalHydra.instance()
    outer, holder.hydra = holder.hydra, None
    try:
        with initialize_config_dir(str(conf_folder()), version_base=VERSION_BASE):
            extra = [f"hydra.searchpath=[file://{config_dir}]"] if config_dir else []
            return hydra_compose(ROOT, overrides=[*overrides, *extra])
    finally:
        holder.hydra = outer


def _plugin_path(overrides: Iterable[str]) -> list[str]:
    """`plugin_path` is read before anything is composed, since it decides what there is to compose."""
    words = [word for word in overrides if word.lstrip("+").startswith("plugin_path=")]
    folders: list[str] = []
    for override in OverridesParser.create().parse_overrides(words):
        value = override.value()
        folders = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return folders
