"""What a task promises."""

import dataclasses
import json
import math

import numpy as np
import torch

from dougong.contracts.task import Task
from dougong.inference.model import load
from dougong.testing.check import check, one_line, skip
from dougong.testing.network import assert_has_gradients
from dougong.testing.reference import difference
from dougong.testing.subject import Subject
from dougong.testing.task_trial import (
    alike,
    assert_plain,
    batch_size,
    configuration_of,
    distributions_of,
    fields_of,
    loss_and_weight,
    loss_of_record,
    main_metric,
    open_record,
    predictions_of,
    record_of,
    trial_of,
    with_text,
)
from dougong.testing.texts import HOSTILE
from dougong.training.assemble import Assembly
from dougong.training.evaluation import Evaluation
from dougong.training.prepare import make_task
from dougong.training.run import run

UPDATES = 60


@check
def facts(subject: Subject) -> None:
    """What it learns of the records is plain, and the same if they can be gone through only once."""
    trial = trial_of(subject)
    assert json.loads(json.dumps(trial.facts)) == trial.facts, "it is not plain: it does not survive JSON"
    assert subject.cls.study(iter(trial.records)) == trial.facts, "it learns something else from an iterator"


@check
def learning(subject: Subject) -> None:
    """It can learn a few examples by heart."""
    trial = trial_of(subject, torch.float32)
    batch = trial.batch(*range(batch_size(trial)))
    optimizer = torch.optim.Adam(trial.task.parameters(), lr=1e-2)

    def mean() -> torch.Tensor:
        loss = trial.task.loss(trial.task(batch), batch)
        return loss.total / loss.weight.clamp_min(1)

    before = mean().item()
    trial.task.train()
    for _ in range(UPDATES):
        optimizer.zero_grad()
        mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    trial.task.eval()
    after = mean().item()
    assert after < 0.8 * before, f"its loss goes from {before:.4g} to {after:.4g} in {UPDATES} updates"


@check
def loss_sums(subject: Subject) -> None:
    """The loss of a batch is the sum of the losses of its parts, and so is its weight."""
    trial = trial_of(subject)
    count = batch_size(trial)
    losses = [loss_and_weight(trial, numbers) for numbers in (range(count), range(2), range(2, count))]
    assert losses[0][1] > 0, f"the weight is {losses[0][1]}"
    for name, (whole, *parts) in zip(("loss", "weight"), zip(*losses, strict=True), strict=True):
        gap = abs(whole - sum(parts))
        assert gap < 1e-8 * max(1, abs(whole)), f"the {name} of a batch is {whole:.6g}, of its parts {sum(parts):.6g}"


@check
def distributions(subject: Subject) -> None:
    """What it says of each target is finite logits, as many rows as its parts have."""
    if not subject.states("supports", "distributions"):
        skip("it tells none")
    trial = trial_of(subject)
    whole, *parts = (distributions_of(trial, numbers) for numbers in (range(batch_size(trial)), range(2), range(2, 8)))
    assert whole, "there are none"
    for logits in whole:
        assert logits.ndim == 2, f"they have the shape {tuple(logits.shape)}"
        assert logits.isfinite().all(), "they are not finite: a choice that can't be is a very small logit"
    rows = [sum(len(logits) for logits in found) for found in (whole, *parts)]
    assert rows[0] == sum(rows[1:]), f"{rows[0]} rows for a batch, {rows[1]} and {rows[2]} for its parts"


@check
def gradients(subject: Subject) -> None:
    """A finite gradient reaches every parameter."""
    trial = trial_of(subject)
    for begin in range(0, len(trial.examples), 8):
        batch = trial.batch(*range(begin, min(begin + 8, len(trial.examples))))
        trial.task.loss(trial.task(batch), batch).total.backward()  # type: ignore[no-untyped-call]
    assert_has_gradients(trial.task)


@check
def autocast(subject: Subject) -> None:
    """Under autocast its loss is near to that of float32, and is summed in float32."""
    trial = trial_of(subject, torch.float32)
    batch = trial.batch(*range(batch_size(trial)))
    plain = trial.task.loss(trial.task(batch), batch)
    with torch.autocast("cpu", torch.bfloat16):
        cast = trial.task.loss(trial.task(batch), batch)
    assert cast.total.dtype == torch.float32, f"it is summed in {cast.total.dtype}"
    gap = difference([cast.total], [plain.total])
    assert gap < 0.1, f"off by {gap:.2g} of it"


@check
def predictions(subject: Subject) -> None:
    """There is one prediction an example, plain, which does not depend on the others of its batch."""
    trial = trial_of(subject)
    count = batch_size(trial)
    together = predictions_of(trial, range(count))
    assert len(together) == count, f"{len(together)} predictions for {count} examples"
    assert_plain(together)
    for number in range(count):
        (alone,) = predictions_of(trial, [number])
        assert alike(together[number], alone), f"in a batch {together[number]}, alone {alone}"


@check
def scores(subject: Subject) -> None:
    """The scores of its predictions are finite numbers, its main metric among them."""
    trial = trial_of(subject)
    evaluation = Evaluation(trial.task)
    with torch.no_grad():
        batch = trial.batch(*range(batch_size(trial)))
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
    trial = trial_of(subject)
    if trial.task.streams:
        skip("it scores without records")
    truth = [fields_of(record) for record in trial.records]
    sign = 1 if trial.task.higher_is_better else -1
    try:
        shifted = [truth[shift:] + truth[:shift] for shift in range(len(truth))]
        best, *others = (sign * main_metric(trial, predictions) for predictions in shifted)
    except (KeyError, TypeError) as error:
        skip(f"its score takes more than the fields of a record: {one_line(error)}")
    assert best >= max(others), f"{trial.task.main_metric} is {best:.4g} for the truth, {max(others):.4g} for others"
    assert best > min(others), f"{trial.task.main_metric} is {best:.4g}, whatever is predicted"


@check
def answers(subject: Subject) -> None:
    """It answers records whose truth is not known, in plain values, each as if it were alone."""
    trial = trial_of(subject)
    records = [open_record(trial.task.accepts, record) for record in trial.records[:6]]
    model = trial.model()
    found = list(model.predict(records))
    assert len(found) == len(records), f"{len(found)} answers for {len(records)} records"
    assert_plain(found)
    for record, answer in zip(records, found, strict=True):
        (alone,) = model.predict([record])
        assert alike(answer, alone), f"among others {answer}, alone {alone}"
        given = {name for name, value in fields_of(record).items() if value}
        assert set(answer) - given, "it answers nothing"


@check
def hostile_records(subject: Subject) -> None:
    """It answers unusual texts: empty, very long, emoji, control characters, what looks like special tokens."""
    trial = trial_of(subject, torch.float32)
    model = trial.model()
    for name, text in HOSTILE.items():
        record = record_of(trial.task.accepts, text)
        try:
            assert_plain(list(model.predict([record, trial.records[0]])))
        except Exception as error:
            raise AssertionError(f"{name}: {one_line(error)}") from error


@check
def unusable_records(subject: Subject) -> None:
    """A record that it can't be trained on is told of by `problem`; of all others the loss is finite."""
    trial = trial_of(subject, torch.float32)
    if trial.task.streams:
        skip("it streams: whatever is a text can be trained on")
    for name, text in HOSTILE.items():
        for record in (record_of(trial.task.accepts, text), with_text(trial.records[0], text)):
            try:
                told = trial.task.problem(record)
                assert told is None or told.strip(), "`problem` says nothing"
                total = 0.0 if told else loss_of_record(trial.task, record)
            except Exception as error:
                raise AssertionError(f"{name}: {one_line(error)}") from error
            assert math.isfinite(total), f"{name}: the loss is {total}"


@check
def variation(subject: Subject) -> None:
    """What is random in an example is a function of the generator that it is given, and changes no example."""
    trial = trial_of(subject)
    if type(trial.task).vary is Task.vary:
        skip("nothing is random in its examples")
    for number in range(batch_size(trial)):
        example = {name: np.array(column.row(number)) for name, column in trial.examples.columns.items()}
        before = {name: value.copy() for name, value in example.items()}
        one, other = (trial.task.vary(example, np.random.default_rng(number)) for _ in range(2))
        assert all(np.array_equal(before[name], example[name]) for name in before), "it changes the example itself"
        same = one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
        assert same, "the same generator gives another example"


@check
def untouched_batch(subject: Subject) -> None:
    """Neither its forward pass nor its loss and predictions change the batch."""
    trial = trial_of(subject)
    batch = trial.batch(*range(batch_size(trial)))
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
    trial = trial_of(subject)
    assembly = Assembly(trial.config)
    tokenizer = None
    if trial.state is not None:
        tokenizer = assembly.make("tokenizer")
        tokenizer.restore(trial.state)
    torch.manual_seed(1)
    task = make_task(assembly, json.loads(json.dumps(trial.facts)), tokenizer).double().eval()
    task.load_state_dict(trial.task.state_dict())
    numbers = range(batch_size(trial))
    again = dataclasses.replace(trial, task=task)
    assert predictions_of(again, numbers) == predictions_of(trial, numbers), "it predicts something else"


@check
def whole_run(subject: Subject) -> None:
    """A run trains and validates it, and its checkpoint answers."""
    config = configuration_of(subject)
    result = run(config, subject.folder / "run")
    metric = f"valid/{subject.cls.main_metric}"
    assert metric in result.metrics, f"{metric} is not measured: {', '.join(result.metrics)}"
    assert result.checkpoint is not None, "the run left no checkpoint"
    model = load(result.checkpoint)
    answers = list(model.predict([record_of(model.task.accepts, "斗拱")]))
    assert len(answers) == 1, f"{len(answers)} answers for one record"
