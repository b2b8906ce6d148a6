"""Data: texts and the relations that they state, one JSON object a line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import Data, Split
from dougong.data.json_rows import BadRowError, list_of, text_of
from dougong.data.places import locate
from dougong.data.records import PlainText, Record, RelationText, Span, Triple
from dougong.data.split_files import SplitFiles, json_lines
from dougong_plugins.data.relations.schema import OBJECT, Schema, read_schema

_LINES = (
    '{"text": "《甲》的作者是乙。", "spo_list": [{"predicate": "作者", "subject": "甲", "object": {"@value": "乙"}}]}',
    '{"text": "丙凭《丁》获金奖。", "spo_list": [{"predicate": "获奖", "subject": "丙", '
    '"object": {"@value": "金奖", "inWork": "丁"}}]}',
)


@register("data", "duie_json")
class DuieJson(Data):
    """Relations as DuIE 1.0 and 2.0 publish them, with complex objects.

    A line is `{"text": "...", "spo_list": [{"predicate": "...", "subject": "...", "object": {"@value": "..."}}]}`; in
    1.0 an object is a text. Where an entity stands is looked for in the text. Lines without `spo_list` are texts to be
    answered; a submission has lines of the same form.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        schema: file of the relations that there are, one JSON object a line; null to take what comes.
        on_bad_row: stop at a line that can't be read, or leave such lines out and count them.
    """

    yields: ClassVar = (RelationText, PlainText)

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train_data.json",
        valid: str | list[str] | None = "dev_data.json",
        test: str | list[str] | None = None,
        schema: str | None = "schema.json",
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test, "schema": schema})
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few lines."""
        for name in ("train.json", "dev.json"):
            (folder / name).write_text("\n".join(_LINES * 4) + "\n", encoding="utf-8")
        return {"path": str(folder), "train": "train.json", "valid": "dev.json", "schema": None}

    @cached_property
    def schema(self) -> Schema | None:
        """The relations that there are.

        Raises:
            UserError: the file is missing, or has a line that can't be read.
        """
        file = self.files.one("schema")
        return None if file is None else read_schema(file)

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a line, in file order."""
        for source, row in json_lines(self.files.of(split), self.bad_row):
            try:
                found = _record(row, self.schema, source)
            except BadRowError as problem:
                self.bad_row(source, str(problem))
                continue
            yield found if record is RelationText else PlainText(found.text, source=source)

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def submission(self, answers: Iterable[tuple[RelationText, Mapping[str, Any]]]) -> Iterator[str]:
        """Lines with `text` and `spo_list`, each triple once; types are those of the schema, as are plain objects."""
        for record, answer in answers:
            rows = [self._row(triple) for triple in answer["triples"]]
            once = {json.dumps(row, ensure_ascii=False): row for row in rows}
            yield json.dumps({"text": record.text, "spo_list": list(once.values())}, ensure_ascii=False)

    def _row(self, triple: Mapping[str, Any]) -> dict[str, Any]:
        objects = {OBJECT: triple["object"]["text"], **{name: span["text"] for name, span in triple["slots"]}}
        row = {"predicate": triple["predicate"], "subject": triple["subject"]["text"], "object": objects}
        kind = self.schema.get(triple["predicate"], objects) if self.schema else None
        if kind is None:
            return row
        if kind.plain:
            return {**row, "object": objects[OBJECT], "subject_type": kind.subject, "object_type": kind.objects[OBJECT]}
        types = {name: kind.objects[name] for name in objects}
        return {**row, "subject_type": kind.subject, "object_type": types}


def _record(row: Mapping[str, Any], schema: Schema | None, source: str) -> RelationText:
    """The record of a row.

    Raises:
        BadRowError: it can't be one.
    """
    text = text_of(row, "text")
    rows = [_words(item) for item in list_of(row, "spo_list", dict, [])]
    places = locate(text, [wording for subject, _, objects in rows for wording in (subject, *objects.values())])
    for wording, place in places.items():
        if place is None:
            raise BadRowError(f"{wording!r} is not in the text.")
    triples = []
    for subject, predicate, objects in rows:
        if schema is not None:
            schema.check(predicate, objects)
        triples.append(_triple(subject, predicate, objects, {name: span for name, span in places.items() if span}))
    return RelationText(text, tuple(triples), source=source)


def _words(item: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Subject, predicate, and objects by slot."""
    subject, predicate, given = text_of(item, "subject"), text_of(item, "predicate"), item.get("object")
    if not isinstance(given, dict):
        return subject, predicate, {OBJECT: text_of(item, "object")}
    return subject, predicate, {slot: text_of(given, slot) for slot in dict.fromkeys((OBJECT, *given))}


def _triple(subject: str, predicate: str, objects: Mapping[str, str], places: Mapping[str, Span]) -> Triple:
    slots = sorted((name, places[wording]) for name, wording in objects.items() if name != OBJECT)
    return Triple(places[subject], predicate, places[objects[OBJECT]], tuple(slots))
