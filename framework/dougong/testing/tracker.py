"""What a tracker promises."""

import copy
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dougong.contracts.drawing import Drawing, HeatMap, PrecisionRecall
from dougong.contracts.tracker import RunInformation, Tracker
from dougong.metrics.thresholds import threshold_counts
from dougong.testing.check import check
from dougong.testing.subject import Subject

METRICS = {"train/loss": 1.5, "valid/accuracy": 0.25}
TABLE: list[list[Any]] = [["true \\ predicted", "好", "坏"], ["好", 3, 1], ["坏", 0, 4]]
TRUE, SCORES = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.6, 0.0])
DRAWINGS: dict[str, Drawing] = {
    "valid/confusion_matrix": HeatMap(
        {"": np.array([[3, 1], [0, 4]])}, ["好", "坏"], ["好", "坏"], "true", "predicted"
    ),
    "valid/precision_recall": PrecisionRecall({"好": threshold_counts(TRUE, SCORES)}),
    "valid/attention/layer_1": HeatMap({"head 1": np.eye(3), "head 2": np.ones((3, 3)) / 3}, ["斗", "$拱$", ""], "abc"),
}


def _run(folder: Path, resumed: bool = False, update: int = 0) -> RunInformation:
    folder.mkdir(exist_ok=True)
    config = {"task": {"name": "classification", "layers": [1, 2]}, "seed": 0, "resume": None}
    return RunInformation(folder, "a trial", "0a1b2c3d", config, {"parameters": 10}, resumed, update)


def _measure(tracker: Tracker, updates: range = range(1, 4)) -> None:
    for update in updates:
        tracker.log(dict(METRICS), update, 0)
    tracker.table("valid/confusion", copy.deepcopy(TABLE), updates[-1])
    for name, drawing in DRAWINGS.items():
        tracker.draw(name, drawing, updates[-1])


@check
def whole_run(subject: Subject) -> None:
    """It follows a run from start to end, however that ends, and says at most a line of it."""
    for status in ("finished", "interrupted", "failed"):
        tracker: Tracker = subject.make()
        tracker.start(_run(subject.folder / status))
        _measure(tracker)
        said = tracker.finish(status)
        assert said is None or isinstance(said, str), f"finish({status!r}) returns {type(said).__name__}"
        assert not said or len(said.splitlines()) == 1, f"finish({status!r}) says more than a line: {said!r}"


@check
def short_run(subject: Subject) -> None:
    """It bears a run that measures nothing."""
    tracker: Tracker = subject.make()
    tracker.start(_run(subject.folder / "run"))
    tracker.finish("failed")


@check
def unusual_measurements(subject: Subject) -> None:
    """It takes numbers that are not finite, numpy's, very long names, and tables that are empty or of mixed cells."""
    tracker: Tracker = subject.make()
    tracker.start(_run(subject.folder / "run"))
    tracker.log({"train/loss": math.nan, "a": math.inf, "b": -math.inf, "c": float(np.float32(1e-30))}, 1, 0)
    tracker.log({"数据/" + "x" * 120: 1.0}, 10**9, 99)
    tracker.log({}, 2, 0)
    tracker.table("valid/nothing", [["only", "a header"]], 2)
    tracker.table("a/b c", [["x", "y"], [None, 'a "quoted", cell'], [1.5, "好\n坏"]], 2)
    tracker.finish("finished")


@check
def own_folder(subject: Subject) -> None:
    """It writes nowhere but in the run's folder."""
    place = subject.folder / "place"
    elsewhere = place / "elsewhere"
    elsewhere.mkdir(parents=True)
    with _working_in(elsewhere):
        tracker: Tracker = subject.make()
        tracker.start(_run(place / "run"))
        _measure(tracker)
        tracker.finish("finished")
    beside = {path.name for path in place.iterdir()} - {"elsewhere", "run"}
    assert not beside, f"it wrote {', '.join(sorted(beside))} beside the run's folder"
    written = [path.name for path in elsewhere.iterdir()]
    assert not written, f"it wrote {', '.join(written)} where the program was started"


@check
def resumed_run(subject: Subject) -> None:
    """A run that was killed can be resumed, also where its files are gone, and loses none of them."""
    folder = subject.folder / "run"
    killed: Tracker = subject.make()
    killed.start(_run(folder))
    _measure(killed)
    there = {path for path in folder.rglob("*") if path.is_file()}
    tracker: Tracker = subject.make()
    tracker.start(_run(folder, resumed=True, update=2))
    _measure(tracker, range(3, 6))
    tracker.finish("finished")
    lost = [path.name for path in there if not path.exists()]
    assert not lost, f"{lost[0]} is gone after the run was resumed"
    killed.finish("failed")
    alone: Tracker = subject.make()
    alone.start(_run(subject.folder / "other", resumed=True, update=2))
    _measure(alone)
    alone.finish("finished")


@check
def given_values(subject: Subject) -> None:
    """It changes nothing of what it is given."""
    metrics, rows, run = copy.deepcopy((METRICS, TABLE, _run(subject.folder / "run")))
    tracker: Tracker = subject.make()
    tracker.start(run)
    tracker.log(metrics, 1, 0)
    tracker.table("valid/confusion", rows, 1)
    tracker.finish("finished")
    assert metrics == METRICS, "it changes the metrics"
    assert rows == TABLE, "it changes the table"
    assert run == _run(subject.folder / "run"), "it changes what it is told of the run"


@check
def clean_end(subject: Subject) -> None:
    """After its end no thread of it keeps the program from ending."""
    before = set(threading.enumerate())
    tracker: Tracker = subject.make()
    tracker.start(_run(subject.folder / "run"))
    _measure(tracker)
    tracker.finish("finished")
    left = [item.name for item in set(threading.enumerate()) - before if item.is_alive() and not item.daemon]
    assert not left, f"the thread {left[0]} is left"


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before: Any = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
