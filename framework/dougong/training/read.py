"""Reading the records of a run. Needs no torch, so that a bad file is told of at once."""

from collections.abc import Sequence

from dougong.contracts.data import Data, Split
from dougong.data.stream import Records, RecordStream, held
from dougong.errors import UserError
from dougong.training.assemble import Assembly


def read(assembly: Assembly, splits: Sequence[Split], data: Data | None = None) -> tuple[Data, dict[Split, Records]]:
    """The data plugin and the records of the splits, in a list or, where they are many or the task streams, on call.

    Args:
        data: the plugin, where it is made already.

    Raises:
        UserError: a file, a column or a row is at fault, the training split is empty, or a setting does not go with it.
    """
    data = data or assembly.make("data")
    assert data is not None
    task = assembly.catalogue.get("task", assembly.config["task"]["name"])
    record = next(item for item in data.yields if item.__name__ == task.fact("accepts"))
    streams = {split: RecordStream(data, split, record) for split in splits}
    if task.fact("streams") and assembly.config["loader"]["shuffle_buffer"] is not None:
        raise UserError(f"loader.shuffle_buffer: {task.key.replace('/', '=')} shuffles tokens in a file; leave it out.")
    most = assembly.config["loader"]["records_in_memory"]
    records: dict[Split, Records] = {
        split: stream if task.fact("streams") else held(stream, most) for split, stream in streams.items()
    }
    if "train" in records and not records["train"]:
        raise UserError(f"data={assembly.config['data']['name']}: the training split has no records.")
    return data, records
