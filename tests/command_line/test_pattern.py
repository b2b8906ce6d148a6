"""`dougong plugins show attention/NAME --plot` draws what the attention really sees."""

import pytest
import torch

import dougong
from dougong.command_line.main import main
from dougong.command_line.pattern import draw, visible


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("name", "settings"), [("full", {}), ("local", {"window": 3}), ("atrous", {"rate": 4}), ("sparse", {"rate": 4})]
)
def test_what_is_seen_is_what_the_attention_says_of_itself(name, settings, causal):
    attention = dougong.create("attention", name, **settings)
    expected = attention.mask(21, 21, causal=causal)
    assert torch.equal(visible(attention, 21, causal), expected)


def test_what_an_attention_does_is_drawn_and_not_what_it_claims():
    class Shifted(torch.nn.Module):
        def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
            return value.roll(1, -2)

    assert visible(Shifted(), 4, False).nonzero().tolist() == [[0, 3], [1, 0], [2, 1], [3, 2]]


def test_two_rows_share_a_line_of_half_blocks():
    seen = torch.tensor([[True, False, True], [False, True, True], [True, False, False]])
    assert draw(seen) == ["  │▀▄█│", "  │▀  │"]


def test_a_long_sequence_is_drawn_as_wide_as_a_terminal():
    lines = draw(torch.eye(1000, dtype=torch.bool))
    assert {len(line) for line in lines} == {91 + 4}
    assert len(lines) == 46
    assert all("█" in line or "▀" in line for line in lines)


def picture(capsys, *words):
    assert main(["plugins", "show", *words]) == 0
    return [line.strip()[1:-1] for line in capsys.readouterr().out.splitlines() if line.strip().startswith("│")]


def test_it_is_drawn_when_asked_for(capsys):
    assert picture(capsys, "attention/local") == []
    assert len(picture(capsys, "attention/local", "--plot")) == 24
    first = picture(capsys, "attention/local", "attention.local.window=1", "length=4")
    assert first == ["██▄ ", " ▀██"]
    assert picture(capsys, "attention/full", "length=4", "causal=true") == ["█▄  ", "███▄"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["attention/local", "attention.local.widow=3"], "Did you mean `attention.local.window`?"),
        (["attention/local", "attention.local.window=-3"], "attention.local.window: must be >= 1"),
        (["attention/local", "length=0"], "length: must be >= 1"),
        (["attention/local", "length=9999"], "length: must be <= 2048"),
        (["attention/local", "causal=maybe"], "causal: must be true or false"),
        (["optimizer/adamw", "--plot"], "--plot: draws schedule and attention alone"),
        (["attention/local", "--plot", "--json"], "--plot: draws schedule and attention alone"),
    ],
)
def test_what_can_not_be_drawn_is_one_line(words, said, capsys):
    assert main(["plugins", "show", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
