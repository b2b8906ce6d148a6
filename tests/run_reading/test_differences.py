"""What tells runs apart, and the command that makes one again."""

import shlex

import pytest
import yaml
from run_folders import CONFIG, config, write_run

from dougong.compose.compose import compose
from dougong.runs.differences import differences, differing, label, settings_of, variants
from dougong.runs.read import read_run
from dougong.runs.words import command


def settings(**changed):
    return settings_of(config(**changed))


def test_a_choice_is_one_setting_and_brings_no_others_with_it():
    assert differing([settings(attention="full"), settings(attention="local")]) == ["attention"]


def test_a_setting_that_some_do_not_have_differs_among_those_that_do():
    wide = config(attention="local")
    wide["attention"]["local"]["window"] = 8
    names = differing([settings(), settings(attention="local"), settings_of(wide)])
    assert names == ["attention", "attention.local.window"]


def test_what_only_records_or_shows_makes_no_difference(tmp_path):
    other = config(tracker={}, trainer={"max_epochs": 5, "progress": "none"}, save_predictions=False)
    assert differing([settings(), settings_of(other)]) == []


def test_several_choices_are_told_from_none():
    wrapped = settings_of(config(wrapper={"lazy": {"name": "lazy"}, "lookahead": {"name": "lookahead", "k": 6}}))
    plain = settings()
    assert (wrapped["wrapper"], plain["wrapper"]) == ("lazy,lookahead", "none")
    assert differing([wrapped, plain]) == ["wrapper"]


def test_runs_that_differ_in_the_seed_alone_are_one_variant():
    runs = [settings(seed=1), settings(attention="local", seed=1), settings(seed=2), settings(seed=1, lr=0.01)]
    assert variants(runs) == [[0, 2], [1], [3]]


def test_differences_read_as_words_of_the_command_line(tmp_path):
    folders = [write_run(tmp_path / str(lr), config(lr=lr, seed=1)) for lr in (1e-5, 0.1)]
    names, values = differences([read_run(folder) for folder in folders])
    assert names == ["optimizer.lr"]
    assert [label(value) for value in values] == ["optimizer.lr=1e-05", "optimizer.lr=0.1"]


def test_a_damaged_run_can_be_listed_among_others(tmp_path):
    runs = [read_run(write_run(tmp_path / "good")), read_run(write_run(tmp_path / "bad"))]
    runs[1].config.clear()
    assert differences(runs)[0] == []


def test_the_words_that_made_a_run_make_it_again_also_through_a_shell(tmp_path):
    words = ["task.name=a b", "data.path='x y'", "attention=[local,atrous]"]
    assert shlex.split(command(read_run(write_run(tmp_path / "run", overrides=words)))) == ["dougong", "train", *words]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["attention=[local,atrous]", "attention.local.window=7", "wrapper=[lazy,lookahead]", "seed=5"],
        ["task=seq2seq", "decoder_attention=local", "optimizer.lr=1e-5", "trainer.max_updates=3", "callback=ema"],
        [
            "data=text_table",
            "data.path='it\\'s odd, [really]: \\ #1'",
            "optimizer.groups={*.a.b*:{lr_scale:0.5},last:{freeze:true}}",
        ],
    ],
)
def test_a_run_from_python_is_made_again_by_naming_every_setting(tmp_path, overrides):
    made = compose(overrides)
    run = read_run(write_run(tmp_path / "run", made, overrides=None))
    assert compose(shlex.split(command(run))[2:]) == made


def test_the_test_runs_are_like_real_ones():
    assert set(CONFIG) <= set(compose([]))
    assert yaml.safe_dump(CONFIG)
