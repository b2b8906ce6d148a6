"""A sweep from the command's words to its table."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from dougong.compose.compose import compose, prepare, with_hydra
from dougong.compose.sweep import Plan, combinations, for_job, plan_of
from dougong.errors import UserError
from dougong.sweep import record, table
from dougong.sweep.job import Job, Outcome, outcome_of
from dougong.sweep.launchers import launcher
from dougong.sweep.record import Record
from dougong.sweep.settings import RESUME, SweepSettings

FAILED = 1
SUBDIR = "${hydra.job.num}"


def run(overrides: list[str], config_dir: str | None) -> int:
    """Run all jobs that prepared overrides ask for.

    Returns:
        The exit code: 0, 1 where a job failed, 130 after ctrl-C.

    Raises:
        UserError: a word is wrong, in any of the jobs; none has been run then.
    """
    plan = plan_of(overrides)
    if plan.settings.search != "all":
        from dougong.sweep.search import Search

        search = Search(plan)
        for words in search.samples():
            compose(words, config_dir)
        launch = _launch(plan.settings)
        begun = _begin(plan, overrides, config_dir)
        return _finish(begun, search.run(begun, _jobs_of(begun, plan), launch))
    jobs = list(combinations(plan.overrides))
    for words in jobs:
        compose(words, config_dir)  # before the first is run
    launch = _launch(plan.settings)
    begun = _begin(plan, overrides, config_dir)
    begun.add(_jobs_of(begun, plan)(jobs))
    return _finish(begun, launch(begun.jobs))


def resume(folder: str, overrides: list[str]) -> int:
    """Run what an earlier sweep has left; the overrides may say where.

    Returns, Raises: as `run`.
    """
    kept = record.read(Path(folder).expanduser().absolute())
    plan = plan_of(prepare(_same(kept, overrides), kept.config_dir))
    return _finish(kept, _go_on(kept, plan))


def _begin(plan: Plan, overrides: list[str], config_dir: str | None) -> Record:
    folder = Path(str(plan.hydra.hydra.sweep.dir)).absolute()
    begun = Record(folder, list(overrides), config_dir)
    begun.begin()
    return begun


def _jobs_of(begun: Record, plan: Plan) -> Callable[[Sequence[Sequence[str]]], list[Job]]:
    """What makes jobs, numbered on from those there are, of their words."""
    hydra: Any = OmegaConf.to_container(plan.hydra.hydra, resolve=False)
    subdir = hydra["sweep"]["subdir"]

    def make(jobs: Sequence[Sequence[str]]) -> list[Job]:
        return [
            Job(number, tuple(words), _folder(begun, number, words, subdir), begun.config_dir, plan.label(words))
            for number, words in zip(count(len(begun.jobs)), jobs, strict=False)
        ]

    return make


def _folder(begun: Record, number: int, words: Sequence[str], subdir: str) -> Path:
    """The folder of a job, within that of the sweep."""
    if subdir == SUBDIR:
        return begun.folder / str(number)
    config = with_hydra(words)
    with open_dict(config):
        config.hydra.job.num, config.hydra.job.id = number, str(number)
        config.hydra.sweep.subdir = subdir
    HydraConfig.instance().set_config(config)
    folder = Path(os.path.normpath(begun.folder / str(config.hydra.sweep.subdir)))
    if begun.folder not in folder.parents:
        raise UserError(f"hydra.sweep.subdir: {folder} is not within the folder of the sweep, {begun.folder}.")
    return folder


def _launch(settings: SweepSettings) -> Callable[[Sequence[Job]], Iterator[Outcome]]:
    """Runs jobs where they are to run, and says what became of each."""
    launch = launcher(settings.launcher)

    def run_jobs(jobs: Sequence[Job]) -> Iterator[Outcome]:
        for outcome in launch(jobs, settings) if jobs else ():
            if settings.launcher != "serial":  # there the job has spoken for itself
                print(f"#{outcome.job.number} {outcome.status}: {outcome.job.label}", flush=True)
            yield outcome

    return run_jobs


def _go_on(kept: Record, plan: Plan) -> Iterator[Outcome]:
    before = [outcome_of(job) for job in kept.jobs]
    done = [outcome for outcome in before if outcome.done]
    left = [outcome.job for outcome in before if not outcome.done]
    for job in left:
        if not any((job.folder / "checkpoints").glob("*.ckpt")):  # killed before, or while, it saved for the first time
            shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)
    print(f"{os.path.relpath(kept.folder)}: {len(done)} of {len(before)} jobs are done; {len(left)} to run", flush=True)
    if plan.settings.search != "all":
        from dougong.sweep.search import Search

        yield from Search(plan).run(kept, _jobs_of(kept, plan), _launch(plan.settings))
        return
    yield from done
    yield from _launch(plan.settings)(left)


def _same(kept: Record, overrides: Sequence[str]) -> list[str]:
    """The words of an earlier sweep; where they are said again, they have to be the same.

    Those that say where jobs run may be others.
    """
    kept.reveal(overrides)
    mine, before = for_job(overrides), for_job(kept.words)
    if mine and sorted(mine) != sorted(before):
        raise UserError(f"{RESUME}{kept.folder}: a sweep that goes on keeps its own words; leave out {' '.join(mine)}.")
    about_sweep = [word for word in overrides if word not in mine]
    return [*kept.words, *about_sweep]


def _finish(begun: Record, outcomes: Iterator[Outcome]) -> int:
    """Run, show what came of it, and tell the exit code."""
    found = list(outcomes)
    table.write(found, begun.folder)
    table.show(found, begun.folder)
    for line in table.failures(found):
        print(line, file=sys.stderr)
    left = [item for item in found if not item.done]
    if left:
        again = f"{RESUME}{shlex.quote(os.path.relpath(begun.folder))}"
        print(f"{len(left)} jobs are left; go on with: dougong train -m {again}", file=sys.stderr)
    if any(item.status in ("interrupted", "not run") for item in left):
        return 130
    return FAILED if left else 0
