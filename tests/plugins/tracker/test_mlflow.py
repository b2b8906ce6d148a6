"""Tracker `mlflow` records in a local database, and never stops the run."""

import pytest
from recorded import mlflow_run
from runs import train

from dougong.contracts.tracker import RunInformation
from dougong_plugins.tracker.mlflow import MlflowTracker

pytest.importorskip("mlflow")
pytestmark = pytest.mark.slow


def test_a_run_that_broke_off_is_told_from_one_that_finished(tmp_path):
    tracker = MlflowTracker(str(tmp_path / "store"))
    tracker.start(
        RunInformation(tmp_path, "attention=local", "0a1b", {"seed": 3}, {"git_commit": "c0-dirty"}, group="a/b")
    )
    tracker.log({"train/loss": 1.0}, 5, 0)
    assert "mlflow ui --backend-store-uri sqlite:///" in str(tracker.finish("interrupted"))
    _, run = mlflow_run(tmp_path / "store")
    assert run.info.status == "KILLED"
    assert run.info.run_name == "attention=local"
    assert run.data.tags["group"] == "a/b"
    assert run.data.tags["mlflow.source.git.commit"] == "c0"
    assert run.data.params["seed"] == "3"


def test_a_damaged_database_is_told_of_in_one_line(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / "mlflow.db").write_text("no database" * 100)
    words = ("tracker=mlflow", f"tracker.mlflow.folder={store}", "trainer.max_epochs=1", "test=false")
    result = train(tmp_path / "run", *words)
    assert result.status == "finished"
    (line,) = result.notes
    assert line.startswith("mlflow: not recorded (")
    assert "\n" not in line
