"""`dougong benchmark attention`: every attention has its row, whatever it does; budgets hold; errors are one line."""

import csv

import pytest

from dougong.registry.catalogue import Catalogue

BUILT_IN = Catalogue().names("attention")
TINY = ("heads=1", "head_dim=8", "rounds=1", "device=cpu")

PLUGINS = """
import os
import signal
import time

import torch

from dougong import register
from dougong.contracts.attention import Attention


class Mine(Attention):
    supports = frozenset({"padding"})

    def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
        self.work(query.shape[-2])
        return query + key + value

    def work(self, length):
        pass


@register("attention", "gentle")
class Gentle(Mine):
    supports = frozenset({"padding"})

    def __init__(self, step: int = 1) -> None:
        super().__init__()


@register("attention", "fails")
class Fails(Mine):
    supports = frozenset({"causal"})

    def work(self, length):
        raise ValueError("not of this length")


@register("attention", "dies")
class Dies(Mine):
    supports = frozenset({"causal"})

    def work(self, length):
        os.kill(os.getpid(), signal.SIGKILL)


@register("attention", "shapeless")
class Shapeless(Mine):
    supports = frozenset({"causal"})

    def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
        return query.sum()


@register("attention", "slow")
class Slow(Mine):
    supports = frozenset({"causal"})

    def work(self, length):
        time.sleep(length / 1000)


@register("attention", "greedy")
class Greedy(Mine):
    supports = frozenset({"causal"})

    def work(self, length):
        torch.ones(length, length, dtype=torch.float64)


@register("attention", "jumps")
class Jumps(Mine):
    supports = frozenset({"causal"})

    def work(self, length):
        if length > 2000:
            held = [torch.ones(2**24) for _ in range(16)]
            time.sleep(0.1)
            assert held


@register("attention", "needy")
class Needy(Mine):
    def __init__(self, rank: int) -> None:
        super().__init__()
"""
BROKEN = """
from dougong import register
from dougong.contracts.attention import Attention


@register("attention", "absent")
class Absent(Attention):
    def __init__(self, rank: "Rank" = missing.default) -> None:
        super().__init__()
"""
OURS = ["gentle", "fails", "dies", "shapeless", "slow", "greedy", "jumps", "needy", "absent"]


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """`plugin_path=FOLDER` of attentions, most of them trouble."""
    path = tmp_path_factory.mktemp("attentions") / "trouble.py"
    path.write_text(PLUGINS)
    path.with_name("broken.py").write_text(BROKEN)
    return f"plugin_path={path.parent}"


def rows(folder):
    """The lines of the CSV, by length and name."""
    with (folder / "attention.csv").open(encoding="utf-8") as file:
        return {(int(line["length"]), line["attention"]): line for line in csv.DictReader(file)}


@pytest.mark.slow
def test_every_attention_has_a_row_at_every_length_also_those_that_fail(command, plugins):
    answer = command("benchmark", "attention", "lengths=[16,8]", *TINY, plugins, "output=out")
    text = answer.done()
    found = rows(command.folder / "out")
    assert sorted(found) == sorted((length, name) for length in (8, 16) for name in [*BUILT_IN, *OURS])
    good = [*BUILT_IN, "gentle", "slow", "greedy", "jumps"]
    assert {name for (_, name), line in found.items() if line["status"] == "measured"} == set(good)
    assert all(float(found[8, name]["forward_backward_ms"]) > 0 for name in good)
    assert "Failed: fails at 8, 16: ValueError: not of this length" in text
    assert "Failed: dies at 8, 16: its process was ended by SIGKILL" in text
    assert "Failed: shapeless at 8, 16: ValueError: answers with another shape than its query's: ()" in text
    assert "Left out: needy at 8, 16: attention.needy.rank: has to be given" in text
    assert "Left out: absent at 8, 16: " in text
    assert text.count("Fastest forward + backward at ") == 2
    assert "grows as length to the" in text


def test_the_csv_says_what_was_measured_and_its_ratios(command):
    words = ("lengths=[8]", "attention=[sparse,full]", "attention.sparse.rate=2", "dtype=float64", "causal=true")
    command("benchmark", "attention", *words, *TINY, "output=out").done()
    found = rows(command.folder / "out")
    assert list(found) == [(8, "full"), (8, "sparse")]
    line = found[8, "sparse"]
    ratio = float(found[8, "full"]["forward_ms"]) / float(line["forward_ms"])
    assert float(line["forward_ratio"]) == pytest.approx(ratio)
    assert (line["dtype"], line["causal"], line["heads"], line["head_dim"]) == ("float64", "true", "1", "8")
    assert 0 <= float(line["others"]) <= 1


def test_what_can_not_do_causal_attention_is_named_and_left_out(command, plugins):
    text = command("benchmark", "attention", "lengths=8", "causal=true", *TINY, plugins, "output=out").done()
    assert "Left out: gentle at 8: attention=gentle can't do causal attention." in text
    assert rows(command.folder / "out")[8, "local"]["status"] == "measured"


@pytest.mark.slow
def test_what_would_take_too_long_is_left_out_before_it_is_run(command, plugins):
    words = ("lengths=[32,64,4096]", "attention=[full,slow]", "seconds=10")
    text = command("benchmark", "attention", *words, *TINY, plugins, "output=out").done()
    found = rows(command.folder / "out")
    assert [found[length, "slow"]["status"] for length in (32, 64, 4096)] == ["measured", "measured", "left out"]
    assert found[4096, "full"]["status"] == "measured"
    assert "Left out: slow at 4,096: would take about " in text
    assert " s of seconds=10 are left" in text


def test_a_budget_that_is_over_at_once_leaves_everything_out_and_says_so(command):
    answer = command("benchmark", "attention", "lengths=[8,16]", "seconds=1e-6", *TINY, "output=out")
    assert answer.code == 1
    assert not answer.err
    assert all(
        f"Left out: {name} at 8, 16: seconds=1e-06 were over before it was tried" in answer.out for name in BUILT_IN
    )


@pytest.mark.slow
def test_what_would_take_too_much_memory_is_left_out_and_stopped_where_nobody_knew(command, plugins):
    words = ("lengths=[512,1024,8192,16384]", "attention=[greedy,jumps]", "memory=0.25")
    text = command("benchmark", "attention", *words, *TINY, plugins, "output=out").done()
    found = rows(command.folder / "out")
    assert all(found[1024, name]["status"] == "measured" for name in ("greedy", "jumps"))
    assert found[8192, "greedy"]["reason"].startswith("would take about 0.")
    assert "Left out: jumps at 8,192: took more than the memory budget of 0.25 GiB" in text
    assert "Left out: jumps at 16,384: at 8,192 it took more than the memory budget of 0.25 GiB" in text


@pytest.mark.slow
def test_the_cost_of_a_long_first_length_is_known_before(command, plugins):
    words = ("lengths=[4096]", "attention=[gentle,slow]", "seconds=10")
    text = command("benchmark", "attention", *words, *TINY, plugins, "output=out").done()
    assert "Left out: slow at 4,096: would take about " in text
    assert list(rows(command.folder / "out")) == [(4096, "gentle"), (4096, "slow")]


def test_the_folder_is_a_new_one_below_outputs_unless_named(command):
    pytest.importorskip("matplotlib")
    text = command("benchmark", "attention", "lengths=8", "attention=full", *TINY).done()
    (folder,) = command.folder.glob("outputs/*/*")
    assert sorted(path.name for path in folder.iterdir()) == ["attention.csv", "attention.png", "attention.svg"]
    assert str(folder.relative_to(command.folder)) in text


@pytest.mark.parametrize("words", [(), ("--help",), ("attention", "--help"), ("attention", "lengths=[8]", "-h")])
def test_help_names_every_setting_and_default(words, without_torch):
    text = without_torch("benchmark", *words).done()
    assert "usage: dougong benchmark attention" in text
    assert "([512,1024,4096])" in text
    assert all(f"\n  {name} " in text for name in ("heads", "seconds", "memory", "output", "plugin_path", "rounds"))


ERRORS = [
    (
        "atention",
        "dougong benchmark atention: there is no such benchmark. Did you mean `attention`? Allowed: attention.",
    ),
    ("attention heads", "heads: not KEY=VALUE. usage: dougong benchmark attention [KEY=VALUE ...]"),
    ("attention lengths=[0]", "lengths[0]: must be >= 1, got 0."),
    ("attention lengths=[8,x]", "lengths[1]: must be a whole number, got 'x'."),
    ("attention lengths=[]", "lengths: must name at least one."),
    ("attention heads=0", "heads: must be >= 1, got 0."),
    ("attention seconds=0", "seconds: must be > 0, got 0.0."),
    ("attention memory=.nan", "memory: must be > 0, got nan."),
    ("attention causal=maybe", "causal: must be true or false, got 'maybe'."),
    (
        "attention dtype=float23",
        "dtype: must be one of float32, float64, bfloat16, float16, got 'float23'. Did you mean `float32`?",
    ),
    ("attention plugin_path=gone", "plugin_path: gone does not exist."),
    ("attention attention.local.window=0", "attention.local.window: must be >= 1, got 0."),
    (
        "attention attention.local.widow=1",
        "attention.local.widow: there is no such setting. Did you mean `window`? Known: window, dropout, backend.",
    ),
    ("attention attention.local=1", "attention.local: not a setting; say attention.local.KEY=VALUE."),
    (
        "attention attention=[full] attention.local.window=1",
        "attention.local: there is no such attention here. Allowed: full.",
    ),
]


@pytest.mark.parametrize(("words", "line"), ERRORS, ids=[words for words, _ in ERRORS])
def test_a_mistake_is_one_line_before_torch_is_imported(words, line, without_torch):
    assert without_torch("benchmark", *words.split()).refused() == line
    assert not list(without_torch.folder.iterdir())


@pytest.mark.parametrize(
    ("words", "begins", "offers"),
    [
        ("attention lenghts=[8]", "lenghts: there is no such setting.", "Did you mean `lengths`?"),
        ("atention", "dougong benchmark atention: there is no such benchmark.", "Did you mean `attention`?"),
        ("attention attention=[full,lokal]", "attention=lokal: there is no such attention.", "Did you mean `local`?"),
        (
            "attention attention.lokal.window=1",
            "attention.lokal: there is no such attention here.",
            "Did you mean `local`?",
        ),
    ],
)
def test_a_misspelt_name_offers_the_nearest_before_torch_is_imported(words, begins, offers, without_torch):
    line = without_torch("benchmark", *words.split()).refused()
    assert line.startswith(begins)
    assert offers in line


def test_an_attention_that_was_asked_for_and_can_not_do_it_is_refused(without_torch, plugins):
    line = without_torch("benchmark", "attention", plugins, "attention=gentle", "causal=true").refused()
    assert line == "attention=gentle can't do causal attention."
    line = without_torch("benchmark", "attention", plugins, "attention=needy").refused()
    assert line == "attention.needy.rank: has to be given, as attention.needy.rank=..."


def test_an_output_that_is_a_file_is_refused_before_anything_is_measured(without_torch, write):
    path = write("taken", "")
    assert without_torch("benchmark", "attention", f"output={path}").refused() == f"output: {path} is not a folder."
