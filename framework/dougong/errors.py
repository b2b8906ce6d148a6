"""Errors that a user can cause, and the nearest valid name for a wrong one."""

import difflib
from collections.abc import Iterable
from itertools import takewhile


class UserError(ValueError):
    """Something that the user can mend. The message is one line: what is at fault, what is allowed, the nearest."""


class FieldError(UserError):
    """A record's field is missing, or is not what it has to be.

    Args:
        field: its name.
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that is most like `word`, if one is like it at all; of several, the one that begins like it."""
    names = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(word.lower(), names, 3, 0.5)
    if not close:
        return None
    matcher = difflib.SequenceMatcher(None, b=word.lower())

    def likeness(name: str) -> tuple[float, int]:
        matcher.set_seq1(name)
        same = takewhile(lambda pair: pair[0] == pair[1], zip(name, word.lower(), strict=False))
        return matcher.ratio(), len(list(same))

    return names[max(close, key=likeness)]


def suggestion(word: str, allowed: Iterable[str], what: str = "Allowed") -> str:
    """` Did you mean `x`? Allowed: x, y.`: what to append to an error about a wrong name."""
    names = sorted(allowed)
    close = nearest(word, names)
    listed = f"{what}: {', '.join(names)}." if names else f"{what}: none."
    return f"Did you mean `{close}`? {listed}" if close else listed
