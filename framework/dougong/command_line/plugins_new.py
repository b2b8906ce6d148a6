"""`dougong plugins new KIND/NAME [--into DIR | --package DIST]`: one plugin file and its test, ready to run."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS
from dougong.scaffold.names import VALUES, kind_and_name
from dougong.scaffold.write import as_distribution, into_folder

FOLDER = "mine"
OPTIONS = ("--into", "--package")
USAGE = "usage: dougong plugins new KIND/NAME [--into DIR | --package DIST]"
HELP = f"""dougong plugins new: one plugin file, a working example of its kind, and its test

{USAGE}

  KIND             {", ".join(KINDS)}
  NAME             what it is chosen by: small letters, digits and underscores
  --into DIR       the folder to write to ({FOLDER})
  --package DIST   write a distribution that others can install, in a folder of its name; or add to one that is there

Nothing that exists is ever overwritten.
"""


def run(arguments: Sequence[str]) -> int:
    """Write, and say what was written and what to do next."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    key, option, value = _parse(arguments)
    kind, name = kind_and_name(key)
    written = _write(kind, name, option, value)
    if option == "--package":
        commands = _commands(kind, name, "", "python -m pytest")
        commands.insert(0, f'cd {shlex.quote(value)} && python -m pip install -e ".[dev]"')
    else:
        test = shlex.quote(str(written[-1]))
        where = shlex.quote(f"plugin_path={_as_value(value)}")
        commands = _commands(kind, name, f" {where}", f"python -m pytest {test}")
    print("Written:", *(f"  {path}" for path in written), "", "Next:", *(f"  {line}" for line in commands), sep="\n")
    return 0


def _parse(arguments: Sequence[str]) -> tuple[str, str, str]:
    """KIND/NAME, and where to."""
    keys: list[str] = []
    chosen: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            keys.append(word)
        elif option not in OPTIONS:
            raise UserError(f"{word}: there is no such option. {suggestion(option, OPTIONS, 'Options')}")
        else:
            chosen[option] = value if equals else next(words, "")
            if not chosen[option]:
                raise UserError(f"{option}: needs a value. {USAGE}")
    if len(keys) != 1:
        raise UserError(f"new: takes one KIND/NAME, as attention/my_attention. {USAGE}")
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)}: only one of them can be said. {USAGE}")
    option, value = next(iter(chosen.items()), ("--into", FOLDER))
    return keys[0], option, value


def _write(kind: str, name: str, option: str, value: str) -> list[Path]:
    try:
        if option == "--package":
            return as_distribution(kind, name, value)
        return into_folder(kind, name, Path(value).expanduser())
    except OSError as error:
        raise UserError(f"{option}: {error.filename or value} can't be used: {error.strerror or error}.") from error


def _as_value(text: str) -> str:
    """The text as the command line takes it: in quotes where it could be read as a list, a number, or not at all."""
    if re.fullmatch(r"[A-Za-z_./][A-Za-z0-9_./ +-]*(?<! )", text) and text.lower() not in VALUES:
        return text
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", text) + "'"


BESIDE = {"decoder": " task=seq2seq"}
"""What else must be chosen for a plugin of the kind to be used."""


def _commands(kind: str, name: str, where: str, test: str) -> list[str]:
    return [
        f"dougong train{where}{BESIDE.get(kind, '')} {kind}={name}",
        f"dougong plugins check {kind}/{name}{where}",
        test,
    ]
