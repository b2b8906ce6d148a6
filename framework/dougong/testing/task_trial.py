"""A task that is ready to be tried, and what its checks compare."""

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np
import torch

from dougong.compose.settings import LoaderSettings
from dougong.contracts.data import Data
from dougong.contracts.task import Batch, Facts, Task
from dougong.data.examples import Examples, pack
from dougong.data.loader import BatchMaker
from dougong.data.token_file import TokenStore
from dougong.inference.model import Model
from dougong.testing.check import skip
from dougong.testing.configuration import Config, NoDataError
from dougong.testing.runs import configuration_with
from dougong.testing.subject import Subject
from dougong.training.assemble import Assembly
from dougong.training.kept_data import fit_tokenizer
from dougong.training.prepare import batch_maker, encode, make_task
from dougong.training.read import read


@dataclass
class Trial:
    """A task that has been prepared for training on the records of a small split."""

    config: Config
    task: Task
    facts: Facts
    state: str | None
    records: Sequence[Any]
    examples: Examples
    data: Data
    maker: BatchMaker

    def batch(self, *numbers: int) -> Batch:
        """The batch of these examples."""
        return self.maker[np.asarray(numbers, np.int64)]

    def model(self) -> Model:
        """The task as one that answers."""
        return Model(self.task, self.config, LoaderSettings(batch_size=4), "32")


def trial_of(subject: Subject, dtype: torch.dtype = torch.float64) -> Trial:
    """The plugin on the training records of the data that fits it, ready to be evaluated."""
    config = configuration_of(subject)
    assembly = Assembly(config)
    data, found = read(assembly, ("train",))
    tokenizer = fit_tokenizer(assembly, subject.cls, found["train"])
    facts = subject.cls.study(found["train"])
    torch.manual_seed(0)
    task = make_task(assembly, facts, tokenizer).to(dtype).eval()
    encoded = encode(task, data, found["train"], TokenStore(subject.folder / "tokens") if task.streams else None)
    maker = batch_maker(task, encoded.examples, 0)
    state = tokenizer.state() if tokenizer is not None else None
    return Trial(config, task, facts, state, list(found["train"]), encoded.examples, data, maker)


def configuration_of(subject: Subject) -> Config:
    """The configuration of a small run of it.

    Raises:
        SkipCheck: no installed data gives what it takes.
    """
    try:
        return configuration_with(subject)
    except NoDataError as error:
        skip(str(error))


def batch_size(trial: Trial) -> int:
    """How many examples a batch may have."""
    return min(8, len(trial.examples))


def loss_and_weight(trial: Trial, numbers: Iterable[int]) -> tuple[float, float]:
    """The loss of these examples, and its weight."""
    batch = trial.batch(*numbers)
    with torch.no_grad():
        loss = trial.task.loss(trial.task(batch), batch)
    return float(loss.total), float(loss.weight)


def distributions_of(trial: Trial, numbers: Iterable[int]) -> Sequence[torch.Tensor]:
    """What the task says of the targets of these examples."""
    batch = trial.batch(*(number for number in numbers if number < batch_size(trial)))
    with torch.no_grad():
        return trial.task.distributions(trial.task(batch), batch)


def loss_of_record(task: Task, record: Any) -> float:
    """The loss of one record."""
    maker = batch_maker(task, pack([task.encode([record])]), 0)
    batch = maker[np.zeros(1, np.int64)]
    with torch.no_grad():
        return float(task.loss(task(batch), batch).total)


def predictions_of(trial: Trial, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """What it predicts of these examples."""
    batch = trial.batch(*numbers)
    with torch.no_grad():
        return trial.task.predict(trial.task(batch), batch)


def main_metric(trial: Trial, predictions: list[dict[str, Any]]) -> float:
    """What its main metric is for these predictions of the records."""
    return trial.task.score(predictions, trial.records).metrics[trial.task.main_metric]


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a record as plain values, as predictions are given."""
    return {name: value for name, value in dataclasses.asdict(record).items() if name != "source"}


def required_fields(accepts: type) -> list[dataclasses.Field[Any]]:
    """The fields that a record can't do without: what a user would give."""
    return [item for item in dataclasses.fields(accepts) if item.default is dataclasses.MISSING]


def open_record(accepts: type, record: Any) -> Any:
    """A record with nothing but what a user would give."""
    return accepts(**{item.name: getattr(record, item.name) for item in required_fields(accepts)})


def record_of(accepts: type, text: str) -> Any:
    """A record all of whose required fields are this text."""
    hints = get_type_hints(accepts)
    return accepts(**{item.name: text if hints[item.name] is str else (text,) for item in required_fields(accepts)})


def with_text(record: Any, text: str) -> Any:
    """A record of training with another text; what is said of the old one may no longer hold."""
    hints = get_type_hints(type(record))
    return dataclasses.replace(
        record, **{item.name: text if hints[item.name] is str else (text,) for item in required_fields(type(record))}
    )


def assert_plain(predictions: list[dict[str, Any]]) -> None:
    try:
        json.dumps(predictions, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"a prediction is not plain: {error}") from error


def alike(one: Any, other: Any) -> bool:
    """Whether two plain structures are equal, numbers to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=2e-6)
    return bool(one == other)
