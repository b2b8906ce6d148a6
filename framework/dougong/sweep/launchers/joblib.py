"""Several jobs at once on this machine, each in a process of its own."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType

from dougong.signals import Signals
from dougong.sweep.job import NOT_RUN, Job, Outcome
from dougong.sweep.launchers.apart import run_apart
from dougong.sweep.settings import SweepSettings


def launch(jobs: Sequence[Job], settings: SweepSettings) -> Iterator[Outcome]:
    """Run the jobs; after ctrl-C those that run save and end, and those that are left are not run.

    joblib's own worker processes are not used: when one of them is killed, joblib gives up all jobs. Its threads wait
    for a process a job instead.
    """
    import joblib

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    several = min(settings.at_once or cores, len(jobs))
    with Stop() as stop:
        run = partial(_run, stop=stop, threads=max(1, cores // several))
        parallel = joblib.Parallel(several, backend="threading", return_as="generator_unordered", pre_dispatch=several)
        yield from parallel(joblib.delayed(run)(job) for job in jobs)


class Stop(Signals):
    """While entered, hands SIGINT and SIGTERM on to the processes of jobs, and remembers."""

    def __init__(self) -> None:
        super().__init__((signal.SIGINT, signal.SIGTERM))
        self.requested = False
        self.children: list[subprocess.Popen[bytes]] = []

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Hand it on, and begin no more jobs."""
        self.requested = True
        for child in list(self.children):
            child.send_signal(number)


def _run(job: Job, stop: Stop, threads: int) -> Outcome:
    return Outcome(job, NOT_RUN) if stop.requested else run_apart(job, threads, stop.children)
