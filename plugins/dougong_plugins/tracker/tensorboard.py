"""Tracker: TensorBoard."""

import io
import json
import os
import socket
import struct
import time
from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Gt

from dougong import register
from dougong.contracts.background import BackgroundTracker, from_here
from dougong.contracts.drawing import Drawing, PrecisionRecall
from dougong.contracts.tracker import RunInformation, flat
from dougong.pictures import as_png, can_draw


@register("tracker", "tensorboard")
class TensorBoardTracker(BackgroundTracker):
    """TensorBoard's files in the run's folder, for `tensorboard --logdir outputs`; `pip install dougong[tensorboard]`.

    Metrics are scalars, precision-recall curves are in its PR CURVES, tables and facts are texts, the configuration is
    in HPARAMS. Confusion matrices and attention patterns are images, for which `pip install dougong[plots]` is needed;
    without it they are left out (a confusion matrix is a table as well). TensorBoard has no place for models and none
    for groups of runs: jobs of a sweep stand together because their folders do.

    Args:
        timeout: seconds to wait at the end for what is still to be written.
    """

    service = "tensorboard"
    extra = "tensorboard"

    def __init__(self, timeout: Annotated[float, Gt(0)] = 30.0) -> None:
        super().__init__(timeout)
        self._file: io.FileIO | None = None
        self._records: Any = None
        self._epoch: tuple[int, int] | None = None

    def open(self, run: RunInformation) -> None:
        """Begin a file; one that goes on with an earlier run stands beside that one's."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.folder.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        # TensorBoard's own writer has a thread, in which an error can't be met.
        self._file = io.FileIO(self.folder / name, "xb")
        self._records = RecordWriter(_Whole(self._file))
        self._write(file_version="brain.Event:2")
        if not run.resumed:
            known = {key: _plain(value) for key, value in flat({**run.fields, "run": {}}).items()}
            for summary in _summary().hparams(known, {f"valid/{run.facts.get('main_metric', 'loss')}": 0.0}):
                self._write(summary)
            self._text("run/facts", _block(json.dumps(dict(run.facts), indent=1, ensure_ascii=False, default=str)), 0)
            if run.diff:
                self._text("run/diff", _block(run.diff), 0)

    def send_metrics(self, metrics: Mapping[str, float], update: int, epoch: int) -> None:
        """A scalar each."""
        known = dict(metrics)
        if self._epoch != (update, epoch):
            self._epoch = (update, epoch)
            known["epoch"] = epoch
        for name, value in known.items():
            self._write(_summary().scalar(name, float(value)), update)

    def send_table(self, name: str, rows: list[list[Any]], update: int) -> None:
        """A text with the table in Markdown."""
        lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
        lines.insert(1, "|" + " --- |" * len(rows[0]))
        self._text(name, "\n".join(lines), update)

    def send_drawing(self, name: str, drawing: Drawing, update: int) -> None:
        """Precision-recall curves for their own plugin, all else as an image."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        if isinstance(drawing, PrecisionRecall):
            for label, counts in drawing.classes.items():
                true, false = counts.true_positives, counts.false_positives
                negatives = counts.negatives - false, counts.positives - true
                curve = true, false, *negatives, counts.precision, counts.recall
                self._write(_summary().pr_curve_raw(f"{name}/{label}", *curve, num_thresholds=len(true)), update)
        elif can_draw():
            png = as_png(drawing, name)
            width, height = struct.unpack(">II", png[16:24])
            image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
            self._write(Summary(value=[Summary.Value(tag=name, image=image)]), update)

    def close(self, status: str) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def where(self) -> str | None:
        """What shows it."""
        return f"tensorboard: tensorboard --logdir {from_here(self.information.folder)}"

    def abandon(self, error: BaseException) -> None:
        """Let go of the file."""
        self.close("failed")

    def _text(self, name: str, text: str, update: int) -> None:
        self._write(_summary().text(name, text), update)

    def _write(self, summary: Any = None, update: int = 0, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=time.time(), step=update, summary=summary, **fields)
        self._records.write(event.SerializeToString())


class _Whole:
    """A file that takes all of what it is given, or raises: an unbuffered one may take a part where a disk is full."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def write(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) or 0 :]


def _summary() -> Any:
    """What makes summaries."""
    from torch.utils.tensorboard import summary

    return summary


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _block(text: str) -> str:
    """A text of Markdown that is shown as it is."""
    return "\n".join(f"    {line}" for line in text.splitlines())
