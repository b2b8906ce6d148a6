"""One job of a sweep, and what became of it, as far as its folder tells."""

import sys
from dataclasses import dataclass
from pathlib import Path

from dougong.training.run import read_record

NOT_RUN = "not run"


@dataclass(frozen=True)
class Job:
    """A run of a sweep.

    Args:
        number: in the sweep.
        words: what follows `dougong train`, without the folder.
        folder: its own.
        config_dir: the folder of `--config-dir`.
        label: those of its words that tell it from the others.
    """

    number: int
    words: tuple[str, ...]
    folder: Path
    config_dir: str | None = None
    label: str = ""

    def arguments(self) -> list[str]:
        """What follows `dougong train`: as if a user ran this job alone, or went on with it."""
        if any((self.folder / "checkpoints").glob("*.ckpt")):
            return [f"resume={self.folder}"]
        options = ["--config-dir", self.config_dir] if self.config_dir else []
        return [*self.words, "hydra.mode=RUN", f"hydra.run.dir={quoted(str(self.folder))}", *options]

    def command(self) -> list[str]:
        """The job as a process of its own; -P, since what lies in the working directory is nobody's choice."""
        return [sys.executable, "-P", "-m", "dougong", "train", *self.arguments()]


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        status: "finished", "pruned", "interrupted", "failed" or "not run".
        metric: the name of the task's main metric, where the run came so far.
        value: of the main metric: that of the best checkpoint, on the validation split.
        error: of a job that failed, in a line.
    """

    job: Job
    status: str
    metric: str | None = None
    value: float | None = None
    higher_is_better: bool = False
    seconds: float | None = None
    error: str | None = None

    @property
    def done(self) -> bool:
        """Whether there is nothing left to run."""
        return self.status in ("finished", "pruned")


def outcome_of(job: Job, error: str | None = None) -> Outcome:
    """What a job's folder tells.

    Args:
        error: what is known of a failure beside it.
    """
    record = read_record(job.folder)
    facts, metrics = record.get("facts") or {}, record.get("metrics") or {}
    metric = facts.get("main_metric")
    status = str(record.get("status") or NOT_RUN)
    if status == "finished" and record.get("pruned"):
        status = "pruned"
    elif status == "running" or (error and status not in ("finished", "interrupted")):
        status = "failed"  # nobody is left who could change it
    told = (record.get("error") or error or "ended without a word") if status == "failed" else None
    value = metrics.get(f"valid/{metric}", metrics.get(f"test/{metric}"))
    better = bool(facts.get("higher_is_better"))
    return Outcome(job, status, metric, value, better, record.get("seconds"), told)


def quoted(text: str) -> str:
    """A text as a value of Hydra's, whatever is in it."""
    escaped = text.replace("\\'", "\\\\'").replace("'", "\\'")
    return f"'{escaped}'"
