"""The contract of a data plugin."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal

from dougong.data.records import Record

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class Data(ABC):
    """Reads a published format into typed records.

    `yields` names the record types that it can read. Nothing here may import torch: data is checked before torch is.
    """

    yields: ClassVar[tuple[type[Record], ...]]

    @abstractmethod
    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """The records of a split as `record`, one of `yields`, in file order; none where the split is absent.

        Raises:
            UserError: a file or column is missing, or a row can't be read; the message names file and line.
        """

    def fingerprint(self) -> dict[str, str]:
        """What tells this data from another: for files, their names and content hashes."""
        return {}
