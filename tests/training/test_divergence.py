"""A training that leaves the numbers stops, says where, and spoils nothing that was saved."""

import re

import pytest
import torch
from runs import PLUGINS, assert_same, checkpoint, measurements, train, weights

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


SKIPPING = (*SPOILT[:3], "task.at=5", "trainer.log_every=1", "trainer.max_skipped_updates=2")


@pytest.mark.parametrize("part", ["loss", "gradient"])
@pytest.mark.parametrize("wrapper", ["[]", "[lookahead,lazy]"])
def test_a_few_updates_that_are_not_numbers_are_left_out_and_counted(tmp_path, caplog, part, wrapper):
    result = train(tmp_path, *SKIPPING, "task.times=2", f"task.part={part}", f"wrapper={wrapper}")
    assert result.status == "finished"
    assert result.notes == ["2 updates were left out, since their gradients were not finite; see train.log."]
    told = [line for line in caplog.messages if "left out" in line]
    assert len(told) == 2
    what = {"loss": "the loss became nan", "gradient": "the gradient's norm became nan"}[part]
    where = r"at update 6 \(learning rate .*\), on the training records [\d, ]+"
    assert re.fullmatch(rf"{what} {where}; this update is left out \(2 in a row, 2 in all\)", told[1])
    found = measurements(tmp_path)
    skipped = {update: value for update, name, value in found if name == "train/skipped_updates"}
    assert skipped == {6: 1, 7: 2} | dict.fromkeys(range(8, 17), 2)
    losses = {update: value for update, name, value in found if name == "train/loss"}
    assert {update for update, loss in losses.items() if loss != loss} == ({6, 7} if part == "loss" else set())
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path).values())


def test_an_update_that_is_left_out_changes_neither_weights_nor_optimizer(tmp_path):
    for limit in (5, 6, 7):
        train(tmp_path / str(limit), *SKIPPING, "task.times=1", f"trainer.max_updates={limit}", "schedule=constant")
    before, after, later = (checkpoint(tmp_path / str(limit)) for limit in (5, 6, 7))
    assert_same(before["state_dict"], after["state_dict"])
    assert_same(before["optimizer_states"][0]["state"], after["optimizer_states"][0]["state"])
    assert not torch.equal(later["state_dict"]["task.classify.weight"], after["state_dict"]["task.classify.weight"])


def test_too_many_in_a_row_end_the_run_with_the_last_good_state_saved(tmp_path):
    with pytest.raises(UserError, match=r"at update 7 .* records [\d, ]+, as were the 2 before it; try a smaller"):
        train(tmp_path, *SKIPPING, "trainer.save_every=1")
    assert checkpoint(tmp_path)["global_step"] == 5


def test_the_count_of_those_left_out_in_a_row_is_of_a_resumed_run_as_well(tmp_path):
    train(tmp_path, *SKIPPING, "task.times=2", "trainer.max_epochs=1", "task.at=6")
    assert checkpoint(tmp_path)["callbacks"]["SkippedUpdates"] == {"total": 2, "in_a_row": 2}
