"""What is told to trackers of a run, beside its losses."""

import json
import subprocess

import pytest
import torch
from runs import measurements, train

from dougong.contracts.tracker import RunInformation, flat
from dougong.secrets import hide_lines
from dougong.sweep.membership import Membership, membership
from dougong.training.module import TrainingModule
from dougong.training.repository import git_commit, git_diff
from dougong.training.run import read_record


def by_name(folder):
    return {(name, update): value for update, name, value in measurements(folder, ())}


def test_each_entry_has_rates_norms_ratio_speed_and_memory(tmp_path):
    words = ("trainer.max_epochs=1", "trainer.log_every=4", "+optimizer.groups={classify.*: {lr_scale: 0.5}}")
    train(tmp_path / "run", *words)
    found = by_name(tmp_path / "run")
    names = {name for name, update in found if update == 8}
    optimizer = {"lr", "lr_x0.5", "gradient_norm", "update_ratio", "update_ratio_x0.5"}
    assert {f"optimizer/{name}" for name in optimizer} <= names
    assert {"train/loss", "speed/examples_per_second", "speed/tokens_per_second", "memory/process_mib"} <= names
    assert 0 < found["optimizer/update_ratio", 4] < 0.1
    assert found["memory/process_mib", 4] > 50
    assert not [name for name, update in found if update not in (4, 8) and not name.startswith(("valid/", "test/"))]


def test_the_gradient_norm_is_that_before_clipping_and_of_the_whole_window(monkeypatch, tmp_path):
    norms = []
    step = TrainingModule.on_before_optimizer_step

    def noting(self, optimizer):
        self.clip_norm, clip = None, self.clip_norm
        step(self, optimizer)  # divided, and not clipped
        parameters = [item for group in optimizer.param_groups for item in group["params"] if item.grad is not None]
        norms.append(torch.cat([item.grad.flatten() for item in parameters]).norm().item())
        self.clip_norm = clip

    monkeypatch.setattr(TrainingModule, "on_before_optimizer_step", noting)
    train(tmp_path / "run", "trainer.max_epochs=1", "trainer.log_every=1", "trainer.accumulate_grad_batches=2")
    found = by_name(tmp_path / "run")
    assert [found["optimizer/gradient_norm", update] for update in range(1, 5)] == pytest.approx(norms, rel=1e-5)


def test_plugins_and_data_are_recorded_with_what_tells_their_versions(tmp_path):
    train(tmp_path / "run", "trainer.max_updates=1")
    facts = read_record(tmp_path / "run")["facts"]
    assert facts["plugins"]["task/classification"].startswith("built-in ")
    assert facts["data"]["train"] == "60"


def test_choices_are_plain_fields_and_nothing_is_lost():
    config = {"task": {"name": "a"}, "attention": {"x": {"name": "x"}, "y": {"name": "y", "window": 2}}, "seed": 1}
    run = RunInformation(None, "", "", {**config, "trainer": {"devices": None}, "callback": {}}, {"parameters": 3})
    fields = run.fields
    assert (fields["task"], fields["attention"], fields["seed"]) == ("a", "x,y", 1)
    assert "trainer" not in fields
    assert flat(fields)["settings.attention.y.window"] == 2
    assert flat(fields)["run.parameters"] == 3


def test_a_job_finds_its_sweep_and_what_tells_it_from_the_others(tmp_path):
    sweep = tmp_path / "day" / "time"
    jobs = [
        {"label": "attention=local seed=2", "words": ["data=toy", "attention=local", "seed=2"], "folder": "deep/1"},
        {"label": "data.text='a b'", "words": ["data.text='a b'"], "folder": "2"},
    ]
    sweep.mkdir(parents=True)
    (sweep / "sweep.json").write_text(json.dumps({"words": [], "config_dir": None, "jobs": jobs}))
    assert membership(sweep / "deep" / "1") == Membership("day/time", "attention=local,seed=2")
    assert membership(sweep / "2") == Membership("day/time", "data.text='a b'")
    assert membership(sweep / "3") is None
    assert membership(tmp_path) is None
    (sweep / "sweep.json").write_text('{"jobs": [3]}')
    assert membership(sweep / "2") is None


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "a.txt").write_text("one\n")
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "a")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def test_the_diff_is_that_of_the_working_directory_without_secrets(repository, tmp_path):
    assert git_diff(repository) == ""
    (repository / "a.txt").write_text("two\napi_key: 0123456789\n")
    assert "-one\n+two\n+api_key: ***\n" in git_diff(repository)
    assert str(git_commit(repository)).endswith("-dirty")
    assert git_diff(tmp_path) == ""


def test_a_repository_can_not_have_its_programs_run(repository):
    (repository / "a.txt").write_text("two\n")
    (repository / ".gitattributes").write_text("*.txt diff=evil\n")
    for name, value in (
        ("diff.external", "touch ran"),
        ("diff.evil.command", "touch ran"),
        ("diff.evil.textconv", "touch ran;cat"),
    ):
        subprocess.run(["git", "config", name, value], cwd=repository, check=True)
    assert "+two" in git_diff(repository)
    assert not (repository / "ran").exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+password = 'correct horse'", "+password = ***"),
        ('"secret_key": "0123456789",', '"secret_key": ***,'),
        ("export HF_TOKEN=hf_0123456789", "export HF_TOKEN=***"),
        ("token = tokens[index]", "token = tokens[index]"),
        ("token = tokenizer.identity(name)", "token = tokenizer.identity(name)"),
        ("max_tokens=12345678", "max_tokens=12345678"),
        ("https://me:hunter2x@host/a", "https://me:***@host/a"),
    ],
)
def test_values_that_are_called_secrets_are_hidden_line_by_line_and_code_is_not(line, expected):
    assert hide_lines(line) == expected
