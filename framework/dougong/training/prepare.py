"""Records to a model and its batches: what has to be learnt of the data before training can start."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dougong.contracts.data import Data
from dougong.contracts.encoder import Encoder
from dougong.contracts.task import Facts, Task
from dougong.contracts.tokenizer import Tokenizer
from dougong.data.examples import Examples, pack
from dougong.data.loader import BatchMaker
from dougong.data.stream import Records
from dougong.data.token_file import TokenStore
from dougong.pretrained.ours import tokenizer_state
from dougong.training.assemble import Assembly

CHUNK = 1000


@dataclass
class EncodedSplit:
    """A split's records and their examples, in the same order; no records where the task streams."""

    records: Sequence[Any]
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


def encode(task: Task, data: Data, records: Records, store: TokenStore) -> EncodedSplit:
    """Examples of the records that the task can use; the others are reported as bad rows.

    Args:
        store: keeps the examples of a task that streams.

    Raises:
        UserError: a record can't be used, and the user did not choose to skip such rows.
    """
    if task.streams:
        return EncodedSplit((), task.stream(records, store))
    usable = []
    for record in records:
        problem = task.problem(record)
        if problem is None:
            usable.append(record)
        else:
            data.bad_row(record.source, problem)
    return EncodedSplit(usable, pack(_chunks(task, usable)))


def batch_maker(task: Task, examples: Examples, seed: int) -> BatchMaker:
    """Makes the batches that a task is trained and scored on."""
    varies = type(task).vary is not Task.vary
    return BatchMaker(examples, task.padding_values(), task.vary if varies else None, seed)


def _chunks(task: Task, records: Sequence[Any]) -> Iterator[list[dict[str, Any]]]:
    for begin in range(0, len(records), CHUNK):
        examples = task.encode(records[begin : begin + CHUNK])
        yield [{**row, "record": row["record"] + begin} for row in examples] if "record" in examples[0] else examples
