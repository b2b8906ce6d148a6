"""Recurrent layers equal their formula, and no step is made on padding."""

import pytest
import torch
from light_encoders import TASKS, run

import dougong
from dougong.contracts.embedding import Inputs
from dougong_plugins.tokenizer.character import CharacterTokenizer

TEXTS = ["甲乙丙丁戊己庚辛", "甲乙丙", "丁", "辛庚己戊丁丙"]


def encoder(**settings):
    torch.manual_seed(0)
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(TEXTS)
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=8)
    return dougong.create("encoder", "recurrent", embedding=embedding, **settings).double().eval()


def inputs(made, texts, wider=0) -> Inputs:
    rows = [encoding.ids for encoding in made.tokenizer.encode(texts)]
    width = max(map(len, rows)) + wider
    tokens = torch.tensor([row + [made.tokenizer.padding_id] * (width - len(row)) for row in rows])
    mask = torch.tensor([[place >= len(row) for place in range(width)] for row in rows])
    return Inputs(tokens, mask if mask.any() else None)


def lstm(layer, states, ending):
    """One direction, step by step."""
    weights = [getattr(layer, f"{name}_l0{ending}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    seen, held, seen_bias, held_bias = weights
    hidden = cell = states.new_zeros(held.size(1))
    found = []
    for state in states:
        enter, forget, content, leave = (seen @ state + seen_bias + held @ hidden + held_bias).chunk(4)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(content)
        hidden = torch.sigmoid(leave) * torch.tanh(cell)
        found.append(hidden)
    return torch.stack(found)


def gru(layer, states, ending):
    """One direction, step by step."""
    weights = [getattr(layer, f"{name}_l0{ending}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    seen, held, seen_bias, held_bias = weights
    hidden = states.new_zeros(held.size(1))
    found = []
    for state in states:
        (reset, update, new), (reset_, update_, new_) = (
            (seen @ state + seen_bias).chunk(3),
            (held @ hidden + held_bias).chunk(3),
        )
        kept = torch.sigmoid(update + update_)
        hidden = (1 - kept) * torch.tanh(new + torch.sigmoid(reset + reset_) * new_) + kept * hidden
        found.append(hidden)
    return torch.stack(found)


CELLS = {"lstm": lstm, "gru": gru}


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("cell", list(CELLS))
def test_it_equals_the_formula_and_padding_changes_nothing(cell, bidirectional):
    made = encoder(cell=cell, layers=2, bidirectional=bidirectional)
    together = inputs(made, TEXTS, wider=3)
    states = made(together)
    assert states[together.padding_mask].eq(0).all()
    for row, text in zip(states, TEXTS, strict=True):
        expected = made.embedding(inputs(made, [text]))[0]
        for layer in made.layers:
            ways = [CELLS[cell](layer, expected, "")]
            if bidirectional:
                ways.append(CELLS[cell](layer, expected.flip(0), "_reverse").flip(0))
            expected = torch.cat(ways, -1)
        torch.testing.assert_close(row[: len(expected)], expected, rtol=1e-12, atol=1e-12)


def test_an_odd_width_can_not_be_halved():
    with pytest.raises(ValueError, match="dim: must be even"):
        encoder(dim=7)


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("task", TASKS)
def test_any_task_that_looks_both_ways_runs_with_it(tmp_path, task, cell):
    assert run(tmp_path, task, "encoder=recurrent", f"encoder.cell={cell}").status == "finished"
