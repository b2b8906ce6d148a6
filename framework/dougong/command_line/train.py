"""`dougong train [KEY=VALUE ...]`: Hydra composes, checks and runs one job, or many with -m."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dougong.command_line.options import parse
from dougong.compose.check import check
from dougong.compose.compose import ROOT, VERSION_BASE, completed, compose, prepare, to_plain, translator
from dougong.compose.conf_folder import conf_folder
from dougong.compose.config_source import current_catalogue
from dougong.compose.hydra_errors import HYDRA_ERRORS
from dougong.compose.sweep import for_sweeper, jobs_of
from dougong.errors import UserError
from dougong.training.processes.follow import dismiss, follow, following
from dougong.training.processes.wanted import DEVICES, in_devices
from dougong.training.run import RunResult, load_config
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
    resumed = [word for word in words.overrides if word.startswith("resume=")]
    if resumed:
        return _resume(resumed[-1].partition("=")[2], [word for word in arguments if word not in resumed])
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
    if jobs.error is not None:
        raise jobs.error
    return 130 if jobs.interrupted else 0


class Jobs:
    """What Hydra calls once for each job. After an error, or ctrl-C, the jobs that are left are not run."""

    def __init__(self) -> None:
        self.error: UserError | None = None
        self.interrupted = False

    def __call__(self, config: DictConfig) -> float | None:
        """Run one job; the main metric is what a sweep optimises."""
        if self.error or self.interrupted:
            return None
        try:
            job = HydraConfig.get()
            checked = check(completed(to_plain(config), list(job.overrides.task)), current_catalogue())
            result = run_training(checked, Path(job.runtime.output_dir))
        except UserError as error:
            self.error = error  # raised when Hydra is done, which would otherwise add lines of its own
            return None
        _report(result)
        self.interrupted = result.status == "interrupted"
        return main_metric(result)


def main_metric(result: RunResult) -> float | None:
    """What a sweep optimises: the first validation metric that is not the loss."""
    names = [name for name in result.metrics if name.startswith("valid/")]
    names.sort(key=lambda name: name == "valid/loss")
    return result.metrics[names[0]] if names else None


def _resume(folder: str, others: list[str]) -> int:
    fixed = [word for word in others if not word.startswith(DEVICES)]
    if fixed:
        raise UserError(f"resume={folder}: a resumed run keeps its own configuration; leave out {' '.join(fixed)}.")
    path = Path(folder).expanduser()
    result = run_training(in_devices(load_config(path), others), path, resume=True)
    _report(result)
    return 130 if result.status == "interrupted" else 0


def _help(overrides: list[str]) -> int:
    from dougong.command_line.train_help import help_text

    print(help_text(overrides))
    return 0


def _report(result: RunResult) -> None:
    from dougong.training import report

    report.finish(result)
