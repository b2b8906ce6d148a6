"""`dougong plugins new KIND/NAME [--into DIR | --package DIST]`: one plugin file and its test, ready to run."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS
from dougong.scaffold.names import kind_and_name
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
    if option == "--package":
        written = as_distribution(kind, name, value)
        commands = _commands(kind, name, "", "python -m pytest")
        commands.insert(0, f'cd {shlex.quote(value)} && python -m pip install -e ".[dev]"')
    else:
        written = into_folder(kind, name, Path(value).expanduser())
        test = shlex.quote(str(written[-1]))
        commands = _commands(kind, name, f" {shlex.quote(f'plugin_path={value}')}", f"python -m pytest {test}")
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


def _commands(kind: str, name: str, where: str, test: str) -> list[str]:
    return [
        f"dougong train{where} {kind}={name}",
        f"dougong plugins check {kind}/{name}{where}",
        test,
    ]
