"""Parameter groups: which parameters a pattern takes, and what then happens to them."""

import pytest
import torch
import windows
from pytorch_lightning import Callback
from runs import PLUGINS, assert_same_training, checkpoint, measurements, resume, train, weights
from torch import nn

from dougong.compose.settings import GroupSettings, OptimizerSettings
from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue, catalogue
from dougong.training.groups import Thaw, freeze, layer_scales, matching, parameter_groups, scale_rates

OPTIMIZERS = [plugin.name for plugin in Catalogue() if plugin.kind == "optimizer"]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(5, 4)
        self.widen = nn.Linear(4, 4)
        self.layers = nn.ModuleList(nn.ModuleList([nn.Linear(4, 4), nn.LayerNorm(4)]) for _ in range(12))
        self.leave = nn.LayerNorm(4)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.crf = nn.Linear(4, 4)
        self.output = nn.Linear(4, 5, bias=False)
        self.output.weight = self.encoder.token.weight


def names(model, parameters):
    known = {parameter: name for name, parameter in model.named_parameters()}
    return {known[parameter] for parameter in parameters}


def of(**groups):
    return OptimizerSettings({name.replace("__", "."): GroupSettings(**entry) for name, entry in groups.items()})


def described(model, *arguments):
    """Each parameter's (lr_scale, weight_decay)."""
    known = {parameter: name for name, parameter in model.named_parameters()}
    return {
        known[parameter]: (group.get("lr_scale", 1.0), group.get("weight_decay"))
        for group in parameter_groups(model, *arguments)
        for parameter in group["params"]
    }


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("crf", {"crf.weight", "crf.bias"}),
        ("crf.bias", {"crf.bias"}),
        ("encoder.token", {"encoder.token.weight"}),
        ("output", {"encoder.token.weight"}),
        ("layers.1", {f"encoder.layers.1.{part}" for part in ("0.weight", "0.bias", "1.weight", "1.bias")}),
        ("layers.1?.0.bias", {"encoder.layers.10.0.bias", "encoder.layers.11.0.bias"}),
        ("c*f", {"crf.weight", "crf.bias"}),
        ("e*norm", None),
        ("rf", None),
        ("CRF", None),
        ("", None),
    ],
)
def test_a_pattern_takes_whole_parts_of_a_name(pattern, found):
    model = Model()
    if found is None:
        with pytest.raises(UserError, match="matches no parameter"):
            matching(model, pattern)
    else:
        assert names(model, matching(model, pattern)) == found


def test_a_pattern_that_matches_nothing_is_named_with_what_is_near():
    with pytest.raises(UserError) as error:
        parameter_groups(Model(), "all", of(tokn={"freeze": True}))
    line = str(error.value)
    assert line.startswith("optimizer.groups.tokn: matches no parameter. Did you mean `token`")
    assert line.endswith("Parts of their names: encoder, token, weight, widen, bias, layers, leave, crf, output.")


def test_the_later_pattern_wins_setting_by_setting():
    model = Model()
    settings = of(encoder={"lr_scale": 0.1}, bias={"weight_decay": 0.3}, widen={"lr_scale": 2.0})
    found = described(model, "matrices", settings)
    assert found["encoder.widen.weight"] == (2.0, None)
    assert found["encoder.widen.bias"] == (2.0, 0.3)
    assert found["encoder.leave.weight"] == (0.1, 0.0)
    assert found["crf.bias"] == (1.0, 0.3)
    assert found["crf.weight"] == (1.0, None)


def test_a_pattern_that_later_ones_leave_no_effect_is_an_error():
    with pytest.raises(UserError, match=r"optimizer\.groups\.crf: has no effect"):
        parameter_groups(Model(), "all", of(crf={"lr_scale": 3.0}, weight={"lr_scale": 2.0}, bias={"lr_scale": 1.0}))


def test_every_trained_parameter_is_in_one_group_and_groups_that_are_the_same_are_one():
    model = Model()
    groups = parameter_groups(model, "matrices", of(crf={"lr_scale": 100.0}, leave={"lr_scale": 100.0}))
    listed = [parameter for group in groups for parameter in group["params"]]
    assert len(listed) == len(set(listed)) == len(list(model.parameters()))
    assert [(group.get("lr_scale"), group.get("weight_decay")) for group in groups] == [
        (None, None),
        (None, 0.0),
        (100.0, None),
        (100.0, 0.0),
    ]


def test_what_is_frozen_is_in_no_group_and_takes_no_gradient():
    model = Model()
    settings = of(encoder={"freeze": True}, leave={"freeze": False})
    freeze(model, settings)
    trained = {"crf.weight", "crf.bias", "encoder.leave.weight", "encoder.leave.bias"}
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == trained
    assert described(model, "all", settings).keys() == trained


def test_freezing_all_is_an_error():
    with pytest.raises(UserError, match="freeze the whole model"):
        freeze(Model(), OptimizerSettings({"*": GroupSettings(freeze=True)}))


def test_the_learning_rate_falls_from_layer_to_layer_down_to_the_embedding():
    model = Model()
    scales = {name: layer_scales(model, 0.9).get(item, 1.0) for name, item in model.named_parameters()}
    for layer in range(12):
        assert scales[f"encoder.layers.{layer}.0.weight"] == scales[f"encoder.layers.{layer}.1.bias"]
        assert scales[f"encoder.layers.{layer}.0.weight"] == pytest.approx(0.9 ** (12 - layer))
    assert scales["encoder.token.weight"] == scales["encoder.widen.bias"] == pytest.approx(0.9**13)
    assert scales["encoder.leave.weight"] == scales["crf.weight"] == 1


def test_layer_decay_and_a_pattern_multiply():
    found = described(Model(), "all", OptimizerSettings({"layers.11": GroupSettings(lr_scale=10.0)}, 0.5))
    assert found["encoder.layers.11.0.weight"] == (5.0, None)
    assert found["encoder.layers.10.0.weight"] == (0.25, None)


def test_a_model_without_layers_has_no_layer_decay():
    with pytest.raises(UserError, match=r"optimizer\.layer_decay: Linear has no layers"):
        layer_scales(nn.Linear(2, 2), 0.9)


def test_layers_that_share_their_weights_have_no_layer_decay():
    model = Model()
    model.encoder.layers[3][0].weight = model.encoder.layers[2][0].weight
    with pytest.raises(UserError, match=r"optimizer\.layer_decay: the layers share their weights"):
        layer_scales(model, 0.9)


def test_an_optimizer_without_a_learning_rate_can_not_scale_it():
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr_scale": 2.0}], 0.1)
    optimizer.param_groups[0]["lr"] = None
    with pytest.raises(UserError, match="lr_scale needs a learning rate"):
        scale_rates(optimizer)


def test_the_multiplier_times_the_schedule_is_the_learning_rate(tmp_path):
    words = ("optimizer.groups.classify.lr_scale=100", "trainer.log_every=1", "schedule=cosine", "optimizer.lr=1e-4")
    train(tmp_path, *words)
    rates = {}
    for update, name, value in measurements(tmp_path):
        rates.setdefault(name, {})[update] = value
    usual, scaled = rates["optimizer/lr"], rates["optimizer/lr_x100"]
    assert len(usual) == 16
    assert len(set(usual.values())) > 10
    assert {update: 100 * value for update, value in usual.items()} == pytest.approx(scaled)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_faster_part_moves_faster_and_a_frozen_one_not_at_all_with_any_optimizer(tmp_path, optimizer):
    # Clipping would tie the parts to one another: what is frozen is no part of the norm.
    words = (f"optimizer={optimizer}", "trainer.max_updates=1", "trainer.gradient_clip_norm=null", "schedule=constant")
    train(tmp_path / "usual", *words, "test=false")
    frozen, faster = "optimizer.groups.embedding.freeze=true", "optimizer.groups.classify.lr_scale=10"
    train(tmp_path / "grouped", *words, "test=false", frozen, faster)
    slower = "optimizer.groups={*: {lr_scale: 1e-12}}"
    train(tmp_path / "before", *words, "test=false", slower)
    before, usual, grouped = (weights(tmp_path / name) for name in ("before", "usual", "grouped"))
    embedding = [name for name in before if ".embedding." in name]
    assert embedding
    for name in embedding:
        torch.testing.assert_close(before[name], grouped[name], rtol=0, atol=1e-9)
        assert not torch.allclose(before[name], usual[name], rtol=0, atol=1e-9)
    slow, fast = (item["task.classify.weight"] - before["task.classify.weight"] for item in (usual, grouped))
    assert slow.norm() > 0
    assert fast.norm() / slow.norm() == pytest.approx(10, rel=0.01)
    held = checkpoint(tmp_path / "grouped")["optimizer_states"][0]
    assert sum(len(group["params"]) for group in held["param_groups"]) == len(before) - len(embedding)


def test_a_stopped_and_resumed_run_with_groups_equals_one_that_was_never_stopped(tmp_path, monkeypatch):
    words = (
        *(f"plugin_path=[{PLUGINS}]", "callback=crash", "trainer.save_every=2", "optimizer.layer_decay=0.8"),
        "optimizer.groups={embedding: {freeze: true}, classify: {lr_scale: 10}, bias: {weight_decay: 0.1}}",
    )
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    train(tmp_path / "whole", *words)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "raise:batch:5")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "stopped", *words)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    resume(tmp_path / "stopped")
    assert_same_training(tmp_path / "whole", tmp_path / "stopped")


def test_a_wrong_pattern_stops_the_run_before_its_data_is_encoded(tmp_path):
    with pytest.raises(UserError, match=r"optimizer\.groups\.clasify: matches no parameter. Did you mean `classify`"):
        train(tmp_path, "optimizer.groups.clasify.freeze=true")
    assert not (tmp_path / "checkpoints").exists()


def test_the_watched_optimizer_of_a_folder_is_given_groups_too(tmp_path):
    watched = catalogue([str(PLUGINS)]).get("optimizer", "watched").load()
    watched.log.clear()
    words = (f"plugin_path=[{PLUGINS}]", "optimizer=watched", "optimizer.groups.encoder.freeze=true")
    train(tmp_path, *words, "trainer.max_updates=2")
    assert [len(gradients) for _, gradients in watched.log] == [2, 2]


# --- frozen for a while


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_is_frozen_until_an_update_then_moves_with_any_optimizer(optimizer):
    seen = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            seen.append({name: item.detach().clone() for name, item in pl_module.task.named_parameters()})

    def frozen_until(updates):
        seen.clear()
        groups = OptimizerSettings({"layers": GroupSettings(freeze_until=updates)}, layer_decay=0.5)
        case = (optimizer, "", "token", "float64")
        windows.train(case, windows.batches(6), 2, groups=groups, callbacks=[Watch()])
        return [entry["layers.0.weight"] for entry in seen], [entry["norm.weight"] for entry in seen]

    layers, others = frozen_until(3)  # of 8 updates, of 2 batches each
    begin = windows.Ragged("token").double().layers[0].weight
    assert all(item.equal(begin) for item in layers[:6])
    assert not layers[-1].equal(begin)
    assert not others[1].equal(others[3])
    shares, _ = frozen_until(0.375)
    assert all(one.equal(other) for one, other in zip(layers, shares, strict=True))


def test_what_stays_frozen_is_not_thawed_and_the_rest_of_a_pattern_is():
    model = Model()
    settings = of(encoder={"freeze_until": 2}, token={"freeze": True})
    freeze(model, settings)
    thaw = Thaw(model, settings, 10)
    thaw.at(1)
    assert {name for name, item in model.named_parameters() if item.requires_grad} == {"crf.weight", "crf.bias"}
    thaw.at(2)
    assert not model.encoder.token.weight.requires_grad
    assert all(item.requires_grad for item in model.encoder.layers.parameters())
    assert model.encoder.leave.weight in thaw
    assert model.encoder.token.weight not in thaw


@pytest.mark.parametrize("moment", ["batch:2", "batch:5"])
def test_stopped_before_and_after_the_thaw_a_run_with_ema_equals_one_that_was_never_stopped(
    tmp_path, monkeypatch, moment
):
    words = (f"plugin_path=[{PLUGINS}]", "callback=[crash,ema]", "trainer.save_every=1", "trainer.max_updates=7")
    words += ("optimizer.groups.embedding.freeze_until=4", "wrapper=[lazy,lookahead]", "wrapper.lookahead.k=2")
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    train(tmp_path / "whole", *words)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", f"raise:{moment}")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "stopped", *words)
    monkeypatch.setenv("DOUGONG_TEST_CRASH", "")
    resume(tmp_path / "stopped")
    assert_same_training(tmp_path / "whole", tmp_path / "stopped")


def test_how_long_it_is_frozen_is_said_and_a_contradiction_refused(tmp_path, capsys):
    words = ("trainer.max_updates=1", "test=false")
    train(tmp_path, "optimizer.groups.token.freeze_until=0.25", "optimizer.groups.classify.freeze_until=9", *words)
    out = capsys.readouterr().out
    assert "token: frozen for 0.25 of the updates (" in out
    assert "classify: frozen until update 9 (" in out
    with pytest.raises(UserError, match=r"groups\.token: is frozen, so that freeze_until would do nothing"):
        train(tmp_path, "optimizer.groups.token={freeze: true, freeze_until: 3}")
