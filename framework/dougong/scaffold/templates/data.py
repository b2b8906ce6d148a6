"""Data: say here in one line what this is."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

from dougong import UserError, register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.records import LabelledText, Record

EXAMPLES = (
    "good\tI would buy it again.",
    "bad\tIt broke on the first day.",
    "good\tWorks as it should.",
    "bad\tFar too loud.",
)


@register("data", "my_data")
class MyData(Data):
    """Lines of a label, a tab and a text, in `train.tsv`, `valid.tsv` and `test.tsv`.

    The first line above is what `dougong plugins` lists. Say below it where such
    data is to be had. The settings are the parameters of `__init__`: give each a
    type, bounds, a default, and a line under Args. Nothing here may import torch:
    data is read before torch is.

    Args:
        path: the folder; null reads the few examples that this file holds.
        on_bad_row: whether a line that can't be read stops the run, or is left out.
    """

    # The record types that it can read; tasks say which one they take.
    yields: ClassVar[tuple[type[Record], ...]] = (LabelledText,)

    def __init__(
        self,
        path: str | None = None,
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        self.path = path
        self.on_bad_row = on_bad_row

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """The records of a split as `record`, one of `yields`, in file order.

        There are none where the split is absent.
        """
        if self.path is None:
            yield from self._read(EXAMPLES, f"examples.{split}")
            return
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            raise UserError(f"data.path: {folder} is not a folder.")
        file = folder / f"{split}.tsv"
        if file.exists():
            with file.open(encoding="utf-8") as lines:
                yield from self._read(lines, file.name)

    def fingerprint(self) -> dict[str, str]:
        """What tells this data from another: here the size of each file."""
        files = [Path(self.path or "") / f"{split}.tsv" for split in SPLITS]
        if self.path is None:
            return {"examples": str(len(EXAMPLES))}
        return {file.name: str(file.stat().st_size) for file in files if file.exists()}

    def _read(self, lines: Iterable[str], name: str) -> Iterator[LabelledText]:
        for number, line in enumerate(lines, 1):
            source = f"{name}:{number}"
            label, tab, text = line.rstrip("\n").partition("\t")
            if tab and label and text:
                yield LabelledText(text, label, source=source)
            else:
                self.bad_row(source, "must be a label, a tab and a text.")
