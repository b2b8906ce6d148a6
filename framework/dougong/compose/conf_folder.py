"""Where the config groups lie: in the checkout, or inside the installed package."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import dougong

_added: list[Path] = []


@cache
def conf_folder() -> Path:
    """`conf/` beside the checkout's pyproject.toml where there is one, else `dougong/conf` of the wheel."""
    package = Path(dougong.__file__).resolve().parent
    checkout = package.parents[1]
    if (checkout / "pyproject.toml").is_file() and (checkout / "conf" / "train.yaml").is_file():
        return checkout / "conf"
    return package / "conf"


@cache
def slot_defaults() -> dict[str, Any]:
    """What fills a slot of each kind when neither the user nor the plugin chooses (`conf/slots.yaml`)."""
    return dict(yaml.safe_load((conf_folder() / "slots.yaml").read_text(encoding="utf-8")))


def use_config_folders(folders: Iterable[str | Path]) -> None:
    """Configs of the user's own lie in these folders, from now on; they go before ours."""
    _added[:] = map(Path, folders)


def presets(group: str) -> dict[str, Path]:
    """Names and files of `<group>/*.yaml`, in `conf/` and in the user's config folders."""
    folders = [conf_folder(), *reversed(_added)]
    return {path.stem: path for folder in folders for path in sorted((folder / group).glob("*.yaml"))}
