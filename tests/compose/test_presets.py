"""Presets and experiments: files that say again what the command line can say."""

import re

import pytest

from dougong.compose.compose import compose
from dougong.compose.conf_folder import conf_folder
from dougong.errors import UserError
from dougong.kinds import KINDS

EXPERIMENT = """
    # @package _global_
    defaults:
      - override /schedule: constant
      - override /tokenizer: wordpiece
    optimizer:
      lr: 0.25
    trainer:
      max_epochs: 9
    """


@pytest.fixture
def folder(write, tmp_path):
    """A config folder of the user's, with a preset and experiments."""
    write("conf/encoder/small.yaml", "defaults: [transformer, _self_]\nlayers: 1\nheads: 2\n")
    write("conf/encoder/smaller.yaml", "defaults: [small, _self_]\nheads: 1\n")
    write("conf/attention/plain.yaml", "defaults: [full]\n")
    write("conf/experiment/mine.yaml", EXPERIMENT)
    return str(tmp_path / "conf")


def refusal(words, config_dir=None) -> str:
    with pytest.raises(UserError) as refused:
        compose(words, config_dir)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("way", ["--config-dir", "hydra.searchpath", "both"])
def test_a_preset_extends_a_plugin(way, folder):
    words = [] if way == "--config-dir" else [f"hydra.searchpath=[file://{folder}]"]
    config_dir = None if way == "hydra.searchpath" else folder
    encoder = compose([*words, "encoder=small"], config_dir)["encoder"]
    assert (encoder["name"], encoder["layers"], encoder["heads"], encoder["norm"]) == ("transformer", 1, 2, "pre")


def test_a_preset_extends_a_preset_and_the_command_line_goes_before_both(folder):
    encoder = compose(["encoder=smaller", "encoder.layers=5"], folder)["encoder"]
    assert (encoder["name"], encoder["layers"], encoder["heads"]) == ("transformer", 5, 1)


def test_a_preset_still_has_the_slots_of_its_plugin(folder):
    assert list(compose(["encoder=small", "attention=plain"], folder)["attention"]) == ["full"]


def test_the_folder_of_one_command_is_forgotten_by_the_next(folder):
    compose(["encoder=small"], folder)
    assert refusal(["encoder=small"]).startswith("encoder=small: there is no such encoder. Did you mean ")


def test_a_misspelt_preset_is_offered(folder):
    line = refusal(["encoder=smal"], folder)
    assert "Did you mean `small`? Allowed: albert, " in line
    assert "dgcnn, huggingface, recurrent, small, smaller, transformer." in line


@pytest.mark.parametrize("way", ["--config-dir", "hydra.searchpath"])
def test_a_preset_that_bears_the_name_of_a_plugin_is_refused_with_both_files(way, folder, write):
    path = write("conf/encoder/transformer.yaml", "defaults: [transformer, _self_]\n")
    words, config_dir = ([], folder) if way == "--config-dir" else ([f"hydra.searchpath=[{folder}]"], None)
    line = refusal(words, config_dir)
    assert line.startswith(f"{path} bears the name of the plugin encoder/transformer (")
    assert re.search(r"encoder/transformer\.py:\d+\); rename the preset\.$", line)


def test_a_preset_that_bears_the_name_of_a_plugin_of_a_folder_is_refused(folder, write, parts):
    path = write("conf/attention/near.yaml", "defaults: [full]\n")
    assert refusal([parts], folder).startswith(f"{path} bears the name of the plugin attention/near (")
    compose([], folder)


def test_our_own_presets_bear_no_plugin_s_name_and_end_in_a_plugin():
    for kind in KINDS:
        for path in (conf_folder() / kind).glob("*.yaml"):
            assert compose([f"{kind}={path.stem}"])[kind]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bert", (12, 768, 12, 768, False)),
        ("bert_small", (4, 512, 8, 512, False)),
        ("bert_tiny", (2, 128, 2, 128, False)),
        ("albert", (12, 768, 12, 128, True)),
        ("albert_small", (6, 384, 12, 128, True)),
        ("albert_tiny", (4, 312, 12, 128, True)),
    ],
)
def test_bert_and_albert_are_presets_that_choose_their_embedding_too(name, expected):
    for task in ("classification", "seq2seq"):  # of which the second has a decoder with a slot for an embedding
        config = compose([f"encoder={name}", f"task={task}"])
        encoder, embedding = config["encoder"], config["embedding"]
        dim = encoder["dim"] or embedding["dim"]
        assert (encoder["layers"], dim, encoder["heads"], embedding["dim"], encoder["share_layers"]) == expected
        assert (encoder["norm"], encoder["pooling"], encoder["norm_eps"]) == ("post", "pooler", 1e-12)
        assert (embedding["norm"], embedding["segments"], embedding["norm_eps"]) == (True, 2, 1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "layers: 3\n",
            "encoder: this preset does not end in a registered encoder; its `defaults` must begin with one.",
        ),
        ("name: transformr\n", "encoder=transformr: there is no such encoder. Did you mean `transformer`?"),
        (
            "defaults: [transformr, _self_]\n",
            "encoder=transformr: there is no such encoder. Did you mean `transformer`?",
        ),
        ("defaults: [loose, _self_]\n", "encoder=loose: goes round in circles; the `defaults` of a config file"),
        ("defaults: [transformer, _self_]\nlayer: 3\n", "encoder.layer: there is no such setting. Did you mean"),
    ],
)
def test_a_preset_that_is_no_use_is_refused(text, message, folder, write):
    write("conf/encoder/loose.yaml", text)
    assert message in refusal(["encoder=loose"], folder)


@pytest.mark.parametrize("word", ["experiment=mine", "+experiment=mine"])
def test_an_experiment_overrides_groups_and_settings(word, folder):
    config = compose([word], folder)
    assert config["schedule"] == {"name": "constant", "warmup": 0.0}
    assert config["tokenizer"]["name"] == "wordpiece"
    assert (config["optimizer"]["lr"], config["trainer"]["max_epochs"]) == (0.25, 9)


@pytest.mark.parametrize("word", ["experiment=mine", "+experiment=mine"])
def test_the_command_line_goes_before_an_experiment(word, folder):
    config = compose([word, "schedule=linear_warmup", "optimizer.lr=1", "trainer=cpu"], folder)
    assert config["schedule"]["name"] == "linear_warmup"
    assert config["optimizer"]["lr"] == 1.0
    assert config["trainer"]["max_epochs"] == 9


def test_our_own_experiments_compose():
    for path in (conf_folder() / "experiment").glob("*.yaml"):
        folder = [] if path.stem.startswith("toy_") else ["data.path=somewhere"]
        assert compose([f"experiment={path.stem}", *folder])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer:\n  lrr: 1\n", "optimizer.lrr: there is no such setting. Did you mean `lr`?"),
        ("sed: 1\n", "sed: there is no such setting. Did you mean `seed`?"),
        ("trainer:\n  max_epoch: 1\n", "trainer.max_epoch: there is no such setting. Did you mean `max_epochs`?"),
        ("optimizer:\n  lr: -1\n", "optimizer.lr: must be > 0, got -1"),
        ("defaults:\n  - override /schedule: constnt\n", "schedule=constnt: there is no such schedule. Did you mean"),
        ("defaults:\n  - override /shedule: constant\n", "shedule: there is no such setting. Did you mean `schedule`?"),
        ("defaults:\n  - /schedule: constant\n", "schedule: chosen twice; a file that replaces the choice says `over"),
        ("seed: 1\n trainer: 2\n", "experiment/wrong.yaml:3: not YAML ("),
        ("plugin_path: [here]\n", "plugin_path: has to be given on the command line, as plugin_path="),
    ],
)
def test_a_mistake_in_an_experiment_is_named(text, message, folder, write):
    write("conf/experiment/wrong.yaml", "# @package _global_\n" + text)
    assert message in refusal(["experiment=wrong"], folder)


def test_an_experiment_that_sets_nothing_is_refused(folder, write):
    write("conf/experiment/local.yaml", "optimizer:\n  lr: 1\n")
    assert "# @package _global_" in refusal(["experiment=local"], folder)


def test_an_experiment_whose_choice_nothing_takes_is_refused(folder, write, parts):
    write(
        "conf/experiment/unused.yaml",
        "# @package _global_\ndefaults:\n  - override /encoder: bag\n  - override /attention: [full]\n",
    )
    line = refusal([parts, "experiment=unused"], folder)
    assert line.startswith("experiment/unused.yaml: nothing that is chosen takes its `override /attention`; remove it")


def test_a_search_path_that_does_not_exist_is_refused():
    assert refusal(["hydra.searchpath=[missing]"]) == "hydra.searchpath: missing is not a folder."
