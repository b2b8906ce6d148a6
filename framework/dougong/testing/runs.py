"""Small whole runs, as `dougong train` makes them, in this process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from dougong.checkpoint import file
from dougong.compose.config_source import plain
from dougong.compose.settings import LoaderSettings, RunSettings, TrainerSettings
from dougong.testing.configuration import Config, run_configuration
from dougong.testing.subject import Subject
from dougong.training.module import TrainingModule
from dougong.training.run import run

LAST = Path("checkpoints") / "last.ckpt"


def small_run(**trainer: Any) -> dict[str, Any]:
    """The settings of a run of few updates on a CPU.

    Args:
        trainer: in place of those of the trainer.
    """
    settings = {"accelerator": "cpu", "precision": "32", "progress": "none", "max_epochs": 2, **trainer}
    part = RunSettings(trainer=TrainerSettings(**settings), loader=LoaderSettings(batch_size=4), test=False)
    return dict(plain(part))


def configuration_with(subject: Subject, settings: Mapping[str, Any] | None = None, **trainer: Any) -> Config:
    """The configuration of a small run with the plugin."""
    given = {subject.kind: {**subject.settings, **(settings or {})}}
    return run_configuration([subject.plugin], subject.catalogue, subject.folder, small_run(**trainer), given)


def assert_resumes(subject: Subject) -> None:
    """A run of 9 updates that is stopped after 2 and after 5 ends as one that never stopped, bit for bit."""
    config = configuration_with(subject, max_updates=9, save_every=1)
    run(config, subject.folder / "whole")
    stopped = subject.folder / "stopped"
    for moment, resume in ((2, False), (5, True)):
        with _ending_at(moment):
            try:
                run(config, stopped, resume)
            except _StoppedError:
                continue
        raise AssertionError(f"the run ended before update {moment}")
    run(config, stopped, resume=True)
    one, other = (file.load(folder / LAST) for folder in (subject.folder / "whole", stopped))
    for part in ("state_dict", "optimizer_states", "callbacks"):
        path = first_difference(one[part], other[part])
        assert path is None, f"resumed, it ends with another `{part}{path}`"


def first_difference(one: Any, other: Any) -> str | None:
    """Where two nested structures differ first, None where they are equal, tensors bit for bit."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        pairs = [(f".{key}", one[key], other[key]) for key in one]
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = [(f"[{number}]", *pair) for number, pair in enumerate(zip(one, other, strict=True))]
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return None if one.equal(other) else ""
    else:
        return None if type(one) is type(other) and (one == other or one != one) else ""
    found = ((name, first_difference(left, right)) for name, left, right in pairs)
    return next((name + path for name, path in found if path is not None), None)


class _StoppedError(Exception):
    """The run was stopped for a trial."""


@contextmanager
def _ending_at(update: int) -> Iterator[None]:
    """Runs end, as by a crash, when they have made so many updates."""
    step = TrainingModule.training_step

    def stopping(self: TrainingModule, *arguments: Any) -> Any:
        if self.trainer.global_step == update:
            raise _StoppedError
        return step(self, *arguments)

    with mock.patch.object(TrainingModule, "training_step", stopping):
        yield
