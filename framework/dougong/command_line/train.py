"""`dougong train [KEY=VALUE ...]`: Hydra composes one job, which is checked and run; or many with -m."""

import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dougong.command_line.options import Words, parse
from dougong.compose.check import Config, check
from dougong.compose.compose import GROUPS, ROOT, VERSION_BASE, completed, compose, prepare, to_plain, translator
from dougong.compose.conf_folder import conf_folder
from dougong.compose.config_source import current_catalogue
from dougong.compose.hydra_errors import HYDRA_ERRORS
from dougong.compose.sweep import asks_for_many
from dougong.errors import UserError
from dougong.secrets import HIDDEN, hidden, hide_all, hide_word
from dougong.sweep.settings import RESUME
from dougong.training.run import RunResult, failure_recorded, load_config
from dougong.training.run import run as run_training


def run(arguments: list[str]) -> int:
    """Train."""
    words = parse(arguments)
    list(map(hide_word, words.overrides))  # known from now on, wherever they come up
    resumed = [word for word in words.overrides if word.startswith("resume=")]
    if resumed:
        return _resume(resumed[-1].partition("=")[2], [word for word in arguments if word not in resumed])
    job = SingleJob()
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
    if job.error is not None:
        raise job.error
    return 130 if job.interrupted else 0


class SingleJob:
    """What Hydra calls once it has composed the configuration, made the folder and set up the log."""

    def __init__(self) -> None:
        self.error: UserError | None = None
        self.interrupted = False

    def __call__(self, config: DictConfig) -> None:
        """Run the job."""
        job = HydraConfig.get()
        sys.argv = [hide_word(word) for word in sys.argv]  # which trackers look at
        folder = Path(job.runtime.output_dir)
        try:
            with failure_recorded(folder):
                checked = check(completed(to_plain(config), list(job.overrides.task)), current_catalogue())
                result = run_training(checked, folder)
        except UserError as error:
            self.error = error  # raised when Hydra is done, which would otherwise add lines of its own
            return
        _report(result)
        self.interrupted = result.status == "interrupted"


def _from_files(words: Words) -> bool:
    """Whether Hydra's own part may come from a file of the user's, or from the command line."""
    groups = tuple(f"{sign}{group}" for sign in ("", "+") for group in (*GROUPS, "hydra"))
    return words.config_dir is not None or any(word.lstrip("~").startswith(groups) for word in words.overrides)


def _check_alone(words: Words) -> None:
    """Whether something was said that only a sweep reads."""
    for word in words.overrides if not words.many and "hydra.mode=RUN" not in words.overrides else ():
        if word.lstrip("+").startswith(("sweep=", "sweep.")):
            raise UserError(f"{word}: goes with -m, which runs many jobs.")


def _resume(folder: str, others: list[str]) -> int:
    path = Path(folder).expanduser()
    config = load_config(path) if not others or path.is_dir() else {}
    if others := _given_again(config, others):
        raise UserError(f"resume={folder}: a resumed run keeps its own configuration; leave out {' '.join(others)}.")
    for key in hidden(config):
        raise UserError(f"{key}: its secret part was not kept; say dougong train resume={folder} {key}=...")
    sys.argv = [hide_word(word) for word in sys.argv]
    with failure_recorded(path):
        result = run_training(config, path, resume=True)
    _report(result)
    return 130 if result.status == "interrupted" else 0


def _given_again(config: Config, words: list[str]) -> list[str]:
    """Put back what is hidden in the configuration of a run and is said again; the words that are something else."""
    others = []
    for word in words:
        key, _, value = word.partition("=")
        *parts, name = key.split(".")
        node: Any = config
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict) and HIDDEN in str(node.get(name)) and node[name] == hide_all(value, name):
            node[name] = value
        else:
            others.append(word)
    return others


def _help(overrides: list[str]) -> int:
    from dougong.command_line.train_help import help_text

    print(help_text(overrides))
    return 0


def _report(result: RunResult) -> None:
    from dougong.training import report

    report.finish(result)
