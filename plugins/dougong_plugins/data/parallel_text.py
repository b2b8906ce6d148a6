"""Data: two files a split, whose lines belong together."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar, Literal

from dougong import register
from dougong.contracts.data import SPLITS, Data, Split
from dougong.data.files import DataFile
from dougong.data.records import Record, SourceTarget
from dougong.data.split_files import SplitFiles, text_lines
from dougong.errors import UserError


@register("data", "parallel_text")
class ParallelText(Data):
    """Sources in one file and their targets in another, line by line, as for translation.

    Args:
        path: the folder of the files; may be in an object store (`s3://...`).
        train: name of the training files within `path`, without their endings; a pattern (`part-*`) for several.
        valid: likewise for validation; null for none.
        test: likewise for testing; null for none.
        source: ending of the files of sources (`.source.gz`, say).
        target: ending of the files of targets.
        on_bad_row: stop at a line that can't be read, or leave such lines out and count them.
    """

    yields: ClassVar = (SourceTarget,)

    def __init__(
        self,
        path: str,
        train: str = "train",
        valid: str | None = "valid",
        test: str | None = "test",
        source: str = ".source",
        target: str = ".target",
        on_bad_row: Literal["error", "skip"] = "error",
    ) -> None:
        if source == target:
            raise ValueError(f"target: must differ from source, got {target!r} twice.")
        names: dict[Split, str | None] = {"train": train, "valid": valid, "test": test}
        self.sides = [
            SplitFiles(path, {split: name and name + ending for split, name in names.items()})
            for ending in (source, target)
        ]
        self.endings = (source, target)
        self.on_bad_row = on_bad_row

    @classmethod
    def trial_settings(cls, folder: Path) -> dict[str, Any]:
        """A few lines a split."""
        for split in SPLITS:
            lines = [f"{split} 第{number}个{word}" for number in range(8) for word in ("句子", "故事")]
            (folder / f"{split}.source").write_text("\n".join(lines), encoding="utf-8")
            (folder / f"{split}.target").write_text("\n".join(line[::-1] for line in lines), encoding="utf-8")
        return {"path": str(folder)}

    def records(self, split: Split, record: type[Record]) -> Iterator[Record]:
        """One record a pair of lines, in file order; lines without a partner, or an empty one, are bad rows."""
        sources, targets = (side.of(split) for side in self.sides)
        named = {file.name.removesuffix(self.endings[0]) for file in sources}
        if alone := sorted(named ^ {file.name.removesuffix(self.endings[1]) for file in targets}):
            raise UserError(f"data.{split}: {alone[0]} is there on one side only, sources or targets.")
        for files in zip(sources, targets, strict=True):
            yield from self._pairs(files)

    def _pairs(self, files: tuple[DataFile, DataFile]) -> Iterator[Record]:
        for source, target in zip_longest(*(text_lines(file, self.bad_row) for file in files)):
            if source is None or target is None:
                ended = files[0 if source is None else 1]
                self.bad_row((source or target)[0], f"{ended} has no line that belongs to it.")
                continue
            (place, text), (_, wanted) = source, target
            if text is None or wanted is None:
                continue  # told already
            if text.strip() and wanted.strip():
                yield SourceTarget(text, wanted, source=place)
            elif text.strip() or wanted.strip():
                self.bad_row(place if not text.strip() else target[0], "the line is empty.")

    def fingerprint(self) -> dict[str, str]:
        """The files' SHA-256."""
        return {name: digest for side in self.sides for name, digest in side.fingerprint().items()}
