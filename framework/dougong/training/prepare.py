"""Records to a model and its batches: what has to be learnt of the data before training can start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dougong.contracts.data import Data
from dougong.contracts.task import Facts, Task
from dougong.contracts.tokenizer import Tokenizer
from dougong.data.examples import Examples, pack
from dougong.training.assemble import Assembly

CHUNK = 1000


@dataclass
class EncodedSplit:
    """A split's records and their examples, in the same order."""

    records: Sequence[Any]
    examples: Examples


def make_task(assembly: Assembly, facts: Facts, tokenizer: Tokenizer | None) -> Task:
    """The task with everything below it."""
    if tokenizer is not None:
        assembly.ready["tokenizer"] = tokenizer
    task: Task = assembly.make("task", facts=facts)
    return task


def fit_tokenizer(assembly: Assembly, task_class: type[Task], records: Sequence[Any]) -> Tokenizer | None:
    """The tokenizer, having learnt from the training texts; None where no part of the model asks for one."""
    tokenizer: Tokenizer | None = assembly.make("tokenizer")
    if tokenizer is not None:
        tokenizer.fit(text for record in records for text in task_class.texts(record))
    return tokenizer


def encode(task: Task, data: Data, records: Sequence[Any]) -> EncodedSplit:
    """Examples of the records that the task can use; the others are reported as bad rows.

    Raises:
        UserError: a record can't be used, and the user did not choose to skip such rows.
    """
    usable = []
    for record in records:
        problem = task.problem(record)
        if problem is None:
            usable.append(record)
        else:
            data.bad_row(record.source, problem)
    return EncodedSplit(usable, pack(_chunks(task, usable)))


def _chunks(task: Task, records: Sequence[Any]) -> Iterator[list[dict[str, Any]]]:
    for begin in range(0, len(records), CHUNK):
        yield task.encode(records[begin : begin + CHUNK])
