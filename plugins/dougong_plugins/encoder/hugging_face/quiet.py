"""Transformers without a word on the terminal: what matters of what it says is said in our errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet() -> Iterator[None]:
    """Meanwhile there are neither bars nor tables nor warnings."""
    from transformers.utils import logging as their_logging

    spoken: Any = their_logging
    level, bars = spoken.get_verbosity(), spoken.is_progress_bar_enabled()
    spoken.set_verbosity(logging.CRITICAL)
    spoken.disable_progress_bar()
    try:
        yield
    finally:
        spoken.set_verbosity(level)
        if bars:
            spoken.enable_progress_bar()


def in_a_line(error: Exception) -> str:
    """What an error says, in one line of a bearable length."""
    return " ".join(str(error).split())[:160]
