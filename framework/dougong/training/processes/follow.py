"""Several processes that torchrun started: the first composes and says what is to be run, the others follow."""

from pathlib import Path
from typing import Any

from dougong.training.processes.place import place, under_torchrun

Job = tuple[dict[str, Any], Path, bool]


def following() -> bool:
    """Whether this process does what another one says."""
    return under_torchrun() and not place().first


def tell(job: Job) -> None:
    """Let the others run this too."""
    from dougong.training.processes import group

    group.join()
    group.from_first(job)


def dismiss() -> None:
    """Tell the others that there is nothing more to do."""
    if not under_torchrun() or not place().first:
        return
    from dougong.training.processes import group  # torch comes with it

    if group.world() > 1:
        group.from_first(None)
        group.leave()


def told() -> Job | None:
    """What is to be run; None where there is nothing more."""
    from dougong.training.processes import group

    group.join()
    job: Job | None = group.from_first(None)
    if job is None:
        group.leave()
    return job


def follow() -> int:
    """Do whatever the first process says, until it has nothing more."""
    import os
    import sys

    from dougong.training.run import run_here

    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    while (job := told()) is not None:
        run_here(*job)
    return 0
