"""What a check is: a function of a subject that raises AssertionError where a promise is broken."""

from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

from dougong.testing.subject import Subject

CheckFunction = Callable[[Subject], None]

_checks: set[CheckFunction] = set()


class SkipCheck(Exception):  # noqa: N818 - nothing is wrong
    """This check does not apply; the message says why."""


def check(function: CheckFunction) -> CheckFunction:
    """Make a function a check: its name is the check's, the first line of its docstring what is promised."""
    assert function.__doc__, f"{function.__name__} says nothing of what it promises"
    _checks.add(function)
    return function


def skip(reason: str) -> NoReturn:
    """End a check that does not apply."""
    raise SkipCheck(reason)


def checks_in(module: ModuleType) -> list[CheckFunction]:
    """The checks of a module, those that it imports from others included, in their order."""
    return [item for item in vars(module).values() if callable(item) and item in _checks]


def promise(function: CheckFunction) -> str:
    """What a check promises."""
    return (function.__doc__ or "").strip().partition("\n")[0]


def one_line(error: BaseException) -> str:
    """An error in one line; an assertion speaks for itself, others are named."""
    text = " ".join(str(error).split())
    if isinstance(error, AssertionError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
