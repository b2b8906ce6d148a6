"""Batches of records that are encoded only now, in the order of a shuffle buffer."""

from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from dougong.compose.settings import LoaderSettings
from dougong.contracts.task import Task
from dougong.data.batches import Numbers
from dougong.data.examples import Column, Examples, joined, pack_rows
from dougong.data.loader import BatchMaker
from dougong.errors import UserError

Item = TypeVar("Item")
WINDOWS = 40
"""Bits of an example's number that are the number of its record; those above say which of its windows it is."""


class Records(NamedTuple):
    """The records of a batch, with their numbers in the order of the files."""

    numbers: Numbers
    records: Sequence[Any]


def shuffled(items: Iterable[Item], buffer: int, seed: int, epoch: int) -> Iterator[Item]:
    """The items, each drawn from the next `buffer` ones that were not drawn yet: a function of seed and epoch."""
    random = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    given = iter(items)
    held = list(islice(given, buffer))
    for block in iter(lambda: list(islice(given, 4096)), []):
        for place, item in zip(random.integers(len(held), size=len(block)).tolist(), block, strict=True):
            yield held[place]
            held[place] = item
    yield from (held[place] for place in random.permutation(len(held)))


def joint_sizes(count: int, batch_size: int, world: int) -> Iterator[int]:
    """How many records each batch has, of all processes together: each process has one at least in each.

    So that none is lost, and all processes have as many batches, a remainder that would leave a process without a
    record goes with the batch before.
    """
    together = batch_size * world
    while count > 0:
        size = count if count - together < world else together
        yield size
        count -= size


def share(batch: Sequence[Item], rank: int, world: int) -> Sequence[Item]:
    """What one of several processes has of a batch."""
    return batch[rank::world]


class RecordBatches(Sized):
    """The batches of records of an epoch, in an order that depends on seed and epoch alone.

    All processes go through all records; what each has of a batch is a function of its rank, and the batches of all
    are those of a single process with as large a batch. Workers are handed whole batches, in turn.

    Args:
        records: in the order of the files, as often as they are asked for.
        settings: batch size and buffer.
        seed: of the order.
        rank, world: this process and how many there are.

    Raises:
        UserError: batches by tokens are asked for, or there are fewer records than processes.
    """

    def __init__(
        self, records: Collection[Any], settings: LoaderSettings, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        if settings.batch_tokens is not None:
            raise UserError("loader.batch_tokens: needs to know all lengths before; leave loader.shuffle_buffer out.")
        if len(records) < world:
            raise UserError(f"data: {len(records)} training records can't be shared by {world} processes.")
        self.records = records
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

    def count(self, epoch: int) -> int:
        """How many batches this process sees in an epoch, which are as many in each."""
        return sum(1 for _ in self._sizes())

    def __iter__(self) -> Iterator[Records]:
        start, self.start = self.start, 0
        buffer = self.settings.shuffle_buffer or 1
        order = shuffled(enumerate(self.records), buffer, self.seed, self.epoch)
        for number, size in enumerate(self._sizes()):
            batch = list(islice(order, size))
            if number >= start:  # before that, a run that is resumed reads on to where it was
                numbers, records = zip(*share(batch, self.rank, self.world), strict=True)
                yield Records(np.array(numbers, np.int64), records)

    def _sizes(self) -> Iterator[int]:
        return joint_sizes(len(self.records), self.settings.batch_size, self.world)


class RecordBatchMaker(Dataset[dict[str, Tensor]]):
    """Makes the batch of records; workers call it too.

    Args:
        task: encodes them.
        seed: of what it draws.
    """

    def __init__(self, task: Task, seed: int) -> None:
        self.task = task
        self.seed = seed

    def __getitem__(self, asked: tuple[int, Records]) -> dict[str, Tensor]:
        """All examples of the records, as `BatchMaker` makes them.

        Args:
            asked: the records, with the epoch that they are asked in.
        """
        epoch, batch = asked
        examples = joined([pack_rows(self.task.encode(batch.records))])
        names = batch.numbers
        if "record" in examples.columns:
            within = examples.columns["record"].values
            _, first = np.unique(within, return_index=True)
            windows = np.arange(len(within)) - np.repeat(first, np.diff(first, append=len(within)))
            columns = {**examples.columns, "record": Column(batch.numbers[within])}
            examples = Examples(columns, examples.lengths)
            names = batch.numbers[within] + (windows << WINDOWS)
        varies = type(self.task).vary is not Task.vary
        vary = self.task.vary if varies else None
        return BatchMaker(examples, self.task.padding_values(), vary, self.seed, names)[epoch, np.arange(len(examples))]
