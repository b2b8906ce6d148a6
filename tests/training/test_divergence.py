"""A training that leaves the numbers stops, says where, and spoils nothing that was saved."""

import re

import pytest
import torch
from runs import PLUGINS, checkpoint, train, weights

from dougong.errors import UserError

SPOILT = (f"plugin_path=[{PLUGINS}]", "task=spoilt", "trainer.save_every=1", "trainer.max_skipped_updates=0")


@pytest.mark.parametrize("part", ["loss", "gradient"])
@pytest.mark.parametrize("clip", ["1.0", "null"])
def test_a_loss_or_gradient_that_is_not_a_number_stops_before_the_weights_are_spoilt(tmp_path, part, clip):
    overrides = ("task.at=11", f"task.part={part}", f"trainer.gradient_clip_norm={clip}")
    with pytest.raises(UserError) as caught:
        train(tmp_path, *SPOILT, *overrides)
    message = str(caught.value)
    rate = 5e-4 * 5 / 14  # linear_warmup of 16 updates: 2 up, 14 down, 11 done
    assert f"at update 11 (learning rate {rate:.3g})" in message
    found = re.search(r"records ([\d, ]+);", message)
    assert found is not None
    numbers = [int(number) for number in found[1].split(",")]
    assert len(numbers) == len(set(numbers)) == 8
    assert all(0 <= number < 60 for number in numbers)
    assert checkpoint(tmp_path)["global_step"] == 11
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path).values())


def test_a_gradient_that_is_not_a_number_names_the_records_of_its_whole_window(tmp_path):
    overrides = ("task.at=4", "task.part=gradient", "trainer.accumulate_grad_batches=2")
    with pytest.raises(UserError) as caught:
        train(tmp_path, *SPOILT, *overrides)
    assert str(caught.value).partition("records")[2].partition(";")[0].count(",") == 15


def test_a_monstrous_learning_rate_is_stopped(tmp_path):
    with pytest.raises(UserError, match=r"update \d+ \(learning rate .*\), on the training records"):
        train(tmp_path, "optimizer.lr=1e30", "trainer.gradient_clip_norm=null")
