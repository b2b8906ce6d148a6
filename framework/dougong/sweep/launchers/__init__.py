"""Where the jobs of a sweep run: a function a launcher, from jobs to their outcomes, in the order in which they end."""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from dougong.sweep.job import Job, Outcome
from dougong.sweep.settings import SweepSettings

Launcher = Callable[[Sequence[Job], SweepSettings], Iterator[Outcome]]


def launcher(name: str) -> Launcher:
    """The launcher of that name.

    Raises:
        UserError: what it needs is not installed.
    """
    found: Launcher = import_module(f"{__name__}.{name}").launch
    return found
