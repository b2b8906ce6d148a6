"""`sweep.json`: which jobs a sweep has, so that it can be gone on with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dougong.errors import UserError
from dougong.secrets import HIDDEN, hide_word
from dougong.sweep.job import Job
from dougong.training.run import write_text

FILE = "sweep.json"


@dataclass
class Record:
    """What is known of a sweep beside its jobs' folders.

    Args:
        folder: of the sweep.
        words: what followed `dougong train -m`.
        config_dir: the folder of `--config-dir`.
        jobs: the words and the folder of each.
    """

    folder: Path
    words: list[str]
    config_dir: str | None = None
    jobs: list[Job] = field(default_factory=list)

    def begin(self) -> None:
        """Take the folder for this sweep alone.

        Raises:
            UserError: it has a sweep already.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            (self.folder / FILE).open("x").close()
        except FileExistsError:
            say = f"go on with it by sweep.resume={self.folder}, or take another folder"
            raise UserError(f"hydra.sweep.dir: {self.folder} holds a sweep already; {say}.") from None
        self.write()

    def add(self, jobs: Sequence[Job]) -> None:
        """Jobs that are about to be run.

        Raises:
            UserError: two jobs would have one folder.
        """
        taken = {job.folder for job in self.jobs}
        for job in jobs:
            if job.folder in taken:
                raise UserError(f"hydra.sweep.subdir: two jobs would share {job.folder}; say what tells them apart.")
            taken.add(job.folder)
        self.jobs += jobs
        self.write()

    def write(self) -> None:
        """Write the file."""
        jobs = [
            {
                "label": job.label,
                "words": list(map(hide_word, job.words)),
                "folder": str(job.folder.relative_to(self.folder)),
            }
            for job in self.jobs
        ]
        content = {"words": list(map(hide_word, self.words)), "config_dir": self.config_dir, "jobs": jobs}
        write_text(self.folder / FILE, json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    def reveal(self, given: Sequence[str]) -> None:
        """Take from words that are given again what was hidden in those that were kept.

        Raises:
            UserError: they don't have it.
        """
        said = {hide_word(word): word for word in given}
        self.words = [said.get(word, word) for word in self.words]
        self.jobs = [replace(job, words=tuple(said.get(word, word) for word in job.words)) for job in self.jobs]
        for word in {*self.words, *(word for job in self.jobs for word in job.words)}:
            if HIDDEN in word:
                raise UserError(f"{word}: its secret part was not kept; say all words of the sweep again.")


def read(folder: Path) -> Record:
    """The record of an earlier sweep.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"sweep.resume: {folder} holds no sweep; its folder has a {FILE}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        words, config_dir = _words(content["words"]), content["config_dir"]
        jobs = [_job(number, entry, folder, config_dir) for number, entry in enumerate(content["jobs"])]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({type(error).__name__}: {error}).") from error
    return Record(folder, words, config_dir, jobs)


def _job(number: int, entry: dict[str, Any], folder: Path, config_dir: str | None) -> Job:
    path = (folder / str(entry["folder"])).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{entry['folder']} is no folder of this sweep")
    return Job(number, tuple(_words(entry["words"])), path, config_dir, str(entry["label"]))


def _words(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        raise TypeError("the words are no texts")
    return given
