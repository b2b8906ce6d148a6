"""Data: several data plugins as one."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import dougong
from dougong import register
from dougong.contracts.data import Data, Split
from dougong.data.records import (
    EventText,
    LabelledText,
    PlainText,
    Record,
    RelationText,
    SourceTarget,
    SpanQuestion,
    TaggedText,
)
from dougong.errors import UserError


@register("data", "mixture")
class Mixture(Data):
    """The records of several data plugins, one after the other, some of them oftener than others in training.

    Each part is a data plugin with its settings: `'data.parts={NAME: {name: web_qa, path: ...}}'`. Its `weight`
    says how often a record of it comes in an epoch: 2 is twice, 0.5 every second one. In validation and test each
    record comes once; a part whose `valid` is null is not in it.

    Args:
        parts: the parts, by a name of your own: of each the plugin as `name`, a `weight` (1 where it is left out), and
            the plugin's settings.
        on_bad_row: stop at a record that the task can't use, or leave such records out and count them.
    """

    yields: ClassVar[tuple[type[Record], ...]] = (
        EventText,
        LabelledText,
        PlainText,
        RelationText,
        SourceTarget,
        SpanQuestion,
        TaggedText,
    )

    def __init__(self, parts: dict[str, dict[str, Any]], on_bad_row: Literal["error", "skip"] = "error") -> None:
        if not parts:
            raise ValueError("parts: must name one data plugin at least, as {NAME: {name: toy}}.")
        self.on_bad_row = on_bad_row
        self.weights = {name: _weight(name, part) for name, part in parts.items()}
        self.parts = {name: _made(name, part) for name, part in parts.items()}

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """Two toy worlds."""
        small = {"name": "toy", "size": 10, "valid_size": 4, "test_size": 4}
        return {"parts": {"one": {**small, "weight": 2}, "other": {**small, "world_seed": 1, "weight": 0.5}}}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """The records of the parts in their order, repeated by weight where they are for training."""
        for name, part in self.parts.items():
            if record not in type(part).yields:
                raise UserError(f"data.parts.{name}: {type(part).__name__} gives no {record.__name__}.")
            weight = self.weights[name] if split == "train" else 1.0
            before = part.bad_rows
            for _turn in range(int(weight)):
                part.bad_rows = before  # those of the pass before are met again
                yield from part.records(split, record)
            if rest := weight % 1:
                part.bad_rows = before
                yield from _some(part.records(split, record), rest)
            self.bad_rows += part.bad_rows - before

    def fingerprint(self) -> dict[str, str]:
        """Those of the parts."""
        return {
            f"{name}/{key}": value for name, part in self.parts.items() for key, value in part.fingerprint().items()
        }

    def submission(self, answers: Iterable[tuple[Any, Mapping[str, Any]]]) -> Iterator[str]:
        """The lines as the first part that has a format of its own writes them."""
        own = (part for part in self.parts.values() if type(part).submission is not Data.submission)
        return next(own, next(iter(self.parts.values()))).submission(answers)


def _weight(name: str, part: Mapping[str, Any]) -> float:
    weight = part.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e6:
        raise ValueError(f"parts.{name}.weight: must be a number > 0, got {weight!r}.")
    return float(weight)


def _made(name: str, part: Mapping[str, Any]) -> Data:
    settings = {key: value for key, value in part.items() if key not in ("name", "weight")}
    plugin = part.get("name")
    if not isinstance(plugin, str):
        raise ValueError(f"parts.{name}.name: must be a data plugin.")
    if plugin == "mixture":
        raise ValueError(f"parts.{name}.name: a mixture can't be part of one.")
    try:
        made: Data = dougong.create("data", plugin, **settings)
    except (UserError, ValueError) as error:
        raise UserError(f"data.parts.{name}: {str(error).removeprefix(f'data/{plugin}.')}") from error
    return made


def _some(records: Iterable[Record], share: float) -> Iterator[Record]:
    """A share of the records, evenly spread."""
    for number, record in enumerate(records):
        if int((number + 1) * share) > int(number * share):
            yield record
