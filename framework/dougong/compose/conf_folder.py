"""Where the config groups lie: in the checkout, or inside the installed package."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

import dougong
from dougong.kinds import KINDS

CATALOGUE_GROUPS = tuple(KINDS)


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


def presets(kind: str) -> dict[str, Path]:
    """The presets of a kind: names and files of `conf/<kind>/*.yaml`."""
    return {path.stem: path for path in sorted((conf_folder() / kind).glob("*.yaml"))}
