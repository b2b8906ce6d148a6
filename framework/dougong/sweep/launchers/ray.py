"""Jobs on a Ray cluster."""

from collections.abc import Iterator, Sequence
from typing import Any

from dougong.errors import UserError
from dougong.registry.plugin import reason
from dougong.sweep.job import Job, Outcome, outcome_of
from dougong.sweep.launchers.apart import run_apart
from dougong.sweep.settings import SweepSettings

# What `sweep.cluster` says of the cluster; the rest is asked for each job.
OF_CLUSTER = ("address", "namespace")


def launch(jobs: Sequence[Job], settings: SweepSettings) -> Iterator[Outcome]:
    """Run the jobs where the cluster has room; all nodes see the same folders.

    Raises:
        UserError: `sweep.cluster` asks for what it does not know.
    """
    import ray

    wanted = {name: value for name, value in settings.cluster.items() if value is not None}
    about = {name: wanted.pop(name) for name in OF_CLUSTER if name in wanted}
    try:
        ray.init(**about, log_to_driver=False, include_dashboard=False)
        remote = ray.remote(run_apart).options(max_retries=0, **wanted)
    except Exception as error:  # no such cluster, no such option
        raise UserError(f"sweep.cluster: {' '.join(str(error).split())}") from error
    try:
        yield from _as_completed(ray, remote, list(jobs), settings.at_once or len(jobs))
    finally:
        ray.shutdown()


def _as_completed(ray: Any, remote: Any, waiting: list[Job], several: int) -> Iterator[Outcome]:
    running: dict[Any, Job] = {}
    while waiting or running:
        while waiting and len(running) < several:
            job = waiting.pop(0)
            running[remote.remote(job)] = job
        (done,), _ = ray.wait(list(running), num_returns=1)
        job = running.pop(done)
        try:
            yield ray.get(done)
        except Exception as error:  # the node died, say
            yield outcome_of(job, reason(error))
