"""ema validates and saves the average of the weights, and trains on with the weights themselves."""

import pytest
import torch
from pytorch_lightning import Callback
from runs import PLUGINS, assert_same_training, checkpoint, measurements, resume, train, weights

import dougong
from dougong import register
from dougong.data.records import LabelledText
from dougong.inference.model import load

SHORT = ("trainer.precision=64", "trainer.save_every=1", "optimizer.lr=0.01", "test=false")


@pytest.fixture
def history():
    """The weights after every update of a run with `callback=[...,keep]`."""
    kept: list[dict[str, torch.Tensor]] = []

    @register("callback", "keep")
    class Keep(Callback):
        """Keeps the weights."""

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.global_step > len(kept):
                kept.append({name: item.detach().clone() for name, item in pl_module.named_parameters()})

    return kept


def raw(folder, name="last"):
    """The weights of the training itself, in a checkpoint of a run with ema."""
    return checkpoint(folder, name)["callbacks"]["Ema"]["weights"]


def average(entries, decay):
    shares = [decay ** (len(entries) - 1 - number) for number in range(len(entries))]
    return {
        name: sum(share * entry[name] for share, entry in zip(shares, entries, strict=True)) / sum(shares)
        for name in entries[0]
    }


def assert_close(found, expected):
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ((), range(16)),
        (("callback.ema.start=5", "callback.ema.every=3"), range(5, 16, 3)),
        (("callback.ema.start=0.75",), range(12, 16)),
        (("trainer.accumulate_grad_batches=2",), range(8)),
    ],
)
def test_what_is_saved_is_the_normalised_exponential_average_of_the_updates(tmp_path, history, settings, taken):
    train(tmp_path, "callback=[ema,keep]", "callback.ema.decay=0.8", *SHORT, *settings)
    assert_close(weights(tmp_path), average([history[number] for number in taken], 0.8))
    assert_close(raw(tmp_path), history[-1])


def test_the_training_itself_goes_on_as_without_it(tmp_path):
    train(tmp_path / "with", "callback=ema", *SHORT)
    train(tmp_path / "without", *SHORT)
    found, expected = raw(tmp_path / "with"), weights(tmp_path / "without")
    assert found.keys() == expected.keys()
    assert all(found[name].equal(expected[name]) for name in expected)
    assert not weights(tmp_path / "with")["task.classify.weight"].equal(expected["task.classify.weight"])


def test_validation_and_a_reloaded_checkpoint_use_the_average(tmp_path):
    train(tmp_path, "callback=ema", "callback.ema.decay=0.9", *SHORT)
    metrics = checkpoint(tmp_path)["dougong"]["metrics"]
    model = load(tmp_path / "checkpoints/last.ckpt")
    data = dougong.create("data", "toy", size=60, valid_size=20, test_size=20)
    assert model.evaluate(data, "valid")[0].metrics["loss"] == pytest.approx(metrics["valid/loss"], rel=1e-6)
    records = [LabelledText(text="这家店很好", label="")]
    answers = list(model.predict(records))
    for name, weight in raw(tmp_path).items():
        model.task.get_parameter(name.removeprefix("task.")).data.copy_(weight)
    assert model.evaluate(data, "valid")[0].metrics["loss"] != pytest.approx(metrics["valid/loss"], rel=1e-4)
    assert answers


def test_before_the_start_the_weights_are_the_model(tmp_path):
    train(tmp_path, "callback=ema", "callback.ema.start=99", *SHORT)
    train(tmp_path / "without", *SHORT)
    assert raw(tmp_path) == {}
    assert all(item.equal(weights(tmp_path / "without")[name]) for name, item in weights(tmp_path).items())


@pytest.mark.parametrize(
    ("moment", "settings"),
    [
        ("batch:3", ()),
        ("step:5", ("callback.ema.start=4", "callback.ema.every=2")),
        ("validation:8", ()),
        ("validated:8", ("callback.ema.start=2",)),
    ],
)
def test_stopped_twice_and_resumed_equals_never_stopped(tmp_path, monkeypatch, moment, settings):
    words = (f"plugin_path=[{PLUGINS}]", "callback=[crash,ema]", "trainer.save_every=2", *settings)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    train(tmp_path / "whole", *words)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", f"raise:{moment}")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "stopped", *words)
    if moment != "batch:3":
        monkeypatch.setenv("DOUGONG_TEST_CRASH", "raise:batch:11")
        with pytest.raises(ZeroDivisionError):
            resume(tmp_path / "stopped")
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    resume(tmp_path / "stopped")
    assert_same_training(tmp_path / "whole", tmp_path / "stopped")
    assert measurements(tmp_path / "stopped") == measurements(tmp_path / "whole")


def test_a_tied_weight_is_the_average_under_each_of_its_names():
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
            self.second.weight = self.first.weight

    module, ema = Tied(), dougong.create("callback", "ema", decay=0.5)
    before = module.first.weight.detach().clone()
    ema._enter(dict(module.named_parameters()))
    with torch.no_grad():
        module.first.weight.add_(3)
    ema._enter(dict(module.named_parameters()))
    content = {"state_dict": module.state_dict(), "callbacks": {"Ema": ema.state_dict()}}
    ema.on_save_checkpoint(None, module, content)
    for name in ("first.weight", "second.weight"):
        torch.testing.assert_close(content["state_dict"][name], before + 2)
    torch.testing.assert_close(content["callbacks"]["Ema"]["weights"]["first.weight"], before + 3)


def test_frozen_weights_are_left_out(tmp_path):
    train(tmp_path, "callback=ema", "optimizer.groups.embedding.freeze=true", *SHORT)
    assert not any("embedding" in name for name in raw(tmp_path))
    assert any("classify" in name for name in raw(tmp_path))
