"""The order of the data: which examples make up each batch, as a pure function of seed and epoch."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
import numpy.typing as npt

from dougong.compose.settings import LoaderSettings

Numbers = npt.NDArray[np.int64]


class Epochs(Sized, ABC):
    """What to make batches of in each epoch, from any place of it on; several processes share each batch (`share`).

    `start` is the place that the next pass begins at, and 0 again after it.

    Args:
        settings: batch size or token budget, of all processes together.
        seed: of the order.
        rank, world: this process and how many there are.
    """

    def __init__(self, settings: LoaderSettings, seed: int, rank: int = 0, world: int = 1) -> None:
        self.settings = settings
        self.seed = seed
        self.rank = rank
        self.world = world
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """The order is of this epoch from now on; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count(self.epoch)

    @abstractmethod
    def count(self, epoch: int) -> int:
        """How many batches there are in an epoch."""

    @abstractmethod
    def __iter__(self) -> Iterator[Any]: ...


class TrainingBatches(Epochs):
    """Batches of examples of similar length, in an order that depends on `seed` and the epoch alone.

    The examples are shuffled, cut into buckets of `bucket_batches` batches, sorted by length inside each, cut into
    batches, and the batches are shuffled. How many processes share them changes neither the order nor the number of
    updates.

    Args:
        lengths: (examples,) tokens of each.
        settings, seed, rank, world: as of `Epochs`.
    """

    def __init__(
        self, lengths: npt.NDArray[np.integer], settings: LoaderSettings, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        super().__init__(settings, seed, rank, world)
        self.lengths = lengths

    def count(self, epoch: int) -> int:
        """How many batches there are in an epoch."""
        if self.settings.batch_tokens is None:
            # A bucket holds whole batches, so only the last batch of an epoch is short.
            return -(-len(self.lengths) // self.settings.batch_size)
        return len(self.order(epoch))

    def __iter__(self) -> Iterator[Numbers]:
        start, self.start = self.start, 0
        for numbers in self.order(self.epoch)[start:]:
            yield share(numbers, self.rank, self.world)

    def order(self, epoch: int) -> list[Numbers]:
        """All batches of an epoch."""
        random = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        shuffled = random.permutation(len(self.lengths))
        if self.settings.batch_tokens is None:
            bucket = self.settings.batch_size * self.settings.bucket_batches
        else:
            mean = max(1.0, float(self.lengths.mean())) if len(self.lengths) else 1.0
            bucket = max(1, round(self.settings.batch_tokens / mean * self.settings.bucket_batches))
        batches: list[Numbers] = []
        for begin in range(0, len(shuffled), bucket):
            batches += self._cut(shuffled[begin : begin + bucket])
        return [batches[index] for index in random.permutation(len(batches))]

    def _cut(self, bucket: Numbers) -> list[Numbers]:
        if self.settings.bucket_batches > 1:
            bucket = bucket[np.argsort(self.lengths[bucket], kind="stable")]
        return cut(bucket, self.lengths, self.settings)


def evaluation_batches(
    lengths: npt.NDArray[np.integer], settings: LoaderSettings, rank: int = 0, world: int = 1
) -> list[Numbers]:
    """Batches of all examples, sorted by length; of each batch the process's share."""
    return [share(numbers, rank, world) for numbers in cut(np.argsort(lengths, kind="stable"), lengths, settings)]


def share(numbers: Numbers, rank: int, world: int) -> Numbers:
    """A process's part of a batch: every `world`-th example, so that lengths are spread evenly.

    Where there are fewer examples than processes, those left over get one that counts for nothing and only keeps them
    in step; its number is negative (`is_spare`).
    """
    mine = numbers[rank::world]
    return mine if len(mine) else ~numbers[:1]


def is_spare(numbers: Any) -> bool:
    """Whether the examples of a batch, given by `share`, count for nothing."""
    return bool(len(numbers)) and int(numbers[0]) < 0


def cut(numbers: Numbers, lengths: npt.NDArray[np.integer], settings: LoaderSettings) -> list[Numbers]:
    """Cut a sequence of examples into batches: of `batch_size`, or within `batch_tokens`, padding counted."""
    if settings.batch_tokens is None:
        return [numbers[begin : begin + settings.batch_size] for begin in range(0, len(numbers), settings.batch_size)]
    batches, begin, longest = [], 0, 0
    for index, number in enumerate(numbers):
        longest = max(longest, int(lengths[number]))
        if index > begin and longest * (index - begin + 1) > settings.batch_tokens:
            batches.append(numbers[begin:index])
            begin, longest = index, int(lengths[number])
    if begin < len(numbers):
        batches.append(numbers[begin:])
    return batches
