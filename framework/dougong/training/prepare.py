"""Records to a model and its batches: what has to be learnt of the data before training can start."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dougong.compose.settings import LoaderSettings
from dougong.contracts.data import Data, Split
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Facts, Task
from dougong.contracts.tokenizer import Tokenizer
from dougong.data.encoding import RecordEncoder
from dougong.data.examples import Examples
from dougong.data.loader import BatchMaker
from dougong.data.stream import Chosen, Records
from dougong.data.token_file import TokenStore
from dougong.pretrained.ours import tokenizer_state
from dougong.training.assemble import Assembly
from dougong.training.kept_data import encoding_identity, stores


@dataclass
class EncodedSplit:
    """A split's records and their examples, in the same order; no records where the task streams."""

    records: Collection[Any]
    examples: Examples

    def __len__(self) -> int:
        return len(self.records) or len(self.examples)


def make_task(assembly: Assembly, facts: Facts, tokenizer: Tokenizer | None) -> Task:
    """The task with everything below it."""
    if tokenizer is not None:
        assembly.ready["tokenizer"] = tokenizer
    task: Task = assembly.make("task", facts=facts)
    return task


@dataclass
class _Texts(Iterable[str]):
    """The texts of records, as often as they are asked for."""

    task_class: type[Task]
    records: Iterable[Any]

    def __iter__(self) -> Iterator[str]:
        return (text for record in self.records for text in self.task_class.texts(record))


def fit_tokenizer(assembly: Assembly, task_class: type[Task], records: Iterable[Any]) -> Tokenizer | None:
    """The tokenizer, having learnt from the training texts or been taken from a checkpoint; None where no part of the
    model asks for one.

    Raises:
        UserError: the checkpoint has none.
    """
    tokenizer: Tokenizer | None = assembly.make("tokenizer")
    if tokenizer is None:
        return None
    named = assembly.config["tokenizer"].get("pretrained")
    if named is not None:
        tokenizer.restore(tokenizer_state(named, "tokenizer.pretrained"))
    else:
        tokenizer.fit(_Texts(task_class, records))
    return tokenizer


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

    def unusable(source: str, reason: str) -> None:
        data.bad_row(source, reason)
        data.bad_rows -= 1  # counted below, also where the examples were there already

    encoder = RecordEncoder(task, unusable, processes)
    encoded = encoder.in_memory(records) if store is None else encoder.in_files(records, store, about)
    data.bad_rows += len(encoded.left_out)
    usable = Chosen(records, encoded.left_out, encoded.records - len(encoded.left_out))
    return EncodedSplit(list(usable) if isinstance(records, list) else usable, encoded.examples)


def encode_all(
    assembly: Assembly,
    task: Task,
    data: Data,
    records: Mapping[Split, Records],
    facts: Facts,
    folder: Path,
    loader: LoaderSettings,
) -> dict[Split, EncodedSplit]:
    """The splits that have records, encoded.

    Args:
        folder: where examples are kept that are not held in memory, unless `loader.cache` says otherwise.
    """
    places = stores(assembly, task, data, records, folder, loader)
    kept = not task.streams and any(places.values())
    about = encoding_identity(assembly, task, facts) if kept else None
    return {
        split: encode(task, data, rows, places[split], about, loader.encode_processes)
        for split, rows in records.items()
        if rows
    }


def batch_maker(task: Task, examples: Examples, seed: int) -> BatchMaker:
    """Makes the batches that a task is trained and scored on."""
    varies = type(task).vary is not Task.vary
    return BatchMaker(examples, task.padding_values(), task.vary if varies else None, seed)
