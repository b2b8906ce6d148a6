"""Data: texts and the events that they report, one JSON object a line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn

from dougong import register
from dougong.contracts.data import Data, Split
from dougong.data.json_rows import BadRowError, list_of, text_of
from dougong.data.records import Argument, Event, EventText, PlainText, Record, Span
from dougong.data.split_files import SplitFiles, json_lines
from dougong.errors import UserError, suggestion

Schema = dict[str, set[str]]
"""The roles of each event type."""


@register("data", "event_json")
class EventJson(Data):
    """Events with their triggers and arguments, as DuEE 1.0 publishes them (DOI 10.1007/978-3-030-60457-8_44).

    A line is `{"id": "...", "text": "...", "event_list": [{"event_type": "...", "trigger": "...",
    "trigger_start_index": 3, "arguments": [{"role": "...", "argument": "...", "argument_start_index": 7, "alias":
    []}]}]}`. Lines without `event_list` are texts to be answered. A submission has a line a text, with its events by
    type.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: file of the training split, within `path`; or several, by a list or a pattern (`part-*.gz`).
        valid: file or files of the validation split; null for none.
        test: file or files of the test split; null for none.
        schema: file of the event types and their roles, to which the data is held; null for none. A line is
            `{"event_type": "...", "role_list": [{"role": "..."}]}`.
        on_bad_row: stop at a line that can't be read, or leave such lines out and count them.
    """

    yields: ClassVar = (EventText, PlainText)

    def __init__(
        self,
        path: str,
        train: str | list[str] = "train.json",
        valid: str | list[str] | None = "dev.json",
        test: str | list[str] | None = None,
        schema: str | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.files = SplitFiles(path, {"train": train, "valid": valid, "test": test, "schema": schema})
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few lines a split, and a schema."""
        for name in ("train.json", "dev.json"):
            rows = "".join(_trial_line(f"{name}-{number}", who) for number in range(8) for who in ("王明", "李红"))
            (folder / name).write_text(rows, encoding="utf-8")
        schema = {"event_type": "到达", "role_list": [{"role": "人物"}, {"role": "地点"}]}
        (folder / "schema.json").write_text(json.dumps(schema, ensure_ascii=False) + "\n", encoding="utf-8")
        return {"path": str(folder), "schema": "schema.json"}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a line, in file order."""
        schema = self.schema
        for source, row in json_lines(self.files.of(split), self.bad_row):
            try:
                found = _record(row, source)
                if schema is not None:
                    _hold(found, schema)
            except BadRowError as problem:
                self.bad_row(source, str(problem))
                continue
            yield found if record is EventText else PlainText(found.text, source=source)

    @cached_property
    def schema(self) -> Schema | None:
        """What events there may be; None where nothing is said.

        Raises:
            UserError: the file is missing or empty, or a line of it can't be read.
        """
        file = self.files.one("schema")
        if file is None:
            return None
        found: Schema = {}
        for source, row in json_lines([file], _bad_schema):
            try:
                roles = {text_of(item, "role") for item in list_of(row, "role_list", dict)}
                found.setdefault(text_of(row, "event_type"), set()).update(roles)
            except BadRowError as problem:
                _bad_schema(source, str(problem))
        if not found:
            _bad_schema(str(file), "it names no event type.")
        return found

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return self.files.fingerprint()

    def submission(self, answers: Iterable[tuple[EventText, Mapping[str, Any]]]) -> Iterator[str]:
        """A line a text, with each wording of a role once."""
        for record, answer in answers:
            if not record.identity:
                raise UserError(f"{record.source}: `id` is missing; a submission has to name it.")
            events = [
                {
                    "event_type": event["type"],
                    "arguments": [
                        {"role": role, "argument": wording}
                        for role, wording in dict.fromkeys(
                            (argument["role"], argument["span"]["text"]) for argument in event["arguments"]
                        )
                    ],
                }
                for event in answer["events"]
            ]
            yield json.dumps({"id": record.identity, "event_list": events}, ensure_ascii=False)


def _trial_line(identity: str, who: str) -> str:
    text = f"{who}到了北京"
    arguments = [
        {"role": role, "argument": wording, "argument_start_index": text.index(wording), "alias": []}
        for role, wording in (("人物", who), ("地点", "北京"))
    ]
    event = {"event_type": "到达", "trigger": "到了", "trigger_start_index": len(who), "arguments": arguments}
    return json.dumps({"id": identity, "text": text, "event_list": [event]}, ensure_ascii=False) + "\n"


def _bad_schema(source: str, reason: str) -> NoReturn:
    raise UserError(f"data.schema: {source}: {reason}")


def _record(row: Mapping[str, Any], source: str) -> EventText:
    """The record of a row.

    Raises:
        BadRowError: it can't be one.
    """
    text, identity = text_of(row, "text"), row.get("id", "")
    if not isinstance(identity, str):
        raise BadRowError("`id` is not a text.")
    events = tuple(_event(event, text) for event in list_of(row, "event_list", dict, []))
    return EventText(text, events, identity, source=source)


def _event(row: Mapping[str, Any], text: str) -> Event:
    arguments = tuple(
        Argument(text_of(item, "role"), _span(item, "argument", text), tuple(list_of(item, "alias", str, [])))
        for item in list_of(row, "arguments", dict)
    )
    return Event(text_of(row, "event_type"), _span(row, "trigger", text), arguments)


def _span(row: Mapping[str, Any], key: str, text: str) -> Span:
    wording, start = text_of(row, key), row.get(f"{key}_start_index")
    if type(start) is not int:
        raise BadRowError(f"`{key}_start_index` of {wording!r} is {'missing' if start is None else 'not an integer'}.")
    end = start + len(wording)
    if start < 0 or text[start:end] != wording:
        where = f"; it is at {text.index(wording)}" if wording in text else ", nor anywhere in it"
        raise BadRowError(f"the {key} {wording!r} is not at {start} of the text{where}.")
    return Span(wording, start, end)


def _hold(record: EventText, schema: Schema) -> None:
    """Hold a record to the schema.

    Raises:
        BadRowError: it has an event type or a role that the schema lacks.
    """
    for event in record.events:
        if event.type not in schema:
            known = suggestion(event.type, schema, "Types there")
            raise BadRowError(f"the event type {event.type!r} is not in data.schema. {known}")
        for argument in event.arguments:
            if argument.role not in schema[event.type]:
                known = suggestion(argument.role, schema[event.type], "Roles there")
                raise BadRowError(f"the role {argument.role!r} of {event.type!r} is not in data.schema. {known}")
