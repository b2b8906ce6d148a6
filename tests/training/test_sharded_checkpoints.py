"""Processes that hold a part of the weights each save a part each, and any number of processes goes on with them."""

import logging
import shutil
from pathlib import Path

import pytest
import torch
from runs import PLUGINS, TINY, assert_same_training, checkpoint, measurements, train, weights
from two_processes import Job, run_in_two_processes

import dougong
from dougong.checkpoint import archive, file, parts
from dougong.export.formats import export
from dougong.inference.model import load

pytestmark = pytest.mark.slow

STILL = ("encoder.dropout=0", "embedding.dropout=0", "task.dropout=0", "trainer.max_epochs=1")
EXACT = (
    *(*STILL, "trainer.precision=64", "test=false", "trainer.log_every=3", "trainer.save_every=2"),
    *(f"plugin_path=[{PLUGINS}]", "callback=[crash]", "wrapper=[lookahead]", "wrapper.lookahead.k=3"),
)
SHARDED = ("trainer.strategy=fsdp", "trainer.sharded_checkpoints=true")
CRASH = "raise:step:5"


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """Runs of two processes."""
    base = tmp_path_factory.mktemp("two")
    words = (*TINY, *EXACT, *SHARDED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOUGONG_TEST_CRASH", CRASH)
        with pytest.raises(ZeroDivisionError):
            dougong.train([*words, "trainer.devices=1"], base / "of one")
    jobs = [
        Job(str(base / "float32"), (*TINY, *STILL, *SHARDED)),
        Job(str(base / "whole"), words),
        Job(str(base / "stopped"), words, CRASH),
        Job("", (f"resume={base / 'stopped'}",)),
        Job(str(base / "for one"), words, CRASH),
        Job("", (f"resume={base / 'of one'}", "trainer.devices=2")),
    ]
    run_in_two_processes(jobs, base / "jobs.json")
    return base


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> Path:
    """The run of one process."""
    return train(tmp_path_factory.mktemp("single"), *EXACT).folder


@pytest.fixture
def stopped(two, tmp_path) -> Path:
    """A copy of the run that two processes were stopped in, which saved updates 2 and 4."""
    return Path(shutil.copytree(two / "for one", tmp_path / "run"))


def assert_close(one: Path, other: Path, tolerance: float = 1e-12) -> None:
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(other)[name], weight, rtol=tolerance, atol=tolerance, msg=name)


def part_folder(path: Path) -> Path:
    """The folder that a checkpoint's parts lie in."""
    name: str = archive.read(path)[file.KEY][parts.KEY]["folder"]
    return path.parent / name


def test_parts_put_together_are_the_weights_and_measurements_of_one_process(two, single):
    assert_close(single, two / "whole")
    found, expected = measurements(two / "whole"), measurements(single)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert [row[2] for row in found] == pytest.approx([row[2] for row in expected], rel=1e-12, abs=1e-12)


def test_weights_of_32_bits_are_spread_too(two, tmp_path):
    train(tmp_path, *STILL)
    assert_close(tmp_path, two / "float32", 1e-6)


def test_two_processes_resume_to_what_they_would_have_been(two):
    assert_same_training(two / "whole", two / "stopped")
    assert measurements(two / "stopped") == measurements(two / "whole")


def test_one_process_goes_on_with_the_parts_of_two(stopped, single):
    dougong.train([f"resume={stopped}", "trainer.devices=1"])
    assert_close(single, stopped)
    assert not list((stopped / "checkpoints").glob("parts-*")), "parts of which no checkpoint is left"


def test_two_processes_go_on_in_parts_with_the_checkpoint_of_one(two, single):
    assert_close(single, two / "of one")
    assert part_folder(two / "of one" / "checkpoints" / "last.ckpt").is_dir()


@pytest.mark.parametrize("how", ["missing", "cut short", "flipped"])
def test_a_checkpoint_with_a_damaged_part_is_skipped_for_the_one_before(how, stopped, single, caplog):
    last = stopped / "checkpoints" / "last.ckpt"
    part = parts.part_path(part_folder(last), 1)
    content = part.read_bytes()
    middle = len(content) // 2
    part.write_bytes(
        content[:middle] if how == "cut short" else content[:middle] + b"\x55" * 64 + content[middle + 64 :]
    )
    if how == "missing":
        part.unlink()
    with caplog.at_level(logging.WARNING):
        dougong.train([f"resume={stopped}", "trainer.devices=1"])
    warnings = [record.getMessage() for record in caplog.records if "is skipped" in record.getMessage()]
    assert len(warnings) == 1
    assert str(last) in warnings[0]
    assert str(part) in warnings[0]
    assert "last-2.ckpt, of update 2, is whole" in warnings[0]
    assert_close(single, stopped)


def test_what_a_killed_save_has_left_is_deleted(stopped):
    left = stopped / "checkpoints" / parts.folder_name(6)
    parts.write_part([torch.zeros(2)], left, 1)
    dougong.train([f"resume={stopped}", "trainer.devices=1"])
    assert not left.exists()


def test_no_parts_are_left_of_checkpoints_that_were_replaced(two):
    for name in ("whole", "stopped", "for one", "of one", "float32"):
        folder = two / name / "checkpoints"
        named = {part_folder(path) for path in folder.glob("*.ckpt")}
        assert set(folder.glob("parts-*")) == named
        assert {path.name for path in folder.iterdir() if path not in named} <= {
            "last.ckpt",
            "last-2.ckpt",
            "best.ckpt",
        }


def test_no_process_saves_more_than_its_share(two):
    path = two / "whole" / "checkpoints" / "last.ckpt"
    folder = part_folder(path)
    saved = [archive.read(parts.part_path(folder, part)) for part in (0, 1)]
    whole = checkpoint(two / "whole")
    spread = [*whole["state_dict"].values(), *_tensors(whole["optimizer_states"])]
    sizes = [sum(item.nbytes for item in held) for held in saved]
    assert sum(sizes) == sum(item.nbytes for item in spread if item.ndim)
    assert max(sizes) < 0.51 * sum(sizes)
    for one, other in zip(*saved, strict=True):
        assert len(one) - len(other) in (0, 1)
        assert one.untyped_storage().nbytes() == one.nbytes
    assert path.stat().st_size < 0.2 * sum(sizes)


def _tensors(tree: object) -> list[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    inside = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else ()
    return [item for value in inside for item in _tensors(value)]


def test_answers_of_parts_are_those_of_the_one_file_that_they_are_exported_to(two, tmp_path):
    best = two / "whole" / "checkpoints" / "best.ckpt"
    export(load(best), "dougong", tmp_path / "one")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["best.ckpt"]
    texts = ["a text", "another one, which is longer", "好"]
    answers = [list(dougong.load(path).predict(texts)) for path in (best, tmp_path / "one" / "best.ckpt")]
    assert answers[0] == answers[1]
    exported, found = file.load(tmp_path / "one" / "best.ckpt")["state_dict"], weights(two / "whole", "best")
    assert exported.keys() == found.keys()
    assert all(exported[name].equal(found[name]) for name in found)


def test_another_run_starts_from_parts(two, tmp_path):
    best = two / "float32" / "checkpoints" / "best.ckpt"
    train(tmp_path, *STILL, f"encoder.pretrained={best}", "trainer.max_updates=1", "optimizer.lr=1e-12")
    name = next(name for name in weights(tmp_path) if name.startswith("task.encoder.") and "weight" in name)
    torch.testing.assert_close(weights(tmp_path)[name], weights(two / "float32", "best")[name])
