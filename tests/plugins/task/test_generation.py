"""Choosing tokens, and continuing texts with and without a memory."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import dougong
from dougong.contracts.embedding import Inputs
from dougong_plugins.task.generation.continuation import Reader, continued
from dougong_plugins.task.generation.sampling import Sampling, probabilities
from dougong_plugins.tokenizer.byte import ByteTokenizer

ATTENTIONS = [
    ("full", {}),
    ("local", {"window": 3}),
    ("atrous", {"rate": 3}),
    ("sparse", {"rate": 2}),
]


def encoder(*attentions, length=24, **settings):
    torch.manual_seed(1)
    tokenizer = ByteTokenizer()
    tokenizer.fit([])
    chosen = attentions or (("full", {}),)

    def attention(layer):
        name, own = chosen[layer % len(chosen)]
        return dougong.create("attention", name, **own)

    made = dougong.create(
        "encoder",
        "transformer",
        embedding=dougong.create("embedding", "token", tokenizer=tokenizer, dim=12, max_length=length),
        attention=attention,
        layers=2,
        heads=2,
        **settings,
    ).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return made.eval()


CASES = [*([item] for item in ATTENTIONS), [ATTENTIONS[1], ATTENTIONS[2]]]


@pytest.mark.parametrize("attentions", CASES, ids=str)
@pytest.mark.parametrize("settings", [{"norm": "pre"}, {"norm": "post"}, {"rotary": True}], ids=str)
def test_a_memory_gives_the_states_of_the_whole_text(attentions, settings):
    made = encoder(*attentions, **settings)
    tokens = torch.randint(5, 261, (3, 20))
    positions = torch.arange(20).expand(3, 20)
    whole = made(Inputs(tokens), causal=True)
    memory = made.memory(24)
    cuts = [0, 7, 8, 9, 15, 20]
    parts = [
        made(Inputs(tokens[:, begin:end], positions=positions[:, begin:end]), True, memory)
        for begin, end in pairwise(cuts)
    ]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-10, atol=1e-10)


def test_a_pattern_that_follows_the_length_is_that_of_the_full_length():
    made = encoder(("sparse", {"rate": "sqrt"}))
    tokens = torch.randint(5, 261, (1, 24))
    whole = made(Inputs(tokens), causal=True)
    memory = made.memory(24)
    parts = [made(Inputs(tokens[:, [place]], positions=torch.tensor([[place]])), True, memory) for place in range(24)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-10, atol=1e-10)


def written(made, prompts, sampling, most=40, with_memory=True):
    torch.manual_seed(5)
    head = torch.nn.Linear(12, 261).double()
    torch.nn.init.normal_(head.weight)
    if not with_memory:
        made.memory = lambda length: None
    with torch.inference_mode():
        return continued(Reader(made, head, 24), prompts, sampling, most, 3, [0, 1, 2, 4], torch.device("cpu"))


PROMPTS = [[2, 50, 60, 70], [2], [2, *range(100, 140)], [2, 9]]


@pytest.mark.parametrize("attentions", CASES, ids=str)
@pytest.mark.parametrize("sampling", [Sampling(0), Sampling(0.7), Sampling(1, 5, 0.9, seed=3)], ids=str)
def test_continuations_with_a_memory_equal_those_without_also_beyond_the_length(attentions, sampling):
    with_memory = written(encoder(*attentions), PROMPTS, sampling)
    assert written(encoder(*attentions), PROMPTS, sampling, with_memory=False) == with_memory
    assert max(map(len, with_memory)) == 40


def test_a_continuation_does_not_depend_on_its_batch():
    made = encoder()
    together = written(made, PROMPTS, Sampling(1.0, seed=2))
    assert [written(made, [prompt], Sampling(1.0, seed=2))[0] for prompt in PROMPTS] == together
    assert written(made, PROMPTS, Sampling(1.0, seed=4)) != together


def test_special_tokens_are_not_written_and_the_end_ends():
    rows = written(encoder(), [[2, number] for number in range(5, 60)], Sampling(1.5), most=60)
    assert not {0, 1, 2, 3, 4} & {token for row in rows for token in row}
    assert min(map(len, rows)) < 60


def test_an_attention_that_equals_no_mask_has_no_memory():
    made = encoder()
    made.layers[1].attention.mask = lambda *arguments, **settings: None
    assert made.memory(24) is None


LOGITS = torch.log(torch.tensor([[0.4, 0.3, 0.2, 0.1]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ((1.0,), [0.4, 0.3, 0.2, 0.1]),
        ((0.5,), [16 / 30, 9 / 30, 4 / 30, 1 / 30]),
        ((1.0, 2), [4 / 7, 3 / 7, 0, 0]),
        ((1.0, 9), [0.4, 0.3, 0.2, 0.1]),
        ((1.0, None, 0.65), [4 / 7, 3 / 7, 0, 0]),
        ((1.0, None, 0.01), [1, 0, 0, 0]),
        ((1.0, None, 1.0), [0.4, 0.3, 0.2, 0.1]),
        ((1.0, 3, 0.75), [4 / 7, 3 / 7, 0, 0]),
    ],
)
def test_temperature_top_k_and_top_p_are_what_they_are_called(settings, expected):
    torch.testing.assert_close(probabilities(LOGITS, *settings), torch.tensor([expected], dtype=torch.float64))


def test_tokens_are_drawn_as_often_as_their_probability_says():
    dice = [np.random.default_rng(number) for number in range(20_000)]
    drawn = Sampling(1.0).pick(LOGITS.expand(20_000, 4), dice)
    assert np.bincount(drawn, minlength=4) / 20_000 == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.015)
    assert 0 not in Sampling(1.0).pick(torch.tensor([[-torch.inf, 0.0]]).expand(500, 2), dice[:500])
