"""Errors that a user can cause, and the nearest valid name for a wrong one."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something that the user can mend. The message is one line: what is at fault, what is allowed, the nearest name."""


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that is most like `word`, if one is like it at all."""
    close = difflib.get_close_matches(word.lower(), {name.lower(): name for name in (allowed := list(allowed))}, 1, 0.5)
    return next((name for name in allowed if close and name.lower() == close[0]), None)


def suggestion(word: str, allowed: Iterable[str], what: str = "Allowed") -> str:
    """` Did you mean `x`? Allowed: x, y.`: what to append to an error about a wrong name."""
    names = sorted(allowed)
    close = nearest(word, names)
    listed = f"{what}: {', '.join(names)}." if names else f"{what}: none."
    return f"Did you mean `{close}`? {listed}" if close else listed
