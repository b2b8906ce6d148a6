"""Data: texts and the entities in them, one JSON object a line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import Data, Split
from dougong.data.json_rows import BadRowError, text_of
from dougong.data.records import Entity, PlainText, Record, Span, TaggedText
from dougong.data.split_files import SplitFiles, json_lines


@register("data", "entity_json")
class EntityJson(Data):
    """Entities by type, wording and places, as CLUENER 2020 publishes them (arXiv 2001.04351).

    A line is `{"text": "...", "label": {"name": {"叶老桂": [[9, 11]]}}}`; the last character of a place is included.
    Lines without `label` are texts to be answered. Answers for a submission are lines of the same form, with the `id`
    of those that have one.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        on_bad_row: stop at a line that can't be read, or leave such lines out and count them.
    """

    yields: ClassVar = (TaggedText, PlainText)

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train.json",
        valid: str | list[str] | None = "dev.json",
        test: str | list[str] | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test})
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few lines a split."""
        for name in ("train.json", "dev.json"):
            rows = (
                {"text": f"{who}读了{name}的第{number}行", "label": {"人物": {who: [[0, 1]]}}}
                for number in range(8)
                for who in ("王明", "李红")
            )
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / name).write_text(text, encoding="utf-8")
        return {"path": str(folder)}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a line, in file order."""
        for source, row in json_lines(self.files.of(split), self.bad_row):
            try:
                found = _record(row, source)
            except BadRowError as problem:
                self.bad_row(source, str(problem))
                continue
            yield found if record is TaggedText else PlainText(found.text, source=source)

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def submission(self, answers: Iterable[tuple[TaggedText, Mapping[str, Any]]]) -> Iterator[str]:
        """Lines like those of the training split."""
        for record, answer in answers:
            label: dict[str, dict[str, list[list[int]]]] = {}
            for entity in answer["entities"]:
                span = entity["span"]
                places = label.setdefault(entity["type"], {}).setdefault(span["text"], [])
                places.append([span["start"], span["end"] - 1])
            identity = {"id": json.loads(record.identity)} if record.identity else {}
            yield json.dumps({**identity, "text": record.text, "label": label}, ensure_ascii=False)


def _record(row: Mapping[str, Any], source: str) -> TaggedText:
    """The record of a row.

    Raises:
        BadRowError: it can't be one.
    """
    text = text_of(row, "text")
    labels = row.get("label", {})
    if not isinstance(labels, dict) or not all(isinstance(places, dict) for places in labels.values()):
        raise BadRowError("`label` is not an object of objects, {type: {entity: [[first, last]]}}.")
    entities = tuple(
        Entity(name, span)
        for name, wordings in labels.items()
        for wording, places in wordings.items()
        for span in _spans(text, wording, places)
    )
    # As JSON, so that a number stays a number in a submission.
    identity = json.dumps(row["id"], ensure_ascii=False) if isinstance(row.get("id"), int | str) else ""
    return TaggedText(text, entities, identity, source=source)


def _spans(text: str, wording: str, places: Any) -> Iterator[Span]:
    if not isinstance(places, list):
        raise BadRowError(f"the places of {wording!r} are not a list of [first, last].")
    for place in places:
        if not (isinstance(place, list) and len(place) == 2 and all(type(item) is int for item in place)):
            raise BadRowError(f"a place of {wording!r} is {place!r}, not [first, last].")
        first, last = place
        if not 0 <= first <= last or text[first : last + 1] != wording:
            raise BadRowError(f"{wording!r} is not at [{first}, {last}] of the text, the last character included.")
        yield Span(wording, first, last + 1)
