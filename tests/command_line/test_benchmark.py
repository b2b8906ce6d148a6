"""`dougong benchmark attention`: every attention has its row, whatever it does, and budgets hold."""

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
        time.sleep((length / 1500) ** 3)  # 0.3 s at 1,024, 20 s at 4,096


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
    words = ("lengths=[512,1024,4096]", "attention=[full,slow]", "seconds=60")
    text = command("benchmark", "attention", *words, *TINY, plugins, "output=out").done()
    found = rows(command.folder / "out")
    assert [found[length, "slow"]["status"] for length in (512, 1024, 4096)] == ["measured", "measured", "left out"]
    assert found[4096, "full"]["status"] == "measured"
    assert "Left out: slow at 4,096: would take about " in text
    assert " s of seconds=60 are left" in text


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
    words = ("lengths=[4096]", "attention=[gentle,slow]", "seconds=60")
    text = command("benchmark", "attention", *words, *TINY, plugins, "output=out").done()
    assert "Left out: slow at 4,096: would take about " in text
    assert list(rows(command.folder / "out")) == [(4096, "gentle"), (4096, "slow")]


def test_the_folder_is_a_new_one_below_outputs_unless_named(command):
    pytest.importorskip("matplotlib")
    text = command("benchmark", "attention", "lengths=8", "attention=full", *TINY).done()
    (folder,) = command.folder.glob("outputs/*/*")
    assert sorted(path.name for path in folder.iterdir()) == ["attention.csv", "attention.png", "attention.svg"]
    assert str(folder.relative_to(command.folder)) in text
