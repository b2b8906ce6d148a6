"""`dougong train [KEY=VALUE ...]`: Hydra composes, checks and runs one job, or many with -m."""

import logging
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dougong.command_line.options import Words, parse
from dougong.compose.check import check
from dougong.compose.compose import (
    ROOT,
    VERSION_BASE,
    completed,
    compose,
    prepare,
    run_folder_of,
    to_plain,
    translator,
)
from dougong.compose.conf_folder import conf_folder
from dougong.compose.config_source import current_catalogue
from dougong.compose.hydra_errors import HYDRA_ERRORS, folder_problem
from dougong.compose.sweep import for_sweeper, jobs_of
from dougong.errors import UserError
from dougong.training.processes.follow import dismiss, follow, following
from dougong.training.resume import AUTO, resume, split_words, unfinished
from dougong.training.run import RunResult
from dougong.training.run import run as run_training


def run(arguments: list[str]) -> int:
    """Train."""
    if following():
        return follow()
    code = _run(arguments)
    dismiss()
    return code


def _run(arguments: list[str]) -> int:
    words = parse(arguments)
    logging.raiseExceptions = False  # a log that can't be written is not worth a trace on the screen
    named, words.overrides = split_words(words.overrides)
    if named not in (None, AUTO):
        return _go_on(named, [word for word in arguments if not word.startswith("resume=")])
    if named == AUTO and not words.asking and (earlier := _earlier(words)):
        return _go_on(str(earlier), [])
    jobs = Jobs()
    try:
        prepared = prepare(words.overrides, words.config_dir)
        if "--help" in words.options:
            return _help(prepared)
        if not words.asking:
            # Before Hydra makes a folder, and before the first of many jobs is run.
            for job_overrides in jobs_of(prepared) if words.many else [prepared]:
                compose(job_overrides, words.config_dir)
        # Overrides first: Hydra takes no override that stands behind an option.
        sys.argv = ["dougong train", *(for_sweeper(prepared) if words.many else prepared), *words.options]
        hydra.main(version_base=VERSION_BASE, config_path=str(conf_folder()), config_name=ROOT)(jobs)()
    except HYDRA_ERRORS as error:
        raise translator(words.overrides).translate(error) from error
    except OSError as error:
        if jobs.running:
            raise
        raise UserError(folder_problem(error)) from error
    if jobs.error is not None:
        raise jobs.error
    return jobs.exit_code


def _earlier(words: Words) -> Path | None:
    """The run that `resume=auto` is."""
    if words.many:
        raise UserError("resume=auto: goes on with one run; leave it out where many are run.")
    config = compose(words.overrides, words.config_dir)
    found = unfinished(config, run_folder_of(words.overrides))
    if found is None:
        print("resume=auto: there is no unfinished run of this configuration that has saved; a new one begins.")
    return found


def _go_on(name: str, words: list[str]) -> int:
    # As Hydra's job_logging=run does for a run that begins.
    file = logging.FileHandler(Path(name).expanduser() / "train.log", encoding="utf-8", delay=True)
    file.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[file, console])
    result = resume(name, words)
    _report(result)
    return result.exit_code


class Jobs:
    """What Hydra calls once for each job. After an error, or a request to stop, the jobs that are left are not run."""

    def __init__(self) -> None:
        self.error: UserError | None = None
        self.exit_code = 0
        self.running = False

    def __call__(self, config: DictConfig) -> float | None:
        """Run one job; the main metric is what a sweep optimises."""
        if self.error or self.exit_code:
            return None
        try:
            job = HydraConfig.get()
            checked = check(completed(to_plain(config), list(job.overrides.task)), current_catalogue())
            self.running = True
            result = run_training(checked, Path(job.runtime.output_dir))
            self.running = False
        except UserError as error:
            self.running = False
            self.error = error  # raised when Hydra is done, which would otherwise add lines of its own
            return None
        _report(result)
        self.exit_code = result.exit_code
        return main_metric(result)


def main_metric(result: RunResult) -> float | None:
    """What a sweep optimises: the first validation metric that is not the loss."""
    names = [name for name in result.metrics if name.startswith("valid/")]
    names.sort(key=lambda name: name == "valid/loss")
    return result.metrics[names[0]] if names else None


def _help(overrides: list[str]) -> int:
    from dougong.command_line.train_help import help_text

    print(help_text(overrides))
    return 0


def _report(result: RunResult) -> None:
    from dougong.training import report

    report.finish(result)
