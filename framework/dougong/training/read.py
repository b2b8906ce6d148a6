"""Reading the records of a run. Needs no torch, so that a bad file is told of at once."""

from collections.abc import Sequence
from typing import Any

from dougong.contracts.data import Data, Split
from dougong.errors import UserError
from dougong.training.assemble import Assembly


def read(assembly: Assembly, splits: Sequence[Split]) -> tuple[Data, dict[Split, list[Any]]]:
    """The data plugin and the records of the splits.

    Raises:
        UserError: a file, a column or a row is at fault, or the training split is empty.
    """
    data: Data = assembly.make("data")
    accepts = assembly.catalogue.get("task", assembly.config["task"]["name"]).fact("accepts")
    record = next(item for item in data.yields if item.__name__ == accepts)
    records: dict[Split, list[Any]] = {split: list(data.records(split, record)) for split in splits}
    if "train" in records and not records["train"]:
        raise UserError(f"data={assembly.config['data']['name']}: the training split has no records.")
    return data, records
