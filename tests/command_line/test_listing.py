"""Help, listing, showing and composing, where torch can't be imported."""

import json
import subprocess
import sys

import pytest
import yaml

from dougong.command_line.main import main
from dougong.kinds import KINDS
from dougong.registry.catalogue import Catalogue

NAMES = ("train", "evaluate", "predict", "serve", "export", "benchmark", "plugins", "completion")
BUILT_IN = {(plugin.kind, plugin.name) for plugin in Catalogue()}


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_help_names_every_command(words, without_torch):
    text = without_torch(*words).done()
    assert all(command in text for command in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name, without_torch):
    assert "usage: " in without_torch(name, "--help").done()


def test_the_help_of_train_shows_every_plugin_and_what_is_chosen_now(without_torch, parts):
    text = without_torch("train", "encoder=twin", parts, "-h").done()
    assert all(name in text for _, name in BUILT_IN)
    assert "near" in text
    assert "decoder_attention:" in text


def test_cfg_prints_what_is_composed_wherever_the_option_stands(without_torch):
    words = ["encoder.layers=2", "optimizer.lr=1"]
    places = [["--cfg", "job", *words], [words[0], "--cfg=job", words[1]], [*words, "-c", "job"]]
    printed = {without_torch("train", *place).done() for place in places}
    assert len(printed) == 1
    config = yaml.safe_load(printed.pop())
    assert (config["encoder"]["layers"], config["optimizer"]["lr"]) == (2, 1)
    assert not list(without_torch.folder.iterdir())


def test_every_built_in_is_listed_with_its_line_and_origin(without_torch):
    text = without_torch("plugins").done()
    rows = json.loads(without_torch("plugins", "--json").done())
    assert {(row["kind"], row["name"]) for row in rows} == BUILT_IN
    for row in rows:
        assert row["origin"] == "built-in"
        assert row["problem"] is None
        assert row["name"] in text
        assert row["summary"].split()[0] in text
    assert list(dict.fromkeys(row["kind"] for row in rows)) == [
        kind for kind in KINDS if kind in {k for k, _ in BUILT_IN}
    ]


def test_one_kind_can_be_listed(without_torch):
    rows = json.loads(without_torch("plugins", "tokenizer", "--json").done())
    assert {row["kind"] for row in rows} == {"tokenizer"}


def test_a_folder_is_the_origin_of_its_plugins(without_torch, parts):
    rows = json.loads(without_torch("plugins", "encoder", "--json", parts).done())
    assert {row["name"]: row["origin"] for row in rows} == {
        **dict.fromkeys(("dgcnn", "huggingface", "recurrent", "transformer"), "built-in"),
        "twin": parts.partition("=")[2],
        "bag": parts.partition("=")[2],
    }


@pytest.mark.parametrize("key", ["/".join(pair) for pair in sorted(BUILT_IN)])
def test_show_tells_every_setting_of_every_built_in(key, capsys):
    assert main(["plugins", "show", key, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert main(["plugins", "show", key]) == 0
    text = capsys.readouterr().out
    assert text.startswith(key)
    prefix = f"{shown['kind']}.{shown['name']}" if KINDS[shown["kind"]].several else shown["kind"]
    for setting in shown["settings"]:
        assert setting["type"]
        assert setting["help"]
        assert f"{prefix}.{setting['name']}" in text
    for slot in shown["slots"]:
        assert slot["kind"] in KINDS
        assert slot["name"] in text


def test_show_tells_types_defaults_slots_and_facts(without_torch):
    shown = json.loads(without_torch("plugins", "show", "encoder/transformer", "--json").done())
    settings = {setting["name"]: setting for setting in shown["settings"]}
    assert (settings["layers"]["type"], settings["layers"]["default"]) == ("whole number >= 1", 4)
    assert (settings["norm"]["type"], settings["norm"]["default"]) == ("pre | post", "pre")
    assert (settings["dim"]["type"], settings["dim"]["default"]) == ("whole number >= 1 | null", None)
    assert shown["slots"] == [
        {"name": "embedding", "kind": "embedding", "default": "token"},
        {"name": "attention", "kind": "attention", "default": ["full"]},
    ]
    assert shown["facts"] == {"needs": ["padding"], "supports": ["causal", "vectors"]}


def test_show_says_which_setting_has_to_be_given(without_torch):
    shown = json.loads(without_torch("plugins", "show", "data/text_table", "--json").done())
    assert "required" in without_torch("plugins", "show", "data/text_table").done()
    assert [setting["name"] for setting in shown["settings"] if setting["required"]] == ["path"]


def test_a_reader_of_a_listing_may_leave_early(without_torch):
    run = subprocess.run(
        f"'{sys.executable}' -m dougong plugins --json | head -1",
        shell=True,
        env=without_torch.environment,
        cwd=without_torch.folder,
        capture_output=True,
        text=True,
    )
    assert (run.stdout, run.stderr) == ("[\n", "")


def test_brackets_are_shown_as_they_are_written(without_torch, write):
    """They are no markup: `pip install "dougong[words]"` says what it says."""
    folder = write(
        "mine/odd.py",
        '''
        from dougong import register

        @register("schedule", "odd")
        class Odd:
            """Needs `pip install "odd[bold]"`.

            Args:
                rate: of [red] and [/red], as in `odd[words]`.
            """

            def __init__(self, rate: list[int] | None = None) -> None:
                self.rate = rate
        ''',
    ).parent
    said = " ".join(without_torch("plugins", "show", "schedule/odd", f"plugin_path={folder}").done().split())
    assert 'pip install "odd[bold]"' in said
    assert "of [red] and [/red], as in `odd[words]`." in said


def test_list_is_the_listing(without_torch):
    assert without_torch("plugins", "list", "schedule").done() == without_torch("plugins", "schedule").done()
