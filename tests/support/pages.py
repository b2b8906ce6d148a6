"""Runs the code blocks of a page, as a reader would: commands with their outputs, files, and changes of files.

- ```console: a line that begins with `$ ` is a command, and goes on after a backslash; the lines after it are what it
  prints. Numbers may differ, and a line `...` stands for any lines.
- ```python title="FILE": the content of a file.
- ```diff title="FILE": changes of a file, with its context, cut by lines `@@`.
- ```sh, ```text: shown, not run: what sets a machine up, and what it prints; said.py checks that the former could work.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SHOWN = ("sh", "text")
NUMBER = re.compile(r"\d[\d,]*(\.\d+)?(e[-+]\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is of, its text, and the line where it begins."""

    language: str
    title: str | None
    text: str
    line: int


def environment(folder: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of a reader: `dougong` and `python` are programs in `folder`, those of this process."""
    folder.mkdir()
    for name, module in (("dougong", "-m dougong"), ("python", "")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        program.chmod(0o755)
    return {**outer, "PATH": f"{folder}:{outer['PATH']}", "COLUMNS": "80"}


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for match in FENCE.finditer(page):
        yield Block(match[1], match[2], match[3], page.count("\n", 0, match.start()) + 1)


def run(block: Block, folder: Path, environment: Mapping[str, str]) -> None:
    """Do what a block says, in a folder.

    Raises:
        AssertionError: a command prints something else, or a change does not fit its file.
    """
    if block.language == "console":
        for command, printed in commands(block.text):
            compare(command, printed, output_of(command, folder, environment))
    elif block.language == "diff":
        _change(folder / str(block.title), block.text)
    elif block.title:
        write(block, folder)
    elif block.language not in SHOWN:
        raise AssertionError(f"line {block.line}: a block that nothing can run: {block.language}")


def write(block: Block, folder: Path) -> None:
    """Write the file that a block is the content of."""
    path = folder / str(block.title)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, and the lines that each prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *printed = part.rstrip("\n").replace("\\\n", "").split("\n")
        yield command, printed


def output_of(command: str, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """The lines that a command prints."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout.split("\n")


def compare(command: str, printed: list[str], output: list[str]) -> None:
    """Whether a command printed what a page says.

    Raises:
        AssertionError: it did not.
    """
    pieces: list[list[str]] = [[]]
    for line in printed:
        if line.strip() == "...":
            pieces.append([])
        else:
            pieces[-1].append(plain(line))
    pattern = r"(?:.*\n)*".join("".join(re.escape(f"{line}\n") for line in piece) for piece in pieces)
    found = "".join(f"{plain(line)}\n" for line in output).rstrip("\n") + "\n"
    matches = re.fullmatch(pattern, found) if printed else True
    assert matches, f"$ {command}\nshould print\n{chr(10).join(printed)}\nand prints\n{chr(10).join(output)}"


def plain(line: str) -> str:
    """A line without what differs from run to run: numbers, and the space that they take."""
    return re.sub(r"\s+", " ", NUMBER.sub("0", line)).strip().replace("─", "")


def _change(path: Path, text: str) -> None:
    content = path.read_text(encoding="utf-8")
    for hunk in re.split(r"^@@.*\n", text, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] != "+")
        new = "".join(line[1:] for line in lines if line[0] != "-")
        assert content.count(old) == 1, f"{path.name} does not have, once:\n{old}"
        content = content.replace(old, new)
    path.write_text(content, encoding="utf-8")
