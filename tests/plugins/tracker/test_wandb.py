"""Weights & Biases records the run, and never stops or delays it."""

import threading

import pytest
from runs import checkpoint, train

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
    assert folder.startswith(str(tmp_path / "run"))


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

        def define_metric(self, *arguments, **settings):
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
