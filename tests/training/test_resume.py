"""A run can be stopped at any moment and resumed to the very same end."""

from pathlib import Path

import pytest
from runs import PLUGINS, assert_same_training, checkpoint, measurements, resume, train, weights

from dougong.checkpoint import file
from dougong.errors import UserError

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
    "wrapped": (
        *("trainer.save_every=1", "wrapper=[lookahead,lazy,gradient_centralization]", "wrapper.lookahead.k=3"),
        *("wrapper.lookahead.evaluate=slow", "wrapper.lookahead.pullback=pullback", "trainer.validate_every=5"),
    ),
    "wrapped, accumulating": (
        *("trainer.save_every=1", "wrapper=[lazy,lookahead]", "wrapper.lookahead.k=2", "wrapper.lazy.mode=mask"),
        *("wrapper.lazy.sparse_gradients=true", "trainer.accumulate_grad_batches=3", "trainer.max_epochs=3"),
    ),
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
def test_resuming_equals_never_stopping_within_and_between_epochs(tmp_path, monkeypatch, moment):
    assert_resumed_equals_uninterrupted(tmp_path, ("trainer.save_every=2",), [moment], monkeypatch)


@pytest.mark.parametrize("way", WAYS)
def test_resuming_twice_in_one_epoch_equals_never_stopping(tmp_path, monkeypatch, way):
    assert_resumed_equals_uninterrupted(tmp_path, WAYS[way], ["batch:3", "batch:4", "step:5"], monkeypatch)


def test_resuming_with_workers_equals_never_stopping_and_equals_training_without_them(tmp_path, monkeypatch):
    overrides = ("trainer.save_every=3", "loader.num_workers=2")
    assert_resumed_equals_uninterrupted(tmp_path, overrides, ["batch:5", "batch:8"], monkeypatch)
    crash(monkeypatch, "")
    train(tmp_path / "alone", *CRASHING, "trainer.save_every=3")
    for one, other in zip(weights(tmp_path / "alone").values(), weights(tmp_path / "whole").values(), strict=True):
        assert one.equal(other)


def test_a_run_killed_between_saving_and_naming_the_best_still_has_the_best(tmp_path, monkeypatch):
    crash(monkeypatch, "")
    train(tmp_path / "whole", *CRASHING)
    with monkeypatch.context() as patch:
        patch.setattr(file, "link", lambda *paths: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(tmp_path / "stopped", *CRASHING)
    assert not (tmp_path / "stopped/checkpoints/best.ckpt").exists()
    resume(tmp_path / "stopped")
    assert_same_training(tmp_path / "whole", tmp_path / "stopped")


def test_resuming_a_finished_run_changes_nothing(tmp_path, monkeypatch):
    crash(monkeypatch, "")
    first = train(tmp_path, *CRASHING)
    before = (tmp_path / "checkpoints/last.ckpt").read_bytes(), measurements(tmp_path)
    again = resume(tmp_path)
    assert again.metrics == first.metrics
    assert ((tmp_path / "checkpoints/last.ckpt").read_bytes(), measurements(tmp_path)) == before


def test_resuming_a_run_that_stopped_early_does_not_train_on(tmp_path):
    stopping = ("callback=early_stopping", "callback.early_stopping.patience=1", "optimizer.lr=1e-9")
    first = train(tmp_path, *stopping, "trainer.max_epochs=6")
    assert checkpoint(tmp_path)["global_step"] < 6 * 8
    assert resume(tmp_path).metrics == first.metrics
    assert checkpoint(tmp_path)["global_step"] < 6 * 8


def test_a_run_without_a_checkpoint_is_not_resumed(tmp_path):
    with pytest.raises(UserError, match="there is no run"):
        resume(tmp_path)
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    with pytest.raises(UserError, match="has not saved a checkpoint yet"):
        resume(tmp_path)


def test_a_second_run_does_not_write_over_the_first(tmp_path):
    train(tmp_path, "trainer.max_epochs=1")
    with pytest.raises(UserError, match="resume="):
        train(tmp_path, "trainer.max_epochs=1")
