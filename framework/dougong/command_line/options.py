"""The words after `dougong train`: overrides, and those of Hydra's options that make sense here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dougong.errors import UserError, suggestion

SHORT = {"-h": "--help", "-m": "--multirun", "-c": "--cfg", "-cd": "--config-dir", "-p": "--package", "-i": "--info"}
FLAGS = ("--help", "--hydra-help", "--multirun", "--resolve")
# What an option takes: any text where nothing is listed.
VALUES: dict[str, tuple[str, ...]] = {
    "--cfg": ("job", "hydra", "all"),
    "--config-dir": (),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    "--package": (),
}
_ASKING = {"--help", "--hydra-help", "--cfg", "--info"}


@dataclass
class Words:
    """A command line, taken apart.

    Args:
        overrides: the `KEY=VALUE` words.
        options: Hydra's options, by their long names.
        config_dir: the folder of `--config-dir`, absolute.
    """

    overrides: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    config_dir: str | None = None

    @property
    def many(self) -> bool:
        """Whether every combination is to be run."""
        return "--multirun" in self.options or "hydra.mode=MULTIRUN" in self.overrides

    @property
    def asking(self) -> bool:
        """Whether something is to be printed, and nothing to be run."""
        return bool(_ASKING & {option.partition("=")[0] for option in self.options})


def parse(arguments: Sequence[str]) -> Words:
    """Take a command line apart; options may stand anywhere.

    Raises:
        UserError: there is no such option, or its value is missing or wrong.
    """
    words = Words()
    rest = iter(arguments)
    for word in rest:
        if not word.startswith("-"):
            words.overrides.append(word)
            continue
        given, has_value, value = word.partition("=")
        name = SHORT.get(given, given)
        if name in FLAGS and not has_value:
            words.options.append(name)
        elif name in VALUES:
            _take(words, name, value if has_value else next(rest, ""))
        else:
            raise UserError(f"{word}: there is no such option. {suggestion(given, [*FLAGS, *VALUES], 'Options')}")
    return words


def _take(words: Words, name: str, value: str) -> None:
    """Add an option that has a value."""
    allowed = VALUES[name]
    if allowed and value not in allowed:
        raise UserError(f"{f'{name} {value}'.strip()}: there is no such choice. {suggestion(value, allowed)}")
    if not value:
        raise UserError(f"{name}: needs a value, as {name} {'DIR' if name == '--config-dir' else 'NAME'}.")
    if name == "--config-dir":
        if not Path(value).is_dir():
            raise UserError(f"--config-dir: {value} is not a folder.")
        words.config_dir = str(Path(value).resolve())  # our own search path has it; Hydra need not be told
        return
    words.options.append(f"{name}={value}")
