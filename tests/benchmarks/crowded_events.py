"""Events that share their arguments, in the format of DuEE: `python tests/benchmarks/crowded_events.py FOLDER`.

Writes train.json, dev.json, test.json and schema.json: the reports of `data=toy`, in which whoever is hired also joins,
whoever is bought also changes hands, and whoever leaves leaves a post that is named by company and position together.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from dougong.data.records import Argument, Event, EventText, Span
from dougong_plugins.data.toy import Toy

AS_WELL = {
    "任命": ("入职", {"任职者": "员工", "公司": "雇主", "时间": "时间"}),
    "收购": ("易主", {"被收购方": "公司", "收购方": "新东家", "时间": "时间"}),
    "辞职": ("空缺", {"公司": "公司"}),
}
FILES = {"train": "train.json", "valid": "dev.json", "test": "test.json"}


def crowded(record: EventText) -> EventText:
    """A report with the events that follow from those that it has."""
    return replace(record, events=tuple(each for event in record.events for each in (event, *following(event, record))))


def following(event: Event, record: EventText) -> Iterator[Event]:
    """What follows from an event."""
    if event.type not in AS_WELL:
        return
    name, roles = AS_WELL[event.type]
    arguments = [Argument(roles[item.role], item.span) for item in event.arguments if item.role in roles]
    spans = {item.role: item.span for item in event.arguments}
    if name == "空缺":
        start, end = spans["公司"].start, spans["职务"].end
        arguments.append(Argument("岗位", Span(record.text[start:end], start, end)))
    yield Event(name, event.trigger, tuple(arguments))


def row_of(record: EventText) -> dict[str, Any]:
    """A record as a line of DuEE."""
    events = [
        {
            "event_type": event.type,
            "trigger": event.trigger.text,
            "trigger_start_index": event.trigger.start,
            "arguments": [
                {
                    "role": item.role,
                    "argument": item.span.text,
                    "argument_start_index": item.span.start,
                    "alias": list(item.aliases),
                }
                for item in event.arguments
            ],
        }
        for event in record.events
    ]
    return {"id": record.identity, "text": record.text, "event_list": events}


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    schema: dict[str, set[str]] = {}
    for split, name in FILES.items():
        records = [crowded(record) for record in Toy().records(split, EventText)]
        lines = (json.dumps(row_of(record), ensure_ascii=False) + "\n" for record in records)
        (folder / name).write_text("".join(lines), encoding="utf-8")
        for event in (event for record in records for event in record.events):
            schema.setdefault(event.type, set()).update(item.role for item in event.arguments)
    rows = ({"event_type": name, "role_list": [{"role": role} for role in sorted(schema[name])]} for name in schema)
    (folder / "schema.json").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    main()
