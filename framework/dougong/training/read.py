"""Reading the records of a run. Needs no torch, so that a bad file is told of at once."""

from collections.abc import Sequence

from dougong.contracts.data import Data, Split
from dougong.data.stream import Records, RecordStream
from dougong.errors import UserError
from dougong.training.assemble import Assembly


def read(assembly: Assembly, splits: Sequence[Split], data: Data | None = None) -> tuple[Data, dict[Split, Records]]:
    """The data plugin and the records of the splits, in a list or, for a task that streams, on call.

    Args:
        data: the plugin, where it is made already.

    Raises:
        UserError: a file, a column or a row is at fault, or the training split is empty.
    """
    data = data or assembly.make("data")
    assert data is not None
    task = assembly.catalogue.get("task", assembly.config["task"]["name"])
    record = next(item for item in data.yields if item.__name__ == task.fact("accepts"))
    streams = {split: RecordStream(data, split, record) for split in splits}
    records: dict[Split, Records] = {
        split: stream if task.fact("streams") else list(stream) for split, stream in streams.items()
    }
    if "train" in records and not records["train"]:
        raise UserError(f"data={assembly.config['data']['name']}: the training split has no records.")
    return data, records
