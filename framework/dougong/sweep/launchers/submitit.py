"""Jobs of SLURM."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dougong.errors import UserError
from dougong.registry.plugin import reason
from dougong.sweep.job import Job, Outcome, outcome_of
from dougong.sweep.launchers.apart import run_apart
from dougong.sweep.settings import SweepSettings

FOLDER = "submitit"
"""Beside the jobs' folders: scripts, and what a job printed before it began."""


def launch(jobs: Sequence[Job], settings: SweepSettings) -> Iterator[Outcome]:
    """Submit the jobs, as one array, and wait for them.

    Raises:
        UserError: `sweep.cluster` asks for what it does not know.
    """
    import submitit

    wanted = {name: value for name, value in settings.cluster.items() if value is not None}
    cluster: Any = wanted.pop("cluster", None)
    executor: Any = submitit.AutoExecutor(jobs[0].folder.parent / FOLDER, cluster)
    if settings.at_once:
        wanted["slurm_array_parallelism"] = settings.at_once
    try:
        executor.update_parameters(name="dougong", **wanted)
    except Exception as error:  # a name that submitit does not know, a value that it does not take
        raise UserError(f"sweep.cluster: {' '.join(str(error).split())}") from error
    with executor.batch():
        handles = [executor.submit(OnNode(job)) for job in jobs]
    of = {id(handle): job for handle, job in zip(handles, jobs, strict=True)}
    try:
        for handle in submitit.helpers.as_completed(handles):
            yield _outcome(of[id(handle)], handle)
    except KeyboardInterrupt:
        for handle in handles:
            handle.cancel()
        raise


@dataclass(frozen=True)
class OnNode:
    """What is run on a node."""

    job: Job

    def __call__(self) -> None:
        run_apart(self.job)

    def checkpoint(self) -> Any:
        """Called when the job is to be moved or has run out of time: queue it again, where it goes on."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def _outcome(job: Job, handle: Any) -> Outcome:
    try:
        handle.result()
    except Exception as error:  # the node died, the time was out, ...
        return outcome_of(job, reason(error))
    return outcome_of(job)
