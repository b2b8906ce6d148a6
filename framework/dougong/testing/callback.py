"""What a callback promises."""

import io
import math
from typing import Any
from unittest import mock

import torch

from dougong.testing.check import check
from dougong.testing.runs import assert_resumes, configuration_with, first_difference
from dougong.testing.subject import Subject
from dougong.training.assemble import Assembly
from dougong.training.run import run


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
    file = io.BytesIO()
    torch.save(before, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    fresh = subject.make()
    if before:
        fresh.load_state_dict(loaded)
    path = first_difference(fresh.state_dict(), before)
    assert path is None, f"the state that it has loaded differs at `{path}`"


@check
def resumed_run(subject: Subject) -> None:
    """A run that is stopped twice and resumed ends as one that never stopped."""
    assert_resumes(subject)


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
