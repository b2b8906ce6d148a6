"""A checkpoint is all that is needed to have the model again."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from runs import checkpoint, train, weights

import dougong
from dougong.errors import UserError
from dougong_plugins.data.toy import Toy

TEXTS = ["这家店的面很好吃", "太慢了，再也不来", "Ｘ", ""]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that has been moved away, and what its model said in the process that trained it."""
    os.environ["WANDB_MODE"] = "disabled"
    folder = tmp_path_factory.mktemp("run")
    result = train(folder / "run", "optimizer.lr=3e-3")
    answers = list(dougong.load(result.checkpoint).predict(TEXTS))
    moved = tmp_path_factory.mktemp("elsewhere") / "model.ckpt"
    shutil.move(result.checkpoint, moved)
    shutil.rmtree(folder)
    return moved, answers, result.metrics


def test_another_process_in_another_folder_answers_the_same_with_nothing_else_given(trained, tmp_path):
    path, answers, _ = trained
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "dougong", "predict", f"checkpoint={path}", "input=texts.txt"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert [json.loads(line) for line in found.stdout.splitlines()] == answers


def test_the_metrics_measured_again_are_those_of_the_run(trained):
    path, _, metrics = trained
    model = dougong.load(path)
    data = Toy(size=60, valid_size=20, test_size=20)
    for split in ("valid", "test"):
        scores, count = model.evaluate(data, split)
        assert count == 20
        for name, value in scores.metrics.items():
            assert value == pytest.approx(metrics[f"{split}/{name}"], rel=1e-6)


@pytest.mark.parametrize("precision", ["32", "64", "bf16"])
def test_the_weights_reloaded_equal_those_saved(tmp_path, precision):
    result = train(tmp_path, f"trainer.precision={precision}", "trainer.max_epochs=1", "tokenizer=wordpiece")
    loaded = dougong.load(result.checkpoint).task.state_dict()
    saved = weights(tmp_path, "best")
    assert {f"task.{name}" for name in loaded} == saved.keys()
    for name, tensor in loaded.items():
        assert tensor.dtype == saved[f"task.{name}"].dtype
        assert torch.equal(tensor, saved[f"task.{name}"])


def test_the_best_checkpoint_is_that_of_the_best_validation_and_the_last_that_of_the_end(tmp_path):
    train(tmp_path, "trainer.validate_every=2", "optimizer.lr=5e-3")
    best, last = checkpoint(tmp_path, "best"), checkpoint(tmp_path, "last")
    assert last["global_step"] == 16
    assert best["dougong"]["metrics"]["valid/accuracy"] >= last["dougong"]["metrics"]["valid/accuracy"]


MINE = """
from dougong import register
from dougong_plugins.task.classification import Classification

@register("task", "of_mine")
class OfMine(Classification):
    \"\"\"Classification by another name.\"\"\"
"""


@pytest.mark.slow
def test_a_checkpoint_whose_plugin_folder_is_gone_says_what_is_missing(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    result = train(tmp_path / "run", f"plugin_path=[{folder}]", "task=of_mine", "trainer.max_epochs=1")
    moved = tmp_path / "moved"
    folder.rename(moved)
    command = [sys.executable, "-m", "dougong", "predict", f"checkpoint={result.checkpoint}", "text=好"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert found.returncode == 2
    assert "of_mine" in found.stderr
    assert found.stderr.count("\n") == 1
    found = subprocess.run([*command, f"plugin_path={moved}"], capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(found.stdout)["text"] == "好"


def test_weights_that_do_not_fit_are_an_error_in_one_line(tmp_path):
    result = train(tmp_path, "trainer.max_epochs=1")
    content = checkpoint(tmp_path, "best")
    content["state_dict"]["task.classify.weight"] = torch.zeros(2, 2)
    torch.save(content, result.checkpoint)
    with pytest.raises(UserError, match="don't fit"):
        dougong.load(result.checkpoint)


@pytest.mark.parametrize("part", ["config", "facts", "tokenizer", "precision"])
def test_a_checkpoint_with_a_part_taken_out_is_an_error_that_names_it(tmp_path, trained, part):
    content = torch.load(trained[0], weights_only=True)
    del content["dougong"][part]
    path = tmp_path / "less.ckpt"
    torch.save(content, path)
    with pytest.raises(UserError, match=part):
        dougong.load(path)
