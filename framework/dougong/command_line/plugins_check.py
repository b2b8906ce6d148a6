"""`dougong plugins check KIND/NAME [KEY=VALUE ...]`: the conformance kit on one plugin."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from dougong.command_line.words import value_of
from dougong.compose.compose import prepare
from dougong.compose.config_source import current_catalogue
from dougong.errors import UserError
from dougong.kinds import KINDS
from dougong.testing.kit import check_plugin

USAGE = "usage: dougong plugins check KIND/NAME [KIND.NAME.SETTING=VALUE ...] [plugin_path=[DIR,...]] [--json]"
HELP = f"""dougong plugins check: does a plugin keep what its kind promises?

{USAGE}

  KIND/NAME                  the plugin, as attention/local
  KIND.NAME.SETTING=VALUE    a setting of it; what is not given is as its trial_settings say, else its default
  plugin_path                folders of plugins of your own (also by the environment variable DOUGONG_PLUGINS)
  --json                     for programs

The exit code is 0 where no check failed, 1 where one did, 2 where the plugin can't be checked.
"""
FAILED = 1


def run(arguments: list[str]) -> int:
    """Check a plugin, and print the report."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    options = [word for word in arguments if word.startswith("-")]
    if unknown := [word for word in options if word != "--json"]:
        raise UserError(f"{unknown[0]}: there is no such option. {USAGE}")
    words = [word for word in arguments if "=" in word]
    names = [word for word in arguments if word not in words and word not in options]
    if len(names) != 1 or names[0].count("/") != 1:
        raise UserError(f"check: takes one KIND/NAME, as attention/local. {USAGE}")
    kind, name = names[0].split("/")
    prepare([word for word in words if word.startswith("plugin_path=")])
    plugin = current_catalogue().get(kind, name)
    report = check_plugin(kind, name, settings=_settings(plugin.kind, plugin.name, words))
    if "--json" in options:
        print(json.dumps([dataclasses.asdict(result) for result in report.results], ensure_ascii=False, indent=1))
    else:
        print(report)
    return 0 if report.ok else FAILED


def _settings(kind: str, name: str, words: Sequence[str]) -> dict[str, Any]:
    """The settings that the words give, each as `dougong train` has it, or with the plugin's name.

    Raises:
        UserError: a word is of another plugin.
    """
    settings = {}
    for word in words:
        key, _, value = word.partition("=")
        if key == "plugin_path":
            continue
        prefixes = [f"{kind}.{name}.", *([] if KINDS[kind].several else [f"{kind}."])]
        prefix = next((item for item in prefixes if key.startswith(item)), None)
        if prefix is None:
            raise UserError(f"{key}: not a setting of {kind}/{name}; they begin with {prefixes[-1]}")
        settings[key.removeprefix(prefix)] = value_of(value)
    return settings
