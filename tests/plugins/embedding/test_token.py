"""What the embedding of tokens adds up, and which settings contradict each other."""

import pytest
import torch

import dougong
from dougong.contracts.embedding import Inputs
from dougong_plugins.tokenizer.character import CharacterTokenizer


def embedding(**settings):
    torch.manual_seed(0)
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(["甲乙丙"])
    return dougong.create("embedding", "token", tokenizer=tokenizer, dim=6, **settings).double().eval()


def test_a_text_without_segments_is_all_of_the_first():
    made = embedding(segments=2)
    tokens = torch.tensor([[5, 6, 7]])
    assert torch.equal(made(Inputs(tokens)), made(Inputs(tokens, segments=torch.zeros_like(tokens))))
    assert not torch.allclose(made(Inputs(tokens)), made(Inputs(tokens, segments=torch.ones_like(tokens))))


def test_the_sum_is_normalised_before_dropout():
    made = embedding(norm=True, norm_eps=0.25)
    tokens = torch.tensor([[5, 6, 7]])
    total = made.token(tokens) + made.position.weight[:3]
    expected = (total - total.mean(-1, keepdim=True)) / (total.var(-1, correction=0, keepdim=True) + 0.25).sqrt()
    torch.testing.assert_close(made(Inputs(tokens)), expected)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"positions": "hierarchical"}, "learned_positions: has to be given with positions=hierarchical"),
        ({"learned_positions": 9}, "learned_positions: is of positions=hierarchical alone; with learned leave it null"),
        ({"positions": "none", "learned_positions": 9}, "learned_positions: is of positions=hierarchical alone"),
        (
            {"positions": "hierarchical", "learned_positions": 3, "max_length": 10},
            "max_length: 3 learned positions compose 9 at most, got 10",
        ),
        (
            {"positions": "hierarchical", "learned_positions": 3, "max_length": 9, "position_alpha": 0.5},
            "position_alpha: must not be 0.5",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, said):
    with pytest.raises(ValueError, match="^" + said):
        embedding(**settings)
