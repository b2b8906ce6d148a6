"""What can be said of a sweep, and what is said of it at its end."""

import json

import pytest

from dougong.command_line.main import main
from dougong.errors import UserError
from dougong.sweep import record, table
from dougong.sweep.job import Job, Outcome, outcome_of, quoted


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-m", "seed=1", "sweep.resum=3"], "sweep.resum: there is no such setting. Did you mean `resume`?"),
        (["-m", "seed=1", "sweep.trails=3"], "sweep.trails: there is no such setting. Did you mean `trials`?"),
        (["-m", "seed=1", "sweep.launcher=job"], "sweep.launcher: must be "),
        (["-m", "seed=1", "sweep=slurm"], "sweep=slurm: there is no such sweep."),
        (["-m", "seed=1", "sweep=joblib,ray"], "sweep=joblib,ray: it is the same for all jobs; give one value."),
        (["-m", "seed=1", "sweep.at_once=0"], "sweep.at_once: must be >= 1, got 0."),
        (["seed=1", "sweep=joblib"], "sweep=joblib: goes with -m"),
        (["seed=1", "sweep.resume=x"], "sweep.resume=x: goes with -m"),
        (["-m", "sweep.resume=a, b"], "sweep.resume: "),
        (["-m", "seed=1", "hydra/launcher=basic", "hydra.launcher._target_=os.system"], "hydra/launcher: jobs are run"),
        (["-m", "seed=1", "hydra.sweeper.max_batch_size=3"], "hydra.sweeper.max_batch_size: say sweep.at_once"),
        (["-m", "seed=1", "sweep=ray"], 'sweep.launcher=ray: needs ray; pip install "dougong[ray]"'),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(words, line, capfd, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["train", *words]) == 2
    said = capfd.readouterr().err
    assert said.startswith(line)
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"words": 3, "config_dir": null, "jobs": []}', "damaged"),
        ('{"words": [], "config_dir": null, "jobs": [{"words": [], "label": "", "folder": "../x"}]}', "no folder of"),
    ],
)
def test_a_hostile_record_of_a_sweep_is_refused(content, said, tmp_path):
    (tmp_path / record.FILE).write_text(content)
    with pytest.raises(UserError, match=said) as caught:
        record.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_sweep_that_goes_on_keeps_its_words(tmp_path, capfd):
    begun = record.Record(tmp_path / "sweep", ["seed=1,2", "task=tagging"])
    begun.begin()
    assert main(["train", "-m", "seed=1,2,3", "task=tagging", "sweep.resume=sweep"]) == 2
    assert "keeps its own words; leave out seed=1,2,3 task=tagging." in capfd.readouterr().err


def outcomes(tmp_path, values, higher=True):
    jobs = [Job(number, (f"seed={number}", "x=[bold]"), tmp_path / str(number)) for number in range(len(values))]
    return [
        Outcome(job, "finished" if value is not None else "failed", "f1", value, higher)
        for job, value in zip(jobs, values, strict=True)
    ]


@pytest.mark.parametrize(("higher", "order"), [(True, [1, 0, 3, 2]), (False, [0, 1, 3, 2])])
def test_the_best_is_first_and_what_has_no_number_last(higher, order, tmp_path):
    found = table.best_first(outcomes(tmp_path, [0.25, 0.5, None, float("nan")], higher))
    assert [outcome.job.number for outcome in found] == order


def test_only_what_differs_is_a_column(tmp_path):
    assert table.rows(outcomes(tmp_path, [0.25, 0.5]))[0] == ["job", "seed", "f1", "status", "seconds"]


@pytest.mark.parametrize(
    ("run", "error", "status", "told"),
    [
        (None, "no such thing", "failed", "no such thing"),
        (None, None, "not run", None),
        ({"status": "running"}, "ended by signal 9", "failed", "ended by signal 9"),
        ({"status": "running"}, None, "failed", "ended without a word"),
        ({"status": "failed", "error": "why"}, "exit code 1", "failed", "why"),
        ({"status": "finished", "error": "of the time before"}, None, "finished", None),
        ({"status": "finished", "pruned": 4}, None, "pruned", None),
    ],
)
def test_a_folder_tells_what_became_of_a_job(run, error, status, told, tmp_path):
    if run is not None:
        (tmp_path / "run.json").write_text(json.dumps(run))
    outcome = outcome_of(Job(0, (), tmp_path), error)
    assert (outcome.status, outcome.error) == (status, told)


@pytest.mark.parametrize("text", ["plain", "a b", "it's", "a,b=[c]", "${x}", "back\\slash", "\\'", "斗拱"])
def test_any_folder_survives_the_command_line(text):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    override = OverridesParser.create().parse_override(f"hydra.run.dir={quoted(text)}")
    assert override.value() == text
