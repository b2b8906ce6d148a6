"""Docstrings and values as Markdown."""

import html
import inspect
import json
import re
from collections.abc import Callable
from typing import Any

# What is linked: an address, a paper by its number, an article of kexue.fm, a DOI. Code in backticks is left alone.
_LINKED = re.compile(
    r"(?P<code>`[^`\n]*`)"
    r"|(?P<address>https?://[^\s<>()]*[^\s<>().,;:])"
    r"|(?P<arxiv>(?:arXiv[: ])?\b\d{4}\.\d{5}\b|arXiv[: ]\d{4}\.\d{4,5})"
    r"|(?P<article>kexue\.fm(?: |/archives/)(?P<number>\d{3,5}))"
    r"|(?P<doi>\b10\.\d{4,}/[^\s<>()]*[^\s<>().,;:])"
)
_SECTION = re.compile(r"^(Args|Returns|Yields|Raises):$")
_ENTRY = re.compile(r"([\w, ]+): (.*)")


def code(value: str) -> str:
    """Text as code, also within a table, where a bar would begin a new cell."""
    return f"<code>{html.escape(value).replace('|', '&#124;')}</code>"


def default(value: Any) -> str:
    """A setting's default as one would write it on the command line."""
    return code(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))


def cell(text: str) -> str:
    """A sentence for a cell of a table."""
    return linked(text).replace("|", "&#124;").replace("\n", " ")


def linked(text: str) -> str:
    """A text with its papers, articles and addresses as links, and nothing in it taken for HTML."""
    return _outside_code(text, lambda match: f"[{match[0]}]({_target(match)})")


def sources(text: str) -> list[str]:
    """The papers, articles and addresses that a text names, as links, each once."""
    return list(
        dict.fromkeys(f"[{_short(match)}]({_target(match)})" for match in _LINKED.finditer(text) if not match["code"])
    )


def _outside_code(text: str, link: Callable[[re.Match[str]], str]) -> str:
    made, end = [], 0
    for match in _LINKED.finditer(text):
        made += [_plain(text[end : match.start()]), match[0] if match["code"] else link(match)]
        end = match.end()
    return "".join([*made, _plain(text[end:])])


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", r"\*").replace("[", r"\[")


def _target(match: re.Match[str]) -> str:
    if match["address"]:
        return match["address"]
    if match["arxiv"]:
        return "https://arxiv.org/abs/" + match["arxiv"][-10:].lstrip(": X")
    if match["article"]:
        return f"https://kexue.fm/archives/{match['number']}"
    return f"https://doi.org/{match['doi']}"


def _short(match: re.Match[str]) -> str:
    target = _target(match)
    for start, name in (
        ("https://arxiv.org/abs/", "arXiv "),
        ("https://kexue.fm/archives/", "kexue.fm "),
        ("https://doi.org/", "DOI "),
    ):
        if target.startswith(start):
            return name + target.removeprefix(start)
    return target.removeprefix("https://").partition("/")[0]


def prose(text: str) -> str:
    """Paragraphs; one that is indented is a formula or a piece of code, and stays as it is."""
    parts = []
    for part in text.strip("\n").split("\n\n"):
        parts.append(part if part.startswith("    ") else linked(part))
    return "\n\n".join(parts)


def docstring(text: str | None, without: tuple[str, ...] = ()) -> str:
    """A docstring: its sections become lists, those of `without` are left out."""
    made: list[str] = []
    text, section, lines = inspect.cleandoc(text or ""), "", list[str]()
    for line in [*text.splitlines(), "Raises:"]:
        found = _SECTION.match(line)
        if not found:
            lines.append(line)
            continue
        if section not in without or not section:
            made.append(_section(section, lines) if section else prose("\n".join(lines)))
        section, lines = found[1], []
    return "\n\n".join(filter(None, made))


def _section(title: str, lines: list[str]) -> str:
    entries: list[str] = []
    for line in inspect.cleandoc("\n".join(["", *lines])).splitlines():
        found = _ENTRY.match(line) if not line.startswith(" ") else None
        if found and title in ("Args", "Raises"):
            entries.append(f"- `{found[1]}`: {linked(found[2])}")
        elif line.strip():
            entries.append(linked(line.strip()) if not entries else f"    {linked(line.strip())}")
    words = {"Args": "Arguments", "Returns": "Returns", "Yields": "Yields", "Raises": "Raises"}
    return f"*{words[title]}*\n\n" + "\n".join(entries)
