"""Trackio records the run on this machine, and never stops or delays it."""

import json
import sqlite3
import sys
import threading

import pytest
from runs import checkpoint, measurements, resume, train

from dougong.dashboard.follow import Follower
from dougong.errors import UserError

storage = pytest.importorskip("trackio.sqlite_storage", reason="the extra `dashboard` is not installed")

TRACKED = ("tracker=trackio", "trainer.max_epochs=1", "trainer.log_every=2", "test=false")


@pytest.fixture(autouse=True)
def store(monkeypatch, tmp_path):
    """A store of the test's own."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setattr(storage, "TRACKIO_DIR", folder)
    return folder


def recorded(store, project="dougong"):
    """Each entry of the store: run, update, metrics."""
    with sqlite3.connect(store / f"{project}.db") as database:
        found = database.execute("SELECT run_id, step, metrics FROM metrics ORDER BY id").fetchall()
    return [(run, step, json.loads(metrics)) for run, step, metrics in found]


def test_the_metrics_are_those_of_metrics_csv(tmp_path, store):
    result = train(tmp_path / "run", *TRACKED, "tracker=[csv,trackio]")
    assert result.notes == ["trackio: recorded here; show it with: trackio show --project dougong"]
    scalars = {
        (step, name): value
        for _, step, metrics in recorded(store)
        for name, value in metrics.items()
        if not isinstance(value, dict) and not name.startswith(("speed/", "memory/"))
    }
    assert scalars == {(update, name): value for update, name, value in measurements(tmp_path / "run")}
    assert "valid/confusion" in {name for _, _, metrics in recorded(store) for name in metrics}


def test_the_configuration_is_one_level_of_names(tmp_path, store):
    train(tmp_path / "run", *TRACKED, "attention=local", "attention.local.window=3")
    ((name, config),) = storage.SQLiteStorage.get_all_run_configs("dougong").items()
    assert name
    assert (config["attention"], config["settings.attention.local.window"], config["run.precision"]) == (
        "local",
        3,
        "32",
    )


def test_a_resumed_run_goes_on_with_the_same_one_and_records_nothing_twice(tmp_path, store):
    words = (*TRACKED, "tracker=[csv,trackio]", "trainer.save_every=3", "trainer.max_epochs=2")
    train(tmp_path / "whole", *words, "tracker.trackio.project=whole")
    train(tmp_path / "run", *words, "trainer.max_updates=7")
    (tmp_path / "run" / "checkpoints" / "last.ckpt").unlink(missing_ok=True)
    config = (tmp_path / "run" / "config.yaml").read_text().replace("max_updates: 7", "max_updates: null")
    (tmp_path / "run" / "config.yaml").write_text(config)
    resume(tmp_path / "run")
    entries = recorded(store)
    assert len({run for run, _, _ in entries}) == 1
    keys = [
        (step, name) for _, step, metrics in entries for name in metrics if not name.startswith(("speed/", "memory/"))
    ]
    assert len(keys) == len(set(keys))
    assert {step for step, name in keys if name == "train/loss"} == {
        step for _, step, metrics in recorded(store, "whole") for name in metrics if name == "train/loss"
    }


def test_the_dashboard_shows_a_run_that_kept_no_metrics_csv(tmp_path):
    class Shown:
        def add(self, identity, name, group, rows, config, started):
            self.rows = rows

        def remove(self, identity, name):
            """Nothing is."""

    train(tmp_path / "run", *TRACKED)
    shown = Shown()
    Follower([str(tmp_path)], shown).step()
    losses = [row["train/loss"] for row in shown.rows.values() if "train/loss" in row]
    assert len(losses) == 4
    assert any("valid/accuracy" in row for row in shown.rows.values())


def finishes_all_the_same(folder, *extra):
    result = train(folder, *TRACKED, "tracker.trackio.timeout=1", *extra)
    assert result.status == "finished"
    assert checkpoint(folder)["global_step"] == 8
    (line,) = result.notes
    assert line.startswith("trackio: not recorded (")
    return line


def test_a_full_disk_is_told_of_once_and_stops_nothing(tmp_path, monkeypatch):
    def fail(*arguments, **settings):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(storage.SQLiteStorage, "bulk_log", fail)
    assert "database or disk is full" in finishes_all_the_same(tmp_path / "run")


def test_a_store_that_hangs_is_given_up(tmp_path, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(storage.SQLiteStorage, "bulk_log", lambda *arguments, **settings: released.wait(60))
    try:
        assert "gave up after 1 s" in finishes_all_the_same(tmp_path / "run")
    finally:
        released.set()


def test_a_project_that_trackio_refuses_is_told_of(tmp_path):
    assert "reserved" in finishes_all_the_same(tmp_path / "run", "tracker.trackio.project=registry-x")


def test_without_trackio_it_says_what_to_install_before_it_trains(tmp_path, monkeypatch):
    import dougong_plugins.tracker.trackio as plugin

    monkeypatch.setattr(plugin, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "dougong\[dashboard\]"'):
        train(tmp_path / "run", *TRACKED)
    assert "trackio" in sys.modules
