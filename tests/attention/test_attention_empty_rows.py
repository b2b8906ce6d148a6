"""A query that sees no key gets zeros and zero gradients, never NaN, and disturbs no other."""

import pytest
import torch
from attention_reference import EACH, masked_dense, padding, projected, run, seen_by

from dougong_plugins.attention.full import FullAttention


def masks() -> dict[str, torch.Tensor]:
    left = torch.zeros(2, 40, dtype=torch.bool)
    left[0, :13] = True
    item = torch.zeros(2, 40, dtype=torch.bool)
    item[1] = True
    return {"left": left, "one item": item, "all": torch.ones(2, 40, dtype=torch.bool), "most": padding(2, 40, 0.95, 0)}


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("backend", ["blocked", "dense"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("places", masks())
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_query_that_sees_no_key_gets_zeros_not_nan(
    name: str, backend: str, causal: bool, places: str, dtype: torch.dtype
) -> None:
    attention, mask = EACH[name](backend=backend), masks()[places]
    inputs = projected((2, 2, 40, 8), 0, dtype)
    ours = run(lambda *qkv: attention(*qkv, key_padding_mask=mask, causal=causal), inputs)
    empty = ~seen_by(attention, 40, causal, mask).any(-1).expand(2, 2, 40)
    assert empty.any() or (places, causal) != ("left", True)
    assert not ours.output[empty].any()
    assert not ours.gradients[0][empty].any()
    assert not any(gradient.transpose(1, 2)[mask].any() for gradient in ours.gradients[1:])
    seen = seen_by(attention, 40, causal, mask)
    expected = run(lambda *qkv: masked_dense(*qkv, seen), [tensor.double() for tensor in inputs])
    assert ours.distance(expected) < (1e-5 if dtype == torch.float32 else 0.03)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_cross_attention_to_a_sequence_that_is_all_padding_gives_zeros(dropout: float, dtype: torch.dtype) -> None:
    query, key, value, grad = projected((2, 2, 9, 8), 0, dtype)
    key, value = key[:, :, :5], value[:, :, :5]
    mask = torch.tensor([[True] * 5, [False] * 5])
    attention = FullAttention(dropout=dropout)
    ours = run(lambda *qkv: attention(*qkv, key_padding_mask=mask), [query, key, value, grad])
    assert ours.output[1].any()
    for tensor in (ours.output, *ours.gradients):
        assert not tensor[0].any()
        assert tensor.isfinite().all()


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("backend", ["blocked", "dense"])
def test_dropout_keeps_empty_rows_at_zero(name: str, backend: str) -> None:
    attention, mask = EACH[name](backend=backend, dropout=0.5), masks()["left"]
    ours = run(lambda *qkv: attention(*qkv, key_padding_mask=mask, causal=True), projected((2, 2, 40, 8), 0))
    assert not ours.output[0, :, :13].any()
    assert all(tensor.isfinite().all() for tensor in (ours.output, *ours.gradients))


@pytest.mark.parametrize("name", EACH)
def test_an_empty_batch_gives_an_empty_output(name: str) -> None:
    inputs = projected((0, 2, 300, 8), 0)
    assert EACH[name]()(*inputs[:3]).shape == (0, 2, 300, 8)
