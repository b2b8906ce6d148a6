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
        (["schedule=constant,linear_warmup", "schedule.final=0.1"], "schedule.final: there is no such setting."),
        (["experiment=sentiment,none", "data.path=x"], "experiment=none: there is no such experiment."),
    ],
)
def test_every_job_is_checked_before_the_first_is_run(words, line, without_torch):
    assert without_torch("train", "-m", *words).refused().startswith(line)
    assert not list(without_torch.folder.iterdir())


@pytest.mark.parametrize("how", ["-m", "hydra.mode=MULTIRUN"])
def test_the_jobs_that_a_file_asks_for_are_checked_as_well(how, without_torch, write):
    text = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      encoder.layers: 1,0\n"
    folder = write("conf/experiment/layers.yaml", text).parents[1]
    answer = without_torch("train", how, "experiment=layers", "--config-dir", str(folder))
    assert answer.refused() == "encoder.layers: must be >= 1, got 0."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed=1,2", "tracker=csv"], [["seed=1", "tracker=csv"], ["seed=2", "tracker=csv"]]),
        (["attention=[full,local],full"], [["attention=[full,local]"], ["attention=full"]]),
        (["seed=range(3)"], [["seed=0"], ["seed=1"], ["seed=2"]]),
    ],
)
def test_each_combination_is_a_job(words, expected):
    from dougong.compose.compose import prepare
    from dougong.compose.sweep import jobs_of

    assert [sorted(job) for job in jobs_of(prepare(words))] == [sorted(job) for job in expected]


def test_a_setting_that_only_what_is_swept_has_is_left_for_the_jobs(without_torch, write):
    folder = write(
        "conf/experiment/mine.yaml", "# @package _global_\ndefaults: [override /data: text_table]\n"
    ).parents[1]
    words = ["experiment=sentiment,mine", "data.path=missing", "--config-dir", str(folder)]
    answer = without_torch("train", "-m", *words)
    assert answer.code == 1
    assert "#0 experiment=sentiment: data.path: missing is not a folder.\n" in answer.err
    assert "#1 experiment=mine: data.path: missing is not a folder.\n" in answer.err


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
