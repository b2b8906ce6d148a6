"""Trackers, each of which breaks the promise that its name is the check of."""

import math
import shutil
import threading
import time
from pathlib import Path

from dougong import register
from dougong_plugins.tracker.csv import CsvTracker


@register("tracker", "whole_run")
class WholeRun(CsvTracker):
    """Has too much to say."""

    def finish(self, status):
        return "recorded\nas csv"


@register("tracker", "short_run")
class ShortRun(CsvTracker):
    """Can't end what was not measured."""

    def log(self, metrics, update, epoch):
        self.last = update
        super().log(metrics, update, epoch)

    def finish(self, status):
        return f"{self.last} updates"


@register("tracker", "unusual_measurements")
class UnusualMeasurements(CsvTracker):
    """Rounds, which NaN can't be."""

    def log(self, metrics, update, epoch):
        super().log({name: math.floor(value * 100) / 100 for name, value in metrics.items()}, update, epoch)


@register("tracker", "own_folder")
class OwnFolder(CsvTracker):
    """Writes where the program was started."""

    def finish(self, status):
        Path("status.txt").write_text(status)


@register("tracker", "resumed_run")
class ResumedRun(CsvTracker):
    """Begins anew."""

    def start(self, run):
        shutil.rmtree(run.folder / "tables", ignore_errors=True)
        super().start(run)

    def table(self, name, rows, update):
        super().table(f"{name}_{update}", rows, update)


@register("tracker", "given_values")
class GivenValues(CsvTracker):
    """Adds to the metrics that it is given."""

    def log(self, metrics, update, epoch):
        metrics["epoch"] = epoch
        super().log(metrics, update, epoch)


@register("tracker", "clean_end")
class CleanEnd(CsvTracker):
    """Leaves a thread behind."""

    def finish(self, status):
        threading.Thread(target=time.sleep, args=(1,), name="flush").start()
