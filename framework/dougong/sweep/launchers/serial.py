"""One job after the other, in this process."""

import logging
import traceback
from collections.abc import Iterator, Sequence

from dougong.errors import UserError
from dougong.registry.plugin import reason
from dougong.sweep.job import NOT_RUN, Job, Outcome, outcome_of
from dougong.sweep.settings import SweepSettings


def launch(jobs: Sequence[Job], settings: SweepSettings) -> Iterator[Outcome]:
    """Run the jobs; after ctrl-C those that are left are not run."""
    stopped = False
    for job in jobs:
        if stopped:
            yield Outcome(job, NOT_RUN)
            continue
        outcome = _run(job)
        stopped = outcome.status == "interrupted"
        yield outcome


def _run(job: Job) -> Outcome:
    from dougong.command_line.train import run_alone

    print(f"\n#{job.number}: {job.label}", flush=True)
    try:
        run_alone(job.arguments())
    except UserError as error:
        return outcome_of(job, str(error))
    except Exception as error:
        # A fault that no user can mend: the trace goes to the job's log, and the other jobs have a right to run.
        logging.getLogger(__name__).error("%s", traceback.format_exc())
        return outcome_of(job, reason(error))
    return outcome_of(job)
