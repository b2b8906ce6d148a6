"""Sweeps that are really run: nothing that becomes of one job is to the loss of the others."""

import csv
import json
from pathlib import Path

import pytest
from runs import TINY, assert_same, weights

from dougong.command_line.main import main

PLUGINS = Path(__file__).parent / "plugins"
WORDS = [*TINY, "trainer.save_every=2", "trainer.validate_every=4", f"plugin_path={PLUGINS}", "callback=flaky"]


def sweep(folder: Path, *words: str) -> int:
    return main(["train", "-m", *WORDS, f"hydra.sweep.dir={folder}", f"callback.flaky.marks={folder}/marks", *words])


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "jobs.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def statuses(folder: Path) -> dict[str, str]:
    return {row["job"]: row["status"] for row in table(folder)}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep in which nothing went wrong."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    assert sweep(folder, "seed=1,2,3") == 0
    return folder


def test_the_jobs_are_side_by_side_the_best_first(whole):
    rows = table(whole)
    assert list(rows[0]) == ["job", "seed", "accuracy", "status", "seconds"]
    scores = [float(row["accuracy"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    for row in rows:
        record = json.loads((whole / row["job"] / "run.json").read_text())
        assert row["accuracy"] == f"{record['metrics']['valid/accuracy']:.4f}"
        assert f"seed: {row['seed']}\n" in (whole / row["job"] / "config.yaml").read_text()


def test_a_job_that_fails_is_listed_and_run_again_and_loses_no_other(whole, tmp_path, capfd):
    folder = tmp_path / "a sweep, with=signs"
    words = ["callback.flaky.how=not,error", "seed=1"]
    places = [f"hydra.sweep.dir='{folder}'", f"callback.flaky.marks='{folder}/marks'"]
    code = main(["train", "-m", *WORDS, *places, *words])
    said = capfd.readouterr()
    assert code == 1
    assert "1 of 2 jobs failed:\n#1 callback.flaky.how=error: RuntimeError: it is broken\n" in said.err
    assert statuses(folder) == {"0": "finished", "1": "failed"}
    assert "it is broken" in (folder / "1" / "train.log").read_text()  # with the trace
    first = (folder / "0" / "run.json").stat().st_mtime_ns
    assert main(["train", "-m", f"sweep.resume={folder}"]) == 0
    assert statuses(folder) == {"0": "finished", "1": "finished"}
    assert (folder / "0" / "run.json").stat().st_mtime_ns == first
    # It went on from its checkpoint, and ended where it would have.
    for number in ("0", "1"):
        assert_same(weights(folder / number), weights(whole / "0"))


def test_after_ctrl_c_the_rest_waits_to_be_resumed(whole, tmp_path, capfd):
    folder = tmp_path / "sweep"
    assert sweep(folder, "callback.flaky.how=ctrl_c,not", "seed=1") == 130
    assert statuses(folder) == {"0": "interrupted", "1": "not run"}
    assert "go on with: dougong train -m sweep.resume=sweep" in capfd.readouterr().err
    assert main(["train", "-m", "sweep.resume=sweep"]) == 0
    assert "0 of 2 jobs are done; 2 to run" in capfd.readouterr().out
    for number in ("0", "1"):
        assert_same(weights(folder / number), weights(whole / "0"))


def test_another_sweep_can_not_take_the_folder(whole, capfd):
    assert sweep(whole, "seed=5") == 2
    assert "holds a sweep already; go on with it by sweep.resume=" in capfd.readouterr().err
    assert sweep(whole.parent / "other", "seed=5,6", "hydra.sweep.subdir=same") == 2
    assert "hydra.sweep.subdir: two jobs would share" in capfd.readouterr().err
    assert sweep(whole.parent / "third", "seed=5,6", "hydra.sweep.subdir=../${hydra:job.num}") == 2
    assert "is not within the folder of the sweep" in capfd.readouterr().err


@pytest.mark.slow
def test_jobs_in_processes_survive_one_that_is_killed(whole, tmp_path, capfd):
    folder = tmp_path / "sweep"
    words = ["sweep=joblib", "sweep.at_once=2", "seed=1", "callback.flaky.how=kill,not"]
    assert sweep(folder, *words) == 1
    assert "#0 callback.flaky.how=kill: ended by signal 9" in capfd.readouterr().err
    assert statuses(folder) == {"0": "failed", "1": "finished"}
    assert "finished" in (folder / "1" / "output.log").read_text()
    # The launcher may be another one than before.
    assert main(["train", "-m", f"sweep.resume={folder}", "sweep.launcher=serial"]) == 0
    for number in ("0", "1"):
        assert_same(weights(folder / number), weights(whole / "0"))


@pytest.mark.slow
def test_jobs_of_submitit_are_run_also_without_slurm(whole, tmp_path, capfd):
    pytest.importorskip("submitit")
    folder = tmp_path / "sweep"
    words = ["sweep=submitit", "sweep.cluster.cluster=local", "callback.flaky.how=error,not", "seed=1"]
    assert sweep(folder, *words) == 1
    assert "#0 callback.flaky.how=error: RuntimeError: it is broken" in capfd.readouterr().err
    assert statuses(folder) == {"1": "finished", "0": "failed"}
    assert_same(weights(folder / "1"), weights(whole / "0"))
