"""Many jobs of one command, and the folders of runs."""

import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from dougong.compose import run_folder

TINY = ["trainer=debug", "tracker=csv", "encoder.layers=1", "embedding.dim=32"]
FEW = ["data.size=50", "data.valid_size=20", "data.test_size=20"]


class Frozen:
    """A clock that stands still."""

    @staticmethod
    def now():
        from datetime import datetime

        return datetime(2030, 1, 2, 3, 4, 5)


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "datetime", Frozen)
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(run_folder.make_run_folder, [str(tmp_path)] * 24))
    names = {folder.rpartition("/")[2] for folder in folders}
    assert names == {"03-04-05", *(f"03-04-05-{number}" for number in range(2, 25))}
    assert len(list((tmp_path / "2030-01-02").iterdir())) == 24


def folder_of(base: str) -> str:
    return run_folder.make_run_folder(base)


def test_processes_that_start_together_get_folders_of_their_own(tmp_path):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len(set(pool.map(folder_of, [str(tmp_path)] * 20, chunksize=1))) == 20


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["seed=1,2,-3"], "seed: must be >= 0, got -3."),
        (["encoder.layers=1,2", "task.max_length=64,2"], "task.max_length: must be >= 3, got 2."),
        (["schedule=constant,linear_warmup", "schedule.warmup=0.1"], "schedule.warmup: there is no such setting."),
        (["experiment=sentiment,none", "data.path=x"], "experiment=none: there is no such experiment."),
    ],
)
def test_every_job_is_checked_before_the_first_is_run(words, line, without_torch):
    assert without_torch("train", "-m", *words).refused().startswith(line)
    assert not list(without_torch.folder.iterdir())


@pytest.mark.slow
def test_every_combination_is_run_in_a_folder_of_its_own(command):
    words = ["seed=1,2", "schedule=constant", "attention=full,[full]"]
    answer = command("train", "-m", *TINY, *FEW, *words)
    assert answer.code == 0, answer.err
    (run,) = command.folder.glob("multirun/*/*")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d(-\d+)?", run.relative_to(command.folder / "multirun").as_posix()
    )
    configs = [yaml.safe_load((run / str(number) / "config.yaml").read_text()) for number in range(4)]
    assert [config["seed"] for config in configs] == [1, 1, 2, 2]
    assert all((run / str(number) / "metrics.csv").is_file() for number in range(4))
