"""The words that say what to draw of a plugin."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS
from dougong.registry.plugin import Plugin

OTHERS = {"schedule": ("updates",), "attention": ("length", "causal")}
"""The kinds of which something can be drawn, and what can be said beside a plugin's own settings."""


def prefix(plugin: Plugin) -> str:
    """What a plugin's settings begin with on the command line."""
    return f"{plugin.kind}.{plugin.name}" if KINDS[plugin.kind].several else plugin.kind


def about_drawing(shown: str, word: str) -> bool:
    """Whether a word, KEY=VALUE, says what to draw of the plugin KIND/NAME that is shown."""
    kind = shown.partition("/")[0]
    starts = tuple(f"{name}=" for name in OTHERS.get(kind, ()))
    return kind in OTHERS and word.startswith((f"{kind}.", *starts))


def given(plugin: Plugin, words: Sequence[str]) -> dict[str, Any]:
    """The values that words give, by setting.

    Raises:
        UserError: a word is not KEY=VALUE, or its key is unknown.
    """
    own = {f"{prefix(plugin)}.{setting.name}": setting.name for setting in plugin.signature.settings}
    known = {**{name: name for name in OTHERS[plugin.kind]}, **own}
    try:
        overrides = OverridesParser.create().parse_overrides(list(words))
    except OverrideParseException as error:
        raise UserError(f"{error.override}: not understood; say KEY=VALUE.") from error
    found = {}
    for override in overrides:
        key = override.key_or_group
        if key not in known or override.is_sweep_override():
            raise UserError(f"{override.input_line}: can't be drawn. {suggestion(key, list(known), 'Settings')}")
        found[known[key]] = override.value()
    return found
