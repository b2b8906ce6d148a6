"""What a task promises."""

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
from dougong.data.examples import Examples
from dougong.data.loader import BatchMaker
from dougong.data.token_file import TokenStore
from dougong.inference.model import Model, load
from dougong.testing.check import check, one_line, skip
from dougong.testing.configuration import Config, NoDataError
from dougong.testing.network import assert_has_gradients
from dougong.testing.reference import difference
from dougong.testing.runs import configuration_with
from dougong.testing.subject import Subject
from dougong.testing.texts import HOSTILE
from dougong.training.assemble import Assembly
from dougong.training.run import run
from dougong.training.evaluation import Evaluation
from dougong.training.prepare import batch_maker, encode, fit_tokenizer, make_task
from dougong.training.read import read

UPDATES = 60


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


def _trial(subject: Subject, dtype: torch.dtype = torch.float64) -> Trial:
    config = _configuration(subject)
    assembly = Assembly(config)
    data, found = read(assembly, ("train",))
    tokenizer = fit_tokenizer(assembly, subject.cls, found["train"])
    facts = subject.cls.study(found["train"])
    torch.manual_seed(0)
    task = make_task(assembly, facts, tokenizer).to(dtype).eval()
    encoded = encode(task, data, found["train"], TokenStore(subject.folder / "tokens"))
    maker = batch_maker(task, encoded.examples, 0)
    state = tokenizer.state() if tokenizer is not None else None
    return Trial(config, task, facts, state, list(found["train"]), encoded.examples, data, maker)


def _configuration(subject: Subject) -> Config:
    try:
        return configuration_with(subject)
    except NoDataError as error:
        skip(str(error))


def _batch_size(trial: Trial) -> int:
    return min(8, len(trial.examples))


@check
def facts(subject: Subject) -> None:
    """What it learns of the records is plain, and the same if they can be gone through only once."""
    trial = _trial(subject)
    assert json.loads(json.dumps(trial.facts)) == trial.facts, "it is not plain: it does not survive JSON"
    assert subject.cls.study(iter(trial.records)) == trial.facts, "it learns something else from an iterator"


@check
def learning(subject: Subject) -> None:
    """It can learn a few examples by heart."""
    trial = _trial(subject, torch.float32)
    batch = trial.batch(*range(_batch_size(trial)))
    optimizer = torch.optim.Adam(trial.task.parameters(), lr=1e-2)

    def mean() -> torch.Tensor:
        loss = trial.task.loss(trial.task(batch), batch)
        return loss.total / loss.weight.clamp_min(1)

    before = mean().item()
    trial.task.train()
    for _ in range(UPDATES):
        optimizer.zero_grad()
        mean().backward()
        optimizer.step()
    after = trial.task.eval() and mean().item()
    assert after < 0.8 * before, f"its loss goes from {before:.4g} to {after:.4g} in {UPDATES} updates"


@check
def loss_sums(subject: Subject) -> None:
    """The loss of a batch is the sum of the losses of its parts, and so is its weight."""
    trial = _trial(subject)
    count = _batch_size(trial)
    losses = [_loss(trial, numbers) for numbers in (range(count), range(2), range(2, count))]
    assert losses[0][1] > 0, f"the weight is {losses[0][1]}"
    for name, (whole, *parts) in zip(("loss", "weight"), zip(*losses, strict=True), strict=True):
        gap = abs(whole - sum(parts))
        assert gap < 1e-8 * max(1, abs(whole)), f"the {name} of a batch is {whole:.6g}, of its parts {sum(parts):.6g}"


@check
def gradients(subject: Subject) -> None:
    """A finite gradient reaches every parameter."""
    trial = _trial(subject)
    for begin in range(0, len(trial.examples), 8):
        batch = trial.batch(*range(begin, min(begin + 8, len(trial.examples))))
        trial.task.loss(trial.task(batch), batch).total.backward()
    assert_has_gradients(trial.task)


@check
def autocast(subject: Subject) -> None:
    """Under autocast its loss is near to that of float32, and is summed in float32."""
    trial = _trial(subject, torch.float32)
    batch = trial.batch(*range(_batch_size(trial)))
    plain = trial.task.loss(trial.task(batch), batch)
    with torch.autocast("cpu", torch.bfloat16):
        cast = trial.task.loss(trial.task(batch), batch)
    assert cast.total.dtype == torch.float32, f"it is summed in {cast.total.dtype}"
    gap = difference([cast.total], [plain.total])
    assert gap < 0.1, f"off by {gap:.2g} of it"


@check
def predictions(subject: Subject) -> None:
    """There is one prediction an example, plain, which does not depend on the others of its batch."""
    trial = _trial(subject)
    count = _batch_size(trial)
    together = _predictions(trial, range(count))
    assert len(together) == count, f"{len(together)} predictions for {count} examples"
    _assert_plain(together)
    for number in range(count):
        (alone,) = _predictions(trial, [number])
        assert _alike(together[number], alone), f"in a batch {together[number]}, alone {alone}"


@check
def scores(subject: Subject) -> None:
    """The scores of its predictions are finite numbers, its main metric among them."""
    trial = _trial(subject)
    evaluation = Evaluation(trial.task)
    with torch.no_grad():
        batch = trial.batch(*range(_batch_size(trial)))
        evaluation.add(trial.task(batch), batch)
    found = evaluation.scores(trial.records)
    names = ", ".join(found.metrics)
    assert trial.task.main_metric in found.metrics, f"main_metric={trial.task.main_metric} is not among {names}"
    bad = [name for name, value in found.metrics.items() if not math.isfinite(value)]
    assert not bad, f"{bad[0]} is {found.metrics[bad[0]]}"
    for name, rows in found.tables.items():
        ragged = len({len(row) for row in rows}) > 1
        assert not ragged, f"the rows of the table `{name}` are not equally long"


@check
def perfect_score(subject: Subject) -> None:
    """No predictions score better than the truth, and others score worse."""
    trial = _trial(subject)
    if trial.task.streams:
        skip("it scores without records")
    truth = [_fields(record) for record in trial.records]
    sign = 1 if trial.task.higher_is_better else -1
    try:
        shifted = [truth[shift:] + truth[:shift] for shift in range(len(truth))]
        best, *others = (sign * _main(trial, predictions) for predictions in shifted)
    except (KeyError, TypeError) as error:
        skip(f"its score takes more than the fields of a record: {one_line(error)}")
    assert best >= max(others), f"{trial.task.main_metric} is {best:.4g} for the truth, {max(others):.4g} for others"
    assert best > min(others), f"{trial.task.main_metric} is {best:.4g}, whatever is predicted"


@check
def answers(subject: Subject) -> None:
    """It answers records whose truth is not known, in plain values, in their order."""
    trial = _trial(subject, torch.float32)
    open_records = [_open(subject, trial, record) for record in trial.records[:6]]
    found = list(trial.model().predict(open_records))
    assert len(found) == len(open_records), f"{len(found)} answers for {len(open_records)} records"
    _assert_plain(found)
    for record, answer in zip(open_records, found, strict=True):
        given = {name: value for name, value in _fields(record).items() if name in answer}
        kept = all(_as_plain(answer[name]) == _as_plain(value) for name, value in given.items() if value)
        assert kept, "the answers are not in the order of the records"
    told = set(found[0]) - {name for name, value in _fields(open_records[0]).items() if value}
    assert told, "it answers nothing"


@check
def hostile_records(subject: Subject) -> None:
    """It answers unusual texts: empty, very long, emoji, control characters, what looks like special tokens."""
    trial = _trial(subject, torch.float32)
    model = trial.model()
    for name, text in HOSTILE.items():
        record = _record_of(trial.task.accepts, text)
        try:
            _assert_plain(list(model.predict([record, trial.records[0]])))
        except Exception as error:
            raise AssertionError(f"{name}: {one_line(error)}") from error


@check
def unusable_records(subject: Subject) -> None:
    """A record that it can't be trained on is told of by `problem`; of all others the loss is finite."""
    trial = _trial(subject, torch.float32)
    if trial.task.streams:
        skip("it streams: whatever is a text can be trained on")
    for name, text in HOSTILE.items():
        for record in (_record_of(trial.task.accepts, text), _with_text(trial.records[0], text)):
            try:
                told = trial.task.problem(record)
                assert told is None or told.strip(), "`problem` says nothing"
                total = 0.0 if told else _loss_of(trial.task, record)
            except Exception as error:
                raise AssertionError(f"{name}: {one_line(error)}") from error
            assert math.isfinite(total), f"{name}: the loss is {total}"


@check
def variation(subject: Subject) -> None:
    """What is random in an example is a function of the generator that it is given, and changes no example."""
    trial = _trial(subject)
    if type(trial.task).vary is Task.vary:
        skip("nothing is random in its examples")
    for number in range(_batch_size(trial)):
        example = {name: np.array(column.row(number)) for name, column in trial.examples.columns.items()}
        before = {name: value.copy() for name, value in example.items()}
        one, other = (trial.task.vary(example, np.random.default_rng(number)) for _ in range(2))
        assert all(np.array_equal(before[name], example[name]) for name in before), "it changes the example itself"
        same = one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
        assert same, "the same generator gives another example"


@check
def untouched_batch(subject: Subject) -> None:
    """Neither its forward pass nor its loss and predictions change the batch."""
    trial = _trial(subject)
    batch = trial.batch(*range(_batch_size(trial)))
    before = {name: tensor.clone() for name, tensor in batch.items()}
    with torch.no_grad():
        outputs = trial.task(batch)
        trial.task.loss(outputs, batch)
        trial.task.predict(outputs, batch)
    changed = [name for name in before if not before[name].equal(batch.get(name, before[name][:0]))]
    assert not changed and len(batch) == len(before), f"it changes `{', '.join(changed) or 'columns'}`"  # noqa: PT018


@check
def save_and_load(subject: Subject) -> None:
    """One that is made from its facts and loads its weights predicts the same."""
    trial = _trial(subject)
    assembly = Assembly(trial.config)
    tokenizer = None
    if trial.state is not None:
        tokenizer = assembly.make("tokenizer")
        tokenizer.restore(trial.state)
    torch.manual_seed(1)
    task = make_task(assembly, json.loads(json.dumps(trial.facts)), tokenizer).double().eval()
    task.load_state_dict(trial.task.state_dict())
    numbers = range(_batch_size(trial))
    again = dataclasses.replace(trial, task=task)
    assert _predictions(again, numbers) == _predictions(trial, numbers), "it predicts something else"


@check
def whole_run(subject: Subject) -> None:
    """A run trains and validates it, and its checkpoint answers."""
    config = _configuration(subject)
    result = run(config, subject.folder / "run")
    metric = f"valid/{subject.cls.main_metric}"
    assert metric in result.metrics, f"{metric} is not measured: {', '.join(result.metrics)}"
    assert result.checkpoint is not None, "the run left no checkpoint"
    model = load(result.checkpoint)
    answers = list(model.predict([_record_of(model.task.accepts, "斗拱")]))
    assert len(answers) == 1, f"{len(answers)} answers for one record"


def _loss(trial: Trial, numbers: Iterable[int]) -> tuple[float, float]:
    batch = trial.batch(*numbers)
    with torch.no_grad():
        loss = trial.task.loss(trial.task(batch), batch)
    return float(loss.total), float(loss.weight)


def _loss_of(task: Task, record: Any) -> float:
    from dougong.data.examples import pack

    maker = batch_maker(task, pack([task.encode([record])]), 0)
    batch = maker[np.zeros(1, np.int64)]
    with torch.no_grad():
        return float(task.loss(task(batch), batch).total)


def _predictions(trial: Trial, numbers: Iterable[int]) -> list[dict[str, Any]]:
    batch = trial.batch(*numbers)
    with torch.no_grad():
        return trial.task.predict(trial.task(batch), batch)


def _main(trial: Trial, predictions: list[dict[str, Any]]) -> float:
    return trial.task.score(predictions, trial.records).metrics[trial.task.main_metric]


def _fields(record: Any) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(record).items() if name != "source"}


def _required(accepts: type) -> list[dataclasses.Field[Any]]:
    return [item for item in dataclasses.fields(accepts) if item.default is dataclasses.MISSING]


def _open(subject: Subject, trial: Trial, record: Any) -> Any:
    """A record with nothing but what a user would give."""
    return trial.task.accepts(**{item.name: getattr(record, item.name) for item in _required(trial.task.accepts)})


def _record_of(accepts: type, text: str) -> Any:
    """A record all of whose required fields are this text."""
    hints = get_type_hints(accepts)
    return accepts(**{item.name: text if hints[item.name] is str else (text,) for item in _required(accepts)})


def _with_text(record: Any, text: str) -> Any:
    """A record of training with another text; what is said of the old one may no longer hold."""
    hints = get_type_hints(type(record))
    return dataclasses.replace(
        record, **{item.name: text if hints[item.name] is str else (text,) for item in _required(type(record))}
    )


def _assert_plain(predictions: list[dict[str, Any]]) -> None:
    try:
        json.dumps(predictions, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"a prediction is not plain: {error}") from error


def _as_plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _alike(one: Any, other: Any) -> bool:
    """Whether two plain structures are equal, numbers to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=2e-6)
    return bool(one == other)
