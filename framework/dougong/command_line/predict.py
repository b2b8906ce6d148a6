"""`dougong predict checkpoint=FILE input=FILE output=FILE`: answer records, texts, or standard input."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from dougong.command_line.evaluate import make_data
from dougong.command_line.words import checkpoint_of, parse, value_of
from dougong.contracts.data import SPLITS
from dougong.errors import UserError
from dougong.inference.lines import InputFile, Lines

USAGE = (
    "usage: dougong predict checkpoint=FILE [input=FILE.jsonl | text=TEXT | split=test [data.KEY=VALUE ...]] "
    "[output=FILE] [format=submission] [task.KEY=VALUE ...]"
)
HELP = f"""dougong predict: answer records with a checkpoint

{USAGE}

  checkpoint    the file that `dougong train` names at its end
  input         a file of records, one JSON object (or one plain text) a line, as it is or compressed (.gz, .bz2, .xz,
                .zst); standard input where it is left out
  text          one text
  split         train, valid or test of the data that it was trained with, as its data plugin reads it
  data          another data plugin, for split
  data.KEY      a setting of the data plugin, data.path above all; the others are those of the training
  output        where to write the answers, one JSON object a line; standard output where it is left out. With input,
                the same command goes on where one that was killed had come to
  format        submission: with split, the format in which the data's owners take answers
  task.KEY      a setting of the task that says how to answer: task.temperature=0, say
  plugin_path   where the plugins of your own lie now
"""


KEYS = ("checkpoint", "input", "output", "text", "split", "format", "task.", "data", "data.", "plugin_path")


def run(arguments: list[str]) -> int:
    """Predict."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    words = parse(arguments, KEYS, USAGE)
    checkpoint = checkpoint_of(words, USAGE)
    _check(words)
    from dougong.inference.answer import answer_lines, as_line
    from dougong.inference.model import load

    changed = {key.removeprefix("task."): value_of(value) for key, value in words.items() if key.startswith("task.")}
    model = load(checkpoint, [words["plugin_path"]] if "plugin_path" in words else [], changed)
    if "split" in words:
        data = make_data(model.config, words)
        answers = model.answers(model.stream(data, words["split"]))
        if "format" in words:
            write(data.submission(answers), words.get("output"))
        else:
            write(map(as_line, answers), words.get("output"))
        return 0
    if "input" in words and "output" in words:
        model.predict_file(words["input"], words["output"])
        return 0
    if "text" in words:
        write(map(as_line, model.answers([model.as_record(words["text"], "text:1")])), words.get("output"))
        return 0
    with _opened(words.get("input")) as lines:
        write(answer_lines(model, lines), words.get("output"))
    return 0


@contextmanager
def _opened(path: str | None) -> Iterator[Lines]:
    """The lines of a file, or of standard input."""
    if path is None:
        yield Lines(sys.stdin.buffer, "standard input")
        return
    with InputFile(path).open() as lines:
        yield lines


def _check(words: dict[str, Any]) -> None:
    """Before torch is imported: do the words go together?"""
    given = [name for name in ("text", "input", "split") if name in words]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} are both given; give one of them.")
    if "input" in words and not Path(words["input"]).is_file():
        raise UserError(f"input: {words['input']} does not exist.")
    if "split" in words and words["split"] not in SPLITS:
        raise UserError(f"split: must be one of {', '.join(SPLITS)}, got {words['split']!r}.")
    if "format" in words and words["format"] != "submission":
        raise UserError(f"format: must be submission, got {words['format']!r}; it is JSON lines where it is left out.")
    alone = next((key for key in words if key == "format" or key.partition(".")[0] == "data"), None)
    if alone is not None and "split" not in words:
        raise UserError(f"{alone}: goes with split=test, which says that the records come from a data plugin.")


def write(lines: Iterable[str], path: str | None) -> None:
    """Write lines; a file appears only when it is complete."""
    if path is None:
        _write_to_output(lines)
        return
    target = Path(path)
    if not target.parent.is_dir():
        raise UserError(f"output: the folder {target.parent} does not exist.")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            _write_lines(lines, file)
        temporary.replace(target)
    except UserError as error:
        kept = target.with_name(f"{target.name}.partial")
        temporary.replace(kept)
        raise UserError(f"{error} The answers to what came before it are in {kept}.") from error
    except OSError as error:
        there = _keep_whole_lines(temporary, target)
        raise UserError(f"output: {path} can't be written ({error.strerror}).{there}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _keep_whole_lines(temporary: Path, target: Path) -> str:
    """Keep the answers that there was room for; where they are, in words."""
    kept = target.with_name(f"{target.name}.partial")
    try:
        text = temporary.read_bytes()
        end = text.rfind(b"\n") + 1
        os.truncate(temporary, end)
        if end:
            temporary.replace(kept)
            return f" The first {text[:end].count(10)} answers are in {kept}."
    except OSError:
        pass
    return ""


def _write_to_output(lines: Iterable[str]) -> None:
    try:
        _write_lines(lines, sys.stdout)
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would be an error once more when the program ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(f"output: standard output can't be written ({error.strerror}).") from error


def _write_lines(lines: Iterable[str], file: TextIO) -> None:
    for line in lines:
        file.write(line + "\n")
    file.flush()
