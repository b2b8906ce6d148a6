"""Transformers without a word on the terminal: what matters of what it says is said in our errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SECONDS = 5.0


@contextmanager
def quiet() -> Iterator[None]:
    """Meanwhile there are neither bars nor tables nor warnings."""
    from transformers.utils import logging as their_logging

    spoken: Any = their_logging
    level, bars = spoken.get_verbosity(), spoken.is_progress_bar_enabled()
    network = logging.getLogger("huggingface_hub")
    before = network.level
    spoken.set_verbosity(logging.CRITICAL)
    spoken.disable_progress_bar()
    network.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        spoken.set_verbosity(level)
        network.setLevel(before)
        if bars:
            spoken.enable_progress_bar()


@contextmanager
def hub(name: str) -> Iterator[None]:
    """What is read within is on the hub, or has been fetched from there before.

    Raises:
        ValueError: it can't be had.
    """
    import huggingface_hub
    from huggingface_hub import constants

    missing = (
        f"pretrained: {name} is no folder, and can't be had from the hub (is this machine offline, or the name wrong?);"
        " give a folder with config.json, model.safetensors and vocab.txt."
    )
    offline = constants.HF_HUB_OFFLINE
    if not isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json"), str) and not offline:
        try:  # otherwise half a minute would be spent on asking again
            huggingface_hub.get_session().head(constants.ENDPOINT, timeout=_SECONDS)
        except Exception as error:  # whatever the network's library raises
            raise ValueError(missing) from error
    try:
        with quiet():
            yield
    except (OSError, ValueError) as error:
        raise ValueError(missing) from error


def in_a_line(error: Exception) -> str:
    """What an error says, in one line of a bearable length."""
    return " ".join(str(error).split())[:160]
