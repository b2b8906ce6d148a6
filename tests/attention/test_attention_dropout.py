"""Dropout acts on the normalised weights of the union of keys, in every backend."""

import pytest
import torch
from attention_reference import EACH, padding, projected, relative, run, seen_by
from torch import Tensor
from torch.utils.checkpoint import checkpoint

LENGTH = 48
BACKENDS = ["blocked", "dense"]


def weights(query: Tensor, key: Tensor, seen: Tensor) -> Tensor:
    scores = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).masked_fill(~seen, -torch.inf)
    return scores.softmax(-1)


def identity(like: Tensor) -> Tensor:
    """Values that make the output the weights themselves."""
    return torch.eye(LENGTH, dtype=like.dtype).expand_as(like)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_weight_is_dropped_or_scaled_after_one_softmax_over_the_union(name: str, backend: str) -> None:
    attention = EACH[name](backend=backend, dropout=0.3)
    query, key, *_ = projected((2, 3, LENGTH, LENGTH), 0)
    mask = padding(2, LENGTH, 0.2, 0)
    mask[:, 0] = False
    dropped = attention(query, key, identity(query), key_padding_mask=mask, causal=True)
    expected = weights(query, key, seen_by(attention, LENGTH, True, mask)).nan_to_num(0.0)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], expected[kept] / 0.7, rtol=1e-10, atol=0)
    share = kept[expected > 0].double().mean()
    assert abs(share - 0.7) < 4 * (0.21 / int((expected > 0).sum())) ** 0.5


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mean_output_with_dropout_is_the_output_without(name: str, backend: str) -> None:
    inputs = [tensor.repeat(1500, 1, 1, 1) for tensor in projected((1, 1, 20, 4), 0, torch.float32)[:3]]
    torch.manual_seed(0)
    mean = EACH[name](backend=backend, dropout=0.4)(*inputs).mean(0)
    assert relative(mean, EACH[name](backend=backend)(*inputs)[0]) < 0.1


@pytest.mark.parametrize("name", EACH)
def test_the_gradients_are_those_of_the_weights_that_were_kept(name: str) -> None:
    attention = EACH[name](backend="blocked", dropout=0.3)
    query, key, value, grad = projected((2, 2, LENGTH, LENGTH), 0)
    torch.manual_seed(7)
    kept = (attention(query, key, identity(query)) != 0).double() / 0.7
    torch.manual_seed(7)
    ours = run(attention, [query, key, value, grad])
    seen = seen_by(attention, LENGTH, False, None)
    expected = run(lambda query, key, value: (weights(query, key, seen) * kept) @ value, [query, key, value, grad])
    assert ours.distance(expected) < 1e-10


@pytest.mark.parametrize("name", EACH)
def test_there_is_no_dropout_in_evaluation(name: str) -> None:
    inputs = projected((1, 2, 300, 8), 0)[:3]
    torch.testing.assert_close(EACH[name](dropout=0.5).eval()(*inputs), EACH[name]()(*inputs), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EACH)
def test_two_passes_drop_different_weights_and_a_seed_repeats_them(name: str) -> None:
    attention, inputs = EACH[name](backend="blocked", dropout=0.5), projected((1, 1, 40, 8), 0)[:3]
    torch.manual_seed(1)
    first, second = attention(*inputs), attention(*inputs)
    torch.manual_seed(1)
    assert torch.equal(attention(*inputs), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("reentrant", [False, True])
def test_activation_checkpointing_changes_nothing(name: str, dropout: float, reentrant: bool) -> None:
    attention, inputs = EACH[name](backend="blocked", dropout=dropout), projected((2, 2, 70, 8), 0)

    def backward(attend: object) -> list[Tensor]:
        leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
        torch.manual_seed(3)
        attend(*leaves).backward(inputs[3])
        return [leaf.grad for leaf in leaves]

    plain = backward(attention)
    recomputed = backward(lambda *qkv: checkpoint(attention, *qkv, use_reentrant=reentrant))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(recomputed, plain, strict=True))
