"""The names that a new plugin and a new distribution may have."""

import importlib.util
import keyword
import re
import sys

from dougong.errors import UserError, suggestion
from dougong.kinds import KINDS

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
VALUES = ("null", "true", "false", "nan", "inf")
"""What the command line takes for a value, not for a name."""
DISTRIBUTION = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*")


def kind_and_name(key: str) -> tuple[str, str]:
    """`KIND/NAME`, taken apart.

    Raises:
        UserError: there is no such kind, or the name is not one for a module.
    """
    kind, slash, name = key.partition("/")
    if kind not in KINDS:
        raise UserError(f"{kind}: there is no such kind of plugin. {suggestion(kind, KINDS, 'Kinds')}")
    if not slash or not name:
        raise UserError(f"new: takes KIND/NAME, as {kind}/my_{kind}.")
    if not _is_good(name):
        hint = _mended(name)
        would_do = f" `{hint}` would do." if _is_good(hint) else ""
        raise UserError(
            f"{key}: a new plugin's name is made of small letters (a to z), digits and underscores, 100 at most; it "
            f"begins with a letter, and is no word of Python's own and no value ({', '.join(VALUES)}).{would_do}"
        )
    if name == "conftest" or name.startswith("test_"):
        raise UserError(f"{key}: pytest would take {name}.py for one of its own; choose another name.")
    return kind, name


def package_of(distribution: str) -> str:
    """The name of a distribution's package.

    Raises:
        UserError: it is not a name for a distribution.
    """
    package = re.sub(r"[-.]", "_", distribution).lower()
    if not DISTRIBUTION.fullmatch(distribution) or keyword.iskeyword(package):
        raise UserError(
            f"--package {distribution}: a distribution's name is made of letters and digits, with single `-`, `_` or "
            "`.` between them, as dougong-mine."
        )
    return package


def refuse_module(name: str, option: str) -> None:
    """Refuse a name under which another module is imported already.

    Raises:
        UserError: there is such a module.
    """
    spec = None if name in sys.stdlib_module_names else importlib.util.find_spec(name)
    if name in sys.stdlib_module_names or (spec and spec.origin):  # a mere folder has no origin
        raise UserError(f"{option}: a module {name} exists, which others import; choose another name.")


def class_name(kind: str, name: str, taken: set[str]) -> str:
    """`local` of `attention` as `LocalAttention`; other than the names that its file uses."""
    words, ending = _joined(name), _joined(kind)
    found = words if words.endswith(ending) else words + ending
    while found in taken:
        found += ending
    return found


def _is_good(name: str) -> bool:
    return bool(NAME.fullmatch(name)) and not keyword.iskeyword(name) and name not in VALUES


def _mended(name: str) -> str:
    """The nearest name that is allowed, perhaps."""
    separate = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", separate).strip("_").lower()


def _joined(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))
