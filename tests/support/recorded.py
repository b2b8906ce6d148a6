"""What trackers have written, read back."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Points = list[tuple[str, int, float]]
_BLOCK, _HEAD = 32768, 7
FULL, FIRST, LAST = 1, 2, 4


def wandb_records(folder: Path) -> Iterator[Any]:
    """The records of all `.wandb` files of a run: LevelDB's log format with a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    for path in sorted(folder.rglob("run-*.wandb"), key=lambda item: item.stat().st_mtime_ns):
        content, at, part = path.read_bytes(), 7, b""
        while at + _HEAD <= len(content):
            if _BLOCK - at % _BLOCK < _HEAD:
                at += _BLOCK - at % _BLOCK
                continue
            _, length, kind = struct.unpack("<IHB", content[at : at + _HEAD])
            piece = content[at + _HEAD : at + _HEAD + length]
            at += _HEAD + length
            part = piece if kind in (FULL, FIRST) else part + piece
            if kind in (FULL, LAST):
                record = Record()
                record.ParseFromString(part)
                yield record


def wandb_history(folder: Path) -> list[dict[str, Any]]:
    """Each entry of the history; of what is more than a number, the parts under its name."""
    rows = []
    for record in wandb_records(folder):
        if record.WhichOneof("record_type") == "history":
            row: dict[str, Any] = {}
            for item in record.history.item:
                name, *parts = item.nested_key or [item.key]
                value = json.loads(item.value_json)
                if parts:
                    row.setdefault(name, {})["/".join(parts)] = value
                else:
                    row[name] = value
            rows.append(row)
    return rows


def wandb_points(folder: Path) -> Points:
    """Name, update and value of what is a number."""
    hidden = ("update", "epoch", "_step", "_timestamp", "_runtime")
    return [
        (name, int(row["update"]), float(value))
        for row in wandb_history(folder)
        for name, value in row.items()
        if name not in hidden and isinstance(value, int | float | str)
    ]


def tensorboard_events(folder: Path) -> Any:
    """An accumulator of all events of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(
        str(folder / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0, "images": 0}
    ).Reload()


def tensorboard_points(folder: Path) -> Points:
    """Name, update and value of the scalars."""
    from tensorboard.util.tensor_util import make_ndarray

    events = tensorboard_events(folder)
    old = [(name, item.step, item.value) for name in events.Tags()["scalars"] for item in events.Scalars(name)]
    tensors = [
        (name, item.step, float(make_ndarray(item.tensor_proto)))
        for name in events.Tags()["tensors"]
        if events.SummaryMetadata(name).plugin_data.plugin_name == "scalars"
        for item in events.Tensors(name)
    ]
    return [point for point in old + tensors if point[0] != "epoch"]


def mlflow_run(store: Path) -> tuple[Any, Any]:
    """The client, and the only run of a store."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("dougong")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    return client, run


def mlflow_points(store: Path) -> Points:
    """Name, update and value of the metrics."""
    client, run = mlflow_run(store)
    return [
        (name, item.step, item.value)
        for name in run.data.metrics
        if name != "epoch"
        for item in client.get_metric_history(run.info.run_id, name)
    ]
