"""Tracker `tensorboard` writes what TensorBoard reads, and never stops the run."""

import io

import numpy as np
import pytest
from recorded import tensorboard_events, tensorboard_points
from runs import measurements, train

from dougong.contracts.drawing import PrecisionRecall
from dougong.contracts.tracker import RunInformation
from dougong.errors import UserError
from dougong.metrics.thresholds import threshold_counts
from dougong_plugins.tracker.tensorboard import TensorBoardTracker

pytest.importorskip("tensorboard")

WORDS = ("tracker=[csv,tensorboard]", "trainer.max_epochs=1", "trainer.log_every=2")


def test_scalars_are_what_was_measured(tmp_path):
    result = train(tmp_path / "run", *WORDS)
    expected = {(name, update): value for update, name, value in measurements(tmp_path / "run", ())}
    found = {(name, update): value for name, update, value in tensorboard_points(tmp_path / "run")}
    assert found == pytest.approx(expected)
    assert any(line.startswith("tensorboard: tensorboard --logdir ") for line in result.notes)


def test_a_precision_recall_curve_has_the_counts_that_it_is_drawn_of(tmp_path):
    from tensorboard.util.tensor_util import make_ndarray

    counts = threshold_counts(np.array([True, True, False]), np.array([0.9, 0.2, 0.5]))
    tracker = TensorBoardTracker()
    tracker.start(RunInformation(tmp_path, "run", "0", {}, {}))
    tracker.draw("valid/precision_recall", PrecisionRecall({"好": counts}), 3)
    tracker.finish("finished")
    (event,) = tensorboard_events(tmp_path).Tensors("valid/precision_recall/好")
    true, false, true_negative, false_negative, precision, recall = make_ndarray(event.tensor_proto)
    assert event.step == 3
    assert ((true + false_negative) == 2).all()
    assert ((false + true_negative) == 1).all()
    assert true[50] == 1
    assert precision[51] == 1
    assert recall == pytest.approx(true / 2)


def test_a_disk_that_is_full_is_told_of_in_one_line(monkeypatch, tmp_path):
    write = io.FileIO.write

    class Full(io.FileIO):
        def write(self, content):
            if self.tell() > 4000:
                raise OSError(28, "No space left on device")
            return write(self, content)

    monkeypatch.setattr(io, "FileIO", Full)
    result = train(tmp_path / "run", *WORDS)
    assert result.status == "finished"
    (line,) = result.notes
    assert line == "tensorboard: not recorded (OSError: [Errno 28] No space left on device)."


def test_a_folder_that_can_not_be_made_does_not_stop_the_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("a file")
    result = train(tmp_path / "run", *WORDS)
    assert result.status == "finished"
    assert "tensorboard: not recorded (FileExistsError" in result.notes[0]


def test_without_its_package_it_says_what_to_install_before_anything_is_trained(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'tracker=tensorboard: needs .*pip install "dougong\[tensorboard\]"'):
        train(tmp_path / "run", *WORDS)
