"""The gated convolutions equal their formula, place by place, and padding changes nothing."""

import pytest
import torch
from light_encoders import TASKS, run

import dougong
from dougong.contracts.embedding import Inputs
from dougong.errors import UserError
from dougong_plugins.tokenizer.character import CharacterTokenizer

TEXTS = ["甲乙丙丁戊己庚辛", "甲乙丙", "丁", "辛庚己戊丁丙"]


def encoder(**settings):
    torch.manual_seed(0)
    tokenizer = CharacterTokenizer(min_count=1)
    tokenizer.fit(TEXTS)
    embedding = dougong.create("embedding", "token", tokenizer=tokenizer, dim=8, positions="none")
    made = dougong.create("encoder", "dgcnn", embedding=embedding, **settings).double()
    for parameter in made.parameters():  # nothing is left at a zero that would hide its part
        torch.nn.init.normal_(parameter, std=0.5)
    return made.eval()


def inputs(made, texts, wider=0) -> Inputs:
    rows = [encoding.ids for encoding in made.tokenizer.encode(texts)]
    width = max(map(len, rows)) + wider
    tokens = torch.tensor([row + [made.tokenizer.padding_id] * (width - len(row)) for row in rows])
    mask = torch.tensor([[place >= len(row) for place in range(width)] for row in rows])
    return Inputs(tokens, mask if mask.any() else None)


def by_hand(made, text: str, causal: bool = False):
    """One text through the layers as the article writes them, one place after the other."""
    states = made.widen(made.embedding.token.weight[inputs(made, [text]).tokens[0]])
    for layer in made.convolutions.layers:
        content, gate = layer.weight.view(2, layer.dim, layer.width, layer.dim)
        content_bias, gate_bias = layer.bias.chunk(2)
        shift = layer.width - 1 if causal else layer.width // 2
        found = []
        for place in range(len(states)):
            one, other = content_bias, gate_bias
            for step in range(layer.width):
                seen = place + (step - shift) * layer.dilation
                if 0 <= seen < len(states):
                    one = one + content[:, step] @ states[seen]
                    other = other + gate[:, step] @ states[seen]
            opened = 1 / (1 + torch.exp(-other))
            found.append(states[place] * (1 - opened) + one * opened)
        states = torch.stack(found)
    return states


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("settings", [{"dilations": (1, 2, 1)}, {"dilations": (3,), "width": 5, "dim": 6}], ids=str)
def test_it_equals_the_formula(settings, causal):
    made = encoder(**settings)
    for text in TEXTS:
        states = made(inputs(made, [text]), causal=causal)[0]
        torch.testing.assert_close(states, by_hand(made, text, causal), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("wider", [0, 20])
def test_padding_changes_neither_a_state_nor_a_gradient(wider):
    made = encoder(dilations=(1, 4))
    alone = [made(inputs(made, [text]))[0] for text in TEXTS]
    sum(states.pow(2).sum() for states in alone).backward()
    expected = [parameter.grad.clone() for parameter in made.convolutions.parameters()]
    made.zero_grad()
    together = inputs(made, TEXTS, wider)
    states = made(together)
    for row, one in zip(states, alone, strict=True):
        torch.testing.assert_close(row[: len(one)], one, rtol=1e-12, atol=1e-12)
    states[~together.padding_mask].pow(2).sum().backward()
    for parameter, gradient in zip(made.convolutions.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-11, atol=1e-11)


def test_what_stands_at_padding_may_be_anything():
    made = encoder()
    given = inputs(made, TEXTS)
    vectors = made.embedding(given).detach()
    spoilt = vectors.masked_fill(given.padding_mask.unsqueeze(-1), torch.nan)
    outputs = []
    for item in (vectors, spoilt):
        states = made(given._replace(vectors=item))
        outputs.append((states[~given.padding_mask], made.pool(states, given.padding_mask)))
    for one, other in zip(*outputs, strict=True):
        assert one.equal(other)


def test_pooling_is_a_softmax_of_additive_scores():
    made = encoder()
    given = inputs(made, TEXTS)
    states = made(given)
    pooled = made.pool(states.masked_fill(given.padding_mask.unsqueeze(-1), torch.nan), given.padding_mask)
    for row, mask, vector in zip(states, given.padding_mask, pooled, strict=True):
        kept = row[~mask]
        scores = torch.tanh(kept @ made.pooling.project.weight.T) @ made.pooling.weigh.weight[0]
        torch.testing.assert_close(vector, (scores.exp() / scores.exp().sum()) @ kept, rtol=1e-12, atol=1e-12)


def test_pooling_nothing_gives_zeros():
    made = encoder()
    assert made.pool(torch.full((1, 3, 8), torch.nan).double(), torch.ones(1, 3, dtype=torch.bool)).eq(0).all()


def test_the_gate_is_dropped_in_training_only():
    made = encoder(gate_dropout=0.5)
    given = inputs(made, TEXTS[:1])
    still = made(given)
    assert made(given).equal(still)
    assert not made.train()(given).equal(still)


def test_gates_in_bf16_leave_the_states_in_float32():
    made = encoder().float()
    given = inputs(made, TEXTS)
    with torch.autocast("cpu", torch.bfloat16):
        states = made(given)
    assert states.dtype == torch.float32
    torch.testing.assert_close(states, made(given), rtol=0.1, atol=0.2)


@pytest.mark.parametrize(("settings", "key"), [({"width": 4}, "width"), ({"dilations": ()}, "dilations")])
def test_what_makes_no_stack_is_refused(settings, key):
    with pytest.raises((UserError, ValueError), match=key):
        encoder(**settings)


@pytest.mark.parametrize("task", [*TASKS, "causal_lm"])
def test_any_task_runs_with_it(tmp_path, task):
    assert run(tmp_path, task, "encoder=dgcnn", "encoder.dilations=[1,2]").status == "finished"


@pytest.mark.slow
@pytest.mark.parametrize(("task", "metric"), [("classification", "accuracy"), ("tagging", "f1")])
def test_it_learns(tmp_path, task, metric):
    small = ("embedding.dim=64", "optimizer.lr=5e-3", "loader.batch_size=16", "trainer.max_epochs=5", "tracker=csv")
    result = dougong.train([f"task={task}", "encoder=dgcnn", *small], folder=tmp_path)
    assert result.metrics[f"test/{metric}"] > 0.9
