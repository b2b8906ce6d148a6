"""What a callback promises."""

import io
import math
from typing import Any
from unittest import mock

import numpy as np
import torch

from dougong.checkpoint import file
from dougong.contracts.callback import GradientCallback
from dougong.data.batches import TrainingBatches, cut
from dougong.testing.check import check, skip
from dougong.testing.runs import LAST, assert_resumes, configuration_with, first_difference
from dougong.testing.subject import Subject
from dougong.training.assemble import Assembly
from dougong.training.run import run

UPDATES, CLOSE = 3, 1e-7


@check
def whole_run(subject: Subject) -> None:
    """A run with it trains, validates and ends, with metrics that are finite."""
    result = run(configuration_with(subject, validate_every=2), subject.folder / "run")
    assert result.status == "finished", f"the run ended as {result.status}"
    assert result.metrics, "nothing was measured"
    bad = [name for name, value in result.metrics.items() if not math.isfinite(value)]
    assert not bad, f"{bad[0]} is not finite"


@check
def trial_run(subject: Subject) -> None:
    """It bears a trial of a few batches, which is never saved."""
    run(configuration_with(subject, fast_dev_run=2), subject.folder / "run")


@check
def state(subject: Subject) -> None:
    """Its state is plain, and one that loads it has the same."""
    before = _used(subject).state_dict()
    held = io.BytesIO()
    torch.save(before, held)
    held.seek(0)
    loaded = torch.load(held, weights_only=True)
    fresh = subject.make()
    if before:
        fresh.load_state_dict(loaded)
    path = first_difference(fresh.state_dict(), before)
    assert path is None, f"the state that it has loaded differs at `{path}`"


@check
def resumed_run(subject: Subject) -> None:
    """A run that is stopped twice and resumed ends as one that never stopped."""
    assert_resumes(subject)


@check
def accumulation(subject: Subject) -> None:
    """Where it has a part in the gradients, k short batches train as the one large batch."""
    if not issubclass(subject.cls, GradientCallback):
        skip("it has no part in the gradients")
    large, small = (_trained(subject, size) for size in (8, 4))
    gap = max(float((large[name] - small[name]).abs().max()) for name in large)
    assert gap < CLOSE, f"the weights are off by {gap:.1e} after {UPDATES} updates in float64"


def _trained(subject: Subject, size: int) -> dict[str, torch.Tensor]:
    """The weights after training without dropout on batches of `size` texts, in one order, 8 texts an update."""
    made = configuration_with(subject, precision="64", max_updates=UPDATES, accumulate_grad_batches=8 // size)
    config = _without_dropout(made)
    config["loader"] = {**config["loader"], "batch_size": size}

    def order(self: TrainingBatches, epoch: int) -> list[Any]:
        return cut(np.arange(len(self.lengths)), self.lengths, self.settings)

    folder = subject.folder / str(size)
    with mock.patch.object(TrainingBatches, "order", order):
        run(config, folder)
    found: dict[str, torch.Tensor] = file.load(folder / LAST)["state_dict"]
    return found


def _without_dropout(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    return {key: 0.0 if key == "dropout" else _without_dropout(value) for key, value in node.items()}


def _used(subject: Subject) -> Any:
    """The plugin after it has seen a run."""
    made: list[Any] = []
    make_all = Assembly.make_all

    def watched(self: Assembly, name: str, *arguments: Any, **supplied: Any) -> list[Any]:
        found = make_all(self, name, *arguments, **supplied)
        if name == subject.kind:
            made.extend(found)
        return found

    with mock.patch.object(Assembly, "make_all", watched):
        run(configuration_with(subject), subject.folder / "run")
    return made[0]
