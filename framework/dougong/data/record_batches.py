"""Batches of records that are encoded only now, in the order of a shuffle buffer."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from dougong.compose.settings import LoaderSettings
from dougong.contracts.task import Task
from dougong.data.batches import Epochs, Numbers, is_spare, share
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


class RecordBatches(Epochs):
    """The batches of records of an epoch, in an order that depends on seed and epoch alone.

    All processes go through all records and share each batch (`share`), so that how many they are changes neither the
    order nor the number of updates. Workers are handed whole batches, in turn.

    Args:
        records: in the order of the files, as often as they are asked for.
        settings: batch size and buffer.
        seed, rank, world: as of `Epochs`.

    Raises:
        UserError: batches by tokens are asked for.
    """

    def __init__(
        self, records: Collection[Any], settings: LoaderSettings, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        if settings.batch_tokens is not None:
            raise UserError("loader.batch_tokens: needs to know all lengths before; leave loader.shuffle_buffer out.")
        super().__init__(settings, seed, rank, world)
        self.records = records

    def count(self, epoch: int) -> int:
        """How many batches there are in an epoch."""
        return -(-len(self.records) // self.settings.batch_size)

    def __iter__(self) -> Iterator[Records]:
        start, self.start = self.start, 0
        buffer = self.settings.shuffle_buffer or 1
        order = shuffled(enumerate(self.records), buffer, self.seed, self.epoch)
        for number in range(len(self)):
            batch = list(islice(order, self.settings.batch_size))
            if number >= start:  # before that, a run that is resumed reads on to where it was
                places = share(np.arange(len(batch)), self.rank, self.world)
                mine = [batch[~place if place < 0 else place] for place in places]
                numbers = np.array([number for number, _ in mine], np.int64)
                yield Records(~numbers if is_spare(places) else numbers, [record for _, record in mine])


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
        spare = is_spare(batch.numbers)
        names = numbers = ~batch.numbers if spare else batch.numbers
        if "record" in examples.columns:
            within = examples.columns["record"].values
            _, first = np.unique(within, return_index=True)
            windows = np.arange(len(within)) - np.repeat(first, np.diff(first, append=len(within)))
            columns = {**examples.columns, "record": Column(numbers[within])}
            examples = Examples(columns, examples.lengths)
            names = numbers[within] + (windows << WINDOWS)
        varies = type(self.task).vary is not Task.vary
        vary = self.task.vary if varies else None
        maker = BatchMaker(examples, self.task.padding_values(), vary, self.seed, names)
        found = maker[epoch, np.arange(len(examples))]
        return {**found, "index": ~found["index"]} if spare else found
