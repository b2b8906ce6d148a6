"""A run that kill -9 ends at any moment is resumed to the bits, and the measurements, of one that was never killed."""

import os
import signal
from functools import cache, partial
from pathlib import Path

import pytest
from faults import exit_code_of_fork, kill_at_call
from runs import PLUGINS, assert_same_training, measurements, resume, train

from dougong.checkpoint import archive, file
from dougong.training.run import read_record

CRASHING = (f"plugin_path=[{PLUGINS}]", "callback=[crash,ema]", "trainer.log_every=3", "trainer.save_every=2")
BF16 = ("trainer.precision=bf16", "trainer.accumulate_grad_batches=3", "trainer.max_epochs=3", "trainer.save_every=1")


def kill_at(moment: str) -> None:
    """Prepare the end, in the process that is to be killed."""
    what, _, number = moment.partition(":")
    if what == "half written":
        kill_at_call(archive, "write", int(number), lambda content, path: path.write_bytes(b"PK\x03\x04half"))
    elif what == "written":
        kill_at_call(file, "_move_up", int(number))
    elif what == "moved up":
        move_up = file._move_up
        kill_at_call(file, "_move_up", int(number), move_up)
    elif what == "saved":
        kill_at_call(archive, "sync_folder", int(number))
    else:
        os.environ["DOUGONG_TEST_CRASH"] = f"kill:{moment}"


def killed(moment: str, folder: Path, *overrides: str) -> bool:
    """Whether a run, new or, with no overrides, resumed, ends by SIGKILL at the moment."""

    def run() -> None:
        kill_at(moment)
        train(folder, *overrides) if overrides else resume(folder)

    return exit_code_of_fork(run) == -signal.SIGKILL


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    """The folder of a run that was never killed, and its best checkpoint; made once for the same words."""
    os.environ["DOUGONG_TEST_CRASH"] = ""

    @cache
    def run(*overrides: str) -> tuple[Path, Path | None]:
        folder = tmp_path_factory.mktemp("whole")
        return folder, train(folder, *overrides).checkpoint

    return run


@pytest.fixture
def check(tmp_path, never_killed):
    """Checks that a run that is killed at some moments, and resumed each time, ends as one that never was."""
    return partial(assert_ends_as_if_never_killed, never_killed, tmp_path / "run")


def assert_ends_as_if_never_killed(never_killed, run: Path, overrides: tuple[str, ...], moments: list[str]) -> None:
    whole, best = never_killed(*overrides)
    for number, moment in enumerate(moments):
        assert killed(moment, run, *(overrides if number == 0 else ()))
        assert read_record(run)["status"] == "running"
    identity = read_record(run)["identity"]
    assert resume(run).status == "finished"
    assert best is not None
    assert_same_training(whole, run, ("last", best.stem))
    assert measurements(run) == measurements(whole)
    assert len(set(measurements(run))) == len(measurements(run))
    assert read_record(run)["identity"] == identity
    assert not list((run / "checkpoints").glob(".*"))


MOMENTS = ["batch:5", "step:6", "validation:8", "half written:3", "written:2", "moved up:3", "saved:4"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_in_a_step_a_validation_or_a_write_of_a_checkpoint(check, moment):
    check(CRASHING, [moment])


def test_three_times_in_one_epoch_in_bf16_with_accumulation(check):
    check((*CRASHING, *BF16), ["batch:4", "half written:1", "step:5"])


@pytest.mark.slow
def test_twice_in_one_epoch_with_workers(check):
    check((*CRASHING, *BF16, "loader.num_workers=2"), ["batch:4", "step:5"])


OPTIMIZERS = ("adafactor", "adamw", "adax", "lamb", "lion", "muon", "radam", "schedule_free_adamw", "sgd")
# What keeps weights of its own takes no wrapper that does; rows alone can't be left out of what mixes them.
WRAPPERS = {
    **dict.fromkeys(OPTIMIZERS, "lookahead,lazy,gradient_centralization"),
    **dict.fromkeys(("adafactor", "lamb", "muon"), "lookahead,gradient_centralization"),
    "schedule_free_adamw": "gradient_centralization",
}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_every_optimizer_and_what_wraps_it_in_bf16_with_accumulation(check, optimizer):
    chosen = (f"optimizer={optimizer}", f"wrapper=[{WRAPPERS[optimizer]}]", "trainer.max_epochs=2")
    check((*CRASHING, *BF16, *chosen), ["batch:2", "step:5"])
