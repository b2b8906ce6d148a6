"""What `optimizer.groups` may say, told before torch is imported."""

import json

import pytest
import yaml

import dougong
from dougong.compose.compose import compose
from dougong.errors import UserError
from dougong.registry.catalogue import Catalogue

OPTIMIZERS = [plugin.name for plugin in Catalogue() if plugin.kind == "optimizer"]
NONE = {"lr_scale": None, "weight_decay": None, "freeze": None, "freeze_until": None}

THEIRS = """
import torch
from dougong import register


@register("optimizer", "theirs")
class Theirs(torch.optim.SGD):
    "Plain descent."

    def __init__(self, params, lr: float = 0.1) -> None:
        super().__init__(list(params), lr)


@register("optimizer", "clash")
class Clash(Theirs):
    "Has a name that is taken."

    def __init__(self, params, lr: float = 0.1, groups: int = 3) -> None:
        super().__init__(list(params), lr)
"""


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("word", "groups", "layer_decay"),
    [
        ("optimizer.groups.crf.lr_scale=100", {"crf": NONE | {"lr_scale": 100.0}}, None),
        ("optimizer.layer_decay=0.9", {}, 0.9),
        ("optimizer.groups.embedding.freeze=true", {"embedding": NONE | {"freeze": True}}, None),
        (
            "optimizer.groups={encoder.layers.?.*: {lr_scale: .5}}",
            {"encoder.layers.?.*": NONE | {"lr_scale": 0.5}},
            None,
        ),
        (
            "optimizer.groups={a: {freeze: true}, b: {freeze: false}}",
            {"a": NONE | {"freeze": True}, "b": NONE | {"freeze": False}},
            None,
        ),
    ],
)
def test_every_optimizer_takes_groups_in_one_word(optimizer, word, groups, layer_decay):
    node = compose([f"optimizer={optimizer}", word])["optimizer"]
    assert (node["groups"], node["layer_decay"]) == (groups, layer_decay)


def test_they_are_one_line_of_a_config_file_that_the_command_line_adds_to(write, command):
    text = "# @package _global_\noptimizer:\n  groups:\n    embedding: {freeze: true}\n"
    folder = write("conf/experiment/mine.yaml", text).parents[1]
    words = (
        "train",
        "experiment=mine",
        "--config-dir",
        str(folder),
        "optimizer.groups.classify.lr_scale=9",
        "--cfg=job",
    )
    found = yaml.safe_load(command(*words).done())["optimizer"]["groups"]
    assert found == {"embedding": {"freeze": True}, "classify": {"lr_scale": 9}}


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (
            "optimizer.groups.crf.lr_scal=1",
            "optimizer.groups.crf.lr_scal: there is no such setting. Did you mean `lr_sc",
        ),
        ("optimizer.groups.crf.lr_scale=0", "optimizer.groups.crf.lr_scale: must be > 0, got 0.0."),
        ("optimizer.groups.crf.weight_decay=-1", "optimizer.groups.crf.weight_decay: must be >= 0, got -1.0."),
        ("optimizer.groups.crf.freeze=1", "optimizer.groups.crf.freeze: must be true or false, got 1."),
        ("optimizer.groups.crf=100", "optimizer.groups.crf: must be a group of settings, got 100."),
        ("optimizer.groups=100", "optimizer.groups: must be a mapping, as {a: 1}, got 100."),
        ("optimizer.groups={crf: {}}", "optimizer.groups.crf: says nothing. Known: lr_scale, weight_decay, freeze, "),
        ("optimizer.groups={a: {freeze: true, lr_scale: 2}}", "optimizer.groups.a: is frozen, so that lr_scale would"),
        ("optimizer.layer_decay=1.5", "optimizer.layer_decay: must be <= 1, got 1.5."),
        ("optimizer.group.crf.freeze=true", "optimizer.group: there is no such setting. Did you mean `groups`?"),
        ("schedule.groups.crf.freeze=true", "schedule.groups: there is no such setting."),
    ],
)
def test_what_makes_no_sense_is_one_line_before_torch_is_imported(word, line, without_torch):
    assert without_torch("train", word).refused().startswith(line)


def test_an_optimizer_of_anybodys_has_them_too(write, without_torch):
    where = f"plugin_path={write('mine/it.py', THEIRS).parent}"
    shown = json.loads(without_torch("plugins", "show", "optimizer/theirs", where, "--json").done())
    assert [item["name"] for item in shown["settings"]] == ["lr", "groups", "layer_decay"]
    words = ("train", where, "optimizer=theirs")
    found = yaml.safe_load(without_torch(*words, "optimizer.groups.crf.lr_scale=3", "--cfg=job").done())
    assert found["optimizer"]["groups"] == {"crf": {"lr_scale": 3}}
    line = "optimizer.groups.crf.weight_decay: optimizer=theirs has no weight decay."
    assert without_torch(*words, "optimizer.groups.crf.weight_decay=0.1").refused() == line


def test_a_setting_that_bears_their_name_is_refused_and_breaks_nothing_else(write, without_torch):
    where = f"plugin_path={write('mine/it.py', THEIRS).parent}"
    rows = json.loads(without_torch("plugins", "optimizer", where, "--json").done())
    problems = {row["name"]: row["problem"] for row in rows if row["problem"]}
    assert list(problems) == ["clash"]
    assert "its setting `groups` bears the name of one that every optimizer has" in problems["clash"]
    assert without_torch("train", where, "optimizer=clash").refused().startswith("optimizer/clash can't be used: its")


def test_in_plain_pytorch_an_optimizer_has_none():
    import torch

    with pytest.raises(UserError, match=r"optimizer/adamw\.groups: there is no such setting"):
        dougong.create("optimizer", "adamw", params=[torch.zeros(2)], groups={})
