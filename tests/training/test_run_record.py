"""What a run leaves in its folder for those who look at it later."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs import TINY, train

from dougong.runs.predictions import read_predictions
from dougong.runs.read import read_run
from dougong.runs.words import command
from dougong.training.lifetime import beginning, ending
from dougong.training.run import failure_recorded, read_record


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(tmp_path_factory.mktemp("finished") / "run")


def test_a_run_records_its_beginning_and_end_its_process_and_its_memory(finished):
    record = json.loads((finished.folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "finished"
    assert 0 < record["ended"] - record["started"] <= record["seconds"] + 0.1
    assert record["peak_memory_mib"] > 10
    assert record["error"] is None
    run = read_run(finished.folder)
    assert (run.state, run.main_metric, run.problems) == ("done", "valid/accuracy", [])


def test_saved_predictions_have_the_metric_that_was_reported(finished):
    found = read_predictions(finished.folder, "test")
    assert found.metric == "accuracy"
    assert len(set(found.identities)) == len(found.scores) == 20
    assert found.scores.mean() == pytest.approx(finished.metrics["test/accuracy"])
    assert sorted(found.wrong) == np.flatnonzero(found.scores < 1).tolist()
    text, expected, predicted = next(iter(found.wrong.values()))
    assert text
    assert expected != predicted


def test_another_training_on_the_same_data_has_the_same_records(finished, tmp_path):
    other = train(tmp_path / "run", "seed=7", "trainer.max_updates=1")
    identities = [read_predictions(result.folder, "test").identities for result in (finished, other)]
    assert identities[0] == identities[1]


def test_predictions_can_be_left_out(tmp_path):
    result = train(tmp_path / "run", "save_predictions=false", "trainer.max_updates=1")
    assert not (result.folder / "predictions").exists()


def test_a_task_that_shows_its_errors_itself_is_saved_in_its_words(tmp_path):
    result = train(tmp_path / "run", "task=tagging", "trainer.max_updates=1")
    found = read_predictions(result.folder, "test")
    assert found.metric == "f1"
    assert found.wrong
    assert all(len(words) == 3 for words in found.wrong.values())


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("bad\nluck"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_what_ends_a_run_is_recorded(error, status, tmp_path):
    with pytest.raises(type(error)), failure_recorded(tmp_path):
        raise error
    record = read_record(tmp_path)
    assert record["status"] == status
    assert record["error"].startswith(type(error).__name__)
    assert "\n" not in record["error"]
    assert record["ended"] > 0


def test_a_run_that_goes_on_keeps_its_start_and_adds_up_its_seconds():
    record = {"started": 5.0, "seconds": 100.0}
    assert beginning(record)["started"] == 5.0
    assert ending(record, 3.25)["seconds"] == 103.2


@pytest.mark.parametrize("content", ["", "{", '{"version": 1}\n[]', '{"version": 9, "records": 0, "metric": "a"}\n'])
def test_damaged_predictions_are_none(tmp_path, content):
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "test.jsonl").write_text(content)
    assert read_predictions(tmp_path, "test") is None


def test_the_words_that_made_a_run_are_kept_and_make_it_again(tmp_path):
    words = ["seed=3", "trainer.max_updates=1", "test=false"]
    train(tmp_path / "run", *words)
    assert read_record(tmp_path / "run")["words"][-3:] == words
    assert command(read_run(tmp_path / "run")).endswith(" seed=3 trainer.max_updates=1 test=false")


@pytest.mark.slow
def test_the_command_line_keeps_its_words_without_secrets_and_says_where_to_look(tmp_path):
    words = [
        *TINY,
        "trainer.max_updates=1",
        "test=false",
        "tracker.wandb.entity=https://me:hidden@host",
        "tracker=wandb",
    ]
    folder = tmp_path / "run"
    environment = {**os.environ, "WANDB_MODE": "offline", "HOME": str(tmp_path)}
    said = [sys.executable, "-m", "dougong", "train", *words, f"hydra.run.dir={folder}"]
    done = subprocess.run(said, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    kept = read_record(folder)["words"]
    assert kept[: len(TINY)] == TINY
    assert "tracker.wandb.entity=https://me:***@host" in kept
    ending = done.stdout.partition("Try next:")[2]
    assert "dougong runs " in ending
    assert "dougong dashboard" in ending
    assert f"wandb beta leet {Path('run', 'wandb', 'latest-run')} " in ending
