"""Data, each of which breaks the promise that its name is the check of."""

import dataclasses
import random
from pathlib import Path
from typing import ClassVar

from dougong import register
from dougong.contracts.data import Data
from dougong.data.records import Entity, Span, TaggedText
from dougong.errors import UserError
from dougong_plugins.data.text_table import TextTable


@register("data", "record_types")
class RecordTypes(TextTable):
    """Does not say where a record was read."""

    def records(self, split, record):
        for item in super().records(split, record):
            yield dataclasses.replace(item, source="")


@register("data", "repeatable")
class Repeatable(TextTable):
    """Shuffles."""

    def records(self, split, record):
        found = list(super().records(split, record))
        random.shuffle(found)
        yield from found


@register("data", "exact_spans")
class ExactSpans(Data):
    """Counts positions from 1."""

    yields: ClassVar = (TaggedText,)

    def records(self, split, record):
        yield TaggedText("斗拱", (Entity("part", Span("拱", 2, 3)),), source="here:1")


@register("data", "fingerprint")
class Fingerprint(TextTable):
    """Tells no data from another."""

    def fingerprint(self):
        return {"data": "table"}


@register("data", "damaged_files")
class DamagedFiles(TextTable):
    """Does not say in which file a bad row is."""

    def records(self, split, record):
        try:
            yield from super().records(split, record)
        except UserError as error:
            if "on_bad_row" not in str(error):
                raise
            raise UserError("a row is bad; data.on_bad_row=skip leaves it out") from error


@register("data", "bad_rows")
class BadRows(TextTable):
    """Leaves bad rows out and counts none."""

    def bad_row(self, source, reason):
        if self.on_bad_row == "error":
            super().bad_row(source, reason)


@register("data", "missing_files")
class MissingFiles(TextTable):
    """Does not say which folder is missing."""

    def records(self, split, record):
        if not Path(self.files.folder).is_dir():
            raise UserError("data.path: not found")
        yield from super().records(split, record)
