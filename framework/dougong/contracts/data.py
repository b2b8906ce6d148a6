"""The contract of a data plugin."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

from dougong.data.records import Record
from dougong.errors import UserError

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class Data(ABC):
    """Reads a published format into typed records.

    `yields` names the record types that it can read. Nothing here may import torch: data is checked before torch is.
    A reader of files takes `on_bad_row` as a setting and reports what it can't read to `bad_row`.
    """

    yields: ClassVar[tuple[type[Record], ...]]
    on_bad_row: Literal["error", "skip"] = "error"
    bad_rows: int = 0

    @abstractmethod
    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """The records of a split as `record`, one of `yields`, in file order; none where the split is absent.

        Raises:
            UserError: a file or column is missing, or a row can't be read; the message names file and line.
        """

    def fingerprint(self) -> dict[str, str]:
        """What tells this data from another: for files, their names and content hashes."""
        return {}

    def submission(self, answers: Iterable[tuple[Any, Mapping[str, Any]]]) -> Iterator[str]:
        """The lines of a file of answers in the format in which this data's owners take them.

        Args:
            answers: records and what a task predicted for them.

        Raises:
            UserError: there is no such format.
        """
        raise UserError(f"format=submission: {type(self).__name__} has no format of its own; leave format out.")

    def bad_row(self, source: str, reason: str) -> None:
        """Say that a row can't be used: an error, or counted where the user chose to skip such rows.

        Raises:
            UserError: `on_bad_row` is "error".
        """
        if self.on_bad_row == "error":
            raise UserError(f"{source}: {reason} (data.on_bad_row=skip leaves such rows out and counts them)")
        self.bad_rows += 1
        logging.getLogger(__name__).info("left out %s: %s", source, reason)
