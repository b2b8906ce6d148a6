"""When validation gets no better, training goes on from the best weights, at a lower rate, and anew."""

import pytest
import torch
from pytorch_lightning import Callback
from runs import assert_same_training, checkpoint, resume, train

from dougong import register
from dougong.contracts.task import Scores
from dougong_plugins.task.classification import Classification

SHORT = ("trainer.precision=64", "optimizer.lr=0.01", "schedule=constant", "test=false")


@pytest.fixture
def accuracies(monkeypatch):
    """What the validations are to find, one after the other; the last one again and again."""
    planned = [0.5, 0.8, 0.7, 0.6, 0.55]

    def score(self, predictions, records):
        return Scores({"accuracy": planned.pop(0) if len(planned) > 1 else planned[0], "macro_f1": 0.0})

    monkeypatch.setattr(Classification, "score", score)
    return planned


@pytest.fixture
def starts():
    """Of each epoch of a run with `callback=[...,watch]`: weights, rate and whether the optimizer has a state."""
    seen: list[tuple[dict[str, torch.Tensor], float, bool]] = []

    @register("callback", "watch")
    class Watch(Callback):
        """Looks at the beginning of each epoch."""

        def on_train_epoch_start(self, trainer, pl_module):
            optimizer = trainer.optimizers[0]
            weights = {name: item.detach().clone() for name, item in pl_module.named_parameters()}
            seen.append((weights, optimizer.param_groups[0]["lr"], bool(optimizer.state)))

    return seen


def test_it_goes_back_once_to_the_best_at_a_tenth_of_the_rate(tmp_path, accuracies, starts):
    settings = ["callback.restart_from_best.patience=2", "trainer.max_epochs=7"]
    train(tmp_path, "callback=[restart_from_best,watch]", *SHORT, *settings)
    assert [rate for _, rate, _ in starts] == pytest.approx([0.01] * 4 + [0.001] * 3)
    assert [has_state for _, _, has_state in starts] == [False, True, True, True, False, True, True]
    best = checkpoint(tmp_path, "best")
    for name, weight in starts[4][0].items():
        assert weight.equal(best["state_dict"][name]), name
        assert weight.equal(starts[2][0][name]), name  # what the second epoch ended with


def test_it_may_go_back_oftener_and_wait_before_it_counts(tmp_path, accuracies, starts):
    settings = ["patience=1", "times=2", "factor=0.5", "start=4"]
    words = [f"callback.restart_from_best.{setting}" for setting in settings]
    train(tmp_path, "callback=[restart_from_best,watch]", *SHORT, *words, "trainer.max_epochs=8")
    assert [rate for _, rate, _ in starts] == pytest.approx([0.01] * 5 + [0.005] + [0.0025] * 2)


def test_with_ema_it_goes_back_to_the_average_which_begins_anew(tmp_path, accuracies, starts):
    settings = ["callback.restart_from_best.patience=2", "callback.ema.decay=0.5", "trainer.max_epochs=5"]
    train(tmp_path, "callback=[ema,restart_from_best,watch]", *SHORT, *settings)
    best, last = checkpoint(tmp_path, "best"), checkpoint(tmp_path, "last")
    raw = best["callbacks"]["Ema"]["weights"]
    for name, weight in starts[4][0].items():
        assert weight.equal(best["state_dict"][name]), name
    assert any(not weight.equal(raw[name]) for name, weight in starts[4][0].items())
    assert last["callbacks"]["Ema"]["entries"] == 8  # the updates of one epoch


def test_a_resumed_run_goes_back_as_one_that_was_not_stopped(tmp_path, accuracies, monkeypatch):
    words = ["callback=[restart_from_best]", "callback.restart_from_best.patience=2", *SHORT, "trainer.max_epochs=6"]
    planned = list(accuracies)
    train(tmp_path / "whole", *words)
    accuracies[:] = planned
    register_stop(4)
    stopped = [*words[1:], "callback=[restart_from_best,stop]"]
    assert train(tmp_path / "halves", *stopped).status == "interrupted"
    resume(tmp_path / "halves")
    assert_same_training(tmp_path / "whole", tmp_path / "halves")


def register_stop(epoch):
    @register("callback", "stop")
    class Stop(Callback):
        """Presses ctrl-C at the end of an epoch, once."""

        pressed = False

        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.current_epoch == epoch - 1 and not Stop.pressed:
                Stop.pressed = True
                import signal

                signal.raise_signal(signal.SIGINT)
