"""From batches of example numbers to tensors, with a position that a checkpoint can hold."""

# Shapes: B batch, N longest of the batch.

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dougong.data.batches import Epochs, Numbers, is_spare
from dougong.data.examples import Column, Examples
from dougong.data.workers import EnduringLoader

Batch = dict[str, Tensor]
Vary = Callable[[dict[str, Any], np.random.Generator], dict[str, Any]]

FIXED = -1
"""In place of an epoch: what is drawn for an evaluation, the same each time."""


class BatchMaker(Dataset[Batch]):
    """Makes the batch of a list of example numbers; workers call it too.

    Args:
        examples: the encoded split.
        padding: what fills up each column; 0 where nothing is said.
        vary: changes an example at random (`Task.vary`); None where nothing is random.
        seed: of what `vary` draws.
        names: the numbers that the examples go by; None where they go by their places.
    """

    def __init__(
        self,
        examples: Examples,
        padding: Mapping[str, int],
        vary: Vary | None = None,
        seed: int = 0,
        names: Numbers | None = None,
    ) -> None:
        self.examples = examples
        self.padding = padding
        self.vary = vary
        self.seed = seed
        self.names = names

    def __getitem__(self, asked: Numbers | tuple[int, Numbers]) -> Batch:
        """The examples of these numbers as (B, N) and (B,) tensors, with `padding_mask` where there is padding.

        Args:
            asked: the numbers, alone or with the epoch that they are asked in.
        """
        epoch, named = asked if isinstance(asked, tuple) else (FIXED, asked)
        numbers = ~named if is_spare(named) else named
        if self.vary is None:
            batch = {name: self._gather(name, column, numbers) for name, column in self.examples.columns.items()}
            lengths = self.examples.lengths[numbers]
        else:
            batch, lengths = self._varied(self.vary, epoch, numbers)
        if lengths.min() != lengths.max():
            batch["padding_mask"] = torch.from_numpy(np.arange(lengths.max()) >= lengths[:, None])
        batch["index"] = torch.from_numpy(np.asarray(named if self.names is None else self.names[numbers]))
        return batch

    def _gather(self, name: str, column: Column, numbers: Numbers) -> Tensor:
        if column.ends is None:
            return _tensor(column.values[numbers])
        return self._fill(name, [column.row(number) for number in numbers])

    def _fill(self, name: str, rows: Sequence[Any]) -> Tensor:
        filled = np.full((len(rows), max(map(len, rows))), self.padding.get(name, 0), dtype=rows[0].dtype)
        for line, row in zip(filled, rows, strict=True):
            line[: len(row)] = row
        return _tensor(filled)

    def _varied(self, vary: Vary, epoch: int, numbers: Numbers) -> tuple[Batch, Numbers]:
        """The batch, and how many tokens each example has now."""
        examples = [{name: column.row(number) for name, column in self.examples.columns.items()} for number in numbers]
        rows = [
            vary(example, self._random(epoch, int(name)))
            for example, name in zip(examples, self._names(numbers), strict=True)
        ]
        columns = {name: [np.asarray(row[name]) for row in rows] for name in rows[0]}
        batch = {
            name: self._fill(name, cells) if cells[0].ndim else _tensor(np.stack(cells))
            for name, cells in columns.items()
        }
        return batch, np.array([len(row["tokens"]) for row in rows])

    def _names(self, numbers: Numbers) -> Numbers:
        return numbers if self.names is None else self.names[numbers]

    def _random(self, epoch: int, number: int) -> np.random.Generator:
        """Random numbers that are a function of seed, epoch and example, whoever draws them and when."""
        counter = np.array([0, 0, 0, epoch - FIXED], np.uint64)
        key = np.array([self.seed, number], np.uint64)
        return np.random.Generator(np.random.Philox(counter=counter, key=key))


class _Draws:
    """The batches of a pass, each with the epoch that it belongs to: workers have no other way to know."""

    def __init__(self, batches: Epochs) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        for numbers in self.batches:
            yield self.batches.epoch, numbers

    @property
    def start(self) -> int:
        """Batches that the next pass leaves out."""
        return self.batches.start

    @start.setter
    def start(self, batches: int) -> None:
        self.batches.start = batches

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls it."""
        self.batches.set_epoch(epoch)


class _Listed(Sized):
    """A fixed list of batches."""

    def __init__(self, batches: Sequence[Numbers]) -> None:
        self.batches = batches
        self.start = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Numbers]:
        start, self.start = self.start, 0
        yield from self.batches[start:]


class ResumableLoader(EnduringLoader):
    """A loader that goes on where it was: its state is the epoch and how many of its batches the training has had."""

    def __init__(self, maker: Dataset[Batch], batches: Epochs, num_workers: int, pin_memory: bool) -> None:
        super().__init__(
            maker,
            sampler=_Draws(batches),
            batch_size=None,
            num_workers=num_workers,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            generator=_apart(),
        )
        self.batches = batches
        self._skip = 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        done, self._skip = self._skip, 0
        yield from self.pass_from(done)
        self.done = 0

    def state_dict(self) -> dict[str, int]:
        """Epoch and position."""
        return {"epoch": self.batches.epoch, "batches_done": self.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there at the next pass."""
        self.batches.set_epoch(state["epoch"])
        self._skip = state["batches_done"]


def evaluation_loader(
    maker: BatchMaker, batches: Sequence[Numbers], num_workers: int, pin_memory: bool
) -> DataLoader[Any]:
    """A loader over a fixed list of batches."""
    return EnduringLoader(
        maker,
        sampler=_Listed(batches),
        batch_size=None,
        num_workers=num_workers,
        pin_memory=pin_memory,
        generator=_apart(),
    )


def _apart() -> torch.Generator:
    """A generator of a loader's own: it draws a number a pass, which would shift all that the training draws."""
    return torch.Generator().manual_seed(0)


def _tensor(values: Any) -> Tensor:
    if values.dtype.kind in "iu":
        values = values.astype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(values))
