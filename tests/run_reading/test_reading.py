"""Run folders are read in whatever state they are."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from run_folders import config, write_run

from dougong.errors import UserError
from dougong.runs.curves import read_curves
from dougong.runs.folders import find_runs
from dougong.runs.read import read_run
from dougong.runs.state import this_process


def test_a_finished_run_tells_what_it_reached(tmp_path):
    run = read_run(write_run(tmp_path / "run", accuracy=0.75))
    assert (run.state, run.main_metric, run.best, run.seconds) == ("done", "valid/accuracy", 0.75, 12.5)
    assert run.overrides == ("attention=full",)
    assert not run.problems


def test_all_runs_below_a_folder_are_found_once_in_the_order_of_their_numbers(tmp_path):
    for name in ("10", "9", "deep/er/1"):
        write_run(tmp_path / "jobs" / name)
    (tmp_path / "jobs" / "9" / "checkpoints").mkdir()
    names = [folder.relative_to(tmp_path / "jobs").as_posix() for folder in find_runs([tmp_path, tmp_path / "jobs"])]
    assert names == ["deep/er/1", "9", "10"]


def test_a_foreign_config_is_no_run(tmp_path):
    (tmp_path / "config.yaml").write_text("site: mine\n")
    write_run(tmp_path / "below" / "run")
    assert [folder.name for folder in find_runs([tmp_path])] == ["run"]


@pytest.mark.parametrize(
    ("name", "said"), [("nothing", "does not exist"), ("file", "not a folder"), ("empty", "no runs")]
)
def test_where_there_are_no_runs_is_said(tmp_path, name, said):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=said):
        find_runs([tmp_path / name])


@pytest.mark.parametrize("content", ["", "[1, 2]", "{", "\x00\xff", '{"status": ["a"], "metrics": 3, "facts": []}'])
def test_a_damaged_record_is_no_obstacle(tmp_path, content):
    folder = write_run(tmp_path / "run")
    (folder / "run.json").write_bytes(content.encode("latin-1"))
    run = read_run(folder)
    assert run.best == pytest.approx(0.8)
    assert run.metrics == {}
    assert run.state in ("running", "interrupted")


@pytest.mark.parametrize("content", ["seed: [", "- a\n- b\n", "\x00", "!!python/object/apply:os.system ['exit 9']"])
def test_a_damaged_configuration_is_named_and_runs_nothing(tmp_path, content):
    folder = write_run(tmp_path / "run")
    (folder / "config.yaml").write_text(content)
    run = read_run(folder)
    assert run.config == {}
    assert run.problems == ["config.yaml: damaged"]


def test_half_a_line_is_left_out_and_a_damaged_one_is_counted(tmp_path):
    folder = write_run(tmp_path / "run", points=3)
    with (folder / "metrics.csv").open("a") as file:
        file.write("40,0,train/loss\nforty,0,train/loss,1\n40,0,train/loss,nan\n50,0,train/loss,0.00")
    curves, bad = read_curves(folder)
    assert bad == 2
    assert curves["train/loss"].updates.tolist() == [10, 20, 30, 40]
    assert np.isnan(curves["train/loss"].values[-1])


def test_what_was_measured_again_after_resuming_counts(tmp_path):
    (tmp_path / "metrics.csv").write_text("update,epoch,metric,value\n20,0,a,1\n10,0,a,2\n20,0,a,3\n", encoding="utf-8")
    curve = read_curves(tmp_path)[0]["a"]
    assert (curve.updates.tolist(), curve.values.tolist()) == ([10, 20], [2, 3])


def test_a_run_without_measurements_has_no_best(tmp_path):
    folder = write_run(tmp_path / "run", metrics={})
    (folder / "metrics.csv").unlink()
    assert read_run(folder).best is None


def test_the_best_so_far_is_the_lowest_where_lower_is_better(tmp_path):
    facts = {"main_metric": "accuracy", "higher_is_better": False}
    run = read_run(write_run(tmp_path / "run", metrics={}, facts=facts))
    assert run.best == pytest.approx(min(run.curves["valid/accuracy"].values))


def test_a_living_process_is_running(tmp_path):
    assert read_run(write_run(tmp_path / "run", status="running", process=this_process())).state == "running"


def test_a_process_that_is_gone_was_interrupted(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    process = {**this_process(), "pid": gone.pid}
    assert read_run(write_run(tmp_path / "run", status="running", process=process)).state == "interrupted"


def test_another_process_of_the_same_number_is_not_the_run(tmp_path):
    process = {"host": socket.gethostname(), "pid": os.getpid(), "started": "0"}
    assert read_run(write_run(tmp_path / "run", status="running", process=process)).state == "interrupted"


def test_a_run_on_another_machine_counts_as_running_while_it_writes(tmp_path):
    folder = write_run(tmp_path / "run", status="running", process={"host": "elsewhere", "pid": 1, "started": "1"})
    assert read_run(folder).state == "running"
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    assert read_run(folder).state == "interrupted"


@pytest.mark.parametrize(("status", "state"), [("failed", "failed"), ("interrupted", "interrupted")])
def test_what_a_run_says_of_its_end_counts(tmp_path, status, state):
    assert read_run(write_run(tmp_path / "run", config(), status=status)).state == state


def test_a_run_of_an_older_version_is_read(tmp_path):
    folder = write_run(tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    for name in ("started", "ended", "facts"):
        del record[name]
    (folder / "run.json").write_text(json.dumps(record))
    run = read_run(folder)
    assert (run.state, run.main_metric, run.higher_is_better) == ("done", "valid/accuracy", True)
    assert run.started > 1.7e9
