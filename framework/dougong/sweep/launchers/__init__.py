"""Where the jobs of a sweep run: a function a launcher, from jobs to their outcomes, in the order in which they end."""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec

from dougong.errors import UserError
from dougong.sweep.job import Job, Outcome
from dougong.sweep.settings import SweepSettings

# What a launcher imports, and the extra of Dougong that brings it.
_NEEDS = {"joblib": "sweep", "submitit": "slurm", "ray": "ray"}

Launcher = Callable[[Sequence[Job], SweepSettings], Iterator[Outcome]]


def launcher(name: str) -> Launcher:
    """The launcher of that name.

    Raises:
        UserError: what it needs is not installed.
    """
    if name in _NEEDS and find_spec(name) is None:
        raise UserError(f'sweep.launcher={name}: needs {name}; pip install "dougong[{_NEEDS[name]}]"')
    found: Launcher = import_module(f"{__name__}.{name}").launch
    return found
