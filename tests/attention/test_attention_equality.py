"""Every pattern equals masked dense attention: outputs and all three gradients."""

from dataclasses import dataclass
from unittest import mock

import pytest
import torch
from attention_reference import EACH, masked_dense, padding, projected, run, seen_by
from hypothesis import given, settings
from hypothesis import strategies as st

from dougong.contracts.attention import Attention
from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.full import FullAttention
from dougong_plugins.attention.kernels import blocked
from dougong_plugins.attention.kernels.flash import flash_works
from dougong_plugins.attention.kernels.operator import blocked_attention
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention


@dataclass
class Case:
    attention: Attention
    shape: tuple[int, int, int, int]
    causal: bool
    key_padding_mask: torch.Tensor | None
    seed: int


@st.composite
def cases(draw: st.DrawFn, longest: int = 700) -> Case:
    length = draw(st.one_of(st.integers(1, 70), st.integers(1, longest)))
    shape = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        length,
        draw(st.sampled_from([1, 2, 7, 32, 64, 100, 128])),
    )
    backend = draw(st.sampled_from(["auto", "blocked", "blocked", "dense"]))
    rate = draw(st.one_of(st.just("sqrt"), st.integers(1, 40), st.integers(1, 800)))
    attention = draw(
        st.sampled_from(
            [
                FullAttention(backend=backend),
                LocalAttention(draw(st.one_of(st.integers(1, 40), st.integers(1, 800))), backend=backend),
                AtrousAttention(rate, backend=backend),
                SparseAttention(rate, backend=backend),
            ]
        )
    )
    seed = draw(st.integers(0, 1000))
    share = draw(st.sampled_from([None, 0.1, 0.5, 0.97]))
    mask = None if share is None else padding(shape[0], length, share, seed)
    return Case(attention, shape, draw(st.booleans()), mask, seed)


def difference(case: Case, dtype: torch.dtype) -> float:
    exact = projected(case.shape, case.seed)
    seen = seen_by(case.attention, case.shape[2], case.causal, case.key_padding_mask)
    rounded = [tensor.to(dtype) for tensor in exact]
    ours = run(lambda *qkv: case.attention(*qkv, key_padding_mask=case.key_padding_mask, causal=case.causal), rounded)
    return ours.distance(run(lambda *qkv: masked_dense(*qkv, seen), [tensor.double() for tensor in rounded]))


@settings(max_examples=50, deadline=None)
@given(cases())
def test_every_pattern_equals_masked_dense_attention_in_float64(case: Case) -> None:
    assert difference(case, torch.float64) < 1e-10


@settings(max_examples=25, deadline=None)
@given(cases())
def test_every_pattern_equals_masked_dense_attention_in_float32(case: Case) -> None:
    assert difference(case, torch.float32) < 1e-5


@settings(max_examples=25, deadline=None)
@given(cases(longest=300))
def test_every_pattern_is_as_exact_without_the_flash_kernel(case: Case) -> None:
    with mock.patch.object(blocked, "flash_works", return_value=False):
        assert difference(case, torch.float64) < 1e-10


@settings(max_examples=20, deadline=None)
@given(cases(longest=300), st.sampled_from([64, 1000, 4096]))
def test_the_size_of_a_tile_changes_nothing(case: Case, numbers: int) -> None:
    with mock.patch.object(blocked, "NUMBERS_A_THREAD", numbers):
        assert difference(case, torch.float64) < 1e-10


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    "attention",
    [
        LocalAttention(128),
        LocalAttention(1100),
        LocalAttention(250),
        AtrousAttention(),
        AtrousAttention(3),
        SparseAttention(),
    ],
    ids=str,
)
def test_every_pattern_equals_masked_dense_attention_over_many_tiles(
    attention: Attention, causal: bool, padded: bool
) -> None:
    case = Case(attention, (2, 1, 1432, 8), causal, padding(2, 1432, 0.3, 0) if padded else None, 0)
    with mock.patch.object(blocked, "NUMBERS_A_THREAD", 2048):
        assert difference(case, torch.float64) < 1e-10


@pytest.mark.parametrize("name", EACH)
def test_a_batch_of_different_paddings_equals_its_items_one_by_one(name: str) -> None:
    attention = EACH[name](backend="blocked")
    inputs = projected((5, 2, 150, 8), 0)
    lengths = torch.tensor([150, 1, 77, 64, 149])
    mask = torch.arange(150) >= lengths[:, None]
    together = run(lambda *qkv: attention(*qkv, key_padding_mask=mask), inputs)
    for item, length in enumerate(lengths.tolist()):
        alone = attention(*(tensor[item : item + 1, :, :length] for tensor in inputs[:3]))
        torch.testing.assert_close(together.output[item : item + 1, :, :length], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize(
    "layout", ["projected", "contiguous", "one projection", "expanded", "every second", "reversed"]
)
def test_the_layout_of_the_inputs_changes_nothing(name: str, layout: str) -> None:
    query, key, value, grad = projected((2, 3, 90, 8), 0)
    if layout == "contiguous":
        query, key, value, grad = (tensor.contiguous() for tensor in (query, key, value, grad))
    elif layout == "one projection":
        query, key, value = torch.stack([query, key, value], -2).transpose(1, 2).contiguous().transpose(1, 2).unbind(-2)
    elif layout == "expanded":
        key, value = (tensor[:, :1].expand(-1, 3, -1, -1) for tensor in (key, value))
        grad = grad[:, :, :1, :1].expand(-1, -1, 90, 8)
    elif layout == "every second":
        query = query.repeat_interleave(2, -1)[..., ::2]
        key = key.repeat_interleave(2, -2)[:, :, ::2]
    elif layout == "reversed":
        value = value.transpose(-1, -2).contiguous().transpose(-1, -2)
    attention = EACH[name](backend="blocked")
    expected = run(lambda *qkv: masked_dense(*qkv, seen_by(attention, 90, True, None)), [query, key, value, grad])
    assert run(lambda *qkv: attention(*qkv, causal=True), [query, key, value, grad]).distance(expected) < 1e-10


@pytest.mark.parametrize("causal", [False, True])
def test_full_attention_equals_masked_dense_attention_between_two_sequences(causal: bool) -> None:
    query, key, value, grad = projected((2, 3, 50, 8), 0)
    key, value = key[:, :, :31], value[:, :, :31]
    mask = padding(2, 31, 0.5, 0)
    attention, inputs = FullAttention(), [query, key, value, grad]
    seen = attention.mask(50, 31, causal=causal) & ~mask[:, None, None]
    ours = run(lambda *qkv: attention(*qkv, key_padding_mask=mask, causal=causal), inputs)
    assert ours.distance(run(lambda *qkv: masked_dense(*qkv, seen), inputs)) < 1e-10


@pytest.mark.parametrize("name", EACH)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    pattern = EACH[name]().pattern
    query, key, value, _ = (tensor.requires_grad_() for tensor in projected((1, 2, 7, 3), 0))
    mask = torch.zeros(1, 7, dtype=torch.bool)
    mask[0, [0, 4]] = True
    assert torch.autograd.gradcheck(
        lambda *qkv: blocked_attention(pattern, *qkv, key_padding_mask=mask, causal=True), (query, key, value)
    )


def test_this_pytorch_has_the_flash_kernel_that_the_figures_are_measured_with() -> None:
    assert flash_works()


def test_the_blocked_operator_passes_the_checks_of_pytorch_for_custom_operators() -> None:
    query, key, value, _ = (tensor.requires_grad_() for tensor in projected((2, 2, 40, 4), 0))
    operator = torch.ops.dougong.blocked_attention.default
    torch.library.opcheck(operator, (query, key, value, padding(2, 40, 0.5, 0), None, 5, 4, True, 0.0))
