"""`dougong predict checkpoint=FILE input=FILE output=FILE`: answer records, texts, or standard input."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from dougong.command_line.words import checkpoint_of, parse
from dougong.errors import UserError

USAGE = "usage: dougong predict checkpoint=FILE [input=FILE.jsonl | text=TEXT] [output=FILE] [plugin_path=DIR]"
HELP = f"""dougong predict: answer records with a checkpoint

{USAGE}

  checkpoint    the file that `dougong train` names at its end
  input         a file of records, one JSON object (or one plain text) a line; standard input where it is left out
  text          one text
  output        where to write the answers, one JSON object a line; standard output where it is left out
  plugin_path   where the plugins of your own lie now
"""


def run(arguments: list[str]) -> int:
    """Predict."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return 0
    words = parse(arguments, ("checkpoint", "input", "output", "text", "plugin_path"), USAGE)
    checkpoint = checkpoint_of(words, USAGE)
    if "input" in words and not Path(words["input"]).is_file():
        raise UserError(f"input: {words['input']} does not exist.")
    from dougong.inference.model import load

    model = load(checkpoint, [words["plugin_path"]] if "plugin_path" in words else [])
    given = [words["text"]] if "text" in words else _read(words.get("input"))
    sources = (model.as_record(item, source) for source, item in _numbered(given, words))
    write(model.predict(sources), words.get("output"))
    return 0


def _numbered(given: Iterable[Any], words: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    where = words.get("input", "text" if "text" in words else "standard input")
    for number, item in enumerate(given, 1):
        yield f"{where}:{number}", item


def _read(path: str | None) -> Iterator[Any]:
    """Each line as JSON where it is an object, else as a text; empty lines stay, so that answers keep their places."""
    if path is None:
        yield from map(_parse, sys.stdin)
        return
    with open(path, encoding="utf-8", errors="strict") as file:
        try:
            yield from map(_parse, file)
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start + 1}).") from error


def _parse(line: str) -> Any:
    text = line.rstrip("\r\n")
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def write(answers: Iterable[dict[str, Any]], path: str | None) -> None:
    """One JSON object a line; a file appears only when it is complete."""
    if path is None:
        _write_lines(answers, sys.stdout)
        return
    target = Path(path)
    if not target.parent.is_dir():
        raise UserError(f"output: the folder {target.parent} does not exist.")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            _write_lines(answers, file)
        temporary.replace(target)
    except UserError as error:
        kept = target.with_name(f"{target.name}.partial")
        temporary.replace(kept)
        raise UserError(f"{error} The answers to what came before it are in {kept}.") from error
    except OSError as error:
        raise UserError(f"output: {path} can't be written ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_lines(answers: Iterable[dict[str, Any]], file: TextIO) -> None:
    for answer in answers:
        file.write(json.dumps(answer, ensure_ascii=False) + "\n")
    file.flush()
