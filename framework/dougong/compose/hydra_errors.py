"""Hydra's exceptions as one line of our own."""

import errno
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from dougong.compose.check import unused_choice, used_slots
from dougong.compose.conf_folder import presets
from dougong.compose.settings import RunSettings
from dougong.errors import UserError, nearest, suggestion
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue
from dougong.registry.plugin import class_signature
from dougong.sweep.settings import SweepSettings

HYDRA_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, RecursionError)


_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST}


def folder_problem(error: OSError) -> str:
    """Where Hydra could not make the folder of a run."""
    return f"hydra.run.dir: {error.filename} can't be written to ({error.strerror}); name a folder that can."


class Translator:
    """Turns an exception of Hydra's into a `UserError`.

    Args:
        catalogue: the plugins that could have been meant.
        overrides: the command line's `KEY=VALUE` words.
        compose_without: composes the overrides less one, to see what the choice would have to fit.
    """

    def __init__(
        self, catalogue: Catalogue, overrides: list[str], compose_without: Callable[[str], dict[str, Any]]
    ) -> None:
        self.catalogue = catalogue
        self.overrides = overrides
        self.compose_without = compose_without

    def translate(self, error: BaseException) -> UserError:
        """The same error for people."""
        if isinstance(error, RecursionError):
            said = " ".join(self.overrides)
            return UserError(f"{said}: goes round in circles; the `defaults` of a config file lead back to that file.")
        for item in _chain(error):
            if isinstance(item, OSError) and item.errno in _UNWRITABLE:
                return UserError(folder_problem(item))
        text = "\n".join(str(item) for item in _chain(error))
        for item in _chain(error):
            if isinstance(item, MissingConfigException) and item.missing_cfg_file:
                return UserError(self._missing_config(str(item.missing_cfg_file), text))
        for item in _chain(error):
            if isinstance(item, OverrideParseException):
                hint = "say KEY=VALUE, and quote what has spaces, commas or brackets."
                return UserError(f"{item.override}: not understood; {hint}")
            if isinstance(item, yaml.MarkedYAMLError) and item.problem_mark:
                mark = item.problem_mark
                return UserError(f"{mark.name}:{mark.line + 1}: not YAML ({item.problem}).")
        return UserError(self._by_wording(text))

    def _by_wording(self, text: str) -> str:
        """What Hydra says in words alone."""
        for pattern, explain in (
            (r"Ambiguous value for argument '(.+)'\n", self._ambiguous),
            (r"Multiple values for (\S+)\.", self._chosen_twice),
            (r"Could not delete (?:from config\. )?'([^']+)'", self._nothing_to_delete),
        ):
            if match := re.search(pattern, text):
                return explain(match[1])
        if match := re.search(r"Could not (?:override|append to config|add) '([^']+)'", text):
            return self._bad_key(match[1].partition("=")[0], text)
        full_key = re.search(r"full_key: (\S+)", text)
        key = full_key[1] if full_key else ""
        if key and re.search(r"Key '([^']+)' (?:is not in struct|not in '\w+')", text):
            return self._unknown_setting(key)
        first = " ".join(text.partition("full_key")[0].split("See https")[0].split())
        return f"{key}: {first}" if key else first

    @staticmethod
    def _ambiguous(word: str) -> str:
        values = word.partition("=")[2]
        return f"{word}: more than one value; add -m to run each by itself, or write [{values}] for a list."

    def _chosen_twice(self, key: str) -> str:
        word = next((item for item in self.overrides if item.startswith(f"+{key}=")), None)
        if word:
            return f"{word}: there is a choice already; say {word.removeprefix('+')} to replace it."
        return f"{key}: chosen twice; a file that replaces the choice says `override /{key}: ...` in its defaults."

    @staticmethod
    def _nothing_to_delete(key: str) -> str:
        return f"~{key}: there is nothing of that name to take out."

    def _missing_config(self, path: str, text: str) -> str:
        kind, _, name = path.removesuffix(".yaml").rpartition("/")
        if kind in KINDS:
            allowed = [*self.catalogue.names(kind), *presets(kind)]
            chosen = re.compile(rf"\+?{kind}@(\w+)=.*\b{re.escape(name)}\b")
            slots = [match[1] for match in map(chosen.match, self.overrides) if match]
            return f"{[*slots, kind][0]}={name}: there is no such {kind}. {suggestion(name, allowed)}"
        options = re.search(r"Available options in '[^']*':\n((?:\t.*\n?)+)", text)
        allowed = options[1].split() if options else []
        return f"{kind}={name}: there is no such {kind or 'config'}. {suggestion(name, allowed)}"

    def _bad_key(self, key: str, text: str) -> str:
        if key.partition("@")[0] not in KINDS or "No match in the defaults list" not in text:
            return self._unknown_setting(key)
        word = self._said(f"{key}=", key)
        try:
            return self._no_slot(key, word, self.compose_without(word))
        except HYDRA_ERRORS:  # no word of the command line chooses it, but a file does
            file = re.search(r"In '([^']+)': Could not override", text)
            where = f"{file[1]}.yaml: " if file else ""
            return where + unused_choice(key, {}, self.catalogue, f"its `override /{key}`")

    def _no_slot(self, key: str, word: str, config: dict[str, Any]) -> str:
        kind, _, slot = key.partition("@")
        slots = [name for name, its_kind in used_slots(config, self.catalogue).items() if its_kind == kind]
        if slots:
            return f"{word}: there is no such slot. {suggestion(slot or kind, slots, f'Slots for {kind}')}"
        return unused_choice(kind, config, self.catalogue, word)

    def _said(self, start: str, otherwise: str) -> str:
        """The word of the command line that begins so."""
        return next((word for word in self.overrides if word.lstrip("+~").startswith(start)), otherwise)

    def _unknown_setting(self, key: str) -> str:
        """Says which part of a dotted key is wrong, and what it could have been."""
        if key.startswith("hydra."):
            return f"{key}: Hydra has no such setting; `dougong train --cfg hydra` shows those that it has."
        if key.startswith("sweep."):
            names = ["resume", *(setting.name for setting in class_signature(SweepSettings).settings)]
            return f"{key}: there is no such setting. {suggestion(key.partition('.')[2], names)}"
        try:
            node: Any = self.compose_without(self._said(key, ""))
        except HYDRA_ERRORS:
            node = dict.fromkeys(self._top_level())
        parts = key.split(".")
        for depth, part in enumerate(parts):
            if not isinstance(node, dict) or part not in node:
                return self._nothing_there(parts[: depth + 1], node)
            node = node[part]
        return f"{key}: it can't be set so."

    def _top_level(self) -> list[str]:
        return [*KINDS, *(setting.name for setting in class_signature(RunSettings).settings)]

    def _nothing_there(self, parts: list[str], node: Any) -> str:
        key, word = ".".join(parts), parts[-1]
        if len(parts) == 1:
            known = [*self._top_level(), *(used_slots(node, self.catalogue) if isinstance(node, dict) else ())]
            if word in KINDS:
                return unused_choice(word, node, self.catalogue, self._said(f"{word}.", f"{word}=..."))
        else:
            known = [name for name in node if name != "name"] if isinstance(node, dict) else []
        if len(parts) == 2 and parts[0] in KINDS and KINDS[parts[0]].several:
            kind = parts[0]
            if self.catalogue.find(kind, word):
                return f"{key}: {kind}={word} is not chosen; chosen: {', '.join(known) or 'none'}."
            return f"{key}: there is no such {kind}. {suggestion(word, known, 'Chosen')}"
        close = nearest(word, known)
        hint = f" Did you mean `{close}`?" if close else ""
        if len(parts) == 2 and (owners := self._with_setting(*parts)):
            hint += f" {' and '.join(owners)} {'has' if len(owners) == 1 else 'have'} it."
        listed = f"Known: {', '.join(dict.fromkeys(known))}." if known else "It has no settings."
        return f"{key}: there is no such setting.{hint} {listed}"

    def _with_setting(self, kind: str, name: str) -> list[str]:
        """The plugins that do have a setting, where the chosen one has not."""
        plugins = [plugin for plugin in self.catalogue if plugin.kind == kind and not plugin.problem]
        return [f"{kind}={plugin.name}" for plugin in plugins if plugin.schema.setting(name)]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
