"""A run can be stopped at any moment and resumed to the very same end."""

import subprocess
import sys
from pathlib import Path

import pytest
from runs import PLUGINS, TINY, assert_same_training, checkpoint, measurements, resume, train

CRASHING = (f"plugin_path=[{PLUGINS}]", "callback=crash", "trainer.log_every=3")

WAYS = {
    "plain": ("trainer.save_every=1",),
    "accumulating": ("trainer.save_every=1", "trainer.accumulate_grad_batches=3"),
    "validating by update": ("trainer.save_every=2", "trainer.validate_every=3"),
    "validating by update, accumulating": (
        *("trainer.save_every=2", "trainer.validate_every=3", "trainer.accumulate_grad_batches=3"),
        "trainer.max_epochs=3",
    ),
    "validations alone": ("trainer.validate_every=3",),
    "no validation split": ("trainer.save_every=3", "trainer.max_updates=13", "callback=[crash]"),
    "token budget": ("trainer.save_every=1", "loader.batch_tokens=200"),
    "update limit": ("trainer.save_every=1", "trainer.max_updates=11"),
    "early stopping": ("trainer.save_every=1", "callback=[crash,early_stopping]", "trainer.validate_every=2"),
}


def crash(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    monkeypatch.setenv("DOUGONG_TEST_CRASH", when)


def run_with_crashes(folder: Path, overrides: tuple[str, ...], moments: list[str], monkeypatch) -> None:
    """A run that is stopped at each of the moments and resumed."""
    crash(monkeypatch, f"raise:{moments[0]}")
    with pytest.raises(ZeroDivisionError):
        train(folder, *CRASHING, *overrides)
    for moment in moments[1:]:
        crash(monkeypatch, f"raise:{moment}")
        with pytest.raises(ZeroDivisionError):
            resume(folder)
    crash(monkeypatch, "")
    assert resume(folder).status == "finished"


def assert_resumed_equals_uninterrupted(tmp_path: Path, overrides: tuple[str, ...], moments, monkeypatch) -> None:
    crash(monkeypatch, "")
    whole = train(tmp_path / "whole", *CRASHING, *overrides)
    run_with_crashes(tmp_path / "stopped", overrides, moments, monkeypatch)
    assert whole.checkpoint is not None
    assert_same_training(tmp_path / "whole", tmp_path / "stopped", ("last", whole.checkpoint.stem))
    assert measurements(tmp_path / "stopped") == measurements(tmp_path / "whole")


@pytest.mark.parametrize("moment", ["batch:5", "batch:8", "step:8", "validation:8", "validated:8", "batch:9"])
@pytest.mark.parametrize("workers", [0])
def test_resuming_equals_never_stopping_within_and_between_epochs(tmp_path, monkeypatch, moment, workers):
    overrides = ("trainer.save_every=2", f"loader.num_workers={workers}")
    assert_resumed_equals_uninterrupted(tmp_path, overrides, [moment], monkeypatch)


@pytest.mark.parametrize("way", WAYS)
def test_resuming_equals_never_stopping_however_it_trains(tmp_path, monkeypatch, way):
    assert_resumed_equals_uninterrupted(tmp_path, WAYS[way], ["batch:4"], monkeypatch)


@pytest.mark.parametrize("way", WAYS)
def test_resuming_twice_in_one_epoch_equals_never_stopping(tmp_path, monkeypatch, way):
    assert_resumed_equals_uninterrupted(tmp_path, WAYS[way], ["batch:3", "batch:4", "step:5"], monkeypatch)
