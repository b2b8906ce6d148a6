"""Batches made of records as they are needed: each record once an epoch, whoever makes them and wherever they begin."""

from collections import Counter
from itertools import chain, product

import numpy as np
import pytest

from dougong.compose.settings import LoaderSettings
from dougong.contracts.task import Task
from dougong.data.loader import ResumableLoader
from dougong.data.record_batches import RecordBatches, RecordBatchMaker, shuffled
from dougong.errors import UserError

COUNT = 41


class Words(Task):
    """A task of which a record is a text, and an example as many tokens as it has letters; each draws one at random."""

    def __init__(self, windows: int = 0) -> None:
        super().__init__()
        self.windows = windows

    def encode(self, records):
        rows = [{"tokens": [ord(letter) for letter in record]} for record in records]
        if not self.windows:
            return rows
        return [{**row, "record": number} for number, row in enumerate(rows) for _ in range(self.windows)]

    def vary(self, example, random):
        return {**example, "drawn": np.int64(random.integers(1 << 30))}

    def padding_values(self):
        return {"tokens": 0}

    forward = loss = predict = score = None


def records(count=COUNT):
    return [chr(65 + number % 26) * (1 + number % 7) for number in range(count)]


def batches(rank=0, world=1, seed=0, count=COUNT, **settings):
    return RecordBatches(
        records(count), LoaderSettings(**{"batch_size": 4, "shuffle_buffer": 10} | settings), seed, rank, world
    )


def loader(rank=0, world=1, workers=0, count=COUNT, task=None, seed=0):
    return ResumableLoader(
        RecordBatchMaker(task or Words(), seed), batches(rank, world, count=count, seed=seed), workers, False
    )


def contents(batch):
    return {name: tensor.tolist() for name, tensor in batch.items()}


@pytest.mark.parametrize("buffer", [1, 2, 10, 40, 41, 1000])
def test_shuffling_draws_each_item_once_and_none_before_it_was_in_the_buffer(buffer):
    order = list(shuffled(range(COUNT), buffer, 3, 0))
    assert sorted(order) == list(range(COUNT))
    assert all(item < place + buffer for place, item in enumerate(order))
    assert order == list(shuffled(iter(range(COUNT)), buffer, 3, 0))
    if buffer > 2:
        assert order != list(shuffled(range(COUNT), buffer, 3, 1))
        assert order != list(shuffled(range(COUNT), buffer, 4, 0))


def test_an_order_without_a_buffer_is_that_of_the_files():
    assert list(shuffled(range(COUNT), 1, 0, 0)) == list(range(COUNT))


def test_a_process_that_has_no_record_of_a_batch_gets_one_that_counts_for_nothing():
    last = [list(loader(rank, 3, count=5))[-1] for rank in range(3)]
    numbers = [batch["index"].tolist() for batch in last]
    assert [len(found) for found in numbers] == [1, 1, 1]
    assert numbers[0][0] >= 0
    assert numbers[1] == numbers[2] == [~numbers[0][0]]
    assert last[1]["tokens"].tolist() == last[0]["tokens"].tolist()


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("count", [COUNT, 40, 37, 1])
@pytest.mark.parametrize(("world", "workers"), list(product([1, 2, 3], [0, 1, 2, 3])))
def test_no_example_is_lost_or_repeated_in_an_epoch(world, workers, count):
    if workers and count != COUNT:
        pytest.skip("workers know nothing of the count")
    loaders = [loader(rank, world, workers, count) for rank in range(world)]
    for epoch in (0, 1):
        seen, lengths = Counter(), set()
        for one in loaders:
            one.batches.set_epoch(epoch)
            found = list(one)
            seen.update(number for batch in found for number in batch["index"].tolist() if number >= 0)
            lengths.add(len(found))
        assert seen == Counter(range(count))
        assert lengths == {len(loaders[0])}, "a process would wait for the others"


def test_the_batches_of_several_processes_are_those_of_one():
    one = [set(batch.numbers.tolist()) for batch in batches()]
    parts = zip(*(batches(rank, 3) for rank in range(3)), strict=True)
    joint = [{number for part in together for number in part.numbers.tolist() if number >= 0} for together in parts]
    assert joint == one


def test_batches_do_not_depend_on_the_workers():
    plain = [contents(batch) for batch in loader()]
    assert [contents(batch) for batch in loader(workers=2)] == plain
    assert plain[0]["tokens"] != plain[1]["tokens"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pass_goes_on_from_any_place(workers):
    whole = [contents(batch) for batch in loader()]
    for place in (1, 7, len(whole) - 1):
        again = loader(workers=workers)
        again.load_state_dict({"epoch": 0, "batches_done": place})
        assert [contents(batch) for batch in again] == whole[place:]


def test_what_is_drawn_is_a_function_of_seed_epoch_and_record():
    def drawn(one):
        pairs = (zip(batch["index"].tolist(), batch["drawn"].tolist(), strict=True) for batch in one)
        return dict(chain.from_iterable(pairs))

    first = drawn(loader())
    assert drawn(loader(world=1, workers=1)) == first
    again = loader()
    again.batches.set_epoch(1)
    assert drawn(again) != first
    assert drawn(loader(seed=1)) != first
    assert len(set(first.values())) == COUNT


def test_the_windows_of_a_record_are_examples_of_their_own_with_its_number():
    found = list(loader(task=Words(windows=3)))
    assert Counter(chain.from_iterable(batch["record"].tolist() for batch in found)) == dict.fromkeys(range(COUNT), 3)
    names = [name for batch in found for name in batch["index"].tolist()]
    assert len(set(names)) == 3 * COUNT
    assert len({value for batch in found for value in batch["drawn"].tolist()}) == 3 * COUNT


def test_what_a_stream_can_not_do_is_refused():
    with pytest.raises(UserError, match=r"loader.batch_tokens: .*shuffle_buffer"):
        batches(batch_tokens=100)
