"""`dougong train [KEY=VALUE ...]`: Hydra composes one job, which is checked and run; or many with -m."""

import logging
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dougong.command_line.options import Words, parse
from dougong.compose.check import check
from dougong.compose.compose import (
    GROUPS,
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
from dougong.compose.sweep import asks_for_many
from dougong.errors import UserError
from dougong.secrets import Formatter, hide_word
from dougong.sweep.settings import RESUME
from dougong.training.processes.follow import dismiss, follow, following
from dougong.training.resume import AUTO, resume, split_words, unfinished
from dougong.training.run import RunResult, failure_recorded
from dougong.training.run import run as run_training


def run(arguments: list[str]) -> int:
    """Train."""
    if following():
        return follow()
    code = run_alone(arguments)
    dismiss()
    return code


def run_alone(arguments: list[str]) -> int:
    """Train, and keep the other processes for more."""
    words = parse(arguments)
    list(map(hide_word, words.overrides))  # known from now on, wherever they come up
    logging.raiseExceptions = False  # a log that can't be written is not worth a trace on the screen
    named, words.overrides = split_words(words.overrides)
    if named not in (None, AUTO):
        return _go_on(named, [word for word in arguments if not word.startswith("resume=")])
    if named == AUTO and not words.asking and (earlier := _earlier(words)):
        return _go_on(str(earlier), [])
    job = SingleJob(words)
    continued = [word for word in words.overrides if word.startswith(RESUME)]
    try:
        if continued and words.many:
            from dougong.sweep.run import resume

            return resume(
                continued[-1].removeprefix(RESUME), [item for item in words.overrides if item not in continued]
            )
        _check_alone(words)
        prepared = prepare(words.overrides, words.config_dir)
        if "--help" in words.options:
            return _help(prepared)
        if not words.asking:
            if words.many or (_from_files(words) and asks_for_many(prepared)):
                from dougong.sweep.run import run as run_sweep

                return run_sweep(prepared, words.config_dir)
            compose(prepared, words.config_dir)  # before Hydra makes a folder
        # Overrides first: Hydra takes no override that stands behind an option.
        sys.argv = ["dougong train", *prepared, *words.options]
        hydra.main(version_base=VERSION_BASE, config_path=str(conf_folder()), config_name=ROOT)(job)()
    except HYDRA_ERRORS as error:
        raise translator(words.overrides).translate(error) from error
    except OSError as error:
        if job.running:
            raise
        raise UserError(folder_problem(error)) from error
    if job.error is not None:
        raise job.error
    return job.exit_code


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
    file.setFormatter(Formatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[file, console])
    sys.argv = [hide_word(word) for word in sys.argv]  # which trackers look at
    result = resume(name, words)
    _report(result)
    return result.exit_code


class SingleJob:
    """What Hydra calls once it has composed the configuration, made the folder and set up the log."""

    def __init__(self, words: Words) -> None:
        self.words = [word for word in words.overrides if not word.startswith("hydra.")]
        self.words += ["--config-dir", words.config_dir] if words.config_dir else []
        self.error: UserError | None = None
        self.exit_code = 0
        self.running = False

    def __call__(self, config: DictConfig) -> None:
        """Run the job."""
        job = HydraConfig.get()
        sys.argv = [hide_word(word) for word in sys.argv]  # which trackers look at
        folder = Path(job.runtime.output_dir)
        try:
            with failure_recorded(folder):
                checked = check(completed(to_plain(config), list(job.overrides.task)), current_catalogue())
                self.running = True
                result = run_training(checked, folder, words=self.words)
                self.running = False
        except UserError as error:
            self.running = False
            self.error = error  # raised when Hydra is done, which would otherwise add lines of its own
            return
        _report(result)
        self.exit_code = result.exit_code


def _from_files(words: Words) -> bool:
    """Whether Hydra's own part may come from a file of the user's, or from the command line."""
    groups = tuple(f"{sign}{group}" for sign in ("", "+") for group in (*GROUPS, "hydra"))
    return words.config_dir is not None or any(word.lstrip("~").startswith(groups) for word in words.overrides)


def _check_alone(words: Words) -> None:
    """Whether something was said that only a sweep reads."""
    for word in words.overrides if not words.many and "hydra.mode=RUN" not in words.overrides else ():
        if word.lstrip("+").startswith(("sweep=", "sweep.")):
            raise UserError(f"{word}: goes with -m, which runs many jobs.")


def _help(overrides: list[str]) -> int:
    from dougong.command_line.train_help import help_text

    print(help_text(overrides))
    return 0


def _report(result: RunResult) -> None:
    from dougong.training import report

    report.finish(result)
