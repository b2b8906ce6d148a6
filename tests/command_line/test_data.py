"""`dougong data describe` says how long examples are, and what batches cost."""

import re

import numpy as np
import pytest

from dougong.compose.settings import LoaderSettings
from dougong.data.describe import budget, histogram, quantiles, without_buckets

SMALL = ("data.size=100", "data.valid_size=10", "data.test_size=10", "encoder.layers=1", "embedding.dim=32")


def test_data_is_described_as_a_training_would_see_it(command):
    text = command("data", "describe", *SMALL, "loader.batch_size=8").done()
    assert "train  100 examples" in text
    assert "valid  10 examples" in text
    assert sum(int(count) for count in re.findall(r"[█▏] (\d+)$", text, re.MULTILINE)) == 100
    assert "epoch  13 batches of 8 examples" in text
    assert list(command.folder.iterdir()) == []


def test_a_task_that_streams_is_described_too(command):
    text = command("data", "describe", *SMALL, "task=causal_lm", "tokenizer=byte", "loader.batch_tokens=2048").done()
    assert "batches of 2,048 tokens" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["decribe"], "there is no such command"),
        (["describe", "data.sise=3"], "Did you mean `size`?"),
        (["describe", "toy"], "toy: not KEY=VALUE"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_torch_is_imported(without_torch, words, said):
    assert said in without_torch("data", *words).refused()


def test_the_budget_counts_padding():
    lengths = np.array([1, 1, 1, 5])
    found = budget(lengths, LoaderSettings(batch_size=4), 0)
    assert (found.batches, found.tokens, found.largest, found.padding) == (1, 20, 20, 1 - 8 / 20)


def test_buckets_save_padding():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    settings = LoaderSettings(batch_size=10)
    assert budget(lengths, settings, 0).padding < budget(lengths, without_buckets(settings), 0).padding / 4


@pytest.mark.parametrize("lengths", [[7], [3, 3, 3], [1, 1000], list(range(1, 60))])
def test_a_histogram_counts_every_example_once(lengths):
    lines = histogram(np.array(lengths))
    assert len(lines) <= 12
    assert sum(int(line.split()[-1]) for line in lines) == len(lengths)


def test_quantiles_are_lengths_that_there_are():
    assert quantiles(np.array([1, 2, 9])) == "min 1  median 2  mean 4.0  95% 9  max 9"
