"""Cutting texts into words."""

import re
from collections.abc import Callable, Iterable

from dougong.errors import UserError

Cut = Callable[[str], Iterable[str]]


def cutter(words: str, key: str) -> Cut:
    """What cuts a text into words that joined are the text.

    Args:
        words: "jieba" or "spaces".
        key: of the setting, for messages.

    Raises:
        UserError: jieba is not installed.
    """
    if words == "spaces":
        return re.compile(r"\w+|\s+|[^\w\s]").findall
    try:
        import jieba
    except ImportError as error:
        raise UserError(f"{key}=jieba needs jieba: pip install jieba, or choose another.") from error
    jieba.setLogLevel("WARNING")
    # Its model for words that are in no dictionary is left out, as in the published model.
    return lambda text: jieba.cut(text, HMM=False)
