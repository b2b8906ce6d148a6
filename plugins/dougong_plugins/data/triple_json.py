"""Data: texts and their triples, a JSON list or one JSON object a line."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import Data, Split
from dougong.data.files import DataFile
from dougong.data.json_rows import BadRowError, list_of, text_of
from dougong.data.places import locate
from dougong.data.records import PlainText, Record, RelationText, Triple
from dougong.data.split_files import SplitFiles, json_lines
from dougong.errors import UserError
from dougong_plugins.data.relations.schema import unknown_relation

_BLANK = re.compile(r"[ \t\r\n]*")
_LINE = '{"text": "Ann was born in Rome .", "triple_list": [["Ann", "birthPlace", "Rome"]]}\n'


@register("data", "triple_json")
class TripleJson(Data):
    """Triples as those of WebNLG and NYT are published for CasRel (arXiv 1909.03227).

    An item is `{"text": "...", "triple_list": [["subject", "relation", "object"]]}`; a file is a JSON list of them, or
    has one a line. Where an entity stands is looked for in the text. Items without `triple_list` are texts to be
    answered; a submission is a list of the same form.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        relations: JSON file whose keys are the relations that there are (`rel2id.json`); null to take what comes.
        on_bad_row: stop at an item that can't be read, or leave such items out and count them.
    """

    yields: ClassVar = (RelationText, PlainText)

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train_triples.json",
        valid: str | list[str] | None = "dev_triples.json",
        test: str | list[str] | None = None,
        relations: str | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test, "relations": relations})
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few lines."""
        for name in ("train.json", "dev.json"):
            (folder / name).write_text(_LINE * 8, encoding="utf-8")
        return {"path": str(folder), "train": "train.json", "valid": "dev.json"}

    @cached_property
    def relations(self) -> frozenset[str] | None:
        """The relations that there are; None where all are taken.

        Raises:
            UserError: the file is missing or can't be read.
        """
        file = self.files.one("relations")
        return None if file is None else _names(file)

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record an item, in file order."""
        for source, row in (pair for file in self.files.of(split) for pair in self._rows(file)):
            try:
                found = self._record(row, source)
            except BadRowError as problem:
                self.bad_row(source, str(problem))
                continue
            yield found if record is RelationText else PlainText(found.text, source=source)

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def submission(self, answers: Iterable[tuple[RelationText, Mapping[str, Any]]]) -> Iterator[str]:
        """The lines of a list like that of the training split, each triple once."""
        before = "["
        for record, answer in answers:
            rows = [
                (triple["subject"]["text"], triple["predicate"], triple["object"]["text"])
                for triple in answer["triples"]
            ]
            item = {"text": record.text, "triple_list": list(dict.fromkeys(rows))}
            yield before + json.dumps(item, ensure_ascii=False)
            before = ", "
        yield "[]" if before == "[" else "]"

    def _rows(self, file: DataFile) -> Iterator[tuple[str, dict[str, Any]]]:
        with file.open() as content:
            is_list = content.read(1000).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
        if not is_list:
            yield from json_lines([file], self.bad_row)
            return
        for source, item in _items(file):
            if isinstance(item, dict):
                yield source, item
            else:
                self.bad_row(source, "not a JSON object.")

    def _record(self, row: Mapping[str, Any], source: str) -> RelationText:
        """The record of an item.

        Raises:
            BadRowError: it can't be one.
        """
        text = text_of(row, "text")
        rows = [_words(item) for item in list_of(row, "triple_list", list, [])]
        places = locate(text, [wording for subject, _, object_ in rows for wording in (subject, object_)])
        triples = []
        for subject, relation, object_ in rows:
            if self.relations is not None and relation not in self.relations:
                raise unknown_relation(relation, self.relations, str(self.files.names["relations"]))
            first, second = places[subject], places[object_]
            if first is None or second is None:
                raise BadRowError(f"{object_ if first else subject!r} is not in the text.")
            triples.append(Triple(first, relation, second))
        return RelationText(text, tuple(triples), source=source)


def _words(item: list[Any]) -> tuple[str, str, str]:
    if len(item) != 3:
        raise BadRowError(f"a triple is {json.dumps(item, ensure_ascii=False)[:100]}, not [subject, relation, object].")
    named = dict(zip(("subject", "relation", "object"), item, strict=True))
    return text_of(named, "subject"), text_of(named, "relation"), text_of(named, "object")


def _items(file: DataFile) -> Iterator[tuple[str, Any]]:
    """(`file:line`, value) of each item of a JSON list.

    Raises:
        UserError: it is not UTF-8, or not JSON.
    """
    text, decoder = _decoded(file), json.JSONDecoder()
    place, line, counted = _skip(text, _skip(text, 0) + 1), 1, 0
    while text[place : place + 1] != "]":
        line, counted = line + text.count("\n", counted, place), place
        source = f"{file}:{line}"
        try:
            value, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise UserError(f"{file}:{error.lineno}: not JSON ({error.msg} at column {error.colno}).") from None
        except (RecursionError, ValueError):
            raise UserError(
                f"{source}: not JSON that can be read (nested too deeply, or of too long a number)."
            ) from None
        yield source, value
        place = _skip(text, place)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != "]":
            line += text.count("\n", counted, place)
            raise UserError(f"{file}:{line}: not JSON (the list does not go on, and does not end).")


def _skip(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place


def _decoded(file: DataFile) -> str:
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}:{line}: not UTF-8 (0x{data[error.start]:02x}).") from None


def _names(file: DataFile) -> frozenset[str]:
    """The texts that are no numbers among keys and values of an object, or of a list of objects."""
    text = _decoded(file)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{file}: not JSON.") from None
    objects = content if isinstance(content, list) else [content]
    if not all(isinstance(item, dict) for item in objects):
        raise UserError(f"{file}: not an object of relations, {{name: number}}.")
    texts = [text for item in objects for pair in item.items() for text in pair if isinstance(text, str)]
    return frozenset(text for text in texts if not text.isdigit())
