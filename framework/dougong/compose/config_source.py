"""The plugin registry as a Hydra config source: `registry://<kind>/<name>` is a plugin with its default settings."""

import dataclasses
import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from dougong.compose.conf_folder import slot_defaults
from dougong.compose.settings import RunSettings
from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue, catalogue
from dougong.registry.plugin import class_signature
from dougong.registry.signature import REQUIRED, Signature
from dougong.registry.values import MISSING
from dougong.sweep.settings import SweepSettings

SETTINGS = "settings"
UNSAID = "~unsaid"
_folders: list[str] = []
_config_dir: list[str] = []
_blank: list[bool] = []


def use_plugin_folders(folders: Iterable[str | Path]) -> None:
    """Search these folders for plugins too, from now on.

    Raises:
        UserError: one does not exist.
    """
    paths = [Path(folder).expanduser() for folder in folders]
    for path in paths:
        if not path.exists():
            raise UserError(f"plugin_path: {path} does not exist.")
    _folders[:] = [str(path.resolve()) for path in paths]


def plugin_folders() -> tuple[str, ...]:
    """The folders that are searched for plugins, absolute."""
    return tuple(_folders)


def use_config_dir(folder: str | None) -> None:
    """Compose with the configs of this folder too, from now on."""
    _config_dir[:] = [folder] if folder else []


@contextmanager
def blanks() -> Iterator[None]:
    """Meanwhile defaults are served as values that are missing, so that what a composition then has, somebody said."""
    _blank.append(True)
    try:
        yield
    finally:
        _blank.pop()


def current_catalogue() -> Catalogue:
    """The catalogue that compositions choose from."""
    return catalogue(_folders)


class RegistrySource(ConfigSource):
    """Serves plugins to Hydra, which calls these methods by keyword: the parameter names are Hydra's."""

    @staticmethod
    def scheme() -> str:
        """The part of the address before `://`."""
        return "registry"

    def available(self) -> bool:
        """Always."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Whether the path is a kind, or the root."""
        return config_path.strip("/") in ("", *KINDS)

    def is_config(self, config_path: str) -> bool:
        """Whether the path is a plugin."""
        kind, name, _ = _key(config_path)
        return (kind, name) == ("", SETTINGS) or current_catalogue().find(kind, name) is not None

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """The kinds, or the names of one kind."""
        path = config_path.strip("/")
        if path == "":
            return [] if results_filter is ObjectType.CONFIG else list(KINDS)
        return [] if results_filter is ObjectType.GROUP else current_catalogue().names(path)

    def load_config(self, config_path: str) -> ConfigResult:
        """A plugin's settings with their defaults, and its slots as a Hydra defaults list."""
        kind, name, chosen = _key(config_path)
        if (kind, name) == ("", SETTINGS):
            return self._settings()
        plugin = current_catalogue().find(kind, name)
        if plugin is None:
            raise ConfigLoadError(f"there is no {kind} called {name}")
        settings = {"name": name if chosen else MISSING, **defaults_of(plugin.schema)}
        if _blank:
            settings |= {
                key: MISSING for key, value in settings.items() if key != "name" and not isinstance(value, dict)
            }
        node = {name: settings} if KINDS[kind].several else settings
        slots = [
            {f"/{slot.kind}@_global_.{slot.name}": _choice(slot.kind, slot.default, slot.optional)}
            # Hydra goes from the last to the first, and what a preset overrides holds for those that come after: that
            # of an encoder, a task's first slot, chooses the embedding of the decoder as well.
            for slot in reversed(plugin.signature.slots)
        ]
        result = self._result(f"{kind}/{name}", {"defaults": ["_self_", *slots], **node})
        place = result.config[name] if KINDS[kind].several else result.config
        for key in [key for key, value in settings.items() if isinstance(value, dict)]:
            # Hydra would refuse new keys of a mapping before the checks, which know what may be in it, have seen them.
            OmegaConf.set_struct(place[key], False)
        return result

    def _settings(self) -> ConfigResult:
        result = self._result("settings", {**plain(RunSettings()), "sweep": plain(SweepSettings())})
        OmegaConf.set_struct(result.config["sweep"]["cluster"], False)
        return result

    def _result(self, path: str, node: dict[str, Any]) -> ConfigResult:
        return ConfigResult(
            provider=self.provider, path=f"registry://{path}", config=OmegaConf.create(node), header={"package": None}
        )


class RegistrySearchPath(SearchPathPlugin):
    """Lets Hydra look for groups in the user's config folder, then in ours, then in the registry."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add what is not ours: the folder of `--config-dir` in front, the registry behind."""
        if _config_dir:
            search_path.prepend("--config-dir", f"file://{_config_dir[0]}")
        search_path.append("plugins", "registry://")


def install() -> None:
    """Make Hydra know the registry; more than once does no harm."""
    Plugins.instance().register(RegistrySource)
    Plugins.instance().register(RegistrySearchPath)


def defaults_of(signature: Signature) -> dict[str, Any]:
    """Each setting's default as plain values."""
    return {item.name: MISSING if item.default is REQUIRED else plain(item.default) for item in signature.settings}


def plain(value: Any) -> Any:
    """A value as containers, numbers and texts alone: dataclasses become mappings, enums their names."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [setting.name for setting in class_signature(type(value)).settings]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def _choice(kind: str, default: str | None, optional: bool) -> Any:
    if optional:
        return None
    chosen = default or slot_defaults().get(kind)
    if _blank and isinstance(chosen, str) and current_catalogue().find(kind, chosen):
        chosen += UNSAID
    return [chosen] if KINDS[kind].several and isinstance(chosen, str) else chosen


def _key(config_path: str) -> tuple[str, str, bool]:
    """Kind, name, and whether somebody chose it."""
    kind, _, name = config_path.strip("/").removesuffix(".yaml").rpartition("/")
    return kind, name.removesuffix(UNSAID), not name.endswith(UNSAID)
