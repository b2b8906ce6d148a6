"""Runs of the real command that are killed, or stopped with ctrl-C or by a scheduler."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from runs import PLUGINS, TINY, assert_same_training, measurements, train

from dougong.training.interrupt import Interrupt

pytestmark = pytest.mark.slow

OVERRIDES = [f"plugin_path=[{PLUGINS}]", "callback=crash", "trainer.save_every=3", "trainer.log_every=3"]


def dougong(folder: Path, *words: str, crash: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    environment = {**os.environ, "DOUGONG_TEST_CRASH": crash}
    command = [sys.executable, "-m", "dougong", "train", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(folder, *OVERRIDES)
    return folder


def new_run(folder: Path) -> list[str]:
    return [*TINY, *OVERRIDES, f"hydra.run.dir={folder}"]


def test_a_run_killed_twice_with_kill_9_resumes_to_the_same_end(tmp_path, whole):
    words = new_run(tmp_path / "run")
    for moment in ("batch:5", "batch:8"):
        assert dougong(tmp_path, *words, crash=f"kill:{moment}").returncode == -signal.SIGKILL
        words = ["resume=run"]
    finished = dougong(tmp_path, *words)
    assert finished.returncode == 0, finished.stderr
    assert_same_training(whole, tmp_path / "run")
    assert measurements(tmp_path / "run") == measurements(whole)


def test_ctrl_c_saves_and_names_a_command_that_goes_on_to_the_same_end(tmp_path, whole):
    stopped = dougong(tmp_path, *new_run(tmp_path / "run"), crash="interrupt:step:5")
    assert stopped.returncode == 130
    assert "Traceback" not in stopped.stdout + stopped.stderr
    line = next(line for line in stopped.stdout.splitlines() if line.startswith("stopped"))
    command = shlex.split(line.partition("go on with: ")[2])
    assert command[:2] == ["dougong", "train"]
    finished = dougong(tmp_path, *command[2:])
    assert finished.returncode == 0, finished.stderr
    assert_same_training(whole, tmp_path / "run")
    assert measurements(tmp_path / "run") == measurements(whole)


def test_a_schedulers_notice_saves_and_the_same_command_goes_on_to_the_same_end(tmp_path, whole):
    command = [*new_run(tmp_path / "run"), "resume=auto"]
    stopped = dougong(tmp_path, *command, crash="terminate:step:5")
    assert stopped.returncode == 75
    assert stopped.stderr.strip() == "stopping after this update, and saving"
    assert stopped.stdout.startswith("resume=auto: there is no unfinished run of this configuration that has saved; ")
    assert "go on with: dougong train resume=run" in stopped.stdout
    finished = dougong(tmp_path, *command)
    assert finished.returncode == 0, finished.stderr
    assert "goes on from update 5 (last.ckpt)" in finished.stdout
    assert_same_training(whole, tmp_path / "run")
    assert measurements(tmp_path / "run") == measurements(whole)


def test_ctrl_c_in_a_terminal_reaches_the_workers_as_well_and_is_announced_once(tmp_path):
    words = [*new_run(tmp_path / "run"), "loader.num_workers=2", "trainer.max_epochs=200", "trainer.progress=lines"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dougong", "train", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the foreground
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.count("stopping after this update") == 1
    assert "Traceback" not in errors
    assert "go on with: dougong train resume=run" in output


def test_a_second_ctrl_c_stops_at_once():
    before = signal.getsignal(signal.SIGINT)  # a shell that starts the tests in the background has it ignored
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
