"""Which examples make up each batch."""

import itertools

import numpy as np
import pytest

from dougong.compose.settings import LoaderSettings
from dougong.data.batches import TrainingBatches, cut, evaluation_batches, is_spare, share

LENGTHS = np.random.default_rng(0).integers(3, 120, 501)
SETTINGS = [
    LoaderSettings(batch_size=16),
    LoaderSettings(batch_size=7, bucket_batches=1),
    LoaderSettings(batch_tokens=700),
    LoaderSettings(batch_tokens=700, bucket_batches=3),
]
each_setting = pytest.mark.parametrize("settings", SETTINGS, ids=str)


def lists(batches) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


def joined(parts) -> list:
    return list(itertools.chain.from_iterable(parts))


def epoch(settings: LoaderSettings, seed: int, number: int, rank: int = 0, world: int = 1) -> list[list[int]]:
    batches = TrainingBatches(LENGTHS, settings, seed, rank, world)
    batches.set_epoch(number)
    return lists(batches)


@each_setting
def test_the_order_is_a_function_of_seed_and_epoch_alone(settings):
    np.random.seed(7)
    first = epoch(settings, 1, 2)
    np.random.seed(8)
    batches = TrainingBatches(LENGTHS, settings, 1)
    for number in (5, 0, 2):
        batches.set_epoch(number)
        list(batches)
    assert lists(batches) == first
    assert epoch(settings, 1, 3) != first
    assert epoch(settings, 2, 2) != first


def test_seed_and_epoch_are_not_interchangeable():
    assert epoch(SETTINGS[0], 1, 2) != epoch(SETTINGS[0], 2, 1)


@each_setting
def test_every_example_comes_exactly_once_an_epoch(settings):
    for number in range(3):
        assert sorted(joined(epoch(settings, 0, number))) == list(range(len(LENGTHS)))


@each_setting
def test_as_many_batches_come_as_are_announced(settings):
    batches = TrainingBatches(LENGTHS, settings, 0)
    for number in range(4):
        batches.set_epoch(number)
        assert len(batches) == batches.count(number) == len(list(batches))


def test_texts_of_a_batch_are_of_similar_length():
    """Padding is below 5 % with length buckets; without them it is about a half."""

    def padding(settings: LoaderSettings) -> float:
        batches = epoch(settings, 0, 0)
        padded = sum(max(LENGTHS[batch]) * len(batch) for batch in batches)
        return float(1 - LENGTHS.sum() / padded)

    assert padding(LoaderSettings(batch_size=16)) < 0.05
    assert padding(LoaderSettings(batch_size=16, bucket_batches=1)) > 0.4


def test_batches_of_an_epoch_are_not_in_order_of_length():
    longest = [max(LENGTHS[batch]) for batch in epoch(SETTINGS[0], 0, 0)]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


@pytest.mark.parametrize("budget", [1, 50, 119, 400, 10**6])
def test_a_token_budget_is_never_exceeded_but_by_a_single_long_example(budget):
    batches = epoch(LoaderSettings(batch_tokens=budget), 0, 0)
    for batch in batches:
        assert len(batch) == 1 or max(LENGTHS[batch]) * len(batch) <= budget
    assert sorted(joined(batches)) == list(range(len(LENGTHS)))


def test_a_token_budget_is_used():
    batches = epoch(LoaderSettings(batch_tokens=700), 0, 0)
    used = [max(LENGTHS[batch]) * len(batch) for batch in batches]
    assert sum(used) / len(used) > 0.8 * 700


@each_setting
@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_every_batch_of_one_process(settings, world):
    for number in range(2):
        shares = [epoch(settings, 0, number, rank, world) for rank in range(world)]
        for whole, *parts in zip(epoch(settings, 0, number), *shares, strict=True):
            assert all(parts)
            counted = [example for part in parts for example in part if example >= 0]
            assert sorted(counted) == sorted(whole)
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_without_a_part_gets_an_example_that_counts_for_nothing():
    parts = [share(np.array([7, 4]), rank, 3) for rank in range(3)]
    assert list(map(list, parts)) == [[7], [4], [-8]]
    assert [is_spare(part) for part in parts] == [False, False, True]
    assert is_spare(share(np.array([0]), 1, 2))


@each_setting
def test_evaluation_takes_every_example_once_over_all_processes(settings):
    for world in (1, 3):
        shares = [evaluation_batches(LENGTHS, settings, rank, world) for rank in range(world)]
        assert len(set(map(len, shares))) == 1
        assert sorted(item for item in joined(joined(map(lists, shares))) if item >= 0) == list(range(len(LENGTHS)))


def test_nothing_makes_no_batches():
    nothing = np.empty(0, np.int64)
    assert lists(TrainingBatches(nothing, LoaderSettings(), 0)) == []
    assert lists(TrainingBatches(nothing, LoaderSettings(batch_tokens=9), 0)) == []
    assert cut(nothing, nothing, LoaderSettings()) == []
