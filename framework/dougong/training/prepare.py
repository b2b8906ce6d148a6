"""Records to a model and its batches: what has to be learnt of the data before training can start."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dougong.contracts.data import Data, Split
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Facts, Task
from dougong.contracts.tokenizer import Tokenizer
from dougong.data.encoding import RecordEncoder
from dougong.data.examples import Examples, joined
from dougong.data.loader import BatchMaker
from dougong.data.stream import Chosen, Records
from dougong.data.token_file import TokenStore
from dougong.training.assemble import Assembly
from dougong.training.kept_data import Stores, encoding_identity


@dataclass
class EncodedSplit:
    """A split's records and their examples, in the same order; no records where the task streams."""

    records: Collection[Any]
    examples: Examples
    encoded: bool = True
    """Whether the examples are there; else they are made of the records as they are needed."""

    def __len__(self) -> int:
        return len(self.records) or len(self.examples)


def make_task(assembly: Assembly, facts: Facts, tokenizer: Tokenizer | None) -> Task:
    """The task with everything below it."""
    if tokenizer is not None:
        assembly.ready["tokenizer"] = tokenizer
    task: Task = assembly.make("task", facts=facts)
    return task


def load_pretrained(task: Task) -> list[str]:
    """Let the encoders of a task take the weights that their settings name; lines for the user."""
    encoders = [module for module in task.modules() if isinstance(module, Encoder)]
    return [line for encoder in encoders for line in encoder.load_pretrained()]


def encode(
    task: Task, data: Data, records: Records, store: TokenStore | None = None, about: Any = None, processes: int = 1
) -> EncodedSplit:
    """Examples of the records that the task can use; the others are reported as bad rows.

    Args:
        store: keeps the examples; None to hold them in memory, which a task that streams can't.
        about: what the examples depend on beside the records.
        processes: that encode.

    Raises:
        UserError: a record can't be used, and the user did not choose to skip such rows.
    """
    if task.streams:
        assert store is not None
        return EncodedSplit((), task.stream(records, store))
    encoder = RecordEncoder(task, _teller(data), processes)
    encoded = encoder.in_memory(records) if store is None else encoder.in_files(records, store, about)
    data.bad_rows += len(encoded.left_out)
    usable = Chosen(records, encoded.left_out, encoded.records - len(encoded.left_out))
    return EncodedSplit(list(usable) if isinstance(records, list) else usable, encoded.examples)


def unencoded(task: Task, data: Data, records: Records) -> EncodedSplit:
    """The records that the task can use, found by looking at each; the others are reported as bad rows."""
    tell, left_out, number = _teller(data), [], -1
    for number, record in enumerate(records):
        if (problem := task.problem(record)) is not None:
            tell(record.source, problem)
            left_out.append(number)
    data.bad_rows += len(left_out)
    return EncodedSplit(Chosen(records, left_out, number + 1 - len(left_out)), joined(()), encoded=False)


def encode_all(
    assembly: Assembly, task: Task, data: Data, records: Mapping[Split, Records], facts: Facts, places: Stores
) -> dict[Split, EncodedSplit]:
    """The splits that have records, encoded.

    Args:
        places: where their examples are kept.
    """
    loader, records = assembly.config["loader"], dict(records)
    splits: dict[Split, EncodedSplit] = {}
    if loader["shuffle_buffer"] is not None:
        splits["train"] = unencoded(task, data, records.pop("train"))
    kept = not task.streams and any(places.values())
    about = encoding_identity(assembly, task, facts) if kept else None
    return splits | {
        split: encode(task, data, rows, places[split], about, loader["encode_processes"])
        for split, rows in records.items()
        if rows
    }


def _teller(data: Data) -> Callable[[str, str], None]:
    """Tells of records that a task can't use; they are counted apart, since a reader counts its own anew each pass."""

    def tell(source: str, reason: str) -> None:
        data.bad_row(source, reason)
        data.bad_rows -= 1

    return tell


def batch_maker(task: Task, examples: Examples, seed: int) -> BatchMaker:
    """Makes the batches that a task is trained and scored on."""
    varies = type(task).vary is not Task.vary
    return BatchMaker(examples, task.padding_values(), task.vary if varies else None, seed)
