"""How several processes end: with their work, with ctrl-C, and with the error of one."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import PLUGINS, TINY, checkpoint, train
from two_processes import environments

from dougong.errors import UserError
from dougong.training.processes.launch import GRACE, Ended, ProcessFailedError, outcome_of

WORDS = (f"plugin_path=[{PLUGINS}]", "callback=[fault]", "trainer.strategy=ddp", "trainer.devices=2")


def status(folder: Path) -> str:
    """What the run's record says."""
    return str(json.loads((folder / "run.json").read_text())["status"])


def died(folder: Path) -> float:
    """When the process wrote that it was about to."""
    return float((folder / "died").read_text())


def test_a_process_that_is_killed_ends_the_training_within_seconds_and_is_named(tmp_path):
    with pytest.raises(UserError, match=r"process 1 of the training was killed \(SIGKILL\); go on with: .*resume="):
        train(tmp_path, *WORDS, "callback.fault.what=kill", "trainer.save_every=1")
    assert time.time() - died(tmp_path) < GRACE + 5
    assert status(tmp_path) == "failed"


def ended(rank: int, code: int, **outcome: object) -> Ended:
    return Ended(rank, code, outcome)


def test_the_first_error_is_told_and_not_what_came_of_it_in_the_others(tmp_path):
    lost = ended(0, 1, trace="RuntimeError: connection closed by peer", when=2.0)
    job = {"folder": str(tmp_path)}
    (tmp_path / "errors.1").write_text("a warning\nSegmentation fault\n")
    with pytest.raises(ProcessFailedError, match=r"process 1 failed:\nZeroDivisionError"):
        outcome_of([lost, ended(1, 1, trace="ZeroDivisionError", when=1.0)], tmp_path, job)
    with pytest.raises(UserError, match=r"^the data is gone$"):
        outcome_of([lost, ended(1, 2, user_error="the data is gone", when=1.0)], tmp_path, job)
    with pytest.raises(UserError, match=r"process 1 .*was killed \(SIGSEGV\); nothing was saved yet; .*Segmentation"):
        outcome_of([lost, ended(1, -signal.SIGSEGV)], tmp_path, job)
    with pytest.raises(KeyboardInterrupt):
        outcome_of([ended(1, 130, stopped=True, when=1.0), lost], tmp_path, job)
    assert outcome_of([ended(1, 0, result={}), ended(0, 0, result={"status": "finished"})], tmp_path, job) == {
        "status": "finished"
    }


@pytest.mark.slow
def test_many_runs_in_a_row_and_ctrl_c_saves_in_all_processes(tmp_path):
    words = [*TINY, *WORDS, "-m", "callback.fault.what=nothing,interrupt", f"hydra.sweep.dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "dougong", "train", *words], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("stopping after this update") == 1
    assert [status(tmp_path / number) for number in "01"] == ["finished", "interrupted"]
    assert checkpoint(tmp_path / "1")["global_step"] < checkpoint(tmp_path / "0")["global_step"]
    assert [len(list((tmp_path / number).glob("seen.*"))) for number in "01"] == [2, 2]


@pytest.mark.slow
def test_torchrun_starts_the_processes_of_one_run(tmp_path):
    words = [*TINY, *WORDS, f"hydra.run.dir={tmp_path / 'run'}"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "-m", "dougong", "train", *words]
    environment = {name: value for name, value in environments()[0].items() if name not in GROUP}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert status(tmp_path / "run") == "finished"
    assert checkpoint(tmp_path / "run")["global_step"] == 16


GROUP = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def test_processes_that_were_started_for_a_training_in_one_are_refused(tmp_path, monkeypatch):
    for name, value in environments()[0].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"trainer.strategy: single trains in one process, and 2 were started"):
        train(tmp_path)
    with pytest.raises(UserError, match=r"trainer.devices: 3 are asked for, and 2 processes were started"):
        train(tmp_path, "trainer.strategy=ddp", "trainer.devices=3")
