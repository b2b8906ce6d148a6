"""Completion in a real bash, where torch can't be imported."""

import subprocess
import sys

import pytest

# What readline does when Tab is pressed: the line and the cursor are handed over, and the function is called.
DRIVER = """
COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
source "$2"
[[ "$(complete -p dougong)" == *"-F _dougong_complete dougong" ]] || exit 3
COMP_LINE="$1" COMP_POINT=${#1}
_dougong_complete
printf '%s\\n' "${COMPREPLY[@]}"
"""


TOKENIZERS = ("byte", "character", "character_word", "sentencepiece", "wordpiece")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """A file with what `dougong completion bash` prints."""
    printed = subprocess.run([sys.executable, "-m", "dougong", "completion", "bash"], capture_output=True, check=True)
    path = tmp_path_factory.mktemp("completion") / "dougong.bash"
    path.write_bytes(printed.stdout)
    return path


@pytest.fixture
def complete(without_torch, tmp_path, script):
    """What bash offers for the last word of a line."""
    program = tmp_path / "bin" / "dougong"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dougong "$@"\n')
    program.chmod(0o755)

    def offers(line: str) -> list[str]:
        environment = without_torch.environment
        environment["PATH"] = f"{program.parent}:{environment['PATH']}"
        run = subprocess.run(
            ["bash", "--norc", "-c", DRIVER, "bash", line, str(script)],
            env=environment,
            cwd=without_torch.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert not run.stderr
        return run.stdout.split()

    return offers


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dougong t", ["train"]),
        ("dougong p", ["predict", "plugins"]),
        ("dougong completion ", ["bash"]),
        ("dougong train opt", ["optimizer.", "optimizer="]),
        ("dougong train optimizer=ada", ["adafactor", "adamw", "adax"]),
        ("dougong train schedule=lin", ["linear_warmup"]),
        ("dougong train optimizer.l", ["optimizer.layer_decay=", "optimizer.lr="]),
        ("dougong train optimizer.g", ["optimizer.groups="]),
        ("dougong train optimizer.groups.embedding.freeze=true optimizer.groups.", ["optimizer.groups.embedding."]),
        ("dougong train optimizer.groups.crf.freeze=true optimizer.groups.crf.", ["optimizer.groups.crf.freeze="]),
        ("dougong train schedule=c", ["constant", "cosine"]),
        ("dougong train trainer=d", ["ddp", "debug"]),
        ("dougong train trainer.acc", ["trainer.accelerator=", "trainer.accumulate_grad_batches="]),
        ("dougong train trainer.accelerator=", ["auto", "cpu", "gpu"]),
        ("dougong train trainer.compile=", ["false", "true"]),
        ("dougong train encoder.norm=", ["post", "pre"]),
        ("dougong train tracker.wandb.mode=o", ["offline", "online"]),
        ("dougong train experiment=s", ["sentiment"]),
        ("dougong train +experiment=s", ["sentiment"]),
        ("dougong train data=text_table data.on_bad_row=", ["error", "skip"]),
        ("dougong train tokenizer=wordpiece tokenizer.vo", ["tokenizer.vocab=", "tokenizer.vocab_size="]),
        ("dougong train attention=fll encoder.lay", ["encoder.layers="]),
        ("dougong train --mu", ["--multirun"]),
        ("dougong train --cfg ", ["all", "hydra", "job"]),
        ("dougong plugins s", ["show", "schedule"]),
        ("dougong plugins n", ["new"]),
        ("dougong plugins new att", ["attention/"]),
        ("dougong plugins new attention/mine --", ["--into", "--package"]),
        ("dougong plugins new attention/mine --into ", []),
        ("dougong plugins new attention/mine --into x ", []),
        ("dougong plugins new --into x sche", ["schedule/"]),
        ("dougong plugins show attention/sparse --", ["--json", "--plot"]),
        ("dougong dashboard po", ["port="]),
        ("dougong plugins show tokenizer/", [f"tokenizer/{name}" for name in TOKENIZERS]),
        ("dougong b", ["benchmark"]),
        ("dougong benchmark ", ["attention"]),
        ("dougong benchmark attention le", ["lengths="]),
        ("dougong benchmark attention attention", ["attention.", "attention="]),
        ("dougong benchmark attention attention=[full,loc", ["[full,local"]),
        ("dougong benchmark attention attention.loc", ["attention.local."]),
        ("dougong benchmark attention attention.local.w", ["attention.local.window="]),
        ("dougong benchmark attention attention.local.backend=b", ["blocked"]),
        ("dougong benchmark attention heads=1 dtype=b", ["bfloat16"]),
        ("dougong evaluate c", ["checkpoint="]),
        ("dougong predict checkpoint=a out", ["output="]),
        ("dougong se", ["serve"]),
        ("dougong serve checkpoint=a max_b", ["max_batch=", "max_bytes="]),
        ("dougong serve checkpoint=a device=", ["auto", "cpu", "cuda"]),
    ],
)
def test_a_word_is_completed(line, offered, complete):
    assert sorted(complete(line)) == sorted(offered)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("attention=[near,", ["[near,blind", "[near,far"]),
        ("attention=[near,f", ["[near,far"]),
        ("attention=n", ["near"]),
        ("attention=near attention.", ["attention.near."]),
        ("attention=near attention.near.w", ["attention.near.window="]),
        ("encoder=twin dec", ["decoder_attention.", "decoder_attention="]),
        ("encoder=twin decoder_attention=n", ["near"]),
        ("encoder=twin attention@decoder_attention=near decoder_attention.n", ["decoder_attention.near."]),
    ],
)
def test_plugins_of_a_folder_and_their_slots_are_completed(words, offered, complete, parts):
    found = complete(f"dougong train {parts} {words}")
    mine = ("near", "far", "blind", "decoder_attention")
    assert [item for item in found if any(name in item.removeprefix("[near,") for name in mine)] == offered


def test_every_list_choice_is_offered_but_what_is_chosen_already(complete):
    from dougong.registry.catalogue import Catalogue

    others = [name for name in Catalogue().names("attention") if name != "full"]
    assert sorted(complete("dougong train attention=[full,")) == sorted(f"[full,{name}" for name in others)


def test_what_is_broken_is_not_offered(complete, write):
    folder = write("mine/bad.py", "import a_package_of_mine\n\n@register('schedule', 'bad')\nclass Bad: ...\n").parent
    offered = complete(f"dougong train plugin_path={folder} schedule=")
    assert "constant" in offered
    assert "bad" not in offered


def test_a_preset_of_the_config_folder_is_offered(complete, write):
    folder = write("conf/encoder/small.yaml", "defaults: [transformer]\n").parents[1]
    assert complete(f"dougong train --config-dir {folder} encoder=s") == ["small"]
