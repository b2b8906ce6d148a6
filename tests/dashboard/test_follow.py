"""What a dashboard shows of run folders: what they hold, once, however often it looks."""

import json
import math

import pytest
from run_folders import config, write_metrics, write_run

from dougong.dashboard.follow import Follower
from dougong.errors import UserError
from dougong.runs.curves import read_curves
from dougong.runs.jobs import group_of, name_of


class Shown:
    """A store that keeps each entry, so that one which is added twice is there twice."""

    def __init__(self):
        self.runs, self.configs, self.names, self.groups = {}, {}, {}, {}
        self.added = 0

    def add(self, identity, name, group, rows, config, started):
        self.added += 1
        entries = self.runs.setdefault(identity, [])
        entries += [(update, metric, value) for update, row in rows.items() for metric, value in row.items()]
        self.configs[identity], self.names[identity], self.groups[identity] = config, name, group

    def remove(self, identity, name):
        assert self.names.pop(identity) == name
        del self.runs[identity]


@pytest.fixture
def shown():
    return Shown()


def entries_of(folder):
    curves = read_curves(folder)[0]
    return sorted(
        (int(update), name, value)
        for name, curve in curves.items()
        for update, value in zip(curve.updates, curve.values, strict=True)
    )


def only(shown):
    ((identity, entries),) = shown.runs.items()
    return identity, sorted(entries, key=lambda entry: entry[:2])


def test_the_values_are_those_of_metrics_csv_however_often_it_looks(tmp_path, shown):
    folder = write_run(tmp_path / "run")
    follower = Follower([str(tmp_path)], shown)
    assert [follower.step() for _ in range(3)] == [1, 1, 1]
    assert only(shown)[1] == entries_of(folder)
    assert shown.added == 1


def test_what_a_run_measures_while_it_goes_on_is_added_and_only_that(tmp_path, shown):
    folder = write_run(tmp_path / "run", status="running")
    follower = Follower([str(tmp_path)], shown)
    follower.step()
    with (folder / "metrics.csv").open("a") as file:
        file.write("900,9,train/loss,0.125\n901,9,train/lo")  # the last line is being written
    follower.step()
    assert only(shown)[1] == entries_of(folder)
    assert (900, "train/loss", 0.125) in only(shown)[1]


def test_what_a_resumed_run_measures_anew_takes_the_place_of_what_it_measured(tmp_path, shown):
    folder = write_run(tmp_path / "run", accuracy=0.7, status="running")
    follower = Follower([str(tmp_path)], shown)
    follower.step()
    write_metrics(folder, 0.9, 30)
    follower.step()
    assert only(shown)[1] == entries_of(folder)


def test_a_loss_that_is_no_number_is_shown_once(tmp_path, shown):
    folder = write_run(tmp_path / "run")
    (folder / "metrics.csv").write_text("update,epoch,metric,value\n1,0,train/loss,nan\n2,0,train/loss,inf\n")
    follower = Follower([str(tmp_path)], shown)
    follower.step()
    follower.step()
    (_, _, first), (_, _, second) = only(shown)[1]
    assert (math.isnan(first), second, shown.added) == (True, math.inf, 1)


def test_runs_come_and_go(tmp_path, shown):
    first = write_run(tmp_path / "first")
    follower = Follower([str(tmp_path)], shown)
    follower.step()
    write_run(tmp_path / "second", config("local"))
    assert follower.step() == 2
    first.rename(tmp_path.parent / f"{tmp_path.name}-elsewhere")
    assert follower.step() == 1
    assert only(shown)[0] == str(tmp_path / "second")


def test_a_folder_without_runs_is_an_error_before_anything_is_served(tmp_path, shown):
    with pytest.raises(UserError, match="no runs there"):
        Follower([str(tmp_path)], shown).step()


def test_every_setting_can_be_grouped_by_and_the_command_is_shown(tmp_path, shown):
    folder = write_run(tmp_path / "run", config("local", seed=3), overrides=["attention=local", "seed=3"])
    Follower([str(tmp_path)], shown).step()
    found = shown.configs[str(folder)]
    assert (found["attention"], found["attention.local.window"], found["seed"]) == ("local", 4, 3)
    assert (found["state"], found["command"]) == ("done", "dougong train attention=local seed=3")
    assert all(isinstance(value, str | int | float | None) for value in found.values())


def test_the_state_follows_the_run(tmp_path, shown):
    folder = write_run(tmp_path / "run", status="running", process={"host": "another", "pid": 1})
    follower = Follower([str(tmp_path)], shown)
    follower.step()
    assert shown.configs[str(folder)]["state"] == "running"
    (folder / "run.json").write_text(json.dumps({"status": "finished"}))
    follower.step()
    assert shown.configs[str(folder)]["state"] == "done"
    assert only(shown)[1] == entries_of(folder)


def test_tables_are_shown_when_a_run_has_ended(tmp_path, shown):
    folder = write_run(tmp_path / "run")
    (folder / "tables").mkdir()
    (folder / "tables" / "test_wrong_predictions.csv").write_text("text,predicted\n好,yes\n")
    Follower([str(tmp_path)], shown).step()
    tables = {name: value for _, name, value in only(shown)[1] if isinstance(value, dict)}
    assert tables == {
        "test/wrong_predictions": {"_type": "trackio.table", "_value": [{"text": "好", "predicted": "yes"}]}
    }


def test_jobs_of_a_multirun_share_a_group_and_are_named_by_what_differs(tmp_path):
    jobs = [
        {"folder": "0", "label": "attention.local.window=1 seed=1", "words": ["attention.local.window=1", "seed=1"]},
        {
            "folder": "b/1",
            "label": "encoder.dropout=0.1 task.dropout=0.2",
            "words": ["encoder.dropout=0.1", "task.dropout=0.2"],
        },
    ]
    top = tmp_path / "multirun" / "day" / "time"
    folders = [write_run(top / job["folder"]) for job in jobs]
    (top / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    assert [group_of(folder) for folder in folders] == ["day/time", "day/time"]
    assert name_of(folders[0]) == "window=1,seed=1 (time/0)"
    assert name_of(folders[1]) == "encoder.dropout=0.1,task.dropout=0.2 (b/1)"
    alone = write_run(tmp_path / "outputs" / "day" / "later")
    assert (group_of(alone), name_of(alone)) == (None, "day/later")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"jobs": 3}', '{"jobs": [3]}', '{"jobs": [{"folder": 3}]}', "\0"])
def test_a_damaged_record_of_a_multirun_makes_it_none(tmp_path, text):
    folder = write_run(tmp_path / "day" / "0")
    (tmp_path / "day" / "sweep.json").write_text(text)
    assert (group_of(folder), name_of(folder)) == (None, "day/0")


@pytest.mark.parametrize(
    "said", ["", "3", "{}", '{"database": "relative.db", "run": "x"}', '{"database": "/no.db", "run": 3}']
)
def test_a_damaged_note_of_the_tracker_shows_nothing(tmp_path, shown, said):
    folder = write_run(tmp_path / "run")
    (folder / "metrics.csv").unlink()
    (folder / "trackio").mkdir()
    (folder / "trackio" / "store.json").write_text(said)
    assert Follower([str(tmp_path)], shown).step() == 1
    assert shown.runs == {}
