"""When checkpoints are saved, how many are kept, and what becomes of one that is damaged."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from runs import PLUGINS, TINY, assert_same_training, checkpoint, measurements, resume, train

from dougong.checkpoint import file
from dougong.checkpoint import lightning as checkpoints
from dougong.errors import UserError
from dougong.training.interrupt import TRY_AGAIN

CRASHING = (f"plugin_path=[{PLUGINS}]", "callback=crash", "trainer.log_every=3")


@pytest.fixture(autouse=True)
def no_crash(monkeypatch) -> None:
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")


@pytest.fixture
def saved(monkeypatch) -> list[int]:
    """The updates at which checkpoints were saved."""
    updates: list[int] = []
    save = file.save

    def noting(content, path, keep=1):
        updates.append(content[file.KEY]["update"])
        save(content, path, keep)

    monkeypatch.setattr(file, "save", noting)
    return updates


def clock(monkeypatch, seconds: float) -> None:
    """Let each look at the clock find it so much later."""
    ticks = count()
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: seconds * next(ticks))


def test_a_run_is_saved_by_the_clock(tmp_path, monkeypatch, saved):
    clock(monkeypatch, 25)
    train(tmp_path, "trainer.save_minutes=1")
    assert saved == [3, 6, 8, 11, 14, 16]  # and at the end of each epoch
    saved.clear()
    train(tmp_path / "never", "trainer.save_minutes=null")
    assert saved == [8, 16]


def test_saving_changes_nothing_of_what_is_trained(tmp_path, monkeypatch):
    averaging = ("optimizer=schedule_free_adamw", "schedule=constant", "callback=ema")
    train(tmp_path / "seldom", *averaging, "trainer.save_minutes=null")
    clock(monkeypatch, 100)
    train(tmp_path / "often", *averaging, "trainer.save_minutes=0.1")
    assert_same_training(tmp_path / "seldom", tmp_path / "often")


def test_a_clock_that_is_set_forward_and_back_changes_nothing(tmp_path, monkeypatch, saved):
    def jumping() -> Iterator[float]:
        for number in count():
            yield 1.7e9 + (-1) ** number * 1e8 * number

    jumps = jumping()
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    train(tmp_path, "trainer.save_minutes=1", "trainer.log_every=2", "trainer.progress=lines")
    assert saved == [8, 16]
    speeds = [value for _, name, value in measurements(tmp_path, ()) if name.startswith("speed/")]
    assert len(speeds) == 2 * 8
    assert all(0 < speed < 1e7 for speed in speeds)


@pytest.mark.parametrize("keep", [1, 2, 4])
def test_the_last_few_are_kept_and_the_best(tmp_path, keep):
    train(tmp_path, "trainer.save_every=1", f"trainer.keep_last={keep}", "trainer.max_updates=6")
    names = ["last", *(f"last-{number}" for number in range(2, keep + 1))]
    found = {path.stem for path in (tmp_path / "checkpoints").iterdir()} - {"best"}
    assert found == set(names)
    assert [checkpoint(tmp_path, name)["global_step"] for name in names] == [6 - number for number in range(keep)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(folder, *CRASHING, "trainer.save_every=2")
    return folder


def stop(folder: Path, monkeypatch, moment: str, *overrides: str) -> None:
    monkeypatch.setenv("DOUGONG_TEST_CRASH", f"raise:{moment}")
    with pytest.raises(ZeroDivisionError):
        train(folder, *CRASHING, "trainer.save_every=2", *overrides)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")


DAMAGES = {
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "another byte": lambda path: path.write_bytes(path.read_bytes()[:-5000] + b"?" + path.read_bytes()[-4999:]),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_skipped_for_the_one_before_it(tmp_path, monkeypatch, caplog, whole, damage):
    stop(tmp_path, monkeypatch, "batch:15")
    last = tmp_path / "checkpoints/last.ckpt"
    DAMAGES[damage](last)
    with caplog.at_level(logging.WARNING):
        resume(tmp_path)
    warnings = [record.getMessage() for record in caplog.records if "skipped" in record.getMessage()]
    assert_same_training(whole, tmp_path)
    assert measurements(tmp_path) == measurements(whole)
    if damage != "gone":
        (warning,) = warnings
        assert warning.startswith(f"{last}: ")
        assert warning.endswith("It is skipped: last-2.ckpt, of update 12, is whole.")
        assert [checkpoint(tmp_path, name)["global_step"] for name in ("last", "last-2")] == [16, 14]
        assert last.with_name("last.ckpt.damaged").exists()


def test_a_best_that_is_the_same_damaged_file_is_set_aside_too(tmp_path, monkeypatch, whole):
    stop(tmp_path, monkeypatch, "batch:9")
    folder = tmp_path / "checkpoints"
    assert (folder / "best.ckpt").samefile(folder / "last.ckpt")
    os.truncate(folder / "last.ckpt", 1000)
    resume(tmp_path)
    assert_same_training(whole, tmp_path)


def test_a_best_that_is_all_that_is_left_will_do(tmp_path, monkeypatch, whole):
    stop(tmp_path, monkeypatch, "batch:13")
    for name in ("last", "last-2"):
        os.truncate(tmp_path / f"checkpoints/{name}.ckpt", 1000)
    resume(tmp_path)
    assert_same_training(whole, tmp_path)


def test_a_run_without_a_whole_checkpoint_is_refused_and_left_as_it_is(tmp_path, monkeypatch):
    stop(tmp_path, monkeypatch, "batch:7")
    files = sorted((tmp_path / "checkpoints").iterdir())
    for path in files:
        os.truncate(path, 1000)
    with pytest.raises(UserError, match=r"last\.ckpt: .* No other checkpoint of this run can be read either"):
        resume(tmp_path)
    assert sorted((tmp_path / "checkpoints").iterdir()) == files


@pytest.mark.parametrize("name", ["terminate", "notify"])
@pytest.mark.parametrize("moment", ["batch:4", "step:13"])
def test_a_schedulers_notice_saves_and_ends_with_a_code_of_its_own(tmp_path, monkeypatch, whole, name, moment):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", f"{name}:{moment}")
    result = train(tmp_path, *CRASHING, "trainer.save_every=2")
    assert (result.status, result.exit_code) == ("interrupted", TRY_AGAIN)
    assert checkpoint(tmp_path)["global_step"] == {"batch:4": 5, "step:13": 13}[moment]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)) == before
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    assert resume(tmp_path).exit_code == 0
    assert_same_training(whole, tmp_path)
    assert measurements(tmp_path) == measurements(whole)


def test_a_notice_within_an_accumulation_window_waits_for_its_end(tmp_path, monkeypatch):
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "terminate:batch:1")
    train(tmp_path, *CRASHING, "trainer.accumulate_grad_batches=3")
    assert checkpoint(tmp_path)["global_step"] == 2


def test_a_notice_before_the_training_ends_at_once(tmp_path, monkeypatch):
    from dougong.training import run

    monkeypatch.setattr(run, "import_plugins", lambda *_: signal.raise_signal(signal.SIGTERM))
    result = train(tmp_path)
    assert (result.status, result.exit_code, result.checkpoint) == ("interrupted", TRY_AGAIN, None)
    monkeypatch.undo()
    assert train(tmp_path).status == "finished"


def test_a_notice_at_the_last_evaluation_ends_at_once(tmp_path, monkeypatch):
    from dougong.training import fit

    monkeypatch.setattr(fit, "evaluate_split", lambda *_: signal.raise_signal(signal.SIGTERM))
    result = train(tmp_path)
    assert (result.status, result.exit_code) == ("interrupted", TRY_AGAIN)
    assert checkpoint(tmp_path)["global_step"] == 16
    monkeypatch.undo()
    assert resume(tmp_path).metrics.keys() >= {"valid/accuracy", "test/accuracy"}


def test_nothing_is_saved_in_a_trial_of_a_few_batches(tmp_path, saved):
    train(tmp_path, *TINY, "trainer.fast_dev_run=2", "trainer.save_every=1")
    assert not saved
