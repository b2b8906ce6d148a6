"""Training techniques in whole runs: with each head, in bf16, stopped and resumed, and refused where they can't be."""

import pytest
import torch
from runs import PLUGINS, assert_same_training, measurements, resume, train, weights

import dougong
from dougong.errors import UserError

TECHNIQUES = ("fgm", "pgd", "r_drop", "gradient_penalty")
HEADS = {
    "classification": True,
    "causal_lm": True,
    "masked_lm": True,
    "reading_comprehension": True,
    "seq2seq": True,
    "bidirectional_seq2seq": True,
    "tagging": False,
    "event_extraction": False,
    "relation_extraction": False,
    "passage_qa": False,
}
"""Of each head whether it tells distributions."""


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_in_bf16_with_accumulation_it_trains_and_changes_the_training(tmp_path, technique):
    words = ("trainer.precision=bf16", "trainer.accumulate_grad_batches=2", "trainer.max_updates=3", "test=false")
    train(tmp_path / "with", f"callback={technique}", *words)
    train(tmp_path / "without", *words)
    found, plain = weights(tmp_path / "with"), weights(tmp_path / "without")
    assert all(item.isfinite().all() for item in found.values())
    assert all(item.dtype == torch.float32 for item in found.values())
    assert not found["task.classify.weight"].equal(plain["task.classify.weight"])


def head(folder, name, callbacks, *more):
    size = ("data.size=12", "data.valid_size=4", "data.test_size=4", "loader.batch_size=6", "embedding.dim=16")
    quiet = ("trainer=cpu", "trainer.precision=32", "trainer.max_epochs=1", "trainer.progress=none", "tracker=csv")
    own = ("encoder=dgcnn",) if name == "passage_qa" else ("encoder.layers=1",)
    if name in ("tagging", "event_extraction"):
        own = (*own, "task.decoder=pointer")
    if "seq2seq" in name:
        own = (*own, "encoder.dim=16", "decoder.layers=1", "decoder.dim=16", "task.max_length=8")
    return dougong.train(
        [f"task={name}", f"callback={callbacks}", *size, *quiet, *own, *more, "test=false"], folder=folder
    )


@pytest.mark.parametrize("name", [*HEADS][:3])
def test_heads_go_with_all_techniques_at_once(tmp_path, name):
    result = head(tmp_path, name, "[gradient_penalty,r_drop,fgm,ema]")
    assert all(value == value for value in result.metrics.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HEADS][3:])
def test_the_other_heads_go_with_all_techniques_that_need_nothing_of_them(tmp_path, name):
    result = head(tmp_path, name, f"[gradient_penalty,pgd,ema{',r_drop' if HEADS[name] else ''}]")
    assert all(value == value for value in result.metrics.values())


def test_stopped_twice_within_accumulation_and_resumed_equals_never_stopped(tmp_path, monkeypatch):
    words = (
        *(f"plugin_path=[{PLUGINS}]", "callback=[crash,r_drop,pgd,ema]", "trainer.accumulate_grad_batches=2"),
        *("trainer.save_every=1", "trainer.log_every=1", "optimizer.groups.embedding.freeze_until=3"),
    )
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    train(tmp_path / "whole", *words)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "raise:batch:2")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "stopped", *words)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "raise:batch:5")
    with pytest.raises(ZeroDivisionError):
        resume(tmp_path / "stopped")
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    resume(tmp_path / "stopped")
    assert_same_training(tmp_path / "whole", tmp_path / "stopped")
    assert measurements(tmp_path / "stopped") == measurements(tmp_path / "whole")


def test_a_kernel_that_can_not_be_differentiated_twice_is_refused_in_one_line(tmp_path):
    expected = r"^callback\.gradient_penalty: at length \d+ the model can't be differentiated twice; choose .*\)$"
    with pytest.raises(UserError, match=expected):
        train(tmp_path, "callback=gradient_penalty", "attention=local", "attention.local.backend=blocked")
    with pytest.raises(UserError, match="likelihood of a CRF can't be differentiated twice"):
        head(tmp_path / "crf", "tagging", "gradient_penalty", "task.decoder=crf")
    train(tmp_path / "dense", "callback=gradient_penalty", "attention=local", "attention.local.backend=dense")


def test_a_head_without_distributions_is_refused_before_torch_is_imported(without_torch):
    line = without_torch("train", "task=tagging", "callback=r_drop").refused()
    assert line.startswith("task=tagging tells no distributions of its outputs, which callback=r_drop needs; choose ")
    assert "task=classification" in line


@pytest.mark.parametrize("wrapper", ["lazy", "lookahead"])
def test_sparse_gradients_and_other_weights_are_no_obstacle(tmp_path, wrapper):
    more = ("wrapper.lazy.sparse_gradients=true",) if wrapper == "lazy" else ("wrapper.lookahead.k=2",)
    words = ("trainer.max_updates=3", "test=false", "trainer.accumulate_grad_batches=2")
    train(tmp_path, "callback=[fgm,pgd]", f"wrapper={wrapper}", *more, *words)
    assert all(item.isfinite().all() for item in weights(tmp_path).values())
