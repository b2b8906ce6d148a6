"""Disks, memory, workers and numbers that fail: the run goes on where it can, and says in one line why where not."""

import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import exit_code_of_fork, fill, free, mounted
from runs import assert_same_training, checkpoint, measurements, resume, train

from dougong.command_line.main import main
from dougong.data.loader import evaluation_loader
from dougong.errors import UserError
from dougong.training.memory import is_out_of_memory
from dougong.training.module import TrainingModule
from dougong.training.run import read_record
from dougong.training.tracking import Tracking
from dougong_plugins.task.classification import Classification

OFTEN = ("trainer.save_every=2", "trainer.log_every=2")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    train(folder, *OFTEN)
    return folder


def at_updates(monkeypatch, actions) -> None:
    """Do something after some of the updates, before they are recorded and saved."""
    record = Tracking.on_train_batch_end

    def acting(self, trainer, *arguments):
        actions.pop(trainer.global_step, lambda: None)()
        record(self, trainer, *arguments)

    monkeypatch.setattr(Tracking, "on_train_batch_end", acting)


@pytest.fixture
def disk(tmp_path):
    with mounted(tmp_path / "disk", "size=4m") as folder:
        yield folder


def test_a_disk_that_is_full_for_a_while_costs_nothing(disk, monkeypatch, whole, caplog):
    at_updates(monkeypatch, {3: lambda: fill(disk), 9: lambda: free(disk)})
    with caplog.at_level(logging.WARNING):
        result = train(disk / "run", *OFTEN)
    assert result.status == "finished"
    assert_same_training(whole, disk / "run", ("last",))
    assert measurements(disk / "run") == measurements(whole)
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(";")[0] for line in told if "could not be saved" in line] == [
        f"{disk}/run/checkpoints/last.ckpt: update {update} could not be saved (No space left on device)"
        for update in (4, 6, 8)
    ]
    assert sum("confusion.csv can't be written (No space left on device)" in line for line in told) == 1


def test_a_disk_that_stays_full_ends_in_one_line_and_loses_nothing_that_was_saved(disk, monkeypatch, whole):
    at_updates(monkeypatch, {9: lambda: fill(disk)})
    with pytest.raises(UserError) as caught:
        train(disk / "run", *OFTEN)
    assert str(caught.value) == (
        f"{disk}/run/checkpoints/last.ckpt: update 16 could not be saved (No space left on device); make room, and go "
        f"on with: dougong train resume={disk}/run"
    )
    assert checkpoint(disk / "run")["global_step"] == 8
    assert read_record(disk / "run")["status"] != "finished"
    free(disk)
    resume(disk / "run")
    assert_same_training(whole, disk / "run")
    assert measurements(disk / "run") == measurements(whole)


def test_a_disk_that_is_full_from_the_beginning_is_told_of_in_one_line(disk):
    fill(disk)
    with pytest.raises(UserError, match=r"run: the run's folder can't be written to \(No space left on device\)\.$"):
        train(disk / "run")


def test_answers_that_there_is_no_room_for_are_told_of_and_the_others_kept(disk, whole, tmp_path, capsys):
    texts = tmp_path / "texts.txt"
    texts.write_text("这家店的面很好吃\n" * 300, encoding="utf-8")
    fill(disk)
    with (disk / "filler").open("rb+") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 16384)
    words = [f"checkpoint={whole}/checkpoints/best.ckpt", f"input={texts}", f"output={disk}/answers.jsonl"]
    assert main(["predict", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    kept = (disk / "answers.jsonl.partial").read_text(encoding="utf-8").splitlines()
    assert line == (
        f"output: {disk}/answers.jsonl can't be written (No space left on device). The first {len(kept)} answers are "
        f"in {disk}/answers.jsonl.partial."
    )
    assert 10 < len(kept) < 300
    assert all(answer.endswith("}") for answer in kept)


def test_a_standard_output_that_is_full_is_told_of_in_one_line(whole, monkeypatch, capsys):
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(["predict", f"checkpoint={whole}/checkpoints/best.ckpt", "text=好"]) == 2
    assert capsys.readouterr().err == "output: standard output can't be written (No space left on device).\n"


def test_a_folder_that_can_not_be_written_to_is_told_of_in_one_line(tmp_path):
    reason = r"/run: the run's folder can't be written to \(Read-only file system\)\.$"
    with mounted(tmp_path / "disk", "ro,size=100k") as folder, pytest.raises(UserError, match=reason):
        train(folder / "run")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"can't be written to \(Not a directory\)\.$"):
        train(tmp_path / "file/run")


def test_the_command_names_the_setting_where_its_folder_can_not_be_written_to(without_torch):
    (without_torch.folder / "outputs").touch()
    line = without_torch("train").refused()
    assert line.startswith("hydra.run.dir: outputs")
    assert line.endswith("; name a folder that can.")


def allocate_by_torch() -> None:
    torch.empty(1 << 55)


def allocate_by_numpy() -> None:
    np.empty(1 << 55)


def fail_as_a_gpu_does() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@pytest.mark.parametrize("allocate", [allocate_by_torch, allocate_by_numpy, fail_as_a_gpu_does])
def test_memory_that_runs_out_names_the_batch_and_what_to_do(tmp_path, monkeypatch, allocate):
    compute = Classification.loss

    def loss(self, outputs, batch):
        if torch.is_grad_enabled() and (tmp_path / "checkpoints").exists():
            allocate()
        return compute(self, outputs, batch)

    monkeypatch.setattr(Classification, "loss", loss)
    with pytest.raises(UserError) as caught:
        train(tmp_path, "trainer.save_every=3", "loader.batch_size=30")
    message = str(caught.value)
    assert message.startswith("loader: out of memory in update 2, with a batch of 30 examples of ")
    longest = int(message.partition(" tokens;")[0].rpartition(" ")[2])
    assert f"by loader.batch_tokens={15 * longest}, say" in message
    assert "\n" not in message
    assert checkpoint(tmp_path)["global_step"] == 2


def test_memory_that_runs_out_in_a_validation_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingModule, "on_validation_epoch_end", lambda self: allocate_by_torch())
    with pytest.raises(UserError, match="loader: out of memory in the validation, with a batch of"):
        train(tmp_path)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("not enough memory"))


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_the_training_is_the_same(tmp_path, monkeypatch, whole, caplog):
    def kill_a_worker() -> None:
        worker = next(iter(torch.multiprocessing.active_children()))
        os.kill(worker.pid, signal.SIGKILL)

    at_updates(monkeypatch, {3: kill_a_worker})
    result = train(tmp_path, *OFTEN, "loader.num_workers=2")
    assert result.status == "finished"
    assert "new ones take over" in caplog.text
    assert_same_training(whole, tmp_path)


@pytest.mark.slow
def test_workers_that_are_killed_at_each_attempt_are_given_up():
    class Deadly:
        def __getitem__(self, numbers):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(UserError, match=r"^loader\.num_workers: .* killed twice at the same batch .*num_workers=0"):
        list(evaluation_loader(Deadly(), [np.arange(2)], 1, False))


def test_a_process_that_trains_in_a_folder_keeps_others_out(tmp_path, monkeypatch):
    def intrude() -> None:
        with pytest.raises(UserError, match="another process is training in it now"):
            resume(tmp_path)

    codes = []
    at_updates(monkeypatch, {5: lambda: codes.append(exit_code_of_fork(intrude))})
    train(tmp_path, *OFTEN)
    assert codes == [0]
