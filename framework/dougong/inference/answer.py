"""Answering a file of any size: in constant memory, in order, and to be gone on with after a kill."""

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from dougong.data.records import fields_of
from dougong.errors import UserError
from dougong.inference.answer_file import AnswerFile
from dougong.inference.lines import InputFile, Lines
from dougong.inference.model import Model

REFRESH = 0.2  # seconds


def answer_file(model: Model, source: str, output: Path, asked: Mapping[str, Any]) -> int:
    """Answer each line of a file in a line of another; how many were answered now, those of before left out.

    Args:
        source: one JSON object or text a line; may be compressed.
        output: appears when it is complete. What an earlier call had written before it was killed is gone on with.
        asked: what the answers depend on beside the input (`identity` of the checkpoint, settings).

    Raises:
        UserError: a line can't be answered; the input is another than that of the earlier call, or changes meanwhile;
            there is no room. What was answered stays in `OUTPUT.partial`.
    """
    given = InputFile(source)
    with given.open() as lines, AnswerFile(output, asked) as answers:
        answers.check(lines.skip(answers.records))
        if answers.records:
            print(f"going on after {answers.records:,} answers of before", file=sys.stderr)
        with _shown(given) as show:
            records = (model.as_record(item, place) for item, place in lines)
            count = _Count(map(as_line, model.answers(records)), show)
            try:
                answers.write(count, lines.marks)
                given.check()
            except UserError as error:
                told = f"{answers.partial}" in str(error) or not count.done + answers.records
                there = "" if told else f" The answers to what came before it are in {answers.partial}."
                raise UserError(f"{error}{there}") from error
        answers.finish()
    return count.done


def answer_lines(model: Model, lines: Lines) -> Iterator[str]:
    """Answer lines that can be read only once, as they come."""
    return map(as_line, model.answers(model.as_record(item, place) for item, place in lines))


def as_line(answered: tuple[Any, dict[str, Any]]) -> str:
    """A record and its answer as one JSON object."""
    record, answer = answered
    return json.dumps({**fields_of(record), **answer}, ensure_ascii=False)


def identity(checkpoint: str | Path) -> str:
    """What tells a checkpoint, which may be a folder, from others: a digest of its content."""
    path = Path(checkpoint).expanduser()
    total = hashlib.blake2b(digest_size=16)
    for part in sorted(path.iterdir()) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as file:
                total.update(hashlib.file_digest(file, "blake2b").digest())
    return total.hexdigest()


class _Count(Iterator[str]):
    """Lines that are counted, and shown, as they pass."""

    def __init__(self, lines: Iterable[str], show: Any) -> None:
        self._lines = iter(lines)
        self._show = show
        self.done = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.done += 1
        self._show(self.done)
        return line


@contextmanager
def _shown(given: InputFile) -> Iterator[Any]:
    """A function to be called with how many answers there are: it moves a bar in a terminal, and elsewhere nothing."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda _: None
        return
    columns = (BarColumn(bar_width=None), DownloadColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    started, drawn = time.perf_counter(), 0.0
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        line = progress.add_task("", total=given.size, completed=given.done)

        def show(done: int) -> None:
            nonlocal drawn
            now = time.perf_counter()
            if now - drawn > REFRESH:
                drawn = now
                rate = f"{done / max(now - started, 1e-9):,.0f} records/s"
                progress.update(line, completed=given.done, description=rate)
                progress.refresh()

        yield show
