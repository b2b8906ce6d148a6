"""Searches by Optuna."""

import json

import pytest
from runs import TINY
from test_sweep_runs import statuses, sweep, table

from dougong.command_line.main import main

optuna = pytest.importorskip("optuna")
SEARCH = ["sweep=optuna", "sweep.trials=3", "optimizer.lr=tag(log,interval(1e-4,1e-2))", "loader.batch_size=8,16"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def study(folder):
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "optuna.log"))
    return optuna.load_study(study_name="dougong", storage=optuna.storages.JournalStorage(backend))


def test_what_is_found_is_told_to_the_search_and_a_search_can_be_gone_on_with(tmp_path, capfd):
    folder = tmp_path / "sweep"
    assert sweep(folder, *SEARCH, "trainer.max_epochs=1") == 0
    rows = table(folder)
    assert all(1e-4 <= float(row["optimizer.lr"]) <= 1e-2 for row in rows)
    assert {row["loader.batch_size"] for row in rows} <= {"8", "16"}
    assert study(folder).direction.name == "MAXIMIZE"
    found = {trial.params["optimizer.lr"]: trial.value for trial in study(folder).trials}
    assert found == {float(row["optimizer.lr"]): pytest.approx(float(row["accuracy"]), abs=5e-5) for row in rows}
    capfd.readouterr()
    assert main(["train", "-m", f"sweep.resume={folder}", "sweep.trials=4"]) == 0
    assert len(table(folder)) == 4
    assert {row["optimizer.lr"] for row in rows} < {row["optimizer.lr"] for row in table(folder)}


def test_a_job_that_failed_is_run_again_with_the_same_values(tmp_path):
    folder = tmp_path / "sweep"
    words = ["sweep=optuna", "sweep.search=random", "sweep.trials=2", "optimizer.lr=interval(1e-4,1e-2)"]
    assert sweep(folder, *words, "callback.flaky.how=error", "trainer.max_epochs=1") == 1
    before = {row["job"]: row["optimizer.lr"] for row in table(folder)}
    assert sorted(statuses(folder).values()) == ["failed", "finished"]
    assert main(["train", "-m", f"sweep.resume={folder}"]) == 0
    assert {row["job"]: row["optimizer.lr"] for row in table(folder)} == before
    assert statuses(folder) == {"0": "finished", "1": "finished"}


def test_a_hopeless_job_is_stopped_after_a_validation(tmp_path, monkeypatch):
    asked = []

    def prune(self, study, trial):
        asked.append((trial.number, dict(trial.intermediate_values)))
        return trial.number == 1

    monkeypatch.setattr(optuna.pruners.MedianPruner, "prune", prune)
    folder = tmp_path / "sweep"
    assert sweep(folder, *SEARCH[:1], "sweep.trials=2", "optimizer.lr=interval(1e-3,2e-3)") == 0
    assert statuses(folder) == {"0": "finished", "1": "pruned"}
    records = [json.loads((folder / number / "run.json").read_text()) for number in ("0", "1")]
    assert "pruned" not in records[0]
    assert records[1]["pruned"] == 4
    assert [trial.state.name for trial in study(folder).trials] == ["COMPLETE", "PRUNED"]
    # Every validation of the first was reported, at its update; of the second, the first alone.
    assert list(asked[3][1]) == [4, 8, 12, 16]
    assert [list(values) for number, values in asked if number == 1] == [[4]]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["sweep=optuna"], "sweep=optuna: there is nothing to search"),
        (["sweep=optuna", "optimizer.lr=interval(1e-3,-1)"], "optimizer.lr=interval(1e-3,-1): "),
        (["sweep=optuna", "optimizer.lr=interval(-1,1e-3)"], "optimizer.lr: must be "),
        (["sweep=optuna", "encoder.layers=0,1"], "encoder.layers: must be >= 1, got 0."),
        (["optimizer.lr=interval(1e-4,1e-3)"], "optimizer.lr=interval(1e-4,1e-3): a range has no end of values"),
    ],
)
def test_what_can_not_be_searched_is_refused_before_anything_is_run(words, line, capfd, tmp_path):
    assert main(["train", "-m", *TINY, *words]) == 2
    said = capfd.readouterr().err
    assert said.startswith(line)
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
