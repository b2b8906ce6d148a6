"""Where the jobs of a search find their study."""

import json
import os
from pathlib import Path
from typing import Any

from dougong.errors import UserError
from dougong.training.run import write_text

STORAGE = "optuna.log"
NAME = "dougong"
TRIAL_FILE = "trial.json"
PRUNERS = {"median": "MedianPruner", "halving": "SuccessiveHalvingPruner", "none": "NopPruner"}


def storage(path: Path) -> Any:
    """A study's results in one file, which several processes and machines may write to."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.storages.JournalStorage(JournalFileBackend(str(path)))


def note_trial(folder: Path, trial: int, sweep: Path, pruner: str) -> None:
    """Tell a job, in its folder, which trial it is."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"storage": os.path.relpath(sweep / STORAGE, folder), "trial": trial, "pruner": pruner}
    write_text(folder / TRIAL_FILE, json.dumps(content) + "\n")


def trial_of(folder: Path) -> Any:
    """The trial that a run is, or None where it belongs to no search that prunes.

    Raises:
        UserError: what its folder says of it is damaged, or Optuna is not installed.
    """
    path = folder / TRIAL_FILE
    if not path.is_file():
        return None
    try:
        import optuna
    except ImportError as error:
        raise UserError(f'{path}: belongs to a search; pip install "dougong[sweep]"') from error
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["pruner"] == "none":
            return None
        pruner = getattr(optuna.pruners, PRUNERS[content["pruner"]])()
        path_of_study = (folder / content["storage"]).resolve()
        if path_of_study.name != STORAGE or path_of_study.parent not in folder.resolve().parents:
            raise ValueError("not the study of the sweep that the folder lies in")
        study = optuna.load_study(study_name=NAME, storage=storage(path_of_study), pruner=pruner)
        return optuna.trial.Trial(study, int(content["trial"]))
    except Exception as error:  # whatever is in the two files
        raise UserError(f"{path}: damaged, or its study is gone ({type(error).__name__}).") from error
