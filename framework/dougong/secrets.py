"""Passwords, tokens and keys, which belong in no log, no configuration that is kept, and no tracker."""

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

HIDDEN = "***"
_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?(_|$)", re.IGNORECASE)
_SETTING = re.compile(
    r"(^|_)(password|passwd|secret|token|api_?key|access_?key|secret_?key|credentials?)$", re.IGNORECASE
)
# api_key: 0123456789, "password" = "...", +export HF_TOKEN=...: a value that is a call, say, is none.
_IN_LINE = re.compile(
    r"""(?P<name>(?:password|passwd|secret|token|api_?key|access_?key|secret_?key|credentials?)["']?\s*[:=]\s*)"""
    r"""(?P<value>"[^"]{8,}"|'[^']{8,}'|[^\s"'()\[\]{}]{8,}+(?![(\[]))""",
    re.IGNORECASE,
)
_SHORTEST = 8
"""Characters of a secret that is hidden wherever it comes up: what is shorter, "true" say, is found everywhere."""
_known: set[str] = set()
# https://user:password@host and https://token@host; Hydra writes \: for a colon in what is swept.
_IN_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*\\?://)(?P<who>[^\s/?#@'\"]+)@", re.IGNORECASE)
# https://host/file?X-Amz-Signature=...
_IN_QUERY = re.compile(
    r"(?P<name>[?&][\w.-]*(?:token|secret|password|signature|credential|api_?key|access_?key)[\w.-]*=)[^&\s#'\"]+",
    re.IGNORECASE,
)


def hide(text: str) -> str:
    """A text without passwords of addresses, and without the keys, tokens, secrets, passwords of the environment."""
    text = _IN_ADDRESS.sub(_without_password, text)
    text = _IN_QUERY.sub(rf"\g<name>{HIDDEN}", text)
    for value in sorted({*_known, *_of_environment()}, key=len, reverse=True):  # one may be part of another
        text = text.replace(value, HIDDEN)
    return text


def hide_lines(text: str) -> str:
    """A text of many lines, a diff say, without what `hide` finds and without what is set to a name of a secret."""
    return hide(_IN_LINE.sub(lambda match: match["name"] + HIDDEN, text))


def hide_word(word: str) -> str:
    """A word of the command line, KEY=VALUE, without a secret."""
    key, _, value = word.partition("=")
    return f"{key}={_hidden(value)}" if value and _SETTING.search(key.rpartition(".")[2]) else hide(word)


def hide_all(config: Any, key: str = "") -> Any:
    """A configuration without secrets: those that `hide` finds, and the texts of settings that are called so."""
    if isinstance(config, Mapping):
        return {name: hide_all(value, str(name)) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return [hide_all(value, key) for value in config]
    if isinstance(config, str):
        return _hidden(config) if config and _SETTING.search(key) else hide(config)
    return config


def hidden(config: Any, key: str = "") -> Iterator[str]:
    """The keys, as `data.path`, whose values lack what was hidden."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            yield from hidden(value, f"{key}.{name}".lstrip("."))
    elif isinstance(config, str) and HIDDEN in config:
        yield key


class Formatter(logging.Formatter):
    """A formatter of logs that hides secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a text."""
        return hide(super().format(record))


def print_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What `sys.excepthook` does, without secrets."""
    print(hide("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def _without_password(match: re.Match[str]) -> str:
    user, colon, password = match["who"].partition(":")
    _hidden(password if colon else user)
    return f"{match['scheme']}{f'{user}:' if colon else ''}{HIDDEN}@"


def _hidden(secret: str) -> str:
    """What is shown in place of a secret, which is hidden from now on wherever it comes up: in an error, say."""
    if len(secret) >= _SHORTEST:
        _known.add(secret)
    return HIDDEN


def _of_environment() -> set[str]:
    """A path says where a secret is, and is none."""
    found = {value for name, value in os.environ.items() if _VARIABLE.search(name) and len(value) >= _SHORTEST}
    return {value for value in found if not value.startswith(("/", "~"))}
