"""What a user gets wrong is one line on stderr, exit code 2, before torch is imported (it can't be, in these tests)."""

import pytest

UNDERSTAND = "not understood; say KEY=VALUE, and quote what has spaces, commas or brackets."

TASKS = (
    "bidirectional_seq2seq, causal_lm, classification, event_extraction, masked_lm, passage_qa, reading_comprehension, "
    "relation_extraction, seq2seq, tagging."
)

UNKNOWN = [
    # words, how the line begins, what it says to write instead
    ("train attention=fll", "attention=fll: there is no such attention.", "Did you mean `full`?"),
    ("train attention=[full,fll]", "attention=fll: there is no such attention.", "Did you mean `full`?"),
    ("train trainer=debgu", "trainer=debgu: there is no such trainer.", "Did you mean `debug`?"),
    ("train experiment=sentimen", "experiment=sentimen: there is no such experiment.", "Did you mean `sentiment`?"),
    ("train optimzer=adamw", "optimzer: there is no such setting.", "Did you mean `optimizer`?"),
    ("train sed=1", "sed: there is no such setting.", "Did you mean `seed`?"),
    ("train +sed=1", "sed: there is no such setting.", "Did you mean `seed`?"),
    ("train optimizer.lrr=1", "optimizer.lrr: there is no such setting.", "Did you mean `lr`?"),
    ("train ++optimizer.lrr=1", "optimizer.lrr: there is no such setting.", "Did you mean `lr`?"),
    ("train trainer.max_epoch=1", "trainer.max_epoch: there is no such setting.", "Did you mean `max_epochs`?"),
    ("train tracker.wandb.projct=a", "tracker.wandb.projct: there is no such setting.", "Did you mean `project`?"),
    ("train tracker.wand.project=a", "tracker.wand: there is no such tracker.", "Did you mean `wandb`?"),
    ("train encoder._target_=os.system", "encoder._target_: there is no such setting.", "Known: layers, "),
    (
        "train data.path=here",
        "data.path: there is no such setting.",
        " and data=text_file and data=text_table and ",
    ),
    ("train hydra.rn.dir=here", "hydra.rn.dir: Hydra has no such setting;", "--cfg hydra"),
    ("train ~sed", "~sed: ", "nothing of that name"),
    ("train -m seed=1,2 optimizer.lrr=1e-3,1e-4", "optimizer.lrr: there is no such", "Did you mean `lr`?"),
    ("train optimizer=adamv", "optimizer=adamv: there is no such optimizer.", "Did you mean `adamw`?"),
    ("train -m attention=full,fll", "attention=fll: there is no such attention.", "Did you mean `full`?"),
    ("train --mutirun seed=1,2", "--mutirun: there is no such option.", "Did you mean `--multirun`?"),
    ("train --cfg jb", "--cfg jb: there is no such choice.", "Did you mean `job`?"),
    ("trian", "dougong trian: there is no such command.", "Did you mean `train`?"),
    ("plugins encodr", "encodr: there is no such kind of plugin.", "Did you mean `encoder`?"),
    ("plugins --jsn", "--jsn: there is no such option.", "usage: dougong plugins "),
    ("plugins plugin_pth=.", "plugin_pth: there is no such setting.", "Did you mean `plugin_path`?"),
    ("plugins show attention/fll", "attention=fll: there is no such attention.", "Did you mean `full`?"),
    ("plugins show attntion/full", "attntion: there is no such kind of plugin.", "Did you mean `attention`?"),
    ("plugins show attention", "show: takes one KIND/NAME", "usage: dougong plugins "),
    ("predict checkpoit=a", "checkpoit: there is no such setting.", "Did you mean `checkpoint`?"),
    ("serve max_bach=1", "max_bach: there is no such setting.", "Did you mean `max_batch`?"),
    ("evaluate checkpoint=a", "checkpoint: a does not exist", "dougong train"),
    ("predict checkpoint=gone text=a", "checkpoint: gone does not exist", "dougong train"),
    ("train plugin_path=a,b", "plugin_path=a,b: it is the same for all jobs", "say plugin_path=[A,B]"),
    ("train tas", "tas: ", UNDERSTAND),
    ("train attention=[full", "attention=[full: ", UNDERSTAND),
    ("train -m attention=[full", "attention=[full: ", UNDERSTAND),
    ("train plugin_path=[a", "plugin_path=[a: ", UNDERSTAND),
    ("completion zsh", "dougong completion: takes the name of a shell", "known: bash"),
]

WRONG = [
    # words, the whole line
    ("train encoder.layers=two", "encoder.layers: must be a whole number, got 'two'."),
    ("train encoder.layers=1.5", "encoder.layers: must be a whole number, got 1.5."),
    ("train encoder.layers=0", "encoder.layers: must be >= 1, got 0."),
    ("train encoder.dropout=1", "encoder.dropout: must be < 1, got 1.0."),
    ("train optimizer.lr=", "optimizer.lr: must be a number, got ''."),
    ("train optimizer.betas=[0.9]", "optimizer.betas: must be a list of 2, got [0.9]."),
    ("train trainer.compile=maybe", "trainer.compile: must be true or false, got 'maybe'."),
    ("train encoder.norm=pri", "encoder.norm: must be one of pre, post, got 'pri'. Did you mean `pre`?"),
    ("train seed=-1", "seed: must be >= 0, got -1."),
    ("train loader=null", "loader: must be a group of settings, got null."),
    ("train -m optimizer.lr=1e-3,x", "optimizer.lr: must be a number, got 'x'."),
    ("train -m encoder.layers=1,0", "encoder.layers: must be >= 1, got 0."),
    ("train task=null", f"task=null: there is no such task. Allowed: {TASKS}"),
    ("train ~task", f"task: has to be chosen. Allowed: {TASKS}"),
    ("train tracker=null", "tracker=null: to have none, say tracker=[]."),
    ("train data=text_table", "data.path: has to be given, as data.path=..."),
    ("train data=text_table data.path=gone", "data.path: gone is not a folder."),
    ("train plugin_path=gone", "plugin_path: gone does not exist."),
    ("train --config-dir gone", "--config-dir: gone is not a folder."),
    ("train seed=1 --config-dir", "--config-dir: needs a value, as --config-dir DIR."),
    ("train resume=gone", "resume=gone: there is no run; a run folder holds config.yaml."),
    ("train seed=1,2", "seed=1,2: more than one value; add -m to run each by itself, or write [1,2] for a list."),
]


@pytest.mark.parametrize(("words", "begins", "offers"), UNKNOWN, ids=[words for words, *_ in UNKNOWN])
def test_an_unknown_name_is_one_line_that_offers_the_nearest(words, begins, offers, without_torch):
    line = without_torch(*words.split()).refused()
    assert line.startswith(begins)
    assert offers in line
    assert not list(without_torch.folder.iterdir())


@pytest.mark.parametrize(("words", "line"), WRONG, ids=[words for words, _ in WRONG])
def test_a_wrong_value_is_one_line_that_says_what_is_allowed(words, line, without_torch):
    assert without_torch(*words.split()).refused() == line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encoder=bag", "attention=far"], "encoder=bag has no attention; remove attention=far, or choose encoder=hu"),
        (["attention=blind"], "attention=blind can't do padding attention, which encoder=transformer needs."),
        (["attention.near.window=3"], "attention.near: attention=near is not chosen; chosen: full."),
    ],
)
def test_an_unused_or_unfit_choice_of_a_folder_is_one_line(words, message, without_torch, parts):
    assert without_torch("train", parts, *words).refused().startswith(message)
    assert without_torch("train", "-m", parts, "seed=1,2", *words).refused().startswith(message)
    assert not list(without_torch.folder.iterdir())


def test_a_mistake_inside_an_experiment_is_one_line(without_torch, write):
    folder = write("conf/experiment/mine.yaml", "# @package _global_\noptimizer:\n  lrr: 1\n").parents[1]
    words = ("train", "experiment=mine", "--config-dir", str(folder))
    line = "optimizer.lrr: there is no such setting. Did you mean `lr`? Known: lr, betas, eps, "
    line += "weight_decay, amsgrad, maximize, groups, layer_decay."
    assert without_torch(*words).refused() == line
    assert without_torch(*words, "-m", "seed=1,2").refused() == line


def test_a_preset_that_shadows_a_plugin_is_one_line(without_torch, write):
    path = write("conf/encoder/transformer.yaml", "defaults: [transformer, _self_]\n")
    for words in (["--config-dir", str(path.parents[1])], [f"hydra.searchpath=[file://{path.parents[1]}]"]):
        line = without_torch("train", *words).refused()
        assert line.startswith(f"{path} bears the name of the plugin encoder/transformer (")


TABLES = [
    ("text\tlable\n好\t1\n", "train.tsv:1: there is no column `label` (data.label). Did you mean `lable`?"),
    ("txt\tlabel\n好\t1\n", "train.tsv:1: there is no column `text` (data.text). Did you mean `txt`?"),
    ("text\tlabel\n好\n", "train.tsv:2: 1 columns where the header has 2."),
]


@pytest.mark.parametrize(("table", "message"), TABLES, ids=["label", "text", "row"])
def test_a_missing_column_is_one_line_with_file_and_line(table, message, without_torch, write):
    path = write("data/train.tsv", table)
    line = without_torch("train", "data=text_table", f"data.path={path.parent}").refused()
    assert line.startswith(str(path.parent))
    assert message in line


def test_a_missing_file_is_one_line_that_offers_the_nearest(without_torch, write):
    folder = write("data/trian.tsv", "text\tlabel\n").parent
    line = without_torch("train", "data=text_table", f"data.path={folder}").refused()
    assert line.startswith(f"data.train: {folder / 'train.tsv'} does not exist. Did you mean `trian.tsv`?")


def test_a_missing_plugin_folder_of_the_environment_is_one_line(without_torch):
    line = without_torch("train", DOUGONG_PLUGINS="/missing/folder").refused()
    assert line == "DOUGONG_PLUGINS: /missing/folder does not exist."


@pytest.mark.parametrize("words", ["train attention=fll", "train encoder.layers=0", "trian", "plugins encodr"])
def test_the_whole_trace_is_shown_when_asked_for(words, without_torch):
    answer = without_torch(*words.split(), DOUGONG_TRACEBACK="1")
    assert answer.code
    assert answer.err.startswith("Traceback (most recent call last):\n")
    assert answer.err.splitlines()[-1].startswith("dougong.errors.UserError: ")


def test_torch_would_be_noticed(without_torch):
    assert without_torch("train", "data.size=20", "data.valid_size=5", "data.test_size=5").code == 99
