"""Weights & Biases records the run, and never stops or delays it."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from runs import PLUGINS, checkpoint, measurements, resume, train

from dougong.training import fit as git
from dougong.training.tracking import Tracking
from dougong_plugins.tracker.wandb import WandbTracker, is_logged_in

wandb = pytest.importorskip("wandb")

TRACKED = ("tracker=wandb", "trainer.max_epochs=1", "trainer.log_every=2", "test=false")


@pytest.fixture(autouse=True)
def logged_out(monkeypatch, tmp_path):
    """A user whom wandb does not know, with a home of their own."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)


def test_whoever_is_not_logged_in_records_offline(monkeypatch, tmp_path):
    assert not is_logged_in()
    assert WandbTracker().resolve_mode() == "offline"
    assert WandbTracker(mode="online").resolve_mode() == "online"
    (tmp_path / "home/.netrc").write_text("machine api.wandb.ai login user password 0123456789\n")
    assert WandbTracker().resolve_mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert WandbTracker(mode="online").resolve_mode() == "disabled"


def test_a_key_in_the_environment_is_being_logged_in(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert WandbTracker().resolve_mode() == "online"


def test_a_netrc_that_can_not_be_read_is_not_being_logged_in(tmp_path):
    (tmp_path / "home/.netrc").write_text("machine")
    assert not is_logged_in()


@pytest.mark.slow
def test_offline_a_run_is_written_and_its_upload_explained(tmp_path):
    result = train(tmp_path / "run", *TRACKED)
    (line,) = result.notes
    assert line.startswith("wandb: recorded offline; upload it with: wandb sync ")
    folder = line.rpartition(" ")[2]
    assert list((tmp_path / "run").rglob("run-*.wandb"))
    assert Path(folder).resolve() == tmp_path / "run" / "wandb"


def finishes_all_the_same(folder, *extra) -> str:
    result = train(folder, *TRACKED, "tracker.wandb.timeout=1", *extra)
    assert result.status == "finished"
    assert checkpoint(folder)["global_step"] == 8
    (line,) = result.notes
    assert line.startswith("wandb: not recorded (")
    assert "\n" not in line
    return line


def test_a_wandb_that_raises_is_told_of_in_one_line(monkeypatch, tmp_path):
    def fail(**settings):
        raise wandb.errors.CommError("the service\nis gone")

    monkeypatch.setattr(wandb, "init", fail)
    assert "CommError: the service is gone" in finishes_all_the_same(tmp_path / "run")


def test_a_wandb_that_exits_is_told_of_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(wandb, "init", lambda **settings: exit(3))
    assert "SystemExit" in finishes_all_the_same(tmp_path / "run")


def test_a_wandb_that_hangs_is_given_up(monkeypatch, tmp_path):
    released = threading.Event()
    monkeypatch.setattr(wandb, "init", lambda **settings: released.wait(60))
    try:
        assert "gave up after 1 s" in finishes_all_the_same(tmp_path / "run")
    finally:
        released.set()


def test_a_wandb_that_fails_while_it_records_is_told_of(monkeypatch, tmp_path):
    class Run:
        disabled = offline = False
        dir = str(tmp_path)

        def define_metric(self, *arguments, **settings):
            """As wandb's."""

        def save(self, *arguments, **settings):
            """As wandb's."""

        def log(self, entry):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(wandb, "init", lambda **settings: Run())
    assert "No space left on device" in finishes_all_the_same(tmp_path / "run")


@pytest.mark.slow
def test_a_place_that_can_not_be_written_to_does_not_stop_the_run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "wandb").write_text("a file where wandb wants its folder")
    result = train(folder, *TRACKED, "tracker.wandb.timeout=10")
    assert result.status == "finished"
    assert len(result.notes) == 1
    assert result.notes[0].startswith("wandb: ")


def test_disabled_it_says_and_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert train(tmp_path / "run", *TRACKED).notes == []
    assert not list((tmp_path / "run").rglob("*.wandb"))


def test_a_tracker_that_raises_is_left_out_and_told_of_once(monkeypatch, tmp_path):
    from dougong_plugins.tracker.csv import CsvTracker

    def fail(self, metrics, update, epoch):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CsvTracker, "log", fail)
    result = train(tmp_path / "run", "trainer.max_epochs=1")
    assert result.status == "finished"
    (line,) = result.notes
    assert "CsvTracker stopped recording (OSError: [Errno 28] No space left on device)" in line


@pytest.mark.slow
def test_a_server_that_can_not_be_reached_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # where nothing answers
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    finishes_all_the_same(tmp_path / "run", "tracker.wandb.mode=online")


def service() -> int | None:
    """The process in which wandb works."""
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "wandb-core"], capture_output=True, text=True)
    return int(found.stdout.split()[0]) if found.stdout else None


@pytest.mark.slow
def test_a_wandb_process_that_is_killed_is_told_of_in_one_line(monkeypatch, tmp_path):
    record = Tracking.on_train_batch_end

    def killing(self, trainer, *arguments):
        record(self, trainer, *arguments)
        if trainer.global_step == 4:
            deadline = time.monotonic() + 30
            while not list(tmp_path.rglob("run-*.wandb")) and time.monotonic() < deadline:
                time.sleep(0.05)
            os.kill(service(), signal.SIGKILL)

    monkeypatch.setattr(Tracking, "on_train_batch_end", killing)
    finishes_all_the_same(tmp_path / "run")


class Recorder:
    """In place of a run of wandb's: what is logged, whoever logs it."""

    disabled = offline = False
    url = "nowhere"

    def __init__(self, folder):
        (folder / "wandb").mkdir(parents=True, exist_ok=True)
        self.entries, self.settings, self.dir = [], [], str(folder)

    def init(self, **settings):
        self.settings.append(settings)
        return self

    def define_metric(self, *arguments, **settings):
        """As wandb's."""

    save = define_metric

    def log(self, entry):
        self.entries += [(entry["update"], name) for name in entry if name not in ("update", "epoch")]

    def finish(self, exit_code):
        """As wandb's."""


def test_a_resumed_run_goes_on_with_the_same_one_and_records_nothing_twice(monkeypatch, tmp_path):
    recorder = Recorder(tmp_path / "run")
    monkeypatch.setattr(wandb, "init", recorder.init)
    words = (f"plugin_path=[{PLUGINS}]", "callback=crash", "tracker=[csv,wandb]", *TRACKED[1:], "trainer.save_every=3")
    for crash in ("raise:step:7", "raise:step:8"):
        monkeypatch.setenv("DOUGONG_TEST_CRASH", crash)
        with pytest.raises(ZeroDivisionError):
            train(tmp_path / "run", *words) if crash.endswith("7") else resume(tmp_path / "run")
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    assert resume(tmp_path / "run").status == "finished"
    assert len(recorder.settings) == 2  # the second had nothing to record that was not there
    assert len({settings["id"] for settings in recorder.settings}) == 1
    assert len(recorder.entries) == len(set(recorder.entries))
    shown = ("confusion", "wrong", "confusion_matrix", "precision_recall", "attention/layer_1")
    expected = {(update, name) for update, name, _ in measurements(tmp_path / "run", ())}
    assert set(recorder.entries) - {(8, "valid/attention/layer_1")} == expected | {
        (8, f"valid/{name}") for name in shown[:-1]
    }


def test_jobs_of_a_sweep_share_a_group_and_are_called_by_what_differs(monkeypatch, tmp_path):
    folder = tmp_path / "multirun" / "day" / "time" / "1"
    recorder = Recorder(folder)
    monkeypatch.setattr(wandb, "init", recorder.init)
    words = ["attention=local", "seed=2", "data.size=60"]
    job = {"label": "attention=local seed=2", "words": words, "folder": "1"}
    (folder.parent / "sweep.json").write_text(json.dumps({"words": words, "config_dir": None, "jobs": [job]}))
    train(folder, *TRACKED, "attention=local", "seed=2")
    (settings,) = recorder.settings
    assert settings["group"] == "day/time"
    assert settings["name"] == "attention=local,seed=2"


def test_offline_the_command_uploads_all_parts_of_a_run(monkeypatch, tmp_path):
    recorder = Recorder(tmp_path / "run")
    recorder.offline, recorder.dir = True, str(tmp_path / "run" / "wandb" / "offline-run-1" / "files")
    monkeypatch.setattr(wandb, "init", recorder.init)
    monkeypatch.setattr(git, "git_diff", lambda: "")
    monkeypatch.chdir(tmp_path)
    assert train(tmp_path / "run", *TRACKED).notes == ["wandb: recorded offline; upload it with: wandb sync run/wandb"]
