"""The transformer equals its formula, and a text's output is its own."""

import math

import pytest
import torch

import dougong
from dougong.contracts.embedding import Inputs
from dougong_plugins.tokenizer.character import CharacterTokenizer

TEXTS = ["甲乙丙丁戊己庚辛", "甲乙丙", "丁", "辛庚己戊丁丙"]


def encoder(**settings):
    torch.manual_seed(0)
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(TEXTS)
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=settings.pop("embedding_dim", 12))
    settings = {"layers": 2, "heads": 3} | settings
    made = dougong.create(
        "encoder",
        "transformer",
        embedding=embedding,
        attention=lambda layer: dougong.create("attention", "full"),
        **settings,
    ).double()
    for parameter in made.parameters():  # nothing is left at a zero or one that would hide its part
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def inputs(made, texts) -> Inputs:
    rows = [encoding.ids for encoding in made.tokenizer.encode(texts)]
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [made.tokenizer.padding_id] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[place >= len(row) for place in range(longest)] for row in rows])
    return Inputs(tokens, mask if mask.any() else None)


def normalised(states, norm):
    centred = states - states.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt() * norm.weight + norm.bias


def by_hand(made, text: str, pre: bool):
    """One text through the layers as the papers write them, head by head."""
    tokens = inputs(made, [text]).tokens[0]
    states = made.embedding.token.weight[tokens] + made.embedding.position.weight[: len(tokens)]
    states = states if pre else normalised(states, made.enter)
    for layer in made.layers:
        heard = normalised(states, layer.attention_norm) if pre else states
        query, key, value = (heard @ layer.project_in.weight.T + layer.project_in.bias).chunk(3, -1)
        mixed = []
        for head in range(3):
            part = slice(4 * head, 4 * head + 4)
            scores = query[:, part] @ key[:, part].T / math.sqrt(4)
            mixed.append((scores.exp() / scores.exp().sum(-1, keepdim=True)) @ value[:, part])
        states = states + torch.cat(mixed, -1) @ layer.project_out.weight.T + layer.project_out.bias
        states = states if pre else normalised(states, layer.attention_norm)
        heard = normalised(states, layer.feedforward_norm) if pre else states
        wide = heard @ layer.feedforward[0].weight.T + layer.feedforward[0].bias
        wide = wide * 0.5 * (1 + torch.erf(wide / math.sqrt(2)))
        states = states + wide @ layer.feedforward[2].weight.T + layer.feedforward[2].bias
        states = states if pre else normalised(states, layer.feedforward_norm)
    return normalised(states, made.leave) if pre else states


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_it_equals_the_formula(norm):
    made = encoder(norm=norm)
    for text in TEXTS:
        torch.testing.assert_close(
            made(inputs(made, [text]))[0], by_hand(made, text, norm == "pre"), rtol=1e-10, atol=1e-10
        )


def test_turned_by_position_it_equals_the_formula_in_complex_numbers():
    made = encoder(rotary=True)
    text = TEXTS[0]
    given = made(inputs(made, [text]))
    for layer in made.layers:
        layer.attend = lambda states, *_, layer=layer: turned(layer, states)
    torch.testing.assert_close(given, made(inputs(made, [text])), rtol=1e-10, atol=1e-10)


def turned(layer, states):
    """The attention of one layer, with pairs of numbers as complex ones that positions multiply."""
    query, key, value = (states @ layer.project_in.weight.T + layer.project_in.bias).chunk(3, -1)
    angles = torch.arange(states.size(1))[:, None] * torch.tensor([1.0, 10_000 ** (-2 / 4)], dtype=torch.float64)
    turn = torch.polar(torch.ones_like(angles), angles)
    mixed = []
    for part in (slice(4 * head, 4 * head + 4) for head in range(3)):
        asked, keyed = (torch.complex(*item[..., part].chunk(2, -1)) * turn for item in (query, key))
        scores = (asked @ keyed.conj().transpose(1, 2)).real / math.sqrt(4)
        mixed.append(scores.softmax(-1) @ value[..., part])
    return torch.cat(mixed, -1) @ layer.project_out.weight.T + layer.project_out.bias


def test_turned_by_position_only_distances_count():
    made = encoder(rotary=True)
    tokens = inputs(made, [TEXTS[0]]).tokens
    made.embedding.position.weight.data.zero_()
    here, there = (made(Inputs(tokens, positions=torch.arange(tokens.size(1))[None] + begin)) for begin in (0, 77))
    torch.testing.assert_close(here, there, rtol=1e-10, atol=1e-10)


def test_an_odd_number_of_numbers_a_head_can_not_be_turned():
    with pytest.raises(ValueError, match=r"rotary: needs an even number of numbers a head, got 12 / 4\."):
        encoder(rotary=True, heads=4)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_padded_text_in_a_batch_has_the_output_that_it_has_alone(norm, pooling):
    made = encoder(norm=norm, pooling=pooling)
    batch = inputs(made, TEXTS)
    states = made(batch)
    pooled = made.pool(states, batch.padding_mask)
    for number, text in enumerate(TEXTS):
        alone = inputs(made, [text])
        expected = made(alone)
        length = expected.size(1)
        torch.testing.assert_close(states[number, :length], expected[0], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(pooled[number], made.pool(expected, None)[0], rtol=1e-10, atol=1e-10)
        mean = expected[0].mean(0) if pooling == "mean" else expected[0, 0]
        torch.testing.assert_close(pooled[number], mean, rtol=1e-10, atol=1e-10)


def test_the_order_of_a_batch_does_not_matter():
    made = encoder()
    batch = inputs(made, TEXTS)
    turned = Inputs(batch.tokens.flip(0), batch.padding_mask.flip(0))
    torch.testing.assert_close(made(turned).flip(0), made(batch), rtol=1e-12, atol=1e-12)


def test_the_order_of_the_tokens_matters():
    made = encoder(pooling="mean")
    one, other = inputs(made, ["甲乙丙"]), inputs(made, ["丙乙甲"])
    assert not torch.allclose(made.pool(made(one), None), made.pool(made(other), None))


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("embedding_dim", [12, 5])
def test_the_gradient_reaches_every_parameter(norm, embedding_dim):
    made = encoder(norm=norm, embedding_dim=embedding_dim, dim=12)
    batch = inputs(made, TEXTS)
    weights = torch.randn(12, dtype=torch.float64)
    (made.pool(made(batch), batch.padding_mask) @ weights).sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_padding_has_no_gradient_and_starts_at_zero():
    made = encoder()
    made(inputs(made, TEXTS)).sum().backward()
    assert made.embedding.token.weight.grad[made.tokenizer.padding_id].abs().sum() == 0
    fresh = dougong.create("embedding", "token", tokenizer=made.tokenizer, dim=4)
    assert fresh.token.weight[made.tokenizer.padding_id].abs().sum() == 0


def test_several_attentions_are_cycled_over_the_layers(tmp_path):
    asked = []
    made = encoder(layers=3)
    dougong.create(
        "encoder",
        "transformer",
        embedding=made.embedding,
        heads=3,
        layers=3,
        attention=lambda layer: asked.append(layer) or dougong.create("attention", "full"),
    )
    assert asked == [0, 1, 2]


def test_heads_that_do_not_divide_the_dimension_are_refused():
    with pytest.raises(ValueError, match="heads: must divide the dimension 12, got 5"):
        encoder(heads=5)
