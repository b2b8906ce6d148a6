"""Batches as tensors, and a position that can be taken up again."""

import numpy as np
import pytest
import torch

from dougong.compose.settings import LoaderSettings
from dougong.data.batches import TrainingBatches
from dougong.data.examples import Examples, pack
from dougong.data.loader import BatchMaker, ResumableLoader, evaluation_loader


def examples(count: int = 30) -> Examples:
    rows = [
        {"tokens": list(range(1, 2 + number % 7)), "label": number, "weight": number / 2} for number in range(count)
    ]
    return pack([rows[:11], [], rows[11:]])


def loader(num_workers: int = 0, settings: LoaderSettings | None = None) -> ResumableLoader:
    packed = examples()
    batches = TrainingBatches(packed.lengths, settings or LoaderSettings(batch_size=4), seed=0)
    return ResumableLoader(BatchMaker(packed, {"tokens": 9}), batches, num_workers, False)


def numbers(batches) -> list[list[int]]:
    return [batch["index"].tolist() for batch in batches]


def test_packed_examples_come_back_row_by_row():
    packed = examples()
    assert len(packed) == 30
    for number in range(30):
        assert packed.columns["tokens"].row(number).tolist() == list(range(1, 2 + number % 7))
        assert packed.columns["label"].row(number) == number
        assert packed.lengths[number] == 1 + number % 7


def test_an_empty_row_between_others_stays_empty():
    packed = pack([[{"tokens": [1, 2]}, {"tokens": []}, {"tokens": [3]}]])
    assert [packed.columns["tokens"].row(number).tolist() for number in range(3)] == [[1, 2], [], [3]]
    batch = BatchMaker(packed, {})[np.array([0, 1, 2])]
    assert batch["tokens"].tolist() == [[1, 2], [0, 0], [3, 0]]
    assert batch["padding_mask"].tolist() == [[False, False], [True, True], [False, True]]


def test_a_batch_is_padded_to_its_own_longest_and_says_where():
    batch = BatchMaker(examples(), {"tokens": 9})[np.array([2, 0, 4])]
    assert batch["tokens"].tolist() == [[1, 2, 3, 9, 9], [1, 9, 9, 9, 9], [1, 2, 3, 4, 5]]
    assert batch["padding_mask"].tolist() == [[False] * 3 + [True] * 2, [False] + [True] * 4, [False] * 5]
    assert batch["label"].tolist() == [2, 0, 4]
    assert batch["label"].dtype == batch["tokens"].dtype == torch.int64
    assert batch["weight"].tolist() == [1.0, 0.0, 2.0]


def test_a_batch_without_padding_has_no_mask():
    assert "padding_mask" not in BatchMaker(examples(), {})[np.array([1, 8, 15])]


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("taken", [0, 1, 5, 8])
def test_a_loader_goes_on_at_its_position_in_its_epoch(num_workers, taken):
    first = loader(num_workers)
    first.batches.set_epoch(3)
    iterator = iter(first)
    head = numbers(next(iterator) for _ in range(taken))
    other = loader(num_workers)
    other.load_state_dict(first.state_dict())
    assert other.state_dict()["epoch"] == 3
    whole = loader()
    whole.batches.set_epoch(3)
    assert head + numbers(other) == numbers(whole)


def test_the_epoch_after_a_resumed_one_is_whole():
    resumed = loader()
    resumed.load_state_dict({"epoch": 0, "batches_done": 6})
    assert len(numbers(resumed)) == 2
    resumed.batches.set_epoch(1)
    fresh = loader()
    fresh.batches.set_epoch(1)
    assert numbers(resumed) == numbers(fresh)
    assert len(numbers(fresh)) == 8


@pytest.mark.parametrize("num_workers", [0, 2])
def test_passes_over_a_loader_draw_nothing_from_the_global_generator(num_workers):
    state = torch.get_rng_state()
    training = loader(num_workers)
    list(training)
    list(training)
    list(evaluation_loader(BatchMaker(examples(), {}), [np.array([1, 2])], num_workers, False))
    assert torch.equal(torch.get_rng_state(), state)
