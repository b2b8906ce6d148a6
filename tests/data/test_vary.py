"""What is random in an example is a function of seed, epoch and number, whoever makes the batch and when."""

import numpy as np
import pytest

from dougong.compose.settings import LoaderSettings
from dougong.data.batches import TrainingBatches, evaluation_batches
from dougong.data.examples import pack
from dougong.data.loader import BatchMaker, ResumableLoader, evaluation_loader

EXAMPLES = pack([[{"tokens": list(range(1 + number % 5)), "label": number} for number in range(20)]])


def draw(example, random):
    return {**example, "drawn": random.integers(1 << 40), "noise": random.random(len(example["tokens"]))}


def maker(seed=0) -> BatchMaker:
    return BatchMaker(EXAMPLES, {"noise": 9}, draw, seed)


def drawn(batches) -> dict[int, int]:
    pairs = ((batch["index"].tolist(), batch["drawn"].tolist()) for batch in batches)
    return {number: value for numbers, values in pairs for number, value in zip(numbers, values, strict=True)}


def epoch(number, num_workers=0, batch_size=3, seed=0, skip=0):
    batches = TrainingBatches(EXAMPLES.lengths, LoaderSettings(batch_size=batch_size), seed=7)
    loader = ResumableLoader(maker(seed), batches, num_workers, False)
    loader.load_state_dict({"epoch": number, "batches_done": skip})
    return drawn(loader)


def test_padding_is_what_is_beyond_the_tokens_of_the_varied_example():
    def crop(example, random):
        return {"tokens": example["tokens"][: 1 + example["label"] % 2]}

    batch = BatchMaker(EXAMPLES, {}, crop)[np.array([1, 2, 4])]
    assert batch["padding_mask"].tolist() == [[False, False], [False, True], [False, True]]
    assert "padding_mask" not in BatchMaker(EXAMPLES, {}, crop)[np.array([1, 3])]


def test_it_does_not_depend_on_batches_workers_or_where_a_run_was_stopped():
    whole = epoch(3)
    assert len(set(whole.values())) == 20
    assert epoch(3, batch_size=8) == whole
    assert epoch(3, num_workers=2) == whole
    assert epoch(3, skip=4).items() < whole.items()


def test_another_epoch_or_seed_draws_anew():
    first, later, other = epoch(0), epoch(1), epoch(0, seed=1)
    assert not set(first.values()) & set(later.values())
    assert not set(first.values()) & set(other.values())


def test_an_evaluation_always_draws_the_same_and_not_what_training_draws():
    def evaluation(settings):
        return drawn(evaluation_loader(maker(), evaluation_batches(EXAMPLES.lengths, settings), 0, False))

    found = evaluation(LoaderSettings(batch_size=3))
    assert evaluation(LoaderSettings(batch_size=20)) == found
    assert not set(found.values()) & set(epoch(0).values())


def test_new_columns_are_padded_as_the_others():
    batch = maker()[np.array([0, 4])]
    assert batch["noise"].shape == (2, 5)
    assert batch["noise"][0, 1:].tolist() == [9] * 4
    assert batch["label"].tolist() == [0, 4]
    with pytest.raises(KeyError):
        BatchMaker(EXAMPLES, {})[np.array([0])]["noise"]
