"""The files that the csv tracker leaves."""

import csv
from pathlib import Path

from faults import fill, free, mounted

import dougong
from dougong.contracts.tracker import RunInformation

HEADER = ["update", "epoch", "metric", "value"]


def started(folder: Path, update: int | None = None):
    tracker = dougong.create("tracker", "csv")
    tracker.start(RunInformation(folder, "name", "identity", {}, {}, update is not None, update or 0))
    return tracker


def rows(folder: Path) -> list[list[str]]:
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_each_measurement_is_one_line_to_the_last_digit(tmp_path):
    tracker = started(tmp_path)
    assert rows(tmp_path) == [HEADER]
    tracker.log({"train/loss": 0.1, "valid/accuracy": 1 / 3}, 7, 1)
    assert rows(tmp_path)[1:] == [["7", "1", "train/loss", "0.1"], ["7", "1", "valid/accuracy", repr(1 / 3)]]
    assert float(rows(tmp_path)[2][3]) == 1 / 3


def test_a_table_is_a_file_as_of_its_newest_measurement(tmp_path):
    tracker = started(tmp_path)
    for value in (1, 2):
        tracker.table("valid/confusion", [["true \\ predicted", '好,"书"'], ["a", value]], value)
    with (tmp_path / "tables/valid_confusion.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["true \\ predicted", '好,"书"'], ["a", "2"]]


def test_a_resumed_run_drops_what_it_is_going_to_measure_again(tmp_path):
    tracker = started(tmp_path)
    for update in (1, 2, 3, 4):
        tracker.log({"train/loss": float(update)}, update, 0)
    resumed = started(tmp_path, 2)
    assert [row[0] for row in rows(tmp_path)] == ["update", "1", "2"]
    resumed.log({"train/loss": 2.0, "valid/loss": 5.0}, 2, 0)
    resumed.log({"train/loss": 3.0}, 3, 0)
    assert [(row[0], row[2]) for row in rows(tmp_path)[1:]] == [
        *(("1", "train/loss"), ("2", "train/loss"), ("2", "valid/loss"), ("3", "train/loss")),
    ]


def test_half_a_line_that_a_killed_run_left_is_dropped(tmp_path):
    started(tmp_path).log({"train/loss": 1.0}, 1, 0)
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("1,0,valid/lo")
    resumed = started(tmp_path, 1)
    resumed.log({"valid/loss": 2.0}, 1, 0)
    assert rows(tmp_path)[1:] == [["1", "0", "train/loss", "1.0"], ["1", "0", "valid/loss", "2.0"]]


def test_a_resumed_run_whose_file_is_gone_begins_one(tmp_path):
    started(tmp_path, 5)
    assert rows(tmp_path) == [HEADER]


def test_what_there_is_no_room_for_is_written_when_there_is(tmp_path, caplog):
    long = "loss" * 2000
    with mounted(tmp_path / "disk", "size=64k") as folder:
        tracker = started(folder)
        fill(folder)
        tracker.log({long: 1.0, "accuracy": 0.5}, 1, 0)
        tracker.log({"accuracy": 0.75}, 2, 0)
        tracker.table("confusion", [["x"], ["y" * 9000]], 1)
        assert rows(folder) == [HEADER]
        assert not list((folder / "tables").iterdir())
        (warning,) = caplog.messages
        assert warning == f"{folder}/metrics.csv can't be written (No space left on device); it is tried again."
        missing = f"csv: 3 measurements are not in {folder}/metrics.csv (No space left on device)."
        assert tracker.finish("finished") == missing
        free(folder)
        assert tracker.finish("finished") is None
        assert [row[2:] for row in rows(folder)[1:]] == [[long, "1.0"], ["accuracy", "0.5"], ["accuracy", "0.75"]]


def test_a_resumed_run_that_finds_no_room_keeps_the_file_that_is_there(tmp_path):
    with mounted(tmp_path / "disk", "size=64k") as folder:
        started(folder).log({"loss": 1.0}, 1, 0)
        fill(folder)
        resumed = started(folder, 1)
        resumed.log({"loss": 2.0}, 2, 0)
        assert [row[0] for row in rows(folder)] == ["update", "1"]
        free(folder)
        resumed.log({"loss": 3.0}, 3, 0)
        assert [row[0] for row in rows(folder)] == ["update", "1", "2", "3"]
